"""The lists behind the figures: who is on which, from which day to which, and page by page."""

from datetime import UTC, date, datetime, timedelta

import pytest

from signer.accounts import SYSTEM
from signer.db import changed, db, transaction
from signer.errors import Forbidden, Invalid
from signer.inventory.kinds import PersonKind
from signer.inventory.models import OrgUnit, Person, UnitSuccessor
from signer.inventory.states import PersonState
from signer.outside.kinds import Carrier
from signer.reports import views
from signer.reports.coverage import Facet, View, Waiting
from tests.databases import both_databases
from tests.reports.conftest import NOW, officer

pytestmark = both_databases

WARD, OTHER = "0001.0001.", "0001.0002."


@pytest.fixture
def wards(city):
    city.unit("HN", "0001.", name="Thành phố")
    city.unit("W1", WARD, name="Phường Ba Đình")
    city.unit("W2", OTHER, name="Phường Ngọc Hà")
    return city


def listed(reports, view, actor=SYSTEM, **asked):
    """The ids on the list, which its count and its ids agree with."""
    page = reports.people(actor, view, limit=500, **asked)
    found = [one.person_id for one in page.items]
    assert reports.count(actor, view, **asked) == len(found)
    assert sorted(found) == list(reports.ids(actor, view, **asked))
    return set(found)


def test_each_person_is_on_the_list_of_the_own_standing(wards, reports):
    has, lacks, waits = wards.person(WARD), wards.person(WARD), wards.person(OTHER)
    wards.certificate(has)
    wards.request(waits, at=NOW - timedelta(days=3))
    wards.person(WARD, state=PersonState.UNPAID_LEAVE)
    assert listed(reports, View.HAS) == {has}
    assert listed(reports, View.LACKS) == {lacks}
    assert listed(reports, View.PENDING) == {waits}
    assert listed(reports, View.LACKS, unit_code="W2") == set()


def test_a_pending_person_is_shown_with_where_it_waits_and_since_when(wards, reports):
    person = wards.person(WARD)
    wards.request(person, at=NOW - timedelta(days=3))
    (one,) = reports.people(SYSTEM, View.PENDING).items
    assert (one.unit_code, one.unit_name) == ("W1", "Phường Ba Đình")
    assert one.pending_since == date(2026, 11, 20)
    assert one.waiting == Waiting(request_id=1, state="pending", requested_by="x")
    assert (one.carrier, one.covered_until) == (None, None)


def test_expiring_is_who_has_nothing_that_lasts_longer(wards, reports):
    soon, renewed, later = (wards.person(WARD) for _ in range(3))
    for person in (soon, renewed):
        wards.certificate(person, ends=NOW + timedelta(days=60), key_state="retired")
    wards.certificate(later, ends=NOW + timedelta(days=62))
    wards.outside(renewed, NOW - timedelta(days=1), NOW + timedelta(days=900), Carrier.TOKEN)
    assert listed(reports, View.EXPIRING) == {soon}
    (one,) = reports.people(SYSTEM, View.EXPIRING).items
    # It ends at ten in the morning, so the last day that it covers is the one before.
    assert one.covered_until == NOW.date() + timedelta(days=59)


def test_unused_is_who_did_not_sign_for_ninety_days_with_a_certificate_of_ours(
    wards, reports, clock
):
    idle, signs, fresh, elsewhere = (wards.person(WARD) for _ in range(4))
    for person in (idle, signs):
        wards.certificate(person)
    wards.signature(signs, NOW - timedelta(days=89))
    wards.certificate(fresh, issued=NOW - timedelta(days=89))
    wards.outside(elsewhere, NOW - timedelta(days=400), NOW + timedelta(days=400), Carrier.TOKEN)
    assert listed(reports, View.UNUSED) == {idle}
    clock.at += timedelta(days=1)
    assert reports.bring_to_today() == 2
    assert reports.bring_to_today() == 0
    assert listed(reports, View.UNUSED) == {idle, signs, fresh}
    wards.signature(fresh, clock.at)
    assert listed(reports, View.UNUSED) == {idle, signs}


def test_whoever_left_with_a_valid_certificate_must_be_revoked(wards, reports):
    kept, ended, suspended = (wards.person(WARD, state=PersonState.RETIRED) for _ in range(3))
    on_leave = wards.person(WARD, state=PersonState.MATERNITY_LEAVE)
    for person in (kept, on_leave):
        wards.certificate(person)
    wards.certificate(ended, revoked=NOW - timedelta(days=5))
    wards.outside(suspended, NOW, NOW + timedelta(days=9), Carrier.SIM, **HELD)
    assert listed(reports, View.MUST_REVOKE) == {kept}


HELD = {"status": "held", "revoked_at": NOW}


def test_a_day_that_comes_moves_people_without_anybody_doing_anything(wards, reports, clock):
    person = wards.person(WARD)
    wards.certificate(person, ends=NOW + timedelta(days=2))
    assert listed(reports, View.HAS) == {person}
    clock.at += timedelta(days=2)
    assert reports.coverage(SYSTEM).covered == 0  # figures need no worker
    assert reports.first_difference() is None
    assert reports.bring_to_today() == 1
    assert listed(reports, View.LACKS) == {person}


def test_groups_of_people_have_lists_of_their_own(wards, reports):
    cadre = wards.person(WARD, kind=PersonKind.CADRE)
    head = wards.person(WARD, kind=PersonKind.CIVIL_SERVANT, is_leader=True)
    clerk = wards.person(OTHER, is_one_stop=True)
    wanted = {
        Facet.ALL: {cadre, head, clerk},
        Facet.CADRE: {cadre},
        Facet.CIVIL_SERVANT: {head},
        Facet.WORKER: set(),
        Facet.LEADER: {head},
        Facet.ONE_STOP: {clerk},
    }
    assert {facet: listed(reports, View.LACKS, facet=facet) for facet in wanted} == wanted


@pytest.mark.parametrize(("small", "walked"), [(5000, 20000), (2, 20000), (2, 3)])
def test_every_way_to_a_page_finds_the_same_people_in_the_same_order(
    wards, reports, monkeypatch, small, walked
):
    """A small unit sorted, a large one walked, and a rare one read whole; counted likewise."""
    monkeypatch.setattr(views, "_SMALL", small)
    monkeypatch.setattr(views, "_WALKED", walked)
    lacking, covered, left = (
        [
            wards.person(WARD if n % 3 else OTHER, is_leader=n % 5 == 0, state=state)
            for n in range(12)
        ]
        for state in (PersonState.WORKING, PersonState.WORKING, PersonState.RETIRED)
    )
    for person in (*covered, *left):
        wards.certificate(person, ends=NOW + timedelta(days=30))
    names = {p.id: p.sort_key for p in db.session.query(Person).all()}
    for view, people in (
        (View.LACKS, lacking),
        *((view, covered) for view in (View.HAS, View.EXPIRING, View.UNUSED)),
        (View.MUST_REVOKE, left),
    ):
        for asked, wanted in (
            ({}, people),
            ({"unit_code": "W1"}, [p for n, p in enumerate(people) if n % 3]),
            ({"facet": Facet.LEADER}, people[::5]),
            ({"unit_code": "W2", "facet": Facet.LEADER}, people[:1]),
        ):
            found, after = [], None
            while True:
                page = reports.people(SYSTEM, view, after=after, limit=3, **asked)
                found += [one.person_id for one in page.items]
                if (after := page.next) is None:
                    break
            assert found == sorted(wanted, key=lambda person: (names[person], person))
            assert listed(reports, view, **asked) == set(wanted)


def test_who_is_gone_since_the_page_was_found_is_not_on_it(wards):
    here = wards.person(WARD)
    assert [one.person_id for one in views._listed([here, here + 1])] == [here]


def test_a_list_shows_the_actor_only_the_own_units(wards, reports):
    mine, _ = wards.person(WARD), wards.person(OTHER)
    assert listed(reports, View.LACKS, officer(WARD)) == {mine}
    assert listed(reports, View.LACKS, officer(WARD, OTHER), unit_code="W1") == {mine}
    with pytest.raises(Forbidden):
        reports.people(officer(WARD), View.LACKS, unit_code="W2")
    with pytest.raises(Forbidden):
        reports.count(officer(), View.LACKS)
    with pytest.raises(Invalid):
        reports.people(SYSTEM, View.LACKS, after="!")


def test_a_merged_person_counts_as_the_other_one_and_alone_again_when_taken_apart(wards, reports):
    one, same = wards.person(WARD), wards.person(OTHER)
    wards.certificate(same)

    def merge(into):
        with transaction():
            db.session.get(Person, same).merged_into_id = into
            changed("person", [one, same])

    merge(one)
    coverage = reports.coverage(SYSTEM)
    assert (coverage.persons, coverage.covered) == (1, 1)
    assert listed(reports, View.HAS) == {one}
    assert reports.first_difference() is None
    merge(None)
    coverage = reports.coverage(SYSTEM)
    assert (coverage.persons, coverage.covered) == (2, 1)
    assert listed(reports, View.HAS) == {same}


def test_two_certificates_count_once_for_the_official_device(wards, reports):
    person = wards.person(WARD)
    wards.certificate(person)
    wards.outside(person, NOW - timedelta(days=9), NOW + timedelta(days=9), Carrier.SIM)
    figures = reports.facets(SYSTEM)[Facet.ALL]
    assert {carrier: n for carrier, n in figures.carriers.items() if n} == {Carrier.SIM: 1}
    ended = (NOW + timedelta(days=9)).date()
    (one,) = reports.people(SYSTEM, View.HAS).items
    assert (one.carrier, one.covered_until) == (Carrier.SIM, date(2027, 12, 31))
    assert ended < one.covered_until


def test_the_forecast_ends_when_the_gap_closes_at_the_pace_of_the_last_days(wards, reports):
    people = [wards.person(WARD) for _ in range(10)]
    for days_ago, person in enumerate(people[:7]):
        wards.certificate(person, issued=NOW - timedelta(days=days_ago))
    told = reports.forecast(SYSTEM)
    assert (told.gap, told.per_day) == (3, (7 - 0) / 14)
    assert told.ends_on == NOW.date() + timedelta(days=6)
    assert reports.forecast(SYSTEM, unit_code="W2").ends_on == NOW.date()


def test_what_somebody_changed_past_us_is_named_and_mended(wards, reports):
    person = wards.person(WARD)
    wards.certificate(person, issued=datetime(2026, 3, 10, tzinfo=UTC))
    for damage, unit, day, figure in (
        ("UPDATE coverage_sum SET central = central + 1 WHERE level = 0 AND central = 1",
         "W1", date(2026, 3, 10), "central"),
        ("UPDATE coverage_sum SET persons = persons - 1 WHERE level = 2",
         "W1", date(2019, 12, 23), "persons/64"),
        ("UPDATE signing_key SET certificate_id = NULL", "W1", date(2026, 3, 10), "steps"),
        ("DELETE FROM standing", "W1", date(2020, 1, 1), "steps"),
        ("UPDATE standing SET is_unused = NOT is_unused", "W1", NOW.date(), "is_unused"),
    ):  # fmt: skip
        with transaction():
            db.session.execute(db.text(damage))
        found = reports.first_difference()
        assert found is not None
        assert (found.unit_code, found.day, found.figure) == (unit, day, figure), damage
        assert found.kept != found.counted
        reports.rebuild()
        assert reports.first_difference() is None


def test_a_renamed_unit_has_the_past_of_the_one_it_was_and_a_split_one_none(wards, reports):
    day = date(2026, 11, 20)
    ends = {"until": day - timedelta(days=1)}
    wards.unit("R1", "0001.0003.", **ends)
    wards.unit("R2", "0001.0004.", since=day)
    wards.unit("R3", "0001.0005.", since=day)
    wards.unit("R4", "0001.0006.", since=day)
    person = wards.person("0001.0003.", **ends)
    wards.moved(person, "0001.0004.", on=day)
    ids = dict(db.session.query(OrgUnit.code, OrgUnit.id).all())
    change = wards.change(day)
    for before, after in (("R1", "R2"), ("W2", "R3"), ("W2", "R4")):
        with transaction():
            db.session.add(
                UnitSuccessor(unit_id=ids[before], successor_id=ids[after], change_id=change)
            )
    wards.person(OTHER)
    trend = {one.day: one.figures.persons for one in reports.trend(SYSTEM, unit_code="R2")}
    assert (trend[day - timedelta(days=1)], trend[day]) == (1, 1)
    assert {one.figures.persons for one in reports.trend(SYSTEM, unit_code="R3")} == {0}
