"""The appendix of a report as a workbook and as a text file, with the figures of the paper."""

import csv
import unicodedata
from io import BytesIO, StringIO

from xlsxwriter.worksheet import Worksheet

from signer.inventory.spreadsheet_text import spreadsheet_text
from signer.reports.columns import COLUMNS, SPANS, Line, Sort, text_of
from signer.reports.decree30 import TableAppendix
from signer.reports.export import Look, empty_book, lay_out

_WIDTHS = {"number": 6, "label": 44, "remark": 40}
_HEAD_ROW = 4


def appendix_xlsx(appendix: TableAppendix) -> bytes:
    """The table as a workbook: numbers as numbers, every text a text, whatever it begins with."""
    target = BytesIO()
    book = empty_book(target)
    font = {"font_name": "Times New Roman", "font_size": 12}
    boxed = font | {"border": 1, "valign": "vcenter"}
    head = book.add_format(boxed | {"bold": True, "align": "center", "text_wrap": True})
    strong, plain, small = (
        Look(book, boxed | change) for change in ({"bold": True}, {}, {"font_size": 10})
    )
    sheet = book.add_worksheet("Phụ lục")
    sheet.write_string(0, 0, appendix.title, book.add_format(font | {"bold": True}))
    sheet.write_string(1, 0, appendix.caption, book.add_format(font | {"italic": True}))
    _header(sheet, head)
    for row, line in enumerate(appendix.lines, _HEAD_ROW + 1):
        look = strong if line.is_total or line.figures is None else small if line.level else plain
        _write(sheet, row, line, look)
    end = _HEAD_ROW + len(appendix.lines)
    for place, note in enumerate(appendix.notes, end + 2):
        sheet.write_string(place, 0, note, book.add_format(font | {"italic": True}))
    lay_out(sheet, head_rows=(_HEAD_ROW - 1, _HEAD_ROW), last=(end, len(COLUMNS) - 1), frozen=2)
    book.close()
    return target.getvalue()


def appendix_csv(appendix: TableAppendix) -> bytes:
    """The table as text: UTF-8 with a mark at its beginning, so that Excel reads the letters.

    One row a unit with its code and level, without the headings of blocks; rates as on paper.
    Without the number on paper either: spreadsheets read 1.2 as the first of February.
    """
    target = StringIO()
    out = csv.writer(target, lineterminator="\r\n")
    columns = [column for column in COLUMNS if column.key != "number"]
    headings = [f"{c.group} - {c.heading}" if c.group else c.heading for c in columns]
    out.writerow(["Mã đơn vị", "Cấp", *headings])
    for line in appendix.lines:
        if line.figures is None:
            continue
        cells = [
            cell if isinstance(cell, int) else text_of(cell, column)
            for column, cell in ((column, line.cell(column)) for column in columns)
        ]
        level = "" if line.is_total else line.level + 1
        texts = [line.code, level, *cells]
        out.writerow([spreadsheet_text(t) if isinstance(t, str) else t for t in texts])
    return unicodedata.normalize("NFC", target.getvalue()).encode("utf-8-sig")


def _header(sheet: Worksheet, head: object) -> None:
    for span in SPANS:
        under = _HEAD_ROW - 1 if span.is_group else _HEAD_ROW
        sheet.merge_range(_HEAD_ROW - 1, span.first, under, span.last, span.heading, head)
        for index in span.below:
            sheet.write_string(_HEAD_ROW, index, COLUMNS[index].heading, head)
    for index, column in enumerate(COLUMNS):
        sheet.set_column(index, index, _WIDTHS.get(column.key, 10))


def _write(sheet: Worksheet, row: int, line: Line, look: Look) -> None:
    for index, column in enumerate(COLUMNS):
        cell = line.cell(column)
        if isinstance(cell, str):
            sheet.write_string(row, index, unicodedata.normalize("NFC", cell), look.text)
        elif cell is None:
            sheet.write_string(row, index, text_of(cell, column), look.rate)
        elif column.sort is Sort.RATE:  # rounded here: a spreadsheet would make 100 of 99.96
            sheet.write_number(row, index, float(cell), look.rate)
        else:
            sheet.write_number(row, index, int(cell), look.count)
