"""A body's seal in the browser: asked for, approved, its PIN and image, the end."""

import pytest
from flask import Flask

from signer.accounts import SYSTEM, Role
from signer.db import release
from signer.services import Services
from tests.factories import WARD, City
from tests.sealing import SEAL_PIN, seal_png
from tests.web.visitor import Visitor, account_of, pdf

ASKED = {
    "unit_code": WARD,
    "keeper_code": "T00001",
    "document_ref": "01/GĐN-UBND",
    "reason": "Cấp lần đầu",
}


@pytest.fixture
def keeper(app: Flask, city: City) -> Visitor:
    """T00001, who is to keep the ward's seal."""
    (person,) = city.people(1)
    return Visitor(app).log_in(account_of(city, person))


@pytest.fixture
def clerk(app: Flask, city: City) -> Visitor:
    """The focal officer."""
    return Visitor(app).log_in(city.account("clerk", Role.HR))


@pytest.fixture
def head(app: Flask, city: City) -> Visitor:
    """Who decides."""
    return Visitor(app).log_in(city.account("head", Role.APPROVER))


def test_from_the_request_to_the_end(
    keeper: Visitor, clerk: Visitor, head: Visitor, services: Services
) -> None:
    """Each does the own part, on the pages that lead to it."""
    assert "Bạn không giữ con dấu số nào" in keeper.get("/my-seals").text
    assert clerk.post("/seals/new", ASKED).location.endswith("/seals/1")
    assert "Rút lại đề nghị" in clerk.get("/seals/1").text
    answer = head.post("/seals/1/approve", {"note": ""}, form_at="/seals/1")
    assert answer.location.endswith("/seals/1")
    release()
    services.jobs.run(services.job_handlers)
    release()
    assert "Đang hiệu lực" in clerk.get("/seals").text
    unit_id = services.inventory.unit_of(WARD).id
    pins = {f"pin-{unit_id}": SEAL_PIN, f"pin_again-{unit_id}": SEAL_PIN}
    form = f"/my-seals/{unit_id}/pin"
    wrong = keeper.post(form, pins | {f"pin_again-{unit_id}": "x"}, form_at="/my-seals")
    assert "Hai lần nhập mã PIN không giống nhau" in wrong.text
    assert keeper.post(form, pins, form_at="/my-seals").status_code == 302
    image = {f"width_mm-{unit_id}": "36", f"height_mm-{unit_id}": "36,0"}
    answer = keeper.post(
        f"/my-seals/{unit_id}/image",
        image | {f"image-{unit_id}": pdf(seal_png(), "dau.png")},
        form_at="/my-seals",
    )
    assert answer.status_code == 302
    assert keeper.get(f"/seals/{WARD}/image.png").mimetype == "image/png"
    assert head.get(f"/seals/{WARD}/image.png").status_code == 403
    ending = {"ground": "managing_body_request", "end_document_ref": "09/QĐ"}
    assert clerk.post("/seals/1/end", ending, form_at="/seals/1").status_code == 302
    release()
    assert services.issuance.seals.view_of(SYSTEM, 1).state == "ended"
    assert "Bạn không giữ con dấu số nào" in keeper.get("/my-seals").text


def test_nobody_approves_the_own_request(
    app: Flask, city: City, keeper: Visitor, clerk: Visitor, head: Visitor
) -> None:
    """Nor a clerk at all; a refusal needs its reason, and makes room for another request."""
    clerk.post("/seals/new", ASKED)
    assert clerk.post("/seals/1/approve", {}, form_at="/seals/1").status_code == 403
    assert "chưa giải quyết xong" in clerk.post("/seals/new", ASKED).text
    refused = head.post("/seals/1/reject", {"note": " "}, form_at="/seals/1")
    assert "Hãy ghi lý do không duyệt" in refused.text
    head.post("/seals/1/reject", {"note": "Sai người"}, form_at="/seals/1")
    assert clerk.post("/seals/new", ASKED).location.endswith("/seals/2")
    assert clerk.post("/seals/2/cancel", {}, form_at="/seals/2").status_code == 302


REFUSED = {
    "no legal status": ({"unit_code": "00004.01"}, "đơn vị"),
    "a keeper of another body": ({"keeper_code": "T99999"}, "cán bộ của chính cơ quan này"),
    "no paper": ({"document_ref": " "}, "số, ký hiệu văn bản"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_requests_that_are_refused(keeper: Visitor, clerk: Visitor, name: str) -> None:
    """Each with its sentence beside the form."""
    changes, sentence = REFUSED[name]
    answer = clerk.post("/seals/new", ASKED | changes)
    assert answer.status_code in (400, 404)
    assert sentence in answer.text
