"""Lists, pages and refusals of the single resources."""

import io
from datetime import date
from pathlib import Path

from sqlalchemy import update

from signer.accounts import SYSTEM, Role
from signer.db import changed, db, transaction
from signer.inventory.models import Person, PersonPeriod
from signer.inventory.states import PersonState
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD

PDF = Path(__file__).parent.parent / "data" / "pdf" / "quyet_dinh.pdf"


def test_units_follow_the_day_and_the_callers_scope(as_role):
    city_wide = as_role(Role.HR, None)
    before = {u["code"] for u in city_wide.get("units?as_of=2025-06-30").json}
    after = {u["code"] for u in city_wide.get("units?as_of=2025-07-01").json}
    assert WARD in after - before
    own = as_role(Role.HR, WARD).get("units").json
    assert [u["code"] for u in own] == [WARD]


def test_persons_come_page_by_page_without_gap_or_repeat(as_role, city):
    city.people(7)
    hr = as_role(Role.HR)
    codes, after = [], ""
    while True:
        page = hr.get(f"persons?limit=3{after}").json
        codes += [person["code"] for person in page["persons"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert len(codes) == len(set(codes)) == 7


def test_persons_of_other_units_do_not_exist_for_the_caller(as_role, city):
    [foreign] = city.people(1, unit=OTHER_WARD)
    hr = as_role(Role.HR, WARD)
    assert hr.get("persons").json["persons"] == []
    assert hr.get(f"persons/{foreign.code}").status_code in (403, 404)
    assert hr.get("persons?unit=99999").status_code == 404
    body = {"persons": [foreign.code], "reason": "Cấp mới"}
    assert hr.post("requests", json=body).status_code == 403


def test_the_id_number_is_masked_and_reading_it_is_recorded(as_role, city, services):
    [person] = city.people(1)
    hr = as_role(Role.HR)
    shown = hr.get(f"persons/{person.code}").json["id_number"]
    assert shown.startswith("001")
    assert "•" in shown
    assert person.id_number not in hr.get("persons").text
    assert hr.post(f"persons/{person.code}/id-number", json={}).status_code == 422
    purpose = {"purpose": "Đối chiếu hồ sơ"}
    revealed = hr.post(f"persons/{person.code}/id-number", json=purpose).json["id_number"]
    assert revealed == person.id_number
    events = services.audit.events(subject=f"person:{person.code}")
    assert any("reveal" in event.action for event in events)
    assert all(person.id_number not in event.details for event in events)


@both_databases
def test_the_state_filters_agree_with_the_coverage_figures(as_role, city):
    people = city.people(7)
    city.issue([*people[:2], people[5]])
    with transaction():  # two have retired since, as the next roster would say
        for person in people[5:]:
            values = {"state": PersonState.RETIRED}
            db.session.execute(update(Person).filter_by(id=person.id).values(**values))
            periods = update(PersonPeriod).filter_by(person_id=person.id)
            db.session.execute(periods.values(**values, counted=False))
        changed("person", [person.id for person in people[5:]])
    hr = as_role(Role.HR)
    hr.post("requests", json={"persons": [people[2].code], "reason": "Cấp mới"})
    listed = {
        state: len(hr.get(f"persons?state={state}").json["persons"])
        for state in ("covered", "pending", "lacking")
    }
    figures = hr.get("coverage").json
    assert listed == {"covered": 2, "pending": 1, "lacking": 2}
    assert {state: figures[state] for state in listed} == listed
    assert figures["rate"] == 40.0


def test_a_request_leaves_out_who_cannot_be_asked_for_and_says_why(as_role, city):
    [with_mail] = city.people(1)
    [without_mail] = city.people(1, email=False)
    hr = as_role(Role.HR)
    body = {"persons": [with_mail.code, without_mail.code], "reason": "Cấp mới"}
    made = hr.post("requests", json=body)
    assert made.status_code == 201
    assert made.json["persons"] == 1
    [refused] = made.json["refused"]
    assert refused["code"] == without_mail.code
    assert "thư điện tử công vụ" in refused["reason"]
    again = hr.post("requests", json=body)
    assert (again.status_code, again.json["id"], len(again.json["refused"])) == (200, None, 2)


def test_requests_are_listed_decided_and_taken_back(as_role, city):
    hr, head = as_role(Role.HR), as_role(Role.APPROVER)
    numbers = []
    for person in city.people(3):
        made = hr.post("requests", json={"persons": [person.code], "reason": "Cấp mới"})
        numbers.append(made.json["id"])
    assert [r["id"] for r in hr.get("requests").json] == numbers[::-1]
    assert [r["id"] for r in hr.get(f"requests?before={numbers[2]}&limit=1").json] == [numbers[1]]
    assert head.post(f"requests/{numbers[0]}/reject", json={"reason": ""}).status_code == 422
    rejected = head.post(f"requests/{numbers[0]}/reject", json={"reason": "Thiếu quyết định"})
    assert (rejected.json["state"], rejected.json["note"]) == ("rejected", "Thiếu quyết định")
    assert head.post(f"requests/{numbers[0]}/approve", json={}).status_code == 409
    assert hr.post(f"requests/{numbers[1]}/cancel").json["state"] == "cancelled"
    assert [r["id"] for r in head.get("requests?state=pending").json] == [numbers[2]]
    assert as_role(Role.HR, OTHER_WARD).get(f"requests/{numbers[2]}").status_code == 404
    assert head.get("requests/999").status_code == 404


def test_a_job_is_paused_resumed_and_cancelled_by_those_who_may(as_role, city, services):
    people = city.people(2)
    hr, head = as_role(Role.HR), as_role(Role.APPROVER)
    body = {"persons": [p.code for p in people], "reason": "Cấp mới"}
    request_id = hr.post("requests", json=body).json["id"]
    job_id = head.post(f"requests/{request_id}/approve", json={}).json["job_id"]
    assert hr.post(f"jobs/{job_id}/pause").status_code == 403
    assert head.post(f"jobs/{job_id}/pause").json["state"] == "paused"
    assert services.jobs.run(services.job_handlers) == 0
    assert head.post(f"jobs/{job_id}/pause").status_code == 409
    assert head.post(f"jobs/{job_id}/resume").json["state"] == "running"
    assert services.jobs.run(services.job_handlers) == 2
    done = head.post(f"jobs/{job_id}/retry-failed").json
    assert (done["state"], done["percent"]) == ("done", 100)
    assert head.get(f"jobs/{job_id}/failures").json == []
    assert head.post(f"jobs/{job_id}/cancel").status_code == 409
    assert as_role(Role.HR, OTHER_WARD).get(f"jobs/{job_id}").status_code in (403, 404)
    assert head.get("jobs/999").status_code == 404


def test_a_roster_that_is_none_is_refused_with_a_sentence(as_role):
    hr = as_role(Role.HR)
    for content, name in (
        (b"PK\x03\x04rubbish", "a.xlsx"),
        (b"\xd0\xcf\x11\xe0rubbish", "a.xls"),
        (b"a,b\n1,2", "a.csv"),
    ):
        data = {"file": (io.BytesIO(content), name)}
        answer = hr.post("roster-imports", data=data, content_type="multipart/form-data")
        assert answer.status_code == 422, answer.text
        assert answer.json["detail"]


def test_a_dossier_with_a_file_that_is_no_pdf_stores_nothing(as_role, city):
    [person] = city.people(1)
    hr = as_role(Role.HR)
    form = {"title": "Thử", "unit": WARD, "signers": person.code}
    data = form | {"files": (io.BytesIO(b"not a pdf at all"), "a.pdf")}
    answer = hr.post("dossiers", data=data, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "files"
    assert hr.get("dossiers").json == []


def test_a_document_is_sent_back_with_a_reason(as_role, city, nobody, services):
    [person] = city.people(1)
    hr = as_role(Role.HR)
    data = {
        "title": "Thử",
        "unit": WARD,
        "signers": person.code,
        "due_on": "2026-12-01",
        "files": (io.BytesIO(PDF.read_bytes()), "../../thu.pdf"),
    }
    filed = hr.post("dossiers", data=data, content_type="multipart/form-data")
    assert filed.status_code == 201, filed.text
    [document] = filed.json["documents"]
    assert document["file_name"] == "thu.pdf"
    assert filed.json["due_on"] == date(2026, 12, 1).isoformat()
    name, password = city.account("official", Role.SIGNER, None)
    account_id = services.accounts.actor_of(name).account_id
    services.inventory.link_account(SYSTEM, person.id, account_id)
    signer = nobody.log_in(name, password)
    back = signer.post(f"documents/{document['id']}/return", json={"reason": "Sai căn cứ"})
    assert back.json["state"] == "returned"
    assert hr.get("dossiers?state=returned").json[0]["id"] == filed.json["id"]
    assert as_role(Role.HR, OTHER_WARD).get(f"documents/{document['id']}").status_code == 404


def test_a_box_that_is_none_is_refused(as_role):
    signer = as_role(Role.SIGNER)
    for box in ([1, 2, 3], [10, 10, 10, 20], [0, 0, "x", 1], None):
        body = {"pin": "1", "page": 1, "box": box, "shown_sha256": "0" * 64}
        answer = signer.post("documents/1/sign", json=body)
        assert answer.status_code == 422
        assert answer.json["errors"][0]["field"].startswith("box")


def test_an_account_without_a_person_has_no_key(as_role):
    assert as_role(Role.SIGNER).get("me/key").status_code == 404
