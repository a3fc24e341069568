"""The sprint's board in headless Chromium, by keyboard."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from signer.accounts import Role
from signer.db import release
from signer.services import Services
from tests.campaigns.sprints import Sprint
from tests.factories import City

pytestmark = pytest.mark.browser


@pytest.fixture
def sessions(services: Services, city: City, sprint: Sprint) -> dict[object, str]:
    """A log-in of who leads the sprint."""
    token = services.accounts.log_in(*city.account("lanhdao", Role.ADMIN, None), address="")
    release()
    return {"me": token}


def test_a_units_gap_is_reached_by_keyboard(visit: Callable[..., Any]) -> None:
    """From the menu to the board, to the quick wins, to the people who lack a certificate."""
    with visit() as page:
        page.goto("/")
        page.get_by_role("link", name="Chiến dịch", exact=True).press("Enter")
        page.get_by_role("link", name="Việc nhanh 2").press("Enter")
        page.get_by_role("link", name="Giải quyết 6 người").press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Chưa được cấp")
