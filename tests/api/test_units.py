"""Units through the API: one in full, officers, acts seen beforehand, done, undone."""

from signer.accounts import Role
from tests.factories import OTHER_WARD, WARD

ACT = {
    "kind": "merge",
    "on": "2026-11-01",
    "decision": "12/NQ",
    "codes": [WARD, OTHER_WARD],
    "heirs": [{"code": "M", "name": "UBND phường Chung"}],
}


def test_an_act_is_seen_done_and_undone(as_role, city):
    """The preview changes nothing; the answer names what ended and began."""
    admin = as_role(Role.ADMIN, None)
    city.certified(2)
    seen = admin.post("unit-changes/preview", json=ACT)
    assert seen.status_code == 200, seen.text
    assert (seen.json["people"], seen.json["certificates"]) == (2, 2)
    assert admin.get("units/M").status_code == 404
    done = admin.post("unit-changes", json=ACT)
    assert done.status_code == 201, done.text
    assert (done.json["state"], done.json["people"]) == ("done", 2)
    assert {unit["code"] for unit in done.json["ended"]} == {WARD, OTHER_WARD}
    unit = admin.get("units/M").json
    assert {one["code"] for one in unit["predecessors"]} == {WARD, OTHER_WARD}
    assert admin.get(f"units/{WARD}?as_of=2026-10-31").json["successors"][0]["code"] == "M"
    assert admin.get("unit-changes").json[0]["id"] == done.json["id"]
    again = admin.post("unit-changes", json=ACT)
    assert again.status_code in (404, 409)
    undone = admin.post(f"unit-changes/{done.json['id']}/undo")
    assert undone.json["state"] == "undone"
    assert admin.get(f"unit-changes/{done.json['id']}").json["state"] == "undone"
    assert admin.get("units/M").status_code == 404


def test_what_a_body_is_and_who_speaks_for_it(as_role, city):
    """Facts and officers; a wrong code names its field."""
    admin = as_role(Role.ADMIN, None)
    one = city.people(1)[0]
    facts = {"has_legal_status": True, "has_seal": True, "budget_code": "12"}
    refused = admin.post(f"units/{WARD}/facts", json=facts)
    assert refused.status_code == 422
    assert refused.json["errors"][0]["field"] == "budget_code"
    facts["budget_code"] = "1234567"
    assert admin.post(f"units/{WARD}/facts", json=facts).json["budget_code"] == "1234567"
    named = admin.post(
        f"units/{WARD}/officers", json={"duty": "focal", "person": one.code, "decision": "7/QĐ"}
    )
    assert [officer["code"] for officer in named.json["officers"]] == [one.code]


def test_an_officer_sees_the_own_unit_and_changes_nothing(as_role, city):
    """403 for acts, 404 for units of others."""
    officer = as_role(Role.HR)
    assert officer.get(f"units/{WARD}").status_code == 200
    assert officer.get(f"units/{OTHER_WARD}").status_code == 404
    assert officer.post("unit-changes", json=ACT).status_code == 403
    assert officer.get("unit-changes").json == []
