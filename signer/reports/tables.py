"""Figures as workbooks that print on A4, and as a text file: the same ones as on paper."""

import csv
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO, StringIO

import xlsxwriter

from signer.errors import N_
from signer.inventory.spreadsheet_text import spreadsheet_text
from signer.reports.columns import COLUMNS, Cell, Column, Sort, spans_of, text_of
from signer.reports.coverage import Coverage, Figures
from signer.reports.decree30 import TableAppendix
from signer.reports.wording import Say, date_text, in_vietnamese

_WIDTHS = {"number": 6, "label": 44, "remark": 40, "code": 14}
_HEAD_ROW = 4
_FONT = {"font_name": "Times New Roman", "font_size": 12}  # Decree 30/2020, appendix I
_LOOKS: dict[str, dict[str, object]] = {
    "strong": {"bold": True},
    "plain": {},
    "small": {"font_size": 10},
}
_SHAPES: dict[Sort, dict[str, object]] = {
    Sort.TEXT: {"text_wrap": True},
    Sort.COUNT: {"num_format": "#,##0"},
    Sort.RATE: {"num_format": "0.0"},
}
_COVERAGE = (
    Column(key="number", heading=N_("STT"), sort=Sort.TEXT),
    Column(key="code", heading=N_("Mã đơn vị"), sort=Sort.TEXT),
    Column(key="label", heading=N_("Cơ quan, đơn vị"), sort=Sort.TEXT),
    Column(key="persons", heading=N_("Tổng số người")),
    Column(key="covered", heading=N_("Đã được cấp")),
    Column(key="pending", heading=N_("Đang chờ cấp")),
    Column(key="lacking", heading=N_("Chưa được cấp")),
    Column(key="rate", heading=N_("Tỷ lệ (%)"), sort=Sort.RATE),
)


Row = tuple[str, Sequence[Cell]]
"""How a row looks, one of `_LOOKS`, and its cells."""


def appendix_xlsx(appendix: TableAppendix) -> bytes:
    """The table as a workbook, one row a line of the paper."""
    rows: list[Row] = []
    for line in appendix.lines:
        is_strong = line.is_total or line.figures is None
        look = "strong" if is_strong else "small" if line.level else "plain"
        rows.append((look, [line.cell(column) for column in COLUMNS]))
    above = (appendix.title, appendix.caption)
    return _workbook("Phụ lục", above, COLUMNS, rows, notes=appendix.notes)


def coverage_xlsx(coverage: Coverage, *, say: Say = in_vietnamese) -> bytes:
    """The workbook: title, day, one row per unit in the order given, the total last."""
    above = [
        say(N_("Kết quả cấp chứng thư chữ ký số cho cá nhân")),
        say(N_("Số liệu đến ngày %(day)s"), day=date_text(coverage.as_of)),
    ]
    if coverage.name is not None:
        above.append(say(N_("Phạm vi: %(name)s"), name=coverage.name))

    def row(look: str, number: str, code: str, name: str, of: Figures) -> Row:
        return look, (number, code, name, of.persons, of.covered, of.pending, of.lacking, of.rate)

    rows = [row("plain", str(n), u.code, u.name, u) for n, u in enumerate(coverage.units, start=1)]
    if coverage.direct.persons:
        name = say(N_("Trực tiếp tại %(name)s"), name=coverage.name or "")
        rows.append(row("plain", "", coverage.code or "", name, coverage.direct))
    rows.append(row("strong", "", "", say(N_("Tổng cộng")), coverage))
    return _workbook(say(N_("Tỷ lệ bao phủ")), above, _COVERAGE, rows, say=say)


def appendix_csv(appendix: TableAppendix) -> bytes:
    """The table as text: UTF-8 with a mark at its beginning, so that Excel reads the letters.

    One row a unit with its code and level, without the headings of blocks; rates as on paper.
    Without the number on paper either: spreadsheets read 1.2 as the first of February.
    """
    target = StringIO()
    out = csv.writer(target, lineterminator="\r\n")
    columns = [column for column in COLUMNS if column.key != "number"]
    out.writerow(["Mã đơn vị", "Cấp", *(column.title() for column in columns)])
    for line in appendix.lines:
        if line.figures is None:
            continue
        level = "" if line.is_total else line.level + 1
        found = [(line.cell(column), column) for column in columns]
        cells = [c if isinstance(c, int) else text_of(c, column) for c, column in found]
        out.writerow(
            [
                spreadsheet_text(cell) if isinstance(cell, str) else cell
                for cell in (line.code, level, *cells)
            ]
        )
    return unicodedata.normalize("NFC", target.getvalue()).encode("utf-8-sig")


def _workbook(
    name: str,
    above: Sequence[str],
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    notes: Sequence[str] = (),
    say: Say = in_vietnamese,
) -> bytes:
    """One sheet: what stands above, the header in two rows, the rows, the notes.

    Numbers are numbers and every text a text, whatever it begins with. The same content gives the
    same bytes: no moment of its making is in it.
    """
    target = BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True})
    book.set_properties({"created": datetime(2000, 1, 1, tzinfo=UTC)})
    boxed = _FONT | {"border": 1, "valign": "vcenter"}
    italic = book.add_format(_FONT | {"italic": True})
    head = book.add_format(boxed | {"bold": True, "align": "center", "text_wrap": True})
    sheet = book.add_worksheet(name)
    sheet.write_string(0, 0, above[0], book.add_format(_FONT | {"bold": True, "font_size": 14}))
    for row, text in enumerate(above[1:], start=1):
        sheet.write_string(row, 0, text, italic)
    for span in spans_of(columns):
        under = _HEAD_ROW - 1 if span.is_group else _HEAD_ROW
        sheet.merge_range(_HEAD_ROW - 1, span.first, under, span.last, say(span.heading), head)
        for index in span.below:
            sheet.write_string(_HEAD_ROW, index, say(columns[index].heading), head)
    for index, column in enumerate(columns):
        sheet.set_column(index, index, _WIDTHS.get(column.key, 11))
    formats = {
        (look, sort): book.add_format(boxed | _LOOKS[look] | _SHAPES[sort])
        for look in _LOOKS
        for sort in Sort
    }
    for place, (look, cells) in enumerate(rows, _HEAD_ROW + 1):
        for index, (cell, column) in enumerate(zip(cells, columns, strict=True)):
            shape = formats[look, column.sort]
            if isinstance(cell, str) or cell is None:
                text = unicodedata.normalize("NFC", text_of(cell, column))
                sheet.write_string(place, index, text, shape)
            else:  # a rate is rounded already: a spreadsheet would make 100 of 99.96
                sheet.write_number(place, index, float(cell), shape)
    end = _HEAD_ROW + len(rows)
    for place, note in enumerate(notes, end + 2):
        sheet.write_string(place, 0, note, italic)
    sheet.freeze_panes(_HEAD_ROW + 1, [column.key for column in columns].index("label") + 1)
    sheet.repeat_rows(_HEAD_ROW - 1, _HEAD_ROW)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.set_margins(left=1.18, right=0.59, top=0.79, bottom=0.79)  # inches: 30, 15, 20, 20 mm
    sheet.fit_to_pages(1, 0)
    sheet.print_area(0, 0, end, len(columns) - 1)
    sheet.set_footer("&C&P/&N")
    book.close()
    return target.getvalue()
