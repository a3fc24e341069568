"""Revoking, suspending and renewing in headless Chromium: by keyboard, narrow, and axe's view."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from signer.accounts import Role
from signer.db import release
from signer.inventory.models import Person
from signer.inventory.states import PersonState
from signer.issuance.grounds import Act, Ground
from signer.services import Services
from tests.chromium import faults_of
from tests.clocks import StandingClock
from tests.factories import City
from tests.web.visitor import set_person

pytestmark = pytest.mark.browser


@pytest.fixture
def people(city: City, services: Services, clock: StandingClock) -> list[Person]:
    """Twenty-five people; two retired, one with a new address, one whose key was reported."""
    found = city.certified(25)
    clock.move(timedelta(days=1700))  # of the 1825 of the profile: the list of 180 days
    set_person(found[0], state=PersonState.RETIRED)
    set_person(found[1], state=PersonState.RETIRED)
    set_person(found[2], email="moi@hanoi.gov.vn")
    services.issuance.revoking.sweep()
    services.issuance.revoking.order(
        city.actor("lan", Role.HR),
        act=Act.SUSPEND,
        person_codes=[found[3].code],
        ground=Ground.KEY_EXPOSED,
        document_ref="",
    )
    return found


@pytest.fixture
def sessions(city: City, services: Services, people: list[Person]) -> dict[object, str]:
    """A log-in of the HR officer."""
    token = services.accounts.log_in(*city.account("huong", Role.HR), address="")
    release()
    return {"me": token}


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (360, "dark")])
def test_what_is_asked_before_an_order(visit: Callable[..., Any], width: int, theme: str) -> None:
    """The refused form and the preview can be read by everybody."""
    with visit(width=width, theme=theme) as page:
        page.goto("/revocations")
        page.locator("[name=person_codes]").fill("T00001\nAI-DO")
        page.locator("[name=act][value=revoke]").check()
        page.locator("[name=ground_revoke][value=retired]").check()
        page.locator("#order button").click()
        assert faults_of(page, "refused form") == []
        page.locator("[name=document_ref]").fill("125/QĐ-UBND")
        page.locator("#order button").click()
        expect(page.locator("#field-confirmed")).to_be_visible()
        assert faults_of(page, "preview") == []


def test_what_the_roster_asks_is_done_by_keyboard(visit: Callable[..., Any]) -> None:
    """The group is ticked, the form filled in, the tick is asked for, the badge falls."""
    with visit() as page:
        page.goto("/")
        expect(page.get_by_role("link", name="Việc cần xử lý 3")).to_be_visible()
        page.get_by_role("link", name="Việc cần xử lý 3").press("Enter")
        group = page.locator("section").filter(has_text="Nghỉ hưu").first
        group.get_by_label("Chọn tất cả trong nhóm này").press("Space")
        expect(group.locator("output")).to_have_text("2")
        other = page.locator("section").filter(has_text="Thư điện tử khác").first
        expect(other.locator("output")).to_have_text("0")
        group.get_by_role("button", name="Xem trước việc thu hồi").press("Enter")
        expect(page.get_by_role("heading", name="2 người được chọn")).to_be_visible()
        expect(page.get_by_label("Nghỉ hưu")).to_be_checked()
        page.get_by_label("Số, ký hiệu văn bản").fill("125/QĐ-UBND")
        page.get_by_role("button", name="Xem trước").press("Enter")
        expect(page.get_by_text("không thể hoàn tác")).to_be_visible()
        confirm = page.get_by_role("button", name="Thu hồi chứng thư của 2 người")
        confirm.press("Enter")
        expect(page.locator("#field-confirmed")).to_be_focused()
        page.keyboard.press("Space")
        confirm.press("Enter")
        expect(page.get_by_text("Đã thu hồi chứng thư của 2 người.")).to_be_visible()
        expect(page.get_by_role("link", name="Việc cần xử lý 1")).to_be_visible()


def test_the_grounds_follow_the_act(visit: Callable[..., Any]) -> None:
    """Only the list that fits is shown, and what is typed stays when the act changes."""
    with visit(width=360) as page:
        page.goto("/revocations")
        revoke = page.get_by_role("group", name="Căn cứ để thu hồi")
        suspend = page.get_by_role("group", name="Căn cứ để tạm dừng")
        expect(revoke).to_be_hidden()
        page.locator("[name=person_codes]").fill("T00005")
        page.locator("[name=act][value=revoke]").check()
        expect(revoke).to_be_visible()
        expect(suspend).to_be_hidden()
        page.locator("[name=act][value=suspend]").check()
        expect(revoke).to_be_hidden()
        expect(suspend).to_be_visible()
        page.locator("[name=act][value=release]").check()
        expect(suspend).to_be_hidden()
        expect(page.locator("[name=person_codes]")).to_have_value("T00005")


@pytest.mark.parametrize("script", [True, False])
def test_a_reported_key_is_blocked_and_given_back(visit: Callable[..., Any], script: bool) -> None:
    """One press stops it; the way back is on the same page; it works without script too."""
    with visit(width=360, java_script_enabled=script) as page:
        page.goto("/people/T00005")
        page.get_by_role("button", name="Nghi lộ khóa: chặn ký ngay").click()
        expect(page.get_by_text("Đã chặn ký từ lúc này.")).to_be_visible()
        expect(page.get_by_text("Đang tạm dừng")).to_be_visible()
        page.get_by_role("link", name="Cho dùng lại").click()
        page.get_by_role("button", name="Xem trước").click()
        page.get_by_role("button", name="Cho dùng lại chứng thư của 1 người").click()
        expect(page.get_by_text("Đã cho dùng lại chứng thư của 1 người.")).to_be_visible()


def test_a_pasted_list_becomes_a_job_that_renews_itself(
    visit: Callable[..., Any], services: Services, people: list[Person]
) -> None:
    """Columns from Excel, a preview with somebody refused, a correction, then the bar moves."""
    rows = [f"{n}\t{p.full_name}\t{p.code}\t15/03/1985" for n, p in enumerate(people[4:], 1)]
    with visit() as page:
        page.goto("/revocations")
        page.locator("[name=person_codes]").fill("\n".join([*rows, "AI-DO"]))
        page.locator("[name=act][value=revoke]").check()
        page.locator("[name=ground_revoke][value=managing_body_request]").check()
        page.get_by_label("Số, ký hiệu văn bản").fill("8/CV")
        page.get_by_role("button", name="Xem trước").click()
        expect(page.get_by_role("heading", name="1 người được để lại")).to_be_visible()
        page.get_by_role("button", name="Sửa lại").click()
        codes = page.locator("[name=person_codes]")
        expect(codes).to_have_value("\n".join([p.code for p in people[4:]] + ["AI-DO"]))
        codes.fill("\n".join(p.code for p in people[4:]))
        expect(page.get_by_label("Số, ký hiệu văn bản")).to_have_value("8/CV")
        page.get_by_role("button", name="Xem trước").click()
        page.locator("#field-confirmed").check()
        page.get_by_role("button", name="Thu hồi chứng thư của 21 người").click()
        expect(page.get_by_text("Đã xong 0 trên 21.")).to_be_visible()
        with page.expect_response("**/progress"):
            pass
        services.jobs.run(services.job_handlers)
        expect(page.get_by_text("Đã xong 21 trên 21.")).to_be_visible()


def test_who_expires_is_put_into_a_request(visit: Callable[..., Any]) -> None:
    """From the list of 180 days to a request for a renewal; a leaver has no box to tick."""
    with visit() as page:
        page.goto("/expiring")
        row = page.get_by_role("row").filter(has_text="T00005")
        row.get_by_role("checkbox").check()
        leaver = page.get_by_role("row").filter(has_text="T00001")
        expect(leaver.get_by_role("checkbox")).to_have_count(0)
        page.get_by_role("button", name="Lập đề nghị gia hạn").click()
        page.get_by_label("Lý do đề nghị").fill("Sắp hết hạn")
        page.get_by_role("button", name="Gửi đề nghị").click()
        expect(page.get_by_text("Gia hạn", exact=True)).to_be_visible()
