"""Importing a roster through the pages: check first, then apply, twice without harm."""

from io import BytesIO
from pathlib import Path

import openpyxl
import pytest
from flask import Flask

from signer.accounts import Role
from signer.services import Services
from tests.factories import WARD, City
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


def test_columns_are_named_on_the_page_and_an_import_is_undone_there(
    app: Flask, city: City, services: Services
) -> None:
    """Without script: choose, check again, store, undo; what was refused comes as a workbook."""
    visitor = Visitor(app).log_in(city.account("huong", Role.HR, None))
    rows = ["Ký hiệu riêng,Họ và tên,Nơi làm việc,Ngày sinh,Giới tính,Chức vụ"]
    rows += ["A1,Nguyễn An,Phường Láng,01/02/1980,Nam,", "A2,Lê Ba,Phường Láng,31/02/1980,Nữ,"]
    visitor.post("/roster", sent("\n".join(rows).encode(), "rieng.csv"))
    page = visitor.get("/roster/1").text
    assert "Chưa biết cột nào là: Mã cán bộ, Đơn vị" in page
    assert "Ghi các dòng hợp lệ" not in page
    twice = {"column-A": "code", "column-B": "code"}
    refused = visitor.post("/roster/1/columns", twice, form_at="/roster/1")
    assert refused.status_code == 400
    assert "Các cột A, B cùng được chọn" in refused.text
    said = {"column-A": "code", "column-B": "full_name", "column-C": "unit"}
    said |= {"column-D": "birth_date", "column-E": "sex", "column-F": ""}
    again = visitor.post("/roster/1/columns", said, form_at="/roster/1")
    assert again.location == "/roster/2"
    workbook = visitor.get("/roster/2/errors.xlsx")
    cells = list(openpyxl.load_workbook(BytesIO(workbook.data)).worksheets[0].values)
    assert cells[1][:4] == ("A2", "Lê Ba", "Phường Láng", "31/02/1980")
    visitor.post("/roster/2/apply", {}, form_at="/roster/2")
    services.jobs.run(services.job_handlers)
    assert "Hoàn tác lần nạp này" in visitor.get("/roster/2").text
    visitor.post("/roster/2/undo", {}, form_at="/roster/2")
    services.jobs.run(services.job_handlers)
    assert "Lần nạp này đã được hoàn tác" in visitor.get("/roster/2").text
    assert visitor.get("/people/A1").status_code == 404


def test_an_import_rests_and_goes_on_but_is_not_left_half_way(
    app: Flask, city: City, services: Services
) -> None:
    """What is refused is not offered; whoever wants it gone takes it back afterwards."""
    visitor = Visitor(app).log_in(city.account("huong", Role.HR, None))
    visitor.post("/roster", sent(SAMPLE.read_bytes(), SAMPLE.name))
    visitor.post("/roster/1/apply", {}, form_at="/roster/1")
    assert "Muốn hủy" not in visitor.get("/jobs/1").text
    visitor.post("/jobs/1/pause", {}, form_at="/jobs/1")
    paused = visitor.get("/jobs/1").text
    assert "Tiếp tục" in paused
    assert "Hủy công việc" not in paused
    refused = visitor.post("/jobs/1/cancel", {}, form_at="/jobs/1")
    assert refused.status_code == 409
    visitor.post("/jobs/1/resume", {}, form_at="/jobs/1")
    services.jobs.run(services.job_handlers)
    assert "Đã ghi xong" in visitor.get("/roster/1").text


def test_a_full_list_names_who_is_missing(app: Flask, city: City) -> None:
    """Shown with a link to each; an officer's choice of units is the own ones."""
    [someone] = city.people(1)
    visitor = Visitor(app).log_in(city.account("lan", Role.HR))
    assert "Ngọc Hà" not in visitor.get("/roster").text
    file = sent("Mã CB,Họ và tên,Đơn vị\nZ1,Lê Ba,00004\n".encode(), "du.csv")
    answer = visitor.post("/roster", file | {"full_unit": WARD})
    page = visitor.get(answer.location).text
    assert f'href="/people/{someone.code}"' in page
    assert "không có trong tệp" in page
