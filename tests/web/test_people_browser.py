"""The people side in headless Chromium: axe's judgement, narrow screens, script and no script."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from signer.accounts import Role
from signer.db import release
from signer.services import Services
from tests.chromium import faults_of
from tests.factories import WARD, City

pytestmark = pytest.mark.browser


@pytest.fixture
def sessions(services: Services, city: City) -> dict[object, str]:
    """Log-ins of the HR officer and the approver; one request waits."""
    city.issue(city.people(2))
    city.people(2, email=False)
    waiting = city.people(1)
    services.issuance.create(
        city.actor("lan", Role.HR), person_codes=[waiting[0].code], reason="Kế hoạch quý IV"
    )
    accounts = {role: city.account(role.value, role, None) for role in (Role.HR, Role.APPROVER)}
    made = {role: services.accounts.log_in(*a, address="") for role, a in accounts.items()}
    release()
    return {**made}


def test_the_menu_opens_and_closes_on_a_narrow_screen(visit: Callable[..., Any]) -> None:
    """A button opens it, Escape closes it and gives the focus back; axe agrees."""
    with visit(Role.HR, width=360) as page:
        page.goto("/people")
        button = page.get_by_role("button", name="Danh mục")
        button.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="Nạp danh sách")).to_be_visible()
        assert faults_of(page) == []
        page.keyboard.press("Escape")
        expect(page.get_by_role("link", name="Nạp danh sách")).to_be_hidden()
        expect(button).to_be_focused()


def test_light_and_dark_without_and_with_script(visit: Callable[..., Any]) -> None:
    """The link switches in place; without script the server remembers the choice."""
    for script in (True, False):
        with visit(Role.HR, theme="", java_script_enabled=script) as page:
            page.goto("/help")
            page.get_by_role("link", name="Nền tối").click()
            expect(page.locator("html")).to_have_attribute("data-theme", "dark")
            page.goto("/people")
            expect(page.locator("html")).to_have_attribute("data-theme", "dark")
            expect(page.get_by_role("link", name="Nền sáng")).to_be_visible()


def test_selecting_all_files_one_request(visit: Callable[..., Any], services: Services) -> None:
    """Filter, select all, say why, send: by keyboard, from the list to the request."""
    with visit(Role.HR) as page:
        page.goto(f"/people?unit={WARD}&state=lacking")
        page.get_by_label("Chọn tất cả trong trang này").focus()
        page.keyboard.press("Space")
        expect(page.locator("#chosen")).to_have_text("2")
        page.get_by_role("button", name="Lập đề nghị cho người đã chọn").press("Enter")
        page.get_by_label("Lý do đề nghị").fill("Kế hoạch quý IV")
        page.get_by_role("button", name="Gửi đề nghị").press("Enter")
        expect(page.get_by_role("heading", name="2 người được để lại")).to_be_visible()


def test_a_running_job_renews_itself(visit: Callable[..., Any], services: Services) -> None:
    """The bar moves without a reload, a focused button keeps the focus, and the end is shown."""
    with visit(Role.APPROVER) as page:
        page.goto("/requests/2")
        page.get_by_role("button", name="Duyệt và cấp chứng thư").click()
        expect(page.get_by_text("Đã xong 0 trên 1.")).to_be_visible()
        page.get_by_role("link", name="Tải lại tiến độ").focus()
        with page.expect_response("**/progress"):
            pass
        expect(page.get_by_role("link", name="Tải lại tiến độ")).to_be_focused()
        services.jobs.run(services.job_handlers)
        expect(page.get_by_text("Đã xong 1 trên 1.")).to_be_visible()
        expect(page.locator("[hx-trigger]")).to_have_count(0)


def test_a_refused_form_begins_at_what_was_wrong(visit: Callable[..., Any]) -> None:
    """The focus is on the summary, its link leads to the field, what was typed is still there."""
    with visit(None) as page:
        page.goto("/login")
        page.get_by_label("Tên đăng nhập").fill("huong")
        page.get_by_label("Mật khẩu").fill("sai")
        page.get_by_role("button", name="Đăng nhập").click()
        expect(page.locator("#errors")).to_be_focused()
        expect(page.get_by_label("Tên đăng nhập")).to_have_value("huong")
