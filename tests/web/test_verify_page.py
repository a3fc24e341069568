"""The public check: one sentence for every kind of file, and nobody needs to log in."""

import hashlib
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pikepdf
import pytest
from flask import Flask

from signer.accounts import SYSTEM, Role
from signer.limits import CHECKS
from signer.services import Services
from signer.signing.geometry import Box
from tests.clocks import StandingClock
from tests.factories import WARD, City
from tests.web.visitor import Visitor, hidden, pdf

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
    services.dossiers.note_shown(actor, document.id, document.sha256)
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


REPORTS = pytest.mark.parametrize(
    ("form", "start", "kind"),
    [("pdf", b"%PDF-", "application/pdf"), ("xml", b"<?xml", "application/xml")],
)


@REPORTS
def test_a_verdict_can_be_taken_along(
    app: Flask, signed: bytes, form: str, start: bytes, kind: str
) -> None:
    """As a paper and as XML, from the page alone: the file was not kept."""
    visitor = Visitor(app)
    page = visitor.post("/verify", {"document": pdf(signed)})
    kept = {"verdict": hidden(page.text, "verdict"), "format": form}
    answer = visitor.post("/verify/report", kept, form_at="/verify")
    assert answer.status_code == 200
    assert answer.mimetype == kind
    assert answer.data.startswith(start)
    sha256 = hashlib.sha256(signed).hexdigest()
    assert answer.headers["Content-Disposition"].endswith(f"ket-qua-kiem-tra-{sha256[:12]}.{form}")


def test_the_xml_is_about_the_signatures_of_the_page(app: Flask, signed: bytes) -> None:
    """One part each, with the name that the page shows."""
    visitor = Visitor(app)
    page = visitor.post("/verify", {"document": pdf(signed)})
    kept = {"verdict": hidden(page.text, "verdict"), "format": "xml"}
    root = ElementTree.fromstring(visitor.post("/verify/report", kept, form_at="/verify").data)
    names = [found.text for found in root.iter("{http://uri.etsi.org/19102/v1.2.1#}Signer")]
    assert names[0] == "Trần Thị Bình"
    assert len(names) == page.text.count('class="signature-detail"')


@pytest.mark.parametrize("spoil", ["", "x", "eyJ9", "tampered", "late"])
def test_nobody_makes_up_a_verdict(
    app: Flask, signed: bytes, clock: StandingClock, spoil: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the page carries is signed, and stale after a day."""
    visitor = Visitor(app)
    token = hidden(visitor.post("/verify", {"document": pdf(signed)}).text, "verdict")
    if spoil == "late":
        monkeypatch.setattr("signer.web.verify._KEPT_SECONDS", -1)
    else:
        token = token[:-8] + "AAAAAAAA" if spoil == "tampered" else spoil
    answer = visitor.post("/verify/report", {"verdict": token, "format": "pdf"}, form_at="/verify")
    assert answer.status_code == 400
    assert "quá một ngày" in answer.text
    assert 'name="document"' in answer.text


def test_an_unsigned_document_has_a_paper_and_no_xml(app: Flask) -> None:
    """The schema asks for a signature; the page does not offer it and the address refuses."""
    visitor = Visitor(app)
    page = visitor.post("/verify", {"document": pdf(DECISION.read_bytes())})
    assert 'value="pdf"' in page.text
    assert 'value="xml"' not in page.text
    kept = {"verdict": hidden(page.text, "verdict"), "format": "xml"}
    assert visitor.post("/verify/report", kept, form_at="/verify").status_code == 400


def test_a_document_signed_here_is_known_by_its_hash(
    app: Flask, signed: bytes, clock: StandingClock
) -> None:
    """As on the printed report: today's verdict, and neither the document nor its name."""
    sha256 = hashlib.sha256(signed).hexdigest()
    clock.move(timedelta(days=1))
    answer = Visitor(app).get("/verify", sha256=sha256.upper())
    assert answer.status_code == 200
    assert 'data-verdict="' in answer.text
    assert "Trần Thị Bình" in answer.text
    assert sha256 in answer.text
    assert DECISION.stem not in answer.text
    assert "/documents/" not in answer.text


@pytest.mark.parametrize("wanted", ["original", "0" * 64, "x", "../../etc/passwd", "ＡＢ" * 32])
def test_any_other_hash_is_unknown(app: Flask, signed: bytes, wanted: str) -> None:
    """That of a document before anybody signed it as well: it was nobody's business yet."""
    sha256 = hashlib.sha256(DECISION.read_bytes()).hexdigest() if wanted == "original" else wanted
    answer = Visitor(app).get("/verify", sha256=sha256)
    assert answer.status_code == 404
    assert "không ký tài liệu nào có mã băm ấy" in answer.text
    assert 'name="document"' in answer.text


def test_asking_by_hash_costs_as_much_as_sending_a_file(app: Flask, signed: bytes) -> None:
    """So it has the same limit, and opening the form has none."""
    visitor, sha256 = Visitor(app), "0" * 64
    codes = [visitor.get("/verify", sha256=sha256).status_code for _ in range(CHECKS + 1)]
    assert codes == [404] * CHECKS + [429]
    assert visitor.get("/verify").status_code == 200
