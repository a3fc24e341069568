"""A list of documents under one approval: levels, one failing alone, evidence, one lease."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from signer.accounts import Actor
from signer.db import db, transaction
from signer.errors import Conflict
from signer.inventory.models import Person
from signer.pkcs11.vault import Vault
from signer.services import Services
from signer.signing.approvals import PinFactor, Place, Wish
from signer.signing.geometry import Box
from signer.signing.levels import Level
from signer.signing.models import Activation, PdfRevision, Signature
from signer.signing.pdf import SignedPdf
from signer.signing.signatures import Outcome
from signer.signing.validation import VerdictClass
from tests.databases import both_databases
from tests.factories import City

PIN = "2468-lotus"
PDFS = Path(__file__).parents[1] / "data" / "pdf"
PLACE = Place(page=1, box=Box(x0=300, y0=120, x1=500, y1=180))


@pytest.fixture
def official(services: Services, city: City) -> tuple[Person, Actor]:
    """Somebody whose key is active."""
    (person,) = city.certified(1)
    actor = city.signer_of(person)
    services.signing.activate(actor, PIN)
    return person, actor


def _wishes(services: Services) -> list[Wish]:
    files = sorted(PDFS.glob("*.pdf"))
    return [
        Wish(intent=file.stem, input_sha256=services.files.put(file), place=PLACE, document_id=n)
        for n, file in enumerate(files)
    ]


def _sign(
    services: Services, official: tuple[Person, Actor], wishes: list[Wish], **how: Any
) -> tuple[Outcome, ...]:
    person, actor = official
    approval, _ = services.signing.offer(person, actor.name, wishes)
    return services.signing.sign_list(person, actor.name, approval.id, PinFactor(pin=PIN), **how)


@both_databases
@pytest.mark.usefixtures("role_signers")
@pytest.mark.parametrize("level", [Level.B_T, Level.B_LTA])
def test_every_document_reaches_the_level(
    services: Services, official: tuple[Person, Actor], tmp_path: Path, level: Level
) -> None:
    """Judged by the verification that anybody gets."""
    outcomes = _sign(services, official, _wishes(services), level=level)
    assert len(outcomes) == 3
    for outcome in outcomes:
        assert outcome.sha256 is not None, outcome.error
        file = tmp_path / f"{outcome.wish.intent}.pdf"
        file.write_bytes(services.files.get(outcome.sha256))
        verdict = services.signing.verify(file)
        assert verdict.verdict is VerdictClass.VALID
        assert verdict.signatures[0].level.lower() == level.value
    kept = db.session.scalars(select(Signature)).all()
    assert {(row.level, row.wanted_level) for row in kept} == {(level.value, level.value)}
    assert len(db.session.scalars(select(PdfRevision)).all()) == 3


def test_one_fails_alone(services: Services, official: tuple[Person, Actor]) -> None:
    """A box off the page ends one document; the others are signed."""
    good, bad, other = _wishes(services)
    far = Place(page=1, box=Box(x0=5000, y0=5000, x1=5200, y1=5100))
    bad = Wish(intent=bad.intent, input_sha256=bad.input_sha256, place=far)
    outcomes = _sign(services, official, [good, bad, other])
    assert [bool(outcome.sha256) for outcome in outcomes] == [True, False, True]
    assert outcomes[1].error is not None


def test_what_a_room_above_refuses_at_the_end_takes_nothing_else_along(
    services: Services, official: tuple[Person, Actor]
) -> None:
    """The documents share a commit; one that was overtaken is taken out of it."""
    wishes = _wishes(services)

    def store(wish: Wish, signed: SignedPdf) -> None:
        if wish.intent == wishes[1].intent:
            raise Conflict("overtaken")

    outcomes = _sign(services, official, wishes, store=store)
    assert [bool(outcome.sha256) for outcome in outcomes] == [True, False, True]
    states = dict(db.session.execute(select(Signature.intent, Signature.state)).all())
    assert states[wishes[1].intent] == "intent"


def test_one_unwrapping_for_the_whole_list(
    services: Services, official: tuple[Person, Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no more than the commits of one document."""
    leases: list[bytes] = []
    really: Callable[..., Any] = Vault.unlocked

    def unlocked(self: Vault, wrapped: bytes, public_key_der: bytes) -> Any:
        leases.append(public_key_der)
        return really(self, wrapped, public_key_der)

    monkeypatch.setattr(Vault, "unlocked", unlocked)
    assert all(outcome.sha256 for outcome in _sign(services, official, _wishes(services)))
    assert len(leases) == 1


def test_the_approval_is_kept_beside_its_signatures(
    services: Services, official: tuple[Person, Actor]
) -> None:
    """The list, its hash and what the factor left; the PIN is nowhere in it."""
    wishes = _wishes(services)
    _sign(services, official, wishes)
    row = db.session.scalars(select(Activation)).one()
    assert (row.state, row.factor) == ("used", "pin")
    assert hashlib.sha256(row.documents.encode()).hexdigest() == row.list_sha256
    listed = [one["sha256"] for one in json.loads(row.documents)["documents"]]
    assert listed == [wish.input_sha256 for wish in wishes]
    assert row.evidence is not None
    assert len(json.loads(row.evidence)["proof"]) == 64
    assert PIN not in row.evidence + row.documents
    assert set(db.session.scalars(select(Signature.activation_id))) == {row.id}


@both_databases
def test_a_used_approval_is_never_changed(
    services: Services, official: tuple[Person, Actor]
) -> None:
    """The database itself refuses: evidence that can be rewritten is none."""
    _sign(services, official, _wishes(services)[:1])
    for statement in ("UPDATE activation SET evidence = 'x'", "DELETE FROM activation"):
        with pytest.raises(DBAPIError), transaction():
            db.session.execute(text(statement))
