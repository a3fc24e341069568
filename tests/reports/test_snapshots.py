"""Frozen reports: a period that is over, versions with reasons, bytes that nobody changes (R57)."""

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from signer.accounts import SYSTEM, Role
from signer.db import changed, db, release, transaction
from signer.errors import Conflict, Forbidden, Invalid, NotFound, SignerError
from signer.reports.columns import lines_of
from signer.reports.coverage import Facet, Figures
from signer.reports.formats import Format, file_name, rendered
from signer.reports.periods import PeriodKind
from signer.services import Services
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD, City

MONTH = PeriodKind.MONTH
TODAY = date(2026, 11, 23)


@pytest.fixture
def clock() -> StandingClock:
    """The whole house's clock, not the one of the tests that only read rows."""
    return StandingClock(datetime(2026, 11, 23, 2, 0, tzinfo=UTC))


@pytest.fixture
def city(services: Services, tmp_path: Path) -> City:
    """The city of the whole house."""
    return City(services, tmp_path)


@pytest.fixture
def over(services: Services, city: City, clock: StandingClock) -> date:
    """Three people of one ward, one of them certified, two of another; their month is over."""
    people = city.people(3)
    city.people(2, unit=OTHER_WARD)
    city.issue(people[:1])
    clock.move(timedelta(days=30))
    return TODAY


def freeze(services: Services, on: date, **changes: object) -> int:
    return services.snapshots.freeze(SYSTEM, MONTH, on, unit_code=WARD, **changes)


@both_databases
def test_what_is_frozen_is_the_coverage_of_the_last_day(services, over):
    """The figures of the page, of the groups and of the appendix are the same ones."""
    found = services.snapshots.get(SYSTEM, freeze(services, over))
    period = found.period
    assert (period.starts_on, period.ends_on) == (date(2026, 11, 15), date(2026, 12, 14))
    page = services.reports.coverage(SYSTEM, as_of=period.ends_on, unit_code=WARD)
    total = found.appendix.total
    assert (total.persons, total.covered, total.pending) == (3, 1, 0)
    assert (page.persons, page.covered, page.pending) == (3, 1, 0)
    everybody = Figures(**found.said["facets"][Facet.ALL])
    assert (everybody.persons, everybody.covered) == (3, 1)
    assert everybody.carriers == page.carriers
    assert (total.central, total.civil_servants) == (1, 3)
    assert found.version == 1
    assert found.text.issuer == found.unit_name
    assert "đạt 33,3%" in found.text.sections[1]


@both_databases
def test_the_figures_of_a_report_are_of_one_instant(services, over, app, monkeypatch):
    """What is corrected while the figures are read is in all of them or in none."""
    appendix = services.reports.appendix

    def correct() -> None:
        with app.app_context(), transaction():
            db.session.execute(
                text("UPDATE person_period SET valid_from = '2026-12-20' WHERE person_id = 3")
            )
            changed("person", [3])

    def slowly(*args: object, **named: object) -> object:
        found = appendix(*args, **named)
        other = threading.Thread(target=correct)
        other.start()
        other.join()
        return found

    monkeypatch.setattr(services.reports, "appendix", slowly)
    prepared = services.snapshots.prepare(SYSTEM, MONTH, over, unit_code=WARD)
    assert (prepared.appendix.total.persons, prepared.facets[Facet.ALL].persons) == (3, 3)
    monkeypatch.undo()
    prepared = services.snapshots.prepare(SYSTEM, MONTH, over, unit_code=WARD)
    assert (prepared.appendix.total.persons, prepared.facets[Facet.ALL].persons) == (2, 2)


def test_a_later_change_leaves_the_frozen_report_as_it_was(services, city, over):
    """Whatever happens to the data: the same bytes, and the difference is shown."""
    made = freeze(services, over)
    before = services.snapshots.get(SYSTEM, made)
    papers = {form: rendered(before, form) for form in (Format.PDF, Format.XLSX, Format.CSV)}
    with transaction():  # a correction of the past, such as a roster brings
        db.session.execute(
            text("UPDATE person_period SET valid_from = '2026-12-20' WHERE person_id = 3")
        )
    services.reports.rebuild()
    release()
    after = services.snapshots.get(SYSTEM, made)
    assert after.content == before.content
    assert {form: rendered(after, form) for form in papers} == papers
    *_, found = services.snapshots.compare(SYSTEM, made)
    changed = {one.column.key: (one.before, one.after) for one in found if one.label == "Tổng cộng"}
    assert changed["persons"] == (3, 2)
    assert "covered" not in changed


@both_databases
@pytest.mark.parametrize(
    "statement",
    ["UPDATE report_snapshot SET content = '{}'", "DELETE FROM report_snapshot"],
)
def test_the_database_itself_refuses_to_change_a_report(services, over, statement):
    made = freeze(services, over)
    with pytest.raises((DBAPIError, SignerError)), transaction():
        db.session.execute(text(statement))
    release()
    assert services.snapshots.get(SYSTEM, made).version == 1


@pytest.mark.parametrize(
    "change",
    [
        "content = replace(content, 'covered', 'persons')",
        "content = content || ' '",
        f"sha256 = '{'0' * 64}'",
        "unit_name = 'Sở khác'",
        "version = 7, reason = 'x'",
    ],
)
def test_a_report_changed_behind_the_triggers_is_not_shown(services, over, change):
    """The hash stands in the audit chain as well: changing row and hash together is not enough."""
    made = freeze(services, over)
    with transaction():
        db.session.execute(text("DROP TRIGGER report_snapshot_no_update"))
        db.session.execute(text(f"UPDATE report_snapshot SET {change}"))
    release()
    with pytest.raises(Conflict):
        services.snapshots.get(SYSTEM, made)


@both_databases
def test_a_report_that_the_audit_chain_does_not_know_is_not_shown(services, over):
    """Bytes with their own hash beside them prove nothing: who froze them stands in the chain."""
    made = freeze(services, over)
    with transaction():
        db.session.execute(
            text(
                "INSERT INTO report_snapshot (id, kind, starts_on, ends_on, unit_code, unit_name,"
                " unit_path, version, reason, content, sha256, frozen_by, frozen_at)"
                " SELECT 99, kind, starts_on, ends_on, unit_code, unit_name,"
                " unit_path, 2, 'x', content, sha256, frozen_by, frozen_at FROM report_snapshot"
            )
        )
    release()
    assert services.snapshots.get(SYSTEM, made).version == 1
    with pytest.raises(Conflict):
        services.snapshots.get(SYSTEM, 99)


def test_a_correction_is_a_new_version_with_a_reason(services, over):
    """Both stay readable; the words of the version before are where the next one begins."""
    first = freeze(services, over)
    prepared = services.snapshots.prepare(SYSTEM, MONTH, over, unit_code=WARD)
    assert prepared.newest is not None
    assert prepared.text == services.snapshots.get(SYSTEM, first).text
    words = replace(prepared.text, number="7", remarks={WARD: "Chờ sắp xếp"})
    second = freeze(services, over, text=words, corrects=1, reason="  Sửa số\nvăn bản ")
    found = services.snapshots.get(SYSTEM, second)
    assert (found.version, found.reason, found.text.number) == (2, "Sửa số văn bản", "7")
    entries = services.snapshots.versions(SYSTEM, found)
    assert [entry.version for entry in entries] == [2, 1]
    _, other, changed = services.snapshots.compare(SYSTEM, second, first)
    assert (other.version, changed) == (1, ())
    assert file_name(found, Format.PDF) == f"bao-cao-month-2026-12-14-{WARD}-v2.pdf"


@pytest.mark.parametrize(
    ("corrects", "reason", "number", "refusal", "field"),
    [
        (0, "Sửa", "7", Conflict, None),  # somebody froze one meanwhile
        (2, "Sửa", "7", Conflict, None),
        (1, " ", "7", Invalid, "reason"),
        (1, "x" * 501, "7", Invalid, "reason"),
        (1, "Sửa", "", Invalid, None),  # nothing differs
    ],
)
def test_what_a_correction_needs(services, over, corrects, reason, number, refusal, field):
    freeze(services, over)
    prepared = services.snapshots.prepare(SYSTEM, MONTH, over, unit_code=WARD)
    words = replace(prepared.text, number=number)
    with pytest.raises(refusal) as refused:
        freeze(services, over, text=words, corrects=corrects, reason=reason)
    assert getattr(refused.value, "field", None) == field
    assert len(services.snapshots.list(SYSTEM)) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"issuer": " "}, "issuer"),
        ({"number": "1" * 21}, "number"),
        ({"sections": ("một",)}, "section-0"),
        ({"sections": ("", "x" * 20_001, "", "", "")}, "section-1"),
        ({"issuer": "x" * 201}, "issuer"),
        ({"parent": "x" * 201}, "parent"),
        ({"remarks": {WARD: "x" * 1001}}, "remarks"),
        ({"recipients": ("x" * 51,) * 100}, "recipients"),
    ],
)
def test_words_that_cannot_stand_are_named(services, over, change, field):
    words = services.snapshots.prepare(SYSTEM, MONTH, over, unit_code=WARD).text
    with pytest.raises(Invalid) as refused:
        services.snapshots.save_draft(SYSTEM, MONTH, over, replace(words, **change), unit_code=WARD)
    assert refused.value.field == field


def test_a_draft_is_kept_until_it_is_frozen(services, over):
    """Saved twice is one draft; what was frozen is newer than the draft it came from."""
    words = services.snapshots.prepare(SYSTEM, MONTH, over, unit_code=WARD).text
    for number in ("8", "9"):
        changed = replace(words, number=number)
        services.snapshots.save_draft(SYSTEM, MONTH, over, changed, unit_code=WARD)
    prepared = services.snapshots.prepare(SYSTEM, MONTH, over, unit_code=WARD)
    assert prepared.text.number == "9"
    assert not prepared.is_drafted
    anew = services.snapshots.prepare(SYSTEM, MONTH, over, unit_code=WARD, anew=True)
    assert (anew.text.number, anew.is_drafted) == ("", True)
    freeze(services, over, text=replace(words, number="10"))
    after = services.snapshots.prepare(SYSTEM, MONTH, over, unit_code=WARD)
    assert after.text.number == "10"


@both_databases
def test_of_two_who_write_on_one_draft_the_second_is_told(services, over):
    """The words that somebody saved meanwhile are not written over unseen, nor frozen past."""
    seen = services.snapshots.prepare(SYSTEM, MONTH, over, unit_code=WARD)

    def save(number: str, seen: str) -> None:
        words = replace(prepared.text, number=number)
        services.snapshots.save_draft(SYSTEM, MONTH, over, words, unit_code=WARD, seen=seen)

    prepared = seen
    save("8", seen.draft)
    with pytest.raises(Conflict):
        save("9", seen.draft)
    with pytest.raises(Conflict):
        freeze(services, over, text=prepared.text, seen=seen.draft)
    again = services.snapshots.prepare(SYSTEM, MONTH, over, unit_code=WARD)
    assert again.text.number == "8"
    freeze(services, over, text=prepared.text, seen=again.draft)


def test_a_period_that_still_runs_is_not_frozen(services, over):
    with pytest.raises(Invalid) as refused:
        freeze(services, over + timedelta(days=30))
    assert refused.value.field == "on"


def test_who_may_freeze_and_who_may_read(services, city, over):
    """Freezing is the administrator's; a unit's own people read their own reports and no other."""
    made = freeze(services, over)
    hr = city.actor("hr-ward", Role.HR, WARD)
    stranger = city.actor("hr-other", Role.HR, OTHER_WARD)
    assert services.snapshots.get(hr, made).id == made
    assert [entry.id for entry in services.snapshots.list(hr)] == [made]
    assert services.snapshots.list(stranger) == ()
    with pytest.raises(NotFound):
        services.snapshots.get(stranger, made)
    with pytest.raises(Forbidden):
        services.snapshots.freeze(hr, MONTH, over, unit_code=WARD, corrects=1, reason="x")


def test_another_report_is_no_version_of_this_one(services, over):
    made = freeze(services, over)
    city_report = services.snapshots.freeze(SYSTEM, MONTH, over)
    with pytest.raises(NotFound):
        services.snapshots.compare(SYSTEM, made, city_report)
    assert services.snapshots.get(SYSTEM, city_report).text.parent == ""


def test_the_citys_report_has_its_units_in_order(services, over):
    """All levels add up; persons who left are in no figure but the one that names them."""
    found = services.snapshots.get(SYSTEM, services.snapshots.freeze(SYSTEM, MONTH, over))
    total = found.appendix.total
    assert (total.total, total.persons, total.covered, total.lacking) == (5, 5, 1, 4)
    top = [row for row in found.appendix.rows if row.level == 0]
    for name, figure in total.figures().items():
        assert sum(getattr(row, name) for row in top) == figure
    labels = [line.label for line in lines_of(found.appendix, {})]
    blocks = [label for label in labels if label.startswith(("Khối", "Đơn vị sự"))]
    assert blocks == ["Khối sở, ban, ngành", "Khối phường", "Khối xã"]
    assert labels[-1] == "Tổng cộng"
