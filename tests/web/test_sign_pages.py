"""The official's way: a PIN in plain words, what waits, looking, signing, sending back."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image
from werkzeug.test import TestResponse

from signer.accounts import SYSTEM, Role
from signer.db import release
from signer.inventory.models import Person
from signer.services import Services
from tests.factories import WARD, City
from tests.web.visitor import Visitor, account_of, hidden

PDFS = Path(__file__).parents[1] / "data" / "pdf"
DECISION = PDFS / "quyet_dinh.pdf"
REPORT = PDFS / "bao_cao_29_trang.pdf"
PIN = "2468-lotus"
PLACE = {"page": "1", "left_mm": "110", "top_mm": "240", "width_mm": "60", "height_mm": "20"}


@dataclass(frozen=True)
class Official:
    """Somebody who can sign, logged in, with one document that waits."""

    person: Person
    visitor: Visitor
    document_id: int

    @property
    def address(self) -> str:
        return f"/documents/{self.document_id}/sign"

    def sign(self, **changed: str) -> TestResponse:
        page = self.visitor.get(self.address).text
        name = f"sha256-{self.document_id}"
        good = {**PLACE, "pin": PIN, name: hidden(page, name)}
        return self.visitor.post(self.address, good | changed)


@pytest.fixture
def official(app: Flask, services: Services, city: City) -> Official:
    """One official with an active key, and a decision of one page to sign."""
    (person,) = city.certified(1)
    account = account_of(city, person)
    services.signing.activate(services.accounts.actor_of(account[0]), PIN)
    document_id = submit(services, city, person, DECISION)
    return Official(person, Visitor(app).log_in(account), document_id)


def submit(services: Services, city: City, person: Person, file: Path, name: str = "clerk") -> int:
    """The id of a document that waits for the person's signature."""
    dossier_id = services.dossiers.create(
        city.actor(name, Role.HR),
        title="Quyết định thử nghiệm",
        unit_code=WARD,
        due_on=None,
        files=[(file.name, file)],
        signers=[person.code],
    )
    return services.dossiers.dossier_of(SYSTEM, dossier_id).documents[0].id


def test_setting_the_pin(app: Flask, city: City) -> None:
    """Without a certificate the page says whom to ask; with one it explains the PIN and sets it."""
    (person,) = city.people(1)
    visitor = Visitor(app).log_in(account_of(city, person))
    page = visitor.get("/activate").text
    assert "cán bộ đầu mối" in page
    assert 'name="pin"' not in page
    city.issue([person])
    assert "Đặt mã PIN" in visitor.get("/inbox").text
    other = visitor.post("/activate", {"pin": PIN, "pin_again": PIN + "x"})
    assert other.status_code == 400
    assert "không giống nhau" in other.text
    assert PIN not in other.text
    assert visitor.post("/activate", {"pin": "123", "pin_again": "123"}).status_code == 400
    done = visitor.post("/activate", {"pin": PIN, "pin_again": PIN, "next": "/dossiers"})
    assert (done.status_code, done.location) == (302, "/dossiers")
    assert "đang hoạt động" in visitor.get("/activate").text


def test_an_account_without_a_person_is_told_so(app: Flask, city: City) -> None:
    """No dead end: the page says what is wrong and who can help."""
    visitor = Visitor(app).log_in(city.account("head", Role.APPROVER))
    for path in ("/inbox", "/activate"):
        answer = visitor.get(path)
        assert answer.status_code == 200
        assert "chưa gắn với cán bộ nào" in answer.text


def test_the_signing_page_shows_pages_words_and_a_proposed_box(official: Official) -> None:
    """Images for the eye, real text for the ear, numbers that need no script."""
    assert DECISION.name in official.visitor.get("/inbox").text
    page = official.visitor.get(official.address).text
    assert "QUYẾT ĐỊNH" in page
    assert 'class="signature-frame"' in page
    assert float(hidden(page, "width_mm")) > 30
    assert 'style="' not in page
    image = official.visitor.get(f"/documents/{official.document_id}/pages/1.png", dpi=192)
    assert image.mimetype == "image/png"
    assert Image.open(BytesIO(image.data)).width > 1500
    assert "private" in image.headers["Cache-Control"]


def test_an_image_is_of_a_version_of_this_document(official: Official) -> None:
    """Another hash, another page or a silly resolution gives nothing new."""
    base = f"/documents/{official.document_id}/pages"
    assert official.visitor.get(f"{base}/1.png", v="0" * 64).status_code == 404
    assert official.visitor.get(f"{base}/99.png").status_code == 400
    small = official.visitor.get(f"{base}/1.png", dpi=99999)
    assert Image.open(BytesIO(small.data)).width < 1000


def test_signing_takes_one_form(official: Official, services: Services, tmp_path: Path) -> None:
    """PIN and button; then the download, whose signature holds."""
    answer = official.sign()
    assert answer.status_code == 302
    assert "Tải bản đã ký" in official.visitor.get(answer.location).text
    download = official.visitor.get(f"/documents/{official.document_id}/file")
    assert "_daky_" in download.headers["Content-Disposition"]
    file = tmp_path / "signed.pdf"
    file.write_bytes(download.data)
    verdict = services.signing.verify(file)
    assert [s.signer for s in verdict.signatures] == [official.person.full_name]
    original = official.visitor.get(f"/documents/{official.document_id}/versions/0/file")
    assert original.data == DECISION.read_bytes()
    assert "Không có tài liệu nào chờ bạn ký" in official.visitor.get("/inbox").text


def test_nobody_is_told_to_have_signed_who_has_not(official: Official) -> None:
    """The page after signing leads back to the document until it is signed."""
    answer = official.visitor.get(f"/documents/{official.document_id}/signed")
    assert (answer.status_code, answer.location) == (302, official.address)


def test_the_next_document_is_offered(official: Official, services: Services, city: City) -> None:
    """After signing, the inbox goes on without going back to it."""
    following = submit(services, city, official.person, REPORT, "clerk-2")
    page = official.visitor.get(official.sign().location).text
    assert f"/documents/{following}/sign" in page


def test_a_wrong_pin_says_how_often_and_then_what_to_do(
    official: Official, services: Services
) -> None:
    """The box stays where it was; the fifth wrong PIN locks, and the page says how to go on."""
    attempts = services.settings.pin_attempts
    for left in range(attempts - 1, 0, -1):
        answer = official.sign(pin="wrong-pin", left_mm="77")
        assert answer.status_code == 400
        assert str(left) in answer.text
        assert hidden(answer.text, "left_mm") == "77.0"
        assert "wrong-pin" not in answer.text
    locked = official.sign(pin="wrong-pin")
    assert locked.status_code == 409
    assert "Để dùng lại" in locked.text
    page = official.visitor.get(official.address).text
    assert 'name="pin"' not in page
    assert "Để dùng lại" in page


def test_what_was_shown_is_what_is_signed(official: Official, services: Services) -> None:
    """A document that changed meanwhile is a conflict page, and nothing is signed."""
    other = services.files.put(REPORT)
    answer = official.sign(**{f"sha256-{official.document_id}": other})
    assert answer.status_code == 409
    assert "đã thay đổi" in answer.text
    assert "Xem bản mới nhất" in answer.text
    release()
    document = services.dossiers.document_of(SYSTEM, official.document_id)
    assert [version.number for version in document.versions] == [0]


def test_a_form_that_cannot_be_signed_comes_back(official: Official) -> None:
    """Under 400, with the sentence, and with the form."""
    for changed, said in (
        ({"pin": ""}, "Hãy nhập mã PIN"),
        ({"left_mm": "190"}, "vượt ra ngoài"),
        ({"page": "2"}, "không có trang 2"),
        ({"height_mm": "2"}, "ít nhất"),
        ({"top_mm": "ở dưới"}, "các con số"),
    ):
        answer = official.sign(**changed)
        assert answer.status_code == 400, changed
        assert said in answer.text
        assert f'name="sha256-{official.document_id}"' in answer.text


def test_sending_back_needs_a_reason(official: Official, services: Services) -> None:
    """The reason reaches the drafter; the document leaves the inbox."""
    path = f"/documents/{official.document_id}/send-back"
    refused = official.visitor.post(path, {"reason": " "}, form_at=official.address)
    assert refused.status_code == 400
    assert "lý do trả lại" in refused.text
    done = official.visitor.post(path, {"reason": "Sai số hiệu"}, form_at=official.address)
    assert done.location == "/inbox"
    release()
    document = services.dossiers.document_of(SYSTEM, official.document_id)
    assert (document.state, document.steps[0].note) == ("returned", "Sai số hiệu")
    assert "Sai số hiệu" in official.visitor.get(official.address).text


def test_nobody_else_sees_the_document(official: Official, app: Flask, city: City) -> None:
    """For another signer, page, image and file do not exist."""
    (stranger,) = city.people(1)
    visitor = Visitor(app).log_in(account_of(city, stranger))
    base = f"/documents/{official.document_id}"
    for path in ("/sign", "/pages/1.png", "/file", "/versions/0/file", "/signed"):
        assert visitor.get(base + path).status_code == 404
