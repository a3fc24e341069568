"""What runs out, and the way to a request for those who hold it."""

from datetime import timedelta

import pytest
from flask import Flask

from signer.accounts import Role
from signer.inventory.models import Person
from signer.issuance.kinds import RequestKind
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD, City
from tests.web.visitor import Visitor

_LIFE_DAYS = 1825
"""The validity of the profile personal-signature (certs/profiles.toml)."""


@pytest.fixture
def people(city: City, clock: StandingClock) -> list[Person]:
    """Two people of the ward whose certificates run out in 170 days, one in 50."""
    soon = city.certified(1)
    clock.move(timedelta(days=120))
    later = city.certified(2)
    clock.move(timedelta(days=_LIFE_DAYS - 120 - 50))
    return soon + later


@pytest.fixture
def huong(app: Flask, city: City, people: list[Person]) -> Visitor:
    """The HR officer of the ward."""
    return Visitor(app).log_in(city.account("huong", Role.HR))


@both_databases
def test_the_tabs_count_and_list_what_runs_out(people: list[Person], huong: Visitor) -> None:
    """The widest list first, the soonest at the top; a narrower one leaves the others out."""
    wide = huong.get("/expiring").text
    counts = [part.split("<")[0] for part in wide.split('tabs"')[1].split('count-badge">')[1:5]]
    assert counts == ["3", "1", "1", "0"]
    places = [wide.index(person.full_name) for person in people]
    assert places[0] == min(places)
    near = huong.get("/expiring", days=60).text
    assert people[0].full_name in near
    assert people[1].code not in near
    assert (
        "Không có chứng thư nào hết hạn trong 30 ngày tới" in huong.get("/expiring", days=30).text
    )
    assert people[1].code in huong.get("/expiring", days=7).text, "an unknown list is the widest"
    assert "chứng thư hết hạn trong 60 ngày" in huong.get("/").text


def test_the_list_is_narrowed_to_a_unit(people: list[Person], huong: Visitor) -> None:
    """The unit's own subtree; another ward's people are not there."""
    assert people[0].code in huong.get("/expiring", unit=WARD).text
    assert people[0].code not in huong.get("/expiring", unit=OTHER_WARD).text


def test_another_ward_sees_none_of_it(app: Flask, city: City, people: list[Person]) -> None:
    """Lists and figures stay in the subtree."""
    xa = Visitor(app).log_in(city.account("xa", Role.HR, OTHER_WARD))
    shown = xa.get("/expiring").text
    assert people[0].code not in shown
    assert 'count-badge">0<' in shown


def test_a_renewal_is_requested_for_the_chosen(people: list[Person], huong: Visitor) -> None:
    """The form says what a renewal does; the request what it is; the list then why not."""
    way = f"/requests/new?kind=renew&person={people[0].code}"
    form = huong.get(way).text
    assert "Lập đề nghị gia hạn chứng thư" in form
    assert "khóa và mã PIN cũ" in form
    fields = {"person": people[0].code, "kind": "renew", "reason": "Sắp hết hạn"}
    silent = huong.post("/requests", fields | {"reason": ""}, form_at=way)
    assert silent.status_code == 400
    assert 'name="kind" value="renew"' in silent.text
    made = huong.post("/requests", fields, form_at=way)
    assert "Gia hạn" in huong.get(made.location).text
    after = huong.get("/expiring", days=60).text
    assert "Đã có trong một đề nghị khác chưa giải quyết xong." in after
    twice = huong.post("/requests", fields, form_at=way).text
    assert "Chưa lập được đề nghị nào" in twice


def test_a_new_key_is_requested_for_the_chosen(people: list[Person], huong: Visitor) -> None:
    """The other button of the list."""
    way = f"/requests/new?kind=rekey&person={people[1].code}"
    assert "phải đặt mã PIN mới" in huong.get(way).text
    fields = {"person": people[1].code, "kind": "rekey", "reason": "Khóa cũ"}
    made = huong.post("/requests", fields, form_at=way)
    assert "Cấp lại khóa" in huong.get(made.location).text


def test_who_was_renewed_is_off_the_list(city: City, people: list[Person], huong: Visitor) -> None:
    """The new certificate counts, not the one it follows."""
    head = city.actor("truong", Role.APPROVER)
    clerk = city.actor("lan", Role.HR)
    asked = city.services.issuance.create(
        clerk, person_codes=[people[0].code], reason="Gia hạn", kind=RequestKind.RENEW
    )
    city.services.issuance.approve(head, asked.id or 0)
    city.services.jobs.run(city.services.job_handlers)
    assert people[0].code not in huong.get("/expiring").text, "the new one ends later"


@pytest.mark.parametrize("kind", ["renew", "change", "rekey"])
def test_pressing_without_a_choice_says_so(huong: Visitor, kind: str) -> None:
    """Nobody is chosen: the page asks for people and offers no form."""
    shown = huong.get("/requests/new", kind=kind).text
    assert "Chưa chọn ai" in shown
    assert 'name="reason"' not in shown


@pytest.mark.parametrize(("role", "status"), [(Role.APPROVER, 200), (Role.SIGNER, 403)])
def test_who_only_reads_is_offered_no_request(
    app: Flask, city: City, people: list[Person], role: Role, status: int
) -> None:
    """The list is for who may see people; the buttons for who may request."""
    visitor = Visitor(app).log_in(city.account("ai", role))
    answer = visitor.get("/expiring")
    assert answer.status_code == status
    assert "Lập đề nghị" not in answer.text.split("<main")[1]
