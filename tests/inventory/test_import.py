"""Roster imports through the service: dry run, apply, twice, after a crash, within one's units."""

import json
import threading
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from flask import Flask
from sqlalchemy import func, select

from signer.accounts import Actor, Role
from signer.audit import Audit
from signer.audit.models import AuditEvent
from signer.clock import HANOI
from signer.db import db
from signer.errors import Forbidden, Invalid, NotFound
from signer.inventory import applying, importing
from signer.inventory.fields import Field
from signer.inventory.models import ImportState, Person, PersonPeriod, RosterImport, UnitKind
from signer.inventory.service import Inventory
from signer.inventory.states import PersonState
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.inventory.conftest import (
    HEADINGS,
    SAMPLE,
    Apply,
    Check,
    clerk,
    csv_text,
    person,
    windows_1258,
    xlsx_bytes,
)


def everything() -> list[tuple[Any, ...]]:
    """All people and periods, to compare before and after."""
    people = db.session.execute(select(*Person.__table__.columns).order_by(Person.id))
    periods = db.session.execute(select(*PersonPeriod.__table__.columns).order_by(PersonPeriod.id))
    return [tuple(row) for row in (*people, *periods)]


def details(event: AuditEvent) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(event.details)
    return found


@both_databases
def test_the_sample_roster_goes_in_and_twice_is_a_no_op(
    check: Check, audit: Audit, apply: Apply
) -> None:
    """287 of 300 people; the same file again changes no row, no period, no state."""
    first = check(content=SAMPLE.read_bytes(), name="danh_sach_mau.xlsx")
    assert db.session.scalar(select(func.count(Person.id))) == 0
    receipt = apply(first.import_id)
    assert (receipt.new, receipt.changed, receipt.same, receipt.refused) == (287, 0, 0, 13)
    before, events = everything(), audit.count()
    assert apply(first.import_id) == receipt
    assert audit.count() == events
    again = check(content=SAMPLE.read_bytes(), name="danh_sach_mau.xlsx")
    assert (again.plan.new, again.plan.changed, again.plan.same) == (0, 0, 287)
    second = apply(again.import_id)
    assert (second.new, second.changed, second.same, second.refused) == (0, 0, 287, 13)
    assert everything() == before
    audit.verify()


def test_a_dry_run_touches_nobody_and_keeps_file_and_findings(
    inventory: Inventory, check: Check, hr: Actor
) -> None:
    """The findings are read again as they were."""
    checked = check(content=SAMPLE.read_bytes())
    assert everything() == []
    view = inventory.rosters.view(hr, checked.import_id)
    assert view.plan == checked.plan
    assert view.record.state is ImportState.CHECKED
    assert view.record.error_rows == 13
    assert view.plan.ignored_rows == (307, 309, 310)
    assert [record.id for record in inventory.rosters.recent(hr)] == [checked.import_id]


def test_new_people_are_audited_by_chunk_with_code_and_unit(
    stored: Check, audit: Audit, hr: Actor
) -> None:
    """One event names every person of the chunk; no identity number is in it."""
    checked = stored(person(1), person(2))
    events = {event.action: event for event in audit.events()}
    created = events["people.created"]
    assert created.subject == f"roster_import:{checked.import_id}"
    assert created.actor == hr.name
    assert details(created) == {
        "people": {"HN000001": "00199", "HN000002": "00199"},
        "from": "2026-11-23",
    }
    assert not any("001185" in event.details for event in audit.events())


def test_a_move_is_dated_and_audited_per_person(
    inventory: Inventory, stored: Check, clock: StandingClock, audit: Audit
) -> None:
    """The day before the move shows the old unit, the day itself the new one (R2)."""
    stored(person(1), person(2))
    clock.move(timedelta(days=10))
    moved = stored(person(1, **{"Đơn vị": "Phường Giảng Võ", "Chức vụ": "Trưởng phòng"}), person(2))
    assert (moved.plan.changed, moved.plan.same) == (1, 1)
    someone = inventory.person_of(clerk(""), "HN000001")
    periods = inventory.history_of(someone.id)
    units = inventory.units_by_ids(period.unit_id for period in periods)
    assert [(units[p.unit_id].code, p.valid_from, p.valid_to) for p in periods] == [
        ("00199", date(2026, 11, 23), date(2026, 12, 2)),
        ("00025", date(2026, 12, 3), None),
    ]
    assert someone.unit_path == periods[1].unit_path == units[periods[1].unit_id].path
    (event,) = audit.events(subject="person:HN000001")
    assert event.action == "person.changed"
    assert details(event)["changes"] == {
        "unit": ["00199", "00025"],
        "title": ["Chuyên viên", "Trưởng phòng"],
    }


def test_private_facts_are_named_but_not_shown_in_the_audit(stored: Check, audit: Audit) -> None:
    """The record lasts for ever; identity numbers and birth dates do not belong in it."""
    stored(person(1))
    stored(person(1, **{"Số CCCD": "001185777777", "Số điện thoại di động": "0987654321"}))
    (event,) = audit.events(subject="person:HN000001")
    assert details(event)["changes"] == {"id_number": "changed", "mobile": "changed"}


def test_a_state_opens_a_period_that_counts_or_does_not(
    inventory: Inventory, stored: Check, clock: StandingClock
) -> None:
    """R11: retired from that day; coverage asks the dated rows."""
    stored(person(1))
    clock.move(timedelta(days=1))
    stored(person(1, **{"Trạng thái công tác": "Nghỉ hưu"}))
    someone = inventory.person_of(clerk(""), "HN000001")
    assert someone.state is PersonState.RETIRED
    assert someone.state_since == date(2026, 11, 24)
    periods = inventory.history_of(someone.id)
    assert [(p.state, p.counted) for p in periods] == [
        (PersonState.WORKING, True),
        (PersonState.RETIRED, False),
    ]
    later = stored(person(1))  # a list without states does not bring anybody back
    assert later.plan.same == 1
    assert any("đã thôi công tác" in f.message for f in later.plan.warnings)


def test_two_changes_on_one_day_leave_one_period(inventory: Inventory, stored: Check) -> None:
    """A correction the same day is no history."""
    stored(person(1))
    stored(person(1, **{"Đơn vị": "Phường Giảng Võ"}))
    someone = inventory.person_of(clerk(""), "HN000001")
    (period,) = inventory.history_of(someone.id)
    assert period.unit_id == someone.unit_id == inventory.unit_of("00025").id


def test_a_roster_of_an_earlier_day_uses_that_days_units(
    inventory: Inventory, stored: Check, check: Check
) -> None:
    """R2: on 30/06/2025 there was a district Ba Đình, the day after a ward."""
    stored(person(1, **{"Đơn vị": "Ba Đình"}), effective_on=date(2025, 6, 30))
    stored(person(1, **{"Đơn vị": "Ba Đình"}), effective_on=date(2025, 7, 1))
    someone = inventory.person_of(clerk(""), "HN000001")
    units = inventory.units_by_ids(p.unit_id for p in inventory.history_of(someone.id))
    codes = [units[p.unit_id].code for p in inventory.history_of(someone.id)]
    assert codes == ["Q-BaDinh", "00004"]
    late = check(person(1, **{"Đơn vị": "quận Đống Đa"}), effective_on=date(2025, 6, 1))
    assert "đã có biến động từ ngày 01/07/2025" in late.plan.errors[0].message
    with pytest.raises(Invalid, match="tương lai"):
        check(person(1), effective_on=date(2026, 11, 24))


@both_databases
def test_an_import_cut_off_between_chunks_goes_on_where_it_stopped(
    inventory: Inventory,
    check: Check,
    hr: Actor,
    audit: Audit,
    monkeypatch: pytest.MonkeyPatch,
    apply: Apply,
) -> None:
    """What was stored stays, nothing is stored twice, the receipt counts the whole."""
    monkeypatch.setattr(importing, "CHUNK_ROWS", 10)
    monkeypatch.setattr(applying, "_CHUNKS_AT_ONCE", 1)
    checked = check(*(person(n) for n in range(1, 36)))
    done: list[int] = []

    class Killed(Exception):
        pass

    def kill_after_two(items: int) -> None:
        done.append(items)
        if len(done) == 2:
            raise Killed

    with pytest.raises(Killed):
        apply(checked.import_id, on_progress=kill_after_two)
    assert db.session.scalar(select(func.count(Person.id))) == 20
    assert inventory.rosters.view(hr, checked.import_id).record.state is ImportState.APPLYING
    rest: list[int] = []
    receipt = apply(checked.import_id, on_progress=rest.append)
    assert sum(rest) == 2
    assert (receipt.new, receipt.changed, receipt.same, receipt.refused) == (35, 0, 0, 0)
    assert db.session.scalar(select(func.count(Person.id))) == 35
    assert db.session.scalar(select(func.count(PersonPeriod.id))) == 35
    named = Counter(
        code
        for event in db.session.scalars(
            select(AuditEvent).where(AuditEvent.action == "people.created")
        )
        for code in details(event)["people"]
    )
    assert set(named.values()) == {1}
    assert len(named) == 35
    audit.verify()


@both_databases
def test_a_roster_confirmed_in_two_windows_at_once_goes_in_once(
    inventory: Inventory, check: Check, hr: Actor, audit: Audit, app: Flask, apply: Apply
) -> None:
    """Both windows show the same job and receipt; the record names it once."""
    checked = check(*(person(n) for n in range(1, 36)))
    begun: list[int] = []
    start = threading.Barrier(2, timeout=30)

    def confirm() -> None:
        with app.app_context():
            start.wait()
            begun.append(inventory.rosters.start(hr, checked.import_id))
            apply(checked.import_id)
            db.session.remove()

    threads = [threading.Thread(target=confirm) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    assert len(begun) == 2
    assert begun[0] == begun[1]
    assert inventory.rosters.view(hr, checked.import_id).record.applied_new == 35
    assert db.session.scalar(select(func.count(Person.id))) == 35
    assert inventory.rosters.view(hr, checked.import_id).record.state is ImportState.APPLIED
    recorded = Counter(db.session.scalars(select(AuditEvent.action)))
    assert recorded["roster.applied"] == 1
    audit.verify()


def test_what_others_wrote_since_the_check_is_respected(
    check: Check, stored: Check, apply: Apply
) -> None:
    """The number went to somebody else meanwhile: that row is refused, the others go in."""
    checked = check(person(1), person(2))
    stored(person(3, **{"Số CCCD": "001185000001", "Họ và tên": "Trần Thị Ba"}))
    receipt = apply(checked.import_id)
    assert (receipt.new, receipt.refused) == (1, 1)


def test_an_officer_imports_only_into_the_own_units(
    inventory: Inventory, check: Check, stored: Check, apply: Apply
) -> None:
    """Rows elsewhere are errors of those rows, and nobody is taken from another unit."""
    lang = clerk(inventory.unit_of("00199").path)
    stored(person(9, **{"Đơn vị": "Phường Giảng Võ", "Họ và tên": "Lê Thị Chín"}))
    checked = check(
        person(1),
        person(2, **{"Đơn vị": "Phường Giảng Võ", "Họ và tên": "Lê Thị Hai"}),
        person(9, **{"Họ và tên": "Lê Thị Chín"}),
        actor=lang,
    )
    assert [(f.row, f.heading) for f in checked.plan.errors] == [(3, "Đơn vị"), (4, "Mã CB")]
    assert apply(checked.import_id, lang).new == 1
    with pytest.raises(NotFound):
        inventory.person_of(lang, "HN000009")


def test_an_import_belongs_to_who_uploaded_it(
    inventory: Inventory, check: Check, hr: Actor, apply: Apply
) -> None:
    """It holds private data; a city-wide officer sees all of them."""
    lang, giang_vo = (clerk(inventory.unit_of(code).path) for code in ("00199", "00025"))
    checked = check(person(1), actor=lang)
    for act in (
        inventory.rosters.view,
        inventory.rosters.start,
        inventory.rosters.undo,
        inventory.rosters.corrections,
    ):
        with pytest.raises(Forbidden):
            act(giang_vo, checked.import_id)
    assert inventory.rosters.recent(giang_vo) == []
    assert len(inventory.rosters.recent(hr)) == 1
    assert apply(checked.import_id).new == 1
    with pytest.raises(NotFound):
        inventory.rosters.view(hr, checked.import_id + 1)


@pytest.mark.parametrize("role", [Role.APPROVER, Role.SIGNER, Role.AUDITOR])
def test_other_roles_import_nothing(check: Check, role: Role) -> None:
    """Deny by default."""
    with pytest.raises(Forbidden):
        check(person(1), actor=clerk("", role=role))


def test_a_division_that_is_a_unit_becomes_the_persons_unit(
    inventory: Inventory, stored: Check
) -> None:
    """Domain.md 4.1: the division is a child of the body of work where the tree knows it."""
    inventory.add_unit("00199-KT", "Phòng Kinh tế", UnitKind.DIVISION, "00199", None)
    stored(
        person(1, Phòng="PHÒNG KINH TẾ"),
        person(2, **{"Phòng": "Tổ một cửa", "Họ và tên": "Lê Thị Hai"}),
    )
    found = inventory.people_by_codes(clerk(""), ["HN000001", "HN000002"])
    assert found["HN000001"].unit_id == inventory.unit_of("00199-KT").id
    assert found["HN000002"].unit_id == inventory.unit_of("00199").id
    assert found["HN000002"].division == "Tổ một cửa"


def test_the_error_workbook_corrected_and_sent_back_goes_in(
    inventory: Inventory, check: Check, hr: Actor, tmp_path: Path, apply: Apply
) -> None:
    """The thirteen rows alone, texts as texts; corrected, they are thirteen new people."""
    checked = check(content=SAMPLE.read_bytes(), name="danh_sach_mau.xlsx")
    apply(checked.import_id)
    file = tmp_path / "loi.xlsx"
    file.write_bytes(inventory.rosters.corrections(hr, checked.import_id))
    book = openpyxl.load_workbook(file)
    sheet = book.active
    assert sheet is not None
    rows = list(sheet.iter_rows())
    heads = {str(cell.value): cell.column - 1 for cell in rows[0]}
    assert len(rows) == 14
    for row in rows[1:]:
        born, unit, email = (
            row[heads[name]] for name in ("Ngày sinh", "Đơn vị", "Thư điện tử công vụ")
        )
        if born.value == "31/02/1980":
            born.value = "28/02/1980"
        if unit.value == "Phòng không tồn tại":
            unit.value = "Phường Láng"
        email.value = str(email.value).replace(" at ", "@")
    book.save(file)
    again = check(content=file.read_bytes(), name="loi.xlsx")
    assert again.plan.errors == ()
    assert (again.plan.rows, again.plan.new) == (13, 13)
    apply(again.import_id)
    assert db.session.scalar(select(func.count(Person.id))) == 300


def test_the_error_workbook_comes_back_as_it_went(
    inventory: Inventory, check: Check, hr: Actor, tmp_path: Path, audit: Audit
) -> None:
    """Whatever its headings were once taken for, and with the numbers that Excel made of codes."""
    heads = [*HEADINGS, "Mã ngạch"]
    row = person(1, **{"Phòng": "Trưởng phòng", "Chức vụ": "Tổ một cửa", "Ngày sinh": "31/02/1980"})
    content = xlsx_bytes([heads, [*(row[head] for head in HEADINGS), 1.003]])
    first = check(content=content)
    said = {h.letter: h.field for h in first.plan.headings}
    letter = {h.heading: h.letter for h in first.plan.headings}
    said[letter["Chức vụ"]], said[letter["Phòng"]] = Field.DIVISION, Field.TITLE
    second = inventory.rosters.recheck(hr, first.import_id, said)
    file = tmp_path / "loi.xlsx"
    file.write_bytes(inventory.rosters.corrections(hr, second.import_id))
    again = check(content=file.read_bytes(), name="loi.xlsx")
    assert [f.heading for f in again.plan.errors] == ["Ngày sinh"]
    meant = {h.field: h.example for h in again.plan.headings}
    assert (meant[Field.TITLE], meant[Field.DIVISION]) == ("Trưởng phòng", "Tổ một cửa")
    assert meant[Field.RANK_CODE] == "01.003"
    [event] = [e for e in audit.events() if e.action == "roster.errors_exported"]
    assert (event.actor, details(event)["rows"]) == (hr.name, 1)


def test_no_cell_of_the_error_workbook_is_a_formula(
    inventory: Inventory, check: Check, hr: Actor, tmp_path: Path
) -> None:
    """Formula injection: what a roster carries in comes out as the same harmless text."""
    evil = '=HYPERLINK("http://evil.example","x")'
    checked = check(person(1, **{"Chức vụ": evil, "Phòng": "@SUM(1)", "Ngày sinh": "31/02/1980"}))
    file = tmp_path / "loi.xlsx"
    file.write_bytes(inventory.rosters.corrections(hr, checked.import_id))
    sheet = openpyxl.load_workbook(file).active
    assert sheet is not None
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert evil in [cell.value for cell in cells]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert not any(cell.hyperlink for cell in cells)


def test_windows_1258_text_is_stored_composed(stored: Check, inventory: Inventory) -> None:
    """A legacy CSV that can be known for sure gives the same NFC names (R7)."""
    checked = stored(content=windows_1258(csv_text([person(1)])))
    assert inventory.person_of(clerk(""), "HN000001").full_name == "Nguyễn Thị Ánh"
    assert checked.plan.remark is not None


def test_the_import_is_stamped_with_the_clock(
    inventory: Inventory, check: Check, clock: StandingClock
) -> None:
    """Stored in UTC, dated by the day in Hanoi (R66)."""
    clock.at = clock.at.replace(hour=20)  # three in the morning of the 24th in Hanoi
    checked = check(person(1))
    record = db.session.get(RosterImport, checked.import_id)
    assert record is not None
    assert record.at == clock.at
    assert record.effective_on == clock.at.astimezone(HANOI).date() == date(2026, 11, 24)


def test_an_address_that_moves_on_goes_in_once_it_is_free(stored: Check, check: Check) -> None:
    """Refused while somebody holds it; the same roster again, after the holder got another."""
    stored(person(1), person(2, **{"Họ và tên": "Lê Thị Hai"}))
    roster = (
        person(1, **{"Thư điện tử công vụ": "moi@hanoi.gov.vn"}),
        person(2, **{"Họ và tên": "Lê Thị Hai", "Thư điện tử công vụ": "anhnt1@hanoi.gov.vn"}),
    )
    first = check(*roster)
    assert [f.row for f in first.plan.errors] == [3]
    stored(roster[0])
    again = stored(*roster)
    assert (again.plan.changed, again.plan.same) == (1, 1)


@both_databases
def test_a_namesake_in_the_inventory_is_found(stored: Check, check: Check) -> None:
    """R10, in the database's own words: the same folded name and birth date, another code."""
    stored(person(1), person(3, **{"Họ và tên": "Lê Thị Ba"}))
    found = check(person(2, **{"Họ và tên": "Nguyễn Thị Anh"}), person(4, **{"Ngày sinh": ""}))
    warned = [f.message for f in found.plan.warnings if "Trùng họ tên" in f.message]
    assert warned == ["Trùng họ tên và ngày sinh với người có mã HN000001."]
