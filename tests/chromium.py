"""Debian's Chromium, and the application on a port of this machine for it to visit."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page, expect, sync_playwright
from werkzeug.serving import make_server

_AXE = Axe()
expect.set_options(timeout=30_000)  # a loaded machine signs slowly; what never comes still fails


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless; without a sandbox, for tests may run as root."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield chromium
        chromium.close()


@contextmanager
def served(app: Flask, port: int = 0) -> Iterator[str]:
    """The address of the application, served by threads on that port, or on a free one."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """Where the application is served."""
    with served(app) as found:
        yield found


@contextmanager
def visiting(
    browser: Browser, address: str, cookies: dict[str, str], faults: list[str], **options: Any
) -> Iterator[Page]:
    """A page of a visitor with these cookies; script errors and broken policy go to `faults`."""
    context = browser.new_context(base_url=address, **options)
    context.add_cookies([{"name": n, "value": v, "url": address} for n, v in cookies.items()])
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda said: faults.append(said.text) if "Content Security" in said.text else None,
    )
    yield page
    context.close()


@pytest.fixture
def visit(
    sessions: Mapping[object, str], address: str, browser: Browser
) -> Iterator[Callable[..., AbstractContextManager[Page]]]:
    """Opens pages as one of the module's `sessions`; a script's error or a refused source fails."""
    faults: list[str] = []

    @contextmanager
    def opened(
        who: object = "me",
        *,
        width: int = 1280,
        height: int = 800,
        theme: str = "light",
        lang: str = "vi",
        **more: Any,
    ) -> Iterator[Page]:
        cookies = {"theme": theme, "lang": lang}
        if who is not None:
            cookies["signer_session"] = sessions[who]
        viewport = {"width": width, "height": height}
        with visiting(browser, address, cookies, faults, viewport=viewport, **more) as page:
            yield page

    yield opened
    assert faults == []


def faults_of(page: Page, where: str = "") -> list[str]:
    """What axe finds on the page, and whether it is wider than the window."""
    found = [
        f"{where}: {one['id']} {one['nodes'][0]['target']}"
        for one in _AXE.run(page).response["violations"]
    ]
    wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    return found + ([f"{where}: {wide[0]} px in {wide[1]}"] if wide[0] > wide[1] else [])
