"""Coverage as stored rows give it: days, scopes, and who counts."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event, text

from signer.accounts import SYSTEM, Role
from signer.config import Settings
from signer.db import db, transaction
from signer.errors import Forbidden, Invalid, NotFound
from signer.inventory.states import PersonState
from signer.outside.kinds import Carrier
from signer.reports import recount
from signer.reports.service import Reports
from tests.databases import both_databases
from tests.reports.conftest import NOW, officer

pytestmark = both_databases

LAST_OF_DISTRICTS = date(2025, 6, 30)
FIRST_OF_WARDS = date(2025, 7, 1)


@pytest.fixture
def reform(city):
    """A district that ended on 30/06/2025 and two wards that began the day after."""
    city.unit("HN", "0001.", name="Thành phố")
    city.unit("Q1", "0001.0001.", name="Quận Ba Đình", until=LAST_OF_DISTRICTS)
    city.unit("W1", "0001.0002.", name="Phường Ba Đình", since=FIRST_OF_WARDS)
    city.unit("W2", "0001.0003.", name="Phường Ngọc Hà", since=FIRST_OF_WARDS)
    return city


def rows_of(coverage):
    return {u.code: (u.persons, u.covered, u.pending, u.lacking) for u in coverage.units}


def test_the_same_question_on_both_sides_of_the_reform_gives_two_trees(reform, reports):
    for ward in ("0001.0002.", "0001.0003."):
        person = reform.person("0001.0001.", until=LAST_OF_DISTRICTS)
        reform.moved(person, ward, on=FIRST_OF_WARDS)
        reform.certificate(person)
    before = reports.coverage(SYSTEM, as_of=LAST_OF_DISTRICTS)
    after = reports.coverage(SYSTEM, as_of=FIRST_OF_WARDS)
    assert rows_of(before) == {"Q1": (2, 2, 0, 0)}
    assert rows_of(after) == {"W1": (1, 1, 0, 0), "W2": (1, 1, 0, 0)}
    assert (before.persons, before.rate, before.code) == (2, Decimal("100.0"), "HN")
    assert after.rate == Decimal("100.0")


def test_a_unit_that_is_no_more_has_the_trend_of_its_time(reform, reports):
    reform.person("0001.0001.", until=LAST_OF_DISTRICTS, since=LAST_OF_DISTRICTS)
    trend = reports.trend(SYSTEM, until=LAST_OF_DISTRICTS, days=2, unit_code="Q1")
    assert [one.figures.persons for one in trend] == [0, 1]
    with pytest.raises(Invalid, match="không hoạt động"):
        reports.trend(SYSTEM, unit_code="Q1")


def test_persons_are_counted_and_not_certificates(reform, reports):
    person = reform.person("0001.0002.", since=FIRST_OF_WARDS)
    reform.certificate(person, key_state="retired")
    reform.certificate(person)
    reform.person("0001.0002.", since=FIRST_OF_WARDS)
    assert rows_of(reports.coverage(SYSTEM))["W1"] == (2, 1, 0, 1)


def test_a_day_is_taken_at_its_end_in_hanoi(reform, reports):
    person = reform.person("0001.0002.", since=FIRST_OF_WARDS)
    # 18:00 UTC on the 10th is 01:00 on the 11th in Hanoi.
    reform.certificate(person, issued=datetime(2026, 3, 10, 18, tzinfo=UTC))
    assert reports.coverage(SYSTEM, as_of=date(2026, 3, 10)).covered == 0
    assert reports.coverage(SYSTEM, as_of=date(2026, 3, 11)).covered == 1


@pytest.mark.parametrize(
    ("day", "covered"),
    [(date(2026, 5, 1), 1), (date(2026, 5, 9), 1), (date(2026, 5, 10), 0), (date(2026, 6, 1), 0)],
)
def test_a_revoked_certificate_counts_until_the_day_it_was_revoked(reform, reports, day, covered):
    person = reform.person("0001.0002.", since=FIRST_OF_WARDS)
    reform.certificate(person, revoked=datetime(2026, 5, 10, 2, tzinfo=UTC))
    assert reports.coverage(SYSTEM, as_of=day).covered == covered


def test_an_expired_certificate_no_longer_counts(reform, reports):
    person = reform.person("0001.0002.", since=FIRST_OF_WARDS)
    reform.certificate(person, ends=NOW - timedelta(seconds=1))
    assert reports.coverage(SYSTEM).covered == 0
    assert reports.coverage(SYSTEM, as_of=date(2026, 11, 22)).covered == 1


@pytest.mark.parametrize(
    ("ends", "covered"),
    [
        (datetime(2026, 5, 9, 16, 59, 58, tzinfo=UTC), 0),
        (datetime(2026, 5, 9, 16, 59, 59, tzinfo=UTC), 2),  # the last second of the 9th in Hanoi
        (datetime(2026, 5, 9, 17, 0, tzinfo=UTC), 2),
    ],
)
def test_a_certificate_covers_a_day_that_it_lasts_through(reform, reports, ends, covered):
    ours, theirs = (reform.person("0001.0002.", since=FIRST_OF_WARDS) for _ in range(2))
    reform.certificate(ours, ends=ends)
    reform.outside(theirs, ends - timedelta(days=9), ends, Carrier.TOKEN)
    assert reports.coverage(SYSTEM, as_of=date(2026, 5, 8)).covered == 2
    assert reports.coverage(SYSTEM, as_of=date(2026, 5, 9)).covered == covered
    assert reports.coverage(SYSTEM, as_of=date(2026, 5, 10)).covered == 0


def test_what_counts_by_another_setting_is_a_difference_until_it_is_made_anew(
    reform, reports, clock, tmp_path
):
    reform.certificate(reform.person("0001.0002.", since=FIRST_OF_WARDS))
    others = Reports(Settings(home=tmp_path, own_ca_counts=False), clock)
    assert others.first_difference().figure == "steps"
    for asked, covered in ((others, 0), (reports, 1)):
        asked.rebuild()
        assert asked.first_difference() is None
        assert asked.coverage(SYSTEM).covered == covered


@pytest.mark.parametrize("persons", [1, 2])
def test_figures_that_were_cut_short_are_known_to_be(reform, reports, monkeypatch, persons):
    """As setting up an older database leaves them when it is killed."""
    assert reports.is_complete()
    for _ in range(2):
        reform.person("0001.0002.", since=FIRST_OF_WARDS)
    assert reports.is_complete()
    monkeypatch.setattr(recount, "CHUNK", 1)
    left = [None] * (persons - 1)  # raises after so many persons, the last of them included
    with transaction():
        db.session.execute(text("DELETE FROM coverage_sum"))
        db.session.execute(text("DELETE FROM standing"))
    with pytest.raises(IndexError):
        reports.rebuild(lambda _: left.pop())
    assert not reports.is_complete()
    reports.rebuild()
    assert reports.is_complete()


def test_a_clock_that_is_put_back_ends_where_it_would_have_been(reform, reports, clock):
    person = reform.person("0001.0002.", since=FIRST_OF_WARDS)
    reform.certificate(person, ends=NOW + timedelta(days=2))
    clock.move(timedelta(days=2))
    assert reports.bring_to_today() == 1
    clock.move(-timedelta(days=1))
    assert (reports.bring_to_today(), reports.coverage(SYSTEM).covered) == (0, 1)
    clock.move(timedelta(days=1))
    assert (reports.bring_to_today(), reports.coverage(SYSTEM).covered) == (0, 0)


def test_a_certificate_without_an_end_covers_every_day_to_come(reform, reports):
    person = reform.person("0001.0002.", since=FIRST_OF_WARDS)
    # RFC 5280, 4.1.2.5: no well-defined expiration date; it is already 10000 in Hanoi.
    endless = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    reform.outside(person, NOW - timedelta(days=1), endless, Carrier.TOKEN)
    assert reports.coverage(SYSTEM).covered == 1


def test_whoever_has_left_or_is_on_long_leave_is_not_counted(reform, reports):
    for state in PersonState:
        reform.person("0001.0002.", since=FIRST_OF_WARDS, state=state)
    counted = reports.coverage(SYSTEM).persons
    assert counted == 4  # working, seconded, rotated, awaiting placement


def test_an_open_request_is_pending_and_a_covered_person_never_is(reform, reports):
    asked = datetime(2026, 11, 1, tzinfo=UTC)
    waiting, renewing = (reform.person("0001.0002.", since=FIRST_OF_WARDS) for _ in range(2))
    reform.request(waiting, at=asked)
    reform.certificate(renewing)
    reform.request(renewing, at=asked)
    assert rows_of(reports.coverage(SYSTEM))["W1"] == (2, 1, 1, 0)


def test_pending_on_a_past_day_ends_with_the_issue_or_the_rejection(reform, reports):
    issued, refused, withdrawn = (
        reform.person("0001.0002.", since=FIRST_OF_WARDS) for _ in range(3)
    )
    reform.certificate(issued, issued=datetime(2026, 3, 10, tzinfo=UTC))
    reform.request(
        refused,
        at=datetime(2026, 3, 10, tzinfo=UTC),
        item_state="closed",
        outcome="rejected",
        decided=datetime(2026, 3, 20, tzinfo=UTC),
    )
    reform.request(withdrawn, at=datetime(2026, 3, 10, tzinfo=UTC), item_state="closed")
    pending = {
        day: reports.coverage(SYSTEM, as_of=date(2026, 3, day)).pending for day in (9, 15, 20)
    }
    assert pending == {9: 0, 15: 1, 20: 0}


def test_a_unit_is_shown_with_its_subtree_and_those_who_sit_in_it(reform, reports):
    reform.unit("W1-VP", "0001.0002.0001.", name="Văn phòng", since=FIRST_OF_WARDS)
    reform.person("0001.0002.", since=FIRST_OF_WARDS)
    reform.certificate(reform.person("0001.0002.0001.", since=FIRST_OF_WARDS))
    reform.person("0001.0003.", since=FIRST_OF_WARDS)
    coverage = reports.coverage(SYSTEM, unit_code="W1")
    assert (coverage.code, coverage.persons, coverage.covered) == ("W1", 2, 1)
    assert rows_of(coverage) == {"W1-VP": (1, 1, 0, 0)}
    assert coverage.direct.persons == 1
    assert rows_of(reports.coverage(SYSTEM))["W1"] == (2, 1, 0, 1)


def test_an_officer_sees_the_own_units_and_no_others(reform, reports):
    reform.person("0001.0002.", since=FIRST_OF_WARDS)
    reform.person("0001.0003.", since=FIRST_OF_WARDS)
    one = reports.coverage(officer("0001.0002."))
    assert (one.code, one.persons) == ("W1", 1)
    both = reports.coverage(officer("0001.0002.", "0001.0003."))
    assert (both.code, both.persons, set(rows_of(both))) == (None, 2, {"W1", "W2"})
    with pytest.raises(Forbidden):
        reports.coverage(officer("0001.0002."), unit_code="W2")
    with pytest.raises(Forbidden):
        reports.coverage(officer("0001.0002."), unit_code="HN")
    with pytest.raises(Forbidden):
        reports.coverage(officer("", role=Role.SIGNER))


def test_questions_without_an_answer_are_refused_in_words(reform, reports):
    with pytest.raises(NotFound, match="mang mã “X9”"):
        reports.coverage(SYSTEM, unit_code="X9")
    with pytest.raises(Invalid, match="không hoạt động vào ngày 30/06/2025"):
        reports.coverage(SYSTEM, unit_code="W1", as_of=LAST_OF_DISTRICTS)
    with pytest.raises(Invalid, match="trong tương lai"):
        reports.coverage(SYSTEM, as_of=date(2026, 11, 24))
    with pytest.raises(Invalid, match="từ ngày 01/01/2000"):
        reports.coverage(SYSTEM, as_of=date(1999, 12, 31))
    with pytest.raises(Invalid, match="Chưa có đơn vị nào của bạn"):
        reports.coverage(officer("0001.0002."), as_of=LAST_OF_DISTRICTS)


def test_a_city_of_many_units_costs_as_many_queries_as_a_small_one(reform, reports):
    for number in range(10, 60):
        path = f"0001.{number:04d}."
        reform.unit(f"X{number}", path)
        reform.person(path)
    seen = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    coverage = reports.coverage(SYSTEM)
    assert len(coverage.units) == 52
    assert len([statement for statement in seen if statement.startswith("SELECT")]) == 2


def test_a_trend_asks_for_its_figures_once(reform, reports):
    """Or somebody counted and covered between two questions would be covered and not counted."""
    seen = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    reports.trend(SYSTEM)
    assert len([statement for statement in seen if "FROM coverage_sum" in statement]) == 1
