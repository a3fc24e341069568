"""Persons, duplicates and the policy through the JSON door."""

import pytest

from signer.accounts import Role
from signer.db import release
from signer.errors import Forbidden
from signer.signing.approvals import Place
from signer.signing.geometry import Box
from tests.factories import OTHER_WARD, WARD

PLACE = Place(page=1, box=Box(x0=300, y0=120, x1=500, y1=180))


def test_a_correction_is_tried_and_then_stored(as_role, city, clock):
    """The same checks as everywhere; a stale reader is told."""
    [person] = city.people(1)
    hr = as_role(Role.HR, None)
    address = f"persons/{person.code}/correction"
    facts = {"unit": OTHER_WARD, "title": "Trưởng phòng", "mobile": None}
    tried = hr.post(address, json={"facts": facts, "dry_run": True}).json
    assert set(tried["changes"]) == {"unit_id", "title", "mobile"}
    assert (tried["asks"], tried["alters_certificate"]) == ("none", True)
    before = hr.get(f"persons/{person.code}").json
    assert (before["title"], before["unit"]) == ("Chuyên viên", WARD)
    clock.at = clock.at.replace(minute=30)
    body = {"facts": facts, "seen": before["updated_at"]}
    assert hr.post(address, json=body).status_code == 200
    after = hr.get(f"persons/{person.code}").json
    assert (after["title"], after["unit"], after["mobile"]) == ("Trưởng phòng", OTHER_WARD, None)
    assert hr.post(address, json=body | {"facts": {"title": "Phó phòng"}}).status_code == 409


def test_somebody_is_added_and_refused_by_field(as_role, city):
    """One complaint names its field."""
    hr = as_role(Role.HR)
    facts = {"code": "X1", "full_name": "Lê Văn Bình", "unit": WARD}
    added = hr.post("persons", json={"facts": facts})
    assert added.status_code == 200
    assert {warning["field"] for warning in added.json["warnings"]} >= {"email", "id_number"}
    again = hr.post("persons", json={"facts": facts})
    assert again.status_code == 422
    assert [error["field"] for error in again.json["errors"]] == ["code"]
    assert hr.post("persons", json={"facts": {"no_such": "x"}}).status_code == 422
    foreign = {"facts": facts | {"code": "X2", "unit": OTHER_WARD}}
    assert hr.post("persons", json=foreign).status_code == 422


def test_two_entries_become_one_and_two_again(as_role, city):
    """And are said to be."""
    first, second = city.people(2)
    hr = as_role(Role.HR)
    made = hr.post("duplicates", json={"first": first.code, "second": second.code}).json
    address = f"duplicates/{made['id']}/decision"
    merged = hr.post(address, json={"outcome": "merge", "survivor": first.code}).json
    assert (merged["state"], merged["survivor"]) == ("merged", first.code)
    assert hr.get(f"persons/{second.code}").json["merged_into"] == first.code
    assert [p["code"] for p in hr.get("persons").json["persons"]] == [first.code]
    assert hr.get("duplicates?decided=true").json["pairs"][0]["id"] == made["id"]
    assert hr.post(address, json={"outcome": "take_back"}).json["survivor"] is None
    assert hr.post(address, json={"outcome": "take_back"}).status_code == 409
    assert hr.post(address, json={"outcome": "keep_apart"}).json["state"] == "kept_apart"
    assert as_role(Role.HR, OTHER_WARD).post(address, json={"outcome": "merge"}).status_code == 404


def test_the_policy_is_read_tried_and_changed(as_role, city):
    """By an administrator of the city."""
    admin = as_role(Role.ADMIN, None)
    states = {rule["state"]: rule for rule in admin.get("policy").json["states"]}
    assert states["working"]["label"] == "Đang công tác"
    change = {"state": "maternity_leave", "counted": True, "may_sign": True, "consequence": "none"}
    tried = admin.post("policy", json={"states": [change], "dry_run": True}).json
    assert tried == {
        "states": [{"state": "maternity_leave", "people": 0, "moves": 0}],
        "job_id": None,
    }
    assert admin.post("policy", json={"states": [change]}).status_code == 200
    now = {rule["state"]: rule for rule in admin.get("policy").json["states"]}
    assert now["maternity_leave"]["counted"]
    wrong = change | {"state": "working", "counted": False}
    assert admin.post("policy", json={"states": [wrong]}).status_code == 422
    assert as_role(Role.ADMIN, WARD).get("policy").status_code == 403


def test_a_merged_persons_certificate_counts_for_the_survivor(as_role, city):
    """And for the other again when the two are separated."""
    [covered], [lacking] = city.certified(1), city.people(1)
    hr = as_role(Role.HR)
    codes = {"first": covered.code, "second": lacking.code}
    address = f"duplicates/{hr.post('duplicates', json=codes).json['id']}/decision"
    hr.post(address, json={"outcome": "merge", "survivor": lacking.code})
    figures = hr.get("coverage").json
    assert (figures["persons"], figures["covered"]) == (1, 1)
    hr.post(address, json={"outcome": "take_back"})
    figures = hr.get("coverage").json
    assert (figures["persons"], figures["covered"]) == (2, 1)


def test_what_ends_a_survivors_certificate_ends_the_merged_entrys(as_role, city):
    """It counts for the survivor, so it goes when the survivor goes, and signs no more."""
    [covered], [lacking] = city.certified(1), city.people(1)
    hr = as_role(Role.HR)
    codes = {"first": covered.code, "second": lacking.code}
    address = f"duplicates/{hr.post('duplicates', json=codes).json['id']}/decision"
    hr.post(address, json={"outcome": "merge", "survivor": lacking.code})
    assert city.services.issuance.revoking.sweep() == 0
    release()
    hr.post(f"persons/{lacking.code}/correction", json={"facts": {"state": "retired"}})
    assert city.services.issuance.revoking.sweep() == 1
    signing = {"intent": "x", "input_sha256": "0" * 64, "pin": "2468-lotus", "place": PLACE}
    with pytest.raises(Forbidden, match="công tác"):
        city.services.signing.sign(city.signer_of(covered), **signing)
