"""The API's page in headless Chromium: it works under the policy and asks nobody else."""

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from signer.accounts import Role
from signer.db import release
from tests.factories import WARD, City

pytestmark = pytest.mark.browser


def test_operations_are_read_and_tried_on_the_page(
    app: Flask, browser: Browser, address: str, city: City
) -> None:
    """Logging in and listing units by hand, with the token typed into the page."""
    name, password = city.account("lan", Role.HR)
    token = city.services.accounts.log_in(name, password, address="", kind="api")
    release()
    document = app.extensions["signer-openapi"]
    operations = document.count('"operationId"')
    assert operations >= 40
    said: list[str] = []
    asked: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/api/docs")
    expect(page.locator(".opblock")).to_have_count(operations, timeout=20_000)
    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".auth-container input").fill(token)
    page.locator(".auth-btn-wrapper .authorize").click()
    page.locator(".auth-btn-wrapper .btn-done").click()
    block = page.locator("#operations-units-list_units")
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table .response .response-col_status")).to_contain_text(
        "200"
    )
    expect(block.locator(".live-responses-table")).to_contain_text(WARD)
    page.close()
    assert said == []
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
