"""Correcting one person, deciding on duplicates and changing the policy, as an officer clicks."""

import re
from dataclasses import replace
from datetime import timedelta

from flask import Flask

from signer.accounts import Role
from signer.db import release
from signer.inventory.policy import counted_states, rules
from signer.inventory.states import PersonState
from tests.clocks import StandingClock
from tests.factories import OTHER_WARD, WARD, City
from tests.web.visitor import Visitor, hidden


def typed(page: str) -> dict[str, object]:
    """What a browser would send of the form on this page, but for buttons."""
    found: dict[str, object] = {}
    form = page[page.index('name="seen"') - 200 : page.rindex("</form>")]
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and ('type="checkbox"' not in tag or " checked" in tag):
            found[name[1]] = value[1] if value else ""
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'value="([^"]*)" selected', options)
        found[name] = chosen[1] if chosen else ""
    return found


def test_a_correction_is_shown_before_it_is_stored(
    app: Flask, city: City, clock: StandingClock
) -> None:
    """What changes, what the certificate has to do with it; nothing before the confirmation."""
    (person,) = city.certified(1)
    visitor = Visitor(app).log_in(city.account("huong", Role.HR, None))
    address = f"/people/{person.code}/edit"
    form = visitor.get(address).text
    assert person.id_number not in form
    fields = typed(form) | {"unit": OTHER_WARD, "title": "Trưởng phòng"}
    asked = visitor.post(address, fields).text
    assert "Sẽ lưu" in asked
    assert "Trưởng phòng" in asked
    assert "Việc cần xử lý" in asked
    assert "Trưởng phòng" not in visitor.get(f"/people/{person.code}").text
    back = visitor.post(address, fields | {"again": "1"}).text
    assert 'value="Trưởng phòng"' in back
    clock.move(timedelta(minutes=1))
    done = visitor.post(address, fields | {"confirmed": "1"})
    assert done.status_code == 302
    page = visitor.get(f"/people/{person.code}").text
    assert "Trưởng phòng" in page
    assert "001••••••001" in page, "the number that nobody touched is still there"
    stale = visitor.post(address, fields | {"confirmed": "1", "title": "Phó phòng"})
    assert stale.status_code == 409


def test_a_form_that_changes_nothing_says_so(app: Flask, city: City) -> None:
    """And asks for no confirmation."""
    (person,) = city.people(1)
    visitor = Visitor(app).log_in(city.account("huong", Role.HR))
    address = f"/people/{person.code}/edit"
    answer = visitor.post(address, typed(visitor.get(address).text))
    assert answer.status_code == 302
    assert "Không có gì thay đổi" in visitor.get(answer.location).text


def test_a_refused_form_keeps_what_was_typed(app: Flask, city: City) -> None:
    """Every mistake at once, each beside its field."""
    (person,) = city.people(1)
    visitor = Visitor(app).log_in(city.account("huong", Role.HR))
    address = f"/people/{person.code}/edit"
    fields = typed(visitor.get(address).text) | {"email": "a@gmail", "full_name": "B1nh"}
    answer = visitor.post(address, fields)
    assert answer.status_code == 400
    for field in ("email", "full_name"):
        assert f'href="#field-{field}"' in answer.text
    assert 'value="B1nh"' in answer.text


def test_one_person_is_added_by_hand(app: Flask, city: City) -> None:
    """With the same page and the same checks."""
    city.people(1)
    visitor = Visitor(app).log_in(city.account("huong", Role.HR))
    fields = typed(visitor.get("/people/new").text) | {
        "code": "T00009",
        "full_name": "Lê Văn Bình",
        "unit": WARD,
        "sex": "male",
        "birth_date": "1990-02-01",
    }
    assert "Chưa có thư điện tử công vụ" in visitor.post("/people/new", fields).text
    done = visitor.post("/people/new", fields | {"confirmed": "1"})
    assert done.location.endswith("/people/T00009")
    assert "Lê Văn Bình" in visitor.get("/people/T00009").text
    assert visitor.post("/people/new", fields).status_code == 400


def test_nobody_corrects_people_of_other_units(app: Flask, city: City) -> None:
    """Outside one's units there is no such person; an auditor has no such page."""
    (foreign,) = city.people(1, unit=OTHER_WARD)
    visitor = Visitor(app).log_in(city.account("huong", Role.HR))
    assert visitor.get(f"/people/{foreign.code}/edit").status_code == 404
    auditor = Visitor(app).log_in(city.account("kiem", Role.AUDITOR, None))
    for address in (f"/people/{foreign.code}/edit", "/people/new", "/duplicates", "/policy"):
        assert auditor.get(address).status_code == 403


def test_two_entries_are_merged_and_separated(app: Flask, city: City) -> None:
    """From the proposal on the person's page to the decision, and back."""
    first, second = city.people(2)
    city.services.inventory.persons.store(
        city.actor("hr-all", Role.HR, None),
        {"full_name": first.full_name},  # type: ignore[dict-item]  # a field is its value
        code=second.code,
    )
    release()
    visitor = Visitor(app).log_in(city.account("huong", Role.HR))
    page = visitor.get("/duplicates").text
    assert "Cùng họ tên và ngày sinh" in page
    found = re.search(r"/duplicates/\d+", page)
    assert found
    address = found[0]
    assert address in visitor.get(f"/people/{first.code}").text
    compared = visitor.get(address).text
    assert "rất có thể đây là hai người khác nhau" in compared
    refused = visitor.post(address, {"outcome": "merge"})
    assert refused.status_code == 400
    assert visitor.post(address, {"outcome": "merge", "survivor": first.code}).status_code == 302
    assert second.code not in visitor.get("/people").text
    assert f"gộp vào hồ sơ mã {first.code}" in visitor.get(f"/people/{second.code}").text
    assert address in visitor.get("/duplicates", decided=1).text
    assert visitor.post(address, {"outcome": "take_back"}).status_code == 302
    assert second.code in visitor.get("/people").text
    assert visitor.post(address, {"outcome": "keep_apart"}).status_code == 302
    assert address not in visitor.get("/duplicates").text
    by_hand = visitor.post("/duplicates", {"first": first.code, "second": second.code})
    assert by_hand.location.endswith(address)
    assert visitor.post("/duplicates", {"first": first.code, "second": "X"}).status_code == 404


def test_the_policy_is_shown_previewed_and_changed(app: Flask, city: City) -> None:
    """Who would be counted is said before; contradictions are refused at their row."""
    city.people(1)
    visitor = Visitor(app).log_in(city.account("quantri", Role.ADMIN, None))
    form: dict[str, object] = {"csrf_token": hidden(visitor.get("/policy").text, "csrf_token")}
    for state, rule in rules().items():
        form[f"consequence_{state}"] = rule.consequence.value
        form |= {f"counted_{state}": "1"} if rule.counted else {}
        form |= {f"may_sign_{state}": "1"} if rule.may_sign else {}
    release()
    assert "Không có gì thay đổi" in visitor.get(visitor.post("/policy", form).location).text
    maternity = form | {f"counted_{PersonState.MATERNITY_LEAVE}": "1"}
    asked = visitor.post("/policy", maternity).text
    assert "Nghỉ thai sản" in asked
    assert PersonState.MATERNITY_LEAVE not in counted_states()
    study = {PersonState.LONG_STUDY: replace(rules()[PersonState.LONG_STUDY], counted=True)}
    release()
    city.services.inventory.policy.change(city.actor("khac", Role.ADMIN, None), study)
    shown = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', asked))
    assert visitor.post("/policy", shown | {"confirmed": "1"}).status_code == 302
    assert {PersonState.MATERNITY_LEAVE, PersonState.LONG_STUDY} <= {*counted_states()}, (
        "what another decided while this page was read stands"
    )
    assert 'name="counted_working"' in visitor.post("/policy", shown | {"again": "1"}).text
    release()
    wrong = visitor.post("/policy", {k: v for k, v in form.items() if k != "counted_working"})
    assert wrong.status_code == 400
    assert 'href="#field-working"' in wrong.text
