"""Passkeys in Chromium, with its virtual authenticator: added, signed with, removed."""

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import CDPSession, Page, expect
from sqlalchemy import select

from signer.accounts import SYSTEM, Role
from signer.config import Settings
from signer.db import db, release
from signer.dossiers.models import StepKind
from signer.dossiers.sealing import SealWish
from signer.services import Services
from signer.signing.models import Activation
from tests.chromium import faults_of, served
from tests.conftest import installed
from tests.factories import WARD, City
from tests.sealing import SEAL_PIN, ready
from tests.signing.authenticator import Authenticator
from tests.web.visitor import PDFS, PIN, Visitor, hidden, official_with

pytestmark = pytest.mark.browser

FILES = ("quyet_dinh.pdf", "bao_cao_29_trang.pdf", "ban_quet.pdf")


@pytest.fixture
def settings(tmp_path: Path, token_home: Path, pki: Path, database_url: str) -> Settings:
    """Reached as localhost: a passkey belongs to a name, and only that one needs no TLS."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = installed(tmp_path, token_home, pki, database_url)
    return replace(found, base_url=f"http://localhost:{port}", validation_url=found.base_url)


@pytest.fixture
def address(app: Flask, settings: Settings) -> Iterator[str]:
    """The very address in the settings."""
    with served(app, int(settings.base_url.rsplit(":", 1)[1])):
        yield settings.base_url


@pytest.fixture
def account(services: Services, city: City) -> tuple[str, str]:
    """An official with an active key, for whom three documents wait."""
    return official_with(services, city, FILES)


@pytest.fixture
def sessions(services: Services, account: tuple[str, str]) -> dict[object, str]:
    """The official, logged in."""
    token = services.accounts.log_in(*account, address="")
    release()
    return {"me": token}


def authenticator(page: Page, **changed: bool) -> tuple[CDPSession, str]:
    """A device with a user who is verified, and with the PRF that opens envelopes."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "ctap2Version": "ctap2_1",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "hasPrf": True,
        "automaticPresenceSimulation": True,
    }
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": options | changed})
    return session, made["authenticatorId"]


def add_passkey(page: Page, pin: str = PIN) -> None:
    """As its owner does, by keyboard."""
    page.goto("/activate")
    page.get_by_label("Tên gợi nhớ").fill("Máy bàn")
    page.get_by_label("Mã PIN hiện tại").fill(pin)
    page.keyboard.press("Enter")


def test_one_and_several_are_signed_with_a_passkey(
    visit: Callable[..., Any], services: Services
) -> None:
    """Added with the PIN; then it approves exactly the list that was chosen, without a PIN."""
    with visit() as page:
        authenticator(page)
        add_passkey(page)
        expect(page.get_by_role("status").first).to_contain_text("Đã thêm khóa truy cập")
        assert faults_of(page) == []
        page.goto("/documents/1/sign")
        page.get_by_role("button", name="Ký bằng khóa truy cập").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Đã ký số")
        page.goto("/inbox")
        page.get_by_label("Chọn tất cả để ký một lần").check()
        page.get_by_role("button", name="Ký các tài liệu đã chọn").click()
        page.get_by_label("tôi chưa mở xem").check()
        assert faults_of(page) == []
        page.get_by_role("button", name="Ký bằng khóa truy cập").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Kết quả ký")
    release()
    states = [document.state for document in services.dossiers.dossier_of(SYSTEM, 1).documents]
    assert states == ["signed"] * 3
    rows = db.session.execute(
        select(Activation.factor, Activation.documents, Activation.evidence).order_by(Activation.id)
    ).all()
    assert [row.factor for row in rows] == ["passkey", "passkey"]
    lists = [[one["unseen"] for one in json.loads(row.documents)["documents"]] for row in rows]
    assert lists == [[False], [True, True]]


def test_a_wrong_pin_adds_nothing(visit: Callable[..., Any], services: Services) -> None:
    """Said in one sentence; the list stays empty."""
    with visit() as page:
        authenticator(page)
        add_passkey(page, "wrong-pin")
        expect(page.locator("#errors")).to_contain_text("Mã PIN không đúng")
        expect(page.get_by_text("Chưa có khóa truy cập nào.")).to_be_visible()


def test_a_device_without_prf_is_refused(visit: Callable[..., Any]) -> None:
    """It could not open an envelope; another device is asked for."""
    with visit() as page:
        authenticator(page, hasPrf=False)
        add_passkey(page)
        expect(page.locator("#errors")).to_contain_text("không hỗ trợ")


def test_somebody_else_at_the_device_signs_nothing(
    visit: Callable[..., Any], services: Services
) -> None:
    """The device does not know the finger: the page says what else there is; the PIN works."""
    with visit() as page:
        session, device = authenticator(page)
        add_passkey(page)
        expect(page.get_by_role("status").first).to_contain_text("Đã thêm khóa truy cập")
        verified = {"authenticatorId": device, "isUserVerified": False}
        session.send("WebAuthn.setUserVerified", verified)
        page.goto("/documents/1/sign")
        page.get_by_role("button", name="Ký bằng khóa truy cập").click()
        expect(page.locator("[data-passkey] [role=alert]")).to_contain_text("dùng mã PIN")
        page.fill("#field-pin", PIN)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Đã ký số")


def test_a_removed_passkey_signs_nothing(visit: Callable[..., Any]) -> None:
    """Asked once more first; then the pages offer the PIN alone."""
    with visit() as page:
        authenticator(page)
        add_passkey(page)
        page.locator(".passkeys summary").click()
        page.get_by_role("button", name="Gỡ khóa truy cập").click()
        expect(page.get_by_role("status").first).to_contain_text("Đã gỡ khóa truy cập")
        page.goto("/documents/1/sign")
        expect(page.locator("#field-pin")).to_be_visible()
        expect(page.locator("[data-passkey]")).to_have_count(0)


def test_what_failed_of_a_list_has_its_reason_and_can_be_tried_again(
    app: Flask, account: tuple[str, str], services: Services, settings: Settings
) -> None:
    """A document that was sent back after the list was approved; the other is signed."""
    visitor, actor = Visitor(app).log_in(account), services.accounts.actor_of(account[0])
    origin, device = settings.base_url, Authenticator()
    made = device.created(services.signing.passkey_options(actor), origin=origin)
    services.signing.add_passkey(actor, PIN, made, "Điện thoại")
    release()
    address = "/inbox/review?document=1&document=2"
    page = visitor.get(address).text
    hashes = {f"sha256-{number}": hidden(page, f"sha256-{number}") for number in (1, 2)}
    form = {"document": [1, 2], **hashes}
    refused = visitor.post("/inbox/offer", form, form_at=address)
    assert refused.status_code == 400
    assert "Bạn chưa xem" in refused.json["sentence"]
    offer = visitor.post("/inbox/offer", form | {"unseen": "1"}, form_at=address).json
    services.dossiers.send_back(actor, 2, "Sai số hiệu")
    release()
    assertion = json.dumps(device.asserted(offer["passkey"], origin=origin))
    sent = {**form, "activation_id": offer["activation_id"], "assertion": assertion}
    answer = visitor.post("/inbox/review", sent, form_at=address)
    assert answer.status_code == 200
    assert "Bạn đã ký 1 trên 2 tài liệu" in answer.text
    assert "tài liệu đã bị trả lại" in answer.text
    assert 'href="/inbox/review?document=2"' in answer.text
    progress = visitor.get("/inbox/progress", document=[1, 3]).text
    assert "Đã ký 1 trên 2 tài liệu" in progress


def test_a_passkey_that_says_nothing_is_refused(app: Flask, account: tuple[str, str]) -> None:
    """Without script nothing was asked of it; the page comes back with the sentence."""
    visitor = Visitor(app).log_in(account)
    address = "/inbox/review?document=1"
    for assertion in ("", "[]", "{"):
        sent = {"document": 1, "activation_id": "1", "assertion": assertion}
        answer = visitor.post("/inbox/review", sent, form_at=address)
        assert answer.status_code == 400
        assert "Khóa truy cập chưa trả lời" in answer.text


def test_nobody_elses_passkey_is_removed(app: Flask, city: City, account: tuple[str, str]) -> None:
    """The number of another's passkey names nothing."""
    visitor = Visitor(app).log_in(account)
    answer = visitor.post("/activate/passkeys/1/remove", {}, form_at="/activate")
    assert answer.status_code == 404


def test_a_seal_is_set_with_a_passkey_of_its_own(
    visit: Callable[..., Any], services: Services, city: City, account: tuple[str, str]
) -> None:
    """Added with the seal's PIN, not with the keeper's own; what it opens is the seal alone."""
    keeper = services.accounts.actor_of(account[0])
    unit_id = ready(services, city, services.signing.person_of(keeper), keeper)
    services.dossiers.create(
        city.actor("drafter", Role.HR),
        title="Văn bản đến",
        unit_code=WARD,
        due_on=None,
        files=[("den.pdf", PDFS / "quyet_dinh.pdf")],
        signers=[],
        seal=SealWish(unit_code=WARD, kind=StepKind.INCOMING),
    )
    release()
    with visit() as page:
        authenticator(page)
        for pin, said in ((PIN, "Mã PIN không đúng"), (SEAL_PIN, "Đã thêm khóa truy cập")):
            page.goto("/my-seals")
            page.get_by_label("Tên gợi nhớ").fill("Máy bàn")
            page.locator(f"#field-pin-{unit_id}").fill(pin)
            page.keyboard.press("Enter")
            expect(page.get_by_text(said).first).to_be_visible()
        assert faults_of(page) == []
        page.goto("/documents/4/sign")
        page.fill("[name^=number-]", "45")
        page.get_by_role("button", name="Ký bằng khóa truy cập").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Đã ký số")
        page.goto("/documents/1/sign")
        expect(page.locator("#field-pin")).to_be_visible()
        expect(page.locator("[data-passkey]")).to_have_count(0)  # the own key has none
        page.goto("/my-seals")
        page.locator(".passkeys summary").click()
        page.get_by_role("button", name="Gỡ khóa truy cập").click()
        expect(page.get_by_role("status").first).to_contain_text("Đã gỡ khóa truy cập")
    release()
    assert services.signing.passkeys_of(keeper, unit_id) == ()
    assert services.dossiers.document_of(SYSTEM, 4).state == "signed"
