"""Coverage as a workbook that opens in any office suite and prints on A4."""

from datetime import UTC, datetime
from io import BytesIO

import xlsxwriter

from signer.errors import N_
from signer.reports.coverage import Coverage, Figures
from signer.reports.wording import Say, date_text, in_vietnamese

_HEADINGS = (
    N_("STT"),
    N_("Mã đơn vị"),
    N_("Cơ quan, đơn vị"),
    N_("Tổng số người"),
    N_("Đã được cấp"),
    N_("Đang chờ cấp"),
    N_("Chưa được cấp"),
    N_("Tỷ lệ (%)"),
)
_WIDTHS = (6, 14, 56, 12, 12, 12, 12, 10)
_HEAD_ROW = 4


def coverage_xlsx(coverage: Coverage, *, say: Say = in_vietnamese) -> bytes:
    """The workbook: title, day, one row per unit in the order given, the total last.

    Every text is a text: a unit called `=1+1` is written as those four characters, never as
    a formula.
    """
    target = BytesIO()
    book = empty_book(target)
    _write(book, coverage, say)
    book.close()
    return target.getvalue()


def empty_book(target: BytesIO) -> xlsxwriter.Workbook:
    """A workbook that is written to `target` and makes nothing of a text but a text.

    The same content gives the same bytes: no moment of its making is in it.
    """
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    book = xlsxwriter.Workbook(target, options)
    book.set_properties({"created": datetime(2000, 1, 1, tzinfo=UTC)})
    return book


def _write(book: xlsxwriter.Workbook, coverage: Coverage, say: Say) -> None:
    font = {"font_name": "Times New Roman", "font_size": 12}  # Decree 30/2020, appendix I
    boxed = font | {"border": 1, "valign": "vcenter"}
    title = book.add_format(font | {"bold": True, "font_size": 14})
    plain = book.add_format(font)
    head = book.add_format(boxed | {"bold": True, "align": "center", "text_wrap": True})
    looks = {
        False: Look(book, boxed),
        True: Look(book, boxed | {"bold": True}),
    }
    sheet = book.add_worksheet(say(N_("Tỷ lệ bao phủ")))
    for column, width in enumerate(_WIDTHS):
        sheet.set_column(column, column, width)
    sheet.write_string(0, 0, say(N_("Kết quả cấp chứng thư chữ ký số cho cá nhân")), title)
    sheet.write_string(
        1, 0, say(N_("Số liệu đến ngày %(day)s"), day=date_text(coverage.as_of)), plain
    )
    if coverage.name is not None:
        sheet.write_string(2, 0, say(N_("Phạm vi: %(name)s"), name=coverage.name), plain)
    for column, heading in enumerate(_HEADINGS):
        sheet.write_string(_HEAD_ROW, column, say(heading), head)
    row = _HEAD_ROW + 1
    for number, unit in enumerate(coverage.units, start=1):
        _line(sheet, row, looks[False], str(number), unit.code, unit.name, unit)
        row += 1
    if coverage.direct.persons:
        name = say(N_("Trực tiếp tại %(name)s"), name=coverage.name or "")
        _line(sheet, row, looks[False], "", coverage.code or "", name, coverage.direct)
        row += 1
    _line(sheet, row, looks[True], "", "", say(N_("Tổng cộng")), coverage)
    last = (row, len(_WIDTHS) - 1)
    lay_out(sheet, head_rows=(_HEAD_ROW, _HEAD_ROW), last=last, frozen=3)


class Look:
    """The three cell formats of one kind of row."""

    def __init__(self, book: xlsxwriter.Workbook, base: dict[str, object]) -> None:
        self.text = book.add_format(base | {"text_wrap": True})
        self.count = book.add_format(base | {"num_format": "#,##0"})
        self.rate = book.add_format(base | {"num_format": "0.0"})


def _line(
    sheet: xlsxwriter.worksheet.Worksheet,
    row: int,
    look: Look,
    number: str,
    code: str,
    name: str,
    figures: Figures,
) -> None:
    for column, text in enumerate((number, code, name)):
        sheet.write_string(row, column, text, look.text)
    counts = (figures.persons, figures.covered, figures.pending, figures.lacking)
    for column, count in enumerate(counts, start=3):
        sheet.write_number(row, column, count, look.count)
    # The rate is written rounded: a spreadsheet would round 99.96 up to 100 by itself.
    if figures.rate is None:
        sheet.write_string(row, 7, "–", look.rate)
    else:
        sheet.write_number(row, 7, float(figures.rate), look.rate)


def lay_out(
    sheet: xlsxwriter.worksheet.Worksheet,
    *,
    head_rows: tuple[int, int],
    last: tuple[int, int],
    frozen: int,
) -> None:
    """The sheet prints on A4 across, as wide as the page, its header rows on each."""
    sheet.freeze_panes(head_rows[1] + 1, frozen)
    sheet.repeat_rows(*head_rows)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.set_margins(left=1.18, right=0.59, top=0.79, bottom=0.79)  # inches: 30, 15, 20, 20 mm
    sheet.fit_to_pages(1, 0)
    sheet.print_area(0, 0, *last)
    sheet.set_footer("&C&P/&N")
