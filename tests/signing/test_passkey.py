"""Passkeys: a second envelope of the same key, and an approval that anybody can check later."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from sqlalchemy import select
from webauthn.helpers import base64url_to_bytes

from signer.accounts import Actor
from signer.config import Settings
from signer.db import db
from signer.errors import Conflict, Forbidden, Invalid, NotFound, SignerError
from signer.inventory.models import Person
from signer.services import Services
from signer.signing.approvals import PasskeyFactor, PinFactor, Place, Wish
from signer.signing.geometry import Box
from signer.signing.models import Activation, KeyEnvelope, Signature
from signer.signing.signatures import Outcome
from tests.conftest import installed
from tests.databases import both_databases
from tests.factories import City
from tests.signing.authenticator import ORIGIN, Authenticator

PIN = "2468-lotus"
DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"
PLACE = Place(page=1, box=Box(x0=300, y0=120, x1=500, y1=180))


@pytest.fixture
def settings(tmp_path: Path, token_home: Path, pki: Path, database_url: str) -> Settings:
    """Passkeys need a host with a name."""
    reached = "http://127.0.0.1:8080"  # goes into certificates, where "localhost" is no host
    return installed(
        tmp_path, token_home, pki, database_url, base_url=ORIGIN, validation_url=reached
    )


@pytest.fixture
def official(services: Services, city: City) -> tuple[Person, Actor]:
    """Somebody whose key is active."""
    (person,) = city.certified(1)
    actor = city.signer_of(person)
    services.signing.activate(actor, PIN)
    return person, actor


@pytest.fixture
def passkey(services: Services, official: tuple[Person, Actor]) -> Authenticator:
    """The official's own, added."""
    _, actor = official
    made = Authenticator()
    options = services.signing.passkey_options(actor)
    services.signing.add_passkey(actor, PIN, made.created(options), "Điện thoại")
    return made


def _offer(
    services: Services, official: tuple[Person, Actor], intent: str = "thử"
) -> tuple[int, dict[str, Any]]:
    person, actor = official
    wish = Wish(intent=intent, input_sha256=services.files.put(DECISION), place=PLACE)
    approval, options = services.signing.offer(person, actor.name, [wish])
    assert options is not None
    return approval.id, options


def _sign(
    services: Services, official: tuple[Person, Actor], offered: int, answer: dict[str, Any]
) -> Outcome:
    person, actor = official
    (outcome,) = services.signing.sign_list(
        person, actor.name, offered, PasskeyFactor(response=answer)
    )
    return outcome


@both_databases
def test_a_passkey_signs_and_anybody_can_check_what_was_approved(
    services: Services, official: tuple[Person, Actor], passkey: Authenticator
) -> None:
    """No PIN; the stored assertion signs the hash of the stored list, by the passkey's key."""
    offered, options = _offer(services, official)
    assert _sign(services, official, offered, passkey.asserted(options)).sha256
    row = db.session.get_one(Activation, offered)
    assert row.evidence is not None
    evidence = json.loads(row.evidence)
    client = base64url_to_bytes(evidence["clientDataJSON"])
    challenge = base64url_to_bytes(json.loads(client)["challenge"])
    assert challenge == hashlib.sha256(row.documents.encode()).digest()
    signed = base64url_to_bytes(evidence["authenticatorData"]) + hashlib.sha256(client).digest()
    passkey.key.public_key().verify(
        base64url_to_bytes(evidence["signature"]), signed, ec.ECDSA(SHA256())
    )
    assert "prf" not in row.evidence
    assert row.factor == "passkey"
    assert db.session.scalar(select(Signature.activation_id)) == offered


def test_the_pin_still_signs_beside_a_passkey(
    services: Services, official: tuple[Person, Actor], passkey: Authenticator
) -> None:
    """Two envelopes of one key."""
    person, actor = official
    offered, _ = _offer(services, official)
    (outcome,) = services.signing.sign_list(person, actor.name, offered, PinFactor(pin=PIN))
    assert outcome.sha256
    assert [one.label for one in services.signing.passkeys_of(actor)] == ["Điện thoại"]


def _cheats(passkey: Authenticator, options: dict[str, Any]) -> dict[str, dict[str, Any]]:
    stranger = Authenticator()
    return {
        "another list's challenge": passkey.asserted(options, challenge="AAAA"),
        "another origin": passkey.asserted(options, origin="http://localhost:9999"),
        "another host": passkey.asserted(options, rp_id="example.org"),
        "user not verified": passkey.asserted(options, flags=0x01),
        "user not present": passkey.asserted(options, flags=0x04),
        "an older count": passkey.asserted(options, count=0),
        "another PRF output": passkey.asserted(options, output=bytes(32)),
        "a PRF output of no length": passkey.asserted(options, output=b""),
        "a stranger's passkey": stranger.asserted(options),
        "a stranger's passkey by our name": stranger.asserted(options, id=passkey.id),
        "a creation for an assertion": passkey.created({**options, "rp": {"id": "localhost"}}),
        "no answer at all": {},
    }


CHEATS = tuple(
    _cheats(
        Authenticator(),
        {
            "challenge": "AAAA",
            "rpId": "localhost",
            "extensions": {"prf": {"eval": {"first": "AAAA"}}},
        },
    )
)


@pytest.mark.parametrize("cheat", CHEATS)
def test_what_is_no_assertion_over_this_list_signs_nothing(
    services: Services, official: tuple[Person, Actor], passkey: Authenticator, cheat: str
) -> None:
    """Each refusal is a sentence; the list stays unused and the key untouched."""
    _sign(services, official, *_answered(services, official, passkey, "before"))
    offered, options = _offer(services, official)
    with pytest.raises((Forbidden, Invalid)):
        _sign(services, official, offered, _cheats(passkey, options)[cheat])
    assert db.session.get_one(Activation, offered, populate_existing=True).state == "open"
    assert len(db.session.scalars(select(Signature)).all()) == 1


def _answered(
    services: Services, official: tuple[Person, Actor], passkey: Authenticator, intent: str
) -> tuple[int, dict[str, Any]]:
    offered, options = _offer(services, official, intent)
    return offered, passkey.asserted(options)


def test_an_assertion_approves_one_list_only(
    services: Services, official: tuple[Person, Actor], passkey: Authenticator
) -> None:
    """Of the same documents offered twice, the second list has another hash."""
    first, options = _offer(services, official)
    second, _ = _offer(services, official)
    answer = passkey.asserted(options)
    with pytest.raises(Forbidden):
        _sign(services, official, second, answer)
    assert _sign(services, official, first, answer).sha256
    again = _sign(services, official, first, answer)
    assert again.sha256 is not None, "what came of it, and nothing new"
    assert len(db.session.scalars(select(Signature)).all()) == 1


def test_a_removed_passkey_opens_nothing(
    services: Services, official: tuple[Person, Actor], passkey: Authenticator
) -> None:
    """Its envelope is empty, and it can not be removed twice."""
    _, actor = official
    offered, options = _offer(services, official)
    (mine,) = services.signing.passkeys_of(actor)
    services.signing.remove_passkey(actor, mine.id)
    with pytest.raises(Forbidden):
        _sign(services, official, offered, passkey.asserted(options))
    envelope = select(KeyEnvelope.envelope).where(KeyEnvelope.factor == "passkey")
    assert db.session.scalars(envelope).all() == [b""]
    with pytest.raises(NotFound):
        services.signing.remove_passkey(actor, mine.id)


@pytest.mark.parametrize(
    ("pin", "changed", "error"),
    [
        ("sai mã pin", {}, Invalid),
        (PIN, {"flags": 0x41}, Invalid),
        (PIN, {"origin": "http://evil.example"}, Invalid),
        (PIN, {"challenge": "AAAA"}, Invalid),
        (PIN, {"output": b""}, Invalid),
    ],
    ids=["wrong PIN", "user not verified", "other origin", "other challenge", "no PRF"],
)
def test_a_passkey_is_added_by_its_owner_only(
    services: Services,
    official: tuple[Person, Actor],
    pin: str,
    changed: dict[str, Any],
    error: type[SignerError],
) -> None:
    """The PIN proves whose key it is; without a PRF there is nothing to seal it under."""
    _, actor = official
    options = services.signing.passkey_options(actor)
    with pytest.raises(error):
        services.signing.add_passkey(actor, pin, Authenticator().created(options, **changed), "x")
    assert services.signing.passkeys_of(actor) == ()


def test_a_passkey_is_added_once(
    services: Services, official: tuple[Person, Actor], passkey: Authenticator
) -> None:
    """The same answer, sent again, makes no second envelope."""
    _, actor = official
    options = services.signing.passkey_options(actor)
    with pytest.raises(Conflict):
        services.signing.add_passkey(actor, PIN, passkey.created(options), "lần nữa")
    assert len(services.signing.passkeys_of(actor)) == 1
