"""Sole control under attack: whoever does one of these things gets no signature out of it.

Each attack has the list that was offered to an official and whatever an attacker could have:
the official's session, another account, a copy of the database, write access to its rows.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from signer.accounts import SYSTEM, Actor, Role
from signer.audit.models import AuditEvent
from signer.ca.crl import RevocationReason
from signer.db import db, transaction
from signer.dossiers.approving import BatchOutcome, Offer, Wanted
from signer.errors import Conflict, SignerError
from signer.inventory.models import Person
from signer.inventory.states import PersonState
from signer.issuance.models import SigningKey
from signer.services import Services
from signer.signing.approvals import PasskeyFactor, PinFactor
from signer.signing.geometry import Box
from signer.signing.models import KeyGuard, Signature
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import WARD, City
from tests.tampering import TAMPERED

PIN = "2468-lotus"
PDFS = Path(__file__).parents[1] / "data" / "pdf"
DECISION, REPORT = PDFS / "quyet_dinh.pdf", PDFS / "bao_cao_29_trang.pdf"
BOX = Box(x0=300, y0=120, x1=500, y1=180)


@dataclass
class Scene:
    """An official with two documents offered, another official, and the clerk."""

    services: Services
    city: City
    clock: StandingClock
    person: Person
    actor: Actor
    other: Actor
    clerk: Actor
    wanted: list[Wanted]
    offer: Offer
    left: list[str] = field(default_factory=list)

    def sign(
        self, pin: str = PIN, actor: Actor | None = None, offered: int | None = None
    ) -> BatchOutcome:
        return self.services.dossiers.sign_batch(
            actor or self.actor, offered or self.offer.activation_id, PinFactor(pin=pin)
        )

    def sql(self, statement: str) -> None:
        with transaction():
            db.session.execute(text(statement))

    def unguarded(self, statement: str) -> None:
        """As whoever owns the database: the triggers are dropped first."""
        with transaction():
            for name in ("activation_settled", "activation_kept"):
                postgresql = db.engine.dialect.name == "postgresql"
                db.session.execute(
                    text(f"DROP TRIGGER {name}" + (" ON activation" if postgresql else ""))
                )
            db.session.execute(text(statement))

    def serial(self) -> int:
        return int(self.services.signing.key_of(self.actor).serial_hex or "0", 16)

    def offered_again(self, wanted: list[Wanted] | None = None) -> int:
        return self.services.dossiers.offer(self.actor, wanted or self.wanted).activation_id


def _dossier(services: Services, clerk: Actor, *people: Person) -> None:
    services.dossiers.create(
        clerk,
        title="Quyết định thử nghiệm",
        unit_code=WARD,
        due_on=None,
        files=[("QD.pdf", DECISION), ("BC.pdf", REPORT)],
        signers=[person.code for person in people],
    )


@pytest.fixture
def scene(services: Services, city: City, clock: StandingClock) -> Scene:
    one, two = city.certified(2)
    actor, other = city.signer_of(one), city.signer_of(two)
    for who in (actor, other):
        services.signing.activate(who, PIN)
    clerk = city.actor("clerk", Role.HR)
    _dossier(services, clerk, one, two)
    wanted = [
        Wanted(document_id=document.id, shown_sha256=document.sha256, page=1, box=BOX)
        for document in services.dossiers.inbox(actor)
    ]
    for one_wanted in wanted:
        services.dossiers.note_shown(actor, one_wanted.document_id, one_wanted.shown_sha256)
    offer = services.dossiers.offer(actor, wanted)
    return Scene(services, city, clock, one, actor, other, clerk, wanted, offer)


def _signed() -> int:
    return len(db.session.scalars(select(Signature).where(Signature.state == "done")).all())


def _revoke(scene: Scene) -> None:
    scene.services.authority.revoke(scene.serial(), RevocationReason.KEY_COMPROMISE, "system")
    scene.sign()


def _suspend(scene: Scene) -> None:
    scene.services.authority.suspend(scene.serial(), "system")
    scene.sign()


def _state(state: PersonState) -> Callable[[Scene], None]:
    def attack(scene: Scene) -> None:
        with transaction():
            db.session.get_one(Person, scene.person.id).state = state
        scene.sign()

    return attack


def _expired(scene: Scene) -> None:
    scene.clock.move(timedelta(minutes=scene.services.settings.activation_minutes))
    scene.sign()


def _certificate_over(scene: Scene) -> None:
    scene.clock.move(timedelta(days=4000))
    scene.offered_again()


def _void(scene: Scene) -> None:
    scene.sql("UPDATE activation SET state = 'void'")
    scene.sign()


def _reopened(scene: Scene) -> None:
    """The other document's list, used, is opened again in the database."""
    scene.sign(offered=scene.offered_again([scene.wanted[0]]))
    scene.left.append("1")
    scene.sql("UPDATE activation SET state = 'open', used_at = NULL, evidence = NULL")


def _guessed(scene: Scene) -> None:
    for guess in ("sai 1111", "sai 2222", "sai 3333", "sai 4444", "sai 5555"):
        with pytest.raises(SignerError):
            scene.sign(guess)
    scene.sign()


def _guessed_over_lists(scene: Scene) -> None:
    """A fresh list for every guess: the tries belong to the key."""
    for number in range(5):
        with pytest.raises(SignerError):
            scene.sign(f"sai {number}", offered=scene.offered_again())
    scene.sign()


def _count_put_back(scene: Scene) -> None:
    """Three guesses, the row put back, and on it goes, until the PIN is found."""
    for number in range(3):
        with pytest.raises(SignerError):
            scene.sign(f"sai {number}")
    scene.sql("UPDATE key_guard SET attempts_left = 5")
    scene.sign()


def _count_raised(scene: Scene) -> None:
    scene.sql("UPDATE key_guard SET attempts_left = 5000")
    scene.sign()


def _guard_gone(scene: Scene) -> None:
    scene.sql("DELETE FROM key_guard")
    scene.sign()


def _envelopes_swapped(scene: Scene) -> None:
    """The attacker's own envelope, whose PIN is known, stands in the official's row."""
    scene.sql(
        "UPDATE key_envelope SET envelope = (SELECT o.envelope FROM key_envelope AS o WHERE "
        "o.id <> key_envelope.id), salt = (SELECT o.salt FROM key_envelope AS o WHERE "
        "o.id <> key_envelope.id)"
    )
    scene.sign()


def _envelope_and_key_swapped(scene: Scene) -> None:
    """The whole envelope row is put under the official's key."""
    scene.sql("UPDATE key_envelope SET factor = 'pin', retired_at = created_at WHERE id = 1")
    scene.sql("UPDATE key_envelope SET signing_key_id = 1 WHERE id = 2")
    scene.sign()


def _public_keys_swapped(scene: Scene) -> None:
    """Another certificate's key: what is unwrapped must be the public half's."""
    one, two = db.session.execute(
        select(SigningKey.id, SigningKey.public_key_der).order_by(SigningKey.id)
    ).all()
    with transaction():
        db.session.get_one(SigningKey, one.id).public_key_der = two.public_key_der
        db.session.get_one(SigningKey, two.id).public_key_der = one.public_key_der
    scene.sign()


def _list_of_another(scene: Scene) -> None:
    scene.sign(actor=scene.other)


def _list_given_to_another(scene: Scene) -> None:
    """The row now belongs to whoever asks; the list inside says otherwise."""
    other = scene.services.signing.person_of(scene.other)
    scene.unguarded(f"UPDATE activation SET person_id = {other.id}")
    scene.sign(actor=scene.other)


def _hash_in_list_changed(scene: Scene) -> None:
    evil = scene.services.files.put(REPORT.read_bytes() + b"\n% other bytes\n%%EOF\n")
    scene.unguarded(
        f"UPDATE activation SET documents = replace(documents, "
        f"'{scene.wanted[0].shown_sha256}', '{evil}')"
    )
    scene.sign()


def _list_and_its_hash_changed(scene: Scene) -> None:
    """Even a list that fits its own hash is not the one on record."""
    second = scene.offered_again([scene.wanted[0]])
    scene.unguarded(
        "UPDATE activation SET documents = (SELECT o.documents FROM activation AS o WHERE "
        f"o.id = {second}), list_sha256 = (SELECT o.list_sha256 FROM activation AS o WHERE "
        f"o.id = {second})"
    )
    scene.sign()


def _longer_life(scene: Scene) -> None:
    scene.unguarded("UPDATE activation SET expires_at = '2099-01-01 00:00:00+00:00'")
    scene.clock.move(timedelta(minutes=30))
    scene.sign()


def _reordered(scene: Scene) -> None:
    """The same documents in another order are another list."""
    documents = db.session.scalar(text("SELECT documents FROM activation"))
    assert isinstance(documents, str)
    head, one, two = documents.partition('"documents":[')
    first, middle, rest = two.partition('},{"box"')
    last, _, tail = rest.rpartition("}]")
    assert middle
    turned = head + one + '{"box"' + last + "}," + first + "}]" + tail
    db.session.rollback()
    with transaction():
        pass
    scene.unguarded("UPDATE activation SET state = state")
    with transaction():
        db.session.execute(text("UPDATE activation SET documents = :d"), {"d": turned})
    scene.sign()


def _listed_twice(scene: Scene) -> None:
    scene.offered_again([scene.wanted[0], scene.wanted[0]])


def _too_many(scene: Scene) -> None:
    scene.offered_again([scene.wanted[0]] * 101)


def _nothing(scene: Scene) -> None:
    scene.services.dossiers.offer(scene.actor, [])


def _not_shown(scene: Scene) -> None:
    scene.sql("DELETE FROM document_showing")
    scene.offered_again()


def _shown_to_another(scene: Scene) -> None:
    """What somebody else looked at was not shown to this official."""
    other = scene.services.signing.person_of(scene.other)
    scene.sql(f"UPDATE document_showing SET person_id = {other.id}")
    scene.offered_again()


def _other_bytes_shown(scene: Scene) -> None:
    scene.services.dossiers.note_shown(scene.actor, scene.wanted[0].document_id, "0" * 64)


def _other_hash_offered(scene: Scene) -> None:
    one = scene.wanted[0]
    scene.offered_again(
        [Wanted(document_id=one.document_id, shown_sha256="0" * 64, page=1, box=BOX, unseen=True)]
    )


def _swapped_between_showing_and_signing(scene: Scene) -> None:
    """A new version of each document, made after the list was offered."""
    evil = scene.services.files.put(REPORT.read_bytes() + b"\n")
    for one in scene.wanted:
        scene.sql(
            "INSERT INTO document_version (document_id, number, sha256, size_bytes, file_name, "
            f"created_by, created_at) VALUES ({one.document_id}, 1, '{evil}', 1, 'x.pdf', 'x', "
            "'2026-11-23 00:00:00+00:00')"
        )
    assert all(error for _, _, error in scene.sign().results)


def _bytes_swapped_in_the_store(scene: Scene) -> None:
    for one in scene.wanted:
        name = one.shown_sha256
        stored = scene.services.settings.home / "files" / name[:2] / name[2:4] / name
        stored.chmod(0o600)
        stored.write_bytes(REPORT.read_bytes() + b" ")
    assert all(error for _, _, error in scene.sign().results)


def _not_ones_turn(scene: Scene) -> None:
    """The second signer, before the first."""
    one = scene.wanted[0]
    scene.services.dossiers.note_shown(scene.other, one.document_id, one.shown_sha256)
    scene.services.dossiers.offer(scene.other, [one])


def _sent_back(scene: Scene) -> None:
    for one in scene.wanted:
        scene.services.dossiers.send_back(scene.actor, one.document_id, "Sai số hiệu")
    assert all(error for _, _, error in scene.sign().results)


def _stranger(scene: Scene) -> None:
    (third,) = scene.city.certified(1)
    actor = scene.city.signer_of(third)
    scene.services.signing.activate(actor, PIN)
    scene.services.dossiers.offer(actor, scene.wanted)


def _administrator(scene: Scene) -> None:
    scene.sign(actor=scene.city.actor("root", Role.ADMIN, None))


def _the_system_itself(scene: Scene) -> None:
    scene.sign(actor=SYSTEM)


def _key_replaced(scene: Scene) -> None:
    """A list offered for the old key is not signed by the new one."""
    scene.sql("UPDATE signing_key SET state = 'locked' WHERE id = 1")
    scene.services.issuance.allow_reactivation(SYSTEM, scene.person.code)
    scene.services.signing.activate(scene.actor, PIN)
    scene.sign()


def _unlocked_by_hand(scene: Scene) -> None:
    """The key's state is put back after five guesses; its tries are not, or the record tells."""
    for number in range(5):
        with pytest.raises(SignerError):
            scene.sign(f"sai {number}")
    scene.sql("UPDATE signing_key SET state = 'active' WHERE state = 'locked'")
    scene.sql("UPDATE key_guard SET attempts_left = 1")
    scene.sign()


def _no_passkey(scene: Scene) -> None:
    scene.services.dossiers.sign_batch(
        scene.actor,
        scene.offer.activation_id,
        PasskeyFactor(
            response={"clientExtensionResults": {"prf": {"results": {"first": "A" * 43}}}}
        ),
    )


def _no_such_list(scene: Scene) -> None:
    scene.sign(offered=4711)


ATTACKS: dict[str, Callable[[Scene], None]] = {
    function.__name__.strip("_"): function
    for function in (
        _revoke,
        _suspend,
        _expired,
        _certificate_over,
        _void,
        _reopened,
        _guessed,
        _guessed_over_lists,
        _count_put_back,
        _count_raised,
        _guard_gone,
        _envelopes_swapped,
        _envelope_and_key_swapped,
        _public_keys_swapped,
        _list_of_another,
        _list_given_to_another,
        _hash_in_list_changed,
        _list_and_its_hash_changed,
        _longer_life,
        _reordered,
        _listed_twice,
        _too_many,
        _nothing,
        _not_shown,
        _shown_to_another,
        _other_bytes_shown,
        _other_hash_offered,
        _swapped_between_showing_and_signing,
        _bytes_swapped_in_the_store,
        _not_ones_turn,
        _sent_back,
        _stranger,
        _administrator,
        _the_system_itself,
        _key_replaced,
        _unlocked_by_hand,
        _no_passkey,
        _no_such_list,
    )
} | {
    f"person_{state.value}": _state(state)
    for state in (
        PersonState.SUSPENDED,
        PersonState.TRANSFERRED,
        PersonState.RETIRED,
        PersonState.RESIGNED,
        PersonState.DISMISSED,
        PersonState.DECEASED,
    )
}
PER_DOCUMENT = {
    "swapped_between_showing_and_signing",
    "bytes_swapped_in_the_store",
    "sent_back",
}
"""These end the single document with a reason, not the whole list."""


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_signs_nothing(scene: Scene, app: Flask, name: str) -> None:
    """Refused in a sentence of our own; no signature is made."""
    app.extensions[TAMPERED] = True  # rows written past the services need agree with no figures
    if name in PER_DOCUMENT:
        ATTACKS[name](scene)
    else:
        with pytest.raises((SignerError, DBAPIError)):
            ATTACKS[name](scene)
    db.session.rollback()
    assert _signed() == len(scene.left)


@both_databases
def test_a_used_list_signs_nothing_more(scene: Scene) -> None:
    """Sent again, with whatever PIN, it says what came of it; the key is not touched."""
    first = scene.sign()
    assert all(sha256 for _, sha256, _ in first.results), first
    assert scene.sign("sai mã pin") == first
    assert _signed() == 2
    assert scene.services.signing.key_of(scene.actor).attempts_left == 5


def test_one_wrong_pin_costs_one_try(scene: Scene) -> None:
    """Not one for each document of the list."""
    with pytest.raises(SignerError):
        scene.sign("sai mã pin")
    assert scene.services.signing.key_of(scene.actor).attempts_left == 4
    assert all(sha256 for _, sha256, _ in scene.sign().results)
    assert scene.services.signing.key_of(scene.actor).attempts_left == 5


def test_a_count_put_back_is_on_record_and_locks_the_key(scene: Scene) -> None:
    """Also for the right PIN: whose database is written to by others has another key made."""
    with pytest.raises(SignerError):
        scene.sign("sai mã pin")
    with transaction():
        db.session.query(KeyGuard).update({"attempts_left": 5})
    with pytest.raises(Conflict, match="sửa trái phép"):
        scene.sign()
    assert scene.services.signing.key_of(scene.actor).state == "locked"
    actions = set(db.session.scalars(select(AuditEvent.action)))
    assert "pin.count_put_back" in actions


@both_databases
def test_two_tabs_sign_once(scene: Scene, app: Flask) -> None:
    """Two lists of the same documents, approved at the same moment."""
    offered = [scene.offer.activation_id, scene.offered_again()]
    outcomes: list[object] = []
    start = threading.Barrier(2, timeout=30)

    def sign(number: int) -> None:
        with app.app_context():
            start.wait()
            try:
                outcomes.append(scene.sign(offered=number))
            except SignerError as error:
                outcomes.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=sign, args=(number,)) for number in offered]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    assert len(outcomes) == 2
    assert _signed() == 2
    for one in scene.wanted:
        assert len(scene.services.dossiers.document_of(scene.actor, one.document_id).versions) == 2
