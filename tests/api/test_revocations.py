"""Ending, holding and releasing certificates over the API, and what the roster asks of them."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import update

from signer.accounts import Role
from signer.db import db, transaction
from signer.inventory.models import Person
from signer.inventory.states import PersonState
from signer.issuance.grounds import Ground
from signer.services import Services
from tests.api.conftest import Caller
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import OTHER_WARD, City

PAPER = "125/QĐ-UBND"


@pytest.fixture
def people(city: City) -> list[Person]:
    """Three people of the ward with a certificate each."""
    return city.certified(3)


@pytest.fixture
def retired(services: Services, clock: StandingClock, people: list[Person]) -> None:
    """A day later the roster says that they have retired, and was looked through."""
    clock.move(timedelta(days=1))
    facts = {"state": PersonState.RETIRED, "state_since": clock.now().date()}
    with transaction():
        db.session.execute(update(Person).values(updated_at=clock.now(), **facts))
    assert services.issuance.revoking.sweep() == len(people)


@pytest.fixture
def hr(as_role) -> Caller:
    """The HR officer of the ward."""
    return as_role(Role.HR)


def _order(people: Sequence[Person], **more: object) -> dict[str, object]:
    good = {"act": "revoke", "ground": "retired", "document_ref": PAPER}
    return {"persons": [person.code for person in people], **good, **more}


def _state(caller: Caller, person: Person) -> str:
    return caller.get(f"persons/{person.code}").json["state"]


def test_the_grounds_are_the_closed_lists_for_persons(hr):
    grounds = {ground["code"]: ground for ground in hr.get("revocation-grounds").json}
    assert grounds["retired"] == {
        "code": "retired",
        "label": "Nghỉ hưu",
        "source": "Nghị định 68/2024/NĐ-CP, Điều 17",
        "acts": ["revoke"],
        "reason": "cessation_of_operation",
        "needs_document": True,
        "is_urgent": False,
    }
    assert grounds["key_exposed"]["acts"] == ["revoke", "suspend"]
    assert grounds["suspended_from_duty"]["acts"] == ["suspend"]
    assert grounds.keys().isdisjoint({"body_dissolved", "system_stopped", "changed_email"})
    english = hr.get("revocation-grounds", headers={"Accept-Language": "en"}).json
    assert len(english) == len(grounds)
    assert {ground["label"] for ground in english}.isdisjoint(g["label"] for g in grounds.values())


@both_databases
def test_what_the_preview_says_is_what_the_order_does(hr, people):
    """The preview changes nothing; who is nobody here is refused in both."""
    wish = _order([people[0]])
    wish["persons"] = [people[0].email, "khong-co"]
    shown = hr.post("revocations/preview", json={k: wish[k] for k in ("act", "ground", "persons")})
    assert shown.status_code == 200, shown.text
    assert (shown.json["is_at_once"], shown.json["can_be_undone"]) == (True, False)
    [line] = shown.json["persons"]
    assert (line["code"], line["key_state"], line["becomes"]) == (
        people[0].code,
        "ready",
        "revoked",
    )
    assert "không thể hoàn tác" in shown.json["effect"]
    assert [refused["code"] for refused in shown.json["refused"]] == ["khong-co"]
    assert _state(hr, people[0]) == "ready"
    assert hr.get("revocations").json == []

    made = hr.post("revocations", json=wish)
    assert (made.status_code, made.json["done"], made.json["job_id"]) == (200, 1, None)
    assert made.json["refused"] == shown.json["refused"]
    assert [_state(hr, person) for person in people] == ["revoked", "ready", "ready"]
    [act] = hr.get("revocations").json
    assert (act["act"], act["state"], act["ground"], act["document_ref"], act["error"]) == (
        "revoke",
        "done",
        "retired",
        PAPER,
        None,
    )
    assert act["certificate"] == line["certificate"]
    again = hr.post("revocations", json=_order([people[0]]))
    assert (again.json["done"], len(again.json["refused"])) == (0, 1)


def test_a_suspension_is_released(hr, people):
    held = _order(people, act="suspend", ground="key_exposed", document_ref="")
    assert hr.post("revocations", json=held).json["done"] == 3
    assert _state(hr, people[0]) == "suspended"
    released = {"act": "release", "persons": [people[0].code]}
    assert hr.post("revocations/preview", json=released).json["persons"][0]["becomes"] == "ready"
    assert hr.post("revocations", json=released).json["done"] == 1
    assert [_state(hr, person) for person in people] == ["ready", "suspended", "suspended"]
    newest, *older = hr.get("revocations?limit=2").json
    assert newest["act"] == "release"
    rest = hr.get(f"revocations?before={older[0]['id']}").json
    assert [act["act"] for act in rest] == ["suspend", "suspend"]


@pytest.mark.parametrize(
    ("spoiled", "status", "field"),
    [
        ({"act": "change"}, 422, "act"),
        ({"act": "destroy"}, 422, "act"),
        ({"ground": "bored"}, 422, "ground"),
        ({"ground": None}, 422, "ground"),
        ({"ground": "suspended_from_duty"}, 422, "ground"),
        ({"ground": "changed_email"}, 422, "ground"),
        ({"act": "suspend"}, 422, "ground"),
        ({"persons": []}, 422, "persons"),
        ({"persons": "T00001"}, 422, "persons"),
        ({"persons": ["X"] * 1001, "ground": "key_exposed"}, 422, "persons"),
        ({"document_ref": "  "}, 422, "document_ref"),
        ({"document_ref": "x" * 101}, 422, "document_ref"),
        ({"note": "x" * 501}, 422, "note"),
        ({"reason": "keyCompromise"}, 422, "reason"),
    ],
    ids=str,
)
def test_a_bad_order_is_refused_and_does_nothing(hr, people, spoiled, status, field):
    answer = hr.post("revocations", json=_order(people[:1]) | spoiled)
    assert answer.status_code == status, answer.text
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert answer.json["errors"][0]["detail"]
    assert _state(hr, people[0]) == "ready"


def test_another_ward_can_do_nothing_to_these_people(as_role, retired, hr, people):
    """Its officer is told that there is nobody of that name, and sees no draft and no act."""
    hr.post("revocations", json=_order(people[:1]))
    xa = as_role(Role.HR, OTHER_WARD)
    made = xa.post("revocations", json=_order(people[1:])).json
    assert (made["done"], len(made["refused"])) == (0, 2)
    assert xa.get("revocations").json == xa.get("revocation-drafts").json == []
    draft_id = hr.get("revocation-drafts").json[0]["id"]
    hidden = {"drafts": [draft_id], "ground": "retired", "document_ref": PAPER}
    assert xa.post("revocation-drafts/carry-out", json=hidden).status_code == 404
    no = xa.post(f"revocation-drafts/{draft_id}/dismiss", json={"reason": "Nhầm"})
    assert no.status_code == 404
    assert len(hr.get("revocation-drafts").json) == 2


def test_many_people_are_a_job_that_hr_steers(as_role, hr, city, services):
    """202 with the job; who may order may pause it, who only approves requests may not."""
    people = city.certified(21)
    wish = _order(people, ground="police_request")
    made = hr.post("revocations", json=wish)
    assert (made.status_code, made.json["done"]) == (202, 0)
    job = f"jobs/{made.json['job_id']}"
    assert hr.get(job).json["waiting"] == 21
    assert as_role(Role.APPROVER).post(f"{job}/pause").status_code == 403
    assert hr.post(f"{job}/pause").json["state"] == "paused"
    assert hr.post(f"{job}/resume").json["state"] == "running"
    services.jobs.run(services.job_handlers)
    assert hr.get(job).json["done"] == 21
    assert _state(hr, people[20]) == "revoked"
    assert hr.post(f"{job}/cancel").status_code == 409


def test_hr_cancels_an_order_that_waits(hr, city, services):
    people = city.certified(21)
    job_id = hr.post("revocations", json=_order(people)).json["job_id"]
    assert hr.post(f"jobs/{job_id}/cancel").json["state"] == "cancelled"
    assert {act["state"] for act in hr.get("revocations").json} == {"dismissed"}
    assert services.jobs.run(services.job_handlers) == 0
    assert _state(hr, people[0]) == "ready"


@both_databases
def test_drafts_are_carried_out_or_dismissed(retired, hr):
    drafts = hr.get("revocation-drafts").json
    assert [(d["act"], d["cause"], d["ground"]) for d in drafts] == [
        ("revoke", "retired", "retired")
    ] * 3
    assert {d["cause_name"] for d in drafts} == {"Nghỉ hưu"}
    first, second, third = (draft["id"] for draft in reversed(drafts))
    assert [d["id"] for d in hr.get(f"revocation-drafts?before={third}&limit=1").json] == [second]
    wish = {"drafts": [first, second], "ground": Ground.RETIRED, "document_ref": PAPER}
    assert hr.post("revocation-drafts/carry-out", json=wish).json["done"] == 2
    dismissal = f"revocation-drafts/{third}/dismiss"
    assert hr.post(dismissal, json={"reason": ""}).status_code == 422
    assert hr.post(dismissal, json={"reason": "Được kéo dài thời gian công tác"}).status_code == 204
    assert hr.get("revocation-drafts").json == []
    assert [(a["state"], a["error"]) for a in hr.get("revocations").json] == [
        ("dismissed", "Được kéo dài thời gian công tác"),
        ("done", None),
        ("done", None),
    ]
    for path, body in (("carry-out", wish), (f"{third}/dismiss", {"reason": "Nhầm"})):
        assert hr.post(f"revocation-drafts/{path}", json=body).status_code == 404


@pytest.mark.parametrize(
    ("spoiled", "status"),
    [
        ({"drafts": []}, 422),
        ({"drafts": [0]}, 422),
        ({"drafts": ["x"]}, 422),
        ({"drafts": [999]}, 404),
        ({"ground": "bored"}, 422),
        ({"document_ref": ""}, 422),
    ],
    ids=str,
)
def test_a_bad_word_on_a_draft_is_refused(retired, hr, people, spoiled, status):
    [draft, *_] = hr.get("revocation-drafts").json
    good = {"drafts": [draft["id"]], "ground": "retired", "document_ref": PAPER}
    answer = hr.post("revocation-drafts/carry-out", json=good | spoiled)
    assert answer.status_code == status, answer.text
    assert len(hr.get("revocation-drafts").json) == 3
    assert _state(hr, people[0]) == "ready"
