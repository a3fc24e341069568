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
from signer.reports.decree30 import Heading, Paper, TableAppendix
from signer.reports.typesetting import width_of

FONT = "Times New Roman"
_POINTS_A_MM = 72 / 25.4


def paper_docx(paper: Paper) -> bytes:
    """The paper as .docx; the appendix's table repeats its header on each page."""
    document = Document()
    _prepare(document, paper)
    _head(document, paper)
    if paper.kind:
        _line(document.add_paragraph(), paper.kind.upper(), layout.KIND_PT, bold=True, before=12)
        _line(document.add_paragraph(), paper.subject, layout.KIND_PT, bold=True)
        _rule(document.add_paragraph(), 60, _text_mm())
    for part in paper.body:
        _body(document.add_paragraph(), part)
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


def _head(document: DocumentFile, paper: Paper) -> None:
    """Cells 1 to 4 in a table without lines."""
    left, right = _columns(document, layout.HEAD_MM)
    issuer = layout.over_two_lines(paper.issuer)
    names = [(text, False) for text in layout.over_two_lines(paper.parent) if text]
    for text, bold in names + [(text, True) for text in issuer]:
        _line(_next(left), text, layout.BODY_NAME_PT, bold=bold)
    _rule(_next(left), 24, layout.HEAD_MM[0])
    _line(_next(left), layout.number_line(paper.number, paper.symbol), layout.NUMBER_PT)
    if not paper.kind:
        _line(_next(left), paper.subject, 12)
    _line(_next(right), layout.STATE, layout.STATE_PT, bold=True)
    _line(_next(right), layout.MOTTO, layout.MOTTO_PT, bold=True)
    motto_mm = width_of(layout.MOTTO, "Serif-Bold", layout.MOTTO_PT) / _POINTS_A_MM
    _rule(_next(right), motto_mm, layout.HEAD_MM[1])
    placed = f"{paper.place}, {layout.day_words(paper.day)}"
    _line(_next(right), placed, layout.DATE_PT, italic=True)


def _body(paragraph: Paragraph, part: str | Heading) -> None:
    """Cell 6: justified, the first line indented."""
    is_heading = isinstance(part, Heading)
    text = part.text if isinstance(part, Heading) else part
    _line(paragraph, text, layout.TEXT_PT, bold=is_heading, alignment=ALIGN.JUSTIFY)
    shape = paragraph.paragraph_format
    shape.first_line_indent = Mm(layout.INDENT_MM)
    shape.space_after = Pt(layout.PARAGRAPH_PT)
    shape.line_spacing = 1.1
    shape.keep_with_next = is_heading


def _closing(document: DocumentFile, paper: Paper) -> None:
    """Cell 9b on the left, cells 7a to 7c on the right."""
    document.add_paragraph()
    left, right = _columns(document, layout.CLOSING_MM)
    _line(
        _next(left),
        "Nơi nhận:",
        layout.RECIPIENTS_PT,
        bold=True,
        italic=True,
        alignment=ALIGN.LEFT,
    )
    for recipient in paper.recipients:
        _line(_next(left), f"- {recipient}", layout.RECIPIENT_PT, alignment=ALIGN.LEFT)
    for block in paper.blocks:
        for title in filter(None, (block.authority, block.title)):
            _line(_next(right), title.upper(), layout.TITLE_PT, bold=True)
        name = _next(right)
        _line(name, block.name, layout.NAME_PT, bold=True)
        name.paragraph_format.space_before = Mm(layout.SIGNATURE_MM)


def _appendix(document: DocumentFile, appendix: TableAppendix) -> None:
    _line(document.add_paragraph(), "PHỤ LỤC", 14, bold=True)
    _line(document.add_paragraph(), appendix.title.upper(), 13, bold=True)
    _line(document.add_paragraph(), appendix.caption, 13, italic=True)
    table = document.add_table(rows=2, cols=len(COLUMNS))
    table.style = "Table Grid"
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    texts = [line.texts() for line in appendix.lines]
    size, widths = fitted(texts, _text_mm(across=True) * _POINTS_A_MM)
    _set_widths(table, widths)
    _header(table, size - 1)
    for line, cells in zip(appendix.lines, texts, strict=True):
        table._tbl.append(_row(line, cells, size))
    for note in appendix.notes:
        _line(document.add_paragraph(), note, 10, italic=True, alignment=ALIGN.LEFT)


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
        _line(merged.paragraphs[0], span.heading, size, bold=True)
        for index in span.below:
            _line(lower[index].paragraphs[0], COLUMNS[index].heading, size, bold=True)
    for row in table.rows:
        row._tr.get_or_add_trPr().append(_element("w:tblHeader"))


def _set_widths(table: Table, widths: Sequence[float]) -> None:
    table.autofit = False
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Pt(width)
    sides = (_element(side, w="40", type="dxa") for side in ("w:left", "w:right"))  # two points
    margins = _element("w:tblCellMar", *sides)
    table._tbl.tblPr.find(qn("w:tblLook")).addprevious(margins)


def _columns(document: DocumentFile, widths_mm: Sequence[float]) -> list[_Cell]:
    table = document.add_table(rows=1, cols=len(widths_mm))
    table.autofit = False
    for column, width in zip(table.columns, widths_mm, strict=True):
        column.width = Mm(width)
    for cell, width in zip(table.rows[0].cells, widths_mm, strict=True):
        cell.width = Mm(width)
    return list(table.rows[0].cells)


def _next(cell: _Cell) -> Paragraph:
    """The cell's first paragraph while it is empty, then another one."""
    first: Paragraph = cell.paragraphs[0]
    is_fresh = len(cell.paragraphs) == 1 and not first.text and first._p.pPr is None
    return first if is_fresh else cell.add_paragraph()


def _line(
    paragraph: Paragraph,
    text: str,
    size: float,
    *,
    bold: bool = False,
    italic: bool = False,
    alignment: ALIGN = ALIGN.CENTER,
    before: float = 0,
) -> None:
    run = paragraph.add_run(unicodedata.normalize("NFC", text))
    run.font.size, run.font.bold, run.font.italic = Pt(size), bold, italic
    paragraph.alignment = alignment
    paragraph.paragraph_format.space_before = Pt(before)


def _rule(paragraph: Paragraph, length_mm: float, room_mm: float) -> None:
    """A line in the middle: the upper border of a low paragraph that is indented on both sides."""
    line = _element("w:top", val="single", sz="6", space="1", color="000000")
    border = _element("w:pBdr", line)
    paragraph._p.get_or_add_pPr().append(border)  # before the indents: the schema has an order
    shape = paragraph.paragraph_format
    shape.left_indent = shape.right_indent = Mm(max(room_mm - length_mm, 0) / 2)
    shape.line_spacing = Pt(6)


def _text_mm(*, across: bool = False) -> float:
    return layout.PAGE_MM[across] - layout.LEFT_MM - layout.RIGHT_MM


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
