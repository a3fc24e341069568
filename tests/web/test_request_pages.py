"""Deciding on a request, and watching its job."""

import pytest
from flask import Flask

from signer.accounts import Role
from signer.db import db, transaction
from signer.inventory.models import Person
from tests.factories import OTHER_WARD, City
from tests.web.visitor import Visitor

REQUEST = "/requests/1"
DECISION = "/requests/1/decision"
JOB = "/jobs/2"
"""The first is the import of the roster."""


@pytest.fixture
def people(city: City) -> list[Person]:
    """Three people in one pending request of the HR officer lan."""
    found = city.people(3)
    clerk = city.actor("lan", Role.HR)
    codes = [person.code for person in found]
    city.services.issuance.create(clerk, person_codes=codes, reason="Kế hoạch quý IV")
    return found


def test_the_own_request_has_no_approve_button(app: Flask, city: City) -> None:
    """Whoever filed it reads why and may take it back."""
    city.people(1)
    visitor = Visitor(app).log_in(city.account("huong", Role.HR))
    visitor.post(
        "/requests",
        {"person": ["T00001"], "reason": "Quý IV"},
        form_at="/requests/new?person=T00001",
    )
    shown = visitor.get(REQUEST).text
    assert "Duyệt và cấp chứng thư" not in shown
    assert "không được tự duyệt" in shown
    assert visitor.post(DECISION, {"outcome": "approve"}, form_at=REQUEST).status_code == 403
    visitor.post(f"{REQUEST}/cancel", {}, form_at=REQUEST)
    assert "Đã rút lại" in visitor.get(REQUEST).text


def test_an_approver_approves_and_the_job_is_shown(
    app: Flask, city: City, people: list[Person]
) -> None:
    """The batch with its reason; then a job that pauses, goes on, and ends with certificates."""
    visitor = Visitor(app).log_in(city.account("long", Role.APPROVER))
    assert "1" in visitor.get("/").text
    shown = visitor.get(REQUEST).text
    assert "Kế hoạch quý IV" in shown
    assert all(person.full_name in shown for person in people)
    job = visitor.post(DECISION, {"outcome": "approve", "note": "Đồng ý"}, form_at=REQUEST).location
    assert job == JOB
    visitor.post(f"{job}/pause", {}, form_at=job)
    paused = visitor.get(job).text
    assert "Công việc đang tạm dừng" in paused
    assert 'hx-trigger="every' not in paused, "a resting job is not asked after"
    again = visitor.post(f"{job}/pause", {}, form_at=job)
    assert again.status_code == 409
    visitor.post(f"{job}/resume", {}, form_at=job)
    assert 'hx-trigger="every' in visitor.get(job).text
    city.services.jobs.run(city.services.job_handlers)
    fragment = visitor.get(f"{job}/progress").text
    assert "Đã xong 3 trên 3." in fragment
    assert "<html" not in fragment
    assert "Đồng ý" in visitor.get(REQUEST).text


def test_a_rejection_needs_a_reason(app: Flask, city: City, people: list[Person]) -> None:
    """Without one the form comes back with what was wrong; with one the people are free again."""
    visitor = Visitor(app).log_in(city.account("long", Role.APPROVER))
    answer = visitor.post(DECISION, {"outcome": "reject", "note": ""}, form_at=REQUEST)
    assert answer.status_code == 400
    assert 'href="#field-note"' in answer.text
    visitor.post(DECISION, {"outcome": "reject", "note": "Sai đối tượng"}, form_at=REQUEST)
    assert "Sai đối tượng" in visitor.get(REQUEST).text
    assert people[0].code in visitor.get("/people", state="lacking").text


def test_of_two_approvers_the_second_is_told(app: Flask, city: City, people: list[Person]) -> None:
    """Both had the form open; the second press changes nothing and says so."""
    first = Visitor(app).log_in(city.account("long", Role.APPROVER))
    second = Visitor(app).log_in(city.account("minh", Role.APPROVER))
    token = second.get(REQUEST).text.split('name="csrf_token" value="')[1].split('"')[0]
    first.post(DECISION, {"outcome": "approve"}, form_at=REQUEST)
    late = second.client.post(DECISION, data={"csrf_token": token, "outcome": "approve"})
    assert late.status_code == 409
    assert "vừa được người khác xử lý" in late.text


def test_another_unit_sees_neither_request_nor_job(
    app: Flask, city: City, people: list[Person]
) -> None:
    """Requests and jobs stay in their subtree."""
    long = Visitor(app).log_in(city.account("long", Role.APPROVER))
    long.post(DECISION, {"outcome": "approve"}, form_at=REQUEST)
    other = Visitor(app).log_in(city.account("xa", Role.APPROVER, OTHER_WARD))
    assert other.get(REQUEST).status_code == 404
    assert other.get(JOB).status_code == 403
    assert people[0].code not in other.get("/requests").text


def test_what_failed_is_named_and_tried_again(app: Flask, city: City, people: list[Person]) -> None:
    """The failure names the person and the reason; after a correction the retry succeeds."""
    visitor = Visitor(app).log_in(city.account("long", Role.APPROVER))
    visitor.post(DECISION, {"outcome": "approve"}, form_at=REQUEST)
    _set_email(people[0], None)
    city.services.jobs.run(city.services.job_handlers)
    failed = visitor.get(JOB).text
    assert people[0].full_name in failed
    assert "Chưa có thư điện tử công vụ" in failed
    _set_email(people[0], "t1@hanoi.gov.vn")
    visitor.post(f"{JOB}/retry", {}, form_at=JOB)
    city.services.jobs.run(city.services.job_handlers)
    assert "Đã xong 3 trên 3" in visitor.get(JOB).text


def _set_email(person: Person, email: str | None) -> None:
    with transaction():
        db.session.get_one(Person, person.id).email = email
