"""Frozen reports at the JSON door."""

from datetime import timedelta

import pytest

from signer.accounts import Role
from tests.clocks import StandingClock
from tests.factories import OTHER_WARD, WARD, City

MONTH = {"kind": "month", "on": "2026-12-14", "unit": WARD}


@pytest.fixture
def admin(as_role, city: City, clock: StandingClock):
    """Over the city; a ward of three people without certificates, and its month is over."""
    city.people(3)
    clock.move(timedelta(days=30))
    return as_role(Role.ADMIN, None)


def test_freezing_reading_and_comparing(admin, as_role):
    """One is frozen, read as JSON and as files; a second time it needs a difference."""
    made = admin.post("reports", json=MONTH)
    assert made.status_code == 201, made.text
    told = made.json
    assert (told["kind"], told["starts_on"], told["version"]) == ("month", "2026-11-15", 1)
    assert told["appendix"]["total"]["persons"] == 3
    assert admin.get(f"reports/{told['id']}").json == told
    assert [r["id"] for r in admin.get("reports", query_string={"unit": WARD}).json]
    paper = admin.get(f"reports/{told['id']}/file", query_string={"format": "pdf"})
    assert paper.data.startswith(b"%PDF-")
    assert paper.mimetype == "application/pdf"
    assert admin.get(f"reports/{told['id']}/differences").json == []
    again = admin.post("reports", json={**MONTH, "corrects": 1, "reason": "x"})
    assert again.status_code == 422
    assert as_role(Role.HR, WARD).get(f"reports/{told['id']}").status_code == 200


@pytest.mark.parametrize(
    ("role", "unit", "method", "path", "status"),
    [
        (Role.HR, WARD, "POST", "reports", 403),
        (Role.HR, OTHER_WARD, "GET", "reports/1", 404),
        (Role.HR, OTHER_WARD, "GET", "reports/1/file?format=csv", 404),
        (Role.HR, OTHER_WARD, "GET", "reports/1/differences", 404),
        (Role.ADMIN, None, "GET", "reports/1/file?format=exe", 422),
        (Role.ADMIN, None, "GET", "reports/99", 404),
        (Role.SIGNER, WARD, "GET", "reports", 403),
    ],
)
def test_who_is_refused(admin, as_role, role, unit, method, path, status):
    assert admin.post("reports", json=MONTH).status_code == 201
    caller = as_role(role, unit, name="someone")
    body = {"json": MONTH} if method == "POST" else {}
    assert caller.call(method, path, **body).status_code == status


@pytest.mark.parametrize("on", ["2026-12-30", "1999-01-01", "9999-12-31"])
def test_a_period_that_is_not_over_is_refused(admin, on):
    assert admin.post("reports", json={**MONTH, "on": on}).status_code == 422
