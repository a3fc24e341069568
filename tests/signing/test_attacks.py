"""Sole control under attack: whoever does one of these things gets no signature out of it.

Each attack names the sentence that refuses it; refused for another reason is a failed test.
Each attack has the list that was offered to an official and whatever an attacker could have:
the official's session, another account, a copy of the database, write access to its rows.
"""

import hashlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from signer.accounts import SYSTEM, Actor, Role
from signer.audit.models import AuditEvent
from signer.ca.crl import RevocationReason
from signer.db import canonical_json, db, transaction
from signer.dossiers.approving import BatchOutcome, Offer, Wanted
from signer.errors import Conflict, Forbidden, Invalid, NotFound, SignerError
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

LOCKED = "đã bị khóa do nhập sai mã PIN quá nhiều lần"
PUT_BACK = "Số lần thử mã PIN đã bị sửa trái phép"
ALTERED = "Danh sách phê duyệt đã bị sửa sau khi lập"
CHANGED = "Tài liệu đã thay đổi so với lúc bạn xem"
NOT_SEEN = "Bạn chưa xem tài liệu “QD.pdf”"
NOT_YOURS = "Không tìm thấy lần phê duyệt ký này"
NOT_OPEN = "Lần phê duyệt này đã được dùng"
NOT_WAITING = "Chưa đến lượt bạn ký tài liệu này, hoặc tài liệu đã bị trả lại"
NOBODY = "Tài khoản này chưa gắn với cán bộ nào"
WRONG_PIN = "Mã PIN không đúng. Bạn còn 4 lần thử"


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

    def refused(self) -> None:
        """Raises the one reason for which no document of the list is signed."""
        errors = [error for _, _, error in self.sign().results]
        assert len({str(error) for error in errors}) == 1
        if errors[0] is not None:
            raise errors[0]

    def guess(self, offered: Callable[[], int] | None = None) -> None:
        """Four wrong PINs are counted down aloud, the fifth locks the key."""
        for number in range(4):
            with pytest.raises(Invalid, match=f"Bạn còn {4 - number} lần thử"):
                self.sign(f"sai {number}", offered=offered and offered())
        with pytest.raises(Conflict, match=LOCKED):
            self.sign("sai 4", offered=offered and offered())

    def sql(self, statement: str, **values: object) -> None:
        with transaction():
            db.session.execute(text(statement), values)

    def unguarded(self, statement: str, **values: object) -> None:
        """As whoever owns the database: the triggers are dropped first."""
        with transaction():
            for name in ("activation_settled", "activation_kept"):
                postgresql = db.engine.dialect.name == "postgresql"
                db.session.execute(
                    text(f"DROP TRIGGER {name}" + (" ON activation" if postgresql else ""))
                )
            db.session.execute(text(statement), values)

    def serial(self) -> int:
        return int(self.services.signing.key_of(self.actor).serial_hex or "0", 16)

    def listed(self) -> dict[str, Any]:
        """The list as it is stored."""
        told: dict[str, Any] = json.loads(
            db.session.execute(text("SELECT documents FROM activation")).scalar_one()
        )
        db.session.rollback()
        return told

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
    scene.guess()
    scene.sign()


def _guessed_over_lists(scene: Scene) -> None:
    """A fresh list for every guess: the tries belong to the key."""
    scene.guess(scene.offered_again)
    scene.sign()


def _count_put_back(scene: Scene) -> None:
    """Three guesses, the row put back, and on it goes, until the PIN is found."""
    for number in range(3):
        with pytest.raises(Invalid, match=f"Bạn còn {4 - number} lần thử"):
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
    told = scene.listed()
    told["documents"].reverse()
    scene.unguarded("UPDATE activation SET documents = :told", told=canonical_json(told))
    scene.sign()


def _never_offered(scene: Scene) -> None:
    """A list that fits its own hash, written by somebody else: the record knows of no offer."""
    told = scene.listed() | {"nonce": "0" * 32}
    for document in told["documents"]:
        document["unseen"] = True
    listed = canonical_json(told)
    scene.sql(
        "INSERT INTO activation (signing_key_id, person_id, list_sha256, documents, state, "
        "created_at, expires_at) SELECT signing_key_id, person_id, :hash, :listed, state, "
        "created_at, expires_at FROM activation",
        listed=listed,
        hash=hashlib.sha256(listed.encode()).hexdigest(),
    )
    scene.sign(offered=db.session.scalar(text("SELECT max(id) FROM activation")))


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
    scene.refused()


def _bytes_swapped_in_the_store(scene: Scene) -> None:
    for one in scene.wanted:
        name = one.shown_sha256
        stored = scene.services.settings.home / "files" / name[:2] / name[2:4] / name
        stored.chmod(0o600)
        stored.write_bytes(REPORT.read_bytes() + b" ")
    scene.refused()


def _not_ones_turn(scene: Scene) -> None:
    """The second signer, before the first."""
    one = scene.wanted[0]
    scene.services.dossiers.note_shown(scene.other, one.document_id, one.shown_sha256)
    scene.services.dossiers.offer(scene.other, [one])


def _sent_back(scene: Scene) -> None:
    for one in scene.wanted:
        scene.services.dossiers.send_back(scene.actor, one.document_id, "Sai số hiệu")
    scene.refused()


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
    scene.guess()
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


Attack = tuple[Callable[[Scene], None], type[Exception], str]
"""What is done, and who refuses it with which words."""
ASKED: tuple[Attack, ...] = (
    (_revoke, Forbidden, "Chứng thư số đã bị thu hồi"),
    (_suspend, Forbidden, "Chứng thư số đang bị tạm dừng"),
    (_expired, Conflict, "Đã quá thời hạn phê duyệt"),
    (_certificate_over, Forbidden, "Chứng thư số đã hết hạn sử dụng"),
    (_guessed, Conflict, LOCKED),
    (_guessed_over_lists, Conflict, LOCKED),
    (_list_of_another, NotFound, NOT_YOURS),
    (_listed_twice, Invalid, "Danh sách ký có tài liệu bị lặp lại"),
    (_too_many, Invalid, "Mỗi lần ký được từ 1 đến 100 tài liệu"),
    (_nothing, Invalid, "Mỗi lần ký được từ 1 đến 100 tài liệu"),
    (_other_bytes_shown, Conflict, CHANGED),
    (_other_hash_offered, Conflict, CHANGED),
    (_bytes_swapped_in_the_store, NotFound, "Tệp trong kho lưu trữ đã bị thay đổi"),
    (_not_ones_turn, Forbidden, NOT_WAITING),
    (_sent_back, Forbidden, NOT_WAITING),
    (_stranger, NotFound, "Không tìm thấy tài liệu này"),
    (_administrator, NotFound, NOBODY),
    (_the_system_itself, NotFound, NOBODY),
    (_no_passkey, Forbidden, "không được chấp nhận"),
    (_no_such_list, NotFound, NOT_YOURS),
)
WRITTEN: tuple[Attack, ...] = (
    (_void, Conflict, NOT_OPEN),
    (_reopened, DBAPIError, "an activation is used once"),
    (_count_put_back, Conflict, PUT_BACK),
    (_count_raised, Conflict, PUT_BACK),
    (_guard_gone, Conflict, LOCKED),
    (_envelopes_swapped, Invalid, WRONG_PIN),
    (_envelope_and_key_swapped, Invalid, WRONG_PIN),
    (_public_keys_swapped, Invalid, "bị hỏng hoặc không thuộc hệ thống này"),
    (_list_given_to_another, Conflict, ALTERED),
    (_hash_in_list_changed, Conflict, ALTERED),
    (_list_and_its_hash_changed, Conflict, ALTERED),
    (_longer_life, Conflict, ALTERED),
    (_reordered, Conflict, ALTERED),
    (_never_offered, Conflict, ALTERED),
    (_not_shown, Invalid, NOT_SEEN),
    (_shown_to_another, Invalid, NOT_SEEN),
    (_swapped_between_showing_and_signing, Conflict, CHANGED),
    (_key_replaced, Conflict, "Khóa ký đã được thay từ lúc chọn tài liệu"),
    (_unlocked_by_hand, Conflict, PUT_BACK),
)
"""With write access to the database: what refuses is tried on both kinds."""
MAY_NOT_SIGN = (
    PersonState.SUSPENDED,
    PersonState.TRANSFERRED,
    PersonState.RETIRED,
    PersonState.RESIGNED,
    PersonState.DISMISSED,
    PersonState.DECEASED,
)


def _signs_nothing(scene: Scene, app: Flask, attack: Attack) -> None:
    app.extensions[TAMPERED] = True  # rows written past the services need agree with no figures
    act, kind, words = attack
    with pytest.raises(kind, match=re.escape(words)):
        act(scene)
    db.session.rollback()
    assert _signed() == len(scene.left)


@pytest.mark.parametrize("attack", ASKED, ids=lambda attack: attack[0].__name__)
def test_an_attack_signs_nothing(scene: Scene, app: Flask, attack: Attack) -> None:
    """Refused in a sentence of our own; no signature is made."""
    _signs_nothing(scene, app, attack)


@both_databases
@pytest.mark.parametrize("attack", WRITTEN, ids=lambda attack: attack[0].__name__)
def test_who_writes_to_the_database_signs_nothing(scene: Scene, app: Flask, attack: Attack) -> None:
    """Nor do rows written past the services."""
    _signs_nothing(scene, app, attack)


@pytest.mark.parametrize("state", MAY_NOT_SIGN)
def test_who_left_service_signs_nothing(scene: Scene, app: Flask, state: PersonState) -> None:
    """Not even a list that was offered before."""
    words = "Người này không còn ở trạng thái công tác được ký số"
    _signs_nothing(scene, app, (_state(state), Forbidden, words))


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
    with pytest.raises(Invalid, match=WRONG_PIN):
        scene.sign("sai mã pin")
    assert scene.services.signing.key_of(scene.actor).attempts_left == 4
    assert all(sha256 for _, sha256, _ in scene.sign().results)
    assert scene.services.signing.key_of(scene.actor).attempts_left == 5


def test_a_count_put_back_is_on_record_and_locks_the_key(scene: Scene) -> None:
    """Also for the right PIN: whose database is written to by others has another key made."""
    with pytest.raises(Invalid, match=WRONG_PIN):
        scene.sign("sai mã pin")
    with transaction():
        db.session.query(KeyGuard).update({"attempts_left": 5})
    with pytest.raises(Conflict, match=PUT_BACK):
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
