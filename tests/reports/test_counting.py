"""Kept figures against the raw rows counted in another way, on any day of any history."""

import itertools
import random
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from signer.accounts import SYSTEM
from signer.db import db
from signer.inventory.kinds import PersonKind
from signer.inventory.models import OrgUnit
from signer.inventory.states import PersonState
from signer.outside.kinds import Carrier
from signer.reports import standing, sums
from signer.reports.coverage import Facet
from signer.reports.timeline import (
    LAST_DAY,
    Cover,
    History,
    Period,
    day_number,
    day_of,
    joined,
    pack,
    standing_in,
    state_at,
    steps_of,
    unpack,
)
from tests.databases import both_databases
from tests.reports.conftest import NOW
from tests.reports.recounting import Counts, recounted

REFORM = date(2025, 7, 1)
UNITS = (
    ("HN", "0001.", None, None),
    ("Q1", "0001.0001.", None, date(2025, 6, 30)),
    ("Q1-P", "0001.0001.0001.", None, date(2025, 6, 30)),
    ("W1", "0001.0002.", REFORM, None),
    ("W1-P", "0001.0002.0001.", REFORM, None),
    ("S1", "0001.0003.", None, None),
)


def _kept(day: date) -> Counts:
    codes = dict(db.session.query(OrgUnit.id, OrgUnit.code).all())
    found: Counts = {}
    for facet in Facet:
        for unit_id, figures in sums.figures_by_unit(day_number(day), facet).items():
            counts = {"persons": figures.persons, "pending": figures.pending}
            counts |= {carrier.value: count for carrier, count in figures.carriers.items()}
            if any(counts.values()):
                found[codes[unit_id], facet.value] = {k: v for k, v in counts.items() if v}
    return found


@pytest.fixture
def hanoi(city):
    """Sixty persons with random lives in units that end and begin with the reform."""
    for code, path, since, until in UNITS:
        city.unit(code, path, since=since, until=until)
    chance = random.Random(4)
    before = ("0001.", "0001.0001.", "0001.0001.0001.", "0001.0003.")
    after = ("0001.", "0001.0002.", "0001.0002.0001.", "0001.0003.")
    for _ in range(60):
        place = chance.randrange(4)
        facts = {
            "kind": chance.choice((None, *PersonKind)),
            "is_leader": chance.random() < 0.2,
            "is_one_stop": chance.random() < 0.2,
            "since": date(2024, 1, 1) + timedelta(days=chance.randrange(400)),
        }
        if place in (1, 2):
            person = city.person(before[place], until=date(2025, 6, 30), **facts)
            city.moved(person, after[place], on=REFORM)
        else:
            person = city.person(before[place], **facts)
        for _ in range(chance.randrange(4)):
            _event(city, chance, person)
    return city


def _event(city, chance, person):
    begin = datetime(2024, 3, 1, tzinfo=UTC) + timedelta(hours=chance.randrange(24 * 900))
    near = datetime(2025, 6, 29, 17, tzinfo=UTC) + timedelta(hours=chance.randrange(-30, 60))
    at = chance.choice((begin, near))
    what = chance.randrange(5)
    if what < 2:
        ends = at + timedelta(hours=chance.randrange(24, 24 * 800), seconds=-1)
        revoked = at + timedelta(hours=chance.randrange(24 * 300))
        city.certificate(
            person,
            issued=at,
            ends=ends,
            revoked=revoked if what and revoked < ends else None,
            key_state="retired",
        )
    elif what == 2:
        city.outside(person, at, at + timedelta(days=300), chance.choice(list(Carrier)))
    elif what == 3:
        decided = at + timedelta(days=chance.randrange(60))
        city.request(person, at=at, item_state="closed", outcome="rejected", decided=decided)
    else:
        city.request(person, at=at, item_state="closed")  # taken back: no wait at all


DAYS = (date(2025, 6, 29), date(2025, 6, 30), REFORM, date(2024, 12, 24), NOW.date())


@both_databases
def test_figures_equal_an_independent_recount_of_the_raw_rows(hanoi, reports):
    for day in DAYS:
        wanted = recounted(day)
        assert _kept(day) == wanted
        coverage = reports.coverage(SYSTEM, as_of=day)
        for facet, figures in reports.facets(SYSTEM, as_of=day).items():
            mine = [counts for (_, group), counts in wanted.items() if group == facet.value]
            told = {"persons": figures.persons, "pending": figures.pending}
            told |= {carrier.value: count for carrier, count in figures.carriers.items()}
            for name, count in told.items():
                assert count == sum(counts.get(name, 0) for counts in mine)
            if facet is Facet.ALL:
                assert figures.persons > 30
                assert (coverage.persons, coverage.covered, coverage.pending) == (
                    figures.persons,
                    figures.covered,
                    figures.pending,
                )


def test_a_server_goes_on_with_the_memory_it_had_before_a_recount(hanoi, reports):
    room = text("PRAGMA cache_size")
    before = db.session.scalar(room)
    reports.rebuild()
    assert reports.first_difference() is None
    assert db.session.scalar(room) == before


def test_whether_anybody_was_merged_is_asked_of_an_index_of_them(hanoi):
    """It is asked in every transaction about a person."""
    asked = str(standing.ANY_MERGED.compile(db.engine))
    plan = db.session.execute(text(f"EXPLAIN QUERY PLAN {asked}")).all()
    assert "ix_person_merged" in str(plan)


def test_the_trend_of_sixty_days_is_sixty_days_asked_one_by_one(hanoi, reports):
    until = date(2025, 7, 20)
    trend = reports.trend(SYSTEM, until=until)
    assert [found.day for found in trend] == [until - timedelta(days=59 - n) for n in range(60)]
    for found in trend[::7]:
        asked = reports.coverage(SYSTEM, as_of=found.day)
        mine = (found.figures.persons, found.figures.covered, found.figures.pending)
        assert mine == (asked.persons, asked.covered, asked.pending)


def test_rebuilding_changes_nothing(hanoi, reports):
    before = {day: _kept(day) for day in (REFORM, NOW.date())}
    reports.rebuild()
    assert reports.first_difference() is None
    assert {day: _kept(day) for day in before} == before


_DAY = st.integers(0, 60)
_SPAN = st.tuples(_DAY, _DAY)


@st.composite
def _lives(draw):
    history = History(sort_key="", unit_path="")
    first = 0
    for _ in range(draw(st.integers(0, 4))):
        first += draw(st.integers(0, 9))
        last = first + draw(st.integers(0, 20))
        kind = draw(st.sampled_from((None, *PersonKind)))
        flags = draw(st.tuples(*[st.booleans()] * 4))
        history.periods.append(Period(first, last, draw(st.integers(1, 3)), "", kind, *flags))
        first = last + 1
    for begin, end in draw(st.lists(_SPAN, max_size=6)):
        carrier = draw(st.sampled_from(list(Carrier)))
        history.covers.append(Cover(begin, end, carrier, draw(st.booleans()), draw(st.booleans())))
    history.waits = draw(st.lists(_SPAN, max_size=3))
    return history


@given(_lives(), st.integers(0, 70))
def test_the_steps_say_of_every_day_what_the_rules_say(history, day):
    steps = steps_of(history)
    assert unpack(pack(steps)) == steps
    unit_id, code = state_at(steps, day)
    period = next((p for p in history.periods if p.first <= day <= p.last and p.is_counted), None)
    carriers = {c.carrier for c in history.covers if c.counts and c.first <= day <= c.last}
    is_waiting = any(first <= day <= last for first, last in history.waits)
    if period is None:
        assert (unit_id, code) == (0, 0)
    else:
        wanted = "covered" if carriers else "pending" if is_waiting else "lacking"
        assert (unit_id, standing_in(code)) == (period.unit_id, wanted)


@given(_lives())
def test_steps_are_only_where_something_changes(history):
    steps = steps_of(history)
    assert [day for day, *_ in steps] == sorted({day for day, *_ in steps})
    states = [(0, 0), *((unit, code) for _, unit, code in steps)]
    assert all(before != after for before, after in itertools.pairwise(states))


@given(_lives(), _DAY)
def test_joined_times_cover_the_same_days_and_never_touch(history, day):
    times = joined(history.covers)
    assert any(a <= day <= b for a, b in times) == any(
        cover.first <= day <= cover.last for cover in history.covers
    )
    assert all(a[1] + 1 < b[0] for a, b in itertools.pairwise(times))


@pytest.mark.parametrize("day", [date(2000, 1, 1), date(2026, 11, 23), day_of(LAST_DAY)])
def test_a_day_has_a_number_and_a_number_its_day(day):
    assert day_of(day_number(day)) == day


def test_days_before_2000_and_after_2179_are_the_first_and_the_last():
    assert (day_number(date(1975, 4, 30)), day_number(date(9999, 12, 31))) == (0, LAST_DAY)


@both_databases
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 900), st.integers(1, 900), st.integers(0, 900)),
        max_size=6,
    ),
    st.integers(0, 1000),
)
def test_any_history_on_any_day_equals_the_recount(one_unit, events, asked):
    city = one_unit
    begin = datetime(2024, 3, 1, 10, tzinfo=UTC)
    person = city.person("0001.", since=date(2024, 3, 1) + timedelta(days=len(events)))
    for what, at, length, revoked in events:
        issued = begin + timedelta(days=at)
        ends = issued + timedelta(days=length)
        if what < 3:
            cut = issued + timedelta(days=revoked) if what == 0 and revoked < length else None
            city.certificate(person, issued=issued, ends=ends, revoked=cut, key_state="retired")
        elif what == 3:
            city.outside(person, issued, ends, Carrier.TOKEN)
        else:
            city.request(person, at=issued, item_state="closed", outcome="rejected", decided=ends)
    day = date(2024, 3, 1) + timedelta(days=asked)
    assert _kept(day) == recounted(day)


@pytest.fixture
def one_unit(city):
    city.unit("HN", "0001.")
    return city


def test_people_on_leave_are_not_counted_but_their_certificate_is_theirs(one_unit, reports):
    person = one_unit.person("0001.", state=PersonState.UNPAID_LEAVE)
    one_unit.certificate(person)
    assert reports.coverage(SYSTEM).persons == 0
