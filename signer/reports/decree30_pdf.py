"""A paper of Decree 30 as PDF: the same bytes for the same paper."""

import io
from collections.abc import Callable

from reportlab.lib.colors import black
from reportlab.lib.enums import TA_JUSTIFY
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    HRFlowable,
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
from signer.reports.decree30 import Heading, NameBlock, Paper
from signer.reports.typesetting import centred, paragraph, register_fonts, width_of

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
    story: list[Flowable] = [_head(paper), Spacer(1, 5 * mm)]
    if paper.kind:  # an official letter has none: its subject stands below the number
        story += [
            centred(paper.kind.upper(), "Serif-Bold", layout.KIND_PT),
            centred(paper.subject, "Serif-Bold", layout.KIND_PT),
            _rule(_part_of(paper.subject.splitlines()[-1], "Serif-Bold", layout.KIND_PT)),
            Spacer(1, 3 * mm),
        ]
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


def _head(paper: Paper) -> Table:
    """Cells 1 to 4: issuer and number on the left, the state, place and day on the right."""
    issuer = layout.over_two_lines(paper.issuer)
    parent = layout.over_two_lines(paper.parent) if paper.parent else []
    left = [
        *(centred(text, "Serif", layout.BODY_NAME_PT) for text in parent),
        *(centred(text, "Serif-Bold", layout.BODY_NAME_PT) for text in issuer),
        _rule(_part_of(issuer[-1], "Serif-Bold", layout.BODY_NAME_PT)),
        centred(layout.number_line(paper.number, paper.symbol), "Serif", layout.NUMBER_PT),
    ]
    if not paper.kind:
        left.append(centred(paper.subject, "Serif", 12))
    right = [
        centred(layout.STATE, "Serif-Bold", layout.STATE_PT),
        centred(layout.MOTTO, "Serif-Bold", layout.MOTTO_PT),
        _rule(width_of(layout.MOTTO, "Serif-Bold", layout.MOTTO_PT)),
        centred(f"{paper.place}, {layout.day_words(paper.day)}", "Serif-Italic", layout.DATE_PT),
    ]
    return _columns(left, right, layout.HEAD_MM)


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
    recipients: list[Flowable] = [
        paragraph("Nơi nhận:", "Serif-BoldItalic", layout.RECIPIENTS_PT),
        *(paragraph(f"- {line}", "Serif", layout.RECIPIENT_PT) for line in paper.recipients),
    ]
    if len(paper.blocks) == 1:
        signing: list[Flowable] = [_signing_places(paper.blocks, layout.CLOSING_MM[1:])]
        return [_columns(recipients, signing, layout.CLOSING_MM)]
    half = sum(layout.CLOSING_MM) / 2
    return [_signing_places(paper.blocks, (half, half)), Spacer(1, 4 * mm), *recipients]


def _signing_places(blocks: tuple[NameBlock, ...], widths_mm: tuple[float, ...]) -> Table:
    """Titles in one row, names in another, so that names stand level and room is left between."""
    titles = [
        [
            centred(text.upper(), "Serif-Bold", layout.TITLE_PT)
            for text in (b.authority, b.title)
            if text
        ]
        for b in blocks
    ]
    names = [centred(block.name, "Serif-Bold", layout.NAME_PT) for block in blocks]
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
    table = Table([[left, right]], colWidths=[width * mm for width in widths_mm])
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


def _part_of(text: str, font: str, size: float) -> float:
    """A line as long as a third to a half of the text above it (II.2, II.5), 22 to 60 mm here."""
    return float(min(max(width_of(text, font, size) * 0.4, 22 * mm), 60 * mm))


def _rule(length: float) -> HRFlowable:
    return HRFlowable(width=length, thickness=0.7, color=black, spaceBefore=2, spaceAfter=3)
