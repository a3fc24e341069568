"""The pages of units in headless Chromium: axe's judgement, narrow screens, keyboard, no script."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from signer.accounts import SYSTEM, Role
from signer.db import release
from signer.inventory.bodies import Duty
from signer.inventory.structure_plan import ActKind, Heir, UnitAct
from signer.services import Services
from tests.chromium import visiting
from tests.factories import OTHER_WARD, WARD, City

pytestmark = pytest.mark.browser

LOOKS: tuple[dict[str, Any], ...] = (
    {"width": 1280, "theme": "light", "lang": "vi"},
    {"width": 360, "theme": "dark", "lang": "en"},
)
PAGES = (
    "/units",
    "/units?as_of=2025-06-30",
    f"/units/{WARD}",
    f"/units/{OTHER_WARD}?as_of=2026-01-01",
    "/unit-changes/new",
    "/unit-changes/new?kind=rename&codes=00025",
    "/unit-changes/new?kind=split&parts=3",
    "/unit-changes/new?kind=merge",
    "/unit-changes/new?kind=open",
    "/unit-changes/1",
    "/unit-changes/2",
)


@pytest.fixture
def visit(
    services: Services, city: City, address: str, browser: Browser
) -> Iterator[Callable[..., Any]]:
    """Opens pages as who manages units, after a merger and with another act planned."""
    city.certified(2)
    people = city.people(2, unit=OTHER_WARD)
    inventory = services.inventory
    inventory.bodies.name_officer(SYSTEM, WARD, Duty.FOCAL, person_code="T00001", decision="7/QĐ")
    merged = Heir(code=WARD, name="UBND phường Ba Đình - Ngọc Hà")
    inventory.structure.carry_out(
        SYSTEM,
        UnitAct(
            kind=ActKind.MERGE,
            on=date(2026, 10, 1),
            decision="15/NQ-HĐND",
            codes=(WARD, OTHER_WARD),
            heirs=(merged,),
        ),
    )
    inventory.structure.carry_out(
        SYSTEM,
        UnitAct(
            kind=ActKind.RENAME,
            on=date(2027, 1, 1),
            decision="20/NQ-HĐND",
            codes=("00025",),
            heirs=(Heir(code="00025", name="UBND phường Giảng Võ Mới"),),
        ),
    )
    assert people
    token = services.accounts.log_in(*city.account("quantri", Role.ADMIN, None), address="")
    release()
    faults: list[str] = []

    @contextmanager
    def opened(
        *, width: int = 1280, theme: str = "light", lang: str = "vi", **more: Any
    ) -> Iterator[Page]:
        cookies = {"theme": theme, "lang": lang, "signer_session": token}
        viewport = {"width": width, "height": 800}
        with visiting(browser, address, cookies, faults, viewport=viewport, **more) as page:
            yield page

    yield opened
    assert faults == []


def _problems(page: Page, path: str, width: int) -> list[str]:
    found = [f"{path}: {v['id']}" for v in Axe().run(page).response["violations"]]
    wide = page.evaluate("document.documentElement.scrollWidth")
    return found + ([f"{path}: {wide} px wide"] if wide > width else [])


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: "-".join(map(str, look.values())))
def test_every_page_is_accessible_and_fits(visit: Callable[..., Any], look: dict[str, Any]) -> None:
    """No violation that axe can find, and nothing wider than the window."""
    found: list[str] = []
    with visit(**look) as page:
        for number, path in enumerate(PAGES):
            page.goto(path)
            found += _problems(page, path, look["width"])
            if folder := os.environ.get("SIGNER_SCREENSHOTS"):
                page.screenshot(
                    path=Path(folder) / f"units-{look['width']}-{number:02}.png", full_page=True
                )
    assert found == [], found


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_unit_is_renamed_by_keyboard(visit: Callable[..., Any], script: bool) -> None:
    """From the unit's page to the deed and back, with and without script."""
    with visit(java_script_enabled=script, width=360) as page:
        page.goto("/units/00091")
        page.get_by_role("link", name="Sắp xếp đơn vị này").press("Enter")
        page.get_by_label("Đổi tên đơn vị").press("Space")
        page.get_by_role("button", name="Tiếp tục").press("Enter")
        page.get_by_label("Tên mới").fill("UBND phường Phú Thượng Mới")
        page.get_by_label("Có hiệu lực từ ngày").fill("2026-11-20")
        page.get_by_label("Số, ký hiệu quyết định").fill("9/NQ")
        page.get_by_role("button", name="Xem trước").press("Enter")
        expect(page.get_by_role("heading", name="Điều sẽ xảy ra")).to_be_visible()
        if script:
            assert _problems(page, "preview", 360) == []
        page.get_by_role("button", name="Đổi tên đơn vị: thực hiện").press("Enter")
        expect(page.get_by_text("Đã thực hiện", exact=True)).to_be_visible()
        page.get_by_text("Hoàn tác", exact=True).first.click()
        page.get_by_role("button", name="Hoàn tác").press("Enter")
        expect(page.get_by_text("Đã hoàn tác", exact=True)).to_be_visible()
