"""One person, duplicates and the policy in headless Chromium: axe, narrow screens, keyboard."""

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
    """Log-ins of the HR officer and the administrator; one person has a certificate."""
    city.certified(1)
    accounts = {role: city.account(role.value, role, None) for role in (Role.HR, Role.ADMIN)}
    made = {role: services.accounts.log_in(*a, address="") for role, a in accounts.items()}
    release()
    return {**made}


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
        found += faults_of(page, "confirm")
        page.get_by_role("button", name="Sửa lại").press("Enter")
        expect(page.get_by_label("Chức vụ, chức danh")).to_have_value("Phó Chủ tịch")
        page.get_by_label("Họ và tên").fill("B1nh")
        page.get_by_role("button", name="Xem trước thay đổi").press("Enter")
        expect(page.get_by_role("alert")).to_be_focused()
        found += faults_of(page, "refused")
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
