"""The signing page in headless Chromium: keyboard, mouse, touch, no script, and axe's judgement."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from signer.accounts import SYSTEM, Role
from signer.db import release
from signer.services import Services
from tests.chromium import faults_of
from tests.factories import WARD, City
from tests.web.visitor import PIN, account_of, official_with

pytestmark = pytest.mark.browser

PDFS = Path(__file__).parents[1] / "data" / "pdf"
FILES = ("quyet_dinh.pdf", "bao_cao_29_trang.pdf")
PLACE = ("page", "left_mm", "top_mm", "width_mm", "height_mm")


@pytest.fixture
def sessions(services: Services, city: City) -> dict[object, str]:
    """A log-in of an official with a certificate and two documents."""
    account = official_with(services, city, FILES)
    token = services.accounts.log_in(*account, address="")
    release()
    return {"me": token}


def place_of(page: Page) -> dict[str, float]:
    """What the number fields say."""
    return {name: float(page.input_value(f"#field-{name}")) for name in PLACE}


def open_document(page: Page, name: str) -> None:
    """From the inbox, as a person would."""
    page.goto("/inbox")
    page.get_by_role("link", name=f"Xem và ký {name}").click()
    expect(page.locator("[data-box][tabindex]")).to_be_attached()


def test_signing_by_keyboard_alone(visit: Callable[..., Any], services: Services) -> None:
    """The box moves, grows, changes pages, stays on its page, speaks; PIN and Enter sign."""
    with visit() as page:
        open_document(page, "bao_cao_29_trang.pdf")
        proposed = place_of(page)
        expect(page.locator("[data-page-number]")).to_have_value(str(int(proposed["page"])))
        page.get_by_role("button", name="Tới khung chữ ký").focus()
        page.keyboard.press("Enter")
        expect(page.locator("[data-box]")).to_be_focused()
        for key in ("ArrowLeft", "ArrowLeft", "ArrowUp", "Shift+ArrowRight", "PageUp"):
            page.keyboard.press(key)
        moved = place_of(page)
        assert moved["page"] == proposed["page"] - 1
        assert moved["left_mm"] == pytest.approx(proposed["left_mm"] - 2, abs=0.2)
        assert moved["top_mm"] == pytest.approx(proposed["top_mm"] - 1, abs=0.2)
        assert moved["width_mm"] == pytest.approx(proposed["width_mm"] + 1, abs=0.2)
        expect(page.locator("[data-live]")).to_contain_text(f"trang {int(moved['page'])}")
        for _ in range(250):
            page.keyboard.press("ArrowRight")
        at_edge = place_of(page)
        assert at_edge["left_mm"] + at_edge["width_mm"] == pytest.approx(210, abs=0.3)
        page.keyboard.press("Escape")
        assert place_of(page) == pytest.approx(proposed, abs=0.2)
        page.keyboard.press("Tab")
        expect(page.locator("#field-pin")).to_be_focused()
        page.keyboard.type(PIN)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Đã ký số")
    release()
    states = {d.file_name: d.state for d in services.dossiers.dossier_of(SYSTEM, 1).documents}
    assert states == {"quyet_dinh.pdf": "waiting", "bao_cao_29_trang.pdf": "signed"}


def test_mouse_fields_and_zoom_agree(visit: Callable[..., Any]) -> None:
    """Dragging changes the numbers, numbers move the box, zoom moves nothing."""
    with visit() as page:
        open_document(page, "quyet_dinh.pdf")
        page.fill("#field-left_mm", "60")
        page.fill("#field-top_mm", "150")
        page.keyboard.press("Tab")
        page.get_by_role("button", name="Tới khung chữ ký").click()
        shown = page.locator("[data-frame]").bounding_box()
        sheet = page.locator("[data-page='1']").bounding_box()
        assert shown
        assert sheet
        assert (shown["x"] - sheet["x"]) / sheet["width"] == pytest.approx(60 / 210, abs=0.005)
        mm = sheet["width"] / 210
        page.mouse.move(shown["x"] + 40, shown["y"] + 20)
        page.mouse.down()
        page.mouse.move(shown["x"] + 40 + 20 * mm, shown["y"] + 20 - 10 * mm, steps=4)
        page.mouse.up()
        dragged = place_of(page)
        assert dragged["left_mm"] == pytest.approx(80, abs=0.5)
        assert dragged["top_mm"] == pytest.approx(140, abs=0.5)
        corner = page.locator(".corner-held[data-corner='se']").bounding_box()
        assert corner
        page.mouse.move(corner["x"] + corner["width"] / 2, corner["y"] + corner["height"] / 2)
        page.mouse.down()
        page.mouse.move(corner["x"] + 2000, corner["y"] + 2000, steps=4)
        page.mouse.up()
        stretched = place_of(page)
        assert stretched["left_mm"] + stretched["width_mm"] == pytest.approx(210, abs=0.3)
        assert stretched["top_mm"] + stretched["height_mm"] == pytest.approx(297, abs=0.5)
        page.get_by_role("button", name="Phóng to").click()
        assert place_of(page) == stretched
        page.get_by_role("button", name="Về chỗ đề xuất").click()
        assert place_of(page) != stretched


def test_a_wrong_pin_in_the_browser(visit: Callable[..., Any]) -> None:
    """The focus is on what was wrong, the box where it was put, and the button works again."""
    with visit() as page:
        open_document(page, "quyet_dinh.pdf")
        page.fill("#field-left_mm", "33")
        page.fill("#field-pin", "wrong-pin")
        page.get_by_role("button", name="Ký số", exact=True).click()
        expect(page.locator("#errors")).to_be_focused()
        expect(page.locator("#field-left_mm")).to_have_value("33.0")
        expect(page.locator("#field-pin")).to_have_value("")
        expect(page.get_by_role("button", name="Ký số", exact=True)).to_be_enabled()


def test_a_finger_moves_the_box(visit: Callable[..., Any]) -> None:
    """Touch on a narrow screen drags the box instead of scrolling the page."""
    with visit(width=360, height=740, has_touch=True, is_mobile=True) as page:
        open_document(page, "quyet_dinh.pdf")
        page.locator("[data-frame]").scroll_into_view_if_needed()
        before = place_of(page)
        box = page.locator("[data-frame]").bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        touch = page.context.new_cdp_session(page)
        touch.send(
            "Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]}
        )
        for step in range(1, 6):
            point = {"x": x - 8 * step, "y": y - 4 * step}
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        after = place_of(page)
        assert after["left_mm"] < before["left_mm"] - 5
        assert after["top_mm"] < before["top_mm"] - 2


def test_signing_without_script(visit: Callable[..., Any]) -> None:
    """The box is drawn, the numbers place it, the form signs."""
    with visit(java_script_enabled=False) as page:
        page.goto("/inbox")
        page.get_by_role("link", name="Xem và ký quyet_dinh.pdf").click()
        expect(page.locator("[data-frame]")).to_be_visible()
        page.fill("#field-left_mm", "100")
        page.fill("#field-pin", PIN)
        page.get_by_role("button", name="Ký số", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Đã ký số")


def test_a_key_that_waits_for_its_pin(
    app: Flask, city: City, address: str, browser: Browser, services: Services
) -> None:
    """The inbox leads to the PIN and the PIN back to the inbox; both pages can be read by all."""
    (person,) = city.certified(1)
    token = services.accounts.log_in(*account_of(city, person), address="")
    release()
    context = browser.new_context(base_url=address)
    context.add_cookies([{"name": "signer_session", "value": token, "url": address}])
    page = context.new_page()
    page.goto("/inbox")
    assert faults_of(page) == []
    page.get_by_role("link", name="Đặt mã PIN").click()
    assert faults_of(page) == []
    page.get_by_label("Mã PIN mới").fill(PIN)
    page.get_by_label("Nhập lại mã PIN").fill(PIN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("bạn ký số được")
    expect(page).to_have_url(f"{address}/inbox")
    context.close()


def test_signers_are_chosen_by_search(
    app: Flask, city: City, address: str, browser: Browser, services: Services
) -> None:
    """Typed without accents, chosen with the keyboard, put in order, submitted."""
    one, two = city.people(2)
    token = services.accounts.log_in(*city.account("clerk", Role.HR), address="")
    release()
    context = browser.new_context(base_url=address)
    context.add_cookies([{"name": "signer_session", "value": token, "url": address}])
    page = context.new_page()
    page.goto("/dossiers/new")
    page.fill("#field-title", "Tờ trình")
    page.select_option("#field-unit_code", WARD)
    page.set_input_files("#field-files", PDFS / FILES[0])
    for person in (one, two):
        page.get_by_label("Tìm người ký", exact=True).press_sequentially(person.code.lower())
        expect(page.locator(f"[data-add='{person.code}']")).to_be_visible()
        page.keyboard.press("Enter")
        expect(page.locator(f"[data-signer='{person.code}']")).to_be_visible()
    page.get_by_role("button", name=f"Lên trước: {two.full_name}").click()
    page.get_by_role("button", name="Trình ký").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Tờ trình")
    names = page.locator(".step-name").all_inner_texts()
    assert names == [two.full_name, one.full_name]
    context.close()
