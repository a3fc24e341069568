"""One person by hand: the checks of a roster, dated changes, and numbers shown on the record."""

from collections.abc import Mapping
from datetime import date, timedelta

import pytest

from signer.accounts import Actor, Role
from signer.audit import Audit
from signer.db import release
from signer.errors import Conflict, Forbidden, Invalid, NotFound
from signer.inventory.fields import Field
from signer.inventory.persons import FIELDS
from signer.inventory.service import Inventory
from signer.inventory.states import Consequence, PersonState
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.inventory.conftest import Check, clerk, person

HR = clerk("")
CODE = "HN000001"
NEW: Mapping[Field, str] = {
    Field.CODE: "HN000009",
    Field.FULL_NAME: "Lê Văn Bình",
    Field.BIRTH_DATE: "1990-02-01",
    Field.SEX: "male",
    Field.ID_NUMBER: "001090000009",
    Field.KIND: "cong_chuc",
    Field.UNIT: "00004",
    Field.EMAIL: "binhlv@hanoi.gov.vn",
    Field.MOBILE: "0912345678",
}


@pytest.fixture
def one(inventory: Inventory, stored: Check, clock: StandingClock) -> Inventory:
    """One person, stored ten days ago."""
    stored(person(1))
    clock.move(timedelta(days=10))
    return inventory


def test_nothing_changes_when_nothing_is_typed_anew(one: Inventory) -> None:
    """The entry as cells is read back as the same facts."""
    entry = one.person_of(HR, CODE)
    assert one.persons.check(HR, one.persons.cells_of(entry), code=CODE).changes == ()
    assert one.persons.check(HR, {}, code=CODE).changes == ()


@both_databases
def test_a_move_is_dated_and_an_ordinary_fact_is_not(
    one: Inventory, clock: StandingClock, audit: Audit
) -> None:
    """The period ends the day before; title and address change where they stand."""
    day = clock.today() - timedelta(days=3)
    cells = {Field.UNIT: "00008", Field.TITLE: "Trưởng phòng", Field.MOBILE: ""}
    seen = one.persons.check(HR, cells, code=CODE, effective_on=day)
    assert set(seen.changes) == {"unit_id", "title", "mobile"}
    assert seen.alters_certificate
    assert one.person_of(HR, CODE).title == "Chuyên viên", "a check stores nothing"
    release()
    one.persons.store(HR, cells, code=CODE, effective_on=day)
    release()
    stored = one.person_of(HR, CODE)
    unit = one.unit_of("00008")
    assert (stored.title, stored.mobile, stored.unit_id) == ("Trưởng phòng", None, unit.id)
    before, after = one.history_of(stored.id)
    assert (before.valid_to, after.valid_from) == (day - timedelta(days=1), day)
    assert after.unit_path == unit.path == stored.unit_path
    event = next(e for e in audit.events() if e.action == "person.changed")
    assert (event.subject, event.actor) == (f"person:{CODE}", HR.name)
    assert "0912345678" not in event.details


@pytest.mark.parametrize(
    ("state", "asks"),
    [
        (PersonState.RETIRED, Consequence.REVOKE),
        (PersonState.SUSPENDED, Consequence.SUSPEND_USE),
        (PersonState.TRANSFERRED, Consequence.CHANGE_OR_REVOKE),
        (PersonState.MATERNITY_LEAVE, Consequence.NONE),
    ],
)
def test_a_new_state_says_what_it_asks_of_the_certificate(
    one: Inventory, clock: StandingClock, state: PersonState, asks: Consequence
) -> None:
    """And holds from the day of the change, not from the day of the state before."""
    cells = one.persons.cells_of(one.person_of(HR, CODE)) | {Field.STATE: state.value}
    found = one.persons.check(HR, cells, code=CODE)
    assert found.asks is asks
    release()
    one.persons.store(HR, cells, code=CODE)
    stored = one.person_of(HR, CODE)
    assert (stored.state, stored.state_since) == (state, clock.today())


def test_somebody_is_added_by_hand(one: Inventory, audit: Audit, clock: StandingClock) -> None:
    """Read as a roster's row is; a double is proposed at once."""
    twin = {**NEW, Field.FULL_NAME: "Nguyễn Thị Ánh", Field.BIRTH_DATE: "15/03/1985"}
    twin[Field.SEX] = "female"
    found = one.persons.check(HR, twin)
    assert found.before is None
    assert any(CODE in warning.message for warning in found.warnings)
    release()
    one.persons.store(HR, twin, effective_on=clock.today())
    (period,) = one.history_of(one.person_of(HR, "HN000009").id)
    assert period.valid_from == clock.today()
    assert audit.events(subject="person:HN000009")[0].action == "people.created"
    assert len(one.duplicates.pairs(HR).items) == 1


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        (Field.CODE, "", "Thiếu mã"),
        (Field.CODE, CODE, "đã có người mang"),
        (Field.FULL_NAME, "", "Thiếu họ và tên"),
        (Field.FULL_NAME, "B1nh", "ký tự không phải chữ"),
        (Field.BIRTH_DATE, "2030-01-01", "tương lai"),
        (Field.BIRTH_DATE, "1990-02-30", "không có trong lịch"),
        (Field.SEX, "x", "không phải giới tính"),
        (Field.ID_NUMBER, "00109", "12 chữ số"),
        (Field.ID_NUMBER, "001185000001", "đã thuộc về"),
        (Field.KIND, "x", "không phải một loại"),
        (Field.UNIT, "", "Thiếu cơ quan"),
        (Field.UNIT, "không có", "Không có đơn vị"),
        (Field.EMAIL, "binh", "không đúng dạng"),
        (Field.EMAIL, "binh@gmail.com", "Không phải thư điện tử công vụ"),
        (Field.EMAIL, "anhnt1@hanoi.gov.vn", "đã thuộc về"),
        (Field.MOBILE, "123", "không phải số di động"),
        (Field.STATE, "x", "không phải một trạng thái"),
        (Field.SIGNING_ROLES, "thợ", "không phải một vai trò ký"),
        (Field.MOBILE_NETWORK, "Mạng nhà", "nhà mạng"),
        (Field.SIM_PKI, "có lẽ", "Có hoặc Không"),
    ],
)
def test_what_a_roster_refuses_or_leaves_out_is_refused_here(
    one: Inventory, field: Field, value: str, sentence: str
) -> None:
    """With the same sentence, at the field; nothing is stored."""
    cells = {**NEW, field: value}
    (error,) = one.persons.check(HR, cells).errors
    assert (error.field, sentence in str(error)) == (field, True), str(error)
    release()
    with pytest.raises(Invalid):
        one.persons.store(HR, cells)
    assert one.count_people(HR) == 1


def test_a_field_can_be_emptied_unless_it_must_be_there(one: Inventory) -> None:
    """Name, unit, kind and state stay; a number takes its kind along."""
    before = one.person_of(HR, CODE)
    kept = (before.full_name, before.unit_id, before.kind, before.state)
    release()
    one.persons.store(HR, dict.fromkeys(FIELDS, ""), code=CODE)
    release()
    after = one.person_of(HR, CODE)
    assert (after.full_name, after.unit_id, after.kind, after.state) == kept
    assert (after.email, after.mobile, after.title, after.birth_date, after.id_number) == (
        None,
    ) * 5
    assert after.id_number_kind is None


def test_signing_roles_are_dated_too(one: Inventory, clock: StandingClock) -> None:
    """Nobody ticked is not the same as unknown; a leader counts as one from that day."""
    one.persons.store(HR, {Field.SIGNING_ROLES: "leader, one_stop"}, code=CODE)
    release()
    person_id = one.person_of(HR, CODE).id
    before, after = one.history_of(person_id)
    assert (before.is_leader, after.is_leader, after.is_one_stop) == (False, True, True)
    assert after.valid_from == clock.today()
    one.persons.store(HR, {Field.SIGNING_ROLES: "không"}, code=CODE)
    release()
    assert one.person_of(HR, CODE).signing_roles == ()
    assert [p.is_leader for p in one.history_of(person_id)] == [False, False]


def test_two_people_correcting_at_once(one: Inventory, clock: StandingClock) -> None:
    """The second is told instead of undoing the first's work unseen."""
    seen = one.person_of(HR, CODE).updated_at
    release()
    one.persons.store(HR, {Field.TITLE: "Trưởng phòng"}, code=CODE, seen=seen)
    with pytest.raises(Conflict):
        one.persons.store(HR, {Field.TITLE: "Phó phòng"}, code=CODE, seen=seen)
    assert one.person_of(HR, CODE).title == "Trưởng phòng"


def test_dates_that_cannot_be(one: Inventory, clock: StandingClock) -> None:
    """Neither the future, nor a day before the person's last move."""
    with pytest.raises(Invalid, match="tương lai"):
        one.persons.check(HR, {}, code=CODE, effective_on=clock.today() + timedelta(days=1))
    early = one.persons.check(HR, {Field.UNIT: "00008"}, code=CODE, effective_on=date(2026, 1, 1))
    assert early.errors


@pytest.mark.parametrize(
    ("actor", "error"),
    [
        (clerk("", role=Role.ADMIN), Forbidden),
        (clerk("", role=Role.AUDITOR), Forbidden),
        (clerk("0001.9999."), NotFound),
    ],
    ids=["admin", "auditor", "elsewhere"],
)
def test_correcting_needs_the_permission_over_the_unit(
    one: Inventory, actor: Actor, error: type[Exception]
) -> None:
    """Others do not even learn that the person exists."""
    with pytest.raises(error):
        one.persons.check(actor, {}, code=CODE)
    with pytest.raises(error):
        one.persons.store(actor, {}, code=CODE)


def test_nobody_is_moved_out_of_ones_own_units(one: Inventory) -> None:
    """Nor into a unit that somebody else looks after."""
    own = clerk(one.person_of(HR, CODE).unit_path)
    (error,) = one.persons.check(own, {Field.UNIT: "00008"}, code=CODE).errors
    assert error.field == Field.UNIT


def test_a_merged_entry_is_not_corrected(one: Inventory, stored: Check) -> None:
    """The survivor's is."""
    stored(person(2))
    pair = one.duplicates.pair_with(HR, CODE, "HN000002")
    one.duplicates.merge(HR, pair.id, CODE)
    (error,) = one.persons.check(HR, {Field.TITLE: "x"}, code="HN000002").errors
    assert CODE in str(error)


def test_each_look_at_a_full_number_is_recorded(one: Inventory, audit: Audit) -> None:
    """R5: a role of its own, a purpose, and an event before the answer."""
    assert one.persons.reveal_id(HR, CODE, " Đối chiếu hồ sơ ") == "001185000001"
    event = audit.events()[0]
    assert (event.action, event.subject, event.actor) == (
        "person.id_revealed",
        f"person:{CODE}",
        HR.name,
    )
    assert "Đối chiếu hồ sơ" in event.details
    assert "001185" not in event.details
    for purpose in ("", " ", "x" * 201):
        with pytest.raises(Invalid, match="mục đích"):
            one.persons.reveal_id(HR, CODE, purpose)
    with pytest.raises(Forbidden):
        one.persons.reveal_id(clerk("", role=Role.AUDITOR), CODE, "Kiểm tra")
