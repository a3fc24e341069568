"""The sprint's pages in headless Chromium: axe's view, narrow and dark, by keyboard."""

from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from signer.accounts import Role
from signer.campaigns.kinds import LackCause, Measure, TaskState
from signer.campaigns.models import Campaign
from signer.db import db, release
from signer.reports.coverage import View
from signer.services import Services
from tests.campaigns.sprints import TODAY, Sprint
from tests.chromium import visiting
from tests.factories import WARD, City

pytestmark = pytest.mark.browser
LOOKS: tuple[dict[str, Any], ...] = (
    {"width": 1280, "theme": "light", "lang": "vi"},
    {"width": 1280, "theme": "dark", "lang": "en"},
    {"width": 360, "theme": "light", "lang": "en"},
    {"width": 360, "theme": "dark", "lang": "vi"},
)
PAGES = (
    "/",
    "/campaigns?all=1",
    "/campaigns/1",
    "/campaigns/1?order=late",
    f"/campaigns/1?unit={WARD}",
    "/campaigns/new",
    "/campaigns/1/edit",
    "/campaigns/1/tasks",
    "/tasks/1",
    "/campaigns/1/scores",
    f"/campaigns/1/scores/{WARD}",
    "/reminders",
)


@pytest.fixture
def token(services: Services, city: City, sprint: Sprint) -> str:
    """A log-in of who leads a sprint that has one of everything."""
    rooms = services.campaigns
    campaign = db.session.get_one(Campaign, sprint.id)
    (task,) = rooms.tasks.give(
        sprint.admin, campaign, unit_codes=[WARD], title="Rà soát", due_on=TODAY
    )
    wished = TODAY + timedelta(days=5)
    rooms.tasks.report(
        sprint.officer, task, TaskState.ADJUST, cause="a", fix="b", wished_due_on=wished
    )
    criterion = rooms.scoring.add_criterion(
        sprint.admin, campaign, code="TC9", title="x", most_points=5, measure=Measure.TYPED
    )
    rooms.scoring.set_score(
        sprint.officer, criterion, WARD, a=1, b=2, note="y", file=("a.pdf", b"%PDF-1.7")
    )
    rooms.assign_reason(sprint.officer, [sprint.ward[6].id], LackCause.NO_EMAIL, due_on=TODAY)
    rooms.remind(sprint.city_officer, WARD, View.LACKS, "Trong tuần")
    made = services.accounts.log_in(*city.account("lanhdao", Role.ADMIN, None), address="")
    release()
    return made


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: "-".join(map(str, look.values())))
def test_every_page_is_accessible_and_fits(
    token: str, address: str, browser: Browser, look: dict[str, Any]
) -> None:
    """No violation that axe can find, nothing wider than the window, no script error."""
    cookies = {"theme": look["theme"], "lang": look["lang"], "signer_session": token}
    viewport = {"width": look["width"], "height": 800}
    found: list[str] = []
    with visiting(browser, address, cookies, found, viewport=viewport) as page:
        for path in PAGES:
            page.goto(path)
            found += _faults(page, path, look["width"])
    assert found == [], found


def test_a_units_gap_is_reached_by_keyboard(token: str, address: str, browser: Browser) -> None:
    """From the menu to the board, to the quick wins, to the people who lack a certificate."""
    faults: list[str] = []
    with visiting(browser, address, {"signer_session": token}, faults) as page:
        page.goto("/")
        page.get_by_role("link", name="Chiến dịch", exact=True).press("Enter")
        page.get_by_role("link", name="Việc nhanh 2").press("Enter")
        page.get_by_role("link", name="Giải quyết 6 người").press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Chưa được cấp")
    assert faults == []


def _faults(page: Page, path: str, width: int) -> list[str]:
    broken = [
        f"{path}: {one['id']} {one['nodes'][0]['target']}"
        for one in Axe().run(page).response["violations"]
    ]
    wide = page.evaluate("document.documentElement.scrollWidth")
    return broken + ([f"{path}: {wide} > {width}"] if wide > width else [])
