"""Fields for several signers, placed by whoever submits, before the first of them signs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import expect

from signer.accounts import SYSTEM, Role
from signer.db import release
from signer.inventory.models import Person
from signer.services import Services
from tests.chromium import faults_of
from tests.factories import WARD, City
from tests.web.visitor import Visitor, account_of, hidden

DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"
PIN = "2468-lotus"
_SIZE = {"page": "1", "top_mm": "200", "width_mm": "60", "height_mm": "20"}
PLACES = {
    f"s{number}-{name}": text
    for number, left in enumerate(("20", "110"))
    for name, text in {**_SIZE, "left_mm": left}.items()
}


@pytest.fixture
def signers(services: Services, city: City) -> list[Person]:
    """Two who can sign; document 1 waits for both."""
    people = city.certified(2)
    for person in people:
        account = account_of(city, person)
        services.signing.activate(services.accounts.actor_of(account[0]), PIN)
    services.dossiers.create(
        city.actor("van-thu", Role.HR),
        title="Tờ trình hai người ký",
        unit_code=WARD,
        due_on=None,
        files=[(DECISION.name, DECISION)],
        signers=[person.code for person in people],
    )
    release()
    return people


@pytest.fixture
def clerk(app: Flask, city: City, signers: list[Person]) -> Visitor:
    """The focal officer, logged in."""
    return Visitor(app).log_in(city.account("clerk", Role.HR))


@pytest.fixture
def sessions(services: Services, city: City, signers: list[Person]) -> dict[object, str]:
    """The focal officer in a browser."""
    token = services.accounts.log_in(*city.account("clerk", Role.HR), address="")
    release()
    return {"me": token}


def fields_of(services: Services) -> list[str]:
    """The names of the empty signature fields in the newest version."""
    release()
    sha256 = services.dossiers.document_of(SYSTEM, 1).sha256
    with services.files.path(sha256) as path:
        return [field.name for field in services.signing.preflight(path).fields]


def test_both_get_a_field_in_one_version(
    clerk: Visitor, services: Services, signers: list[Person]
) -> None:
    """The original stays; each signer is then offered the own field first."""
    page = clerk.get("/documents/1/slots").text
    shown = hidden(page, "shown_sha256")
    done = clerk.post("/documents/1/slots", {**PLACES, "shown_sha256": shown})
    assert done.status_code == 302
    release()
    document = services.dossiers.document_of(SYSTEM, 1)
    assert document.versions[0].sha256 == shown
    assert len(document.versions) == 2
    assert len(fields_of(services)) == 2
    for person, left in zip(signers, (20, 110), strict=True):
        actor = services.accounts.actor_of(person.code.lower())
        place = services.signing.propose(actor, document.sha256)
        assert place.field_name
        assert place.box.x0 == pytest.approx(left * 72 / 25.4, abs=0.5)


def test_what_cannot_be_placed_comes_back(clerk: Visitor, services: Services) -> None:
    """Off the page, an old version: refused, and no version made."""
    page = clerk.get("/documents/1/slots").text
    good = {**PLACES, "shown_sha256": hidden(page, "shown_sha256")}
    off = clerk.post("/documents/1/slots", good | {"s1-left_mm": "190"})
    assert off.status_code == 400
    assert 'id="error-s1-left_mm"' in off.text
    assert hidden(off.text, "s0-left_mm") == "20.0"
    assert clerk.post("/documents/1/slots", good | {"shown_sha256": "0" * 64}).status_code == 409
    release()
    assert len(services.dossiers.document_of(SYSTEM, 1).versions) == 1


def test_after_the_first_signature_nothing_is_prepared(
    clerk: Visitor, services: Services, signers: list[Person]
) -> None:
    """A field made then would be a change behind the signer's back."""
    release()
    document = services.dossiers.document_of(SYSTEM, 1)
    actor = services.accounts.actor_of(signers[0].code.lower())
    place = services.signing.propose(actor, document.sha256)
    services.dossiers.sign(
        actor,
        1,
        pin=PIN,
        page=place.page,
        box=place.box,
        shown_sha256=document.sha256,
        unseen=True,
    )
    assert clerk.get("/documents/1/slots").status_code == 409
    assert "/documents/1/slots" not in clerk.get("/dossiers/1").text


@pytest.mark.browser
def test_boxes_are_moved_one_by_one(visit: Callable[..., Any], services: Services) -> None:
    """By keyboard: the second box moves, the first stays; both are sent."""
    with visit() as page:
        page.goto("/documents/1/slots")
        expect(page.locator("[data-box][tabindex]")).to_have_count(2)
        assert faults_of(page) == []
        first, second = (page.locator(f"#field-s{n}-left_mm") for n in (0, 1))
        before = (float(first.input_value()), float(second.input_value()))
        page.locator("[data-layer='s1-'] [data-box]").focus()
        for _ in range(5):
            page.keyboard.press("ArrowLeft")
        assert float(first.input_value()) == before[0]
        assert float(second.input_value()) == pytest.approx(before[1] - 5, abs=0.2)
        page.get_by_role("button", name="Đặt ô ký", exact=True).click()
        expect(page.get_by_role("status").first).to_contain_text("Đã đặt ô ký")
    assert len(fields_of(services)) == 2
