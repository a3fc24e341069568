"""The page of the own signature's image: by hand without script, and in Chromium."""

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import expect

from signer.accounts import Role
from signer.db import release
from signer.services import Services
from signer.signing.images import LIMIT_BYTES
from tests.chromium import faults_of
from tests.factories import City
from tests.signing.images import BLUE, png_of_strokes
from tests.web.visitor import Visitor, account_of

PAGE, PICTURE, REMOVAL = "/signature-image", "/signature-image.png", "/signature-image/removal"
SCREENSHOTS = os.environ.get("SIGNER_SCREENSHOTS")


def _file(content: bytes) -> dict[str, Any]:
    return {"image": (BytesIO(content), "chu-ky.png")}


def test_handed_in_shown_removed(app: Flask, city: City) -> None:
    """What was wrong or remarkable is said; nobody else sees the image."""
    one, other = city.certified(2)
    visitor = Visitor(app).log_in(account_of(city, one))
    stranger = Visitor(app).log_in(account_of(city, other))
    assert "Bạn chưa có hình ảnh chữ ký" in visitor.get(PAGE).text
    assert visitor.get(PICTURE).status_code == 404
    assert visitor.post(PAGE, {}).status_code == 400
    refused = visitor.post(PAGE, _file("không phải ảnh".encode()))
    assert refused.status_code == 400
    assert "tệp phải là ảnh PNG" in refused.text
    assert visitor.post(PAGE, _file(bytes(LIMIT_BYTES + 1))).status_code == 400
    stored = visitor.post(PAGE, _file(png_of_strokes((0, 0, 0))))
    assert stored.status_code == 302
    shown = visitor.get(PAGE).text
    assert "không phải màu xanh" in shown
    assert "Đã lưu hình ảnh chữ ký" in shown
    assert visitor.get(PICTURE).data.startswith(b"\x89PNG")
    assert stranger.get(PICTURE).status_code == 404
    assert visitor.post(REMOVAL, {}, form_at=PAGE).status_code == 302
    assert "Đã gỡ hình ảnh chữ ký" in visitor.get(PAGE).text
    assert visitor.get(PICTURE).status_code == 404
    assert visitor.post(REMOVAL, {}, form_at=PAGE).status_code == 404


def test_who_signs_nothing_has_no_such_page(app: Flask, city: City) -> None:
    """The auditor may look at the record, not hand in a signature."""
    auditor = Visitor(app).log_in(city.account("kiem-toan", Role.AUDITOR, None))
    assert auditor.get(PAGE).status_code == 403
    assert auditor.get(PICTURE).status_code == 403


@pytest.fixture
def sessions(services: Services, city: City) -> dict[object, str]:
    """The log-in of one official."""
    (person,) = city.certified(1)
    made = services.accounts.log_in(*account_of(city, person), address="")
    release()
    return {Role.SIGNER: made}


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 360])
def test_by_keyboard(visit: Callable[..., Any], width: int, tmp_path: Path) -> None:
    """Without an image, refused, with one: each without a fault, every act by keyboard."""
    found: list[str] = []
    image = tmp_path / "chu-ky.png"
    image.write_bytes(png_of_strokes(BLUE, ground=(255, 255, 255, 255)))
    with visit(Role.SIGNER, width=width, java_script_enabled=True) as page:
        page.goto("/activate")
        page.get_by_role("link", name="Hình ảnh chữ ký").press("Enter")
        expect(page.get_by_role("heading", name="Nạp hình ảnh chữ ký")).to_be_visible()
        found += faults_of(page, "empty")
        _kept(page, f"empty-{width}")
        page.get_by_role("button", name="Lưu hình này").press("Enter")
        expect(page.get_by_role("alert")).to_be_focused()
        found += faults_of(page, "refused")
        _kept(page, f"refused-{width}")
        page.get_by_label("Tệp ảnh").set_input_files(image)
        page.get_by_role("button", name="Lưu hình này").press("Enter")
        expect(page.get_by_role("img", name="Hình ảnh chữ ký của bạn")).to_be_visible()
        expect(page.get_by_text("nền trắng đã được làm trong suốt")).to_be_visible()
        found += faults_of(page, "stored")
        _kept(page, f"stored-{width}")
        page.context.add_cookies([{"name": "theme", "value": "dark", "url": page.url}])
        page.reload()
        found += faults_of(page, "dark")
        _kept(page, f"dark-{width}")
        page.get_by_role("button", name="Gỡ hình này").press("Enter")
        expect(page.get_by_text("Đã gỡ hình ảnh chữ ký")).to_be_visible()
    assert found == [], found


def _kept(page: Any, name: str) -> None:
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"signature-image-{name}.png", full_page=True)
