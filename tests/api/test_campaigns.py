"""Sprints over the API: list and board, reasons and reminders."""

from signer.accounts import Role
from tests.campaigns.sprints import TODAY, Sprint
from tests.factories import OTHER_WARD, WARD


def test_the_board(as_role, sprint: Sprint):
    officer = as_role(Role.HR)
    where = f"campaigns/{sprint.id}/board"
    (listed,) = officer.get("campaigns").json
    assert (listed["id"], listed["target_percent"]) == (sprint.id, 100)
    city_board = as_role(Role.ADMIN, None).get(where).json
    assert (city_board["gap"], city_board["days_left"]) == (9, 40)
    assert [line["code"] for line in city_board["units"]] == [OTHER_WARD, WARD]
    assert city_board["points"][TODAY.isoformat()] == 9
    assert officer.get(where).json["unit"] == WARD
    assert officer.get(f"{where}?unit={OTHER_WARD}").status_code == 403
    assert as_role(Role.SIGNER).get(where).status_code == 403


def test_reasons_and_reminders(as_role, sprint: Sprint):
    officer, city_wide = as_role(Role.HR), as_role(Role.HR, None)
    codes = [person.code for person in sprint.ward[6:]]
    body = {"persons": codes, "reason": "no_email", "owner": "Văn phòng"}
    assert officer.post("lack-reasons", json=body).json == {"persons": 6}
    assert officer.post("lack-reasons", json=body | {"reason": "x"}).status_code == 422
    remind = {"unit": WARD, "view": "lacks", "message": "Trong tuần"}
    assert city_wide.post("reminders", json=remind).json == {"persons": 6}
    assert city_wide.post("reminders", json=remind | {"view": "has"}).status_code == 422
