"""Tables as files: what spreadsheets open, whatever somebody typed into a name."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from openpyxl import load_workbook

from signer.inventory import tables
from signer.inventory.tables import Value, csv_pieces, write_xlsx

HEADINGS = ("Họ và tên", "Ghi chú", "Ngày", "Số")
ROWS: list[tuple[Value, ...]] = [
    ("Nguyễn Thị Ánh", 'dấu "ngoặc", phẩy', date(2025, 7, 1), 5),
    ("=1+1", "+84 912", datetime(2025, 6, 30, 17, 0, tzinfo=UTC), 2.5),
    ("@SUM(A1)", "\tkéo", None, -3),
    ("-2+3", "hai\ndòng", None, None),
    ("＝1", "'đã có", None, None),
]


def test_a_text_file_is_read_back_and_starts_no_formula() -> None:
    """UTF-8 with a mark, RFC 4180; an apostrophe before what would be a formula."""
    text = b"".join(csv_pieces(HEADINGS, ROWS)).decode("utf-8-sig")
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read[0] == list(HEADINGS)
    assert read[1] == ["Nguyễn Thị Ánh", 'dấu "ngoặc", phẩy', "01/07/2025", "5"]
    assert read[2] == ["'=1+1", "'+84 912", "01/07/2025", "2.5"]
    assert read[3] == ["'@SUM(A1)", "'\tkéo", "", "-3"]
    assert [row[0] for row in read[4:]] == ["'-2+3", "'＝1"]


@pytest.mark.parametrize(
    ("typed", "stands"),
    [
        ("Tổ trưởng;=1+1", "Tổ trưởng;'=1+1"),
        ("Tổ trưởng; @SUM(A1)", "Tổ trưởng; '@SUM(A1)"),
        ("hai\n=1+1", "hai\n'=1+1"),
        ("một\t-2+3", "một\t'-2+3"),
        ("a=b-c; d", "a=b-c; d"),
    ],
)
def test_nothing_starts_a_formula_where_semicolons_separate(typed: str, stands: str) -> None:
    """Where a comma is the decimal sign, as in Vietnam, spreadsheets may split at semicolons."""
    text = b"".join(csv_pieces(["Tên"], [[typed]])).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text, newline="")))[1] == [stands]


def test_a_workbook_has_texts_days_and_numbers() -> None:
    """What looks like a formula is its own characters; an instant is its day in Hanoi."""
    file = io.BytesIO()
    write_xlsx(file, "Cán bộ", HEADINGS, ROWS)
    sheet = load_workbook(file).active
    assert sheet is not None
    cells = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert cells[0] == list(HEADINGS)
    assert cells[2][:2] + cells[2][3:] == ["=1+1", "+84 912", 2.5]
    assert str(cells[2][2]) == "2025-07-01 00:00:00"
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "d", "n"}


def test_more_rows_than_a_sheet_has_stand_on_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row once, headings on each sheet; an empty table has its headings."""
    monkeypatch.setattr(tables, "ROWS_OF_A_SHEET", 4)
    for count, sheets in ((0, 1), (3, 1), (4, 2), (7, 3)):
        file = io.BytesIO()
        write_xlsx(file, "Cán bộ", ("Số",), ((number,) for number in range(count)))
        book = load_workbook(file)
        assert len(book.sheetnames) == sheets
        values = [[row[0] for row in sheet.values] for sheet in book.worksheets]
        assert all(column[0] == "Số" for column in values)
        assert [value for column in values for value in column[1:]] == list(range(count))


def test_rows_are_written_while_they_are_read() -> None:
    """No piece waits for the end of the list."""
    read = 0

    def rows() -> Iterator[tuple[Value, ...]]:
        nonlocal read
        for number in range(100_000):
            read = number
            yield (number,)

    pieces = csv_pieces(("Số",), rows())
    assert next(pieces) == b"\xef\xbb\xbf"
    next(pieces)
    assert read < 1_000
