"""The coverage page: figures, chart, drill-down, the day, the workbook."""

from io import BytesIO

import pytest
from flask import Flask
from openpyxl import load_workbook

from signer.accounts import Role
from tests.factories import OTHER_WARD, WARD, City
from tests.web.visitor import Visitor


@pytest.fixture
def auditor(app: Flask, city: City) -> Visitor:
    """Sees the whole city: three people in one ward, of whom one is covered; two in another."""
    people = city.people(3)
    city.people(2, unit=OTHER_WARD)
    city.issue(people[:1])
    return Visitor(app).log_in(city.account("auditor", Role.AUDITOR, None))


def test_both_numbers_and_the_way_to_the_people(auditor: Visitor) -> None:
    """The rate with its two numbers, a bar per unit, and links to who is lacking."""
    page = auditor.get("/coverage").text
    assert "20,0%" in page
    assert "1 trên 5 người" in page
    assert "<svg" in page
    assert f"/coverage?unit={WARD}" in page
    ward = auditor.get("/coverage", unit=WARD).text
    assert "33,3%" in ward
    assert f"/coverage/lacks?unit={WARD}" in ward


def test_the_day_before_nobody_was_covered(auditor: Visitor) -> None:
    """As of another day, and the links keep the day."""
    page = auditor.get("/coverage", as_of="2026-11-22")
    assert page.status_code == 200
    assert "22/11/2026" in page.text


@pytest.mark.parametrize("day", ["2027-01-01", "hôm qua", "2026-02-31"])
def test_a_day_without_figures_is_named(auditor: Visitor, day: str) -> None:
    """The error, and today's figures."""
    page = auditor.get("/coverage", as_of=day)
    assert page.status_code == 400
    assert "error-summary" in page.text
    assert "20,0%" in page.text


def test_the_workbook_opens(auditor: Visitor) -> None:
    """The same figures, by unit."""
    answer = auditor.get("/coverage.xlsx")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["Content-Disposition"]
    cells = [cell for row in load_workbook(BytesIO(answer.data)).active.values for cell in row]
    assert 5 in cells


def test_who_is_not_allowed(app: Flask, city: City) -> None:
    """A signer has no reports; another unit's figures are forbidden to a unit's officer."""
    signer = Visitor(app).log_in(city.account("somebody", Role.SIGNER))
    assert signer.get("/coverage").status_code == 403
    assert signer.get("/coverage.xlsx").status_code == 403
    officer = Visitor(app).log_in(city.account("officer", Role.HR))
    assert officer.get("/coverage", unit=OTHER_WARD).status_code == 403
