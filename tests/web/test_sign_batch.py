"""Several documents at once: chosen, looked over, signed with one factor, each with its result."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from werkzeug.test import TestResponse

from signer.accounts import SYSTEM
from signer.db import release
from signer.services import Services
from tests.chromium import faults_of
from tests.factories import City
from tests.web.visitor import PIN, Visitor, account_of, hidden, official_with

FILES = ("quyet_dinh.pdf", "bao_cao_29_trang.pdf", "ban_quet.pdf")


@pytest.fixture
def account(services: Services, city: City) -> tuple[str, str]:
    """An official with an active key, for whom three documents wait: 1, 2 and 3."""
    return official_with(services, city, FILES)


@pytest.fixture
def official(app: Flask, account: tuple[str, str]) -> Visitor:
    """Logged in, without script."""
    return Visitor(app).log_in(account)


@pytest.fixture
def sessions(services: Services, account: tuple[str, str]) -> dict[object, str]:
    """The same official in a browser."""
    token = services.accounts.log_in(*account, address="")
    release()
    return {"me": token}


def signed(official: Visitor, ids: list[int], **changed: Any) -> TestResponse:
    """The answer to the form of the review page, every document approved unseen."""
    address = "/inbox/review?" + "&".join(f"document={number}" for number in ids)
    page = official.get(address).text
    hashes = {f"sha256-{number}": hidden(page, f"sha256-{number}") for number in ids}
    good = {"document": ids, "pin": PIN, "unseen": "1", **hashes}
    return official.post("/inbox/review", good | changed, form_at=address)


def states(services: Services) -> list[str]:
    """How the three documents stand."""
    release()
    return [document.state for document in services.dossiers.dossier_of(SYSTEM, 1).documents]


def test_what_was_chosen_is_signed_and_nothing_else(official: Visitor, services: Services) -> None:
    """One PIN, two signatures; the third document goes on waiting."""
    answer = signed(official, [1, 3])
    assert answer.status_code == 200
    assert "đã ký cả 2 tài liệu" in answer.text
    assert states(services) == ["signed", "waiting", "signed"]
    assert "bao_cao_29_trang.pdf" in official.get("/inbox").text


def test_choosing_nothing_leads_back_to_the_list(official: Visitor) -> None:
    """With the sentence that says what to do."""
    assert "Hãy chọn ít nhất một tài liệu" in official.get("/inbox/review").text
    assert signed(official, [1], document=[]).location.endswith("/inbox/review")


def test_unseen_is_signed_only_when_that_is_said(official: Visitor, services: Services) -> None:
    """Refused in one sentence until the box is ticked or the document was opened."""
    refused = signed(official, [1, 2], unseen="")
    assert refused.status_code == 400
    assert "Bạn chưa xem tài liệu “quyet_dinh.pdf”" in refused.text
    assert states(services) == ["waiting"] * 3
    for number in (1, 2):
        official.get(f"/documents/{number}/sign")
    page = official.get("/inbox/review?document=1&document=2").text
    assert "Đã mở xem" in page
    assert 'name="unseen"' not in page
    assert "đã ký cả 2 tài liệu" in signed(official, [1, 2], unseen="").text


def test_one_wrong_pin_costs_one_try(official: Visitor, services: Services) -> None:
    """However many documents; what was ticked stays ticked, the PIN is not shown again."""
    answer = signed(official, [1, 2, 3], pin="wrong-pin")
    assert answer.status_code == 400
    assert f"{services.settings.pin_attempts - 1} lần" in answer.text
    assert "wrong-pin" not in answer.text
    assert answer.text.count(" checked") == 4  # three documents and the consent
    assert states(services) == ["waiting"] * 3


def test_a_document_that_changed_since_it_was_shown(official: Visitor, services: Services) -> None:
    """A named sentence; nothing of the list is signed."""
    answer = signed(official, [1, 2], **{"sha256-2": "0" * 64})
    assert answer.status_code == 409
    assert "đã thay đổi" in answer.text
    assert states(services) == ["waiting"] * 3


def test_somebody_elses_documents_are_not_found(app: Flask, city: City, official: Visitor) -> None:
    """Neither shown nor counted."""
    (stranger,) = city.people(1)
    visitor = Visitor(app).log_in(account_of(city, stranger))
    assert visitor.get("/inbox/review?document=1").status_code == 404


@pytest.mark.browser
def test_three_actions_by_keyboard(visit: Callable[..., Any], services: Services) -> None:
    """Choose all, go on, agree to what was not opened; then the PIN with Enter."""
    with visit() as page:
        page.goto("/inbox")
        page.get_by_label("Chọn tất cả để ký một lần").focus()
        page.keyboard.press("Space")
        expect(page.locator("#chosen")).to_have_text("3")
        by_tab(page, "Ký các tài liệu đã chọn")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Ký nhiều tài liệu")
        assert faults_of(page) == []
        page.get_by_label("tôi chưa mở xem").focus()
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        expect(page.locator("#field-pin")).to_be_focused()
        page.keyboard.type(PIN)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Kết quả ký")
        assert faults_of(page) == []
    assert states(services) == ["signed"] * 3


@pytest.mark.browser
def test_a_list_is_signed_without_script(visit: Callable[..., Any], services: Services) -> None:
    """On a narrow screen, with a wrong PIN first."""
    with visit(width=360, java_script_enabled=False) as page:
        page.goto("/inbox")
        page.get_by_label("Chọn quyet_dinh.pdf").check()
        page.get_by_label("Chọn ban_quet.pdf").check()
        page.get_by_role("button", name="Ký các tài liệu đã chọn").click()
        page.get_by_label("tôi chưa mở xem").check()
        for pin in ("wrong-pin", PIN):
            page.fill("#field-pin", pin)
            page.get_by_role("button", name="Ký số các tài liệu đã chọn").click()
        expect(page.get_by_role("status")).to_contain_text("đã ký cả 2 tài liệu")
    assert states(services) == ["signed", "waiting", "signed"]


def by_tab(page: Page, name: str) -> None:
    """The keyboard reaches the button of that name."""
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    raise AssertionError(name)
