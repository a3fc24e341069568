"""A workbook of the rows that were refused, to correct and upload again."""

import io
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from signer.errors import N_, Invalid
from signer.inventory import cells, identity
from signer.inventory.findings import Finding
from signer.inventory.roster import Column, Field, Table, TableRow, as_text
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


def error_workbook(
    table: Table, errors: Sequence[Finding], *, translate: _Translate = str
) -> bytes:
    """An XLSX with the header, the refused rows as they came, and what is wrong beside each.

    The bad cells are marked and carry the message as a comment. Every text is written as text,
    so a cell like "=HYPERLINK(…)" stays what somebody typed and never becomes a formula; numbers
    of identity are text too, so Excel cannot take their zeros again. The last column, which
    names the row of the first file, is not known to the import and is ignored on the way back.
    """
    output = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
    }
    book = xlsxwriter.Workbook(output, options)
    sheet = book.add_worksheet("Dòng lỗi")
    head = book.add_format({"bold": True, "text_wrap": True, "border": 1, "valign": "vcenter"})
    text = book.add_format({"num_format": "@"})
    bad = book.add_format({"num_format": "@", "bg_color": "#FBE3E4", "font_color": "#8A1F11"})
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    columns = sorted(table.columns.values(), key=lambda column: column.index)
    by_row: dict[int, list[Finding]] = defaultdict(list)
    for finding in errors:
        by_row[finding.row].append(finding)
    _write_header(sheet, columns, head, translate)
    written = 0
    for row in table.rows:
        if row.number in by_row:
            written += 1
            _write_row(sheet, written, row, columns, by_row[row.number], (text, bad), translate)
            remark = "\n".join(_sentence(f, translate) for f in by_row[row.number])
            sheet.write_string(written, len(columns), remark, wrapped)
            sheet.write_number(written, len(columns) + 1, row.number)
    sheet.freeze_panes(1, 0)
    book.close()
    return output.getvalue()


def _write_header(
    sheet: Worksheet, columns: Sequence[Column], head: Format, translate: _Translate
) -> None:
    for place, column in enumerate(columns):
        sheet.set_column(place, place, _WIDTHS.get(column.field, 16))
        sheet.write_string(0, place, _HEADINGS[column.field], head)
    sheet.set_column(len(columns), len(columns), _REMARK_WIDTH)
    sheet.write_string(0, len(columns), translate(N_("Lỗi cần sửa")), head)
    sheet.write_string(0, len(columns) + 1, translate(N_("Dòng trong tệp gốc")), head)


def _write_row(
    sheet: Worksheet,
    place: int,
    row: TableRow,
    columns: Sequence[Column],
    findings: Sequence[Finding],
    formats: tuple[Format, Format],
    translate: _Translate,
) -> None:
    plain, bad = formats
    wrong: Mapping[str, Finding] = {finding.column: finding for finding in findings}
    for index, column in enumerate(columns):
        finding = wrong.get(column.letter)
        sheet.write_string(
            place,
            index,
            _typed(column.field, row.cells.get(column.field)),
            bad if finding else plain,
        )
        if finding is not None:
            sheet.write_comment(place, index, _sentence(finding, translate))


def _typed(field: Field, cell: Cell) -> str:
    """The cell as text that the import reads back as the same thing."""
    if field in _DATES and isinstance(cell, int | float | date):
        try:
            return cells.date_of(cell).day.strftime("%d/%m/%Y")
        except Invalid:
            return as_text(cell)
    if field is Field.ID_NUMBER and isinstance(cell, int | float):
        try:
            return identity.id_number_of(cell).value
        except Invalid:
            return as_text(cell)
    if isinstance(cell, str):
        return cell[:32_000]  # as it came, marks included; a cell of Excel holds 32,767 characters
    return as_text(cell)


def _sentence(finding: Finding, translate: _Translate) -> str:
    parts = [translate(finding.sentence) % finding.values]
    if finding.hint_sentence:
        parts.append(translate(finding.hint_sentence) % finding.values)
    return " ".join(parts)


_HEADINGS: dict[Field, str] = {
    Field.NUMBER: "STT",
    Field.CODE: "Mã CB",
    Field.FULL_NAME: "Họ và tên",
    Field.FAMILY_NAME: "Họ và tên đệm",
    Field.GIVEN_NAME: "Tên",
    Field.BIRTH_DATE: "Ngày sinh",
    Field.BIRTH_DATE_MALE: "Ngày sinh nam",
    Field.BIRTH_DATE_FEMALE: "Ngày sinh nữ",
    Field.SEX: "Giới tính",
    Field.ID_NUMBER: "Số định danh cá nhân",
    Field.ID_ISSUED_ON: "Ngày cấp",
    Field.ID_ISSUED_BY: "Nơi cấp",
    Field.KIND: "Loại",
    Field.UNIT: "Đơn vị",
    Field.DIVISION: "Phòng",
    Field.TITLE: "Chức vụ",
    Field.EMAIL: "Thư điện tử công vụ",
    Field.MOBILE: "Số điện thoại di động",
    Field.STATE: "Trạng thái công tác",
    Field.STATE_SINCE: "Từ ngày",
}
"""Headings that the import knows again, whatever the first file called them."""
