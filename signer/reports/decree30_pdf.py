"""A paper of Decree 30 as PDF: the same bytes for the same paper."""

import io
from collections.abc import Callable, Iterable

from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY, TA_LEFT
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
)

from signer.reports import decree30 as layout
from signer.reports.appendix_pdf import appendix_story
from signer.reports.decree30 import Heading, NameBlock, Paper, Print
from signer.reports.typesetting import paragraph, printed, register_fonts

_NAMED = ("FONTNAME", (0, 0), (-1, -1), "Serif")
"""Tables and pages that name no font name Helvetica, which nobody embeds (R65)."""


def paper_pdf(paper: Paper, *, foot: str = "") -> bytes:
    """The paper as a PDF file; `foot` stands small and grey at the bottom of each page."""
    register_fonts()
    buffer = io.BytesIO()
    across = landscape(A4)
    document = BaseDocTemplate(
        buffer,
        title=" ".join(paper.subject.split()),
        author=paper.issuer,
        lang="vi-VN",
        invariant=True,
        initialFontName="Serif",
        pageTemplates=[_page("upright", A4, foot), _page("across", across, foot)],
    )
    left, right = (_cell(lines) for lines in paper.head())
    story: list[Flowable] = [_columns(left, right, layout.HEAD_MM), Spacer(1, 5 * mm)]
    if paper.kind:
        story += [*_cell(paper.title()), Spacer(1, 3 * mm)]
    story += [_body(part) for part in paper.body]
    story += [Spacer(1, 5 * mm), KeepTogether(_closing(paper))]
    if paper.appendix is not None:
        room = across[0] - (layout.LEFT_MM + layout.RIGHT_MM) * mm
        story += [NextPageTemplate("across"), PageBreak(), *appendix_story(paper.appendix, room)]
    document.build(story)
    return buffer.getvalue()


def _page(name: str, size: tuple[float, float], foot: str) -> PageTemplate:
    width, height = size
    frame = Frame(
        layout.LEFT_MM * mm,
        layout.BOTTOM_MM * mm,
        width - (layout.LEFT_MM + layout.RIGHT_MM) * mm,
        height - (layout.TOP_MM + layout.BOTTOM_MM) * mm,
        leftPadding=0,
        rightPadding=0,
        topPadding=0,
        bottomPadding=0,
    )
    return PageTemplate(id=name, frames=[frame], onPage=_marks(width, height, foot), pagesize=size)


def _marks(width: float, height: float, foot: str) -> Callable[[Canvas, BaseDocTemplate], None]:
    """The page's number from page 2 on, in the middle of the top margin (II.9), and the foot."""

    def draw(canvas: Canvas, document: BaseDocTemplate) -> None:
        canvas.saveState()
        if document.page > 1:
            canvas.setFont("Serif", layout.PAGE_NUMBER_PT)
            canvas.drawCentredString(width / 2, height - 13 * mm, str(document.page))
        if foot:
            canvas.setFont("Serif-Italic", 9)
            canvas.setFillGray(0.35)
            canvas.drawCentredString(width / 2, 10 * mm, foot)
        canvas.restoreState()

    return draw


def _cell(lines: Iterable[Print], alignment: int = TA_CENTER) -> list[Flowable]:
    return [flowable for line in lines for flowable in printed(line, alignment=alignment)]


def _body(part: str | Heading) -> Paragraph:
    """Cell 6: justified, the first line indented."""
    is_heading = isinstance(part, Heading)
    return paragraph(
        part.text if isinstance(part, Heading) else part,
        "Serif-Bold" if is_heading else "Serif",
        layout.TEXT_PT,
        alignment=TA_JUSTIFY,
        indent=layout.INDENT_MM * mm,
        after=layout.PARAGRAPH_PT,
        keep_with_next=is_heading,
    )


def _closing(paper: Paper) -> list[Flowable]:
    """Cell 9b on the left, cells 7a to 7c on the right."""
    recipients = _cell(paper.sent_to(), TA_LEFT)
    if len(paper.blocks) == 1:
        signing: list[Flowable] = [_signing_places(paper.blocks, layout.CLOSING_MM[1:])]
        return [_columns(recipients, signing, layout.CLOSING_MM)]
    half = sum(layout.CLOSING_MM) / 2
    return [_signing_places(paper.blocks, (half, half)), Spacer(1, 4 * mm), *recipients]


def _signing_places(blocks: tuple[NameBlock, ...], widths_mm: tuple[float, ...]) -> Table:
    """Titles in one row, names in another, so that names stand level and room is left between."""
    titles = [_cell(block.above()) for block in blocks]
    names = [_cell([block.below()]) for block in blocks]
    table = Table([titles, names], colWidths=[width * mm for width in widths_mm])
    table.setStyle(
        [
            _NAMED,
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("TOPPADDING", (0, 1), (-1, 1), layout.SIGNATURE_MM * mm),
        ]
    )
    return table


def _columns(left: list[Flowable], right: list[Flowable], widths_mm: tuple[float, float]) -> Table:
    # Many recipients go on on the next page; without this the paper could not be drawn at all.
    table = Table([[left, right]], colWidths=[width * mm for width in widths_mm], splitInRow=1)
    table.setStyle(
        [
            _NAMED,
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("ALIGN", (0, 0), (-1, -1), "CENTER"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ]
    )
    return table
