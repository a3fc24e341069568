"""Who gets in, and what every answer carries."""

import dataclasses
from datetime import timedelta

import pytest
from flask import Flask

from signer.accounts import SYSTEM, Role
from signer.app import create_app
from signer.config import Settings
from signer.errors import Unavailable
from signer.web.access import safe_next
from tests.clocks import StandingClock
from tests.factories import City
from tests.web.visitor import Visitor


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("/people?state=lacking", True),
        ("/requests/3", True),
        ("", False),
        (None, False),
        ("people", False),
        ("//evil.example/x", False),
        ("/\\evil.example", False),
        ("https://evil.example/", False),
        ("/\tevil", False),
    ],
)
def test_only_paths_of_this_host_are_gone_on_to(address: str | None, kept: bool) -> None:
    """`next` never leads to another host."""
    assert safe_next(address) == (address if kept else "/")


def test_a_visitor_logs_in_and_goes_where_he_was_going(app: Flask, city: City) -> None:
    """A page asked for too early is shown after the log-in; a form that was sent is not."""
    name, password = city.account("huong", Role.HR)
    visitor = Visitor(app)
    asked = visitor.get("/people?state=lacking")
    assert asked.status_code == 302
    assert asked.location == "/login?next=/people?state%3Dlacking"
    answer = visitor.post(
        "/login",
        {"name": name, "password": password, "next": "/people?state=lacking"},
        form_at=asked.location,
    )
    assert answer.location == "/people?state=lacking"
    assert visitor.get("/people").status_code == 200


def test_a_wrong_password_says_no_more_than_no(app: Flask, city: City) -> None:
    """The same sentence for a wrong password and for an unknown name; the name typed stays."""
    name, _ = city.account("huong", Role.HR)
    texts = []
    for typed in (name, "ai-do"):
        answer = Visitor(app).post("/login", {"name": typed, "password": "sai"})
        assert answer.status_code == 403
        assert f'value="{typed}"' in answer.text
        texts.append(answer.text.count("Tên đăng nhập hoặc mật khẩu không đúng."))
    assert texts == [1, 1]


def test_logging_out_ends_the_session_on_the_server(app: Flask, city: City) -> None:
    """A copy of the cookie opens nothing after the log-out."""
    visitor = Visitor(app).log_in(city.account("huong", Role.HR))
    copied = visitor.client.get_cookie("signer_session")
    assert copied is not None
    assert copied.http_only
    assert copied.same_site == "Lax"
    assert visitor.post("/logout", {}, form_at="/password").location == "/login"
    thief = Visitor(app)
    thief.client.set_cookie("signer_session", copied.value)
    assert thief.get("/").status_code == 302


def test_an_idle_session_is_over(app: Flask, city: City, clock: StandingClock) -> None:
    """After the idle time the next click leads to the log-in; a fragment is told by a header."""
    visitor = Visitor(app).log_in(city.account("huong", Role.HR))
    clock.move(timedelta(minutes=31))
    assert visitor.get("/people").status_code == 302
    fragment = visitor.client.get("/jobs/1/progress", headers={"HX-Request": "true"})
    assert fragment.status_code == 401
    assert fragment.headers["HX-Redirect"].startswith("/login")


def test_a_one_time_password_leads_to_choosing_another(app: Flask, city: City) -> None:
    """Nothing else opens until the password was changed; then everything does."""
    made = city.services.accounts.create(SYSTEM, name="moi", role=Role.HR, scope_path="")
    visitor = Visitor(app).log_in((made.name, made.password))
    assert visitor.get("/people").location == "/password"
    fields = {"old": made.password, "new": "mot-cau-dai-de-nho", "again": "mot-cau-khac-han"}
    different = visitor.post("/password", fields)
    assert different.status_code == 400
    assert 'href="#field-again"' in different.text
    short = visitor.post("/password", fields | {"new": "ngan", "again": "ngan"})
    assert "ít nhất 12 ký tự" in short.text
    assert visitor.post("/password", fields | {"again": fields["new"]}).location == "/"
    assert visitor.get("/people").status_code == 200


def test_a_form_without_its_token_does_nothing(app: Flask, city: City) -> None:
    """Another site cannot make the browser act."""
    visitor = Visitor(app).log_in(city.account("huong", Role.HR))
    answer = visitor.client.post("/logout")
    assert answer.status_code == 400
    assert "đã quá hạn" in answer.text
    assert visitor.get("/people").status_code == 200


def test_what_a_role_may_not_do_is_not_shown_and_not_open(app: Flask, city: City) -> None:
    """The menu names what is open; the rest answers 403 with a page."""
    visitor = Visitor(app).log_in(city.account("anh", Role.SIGNER))
    start = visitor.get("/").text
    assert 'href="/inbox"' in start
    for path in ("/people", "/roster", "/requests", "/audit"):
        assert f'href="{path}"' not in start
        assert visitor.get(path).status_code == 403


def test_every_answer_is_protected(app: Flask) -> None:
    """The policy allows nothing inline; pages are not stored; files are, for a year."""
    page = Visitor(app).get("/login")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert " style=" not in page.text
    assert "<style" not in page.text
    address = page.text.split('rel="stylesheet" href="')[2].split('"')[0]
    sheet = Visitor(app).get(address)
    assert sheet.headers["Cache-Control"].startswith("public, max-age=31536000")
    assert sheet.mimetype == "text/css"
    assert Visitor(app).get(address.replace("app.css", "../access.py")).status_code == 404


def test_behind_tls_the_cookies_are_bound_to_this_host(
    settings: Settings, clock: StandingClock
) -> None:
    """`__Host-` and Secure, and browsers are told to stay on TLS."""
    app = create_app(dataclasses.replace(settings, base_url="https://ky.example.vn"), clock)
    page = app.test_client().get("/login", base_url="https://ky.example.vn")
    assert page.headers["Set-Cookie"].startswith("__Host-signer_form=")
    assert "Secure" in page.headers["Set-Cookie"]
    assert "max-age" in page.headers["Strict-Transport-Security"]


def test_errors_are_pages_with_a_sentence(app: Flask, city: City) -> None:
    """Lost addresses and wrong methods are answered in the house's look, with the right status."""
    visitor = Visitor(app).log_in(city.account("huong", Role.HR))
    lost = visitor.get("/khong-co")
    assert lost.status_code == 404
    assert "Trang này không tồn tại" in lost.text
    assert "Nhân sự" in lost.text, "the menu is there, to go on from"
    wrong = visitor.client.put("/people")
    assert wrong.status_code == 405
    assert "GET" in wrong.headers["Allow"]


def test_what_is_away_is_a_503_with_the_time_to_come_back(app: Flask) -> None:
    """The sentence for the clerk, Retry-After for the machine, and a way to try again."""
    with app.test_request_context("/people"):
        answer = app.make_response(
            app.handle_user_exception(
                Unavailable("Thiết bị bảo mật tạm thời bận.", retry_after_seconds=7)
            )
        )
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "7"
    page = answer.get_data(as_text=True)
    assert "Thiết bị bảo mật tạm thời bận." in page
    assert 'href="/people">Tải lại' in page


def test_the_language_is_chosen_here_not_by_the_browser(app: Flask) -> None:
    """Vietnamese unless English was chosen; the choice is remembered and comes back to the page."""
    visitor = Visitor(app)
    english = {"Accept-Language": "en"}
    assert 'lang="vi"' in visitor.client.get("/login", headers=english).text
    chosen = visitor.get("/language/en", next="/help")
    assert chosen.location == "/help"
    assert 'lang="en"' in visitor.get("/login").text
    assert visitor.get("/theme/dark", next="//evil.example").location == "/"
    assert 'data-theme="dark"' in visitor.get("/login").text
