"""What an HR officer does with certificates that must end, rest or come back."""

import json

import pytest
from flask import Flask

from signer.accounts import Role
from signer.ca.crl import RevocationReason
from signer.db import release
from signer.inventory.models import Person
from signer.inventory.states import PersonState
from signer.issuance.grounds import Act, grounds_for
from signer.issuance.states import SigningState
from signer.services import services
from signer.web.pasted import names_in
from tests.databases import both_databases
from tests.factories import OTHER_WARD, City
from tests.web.visitor import Visitor, set_person

CHOOSE = "/revocations"
PREVIEW = "/revocations/preview"
PAPER = {"document_ref": "125/QĐ-UBND", "note": "Theo đơn"}


@pytest.fixture
def people(city: City) -> list[Person]:
    """Three people of the ward with a certificate each."""
    return city.certified(3)


@pytest.fixture
def huong(app: Flask, city: City) -> Visitor:
    """The HR officer of the ward."""
    return Visitor(app).log_in(city.account("huong", Role.HR))


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("T00001", "T00001"),
        ("  t1@hanoi.gov.vn ", "t1@hanoi.gov.vn"),
        ("1\tT00001\tTrần Thị Bình\t15/03/1985", "T00001"),
        ("Trần Thị Bình\tT00001", "T00001"),
        ("2\tTrần Thị Bình\tt2@hanoi.gov.vn", "t2@hanoi.gov.vn"),
        ("T00001, Trần Thị Bình", "T00001"),
        ("T00001;Trần Thị Bình;", "T00001"),
        ('"T00001"', "T00001"),
        ("12345\tTrần Thị Bình", "12345"),
        ("Trần Thị Bình", "Trần Thị Bình"),
        ("Họ và tên\tĐơn vị", "Họ và tên Đơn vị"),
    ],
)
def test_one_name_is_read_from_each_line(line: str, name: str) -> None:
    """Codes, addresses, and columns as Excel copies them."""
    assert names_in(f"\n{line}\r\n\n{line}\n") == [name]


def test_one_person_is_revoked_after_a_preview_and_a_tick(
    people: list[Person], huong: Visitor
) -> None:
    """From the person's page: what will happen first, then the deed, then the record of it."""
    person = people[0]
    page = huong.get(f"/people/{person.code}").text
    way = f"/revocations?person={person.code}&act=revoke"
    assert way.replace("&", "&amp;") in page
    assert person.full_name in huong.get(way).text
    fields = {"person_codes": person.code, "chosen": "yes", "act": "revoke", **PAPER}
    seen = huong.post(PREVIEW, {**fields, "ground_revoke": "resigned"}, form_at=way)
    assert seen.status_code == 200
    for words in ("không thể hoàn tác", "Điều 17", "125/QĐ-UBND", "Theo đơn", person.full_name):
        assert words in seen.text
    assert _state(person) is SigningState.READY, "a preview changes nothing"
    bare = huong.post(CHOOSE, {**fields, "ground": "resigned"}, form_at=way)
    assert bare.status_code == 400
    assert 'href="#field-confirmed"' in bare.text
    assert _state(person) is SigningState.READY
    ticked = {**fields, "ground": "resigned", "confirmed": "1"}
    done = huong.post(CHOOSE, ticked, form_at=way)
    assert done.location == f"/people/{person.code}"
    assert _state(person) is SigningState.REVOKED
    after = huong.get(f"/people/{person.code}").text
    for words in ("Đã thu hồi chứng thư của 1 người", "Thôi việc", "125/QĐ-UBND", "Theo đơn"):
        assert words in after
    assert "act=revoke" not in after, "nothing is left to revoke"
    assert person.full_name in huong.get("/revocations/history").text


@both_databases
def test_a_pasted_list_says_who_is_refused_and_why(
    city: City, people: list[Person], huong: Visitor
) -> None:
    """Codes and addresses mixed; unknown names and people without a certificate are left out."""
    (lacking,) = city.people(1)
    (foreign,) = city.people(1, unit=OTHER_WARD)
    pasted = f"1\t{people[0].code}\tAi đó\n{people[1].email}\n{lacking.code}\nAI-DO\n{foreign.code}"
    fields = {"person_codes": pasted, "act": "suspend", "ground_suspend": "suspended_from_duty"}
    seen = huong.post(PREVIEW, fields | PAPER, form_at=CHOOSE).text
    assert "Tạm dừng chứng thư của 2 người" in seen
    assert "3 người được để lại" in seen
    assert "không có chứng thư chữ ký số nào còn hiệu lực" in seen
    assert foreign.full_name not in seen
    both = f"{people[0].code}\n{people[1].code}"
    order = {"person_codes": both, "act": "suspend", "ground": "suspended_from_duty"} | PAPER
    assert huong.post(CHOOSE, order, form_at=CHOOSE).location == "/revocations/history"
    assert [_state(person) for person in people[:2]] == [SigningState.SUSPENDED] * 2
    again = huong.post(CHOOSE, order, form_at=CHOOSE).text
    assert "Chưa thực hiện được cho ai" in again
    assert "đang tạm dừng rồi" in again


def test_a_suspension_is_undone_from_the_persons_page(people: list[Person], huong: Visitor) -> None:
    """The way back is a button, a preview and a button; no ground and no paper are asked for."""
    person = people[0]
    page = f"/people/{person.code}"
    assert "act=release" not in huong.get(page).text
    order = {"person_codes": person.code, "act": "suspend", "ground": "key_exposed"}
    huong.post(CHOOSE, order, form_at=CHOOSE)
    assert "act=release" in huong.get(page).text
    release_it = {"person_codes": person.code, "act": "release"}
    seen = huong.post(PREVIEW, release_it, form_at=CHOOSE).text
    assert "Đã cấp, chờ kích hoạt" in seen
    assert 'name="confirmed"' not in seen
    huong.post(CHOOSE, release_it, form_at=CHOOSE)
    assert _state(person) is SigningState.READY


def test_an_exposed_key_is_blocked_with_one_click(people: list[Person], huong: Visitor) -> None:
    """No form in between; the record says on what ground; a second click says it is done (R28)."""
    person = people[0]
    page = f"/people/{person.code}"
    assert huong.post(f"{page}/block", {}, form_at=page).location == page
    assert _state(person) is SigningState.SUSPENDED
    shown = huong.get(page).text
    assert "Khóa bí mật bị lộ hoặc nghi bị lộ" in shown
    assert "/block" not in shown
    again = huong.post(f"{page}/block", {}, form_at=page)
    assert again.status_code == 409
    assert "đang tạm dừng rồi" in again.text


@pytest.mark.parametrize(
    ("spoilt", "field"),
    [
        ({"act": ""}, "act"),
        ({"act": "change"}, "act"),
        ({"ground_revoke": ""}, "ground"),
        ({"ground_revoke": "changed_email"}, "ground"),
        ({"ground_revoke": "suspended_from_duty"}, "ground"),
        ({"ground_revoke": "no_such"}, "ground"),
        ({"document_ref": " "}, "document_ref"),
        ({"document_ref": "x" * 101}, "document_ref"),
        ({"note": "x" * 501}, "note"),
        ({"person_codes": " \n"}, "person_codes"),
    ],
)
def test_a_refused_form_keeps_what_was_entered(
    people: list[Person], huong: Visitor, spoilt: dict[str, str], field: str
) -> None:
    """The summary leads to the field, and the rest need not be typed again."""
    good = {
        "person_codes": f"{people[0].code}\n{people[1].code}",
        "act": "revoke",
        "ground_revoke": "retired",
        "document_ref": "125/QĐ-UBND",
        "note": "Theo đơn",
    }
    answer = huong.post(PREVIEW, good | spoilt, form_at=CHOOSE)
    assert answer.status_code == 400
    assert f'href="#field-{field}"' in answer.text
    assert f'id="field-{field}"' in answer.text
    kept = {name: text for name, text in good.items() if name not in spoilt}
    if kept.get("person_codes"):
        assert kept["person_codes"] in answer.text
    if "ground_revoke" in kept and kept.get("act"):
        assert 'value="retired" checked' in answer.text
    for name in ("document_ref", "note"):
        assert kept.get(name, "") in answer.text


def test_the_preview_leads_back_to_the_filled_form(people: list[Person], huong: Visitor) -> None:
    """Also with a reload: a page that answered a form has no address of its own."""
    fields = {"person_codes": people[0].code, "act": "revoke", "ground": "retired"} | PAPER
    form = huong.post("/revocations/again", fields, form_at=CHOOSE).text
    for words in (people[0].code, 'value="retired" checked', "125/QĐ-UBND", "Theo đơn"):
        assert words in form
    assert huong.get(PREVIEW).location == CHOOSE


def test_only_grounds_that_fit_the_act_are_offered(huong: Visitor) -> None:
    """Each list holds the grounds of its act, under the article they come from."""
    form = huong.get(CHOOSE).text
    for act in (Act.REVOKE, Act.SUSPEND):
        offered = {
            line.split('value="')[1].split('"')[0]
            for line in form.splitlines()
            if f'name="ground_{act}"' in line
        }
        assert offered == {rule.code.value for rule in grounds_for(act)}
    assert form.count("Nghị định 68/2024/NĐ-CP, Điều 17") == 2
    assert "Điều 15" not in form, "changes of data are requested, not ordered"


def test_many_people_are_a_job_that_the_officer_steers(
    city: City, app: Flask, huong: Visitor
) -> None:
    """More than twenty: the progress page, with the switches for whoever gave the order."""
    many = city.certified(21)
    codes = "\n".join(person.code for person in many)
    fields = {"person_codes": codes, "act": "revoke", "ground": "retired", "confirmed": "21"}
    job = huong.post(CHOOSE, fields | PAPER, form_at=CHOOSE).location
    assert job.startswith("/jobs/")
    assert "Đang thực hiện" in huong.get("/revocations/history").text
    huong.post(f"{job}/pause", {}, form_at=job)
    assert "Công việc đang tạm dừng" in huong.get(job).text
    approver = Visitor(app).log_in(city.account("long", Role.APPROVER))
    assert "job-resume" not in approver.get(job).text
    huong.post(f"{job}/resume", {}, form_at=job)
    city.services.jobs.run(city.services.job_handlers)
    assert "Đã xong 21 trên 21." in huong.get(job).text
    assert {_state(person) for person in many} == {SigningState.REVOKED}


def test_a_job_names_whom_it_could_not_do(city: City, huong: Visitor) -> None:
    """Somebody whose certificate was revoked before the worker came: the person and the reason."""
    many = city.certified(21)
    codes = "\n".join(person.code for person in many)
    for person in many:
        huong.post(f"/people/{person.code}/block", {}, form_at=CHOOSE)
    job = huong.post(CHOOSE, {"person_codes": codes, "act": "release"}, form_at=CHOOSE).location
    first = services().issuance.states_of([many[0].id])[many[0].id]
    services().authority.revoke(
        int(first.serial_hex or "", 16), RevocationReason.KEY_COMPROMISE, "system"
    )
    services().jobs.run(services().job_handlers)
    shown = huong.get(job).text
    assert "Chưa thành công: 1." in shown
    assert many[0].full_name in shown
    assert "đã bị thu hồi trước khi" in shown
    assert many[1].code not in shown


def test_the_people_list_leads_to_the_form(people: list[Person], huong: Visitor) -> None:
    """Ticked people are listed by name on the form."""
    listed = huong.get("/people").text
    assert f'value="{people[0].code}"' in listed
    assert 'formaction="/revocations"' in listed
    form = huong.get(CHOOSE + "?" + "&".join(f"person={p.code}" for p in people)).text
    assert "3 người được chọn" in form
    assert all(person.full_name in form for person in people)


@both_databases
def test_what_the_roster_asks_is_carried_out(
    city: City, people: list[Person], huong: Visitor
) -> None:
    """The badge counts, the cause is told in words, the form is filled in, the draft is over."""
    set_person(people[0], state=PersonState.RETIRED)
    city.services.issuance.revoking.sweep()
    assert _badge(huong) == "1"
    listed = huong.get("/drafts").text
    assert people[0].full_name in listed
    assert "Nghỉ hưu từ ngày" in listed
    draft = listed.split('name="draft" value="')[1].split('"')[0]
    way = f"/revocations?source=drafts&act=revoke&ground=retired&draft={draft}"
    form = huong.get(way).text
    assert people[0].full_name in form
    assert 'value="retired" checked' in form
    fields = {"person_codes": people[0].code, "act": "revoke", "ground": "retired"} | PAPER
    huong.post(CHOOSE, fields | {"confirmed": "1"}, form_at=way)
    assert _state(people[0]) is SigningState.REVOKED
    assert _badge(huong) is None
    assert "Không có việc nào cần xử lý" in huong.get("/drafts").text
    record = huong.get("/revocations/history").text
    assert "Từ danh sách cán bộ: Nghỉ hưu" in record
    assert "Theo đơn" in record


def test_a_changed_address_leads_to_a_request_for_a_change(
    city: City, people: list[Person], huong: Visitor
) -> None:
    """The request says what it is for; the certificate stays until the new one is there."""
    set_person(people[1], email="moi@hanoi.gov.vn")
    city.services.issuance.revoking.sweep()
    listed = huong.get("/drafts").text
    assert "moi@hanoi.gov.vn" in listed
    draft = listed.split('name="draft" value="')[1].split('"')[0]
    way = f"/requests/new?kind=change&draft={draft}"
    form = huong.get(way).text
    assert "Lập đề nghị thay đổi thông tin chứng thư" in form
    assert people[1].full_name in form
    asked = {"person": people[1].code, "kind": "change", "reason": "Đổi thư điện tử"}
    made = huong.post("/requests", asked, form_at=way)
    assert "Thay đổi thông tin" in huong.get(made.location).text
    assert "Thay đổi thông tin" in huong.get("/requests").text
    assert _state(people[1]) is SigningState.READY


def test_a_draft_is_passed_over_with_a_reason(
    city: City, people: list[Person], huong: Visitor
) -> None:
    """Without a reason the form comes back; with one the draft is gone and stays gone."""
    set_person(people[0], state=PersonState.RETIRED)
    revoking = city.services.issuance.revoking
    revoking.sweep()
    draft = huong.get("/drafts").text.split('name="draft" value="')[1].split('"')[0]
    way = f"/drafts/dismissal?draft={draft}"
    silent = huong.post("/drafts/dismissal", {"draft": draft, "reason": " "}, form_at=way)
    assert silent.status_code == 400
    assert 'href="#field-reason"' in silent.text
    assert people[0].full_name in silent.text
    fields = {"draft": draft, "reason": "Danh sách ghi nhầm"}
    assert huong.post("/drafts/dismissal", fields, form_at=way).location == "/drafts"
    revoking.sweep()
    assert "Không có việc nào cần xử lý" in huong.get("/drafts").text
    assert "Danh sách ghi nhầm" in huong.get("/revocations/history").text
    assert _state(people[0]) is SigningState.READY


@pytest.mark.parametrize("way", ["/revocations?source=drafts&act=revoke", "/drafts/dismissal"])
def test_pressing_without_a_choice_says_so(huong: Visitor, way: str) -> None:
    """Nobody is chosen: back to the list, with a sentence."""
    assert huong.get(way).location == "/drafts"
    assert "Hãy chọn ít nhất một người" in huong.get("/drafts").text


def test_another_ward_sees_and_does_nothing(app: Flask, city: City, people: list[Person]) -> None:
    """Neither the drafts nor the acts, and an order for foreign people is refused."""
    set_person(people[0], state=PersonState.RETIRED)
    city.services.issuance.revoking.sweep()
    xa = Visitor(app).log_in(city.account("xa", Role.HR, OTHER_WARD))
    assert people[0].full_name not in xa.get("/drafts").text
    assert _badge(xa) is None
    assert xa.get("/drafts/dismissal?draft=1").status_code == 404
    assert xa.get("/revocations?draft=1&act=revoke").status_code == 404
    order = {"person_codes": people[0].code, "act": "suspend", "ground": "key_exposed"}
    assert "Không tìm thấy cán bộ nào" in xa.post(CHOOSE, order, form_at=CHOOSE).text
    blocked = xa.post(f"/people/{people[0].code}/block", {}, form_at=CHOOSE)
    assert blocked.status_code in (404, 409)
    assert _state(people[0]) is SigningState.READY
    assert people[0].full_name not in xa.get("/revocations/history").text


@pytest.mark.parametrize("role", [Role.APPROVER, Role.SIGNER, Role.AUDITOR, Role.ADMIN])
def test_other_roles_do_not_get_in(app: Flask, city: City, role: Role) -> None:
    """Only who may revoke sees these pages, in the menu too."""
    visitor = Visitor(app).log_in(city.account("ai", role))
    for path in (CHOOSE, "/revocations/history", "/drafts", "/drafts/dismissal?draft=1"):
        assert visitor.get(path).status_code == 403
    for path in (CHOOSE, PREVIEW, "/people/T00001/block", "/drafts/dismissal"):
        with_token = visitor.post(path, {}, form_at="/password")
        assert with_token.status_code == 403
    assert 'href="/drafts"' not in visitor.get("/").text
    assert 'href="/revocations"' not in visitor.get("/").text


def test_the_pages_speak_english(people: list[Person], huong: Visitor) -> None:
    """Each page in English once; the grounds too."""
    huong.get("/language/en")
    assert "Revoke or suspend" in huong.get(CHOOSE).text
    fields = {"person_codes": people[0].code, "act": "revoke", "ground": "retired"} | PAPER
    seen = huong.post(PREVIEW, fields, form_at=CHOOSE).text
    assert "cannot be undone" in seen
    assert "Decree 68/2024" in seen


def test_the_order_is_in_the_persons_record(people: list[Person], huong: Visitor) -> None:
    """Ground and paper are in the audit event of the order."""
    order = {"person_codes": people[0].code, "act": "suspend", "ground": "device_lost"} | PAPER
    huong.post(CHOOSE, order, form_at=CHOOSE)
    release()
    events = services().audit.events(subject=f"person:{people[0].code}", limit=20)
    (details,) = (json.loads(e.details) for e in events if e.action == "revocation.ordered")
    assert details["ground"] == "device_lost"
    assert details["document"] == "125/QĐ-UBND"


def _state(person: Person) -> SigningState:
    release()
    return services().issuance.states_of([person.id])[person.id].state


def _badge(visitor: Visitor) -> str | None:
    page = visitor.get("/help").text
    entry = page.split('href="/drafts"')[1].split("</li>")[0]
    return entry.split('count-badge">')[1].split("<")[0] if "count-badge" in entry else None
