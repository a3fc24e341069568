"""A body's seal on the pages of dossiers and signatures: asked for, set, taken back, refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import expect

from signer.accounts import SYSTEM, Role
from signer.db import release
from signer.dossiers.approving import Wanted
from signer.dossiers.models import StepKind
from signer.services import Services
from signer.signing.approvals import PinFactor
from tests.chromium import faults_of
from tests.factories import WARD, City
from tests.sealing import SEAL_PIN, ready
from tests.web.visitor import Visitor, account_of, pdf

DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"
PIN = "2468-lotus"


@pytest.fixture
def accounts(services: Services, city: City) -> dict[object, tuple[str, str]]:
    """The focal officer, an official who signs and initials, and who keeps the ward's seal."""
    official, keeper = city.certified(2)
    found: dict[object, tuple[str, str]] = {
        "clerk": city.account("clerk", Role.HR),
        "official": account_of(city, official),
        "keeper": account_of(city, keeper),
    }
    services.signing.activate(services.accounts.actor_of(found["official"][0]), PIN)
    ready(services, city, keeper, services.accounts.actor_of(found["keeper"][0]))
    release()
    return found


@pytest.fixture
def clerk(app: Flask, accounts: dict[object, tuple[str, str]]) -> Visitor:
    """Logged in, without script."""
    return Visitor(app).log_in(accounts["clerk"])


@pytest.fixture
def sessions(services: Services, accounts: dict[object, tuple[str, str]]) -> dict[object, str]:
    """All three in a browser."""
    found = {who: services.accounts.log_in(*one, address="") for who, one in accounts.items()}
    release()
    return found


def asked(**changed: object) -> dict[str, object]:
    """The form of a decision that is initialled, signed and sealed, with an appendix."""
    good: dict[str, object] = {
        "title": "Quyết định cử công chức đi học",
        "unit_code": WARD,
        "initials": "T00001",
        "signers": "T00001",
        "slots": "1",
        "seal_kind": "seal",
        "seal_unit": WARD,
        "files": [pdf(DECISION.read_bytes(), "QD.pdf")],
        "appendices": [pdf(DECISION.read_bytes(), "PL.pdf")],
    }
    return good | changed


def test_a_dossier_with_everything(clerk: Visitor, services: Services) -> None:
    """Its page says who does what; the signer's field is placed; the seal can be taken back."""
    answer = clerk.post("/dossiers/new", asked())
    page = clerk.get(answer.location).text
    for seen in ("Ký nháy", "Đóng dấu · người giữ con dấu", "Đóng dấu phụ lục", "Rút lại"):
        assert seen in page
    release()
    main, appendix = services.dossiers.dossier_of(SYSTEM, 1).documents
    assert [step.kind for step in main.steps] == ["initial", "sign", "seal"]
    assert [step.kind for step in appendix.steps] == [StepKind.APPENDIX]
    assert len(main.versions) == 2  # the fields of the signers
    step = main.steps[-1].id
    clerk.post(f"/documents/{main.id}/agency/{step}/take-back", {}, form_at="/dossiers/1")
    assert "Đã rút lại" in clerk.get("/dossiers/1").text
    added = {"seal_kind": "seal", "seal_unit": WARD}
    clerk.post(f"/documents/{main.id}/agency", added, form_at="/dossiers/1")
    release()
    last = services.dossiers.document_of(SYSTEM, main.id).steps[-1]
    assert (last.kind, last.state, last.position) == (StepKind.SEAL, "blocked", 4)


def test_a_form_without_its_body_comes_back(clerk: Visitor) -> None:
    """The files stay chosen, appendices too."""
    answer = clerk.post("/dossiers/new", asked(seal_unit=""))
    assert answer.status_code == 400
    assert "Hãy chọn cơ quan có con dấu" in answer.text
    for name in ("QD.pdf", "PL.pdf"):
        assert name in answer.text


@pytest.mark.browser
def test_the_whole_way_in_a_browser(
    visit: Callable[..., Any], clerk: Visitor, services: Services
) -> None:
    """Initials, signature, seal, appendix: each with the factor of its own key; axe is silent."""
    clerk.post("/dossiers/new", asked())
    turns = (
        ("official", 1280, PIN, "Ký nháy"),
        ("official", 360, PIN, None),
        ("keeper", 1280, SEAL_PIN, "Đóng dấu"),
        ("keeper", 360, SEAL_PIN, "Đóng dấu phụ lục"),
    )
    for who, width, pin, badge in turns:
        with visit(who, width=width) as page:
            page.goto("/inbox")
            if badge:
                expect(page.get_by_text(badge, exact=True)).to_be_visible()
            assert faults_of(page) == []
            page.get_by_role("link", name="Xem và ký").click()
            expect(page.locator("#field-pin")).to_be_visible()
            if who == "keeper":
                expect(page.locator(".acting")).to_contain_text("Ủy ban nhân dân phường")
                expect(page.locator("#field-width_mm")).not_to_be_editable()
            assert faults_of(page) == []
            if badge == "Đóng dấu phụ lục":
                page.fill("[name^=number-]", "12/QĐ-UBND")
            page.fill("#field-pin", pin)
            page.keyboard.press("Enter")
            expect(page.get_by_role("heading", level=1)).to_have_text("Đã ký số")
    release()
    assert services.dossiers.dossier_of(SYSTEM, 1).state == "done"


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 360])
def test_several_are_sealed_at_once(
    visit: Callable[..., Any], clerk: Visitor, services: Services, width: int
) -> None:
    """Chosen together, with the PIN of the seal; a paper that came in gets its own number."""
    for number in range(2):
        clerk.post("/dossiers/new", asked(initials="", title=f"QD {number}", appendices=[]))
    came_in = {"seal_kind": "incoming", "initials": "", "signers": "", "appendices": []}
    clerk.post("/dossiers/new", asked(**came_in, slots="", title="Văn bản đến"))
    official = services.accounts.actor_of("t00001")
    wanted = [
        Wanted(document_id=document.id, shown_sha256=document.sha256, unseen=True)
        for document in services.dossiers.inbox(official)
    ]
    offer = services.dossiers.offer(official, wanted)
    services.dossiers.sign_batch(official, offer.activation_id, PinFactor(pin=PIN))
    release()
    with visit("keeper", width=width) as page:
        page.goto("/inbox")
        page.get_by_label("Chọn tất cả để ký một lần").check()
        page.get_by_role("button", name="Ký các tài liệu đã chọn").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Ký nhiều tài liệu")
        assert faults_of(page) == []
        page.fill("[name^=number-]", "45")
        page.get_by_label("tôi chưa mở xem").check()
        page.fill("#field-pin", SEAL_PIN)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Kết quả ký")
        assert faults_of(page) == []
    release()
    assert [services.dossiers.dossier_of(SYSTEM, n).state for n in (1, 2, 3)] == ["done"] * 3
