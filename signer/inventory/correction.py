"""A workbook of the rows that were refused, to correct and upload again."""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from signer.errors import N_, Invalid
from signer.inventory import cells, identity
from signer.inventory.fields import FIELD_NAMES, Field, Heading, as_text
from signer.inventory.findings import Finding
from signer.inventory.headings import CORRECTION_SHEET
from signer.inventory.planned_rows import RefusedRow
from signer.inventory.sheets import Cell

_Translate = Callable[[str], str]
_WIDTHS: dict[Field, int] = {
    Field.NUMBER: 6,
    Field.CODE: 12,
    Field.FULL_NAME: 26,
    Field.UNIT: 36,
    Field.DIVISION: 24,
    Field.ID_ISSUED_BY: 24,
    Field.EMAIL: 30,
}
_DATES = frozenset(
    {
        Field.BIRTH_DATE,
        Field.BIRTH_DATE_MALE,
        Field.BIRTH_DATE_FEMALE,
        Field.ID_ISSUED_ON,
        Field.STATE_SINCE,
    }
)
_REMARK_WIDTH = 60
_COMMENTED_ROWS = 1_000
"""Comments are held in memory and drawn one by one; the sentences stand in a column as well."""


def error_workbook(
    headings: Sequence[Heading], rows: Iterable[RefusedRow], *, translate: _Translate = str
) -> bytes:
    """An XLSX with the header, the refused rows as they came, and what is wrong beside each.

    The bad cells are marked and carry the message as a comment. Every text is written as text,
    so a cell like "=HYPERLINK(…)" stays what somebody typed and never becomes a formula; numbers
    of identity are text too, so Excel cannot take their zeros again. The last column, which
    names the row of the first file, is not known to the import and is ignored on the way back.
    """
    columns = [(h.letter, h.field) for h in headings if h.field is not None]
    with tempfile.TemporaryDirectory(prefix="signer-errors-") as folder:
        file = Path(folder) / "errors.xlsx"
        options = {
            "constant_memory": True,
            "tmpdir": folder,
            "strings_to_formulas": False,
            "strings_to_numbers": False,
            "strings_to_urls": False,
        }
        book = xlsxwriter.Workbook(file, options)
        sheet = book.add_worksheet(CORRECTION_SHEET)
        sheet.freeze_panes(1, 0)
        head = book.add_format({"bold": True, "text_wrap": True, "border": 1, "valign": "vcenter"})
        text = book.add_format({"num_format": "@"})
        bad = book.add_format({"num_format": "@", "bg_color": "#FBE3E4", "font_color": "#8A1F11"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        last = len(columns)
        for place, (_, field) in enumerate(columns):
            sheet.set_column(place, place, _WIDTHS.get(field, 16))
            sheet.write_string(0, place, FIELD_NAMES[field], head)  # the import knows these words
        sheet.set_column(last, last, _REMARK_WIDTH)
        sheet.write_string(0, last, translate(N_("Lỗi cần sửa")), head)
        sheet.write_string(0, last + 1, translate(N_("Dòng trong tệp gốc")), head)
        for place, row in enumerate(rows, start=1):
            _write_row(sheet, place, row, columns, (text, bad), translate)
            remark = "\n".join(_sentence(f, translate) for f in row.errors)
            sheet.write_string(place, last, remark, wrapped)
            sheet.write_number(place, last + 1, row.number)
        book.close()
        return file.read_bytes()


def _write_row(
    sheet: Worksheet,
    place: int,
    row: RefusedRow,
    columns: Sequence[tuple[str, Field]],
    formats: tuple[Format, Format],
    translate: _Translate,
) -> None:
    plain, bad = formats
    wrong: Mapping[str, Finding] = {finding.column: finding for finding in row.errors}
    for index, (letter, field) in enumerate(columns):
        finding = wrong.get(letter)
        text = _typed(field, row.cells.get(field))
        sheet.write_string(place, index, text, bad if finding else plain)
        if finding is not None and place <= _COMMENTED_ROWS:
            sheet.write_comment(place, index, _sentence(finding, translate))


def _typed(field: Field, cell: Cell) -> str:
    """The cell as text that the import reads back as the same thing."""
    if isinstance(cell, str):
        return cell[:32_000]  # as it came, marks included; a cell of Excel holds 32,767 characters
    with suppress(Invalid):
        if field in _DATES and isinstance(cell, int | float | date):
            return cells.date_of(cell).strftime("%d/%m/%Y")
        if field is Field.ID_NUMBER and isinstance(cell, int | float):
            return identity.id_number_of(cell).value
        if field is Field.RANK_CODE and cell is not None:
            return cells.rank_of(cell)
    return as_text(cell)


def _sentence(finding: Finding, translate: _Translate) -> str:
    parts = [translate(finding.sentence) % finding.values]
    if finding.hint_sentence:
        parts.append(translate(finding.hint_sentence) % finding.values)
    return " ".join(parts)
