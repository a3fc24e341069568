"""Every page of the product in headless Chromium: axe, width, script, keyboard and paper.

SIGNER_SCREENSHOTS=folder keeps a picture of each.
"""

import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from signer.services import Services
from signer.web.access import access_of
from tests.chromium import faults_of, served, visiting
from tests.clocks import StandingClock
from tests.conftest import installed, running
from tests.outside.fake_vgca import fake_g2, write_anchors
from tests.web.every_page import NO_PAGE_ENDINGS, NO_PAGES, PAGES, Full, build

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]

USUAL = ((1280, "light", "vi"), (360, "dark", "en"))
LOOKS = [
    pytest.param(look, marks=() if look in USUAL else pytest.mark.slow, id="-".join(map(str, look)))
    for look in product((1280, 360), ("light", "dark"), ("vi", "en"))
]
PAPER_WIDTH = 703  # A4 less Chromium's margins of 1 cm, in CSS pixels
SCREENSHOTS = os.environ.get("SIGNER_SCREENSHOTS")

ON_PAPER = """() => {
  const shown = (one) => one.checkVisibility() && one.getBoundingClientRect().width > 1;
  const said = [];
  if (getComputedStyle(document.body).colorScheme.includes("dark")) said.push("dark paper");
  for (const one of document.querySelectorAll(".site-nav, .site-tools, main .btn, .filters"))
    if (shown(one)) said.push(`printed: ${one.className}`);
  const wide = [...document.querySelectorAll("main *")].find(
    (one) => shown(one) && one.getBoundingClientRect().right > innerWidth + 1);
  if (wide) said.push(`cut off: ${wide.tagName} ${wide.className}`);
  return said;
}"""
"""What should not be on paper, or does not fit on it."""

WITHOUT_MARK = """() => [...document.querySelectorAll(
  "main a[href], main button, main input, main select, main textarea, main summary")]
  .filter((one) => {
    if (!one.checkVisibility() || one.disabled || one.type === "hidden") return false;
    one.focus();
    const style = getComputedStyle(one);
    const marked = style.outlineStyle !== "none" || style.boxShadow !== "none";
    return document.activeElement !== one || !marked;
  }).map((one) => one.outerHTML.slice(0, 90))"""
"""What takes no focus, or does not show that it has it."""


@pytest.fixture(scope="module")
def full(
    tmp_path_factory: pytest.TempPathFactory, token_home: Path, pki: Path
) -> Iterator[tuple[Full, str, Flask]]:
    """The city, where it is served, and the application."""
    home, clock, g2 = tmp_path_factory.mktemp("every-page"), StandingClock(), fake_g2()
    settings = installed(home, token_home, pki, f"sqlite:///{home / 'signer.sqlite3'}")
    write_anchors(home / "trust", g2=g2)
    with running(settings, clock) as app:
        services: Services = app.extensions["signer"]
        made = build(services, home, clock, g2)
        with served(app) as address:
            yield made, address, app
        assert services.reports.first_difference() is None


def test_every_page_is_looked_at(full: tuple[Full, str, Flask]) -> None:
    """A new page needs a line in the table, and one that is gone leaves it."""
    app = full[2]
    rules = {
        str(rule)
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and access_of(app.view_functions[rule.endpoint]) is not None
        and not str(rule).startswith(NO_PAGES)
        and not str(rule).endswith(NO_PAGE_ENDINGS)
    }
    assert rules == set(PAGES)


@pytest.mark.parametrize("look", LOOKS)
def test_every_page(
    full: tuple[Full, str, Flask], browser: Browser, look: tuple[int, str, str]
) -> None:
    """No violation, nothing too wide, no fault of a script; the keyboard leads; paper is white."""
    (made, address, _), (width, theme, lang) = full, look
    found: list[str] = []
    for role in {role for role, _ in PAGES.values()}:
        cookies = {"theme": theme, "lang": lang}
        if role is not None:
            cookies["signer_session"] = made.sessions[role]
        viewport = {"width": width, "height": 800}
        with visiting(browser, address, cookies, found, viewport=viewport) as page:
            for path in (one for asked, paths in PAGES.values() if asked is role for one in paths):
                path = path.format(**made.names)
                answer = page.goto(path)
                if answer is None or answer.status != (404 if path == "/khong-co" else 200):
                    found.append(f"{path}: {answer and answer.status}")
                    continue
                _kept(page, path, look)
                found += faults_of(page, path)
                found += _by_keyboard(page, path) if theme == "light" else _on_paper(page, path)
    assert found == [], "\n".join(found)


def _by_keyboard(page: Page, path: str) -> list[str]:
    """The first key leads past the menu, the next into the page; everything shows its focus."""
    if page.locator(".skip-link").count() == 0:
        return []  # a report as it will be on paper has neither frame nor menu
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Tab")
    page.wait_for_function("document.querySelector('.skip-link').getBoundingClientRect().top >= 0")
    page.keyboard.press("Enter")
    if not page.evaluate("document.activeElement.id === 'main'"):
        return [f"{path}: the skip link leads elsewhere"]
    return [f"{path}: no focus on {one}" for one in page.evaluate(WITHOUT_MARK)]


def _on_paper(page: Page, path: str) -> list[str]:
    """Printed from a dark screen: white, without what nobody can press, and nothing cut off."""
    if page.locator(".site-header").count() == 0:
        return []  # laid out for paper, partly across, and printed by a test of its own
    screen = page.viewport_size
    assert screen
    page.emulate_media(media="print")
    page.set_viewport_size({"width": PAPER_WIDTH, "height": 1000})
    found = [f"{path}: {one}" for one in page.evaluate(ON_PAPER)]
    page.emulate_media(media="screen")
    page.set_viewport_size(screen)
    return found


def _kept(page: Page, path: str, look: tuple[int, str, str]) -> None:
    if SCREENSHOTS:
        name = path.strip("/").replace("/", "_").replace("?", "-").replace("&", "-") or "home"
        picture = Path(SCREENSHOTS) / f"{name}_{'-'.join(map(str, look))}.png"
        page.screenshot(path=picture, full_page=True)
