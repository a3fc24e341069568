"""A body's seal under attack: only its present keeper, with the seal's own PIN, on what was signed.

Each attack names the sentence that refuses it; none of them leaves a seal on the document.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text

from signer.accounts import Actor, Role
from signer.ca.crl import RevocationReason
from signer.db import db, transaction
from signer.dossiers.approving import BatchOutcome, Wanted
from signer.dossiers.models import StepKind
from signer.dossiers.sealing import SealWish
from signer.errors import Conflict, Forbidden, Invalid, NotFound
from signer.inventory.models import Person
from signer.inventory.states import PersonState
from signer.issuance.grounds import Ground
from signer.services import Services
from signer.signing.approvals import PinFactor
from signer.signing.geometry import Box
from signer.signing.models import Signature
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD, City
from tests.sealing import SEAL_PIN, kept, ready
from tests.tampering import TAMPERED

PIN, OTHER_PIN = "2468-lotus", "8642-dao-hong"
DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"
BOX = Box(x0=300, y0=120, x1=500, y1=180)

WRONG_PIN = "Mã PIN không đúng. Bạn còn 4 lần thử"
LOCKED = "đã bị khóa do nhập sai mã PIN quá nhiều lần"
ALTERED = "Danh sách phê duyệt đã bị sửa sau khi lập"
NOT_YOURS = "Không tìm thấy lần phê duyệt ký này"
NOT_THERE = "Không tìm thấy tài liệu này"
UNSIGNED = "Chưa có chữ ký hợp lệ của người có thẩm quyền"


@dataclass
class Scene:
    """A decision signed by an official and offered to the keeper of the ward's seal.

    The keeper can sign in their own name too; another person keeps another ward's seal.
    """

    services: Services
    city: City
    clock: StandingClock
    clerk: Actor
    official: Actor
    person: Person
    keeper: Actor
    other: Actor
    seal_id: int
    unit_id: int
    wanted: Wanted
    offered: int

    def seal(
        self, pin: str = SEAL_PIN, actor: Actor | None = None, offered: int | None = None
    ) -> BatchOutcome:
        outcome = self.services.dossiers.sign_batch(
            actor or self.keeper, offered or self.offered, PinFactor(pin=pin)
        )
        for _, _, error in outcome.results:
            if error is not None:
                raise error
        return outcome

    def offer(self, actor: Actor | None = None, wanted: Wanted | None = None) -> int:
        offer = self.services.dossiers.offer(actor or self.keeper, [wanted or self.wanted])
        return offer.activation_id

    def sql(self, *statements: str, **values: object) -> None:
        """As whoever owns the database: the triggers of lists are dropped first."""
        with transaction():
            for name in ("activation_settled", "activation_kept"):
                postgresql = db.engine.dialect.name == "postgresql"
                on = " ON activation" if postgresql else ""
                db.session.execute(text(f"DROP TRIGGER {name}{on}"))
            for statement in statements:
                db.session.execute(text(statement), values)

    def handed_over(self) -> Actor:
        """Another person of the ward keeps the seal from now on, with a PIN of their own."""
        (person,) = self.city.people(1)
        kept(self.services, self.city, person)
        actor = self.city.signer_of(person)
        self.services.signing.activate_seal(actor, self.unit_id, OTHER_PIN)
        return actor


@pytest.fixture
def scene(services: Services, city: City, clock: StandingClock) -> Scene:
    one, two = city.certified(2)
    (stranger,) = city.people(1, unit=OTHER_WARD)
    official, keeper, other = (city.signer_of(person) for person in (one, two, stranger))
    for actor in (official, keeper):
        services.signing.activate(actor, PIN)
    unit_id = ready(services, city, two, keeper)
    other_unit = kept(services, city, stranger, OTHER_WARD)
    services.signing.activate_seal(other, other_unit, OTHER_PIN)
    clerk = city.actor("clerk", Role.HR)
    services.dossiers.create(
        clerk,
        title="Quyết định thử nghiệm",
        unit_code=WARD,
        due_on=None,
        files=[("QD.pdf", DECISION)],
        signers=[one.code],
        seal=SealWish(unit_code=WARD),
    )
    (document,) = services.dossiers.inbox(official)
    services.dossiers.sign(
        official, document.id, pin=PIN, page=1, box=BOX, shown_sha256=document.sha256, unseen=True
    )
    (document,) = services.dossiers.inbox(keeper)
    wanted = Wanted(document_id=document.id, shown_sha256=document.sha256, unseen=True)
    offer = services.dossiers.offer(keeper, [wanted])
    (seal,) = services.issuance.seals.seals_kept_by(two.id)
    return Scene(
        *(services, city, clock, clerk, official, two, keeper, other),
        *(seal.id, unit_id, wanted, offer.activation_id),
    )


# By whose hand -----------------------------------------------------------------------------------


def _own_pin(scene: Scene) -> None:
    """The keeper's personal PIN opens the personal key only."""
    scene.seal(PIN)


def _by_the_official(scene: Scene) -> None:
    scene.seal(actor=scene.official)


def _by_another_keeper(scene: Scene) -> None:
    scene.seal(OTHER_PIN, actor=scene.other)


def _offered_to_another_keeper(scene: Scene) -> None:
    scene.offer(scene.other)


def _by_the_former_keeper(scene: Scene) -> None:
    """The list was offered before the hand-over."""
    scene.handed_over()
    scene.seal()


def _offered_to_the_former_keeper(scene: Scene) -> None:
    scene.handed_over()
    scene.offer()


def _the_former_keepers_list_by_the_next(scene: Scene) -> None:
    scene.seal(OTHER_PIN, actor=scene.handed_over())


def _the_former_keepers_pin(scene: Scene) -> None:
    """What opened the old key opens nothing of the new one."""
    present = scene.handed_over()
    scene.seal(SEAL_PIN, actor=present, offered=scene.offer(present))


def _guessed(scene: Scene) -> None:
    for number in range(4):
        with pytest.raises(Invalid, match=f"Bạn còn {4 - number} lần thử"):
            scene.seal(f"sai {number}")
    with pytest.raises(Conflict, match=LOCKED):
        scene.seal("sai 4")
    assert scene.services.signing.key_of(scene.keeper).attempts_left == 5  # the own key's
    scene.seal()


def _second_pin(scene: Scene) -> None:
    """A seal that has its PIN gets no other one."""
    scene.services.signing.activate_seal(scene.keeper, scene.unit_id, OTHER_PIN)


def _pin_by_a_stranger(scene: Scene) -> None:
    scene.services.signing.activate_seal(scene.other, scene.unit_id, OTHER_PIN)


def _image_by_a_stranger(scene: Scene) -> None:
    scene.services.signing.seal_images.store(scene.other, WARD, b"", 36, 36)


# When it may sign --------------------------------------------------------------------------------


def _ended(scene: Scene) -> None:
    officer = scene.city.actor("revoker", Role.HR, None)
    scene.services.issuance.seals.end(
        officer, scene.seal_id, ground=Ground.KEY_EXPOSED, document_ref="9/QĐ"
    )
    scene.seal()


def _revoked_alone(scene: Scene) -> None:
    """The certificate only: the seal's row still says that it is in force."""
    state = scene.services.signing.seal_state(scene.keeper, scene.unit_id)
    serial = int(state.serial_hex or "0", 16)
    scene.services.authority.revoke(serial, RevocationReason.KEY_COMPROMISE, "system")
    scene.seal()


def _keeper_left(scene: Scene) -> None:
    with transaction():
        db.session.get_one(Person, scene.person.id).state = PersonState.RETIRED
    scene.seal()


def _expired(scene: Scene) -> None:
    scene.clock.move(timedelta(minutes=scene.services.settings.activation_minutes))
    scene.seal()


def _before_the_official(scene: Scene) -> None:
    """R40: the signature is revoked between the official's act and the seal."""
    serial = scene.services.signing.key_of(scene.official).serial_hex or "0"
    reason = RevocationReason.KEY_COMPROMISE
    scene.services.authority.revoke(int(serial, 16), reason, "system")
    scene.services.authority.refresh_crl()
    scene.offer()


# With write access to the database ---------------------------------------------------------------


def _look_changed(scene: Scene) -> None:
    """A copy's text instead of the seal, in the stored list."""
    scene.sql("""UPDATE activation SET documents = replace(documents, '"seal"', '"copy"')""")
    scene.seal()


def _number_changed(scene: Scene) -> None:
    scene.sql("""UPDATE activation SET documents = replace(documents, '"number":""', '"number":"1"')
        """)
    scene.seal()


def _for_the_own_key(scene: Scene) -> None:
    """The list is said to be for the keeper's personal key, whose PIN the attacker has."""
    scene.sql(
        "UPDATE activation SET signing_key_id = (SELECT id FROM signing_key WHERE person_id = "
        f"{scene.person.id})"
    )
    scene.seal(PIN)


def _another_seals_envelope(scene: Scene) -> None:
    """The envelope of the other ward's seal, whose PIN is known, under this seal's key."""
    ours = f"(SELECT id FROM signing_key WHERE seal_id = {scene.seal_id})"
    theirs = (
        "(SELECT e.%s FROM key_envelope AS e JOIN signing_key AS k ON k.id = e.signing_key_id "
        f"WHERE k.seal_id <> {scene.seal_id})"
    )
    scene.sql(
        f"UPDATE key_envelope SET envelope = {theirs % 'envelope'}, salt = {theirs % 'salt'} "
        f"WHERE signing_key_id = {ours}"
    )
    scene.seal(OTHER_PIN)


def _keeper_in_the_row(scene: Scene) -> None:
    """Whoever writes to the tables makes themselves keeper, and still has no PIN."""
    thief = scene.services.signing.person_of(scene.official)
    scene.sql(
        f"UPDATE seal SET keeper_id = {thief.id} WHERE id = {scene.seal_id}",
        f"UPDATE step SET person_id = {thief.id} WHERE kind = 'seal'",
    )
    scene.seal(PIN, actor=scene.official, offered=scene.offer(scene.official))


def _personal_step_by_the_seal(scene: Scene) -> None:
    """The waiting step becomes the keeper's own signature: the seal is no such thing."""
    scene.sql("UPDATE step SET kind = 'sign', unit_id = NULL WHERE kind = 'seal'")
    scene.seal()


def _another_bodys_step(scene: Scene) -> None:
    """The step is now the other ward's; the seal of this one is not that body's."""
    unit = scene.services.inventory.unit_of(OTHER_WARD).id
    scene.sql(f"UPDATE step SET unit_id = {unit} WHERE kind = 'seal'")
    scene.seal()


def _unsigned(scene: Scene) -> None:
    """The official's signature is not recorded as one any more."""
    scene.sql("UPDATE signature SET intent = 'x'")
    scene.offer()


Attack = tuple[Callable[[Scene], None], type[Exception], str]
ASKED: tuple[Attack, ...] = (
    (_own_pin, Invalid, WRONG_PIN),
    (_by_the_official, NotFound, NOT_YOURS),
    (_by_another_keeper, NotFound, NOT_YOURS),
    (_offered_to_another_keeper, NotFound, NOT_THERE),
    (_by_the_former_keeper, NotFound, NOT_THERE),
    (_offered_to_the_former_keeper, NotFound, NOT_THERE),
    (_the_former_keepers_list_by_the_next, NotFound, NOT_YOURS),
    (_the_former_keepers_pin, Invalid, WRONG_PIN),
    (_guessed, Conflict, LOCKED),
    (_second_pin, NotFound, "Không có khóa ký nào đang chờ kích hoạt"),
    (_pin_by_a_stranger, NotFound, "Không có khóa ký nào đang chờ kích hoạt"),
    (_image_by_a_stranger, Forbidden, "Chỉ người giữ con dấu"),
    (_ended, NotFound, "chưa có con dấu số đang dùng được"),
    (_revoked_alone, Forbidden, "Chứng thư số đã bị thu hồi"),
    (_keeper_left, Forbidden, "không còn ở trạng thái công tác được ký số"),
    (_expired, Conflict, "Đã quá thời hạn phê duyệt"),
    (_before_the_official, Forbidden, "chữ ký"),
)
WRITTEN: tuple[Attack, ...] = (
    (_look_changed, Conflict, ALTERED),
    (_number_changed, Conflict, ALTERED),
    (_for_the_own_key, Conflict, ALTERED),
    (_another_seals_envelope, Invalid, WRONG_PIN),
    (_keeper_in_the_row, Invalid, WRONG_PIN),
    (_personal_step_by_the_seal, Forbidden, "không chờ chữ ký của bạn"),
    (_another_bodys_step, Forbidden, "không chờ chữ ký của bạn"),
    (_unsigned, Forbidden, UNSIGNED),
)


def _seals_nothing(scene: Scene, app: Flask, attack: Attack) -> None:
    app.extensions[TAMPERED] = True  # rows written past the services need agree with no figures
    act, kind, words = attack
    with pytest.raises(kind, match=re.escape(words)):
        act(scene)
    db.session.rollback()
    assert len(db.session.scalars(select(Signature).where(Signature.state == "done")).all()) == 1


@pytest.mark.parametrize("attack", ASKED, ids=lambda attack: attack[0].__name__)
def test_an_attack_seals_nothing(scene: Scene, app: Flask, attack: Attack) -> None:
    """Refused in a sentence of our own; the document has the official's signature only."""
    _seals_nothing(scene, app, attack)


@both_databases
@pytest.mark.parametrize("attack", WRITTEN, ids=lambda attack: attack[0].__name__)
def test_who_writes_to_the_database_seals_nothing(scene: Scene, app: Flask, attack: Attack) -> None:
    """Nor do rows written past the services."""
    _seals_nothing(scene, app, attack)


def test_the_seals_pin_signs_nothing_personal(scene: Scene) -> None:
    """The other way round: the keeper's own step is not opened by the seal's PIN."""
    scene.services.dossiers.create(
        scene.clerk,
        title="Quyết định khác",
        unit_code=WARD,
        due_on=None,
        files=[("QD.pdf", DECISION)],
        signers=[scene.person.code],
    )
    document = scene.services.dossiers.document_of(scene.keeper, 2)
    own = replace(scene.wanted, document_id=2, shown_sha256=document.sha256, page=1, box=BOX)
    with pytest.raises(Invalid, match=re.escape(WRONG_PIN)):
        scene.seal(SEAL_PIN, offered=scene.offer(wanted=own))
    with pytest.raises(Invalid, match="Mỗi lần chỉ ký bằng chữ ký của bạn"):
        scene.services.dossiers.offer(scene.keeper, [scene.wanted, own])  # one list, one key


def test_without_an_attack_it_is_sealed_once(scene: Scene) -> None:
    """What all of the above try to get."""
    first = scene.seal()
    assert scene.seal().results == first.results
    (document,) = scene.services.dossiers.dossier_of(scene.clerk, 1).documents
    assert [step.state for step in document.steps] == ["signed", "signed"]
    assert [step.kind for step in document.steps] == [StepKind.SIGN, StepKind.SEAL]
    assert len(document.versions) == 3
