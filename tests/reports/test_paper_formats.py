"""Four formats, one set of figures; and what the .docx, .xlsx and .csv promise beside it."""

import csv
import re
import subprocess
import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from io import BytesIO, StringIO

import openpyxl
import pytest
from docx import Document
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Pt

from signer.inventory.kinds import UnitKind
from signer.reports.appendix import AppendixFigures, AppendixRow
from signer.reports.columns import COLUMNS, Sort
from signer.reports.decree30 import Paper
from signer.reports.decree30_docx import paper_docx
from signer.reports.decree30_pdf import paper_pdf
from signer.reports.report_text import paper_of
from signer.reports.tables import appendix_csv, appendix_xlsx
from tests.reports.appendices import (
    NOVEMBER,
    ROWS,
    a_row,
    appendix_of,
    figures,
    paper,
    text_of,
)

NUMBERS = [column for column in COLUMNS if column.sort is not Sort.TEXT]


def expected(row: AppendixFigures) -> list[str]:
    """The figures of a row as paper writes them, worked out here by plain arithmetic."""
    lacking = row.persons - row.covered - row.pending

    def rate(part: int, whole: int) -> str:
        if not whole:
            return "–"
        percent = Decimal(part * 1000 * 2 + whole) // (whole * 2)  # half-up, in tenths
        return (
            "99,9" if percent == 1000 and part < whole else f"{percent / 10:.1f}".replace(".", ",")
        )

    counts = [
        *(row.total, row.cadres, row.civil_servants, row.public_employees, row.workers),
        *(row.persons, row.covered, row.token, row.sim_pki, row.central, row.other_carrier),
        *(row.pending, lacking, rate(row.covered, row.persons), row.expiring, row.must_revoke),
        *(row.signed_persons, row.signed_times, rate(row.signed_persons, row.covered)),
    ]
    return [c if isinstance(c, str) else f"{c:,}".replace(",", ".") for c in counts]


def from_docx(made: Paper) -> dict[str, list[str]]:
    table = Document(BytesIO(paper_docx(made))).tables[-1]
    rows = [[cell.text for cell in row.cells] for row in table.rows[2:]]
    return {row[1]: row[2:-1] for row in rows if row[2]}


def from_xlsx(made: Paper) -> dict[str, list[str]]:
    sheet = openpyxl.load_workbook(BytesIO(appendix_xlsx(made.appendix))).active
    found = {}
    for row in sheet.iter_rows(min_row=6, max_col=len(COLUMNS)):
        if row[2].value not in (None, ""):
            found[row[1].value] = [_written(cell) for cell in row[2:-1]]
    return found


def _written(cell) -> str:
    if isinstance(cell.value, str):
        return cell.value
    text = f"{cell.value:,.1f}" if cell.number_format == "0.0" else f"{cell.value:,}"
    return text.translate(str.maketrans(",.", ".,"))


def from_csv(made: Paper) -> dict[str, list[str]]:
    read = csv.reader(StringIO(appendix_csv(made.appendix).decode("utf-8-sig")))
    next(read)
    return {row[2]: [_grouped(cell) for cell in row[3:-1]] for row in read}


def _grouped(cell: str) -> str:
    return f"{int(cell):,}".replace(",", ".") if cell.isdigit() else cell


def from_pdf(made: Paper) -> dict[str, list[str]]:
    """By poppler, a second reader: names and figures of a row stand on one line of text."""
    read = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=paper_pdf(made), capture_output=True, check=True
    )
    text = unicodedata.normalize("NFC", read.stdout.decode())
    found = {}
    for line in text[text.index("PHỤ LỤC") :].splitlines():
        number = r"(?:[\d.]+(?:,\d)?|–)"
        if match := re.match(rf"\s*(?:[\d.]+\s+)?(\D.*?)((?:\s+{number}){{19}})\s*$", line):
            found[match[1].strip()] = match[2].split()
    return found


@pytest.mark.parametrize("read", [from_docx, from_xlsx, from_csv, from_pdf])
def test_every_format_has_the_figures_of_the_snapshot(read):
    """R57, R58: the same figures, whatever file they are read from."""
    made = paper()
    wanted = {row.name: expected(row) for row in ROWS}
    wanted["Tổng cộng"] = expected(appendix_of(*ROWS).total)
    assert read(made) == wanted


def test_2499_of_2500_is_not_everybody_in_any_format():
    """R54: 99,96 % is never shown as 100 %."""
    made = paper(a_row("Phường Ba Đình", UnitKind.WARD, **figures(2502, 2499)))
    for read in (from_docx, from_xlsx, from_csv, from_pdf):
        assert read(made)["Phường Ba Đình"][13] == "99,9"


HOSTILE = ["=1+1", "+84", "-5", "@cmd", "=HYPERLINK(1)", "\t=1", "＝1", "'=1", "<w:t>", "&amp;"]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_a_formula_or_markup(text):
    """In a name and in a remark, in every format."""
    row = AppendixRow(code=text, name=text, kind=UnitKind.WARD, **figures(12, 3))
    made = paper(row, remarks={text: text})
    sheet = openpyxl.load_workbook(BytesIO(appendix_xlsx(made.appendix))).active
    cells = [sheet.cell(6, 2), sheet.cell(6, len(COLUMNS))]
    assert [(cell.value, cell.data_type, cell.hyperlink) for cell in cells] == [
        (text, "s", None)
    ] * 2
    read = list(csv.reader(StringIO(appendix_csv(made.appendix).decode("utf-8-sig"))))[1]
    for cell in (read[0], read[2], read[-1]):
        assert cell.removeprefix("'") == text.removeprefix("'")
        assert cell[0] not in "=+-@\t\r＝＋－＠"
    document = Document(BytesIO(paper_docx(made)))
    assert document.tables[-1].rows[2].cells[-1].text == text


@pytest.mark.parametrize(
    "words",
    [
        {"issuer": "W" * 200, "parent": "W" * 200},
        {"recipients": ("UBND phường Ba Đình;",) * 100},
        {"remarks": {"XÃỨNGHÒA": "W" * 1000, "XÃCHUYÊNMỸ": "chờ sắp xếp " * 83}},
        {"sections": ("x" * 20_000, "xã\n" * 5_000, "", "", "")},
        {"sections": ("dòng một\x0bdòng hai\x0c\x01\ufffe", "", "", "", "")},
        {"remarks": {"XÃỨNGHÒA": "a\x0bb\x01\nc"}, "recipients": ("\x02UBND;",)},
        {"number": "\x03", "name": "\x04", "title": "\x05", "place": "\x06", "symbol": "\x07"},
    ],
    ids=lambda words: "-".join(words),
)
def test_whatever_may_be_frozen_can_be_drawn(words):
    """A frozen report stays for ever: what passes the check is a file in every format."""
    appendix = appendix_of(*ROWS)
    text = text_of(appendix, **words).checked()
    made = paper_of(text, NOVEMBER, appendix, own_ca_counts=True)
    for read in (from_docx, from_xlsx, from_csv):
        assert read(made)["Xã Ứng Hòa"][0] == "75"
    assert paper_pdf(made).startswith(b"%PDF-")


def test_the_workbook_is_the_same_file_for_the_same_report():
    assert appendix_xlsx(paper().appendix) == appendix_xlsx(paper().appendix)


def test_the_text_file_begins_with_the_mark_that_excel_needs():
    content = appendix_csv(paper().appendix)
    assert content.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in content


def runs(paragraphs: Iterable) -> dict[str, object]:
    return {p.text: p.runs[0].font for p in paragraphs if p.runs}


def test_the_text_document_has_the_decrees_margins_fonts_and_cells():
    """Appendix I, I.2 and II, as word processors read them."""
    document = Document(BytesIO(paper_docx(paper())))
    upright, across = document.sections
    assert [round(side.mm) for side in (upright.page_width, upright.page_height)] == [210, 297]
    assert across.orientation is WD_ORIENT.LANDSCAPE
    for section in (upright, across):
        assert 20 <= section.top_margin.mm <= 25
        assert 20 <= section.bottom_margin.mm <= 25
        assert 30 <= round(section.left_margin.mm, 1) <= 35
        assert 15 <= round(section.right_margin.mm, 1) <= 20
    assert document.styles["Normal"].font.name == "Times New Roman"
    issuer, state = document.tables[0].rows[0].cells
    left, right = runs(issuer.paragraphs), runs(state.paragraphs)
    assert left["THÀNH PHỐ HÀ NỘI"].bold
    assert left["Số: 05/BC-UBND"].size == Pt(13)
    assert right["CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"].size == Pt(12)
    assert right["Độc lập - Tự do - Hạnh phúc"].size == Pt(13)
    assert right["Hà Nội, ngày 05 tháng 02 năm 2026"].italic
    body = next(p for p in document.paragraphs if p.text.startswith("Thực hiện Nghị định"))
    assert body.alignment is WD_ALIGN_PARAGRAPH.JUSTIFY
    assert 10 <= round(body.paragraph_format.first_line_indent.mm, 1) <= 12.7
    assert body.paragraph_format.space_after >= Pt(6)
    assert body.runs[0].font.size == Pt(14)
    recipients, signing = document.tables[1].rows[0].cells
    assert runs(recipients.paragraphs)["Nơi nhận:"].size == Pt(12)
    assert runs(recipients.paragraphs)["- Lưu: VT."].size == Pt(11)
    assert [p.text for p in signing.paragraphs] == [
        "TM. ỦY BAN NHÂN DÂN",
        "CHỦ TỊCH",
        "Nguyễn Thị Ánh",
    ]


def test_the_text_document_numbers_pages_from_the_second_on_and_repeats_the_header():
    document = Document(BytesIO(paper_docx(paper())))
    first = document.sections[0]
    assert first.different_first_page_header_footer
    assert not first.first_page_header.paragraphs[0].runs
    number = first.header.paragraphs[0]
    assert number.alignment is WD_ALIGN_PARAGRAPH.CENTER
    assert [e.text for e in number._p.iter(qn("w:instrText"))] == ["PAGE"]
    rows = document.tables[-1].rows
    assert [bool(row._tr.findall(".//" + qn("w:tblHeader"))) for row in rows][:3] == [
        True,
        True,
        False,
    ]


def test_figures_that_do_not_add_up_are_refused():
    good = figures(12, 3)
    for change in ({"token": 9}, {"pending": 99}, {"covered": 99}, {"workers": 1}, {"total": -1}):
        with pytest.raises(ValueError, match="do not add up"):
            AppendixFigures(**(good | change))
