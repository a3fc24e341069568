"""Importing a roster through the pages: check first, then apply, twice without harm."""

from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask

from signer.accounts import Role
from signer.services import Services
from tests.factories import City
from tests.web.visitor import Visitor

SAMPLE = Path(__file__).parent.parent / "data" / "danh_sach_mau.xlsx"


def sent(content: bytes, name: str) -> dict[str, object]:
    return {"file": (BytesIO(content), name)}


def test_a_messy_roster_is_checked_then_applied(app: Flask, city: City, services: Services) -> None:
    """Counts, errors by row and column, one button; afterwards the receipt; again nothing new."""
    visitor = Visitor(app).log_in(city.account("huong", Role.HR, None))
    first = visitor.post("/roster", sent(SAMPLE.read_bytes(), SAMPLE.name))
    assert first.location == "/roster/1"
    checked = visitor.get("/roster/1").text
    assert "Ghi các dòng hợp lệ" in checked
    assert "Dòng lỗi, không được ghi" in checked
    assert "ngahp at hanoi.gov.vn" in checked
    assert "Được hiểu là" in checked, "which column was taken for what"
    assert visitor.get("/people").text.count('class="row-title"') == 0, "nothing is stored yet"
    assert visitor.post("/roster/1/apply", {}, form_at="/roster/1").location == "/roster/1"
    assert "Đang ghi danh sách" in visitor.get("/roster/1").text
    assert "HX-Refresh" not in visitor.get("/roster/1/progress").headers
    services.jobs.run(services.job_handlers)
    assert visitor.get("/roster/1/progress").headers["HX-Refresh"] == "true"
    assert "Đã ghi xong" in visitor.get("/roster/1").text
    assert "HN000001" in visitor.get("/people", q="HN000001").text
    visitor.post("/roster", sent(SAMPLE.read_bytes(), SAMPLE.name))
    assert "không có gì mới" in visitor.get("/roster/2").text
    assert SAMPLE.name in visitor.get("/roster").text


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        (b"", "", "Hãy chọn một tệp Excel hoặc CSV."),
        (b"a,b\n1,2\n", "khong-tieu-de.csv", "Không tìm thấy dòng tiêu đề"),
        (b"%PDF-1.7", "nham.pdf", "tệp"),
    ],
)
def test_a_file_that_is_no_roster_is_answered_at_the_form(
    app: Flask, city: City, content: bytes, name: str, sentence: str
) -> None:
    """The form comes back with the sentence, linked to the field."""
    visitor = Visitor(app).log_in(city.account("huong", Role.HR, None))
    answer = visitor.post("/roster", sent(content, name))
    assert answer.status_code == 400
    assert 'href="#field-file"' in answer.text
    assert sentence in answer.text


def test_a_roster_belongs_to_who_sent_it(app: Flask, city: City) -> None:
    """It holds private data: another ward's officer cannot open it."""
    Visitor(app).log_in(city.account("huong", Role.HR, None)).post(
        "/roster", sent(SAMPLE.read_bytes(), SAMPLE.name)
    )
    other = Visitor(app).log_in(city.account("lan", Role.HR))
    assert other.get("/roster/1").status_code == 403
    assert SAMPLE.name not in other.get("/roster").text
