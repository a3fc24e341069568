"""The lists behind the figures: who, why, where it waits, and the next act upon them."""

import pytest
from flask import Flask

from signer.accounts import Role
from signer.campaigns.kinds import LackCause
from signer.inventory.models import Person
from signer.services import Services
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD, City
from tests.web.visitor import Visitor


@pytest.fixture
def people(city: City) -> list[Person]:
    """Four people of the ward, the first of whom holds a certificate."""
    people = city.people(4)
    city.issue(people[:1])
    return people


@pytest.fixture
def huong(app: Flask, city: City, people: list[Person]) -> Visitor:
    """The HR officer of the ward."""
    return Visitor(app).log_in(city.account("huong", Role.HR))


@both_databases
def test_each_list_has_its_people(
    services: Services, city: City, people: list[Person], huong: Visitor
) -> None:
    """Who has, who waits and with whom, who lacks; the tabs count them."""
    services.issuance.create(
        city.actor("lan", Role.HR), person_codes=[people[1].code], reason="Cấp mới"
    )
    lists = {view: huong.get(f"/coverage/{view}").text for view in ("has", "pending", "lacks")}
    for view, wanted in (("has", people[:1]), ("pending", people[1:2]), ("lacks", people[2:])):
        shown = [person.code for person in people if person.code in lists[view]]
        assert shown == [person.code for person in wanted], view
        assert f"{len(wanted)}</span></a>" in lists[view]
    assert "Chờ duyệt" in lists["pending"]
    assert "Tập trung" in lists["has"] or "tập trung" in lists["has"]


@both_databases
def test_a_reason_is_given_to_the_chosen_and_then_to_everybody(
    people: list[Person], huong: Visitor
) -> None:
    """It stands beside the person, with who settles it by when; another one takes its place."""
    form = {"cause": LackCause.NO_EMAIL.value, "owner": "Phòng Nội vụ", "due_on": "2026-12-01"}
    chosen = {"id": str(people[1].id), "whom": "chosen"}
    sent = huong.post("/coverage/lacks/reason", form | chosen, form_at="/coverage/lacks")
    assert sent.status_code == 302
    page = huong.get("/coverage/lacks").text
    rows = {
        code: row for row in page.split("<tr>") for code in [p.code for p in people] if code in row
    }
    assert "Chưa có thư điện tử công vụ" in rows[people[1].code]
    assert "01/12/2026" in rows[people[1].code]
    assert "Chưa ghi nguyên nhân" in rows[people[2].code]
    everyone = {"cause": LackCause.REORGANISATION.value, "whom": "everyone"}
    huong.post("/coverage/lacks/reason", everyone, form_at="/coverage/lacks")
    page = huong.get("/coverage/lacks").text
    assert "Chưa ghi nguyên nhân" not in page
    assert page.count("Chờ sắp xếp tổ chức") >= 3


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        pytest.param({"whom": "everyone"}, "Hãy chọn nguyên nhân", id="no reason"),
        pytest.param({"cause": "no_email"}, "Hãy chọn ít nhất một người", id="nobody"),
        pytest.param(
            {"cause": "other", "whom": "everyone"}, "ghi rõ nguyên nhân", id="another without note"
        ),
        pytest.param(
            {"cause": "no_email", "whom": "everyone", "due_on": "2026-11-22"},
            "từ hôm nay",
            id="late",
        ),
        pytest.param(
            {"cause": "no_email", "id": "999999"}, "không thuộc đơn vị", id="a stranger"
        ),
    ],
)  # fmt: skip
def test_what_no_reason_can_be(huong: Visitor, fields: dict[str, str], sentence: str) -> None:
    """One sentence, and nothing is stored."""
    answer = huong.post("/coverage/lacks/reason", fields, form_at="/coverage/lacks")
    assert answer.status_code in (400, 404)
    assert sentence in answer.text
    assert "Chưa ghi nguyên nhân" in huong.get("/coverage/lacks").text


def test_a_reminder_reaches_the_officer_of_the_unit(app: Flask, city: City, huong: Visitor) -> None:
    """The city's officer reminds the ward; its officer sees it on the start page."""
    city_officer = Visitor(app).log_in(city.account("thanhpho", Role.HR, None))
    sent = city_officer.post(
        "/coverage/lacks/reminder",
        {"unit": WARD, "message": "Xong trước thứ Sáu"},
        form_at=f"/coverage/lacks?unit={WARD}",
    )
    assert sent.status_code == 302
    start = huong.get("/").text
    assert "Xong trước thứ Sáu" in start


def test_who_may_not(app: Flask, city: City, people: list[Person]) -> None:
    """Another ward's officer sees neither people nor figures of this one; an auditor only reads."""
    other = Visitor(app).log_in(city.account("other", Role.HR, OTHER_WARD))
    assert other.get("/coverage/lacks", unit=WARD).status_code == 403
    assert people[1].code not in other.get("/coverage/lacks").text
    auditor = Visitor(app).log_in(city.account("auditor", Role.AUDITOR, None))
    page = auditor.get("/coverage/lacks")
    assert people[1].code in page.text
    assert "/coverage/lacks/reason" not in page.text
    assert auditor.get("/coverage/nothing").status_code == 404
