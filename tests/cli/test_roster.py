"""`signer roster`: columns named on the command line, sheets that are not read, the way back."""

import json
from pathlib import Path

import openpyxl

from tests.cli.conftest import Typed


def test_a_workbook_is_read_as_it_is_told_stored_and_taken_back(
    signer: Typed, tmp_path: Path
) -> None:
    """A column that is named goes before the one whose heading says the same."""
    book = openpyxl.Workbook()
    for title in ("Phòng A", "Phòng B"):
        sheet = book.create_sheet(title)
        sheet.append(["Mã số", "Số hiệu mới", "Họ và tên", "Đơn vị"])
        sheet.append(["C1", "M1", "Nguyễn An", "Phường Láng"])
        sheet.append(["C2", "M2", "Lê 2", "Phường Láng"])
    file = tmp_path / "hai.xlsx"
    book.save(file)
    told, _ = signer("roster", "import", file, "--column", "B=code")
    assert "trang tính khác: Phòng B" in told
    assert "2 dòng: 1 mới" in told
    assert [p["code"] for p in json.loads(signer("person", "list", "--json")[0])] == ["M1"]
    number = told.rpartition("số ")[2].strip(" .\n")
    errors = tmp_path / "loi.xlsx"
    signer("roster", "errors", number, errors)
    assert [row[0] for row in openpyxl.load_workbook(errors).worksheets[0].values] == [
        "Mã cán bộ",
        "M2",
    ]
    signer("roster", "undo", number)
    assert json.loads(signer("person", "list", "--json")[0]) == []
    signer("roster", "import", file, "--column", "B=nonsense", code=64)
