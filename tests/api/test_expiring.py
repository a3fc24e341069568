"""What runs out, and the requests that put something in its place."""

from datetime import timedelta

import pytest

from signer.accounts import Role
from signer.inventory.models import Person
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD, City

_LIFE_DAYS = 1825
"""The validity of the profile personal-signature (certs/profiles.toml)."""


@pytest.fixture
def people(city: City, clock: StandingClock) -> list[Person]:
    """One person whose certificate runs out in 50 days, two in 170."""
    soon = city.certified(1)
    clock.move(timedelta(days=120))
    later = city.certified(2)
    clock.move(timedelta(days=_LIFE_DAYS - 120 - 50))
    return soon + later


@both_databases
def test_what_runs_out_comes_soonest_first_and_page_by_page(as_role, people):
    hr = as_role(Role.HR)
    found, after = [], ""
    while True:
        page = hr.get(f"expiring?limit=2{after}").json
        found += page["persons"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert [line["code"] for line in found] == [person.code for person in people]
    assert [line["days_left"] for line in found] == [49, 169, 169], "whole days"
    assert {(line["may_renew"], line["why_not"]) for line in found} == {(True, None)}
    assert len(hr.get(f"expiring?within_days=60&unit={WARD}").json["persons"]) == 1
    assert hr.get("expiring/counts").json == [
        {"within_days": days, "persons": persons}
        for days, persons in ((180, 3), (90, 1), (60, 1), (30, 0))
    ]


def test_another_ward_sees_none_of_it(as_role, people):
    xa = as_role(Role.HR, OTHER_WARD)
    assert xa.get("expiring").json == {"persons": [], "next": None}
    assert {count["persons"] for count in xa.get("expiring/counts").json} == {0}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("within_days=0", 422),
        ("within_days=99999999999", 422),
        ("days=30", 422),
        ("after=x", 422),
        ("unit=99999", 404),
    ],
)
def test_a_bad_question_is_refused(as_role, people, query, status):
    assert as_role(Role.HR).get(f"expiring?{query}").status_code == status


@both_databases
@pytest.mark.parametrize("kind", ["renew", "rekey"])
def test_a_request_of_that_kind_is_filed_approved_and_issued(as_role, people, services, kind):
    """The answer names the kind; afterwards the certificate is another one."""
    hr, head = as_role(Role.HR), as_role(Role.APPROVER)
    before = hr.get(f"persons/{people[0].code}").json["certificate"]
    body = {"kind": kind, "persons": [people[0].email, "khong-co"], "reason": "Sắp hết hạn"}
    made = hr.post("requests", json=body)
    assert (made.status_code, made.json["persons"]) == (201, 1), made.text
    assert [refused["code"] for refused in made.json["refused"]] == ["khong-co"]
    assert hr.get(f"requests/{made.json['id']}").json["kind"] == kind
    [waiting, *_] = hr.get("expiring").json["persons"]
    assert waiting["may_renew"] is False
    assert "đề nghị khác" in waiting["why_not"]
    head.post(f"requests/{made.json['id']}/approve", json={})
    assert services.jobs.run(services.job_handlers) == 1
    assert hr.get(f"persons/{people[0].code}").json["certificate"] != before
    assert people[0].code not in [line["code"] for line in hr.get("expiring").json["persons"]]


@pytest.mark.parametrize(
    ("spoiled", "status", "said"),
    [
        ({"kind": "change"}, 200, "vẫn đúng"),
        ({"kind": "issue"}, 200, "còn hiệu lực"),
        ({"kind": "destroy"}, 422, "issue, renew, change, rekey"),
        ({"persons": [], "lacking": True}, 422, "chọn những người"),
    ],
    ids=str,
)
def test_what_cannot_be_requested_is_refused_with_the_reason(
    as_role, people, spoiled, status, said
):
    hr = as_role(Role.HR)
    body = {"kind": "renew", "persons": [people[0].code], "reason": "Sắp hết hạn"}
    answer = hr.post("requests", json=body | spoiled)
    assert answer.status_code == status, answer.text
    assert said in str(answer.json)
    assert hr.get("requests?state=pending").json == []
