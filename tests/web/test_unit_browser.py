"""The pages of units in headless Chromium: axe's judgement, narrow screens, keyboard, no script."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from signer.accounts import Role
from signer.db import release
from signer.services import Services
from tests.chromium import faults_of
from tests.factories import City

pytestmark = pytest.mark.browser


@pytest.fixture
def sessions(services: Services, city: City) -> dict[object, str]:
    """A log-in of who manages units."""
    token = services.accounts.log_in(*city.account("quantri", Role.ADMIN, None), address="")
    release()
    return {"me": token}


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
            assert faults_of(page, "preview") == []
        page.get_by_role("button", name="Đổi tên đơn vị: thực hiện").press("Enter")
        expect(page.get_by_text("Đã thực hiện", exact=True)).to_be_visible()
        page.get_by_text("Hoàn tác", exact=True).first.click()
        page.get_by_role("button", name="Hoàn tác").press("Enter")
        expect(page.get_by_text("Đã hoàn tác", exact=True)).to_be_visible()
