"""The pages of a sprint: board, tasks, scores with their files, reminders."""

from io import BytesIO

import pytest
from flask import Flask

from signer.accounts import Role
from signer.services import Services
from tests.campaigns.sprints import Sprint
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD, City
from tests.web.visitor import Visitor

PDF = b"%PDF-1.7\nbang chung"


@pytest.fixture
def leader(app: Flask, city: City, sprint: Sprint) -> Visitor:
    """Leads the campaign."""
    return Visitor(app).log_in(city.account("lanhdao", Role.ADMIN, None))


@pytest.fixture
def clerk(app: Flask, city: City, sprint: Sprint) -> Visitor:
    """The ward's officer."""
    return Visitor(app).log_in(city.account("lan", Role.HR))


@both_databases
def test_the_morning_page(leader: Visitor) -> None:
    """One running campaign: its board at once, with countdown, both numbers, chart and table."""
    assert leader.get("/campaigns").location == "/campaigns/1"
    page = leader.get("/campaigns/1").text
    for words in ("ngày còn lại", "ngày thứ 21 trên 60", "40,0%", "6 trên 15 người", "<svg"):
        assert words in page
    assert "Chậm 1 người so với tiến độ" in page
    assert "Bảng số liệu của biểu đồ" in page
    quick = leader.get("/campaigns/1", order="quick").text.split('id="units"')[1]
    assert f"/coverage/lacks?unit={WARD}" in quick
    zoomed = leader.get("/campaigns/1", unit=WARD).text
    assert "6 trên 12 người" in zoomed
    assert "60 ngày đêm" in leader.get("/campaigns", all=1).text


def test_a_campaign_from_form_to_close(leader: Visitor) -> None:
    """Refused with the typed values kept, opened, changed, closed."""
    fields = {
        "name": "Chiến dịch mới",
        "unit": WARD,
        "target_percent": "98",
        "starts_on": "2026-11-23",
        "ends_on": "2026-11-01",
    }
    refused = leader.post("/campaigns", fields, form_at="/campaigns/new")
    assert refused.status_code == 400
    assert "Chiến dịch mới" in refused.text
    assert 'href="#field-ends_on"' in refused.text
    made = leader.post("/campaigns", fields | {"ends_on": "2027-01-21"}, form_at="/campaigns/new")
    assert "Chiến dịch mới" in leader.get(made.location).text
    edit = f"{made.location}/edit"
    changed = leader.post(edit, fields | {"name": "Tên khác", "ends_on": "2027-01-21"})
    assert "Tên khác" in leader.get(changed.location).text
    leader.post(f"{made.location}/close", {}, form_at=edit)
    assert "Kết thúc" in leader.get(made.location).text


def test_tasks_are_given_and_reported(leader: Visitor, clerk: Visitor) -> None:
    """To chosen units and to all; the unit says why it is late; the leader decides on a day."""
    where = "/campaigns/1/tasks"
    task = {"title": "Rà soát thư công vụ", "due_on": "2026-11-30"}
    assert leader.post(where, task).status_code == 400
    leader.post(where, task | {"unit": [WARD, OTHER_WARD]})
    assert "Rà soát thư công vụ" in clerk.get(where).text
    report = {"state": "adjust", "cause": "", "fix": ""}
    refused = clerk.post("/tasks/1", report)
    assert refused.status_code == 400
    assert "nguyên nhân" in refused.text
    clerk.post("/tasks/1", report | {"cause": "Thiếu thư", "fix": "Xin lùi một tuần"})
    assert "Thiếu thư" in leader.get("/campaigns/1").text
    leader.post("/tasks/1/due", {"due_on": "2026-12-07"}, form_at="/tasks/1")
    assert "07/12/2026" in clerk.get("/tasks/1").text
    assert clerk.get("/tasks/2").status_code == 404
    assert "Lập chiến dịch" not in clerk.get(where).text


def test_a_score_with_its_file(app: Flask, leader: Visitor, clerk: Visitor, city: City) -> None:
    """A criterion is added, the ward fills it in with a file, another ward cannot fetch it."""
    criterion = {"code": "TC9", "title": "Tập huấn", "most_points": "10", "measure": "typed"}
    leader.post("/campaigns/1/criteria", criterion, form_at="/campaigns/1/scores")
    mine = f"/campaigns/1/scores/{WARD}"
    values = {"criterion": "5", "a": "3", "b": "4", "note": "Ba buổi"}
    assert clerk.post(mine, values | {"criterion": "9" * 30}).status_code == 404
    bad = clerk.post(mine, values | {"file": (BytesIO(b"MZ"), "a.exe")})
    assert bad.status_code == 400
    assert "a.exe" in bad.text
    assert "Ba buổi" in bad.text, "what was typed is kept on the form"
    assert "7,5" not in clerk.get(mine).text, "nothing was stored"
    clerk.post(mine, values | {"file": (BytesIO(PDF), "../../bien-ban.pdf")})
    page = clerk.get(mine).text
    assert "7,5" in page
    assert "bien-ban.pdf" in page
    file = clerk.get("/evidence/1")
    assert file.data == PDF
    assert file.headers["Content-Disposition"].startswith("attachment")
    stranger = Visitor(app).log_in(city.account("xa", Role.HR, OTHER_WARD))
    assert stranger.get("/evidence/1").status_code == 404
    assert stranger.get(mine).status_code == 404
    clerk.post(f"{mine}/withdraw", {"evidence": "1"}, form_at=mine)
    assert "bien-ban.pdf" not in clerk.get(mine).text
    leader.post("/campaigns/1/criteria/end", {"code": "TC9"}, form_at="/campaigns/1/scores")
    assert "TC9" not in leader.get("/campaigns/1/scores").text


def test_a_reminder_on_the_start_page(
    services: Services, sprint: Sprint, clerk: Visitor, leader: Visitor
) -> None:
    """Sent from the list of people, shown to the ward's officer, gone once it was seen."""
    sent = leader.post(
        "/coverage/lacks/reminder",
        {"unit": WARD, "message": "Trong tuần này"},
        form_at=f"/coverage/lacks?unit={WARD}",
    )
    assert sent.status_code == 302
    assert "Trong tuần này" in clerk.get("/").text
    assert "Chưa xem" in leader.get("/reminders").text
    clerk.post("/reminders/1/seen", {}, form_at="/")
    assert "Trong tuần này" not in clerk.get("/").text
    assert "lan" in leader.get("/reminders").text.split("<main")[1]


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        (Role.SIGNER, "/campaigns/1", 403),
        (Role.AUDITOR, "/campaigns/1", 200),
        (Role.AUDITOR, "/campaigns/new", 403),
        (Role.HR, "/campaigns/1/edit", 403),
        (Role.APPROVER, "/campaigns/1/scores", 200),
        (Role.HR, "/campaigns/99", 404),
        (Role.HR, "/tasks/99", 404),
    ],
)
def test_who_may_open_what(
    app: Flask, city: City, sprint: Sprint, role: Role, path: str, status: int
) -> None:
    """Closed for who has no reports; forms for who leads."""
    assert Visitor(app).log_in(city.account("ai", role)).get(path).status_code == status
