"""Sprints over the API: from the start to the board, tasks, scores, reasons and reminders."""

import io

from signer.accounts import Role
from tests.campaigns.conftest import ENDS, STARTS, TODAY, Sprint
from tests.factories import OTHER_WARD, WARD

pytest_plugins = ["tests.campaigns.conftest"]


def test_a_sprint_from_start_to_board(as_role, city):
    city.people(3)
    admin, officer = as_role(Role.ADMIN, None), as_role(Role.HR)
    body = {
        "name": "Sáu mươi ngày",
        "unit": "HN",
        "target_percent": 100,
        "starts_on": STARTS.isoformat(),
        "ends_on": ENDS.isoformat(),
    }
    assert officer.post("campaigns", json=body).status_code == 403
    assert admin.post("campaigns", json=body | {"target_percent": 0}).status_code == 422
    made = admin.post("campaigns", json=body)
    assert made.status_code == 201
    where = f"campaigns/{made.json['id']}"
    assert [one["name"] for one in officer.get("campaigns").json] == ["Sáu mươi ngày"]
    city_board = admin.get(f"{where}/board").json
    assert (city_board["gap"], city_board["days_left"]) == (3, 40)
    assert [line["code"] for line in city_board["units"]] == [WARD]
    assert city_board["points"][TODAY.isoformat()] == 3
    assert officer.get(f"{where}/board").json["unit"] == WARD
    assert officer.get(f"{where}/board?unit={OTHER_WARD}").status_code == 403
    scores = officer.get(f"{where}/scores").json
    assert [(row["unit"], row["rank"]) for row in scores] == [(WARD, 1)]


def test_tasks_and_their_reports(as_role, sprint: Sprint):
    admin, officer = as_role(Role.ADMIN, None), as_role(Role.HR)
    body = {"units": [WARD], "title": "Rà soát", "due_on": TODAY.isoformat()}
    [task] = admin.post(f"campaigns/{sprint.id}/tasks", json=body).json
    said = {"state": "late", "cause": "Thiếu thư", "fix": "Cấp thư"}
    assert officer.post(f"tasks/{task['id']}/reports", json={"state": "late"}).status_code == 422
    assert officer.post(f"tasks/{task['id']}/reports", json=said).json["state"] == "late"
    moved = admin.post(f"tasks/{task['id']}/due", json={"due_on": ENDS.isoformat()}).json
    assert (moved["state"], moved["due_on"]) == ("open", ENDS.isoformat())
    assert len(officer.get(f"campaigns/{sprint.id}/tasks").json) == 1
    assert as_role(Role.HR, OTHER_WARD).get(f"campaigns/{sprint.id}/tasks").json == []


def test_evidence_goes_up_and_comes_down(as_role, sprint: Sprint, services):
    officer = as_role(Role.HR)
    [row] = officer.get(f"campaigns/{sprint.id}/scores").json
    criterion = row["parts"][0]["id"]
    files = {"unit": WARD, "file": (io.BytesIO(b"%PDF-1.7"), "a.pdf")}
    made = officer.post(f"criteria/{criterion}/evidence", data=files)
    assert made.status_code == 201
    assert officer.get(f"evidence/{made.json['id']}").data == b"%PDF-1.7"
    stranger = as_role(Role.HR, OTHER_WARD)
    assert stranger.get(f"evidence/{made.json['id']}").status_code == 404
    score = {"unit": WARD, "note": "Có biên bản"}
    assert officer.post(f"criteria/{criterion}/scores", json=score).status_code == 204


def test_reasons_and_reminders(as_role, sprint: Sprint):
    officer, city_wide = as_role(Role.HR), as_role(Role.HR, None)
    codes = [person.code for person in sprint.ward[6:]]
    body = {"persons": codes, "reason": "no_email", "owner": "Văn phòng"}
    assert officer.post("lack-reasons", json=body).json == {"persons": 6}
    assert officer.post("lack-reasons", json=body | {"reason": "x"}).status_code == 422
    remind = {"unit": WARD, "view": "lacks", "message": "Trong tuần"}
    sent = city_wide.post("reminders", json=remind)
    assert (sent.status_code, sent.json["persons"]) == (201, 6)
    assert officer.post(f"reminders/{sent.json['id']}/seen").status_code == 204
    assert officer.get("reminders").json[0]["seen_by"]
    assert city_wide.post("reminders", json=remind | {"view": "has"}).status_code == 422
