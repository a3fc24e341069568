"""The appendix of a day: every column of every row, and the order of the rows."""

from datetime import date, timedelta

import pytest

from signer.accounts import SYSTEM
from signer.db import db, transaction
from signer.errors import Forbidden, Invalid
from signer.inventory.kinds import PersonKind, UnitKind
from signer.inventory.models import OrgUnit
from signer.inventory.states import PersonState
from signer.outside.kinds import Carrier
from signer.reports.appendix import FIGURES
from signer.reports.coverage import View
from tests.databases import both_databases
from tests.reports.conftest import NOW, officer

pytestmark = both_databases

TODAY = NOW.date()
SINCE = TODAY - timedelta(days=30)
WARD, DIVISION, OFFICE = "0001.0001.", "0001.0001.0001.", "0001.0002."


@pytest.fixture
def hanoi(city):
    """A city with a ward, a division in it, and a department that stands before them."""
    kinds = {"HN": UnitKind.CITY, "W": UnitKind.WARD, "S": UnitKind.DEPARTMENT}
    city.unit("HN", "0001.", name="Thành phố")
    city.unit("W", WARD, name="Phường Ba Đình")
    city.unit("W-1", DIVISION, name="Phòng Kinh tế")
    city.unit("S", OFFICE, name="Sở Xây dựng")
    with transaction():
        for unit in db.session.query(OrgUnit):
            unit.kind = kinds.get(unit.code, UnitKind.DIVISION)
    return city


def rows_of(appendix):
    """What is not nothing, of each row."""
    return {
        (row.code, row.level, row.is_direct): {
            name: count for name, count in row.figures().items() if count
        }
        for row in appendix.rows
    }


def test_every_column_counts_what_it_says(hanoi, reports):
    signs = hanoi.person(WARD, kind=PersonKind.CADRE)
    idle = hanoi.person(DIVISION, kind=PersonKind.CIVIL_SERVANT)
    soon = hanoi.person(OFFICE, kind=PersonKind.PUBLIC_EMPLOYEE)
    waits = hanoi.person(OFFICE, kind=PersonKind.WORKER)
    hanoi.person(OFFICE)
    hanoi.person(OFFICE, state=PersonState.MATERNITY_LEAVE)
    left = hanoi.person(DIVISION, state=PersonState.RETIRED)
    for person in (signs, left):
        hanoi.certificate(person)
    for days_ago in (0, 29, 30, 400):  # the first two in the period
        hanoi.signature(signs, NOW - timedelta(days=days_ago))
    hanoi.signature(left, NOW)
    hanoi.outside(idle, NOW - timedelta(days=9), NOW + timedelta(days=900), Carrier.TOKEN)
    hanoi.outside(soon, NOW - timedelta(days=9), NOW + timedelta(days=61), Carrier.HSM)
    hanoi.request(waits, at=NOW)
    hanoi.person("0001.")
    appendix = reports.appendix(SYSTEM, as_of=TODAY, since=SINCE)
    lower = {"total": 1, "civil_servants": 1, "persons": 1, "covered": 1, "token": 1}
    assert rows_of(appendix) == {
        ("HN", 0, True): {"total": 1, "persons": 1},
        ("S", 0, False): {
            "total": 4, "public_employees": 1, "workers": 1, "persons": 3, "covered": 1,
            "central": 1, "pending": 1, "expiring": 1,
        },
        ("W", 0, False): {
            "total": 2, "cadres": 1, "civil_servants": 1, "persons": 2, "covered": 2,
            "token": 1, "central": 1, "must_revoke": 1, "signed_persons": 1, "signed_times": 2,
        },
        ("W-1", 1, False): lower | {"must_revoke": 1},
    }  # fmt: skip
    assert [row.code for row in appendix.rows] == ["HN", "S", "W", "W-1"]
    upper = [row for row in appendix.rows if row.level == 0]
    for name in FIGURES:
        assert getattr(appendix.total, name) == sum(getattr(row, name) for row in upper)
    assert appendix.total.expiring == reports.count(SYSTEM, View.EXPIRING)
    assert appendix.total.must_revoke == reports.count(SYSTEM, View.MUST_REVOKE)


def test_a_past_day_knows_nothing_of_what_our_ca_issued_later(hanoi, reports):
    person = hanoi.person(WARD)
    hanoi.certificate(person, ends=NOW + timedelta(days=20), key_state="retired")
    hanoi.certificate(person, issued=NOW)
    yesterday = reports.appendix(SYSTEM, as_of=TODAY - timedelta(days=1), since=SINCE)
    today = reports.appendix(SYSTEM, as_of=TODAY, since=SINCE)
    assert (yesterday.total.expiring, today.total.expiring) == (1, 0)


def test_the_period_is_counted_over_the_units_of_its_last_day(hanoi, reports):
    person = hanoi.person(OFFICE, until=date(2026, 6, 30))
    hanoi.moved(person, WARD, on=date(2026, 7, 1))
    hanoi.certificate(person)
    days = date(2026, 6, 30), date(2026, 7, 1)
    rows = [rows_of(reports.appendix(SYSTEM, as_of=day, since=SINCE)) for day in days]
    assert [row["S", 0, False].get("covered", 0) for row in rows] == [1, 0]
    assert [row["W", 0, False].get("covered", 0) for row in rows] == [0, 1]


def test_somebody_of_one_unit_gets_that_unit_alone(hanoi, reports):
    hanoi.person(WARD)
    hanoi.person(OFFICE)
    appendix = reports.appendix(officer(WARD), as_of=TODAY, since=SINCE)
    assert (appendix.code, appendix.total.total) == ("W", 1)
    assert rows_of(appendix) == {
        ("W", 0, True): {"total": 1, "persons": 1},
        ("W-1", 0, False): {},
    }
    with pytest.raises(Forbidden):
        reports.appendix(officer(WARD), as_of=TODAY, since=SINCE, unit_code="S")
    with pytest.raises(Invalid):
        reports.appendix(SYSTEM, as_of=TODAY + timedelta(days=1), since=SINCE)
