"""Reports in headless Chromium: axe's view, narrow and dark, by keyboard, and on the printer."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO
from typing import Any

import pypdfium2
import pytest
from playwright.sync_api import expect

from signer.accounts import SYSTEM, Role
from signer.db import release
from signer.reports.periods import PeriodKind
from signer.services import Services
from tests.clocks import StandingClock
from tests.factories import WARD, City

pytestmark = pytest.mark.browser


@pytest.fixture
def frozen(services: Services, city: City, clock: StandingClock) -> date:
    """Two versions of a ward's report of the month that is over."""
    people = city.people(6)
    city.issue(people[:4])
    clock.move(timedelta(days=30))
    day = date(2026, 12, 14)
    snapshots = services.snapshots
    snapshots.freeze(SYSTEM, PeriodKind.MONTH, day, unit_code=WARD)
    words = snapshots.prepare(SYSTEM, PeriodKind.MONTH, day, unit_code=WARD).text
    words = replace(words, number="12", remarks={WARD: "Chờ sắp xếp"})
    words = replace(words, sections=("Đã rà soát.", *words.sections[1:]))
    snapshots.freeze(
        SYSTEM, PeriodKind.MONTH, day, words, unit_code=WARD, corrects=1, reason="Bổ sung"
    )
    return day


@pytest.fixture
def sessions(services: Services, city: City, frozen: date) -> dict[object, str]:
    """A log-in of the administrator."""
    token = services.accounts.log_in(*city.account("lan", Role.ADMIN, None), address="")
    release()
    return {"me": token}


def test_a_report_is_frozen_by_keyboard(visit: Callable[..., Any]) -> None:
    """From the period in the list box to the frozen version, without a mouse."""
    with visit() as page:
        page.goto("/reports")
        page.get_by_label("Kỳ báo cáo", exact=True).select_option("week.2026-12-20")
        page.get_by_label("Đơn vị", exact=True).select_option(WARD)
        page.get_by_role("button", name="Xem số liệu và soạn báo cáo").press("Enter")
        expect(page.get_by_role("heading", name="Tuần 51 năm 2026")).to_be_visible()
        page.get_by_label("V. Đề xuất, kiến nghị").fill("Đề nghị bổ sung kinh phí.")
        page.get_by_role("button", name="Chốt phiên bản 1").press("Enter")
        expect(page.get_by_text("Đã chốt báo cáo.")).to_be_visible()
        expect(page.get_by_text("Đề nghị bổ sung kinh phí.")).to_be_visible()


def test_the_browser_prints_the_paper(visit: Callable[..., Any]) -> None:
    """A4, the text upright and the appendix across, with the decree's left margin."""
    with visit() as page:
        page.goto("/reports/2/print")
        printed = page.pdf(prefer_css_page_size=True)
    document = pypdfium2.PdfDocument(BytesIO(printed))
    sizes = [tuple(round(side * 25.4 / 72) for side in one.get_size()) for one in document]
    assert sizes[0] == (210, 297)
    assert sizes[-1] == (297, 210)
    first = document[0].get_textpage()
    lefts = [first.get_charbox(n)[0] for n in range(first.count_chars())]
    inked = [x for n, x in enumerate(lefts) if first.get_text_range(n, 1).strip()]
    assert 29 <= min(inked) * 25.4 / 72 <= 31
    assert "Quay lại" not in first.get_text_range()
