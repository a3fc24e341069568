"""Errors: one shape (RFC 9457), the right status, the caller's language, nothing internal."""

import io
import json

from sqlalchemy import text

from signer.accounts import Role
from signer.db import db, transaction
from tests.databases import both_databases
from tests.softhsm import token_away

EN = {"Accept-Language": "en"}


def problem_of(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert {"type", "title", "status", "detail"} <= set(answer.json)
    assert answer.json["status"] == status
    return answer.json


def test_an_unknown_address_is_a_problem_and_not_a_page(nobody):
    problem = problem_of(nobody.get("nowhere"), 404)
    assert problem["type"] == "urn:signer:problem:not-found"
    assert problem["title"] == "Không tìm thấy"
    problem_of(nobody.get("/api/other"), 404)


def test_the_language_is_the_one_the_caller_prefers(nobody):
    for wish, title in (
        ("en-GB,en;q=0.9", "Not found"),
        ("vi-VN,vi;q=0.9,en;q=0.8", "Không tìm thấy"),
        ("fr,de", "Không tìm thấy"),
        ("*", "Không tìm thấy"),
    ):
        problem = problem_of(nobody.get("nowhere", headers={"Accept-Language": wish}), 404)
        assert problem["title"] == title, wish


def test_a_wrong_method_says_which_are_right(nobody):
    answer = nobody.call("PUT", "sessions")
    problem_of(answer, 405)
    assert answer.headers["Allow"] == "OPTIONS, POST"


BODIES = [
    (b"", "application/json", 400),
    (b"", None, 400),
    (b"{", "application/json", 400),
    (b"[]", "application/json", 422),
    (b"null", "application/json", 422),
    (b"{}", "application/json", 422),
    (b"name=a&password=b", "application/x-www-form-urlencoded", 415),
    (b'{"name": "a", "password": "b"}', "text/plain", 415),
    (b'{"name": "a", "password": "b", "admin": true}', "application/json", 422),
    (b"\xff\xfe", "application/json", 400),
    (b'{"name": "\xff", "password": "b"}', "application/json", 400),
    (b'{"name": "a", "password": {"$ne": 1}}', "application/json", 422),
    (b"[" * 100_000, "application/json", 400),
]


def test_a_body_that_is_missing_broken_or_of_another_kind_is_refused(nobody):
    for body, content_type, status in BODIES:
        problem_of(nobody.post("sessions", data=body, content_type=content_type), status)


def test_a_body_that_may_be_empty_of_fields_must_still_be_there(as_role):
    approver = as_role(Role.APPROVER, None)
    problem_of(approver.post("requests/1/approve"), 400)
    problem_of(approver.post("requests/1/approve", json={}), 404)


def test_each_field_has_its_own_sentence_in_the_language_asked_for(nobody):
    body = {"name": 1, "x": 2}
    vietnamese = problem_of(nobody.post("sessions", json=body), 422)
    assert {e["field"]: e["detail"] for e in vietnamese["errors"]} == {
        "name": "Giá trị phải là một chuỗi ký tự.",
        "password": "Trường này là bắt buộc.",
        "x": "Không có trường nào tên như vậy.",
    }
    answer = nobody.post("sessions", json=body, headers=EN)
    assert {e["field"]: e["detail"] for e in problem_of(answer, 422)["errors"]} == {
        "name": "The value must be a string.",
        "password": "This field is required.",
        "x": "There is no field of that name.",
    }
    assert answer.headers["Content-Language"] == "en"
    assert "Accept-Language" in answer.headers["Vary"]


QUERIES = [
    ("limit=0", "limit", "Giá trị phải nằm trong khoảng từ 1 đến 200."),
    ("limit=9999", "limit", "Giá trị phải nằm trong khoảng từ 1 đến 200."),
    ("limit=x", "limit", "Giá trị phải là một số nguyên."),
    (
        "state=lost",
        "state",
        "Giá trị phải là một trong: pending, approved, rejected, cancelled.",
    ),
    ("stat=pending", "stat", "Không có trường nào tên như vậy."),
]


def test_a_misspelt_filter_is_an_error_and_not_ignored(as_role):
    hr = as_role(Role.HR)
    for query, field, sentence in QUERIES:
        problem = problem_of(hr.get(f"requests?{query}"), 422)
        assert problem["errors"] == [{"field": field, "detail": sentence}]


NASTY_ADDRESSES = [
    "requests/99999999999999999999",
    "requests/0",
    "requests/-1",
    "requests/١",
    "requests?before=99999999999999999999",
    "requests?before=0",
    "persons/%00",
    "persons/%ED%A0%80",
    "persons/" + "9" * 5000,
    "persons?search=%00",
    "persons?search=" + "%25" * 100,
    "persons?after=AAAA",
    "persons?after=%FF",
    "persons?after=WyJhIiwgOTk5OTk5OTk5OTk5OTk5OTk5OTk5OV0",
    "persons?unit='%20OR%201=1--",
    "coverage?as_of=0001-01-01",
    "coverage?as_of=9999-12-31",
    "coverage?unit=%F0%9F%98%80",
    "units?as_of=10000-01-01",
    "documents/1/file?version=-1",
]
NASTY_BODIES = [
    ("sessions", {"name": "\ud800", "password": "x"}),
    ("sessions", {"name": "a\x00", "password": "x"}),
    ("sessions", {"name": "a" * 101, "password": "x"}),
    ("requests", {"persons": ["\udfff"], "reason": "x"}),
    ("requests", {"persons": [None], "reason": "x"}),
    ("requests", {"persons": ["A"] * 6000, "reason": "x"}),
    ("requests", {"unit": 10**30, "lacking": True, "reason": "x"}),
    ("requests", {"lacking": "perhaps", "reason": "x"}),
    ("documents/1/sign", {"pin": "1", "page": 10**30, "shown_sha256": "x"}),
    ("documents/1/sign", {"pin": "1", "page": 1, "box": [1e308] * 4, "shown_sha256": "x"}),
    (
        "documents/1/sign",
        {"pin": "1", "page": 1, "box": [0, 0, float("nan"), 1], "shown_sha256": "x"},
    ),
]


@both_databases
def test_nasty_input_is_the_callers_fault_and_never_ours(as_role):
    hr, head = as_role(Role.HR), as_role(Role.APPROVER)
    for address in NASTY_ADDRESSES:
        answer = hr.get(address)
        assert 400 <= answer.status_code < 500 or answer.json, (address, answer.text)
        assert answer.status_code < 500, address
    for address, body in NASTY_BODIES:
        caller = head if address.startswith("documents") else hr
        text = json.dumps(body)
        answer = caller.post(address, data=text, content_type="application/json")
        problem_of(answer, answer.status_code)
        assert 400 <= answer.status_code < 500, (address, body)


def test_a_day_that_is_none_is_refused(as_role):
    problem = problem_of(as_role(Role.HR).get("coverage?as_of=2026-02-31"), 422)
    assert problem["errors"][0]["field"] == "as_of"


def test_more_json_than_any_request_needs_is_refused_before_it_is_parsed(nobody):
    problem_of(nobody.post("sessions", data=b" " * 1_100_000, content_type="application/json"), 413)


def test_an_upload_above_the_limit_is_refused_before_it_is_read(nobody):
    answer = nobody.post(
        "verify",
        data=b"",
        content_type="multipart/form-data; boundary=x",
        environ_overrides={"CONTENT_LENGTH": str(300 * 1024 * 1024)},
    )
    assert "120 MB" in problem_of(answer, 413)["detail"]


def test_a_form_without_its_file_names_the_field(nobody):
    form = {"content_type": "multipart/form-data"}
    missing = problem_of(nobody.post("verify", data={"other": "x"}, **form), 422)
    assert {e["field"] for e in missing["errors"]} == {"file", "other"}
    typed = problem_of(nobody.post("verify", data={"file": "x"}, **form), 422)
    assert typed["errors"] == [{"field": "file", "detail": "Trường này phải là một tệp gửi lên."}]
    empty = {"file": (io.BytesIO(b""), "a.pdf")}
    assert (
        "không có nội dung" in problem_of(nobody.post("verify", data=empty, **form), 422)["detail"]
    )


def test_while_the_token_is_away_the_answer_says_when_to_come_back(nobody, services, token_home):
    with token_away(token_home, services.hsm):
        answer = nobody.get("/pki/issuing.crl")
        problem_of(answer, 503)
        assert int(answer.headers["Retry-After"]) > 0
    assert nobody.get("/pki/issuing.crl").status_code == 200


def test_a_fault_of_ours_tells_nothing_of_the_inside(app, as_role):
    caller = as_role(Role.HR)
    app.testing = False
    with transaction():
        db.session.execute(text("ALTER TABLE coverage_sum RENAME TO lost"))
    answer = caller.get("coverage")
    problem_of(answer, 500)
    assert "coverage_sum" not in answer.text
    with transaction():
        db.session.execute(text("ALTER TABLE lost RENAME TO coverage_sum"))


def test_answers_are_not_kept_by_caches(as_role):
    assert as_role(Role.HR).get("units").headers["Cache-Control"] == "no-store"


def test_nothing_is_left_open_after_a_request(as_role):
    as_role(Role.HR).get("units")
    assert db.engine.pool.checkedout() <= 1  # the test's own
