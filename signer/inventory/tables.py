"""A table of any length as a file that spreadsheets open: written as it goes, never held whole."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import BinaryIO

import xlsxwriter

from signer.clock import HANOI
from signer.inventory.spreadsheet_text import spreadsheet_text

Value = str | int | float | date | datetime | None
"""What a cell holds; an instant is shown as its day in Hanoi."""

ROWS_OF_A_SHEET = 1_048_576
"""As many as Excel has (ISO/IEC 29500 leaves it open); what is more stands on the next sheet."""
_ROWS_AT_ONCE = 500
_BEGINS_A_CELL = re.compile(r"([;\t\r\n]\s*)(?=[=+\-@＝＋－＠])")
"""A formula behind what separates cells where a comma is the decimal sign, whatever is quoted."""


def csv_pieces(headings: Sequence[str], rows: Iterable[Sequence[Value]]) -> Iterator[bytes]:
    """The file in pieces of some hundred rows: UTF-8 with a mark, so that Excel sees Vietnamese."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)  # RFC 4180
    writer.writerow(map(_text, headings))
    yield b"\xef\xbb\xbf"
    for written, row in enumerate(rows, start=1):
        # What begins like a word and holds no separator is plain: nearly every text of a list.
        writer.writerow(
            v
            if type(v) is str and v[:1].isalnum() and ";" not in v and v.isprintable()
            else _text(v)
            for v in row
        )
        if written % _ROWS_AT_ONCE == 0:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def write_xlsx(
    file: BinaryIO, title: str, headings: Sequence[str], rows: Iterable[Sequence[Value]]
) -> None:
    """The workbook stands in the file; texts are texts, whatever they look like."""
    options = {"constant_memory": True}
    options |= dict.fromkeys(
        ("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False
    )
    font = {"font_name": "Times New Roman", "font_size": 12}  # Decree 30/2020, appendix I
    left = iter(rows)
    row = next(left, None)
    with xlsxwriter.Workbook(file, options) as book:  # which leaves nothing in /tmp when rows fail
        plain, bold = (
            book.add_format(font),
            book.add_format(font | {"bold": True, "text_wrap": True}),
        )
        days = book.add_format(font | {"num_format": "dd/mm/yyyy"})
        number = 0
        while number == 0 or row is not None:
            number += 1
            sheet = book.add_worksheet(title if number == 1 else f"{title[:25]} ({number})")
            sheet.freeze_panes(1, 0)
            sheet.set_column(0, len(headings) - 1, 18)
            for column, heading in enumerate(headings):
                sheet.write_string(0, column, heading, bold)
            line = 1
            while row is not None and line < ROWS_OF_A_SHEET:
                for column, value in enumerate(row):
                    if isinstance(value, str):
                        sheet.write_string(line, column, value, plain)
                    elif isinstance(value, date):
                        sheet.write_datetime(line, column, _day(value), days)
                    elif value is not None:
                        sheet.write_number(line, column, value, plain)
                line += 1
                row = next(left, None)


def _text(value: Value) -> str:
    if isinstance(value, str):
        return spreadsheet_text(_BEGINS_A_CELL.sub(r"\1'", value))
    if isinstance(value, date):
        return f"{_day(value):%d/%m/%Y}"
    return "" if value is None else str(value)


def _day(value: date) -> date:
    return value.astimezone(HANOI).date() if isinstance(value, datetime) else value
