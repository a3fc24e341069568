"""Sole control: the PIN, its tries, and one signature however often it is asked for."""

from pathlib import Path

import pytest
from sqlalchemy import select

from signer.accounts import Actor
from signer.db import db, transaction
from signer.errors import Conflict, Forbidden, Invalid, NotFound, SignerError
from signer.inventory.models import Person
from signer.inventory.states import PersonState
from signer.issuance.models import SigningKey
from signer.services import Services
from signer.signing.approvals import Place
from signer.signing.geometry import Box
from signer.signing.models import KeyEnvelope, Signature
from signer.signing.validation import VerdictClass
from tests.databases import both_databases
from tests.factories import City

PIN = "2468-lotus"
DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"
PLACE = Place(page=1, box=Box(x0=300, y0=120, x1=500, y1=180))


@pytest.fixture
def official(city: City) -> tuple[Person, Actor]:
    """Somebody with a certificate, not yet activated."""
    (person,) = city.certified(1)
    return person, city.signer_of(person)


def _sign(services: Services, actor: Actor, sha256: str, pin: str, intent: str = "thử") -> str:
    return services.signing.sign(actor, intent=intent, input_sha256=sha256, pin=pin, place=PLACE)


@both_databases
def test_activated_signed_verified(
    services: Services, official: tuple[Person, Actor], tmp_path: Path
) -> None:
    """The whole use of a key, judged by our own verification."""
    person, actor = official
    assert services.signing.key_of(actor).state == "ready"
    services.signing.activate(actor, PIN)
    assert services.signing.key_of(actor).state == "active"
    signed = _sign(services, actor, services.files.put(DECISION), PIN)
    file = tmp_path / "signed.pdf"
    file.write_bytes(services.files.get(signed))
    verdict = services.signing.verify(file)
    assert verdict.verdict is VerdictClass.VALID
    assert [s.signer for s in verdict.signatures] == [person.full_name]


def test_the_sealed_key_is_the_only_copy(
    services: Services, official: tuple[Person, Actor]
) -> None:
    """After activation the database holds no wrapped key that a stolen HSM PIN could use."""
    _, actor = official
    key = db.session.scalars(select(SigningKey)).one()
    wrapped = db.session.scalar(select(SigningKey.wrapped).where(SigningKey.id == key.id))
    assert wrapped is not None
    services.signing.activate(actor, PIN)
    assert db.session.scalar(select(SigningKey.wrapped).where(SigningKey.id == key.id)) is None
    envelope = db.session.scalar(select(KeyEnvelope.envelope))
    assert envelope is not None
    assert wrapped not in envelope
    raw = b"".join(file.read_bytes() for file in services.settings.home.glob("signer.sqlite3*"))
    assert wrapped not in raw[: services.settings.home.joinpath("signer.sqlite3").stat().st_size]
    with pytest.raises(NotFound):
        services.signing.activate(actor, PIN)


def test_five_wrong_pins_lock_the_key_and_only_a_new_one_helps(
    services: Services, official: tuple[Person, Actor]
) -> None:
    """Each answer says how many are left; the right PIN no longer opens a locked key."""
    person, actor = official
    services.signing.activate(actor, PIN)
    sha256 = services.files.put(DECISION)
    for left in (4, 3, 2, 1):
        with pytest.raises(Invalid, match=str(left)):
            _sign(services, actor, sha256, "sai mã pin")
    with pytest.raises(Conflict):
        _sign(services, actor, sha256, "sai mã pin")
    with pytest.raises(Conflict):
        _sign(services, actor, sha256, PIN)
    assert services.signing.key_of(actor).state == "locked"

    from signer.accounts import SYSTEM

    old = services.signing.key_of(actor).serial_hex
    services.issuance.allow_reactivation(SYSTEM, person.code)
    fresh = services.signing.key_of(actor)
    assert fresh.state == "ready"
    assert fresh.serial_hex != old
    services.signing.activate(actor, "một mã khác 97")
    assert _sign(services, actor, sha256, "một mã khác 97")
    signature = db.session.scalars(select(Signature)).one()
    used = db.session.scalars(select(SigningKey).where(SigningKey.state == "active")).one()
    assert signature.signing_key_id == used.id, "the act was begun with the key that is locked"


def test_a_right_pin_gives_the_tries_back(
    services: Services, official: tuple[Person, Actor]
) -> None:
    """A typing mistake is forgotten once the owner has shown up."""
    _, actor = official
    services.signing.activate(actor, PIN)
    sha256 = services.files.put(DECISION)
    with pytest.raises(Invalid):
        _sign(services, actor, sha256, "sai mã pin")
    _sign(services, actor, sha256, PIN)
    assert services.signing.key_of(actor).attempts_left == 5


@pytest.mark.parametrize("pin", ["12345", "1" * 33, "111111", "123456", "654321"])
def test_a_pin_that_everybody_tries_first_is_refused(
    services: Services, official: tuple[Person, Actor], pin: str
) -> None:
    """Before anything is sealed."""
    _, actor = official
    with pytest.raises(Invalid) as refused:
        services.signing.activate(actor, pin)
    assert refused.value.field == "pin"
    assert services.signing.key_of(actor).state == "ready"


@both_databases
def test_who_may_not_sign_activates_nothing(
    services: Services, official: tuple[Person, Actor]
) -> None:
    """The person's state decides, not only at each signature: no envelope is made for nobody."""
    person, actor = official
    with transaction():
        db.session.get_one(Person, person.id).state = PersonState.SUSPENDED
    with pytest.raises(Forbidden, match="không còn ở trạng thái"):
        services.signing.activate(actor, PIN)
    assert services.signing.key_of(actor).state == "ready"
    assert db.session.scalar(select(KeyEnvelope.envelope)) is None
    with transaction():
        db.session.get_one(Person, person.id).state = PersonState.WORKING
    services.signing.activate(actor, PIN)
    assert services.signing.key_of(actor).state == "active"


def test_the_same_act_is_done_once(services: Services, official: tuple[Person, Actor]) -> None:
    """A retry gets the first result without touching the key, even with a wrong PIN."""
    _, actor = official
    services.signing.activate(actor, PIN)
    sha256 = services.files.put(DECISION)
    first = _sign(services, actor, sha256, PIN)
    assert _sign(services, actor, sha256, "không cần") == first
    assert len(db.session.scalars(select(Signature)).all()) == 1
    other = services.files.put(DECISION.with_name("bao_cao_29_trang.pdf"))
    with pytest.raises(Conflict):
        _sign(services, actor, other, PIN)


def test_a_revoked_certificate_signs_nothing(
    services: Services, official: tuple[Person, Actor]
) -> None:
    """Refused by name before the PIN is even asked."""
    from signer.ca.crl import RevocationReason

    _, actor = official
    services.signing.activate(actor, PIN)
    serial = int(services.signing.key_of(actor).serial_hex or "0", 16)
    services.authority.revoke(serial, RevocationReason.KEY_COMPROMISE, "system")
    with pytest.raises(Forbidden, match="thu hồi"):
        _sign(services, actor, services.files.put(DECISION), PIN)


def test_a_suspended_certificate_signs_nothing_until_it_is_released(
    services: Services, official: tuple[Person, Actor]
) -> None:
    """It says so by its own name: nothing is lost, and nothing goes on either."""
    _, actor = official
    services.signing.activate(actor, PIN)
    serial = int(services.signing.key_of(actor).serial_hex or "0", 16)
    services.authority.suspend(serial, "system")
    sha256 = services.files.put(DECISION)
    with pytest.raises(Forbidden, match="tạm dừng"):
        _sign(services, actor, sha256, PIN)
    services.authority.release(serial, "system")
    assert _sign(services, actor, sha256, PIN)


def test_somebody_without_a_key_is_told_so(services: Services, city: City) -> None:
    """And an account of nobody too."""
    (person,) = city.people(1)
    actor = city.signer_of(person)
    with pytest.raises(SignerError, match="chưa được cấp"):
        _sign(services, actor, services.files.put(DECISION), PIN)


@both_databases
def test_a_field_of_any_name_is_signed(services: Services, official: tuple[Person, Actor]) -> None:
    """Whoever drew the form chose it; the record keeps what a column can hold."""
    _, actor = official
    services.signing.activate(actor, PIN)
    sha256 = services.files.put(DECISION)
    place = Place(page=1, box=PLACE.box, field_name="Ký\0 tại đây " + "x" * 200)
    assert services.signing.sign(actor, intent="thử", input_sha256=sha256, pin=PIN, place=place)
    kept = db.session.scalar(select(Signature.field_name))
    assert kept is not None
    assert kept.startswith("Ký tại đây xxx")
