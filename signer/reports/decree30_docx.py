"""A paper of Decree 30 as a text document that an office can go on writing in."""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO

from docx import Document
from docx.document import Document as DocumentFile
from docx.enum.section import WD_ORIENT, WD_SECTION
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH as ALIGN
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.section import Section
from docx.shared import Mm, Pt
from docx.table import Table, _Cell
from docx.text.paragraph import Paragraph

from signer.reports import decree30 as layout
from signer.reports.appendix_pdf import fitted
from signer.reports.columns import COLUMNS, SPANS, Line, Sort
from signer.reports.decree30 import Heading, Paper, Print, TableAppendix
from signer.reports.typesetting import rule_of

FONT = "Times New Roman"
_POINTS_A_MM = 72 / 25.4


def paper_docx(paper: Paper) -> bytes:
    """The paper as .docx; the appendix's table repeats its header on each page."""
    document = Document()
    _prepare(document, paper)
    _cells(document, layout.HEAD_MM, paper.head())
    document.add_paragraph()
    for line in paper.title():
        _print(document, line, room_mm=sum(layout.HEAD_MM))
    for part in paper.body:
        _body(document, part)
    _closing(document, paper)
    if paper.appendix is not None:
        section = document.add_section(WD_SECTION.NEW_PAGE)
        _set_page(section, across=True)
        section.different_first_page_header_footer = False
        _appendix(document, paper.appendix)
    buffer = BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _prepare(document: DocumentFile, paper: Paper) -> None:
    """Font, language, margins, and the page's number from page 2 on."""
    normal = document.styles["Normal"]
    normal.font.name = FONT
    normal.font.size = Pt(layout.TEXT_PT)
    normal.paragraph_format.space_after = Pt(0)
    fonts = normal.element.get_or_add_rPr().get_or_add_rFonts()
    for script in ("w:eastAsia", "w:cs", "w:hAnsi"):
        fonts.set(qn(script), FONT)
    normal.element.get_or_add_rPr().append(_element("w:lang", val="vi-VN"))
    _set_page(document.sections[0], across=False)
    document.sections[0].different_first_page_header_footer = True
    header = document.sections[0].header.paragraphs[0]
    header.alignment = ALIGN.CENTER
    run = header.add_run()
    run.font.size = Pt(layout.PAGE_NUMBER_PT)
    for part in (
        _element("w:fldChar", fldCharType="begin"),
        _element("w:instrText", text="PAGE"),
        _element("w:fldChar", fldCharType="end"),
    ):
        run._r.append(part)
    properties = document.core_properties
    properties.title = " ".join(paper.subject.split())
    properties.author = paper.issuer
    properties.language = "vi-VN"
    properties.created = properties.modified = datetime(2000, 1, 1, tzinfo=UTC)  # as in the PDF


def _set_page(section: Section, *, across: bool) -> None:
    width, height = reversed(layout.PAGE_MM) if across else layout.PAGE_MM
    section.orientation = WD_ORIENT.LANDSCAPE if across else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = Mm(width), Mm(height)
    section.top_margin, section.bottom_margin = Mm(layout.TOP_MM), Mm(layout.BOTTOM_MM)
    section.left_margin, section.right_margin = Mm(layout.LEFT_MM), Mm(layout.RIGHT_MM)
    section.header_distance = Mm(10)


def _body(document: DocumentFile, part: str | Heading) -> None:
    """Cell 6: justified, the first line indented."""
    is_heading = isinstance(part, Heading)
    text = part.text if isinstance(part, Heading) else part
    line = Print(text=text, size=layout.TEXT_PT, bold=is_heading)
    shape = _print(document, line, ALIGN.JUSTIFY).paragraph_format
    shape.first_line_indent = Mm(layout.INDENT_MM)
    shape.space_after = Pt(layout.PARAGRAPH_PT)
    shape.line_spacing = 1.1
    shape.keep_with_next = is_heading


def _closing(document: DocumentFile, paper: Paper) -> None:
    """Cell 9b on the left, cells 7a to 7c on the right."""
    document.add_paragraph()
    _, right = _cells(document, layout.CLOSING_MM, (paper.sent_to(), []), ALIGN.LEFT)
    for block in paper.blocks:
        for line in block.above():
            _print(right, line)
        _print(right, block.below()).paragraph_format.space_before = Mm(layout.SIGNATURE_MM)


def _appendix(document: DocumentFile, appendix: TableAppendix) -> None:
    for line in appendix.above():
        _print(document, line)
    table = document.add_table(rows=2, cols=len(COLUMNS))
    table.style = "Table Grid"
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    texts = [line.texts() for line in appendix.lines]
    room_mm = layout.PAGE_MM[1] - layout.LEFT_MM - layout.RIGHT_MM
    size, widths = fitted(texts, room_mm * _POINTS_A_MM)
    _set_widths(table, widths)
    _header(table, size - 1)
    for row, cells in zip(appendix.lines, texts, strict=True):
        table._tbl.append(_row(row, cells, size))
    for note in appendix.below():
        _print(document, note, ALIGN.LEFT)


def _row(line: Line, cells: Sequence[str], size: float) -> BaseOxmlElement:
    """A row element by element: a city has thousands, and the library takes 11 ms for each."""
    is_strong = line.is_total or line.figures is None
    half_points = str(round(2 * (size - (1 if line.level else 0))))
    row = _element("w:tr", _element("w:trPr", _element("w:cantSplit")))
    for column, text in zip(COLUMNS, cells, strict=True):
        side = "left" if column.sort is Sort.TEXT else "right"
        look = _element("w:rPr", *((_element("w:b"),) if is_strong else ()))
        look.append(_element("w:sz", val=half_points))
        words = _element("w:t", text=unicodedata.normalize("NFC", text))
        mark = _element("w:rPr", _element("w:sz", val=half_points))  # else 14 points of height
        shape = _element("w:pPr", _element("w:jc", val=side), mark)
        row.append(_element("w:tc", _element("w:p", shape, _element("w:r", look, words))))
    return row


def _header(table: Table, size: float) -> None:
    """Two rows: groups above their columns; what has no group fills both."""
    upper, lower = (row.cells for row in table.rows)
    for span in SPANS:
        merged = upper[span.first].merge((upper if span.is_group else lower)[span.last])
        _print(merged, Print(text=span.heading, size=size, bold=True))
        for index in span.below:
            _print(lower[index], Print(text=COLUMNS[index].heading, size=size, bold=True))
    for row in table.rows:
        row._tr.get_or_add_trPr().append(_element("w:tblHeader"))


def _set_widths(table: Table, widths: Sequence[float]) -> None:
    table.autofit = False
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Pt(width)
    sides = (_element(side, w="40", type="dxa") for side in ("w:left", "w:right"))  # two points
    margins = _element("w:tblCellMar", *sides)
    table._tbl.tblPr.find(qn("w:tblLook")).addprevious(margins)


def _cells(
    document: DocumentFile,
    widths_mm: Sequence[float],
    contents: Sequence[Sequence[Print]],
    alignment: ALIGN = ALIGN.CENTER,
) -> list[_Cell]:
    """Cells side by side in a table without lines, each with its lines."""
    table = document.add_table(rows=1, cols=len(widths_mm))
    table.autofit = False
    cells = list(table.rows[0].cells)
    for column, cell, width, lines in zip(table.columns, cells, widths_mm, contents, strict=True):
        column.width = cell.width = Mm(width)
        for line in lines:
            _print(cell, line, alignment, room_mm=width)
    return cells


def _print(
    place: DocumentFile | _Cell,
    line: Print,
    alignment: ALIGN = ALIGN.CENTER,
    *,
    room_mm: float = 0,
) -> Paragraph:
    """The line's paragraph, in a cell the first one while that is empty; then its rule.

    A rule is the upper border of a low paragraph that is indented on both sides.
    """
    first = place.paragraphs[0] if isinstance(place, _Cell) else None
    is_fresh = first is not None and not first.text and first._p.pPr is None
    paragraph: Paragraph = first if first is not None and is_fresh else place.add_paragraph()
    run = paragraph.add_run(unicodedata.normalize("NFC", line.text))
    run.font.size, run.font.bold, run.font.italic = Pt(line.size), line.bold, line.italic
    paragraph.alignment = alignment
    paragraph.paragraph_format.space_before = Pt(0)
    if line.ruled:
        low = place.add_paragraph()
        top = _element("w:top", val="single", sz="6", space="1", color="000000")
        low._p.get_or_add_pPr().append(_element("w:pBdr", top))  # before the indents: an order
        shape = low.paragraph_format
        side = Pt(max(room_mm * _POINTS_A_MM - rule_of(line), 0) / 2)
        shape.left_indent, shape.right_indent, shape.line_spacing = side, side, Pt(6)
    return paragraph


def _element(
    tag: str, *parts: BaseOxmlElement, text: str = "", **attributes: str
) -> BaseOxmlElement:
    made = OxmlElement(tag)
    for name, value in attributes.items():
        made.set(qn(f"w:{name}"), value)
    made.extend(parts)
    if text:
        made.text = text
    return made
