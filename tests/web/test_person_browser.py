"""One person, duplicates and the policy in headless Chromium: axe, narrow screens, keyboard."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from signer.accounts import Role
from signer.db import release
from signer.services import Services
from tests.chromium import visiting
from tests.factories import City

pytestmark = pytest.mark.browser

LOOKS: tuple[dict[str, Any], ...] = (
    {"width": 1280, "theme": "light", "lang": "vi"},
    {"width": 360, "theme": "dark", "lang": "en"},
)
PAGES = {
    Role.HR: (
        "/people/T00001",
        "/people/T00001/edit",
        "/people/T00004",
        "/people/new",
        "/duplicates",
        "/duplicates?decided=1",
        "/duplicates/1",
        "/duplicates/2",
    ),
    Role.ADMIN: ("/policy",),
}
SCREENSHOTS = os.environ.get("SIGNER_SCREENSHOTS")


@pytest.fixture
def visit(
    services: Services, city: City, address: str, browser: Browser
) -> Iterator[Callable[..., Any]]:
    """Opens pages as somebody with the role; a script's error or a refused source fails."""
    people = city.certified(1) + city.people(3)
    hr = city.actor("hr-all", Role.HR, None)
    room = services.inventory
    told: Any = {"full_name": people[0].full_name, "title": "Trưởng phòng", "unit": "00008"}
    room.persons.store(hr, told, code=people[1].code)
    release()
    merged = room.duplicates.pair_with(hr, people[2].code, people[3].code)
    room.duplicates.merge(hr, merged.id, people[2].code)
    accounts = {role: city.account(role.value, role, None) for role in PAGES}
    tokens = {role: services.accounts.log_in(*a, address="") for role, a in accounts.items()}
    release()
    faults: list[str] = []

    @contextmanager
    def opened(
        role: Role, *, width: int = 1280, theme: str = "light", lang: str = "vi", **more: Any
    ) -> Iterator[Page]:
        cookies = {"theme": theme, "lang": lang, "signer_session": tokens[role]}
        viewport = {"width": width, "height": 800}
        with visiting(browser, address, cookies, faults, viewport=viewport, **more) as page:
            yield page

    yield opened
    assert faults == []


def judged(page: Page, name: str, width: int) -> list[str]:
    """What axe finds, and whether the page is wider than the window; a picture, if asked for."""
    if SCREENSHOTS:
        picture = Path(SCREENSHOTS) / f"{name.strip('/').replace('/', '-')}-{width}.png"
        page.screenshot(path=picture, full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth")
    found = [f"{name}: {v['id']}" for v in Axe().run(page).response["violations"]]
    return found + ([f"{name}: {wide} px wide"] if wide > width else [])


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: "-".join(map(str, look.values())))
def test_every_page_is_accessible_and_fits(visit: Callable[..., Any], look: dict[str, Any]) -> None:
    """No violation that axe can find, and nothing wider than the window."""
    found: list[str] = []
    for role, paths in PAGES.items():
        with visit(role, **look) as page:
            for path in paths:
                page.goto(path)
                found += judged(page, path, look["width"])
    assert found == [], found


@pytest.mark.parametrize("width", [1280, 360])
def test_a_correction_by_keyboard(visit: Callable[..., Any], width: int) -> None:
    """Typed, looked at, taken back to the form, confirmed; without script as well."""
    found: list[str] = []
    with visit(Role.HR, width=width, java_script_enabled=True) as page:
        page.goto("/people/T00001/edit")
        page.get_by_label("Chức vụ, chức danh").fill("Phó Chủ tịch")
        page.get_by_label("Trạng thái công tác").select_option("retired")
        page.get_by_role("button", name="Xem trước thay đổi").press("Enter")
        expect(page.get_by_text("đòi hỏi thu hồi chứng thư")).to_be_visible()
        found += judged(page, "confirm", width)
        page.get_by_role("button", name="Sửa lại").press("Enter")
        expect(page.get_by_label("Chức vụ, chức danh")).to_have_value("Phó Chủ tịch")
        page.get_by_label("Họ và tên").fill("B1nh")
        page.get_by_role("button", name="Xem trước thay đổi").press("Enter")
        expect(page.get_by_role("alert")).to_be_focused()
        found += judged(page, "refused", width)
        page.get_by_label("Họ và tên").fill("Lê Thị Bình")
        page.get_by_role("button", name="Xem trước thay đổi").press("Enter")
        page.get_by_role("button", name="Lưu thay đổi").press("Enter")
        expect(page.get_by_role("heading", name="Lê Thị Bình")).to_be_visible()
    with visit(Role.ADMIN, width=width, java_script_enabled=False) as page:
        page.goto("/policy")
        page.get_by_label("Nghỉ thai sản: được tính").check()
        page.get_by_role("button", name="Xem trước thay đổi").press("Enter")
        expect(page.get_by_text("từ hôm nay; số liệu")).to_be_visible()
        page.get_by_role("button", name="Lưu chính sách mới").press("Enter")
        expect(page.get_by_text("Chính sách mới có hiệu lực")).to_be_visible()
        expect(page.get_by_label("Nghỉ thai sản: được tính")).to_be_checked()
    assert found == [], found
