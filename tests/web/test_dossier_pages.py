"""Dossiers in the browser: submitting, finding signers, what is kept when something is wrong."""

import hashlib
from pathlib import Path

import pytest
from flask import Flask

from signer.accounts import SYSTEM, Role
from signer.db import release
from signer.services import Services
from tests.factories import OTHER_WARD, WARD, City
from tests.signing.test_shadows import SHADOWS
from tests.web.visitor import Visitor, hidden, pdf

PDFS = Path(__file__).parents[1] / "data" / "pdf"
DECISION = (PDFS / "quyet_dinh.pdf").read_bytes()
REPORT = (PDFS / "bao_cao_29_trang.pdf").read_bytes()


@pytest.fixture
def clerk(app: Flask, city: City) -> Visitor:
    """The focal officer of a ward, logged in."""
    return Visitor(app).log_in(city.account("clerk", Role.HR))


def form(city: City, **changed: object) -> dict[str, object]:
    """A form that is accepted; makes the two signers it names."""
    one, two = city.people(2)
    good = {
        "title": "Tờ trình rà soát",
        "unit_code": WARD,
        "due_on": "2026-12-05",
        "signers": f"{one.code}\r\n{two.code.lower()}\r\n",
        "files": [pdf(DECISION, "quyết định.pdf"), pdf(REPORT, "báo cáo.pdf")],
    }
    return good | changed


def test_a_dossier_is_submitted(clerk: Visitor, city: City) -> None:
    """Two documents, two signers each, in the order given; the page shows all of it."""
    answer = clerk.post("/dossiers/new", form(city))
    assert answer.status_code == 302
    page = clerk.get(answer.location).text
    for seen in (
        "Tờ trình rà soát",
        "quyết định.pdf",
        "báo cáo.pdf",
        "05/12/2026",
        "Chưa đến lượt",
    ):
        assert seen in page
    assert "Tờ trình rà soát" in clerk.get("/dossiers").text
    assert "Tờ trình rà soát" not in clerk.get("/dossiers", state="done").text


def test_files_stay_chosen_when_something_else_is_wrong(
    clerk: Visitor, city: City, services: Services
) -> None:
    """Nothing is lost: the second try needs no file."""
    fields = form(city)
    refused = clerk.post("/dossiers/new", fields | {"title": ""})
    assert refused.status_code == 400
    assert "quyết định.pdf" in refused.text
    again = {**fields, "files": [], "kept": hidden(refused.text, "kept")}
    done = clerk.post("/dossiers/new", again)
    assert done.status_code == 302
    release()
    dossier = services.dossiers.dossier_of(SYSTEM, int(done.location.rsplit("/", 1)[1]))
    assert [document.file_name for document in dossier.documents] == [
        "quyết định.pdf",
        "báo cáo.pdf",
    ]
    assert services.files.get(dossier.documents[0].sha256) == DECISION


def test_a_damaged_file_is_repaired_when_that_is_wanted(
    clerk: Visitor, city: City, services: Services
) -> None:
    """It is refused first; ticked, its copy is submitted under a name that says so."""
    damaged = DECISION.replace(b"startxref", b"startxxxx")  # the table is found by searching
    fields = form(city, files=[pdf(damaged, "hỏng.pdf"), pdf(REPORT, "báo cáo.pdf")])
    refused = clerk.post("/dossiers/new", fields)
    assert refused.status_code == 400
    assert "Dùng bản đã sửa" in refused.text
    wanted = hashlib.sha256(damaged).hexdigest()
    again = {**fields, "files": [], "kept": hidden(refused.text, "kept"), "repair": wanted}
    done = clerk.post("/dossiers/new", again)
    assert done.status_code == 302
    release()
    dossier = services.dossiers.dossier_of(SYSTEM, int(done.location.rsplit("/", 1)[1]))
    assert [document.file_name for document in dossier.documents] == [
        "hỏng_ban_da_sua.pdf",
        "báo cáo.pdf",
    ]
    assert services.files.get(wanted) == damaged


def test_what_could_be_swapped_later_is_told_and_can_be_left_out(
    clerk: Visitor, city: City, services: Services
) -> None:
    """A shadow in an unsigned document: warned of, and gone in the next version."""
    make, _code, _repairable = next(case for case in SHADOWS.values() if case[2])
    fields = form(city, files=[pdf(make(), "bóng.pdf")])
    address = clerk.post("/dossiers/new", fields).location
    shown = clerk.get(address).text
    assert "Hãy xem kỹ trước khi ký" in shown
    sent = {"shown_sha256": hidden(shown, "shown_sha256")}
    assert clerk.post("/documents/1/repair", sent, form_at=address).location == address
    again = clerk.get(address).text
    assert "Hãy xem kỹ trước khi ký" not in again
    assert "Các phiên bản (2)" in again


def test_a_forged_token_names_no_file(clerk: Visitor, city: City) -> None:
    """Only files this very form received."""
    answer = clerk.post("/dossiers/new", form(city, files=[], kept="WyJhIiwiYiJd.x.y"))
    assert answer.status_code == 400
    assert "chọn lại tệp" in answer.text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"files": []}, "ít nhất một tệp"),
        ({"files": [pdf(b"GIF89a", "ảnh.pdf")]}, "ảnh.pdf"),
        ({"files": [pdf(DECISION[:9000], "đứt.pdf")]}, "đứt.pdf"),
        ({"files": [pdf(b"%PDF-1.7") for _ in range(21)]}, "tối đa 20 tệp"),
        ({"signers": "KHONGCO"}, "KHONGCO"),
        ({"signers": ""}, "người ký"),
        ({"due_on": "31/02/2026"}, "31/02/2026"),
        ({"unit_code": ""}, "chọn đơn vị"),
    ],
    ids=["none", "image", "truncated", "many", "unknown", "nobody", "day", "unit"],
)  # fmt: skip
def test_what_is_wrong_is_said(
    clerk: Visitor, city: City, services: Services, changed: dict[str, object], said: str
) -> None:
    """Under 400, in the clerk's words, and there is no dossier."""
    answer = clerk.post("/dossiers/new", form(city, **changed))
    assert answer.status_code == 400
    assert said in answer.text
    assert services.dossiers.dossiers(SYSTEM) == []


def test_a_dossier_of_another_unit_is_refused(clerk: Visitor, city: City) -> None:
    """The list offers only own units; a form that says otherwise is forbidden."""
    assert f'value="{OTHER_WARD}"' not in clerk.get("/dossiers/new").text
    assert clerk.post("/dossiers/new", form(city, unit_code=OTHER_WARD)).status_code == 403


def test_signers_are_found_without_accents(clerk: Visitor, city: City) -> None:
    """A fragment of the page: names, codes, and a warning for who cannot sign yet."""
    (person,) = city.people(1)
    found = clerk.get("/dossiers/people", q="tran thi binh").text
    assert person.code in found
    assert "chưa ký được" in found
    assert "<html" not in found
    assert "Không tìm thấy" in clerk.get("/dossiers/people", q="qqqq").text
    assert clerk.get("/dossiers/people").text.strip() == ""


def test_a_signer_cannot_submit(app: Flask, city: City) -> None:
    """Looking yes, submitting no."""
    visitor = Visitor(app).log_in(city.account("somebody", Role.SIGNER))
    assert visitor.get("/dossiers").status_code == 200
    assert "Lập hồ sơ mới" not in visitor.get("/dossiers").text
    assert visitor.get("/dossiers/new").status_code == 403
