"""The pages of units: the tree of a day, one unit, the guided act from form to undone."""

import re

import pytest
from flask import Flask

from signer.accounts import SYSTEM, Role
from signer.db import release
from tests.factories import OTHER_WARD, WARD, City
from tests.web.visitor import Visitor, hidden

RENAME = {
    "kind": "rename",
    "codes": WARD,
    "heir_name": "UBND phường Mới",
    "on": "2026-11-01",
    "decision": "12/NQ",
}
FORM = "/unit-changes/new?kind=rename"


@pytest.fixture
def admin(app: Flask, city: City) -> Visitor:
    """Manages the units of the whole city."""
    return Visitor(app).log_in(city.account("admin1", Role.ADMIN, None))


def test_the_tree_is_that_of_the_day_asked_for(admin: Visitor) -> None:
    """30/06/2025 has districts, 01/07/2025 has none; a day that is none shows today's."""
    before = admin.get("/units", as_of="2025-06-30").text
    after = admin.get("/units", as_of="2025-07-01").text
    assert "Q-BaDinh" in before
    assert WARD not in before
    assert WARD in after
    assert "Q-BaDinh" not in after
    wrong = admin.get("/units", as_of="hôm qua")
    assert wrong.status_code == 400
    assert WARD in wrong.text


def test_an_officer_sees_the_own_units_and_changes_none(app: Flask, city: City) -> None:
    """Another unit is not found; acts are not offered and are forbidden."""
    officer = Visitor(app).log_in(city.account("officer", Role.HR))
    page = officer.get("/units").text
    assert WARD in page
    assert OTHER_WARD not in page
    assert "/unit-changes/new" not in page
    assert officer.get(f"/units/{WARD}").status_code == 200
    assert officer.get(f"/units/{OTHER_WARD}").status_code == 404
    assert officer.get("/unit-changes/new").status_code == 403
    assert officer.post("/unit-changes", RENAME, form_at="/units").status_code == 403


def test_from_the_form_to_the_deed_and_back(city: City, admin: Visitor) -> None:
    """Preview changes nothing and counts people and certificates; the deed is on its own page."""
    city.certified(2)
    seen = admin.post("/unit-changes/preview", RENAME, form_at=FORM)
    assert seen.status_code == 200, seen.text
    assert "UBND phường Mới" in seen.text
    figures = re.findall(r'figure-number">([^<]+)<', seen.text)
    assert figures == ["2", "2", "1", "1"]
    assert hidden(seen.text, "heir_name") == "UBND phường Mới"
    assert "UBND phường Mới" not in admin.get(f"/units/{WARD}").text
    back = admin.post("/unit-changes/preview", {**RENAME, "back": "yes"}, form_at=FORM)
    assert 'value="UBND phường Mới"' in back.text
    done = admin.post("/unit-changes", RENAME, form_at=FORM)
    assert done.status_code == 302
    act = admin.get(done.location).text
    assert "Đã thực hiện" in act
    page = admin.get(f"/units/{WARD}").text
    assert "<h1>UBND phường Mới</h1>" in page
    assert done.location in page
    assert "Ba Đình" in admin.get(f"/units/{WARD}", as_of="2026-10-31").text
    undone = admin.post(f"{done.location}/undo", {}, form_at=done.location)
    assert undone.status_code == 302
    assert "Đã hoàn tác" in admin.get(done.location).text
    assert "UBND phường Mới" not in admin.get("/units").text.split("Những lần")[0]


@pytest.mark.parametrize(
    ("spoiled", "sentence"),
    [
        ({"decision": ""}, "quyết định"),
        ({"on": ""}, "ngày"),
        ({"on": "mai"}, "không phải là một ngày"),
        ({"codes": "không"}, "mang mã"),
        ({"kind": ""}, "Hãy chọn việc cần làm"),
        ({"kind": "close"}, "đơn vị tiếp nhận"),
    ],
)
def test_a_form_that_cannot_be_comes_again(
    city: City, admin: Visitor, spoiled: dict[str, str], sentence: str
) -> None:
    """With what was wrong, under a status that says so, at preview and deed."""
    city.people(1)
    fields = {**RENAME, "heir_code": "", "heir_name": "", **spoiled}
    if "kind" not in spoiled:
        fields["heir_name"] = RENAME["heir_name"]
    for address in ("/unit-changes/preview", "/unit-changes"):
        answer = admin.post(address, fields, form_at=FORM)
        assert answer.status_code in (400, 404, 409), answer.status_code
        assert sentence in answer.text
    assert admin.get("/unit-changes/preview").status_code == 302


def test_each_act_has_its_form(admin: Visitor) -> None:
    """Six of them, with what is known filled in."""
    assert admin.get("/unit-changes/new").text.count('name="kind"') == 6
    for kind in ("open", "close", "rename", "move", "merge", "split"):
        page = admin.get("/unit-changes/new", kind=kind, codes=WARD)
        assert page.status_code == 200
        if kind == "merge":
            assert f">{WARD}</textarea>" in page.text
        elif kind != "open":
            assert f'value="{WARD}" selected' in page.text


def test_a_split_is_told_in_lines(city: City, admin: Visitor) -> None:
    """Who is named in the second part goes there."""
    one, two = city.people(2)
    fields = {
        "kind": "split",
        "codes": WARD,
        "on": "2026-11-01",
        "decision": "1",
        "heir_code": ["N1", OTHER_WARD],
        "heir_name": ["UBND phường Một", ""],
        "heir_takes": ["", f"{two.code}\n"],
    }
    done = admin.post("/unit-changes", fields, form_at=FORM)
    assert done.status_code == 302, done.text
    release()
    where = {
        person.code: city.services.inventory.person_of(SYSTEM, person.code).unit_path
        for person in (one, two)
    }
    assert where[one.code] == city.services.inventory.unit_of("N1").path
    assert where[two.code] == city.services.inventory.unit_of(OTHER_WARD).path


def test_what_a_body_is_and_who_speaks_for_it(city: City, admin: Visitor) -> None:
    """Codes are checked; one officer and one deputy; the former stay in the history."""
    one, two, three = city.people(3)
    home = f"/units/{WARD}"
    facts = {"has_legal_status": "yes", "has_seal": "yes", "tax_code": "0101-X"}
    refused = admin.post(f"{home}/facts", facts, form_at=home)
    assert refused.status_code == 400
    assert "0101-X" in refused.text
    facts |= {"tax_code": "0100000000-001", "budget_code": "1234567", "electronic_code": "h26.1.15"}
    assert admin.post(f"{home}/facts", facts, form_at=home).status_code == 302
    assert "H26.1.15" in admin.get(home).text

    def name(duty: str, person: str, on: str) -> int:
        fields = {"duty": duty, "person": person, "decision": "7/QĐ", "on": on}
        return admin.post(f"{home}/officers", fields, form_at=home).status_code

    assert name("focal", one.code, "2026-01-05") == 302
    assert name("deputy", one.code, "2026-01-05") == 409
    assert name("deputy", two.code, "2026-01-05") == 302
    assert name("focal", three.code, "2026-06-01") == 302
    assert name("focal", "T99999", "2026-06-01") == 400
    page = admin.get(home).text
    assert "từ 05/01/2026 đến hết 31/05/2026" in page
    assert admin.post(f"{home}/officers/deputy/end", {}, form_at=home).status_code == 302
    assert admin.post(f"{home}/officers/deputy/end", {}, form_at=home).status_code == 404
