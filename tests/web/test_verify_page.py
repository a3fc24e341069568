"""The public check: one sentence for every kind of file, and nobody needs to log in."""

from pathlib import Path

import pikepdf
import pytest
from flask import Flask

from signer.accounts import SYSTEM, Role
from signer.services import Services
from signer.signing.geometry import Box
from tests.factories import WARD, City
from tests.web.visitor import Visitor, pdf

PDFS = Path(__file__).parents[1] / "data" / "pdf"
DECISION = PDFS / "quyet_dinh.pdf"
PIN = "2468-lotus"


@pytest.fixture
def signed(services: Services, city: City) -> bytes:
    """A decision that one official signed."""
    (person,) = city.certified(1)
    actor = city.signer_of(person)
    services.signing.activate(actor, PIN)
    dossier_id = services.dossiers.create(
        city.actor("clerk", Role.HR),
        title="Quyết định",
        unit_code=WARD,
        due_on=None,
        files=[(DECISION.name, DECISION)],
        signers=[person.code],
    )
    document = services.dossiers.dossier_of(SYSTEM, dossier_id).documents[0]
    done = services.dossiers.sign(
        actor,
        document.id,
        pin=PIN,
        page=1,
        box=Box(x0=300, y0=60, x1=480, y1=120),
        shown_sha256=document.sha256,
    )
    return services.files.get(done.sha256)


def check(app: Flask, content: bytes, name: str = "tài liệu.pdf") -> tuple[int, str]:
    """Status and page that a visitor without an account gets."""
    answer = Visitor(app).post("/verify", {"document": pdf(content, name)})
    return answer.status_code, answer.text


def test_a_good_signature_is_green_and_explained(app: Flask, signed: bytes) -> None:
    """The sentence of the field's tools, the signer, integrity, path, revocation."""
    status, page = check(app, signed)
    assert status == 200
    assert 'data-verdict="valid"' in page
    for seen in ("Chữ ký hợp lệ!", "Trần Thị Bình", "Tin cậy", "Chưa bị thu hồi", "tài liệu.pdf"):
        assert seen in page


def test_a_changed_document_is_red(app: Flask, signed: bytes) -> None:
    """One byte of the signed part."""
    at = signed.index(b"/Type /Page") if b"/Type /Page" in signed else 600
    changed = signed[: at + 6] + b"Q" + signed[at + 7 :]
    status, page = check(app, changed)
    assert status == 200
    assert 'data-verdict="valid"' not in page


def test_a_document_without_a_signature_is_grey(app: Flask) -> None:
    """Not an error, but nothing to check."""
    status, page = check(app, DECISION.read_bytes())
    assert status == 200
    assert 'data-verdict="unsigned"' in page


def test_an_encrypted_document_is_amber(app: Flask, tmp_path: Path) -> None:
    """Nobody can say."""
    file = tmp_path / "locked.pdf"
    with pikepdf.open(DECISION) as document:
        document.save(file, encryption=pikepdf.Encryption(owner="o", user="u"))
    status, page = check(app, file.read_bytes())
    assert status == 200
    assert 'data-verdict="indeterminate"' in page
    assert "mật khẩu" in page


@pytest.mark.parametrize("content", [b"", b"GIF89a...", b"<html>"])
def test_what_is_no_pdf_is_refused_in_one_sentence(app: Flask, content: bytes) -> None:
    """With the form, so that another file can be tried at once."""
    status, page = check(app, content, "ảnh.pdf")
    assert status == 400
    assert "không phải là tệp PDF" in page
    assert 'name="document"' in page


def test_no_file_at_all(app: Flask) -> None:
    """The button was pressed too early."""
    answer = Visitor(app).post("/verify", {})
    assert answer.status_code == 400
    assert "Hãy chọn một tệp PDF" in answer.text


def test_a_file_that_is_too_large_is_refused(app: Flask) -> None:
    """Before anything of it is parsed."""
    app.config["MAX_CONTENT_LENGTH"] = 50_000
    status, page = check(app, b"%PDF-1.7" + bytes(200_000))
    assert status == 413
    assert "quá lớn" in page


def test_names_of_files_are_text(app: Flask) -> None:
    """A name with markup in it is shown, not obeyed."""
    _, page = check(app, DECISION.read_bytes(), "<script>alert(1)</script>.pdf")
    assert "<script>alert" not in page
