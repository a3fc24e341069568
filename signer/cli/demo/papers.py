"""Invented papers in the form of Decree 30/2020, Appendix I, as PDF with embedded letters."""

import io
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from reportlab.lib.colors import black
from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    Flowable,
    HRFlowable,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
)

from signer.errors import N_, ConfigError

_FONTS = Path("/usr/share/fonts/truetype/liberation2")
"""Debian's fonts-liberation2: the widths of Times New Roman and every Vietnamese letter.

The older fonts-liberation 1.07 of Debian 12 has no ộ, ư or ỷ: it draws boxes instead.
"""
_FONT_FILES = {
    "Serif": "LiberationSerif-Regular.ttf",
    "Serif-Bold": "LiberationSerif-Bold.ttf",
    "Serif-Italic": "LiberationSerif-Italic.ttf",
}
_SIGNATURE_SPACE = 26 * mm
"""Between title and name, where the signature goes (cell 7c of Appendix I)."""


@dataclass(frozen=True, kw_only=True)
class NameBlock:
    """Where somebody signs: the authority and title above, the name below."""

    authority: str
    title: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Paper:
    """What stands on an invented paper; two name blocks stand side by side, the later one right."""

    parent: str
    issuer: str
    symbol: str
    kind: str
    subject: str
    day: date
    body: tuple[str, ...]
    recipients: tuple[str, ...]
    blocks: tuple[NameBlock, ...]


def paper_pdf(paper: Paper) -> bytes:
    """The paper as a PDF file; the same bytes for the same paper."""
    _register_fonts()
    buffer = io.BytesIO()
    # Margins of Appendix I, I.2: top and bottom 20-25 mm, left 30-35 mm, right 15-20 mm.
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        topMargin=20 * mm,
        bottomMargin=20 * mm,
        leftMargin=30 * mm,
        rightMargin=15 * mm,
        title=paper.subject,
        author=paper.issuer,
        lang="vi-VN",
        invariant=True,
    )
    story: list[Flowable] = [_head(paper), Spacer(1, 5 * mm)]
    if paper.kind:  # an official letter has none: its subject stands below the number
        story += [_centred(paper.kind.upper(), 14), _centred(paper.subject, 14), Spacer(1, 4 * mm)]
    story += [Paragraph(text, _style("Serif", 13.5, body=True)) for text in paper.body]
    story += [Spacer(1, 5 * mm), KeepTogether(_closing(paper))]
    document.build(story, onFirstPage=_mark, onLaterPages=_mark)
    return buffer.getvalue()


@cache
def _register_fonts() -> None:
    for name, file in _FONT_FILES.items():
        if not (_FONTS / file).exists():
            raise ConfigError(N_("Thiếu phông chữ %(file)s (gói fonts-liberation2)."), file=file)
        pdfmetrics.registerFont(TTFont(name, _FONTS / file))
    pdfmetrics.registerFontFamily(
        "Serif", normal="Serif", bold="Serif-Bold", italic="Serif-Italic", boldItalic="Serif-Bold"
    )


def _head(paper: Paper) -> Table:
    left = [
        _line(_over_two_lines(paper.parent), "Serif", 12),
        _line(_over_two_lines(paper.issuer), "Serif-Bold", 12),
        _rule(22 * mm),
        _line(f"Số:&nbsp;&nbsp;&nbsp;&nbsp;&nbsp;&nbsp;&nbsp;&nbsp;/{paper.symbol}", "Serif", 13),
    ]
    if not paper.kind:
        left.append(_line(paper.subject, "Serif", 12))
    day, month = f"{paper.day.day:02d}", paper.day.month
    # "01" and "02", but "3": days below ten and the first two months carry a zero (I.4).
    written = f"{month:02d}" if month < 3 else str(month)
    right = [
        _line("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Serif-Bold", 12),
        _line("Độc lập - Tự do - Hạnh phúc", "Serif-Bold", 13),
        _rule(58 * mm),
        _line(f"Hà Nội, ngày {day} tháng {written} năm {paper.day.year}", "Serif-Italic", 13),
    ]
    return _columns(left, right, (68 * mm, 97 * mm))


def _closing(paper: Paper) -> list[Flowable]:
    recipients: list[Flowable] = [
        Paragraph("<b>Nơi nhận:</b>", _style("Serif-Italic", 12)),
        *(Paragraph(f"- {line}", _style("Serif", 11)) for line in paper.recipients),
    ]
    if len(paper.blocks) == 1:
        signing: list[Flowable] = [_signing_places(paper.blocks, (85 * mm,))]
        return [_columns(recipients, signing, (80 * mm, 85 * mm))]
    return [_signing_places(paper.blocks, (82 * mm, 83 * mm)), Spacer(1, 4 * mm), *recipients]


def _signing_places(blocks: tuple[NameBlock, ...], widths: tuple[float, ...]) -> Table:
    """Titles in one row, names in another, so that names stand level and room is left between."""
    titles = [
        [_line(text.upper(), "Serif-Bold", 13) for text in (b.authority, b.title) if text]
        for b in blocks
    ]
    names = [_line(block.name, "Serif-Bold", 13.5) for block in blocks]
    table = Table([titles, names], colWidths=widths)
    table.setStyle(
        [("VALIGN", (0, 0), (-1, -1), "TOP"), ("TOPPADDING", (0, 1), (-1, 1), _SIGNATURE_SPACE)]
    )
    return table


def _columns(left: list[Flowable], right: list[Flowable], widths: tuple[float, float]) -> Table:
    table = Table([[left, right]], colWidths=widths)
    table.setStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("ALIGN", (0, 0), (-1, -1), "CENTER"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ]
    )
    return table


def _over_two_lines(body: str) -> str:
    """The name of a body in capitals, broken where offices break it."""
    return body.upper().replace("ỦY BAN NHÂN DÂN ", "ỦY BAN NHÂN DÂN<br/>")


def _rule(length: float) -> HRFlowable:
    return HRFlowable(width=length, thickness=0.7, color=black, spaceBefore=2, spaceAfter=3)


def _line(text: str, font: str, size: float) -> Paragraph:
    return Paragraph(text, _style(font, size, centred=True))


def _centred(text: str, size: float) -> Paragraph:
    return _line(text, "Serif-Bold", size)


@cache
def _style(font: str, size: float, *, centred: bool = False, body: bool = False) -> ParagraphStyle:
    return ParagraphStyle(
        f"{font}-{size}-{centred}-{body}",
        fontName=font,
        fontSize=size,
        leading=size * 1.3,
        alignment=TA_CENTER if centred else TA_JUSTIFY if body else 0,
        firstLineIndent=10 * mm if body else 0,
        spaceAfter=6 if body else 0,
    )


def _mark(canvas: Canvas, document: SimpleDocTemplate) -> None:
    """Page number from page 2 on, and the words that keep anyone from taking this for real."""
    canvas.saveState()
    if document.page > 1:
        canvas.setFont("Serif", 13)
        canvas.drawCentredString(A4[0] / 2, A4[1] - 13 * mm, str(document.page))
    canvas.setFont("Serif-Italic", 9)
    canvas.setFillGray(0.35)
    canvas.drawCentredString(
        A4[0] / 2, 10 * mm, "Dữ liệu mẫu: người và việc trong văn bản này đều do phần mềm đặt ra."
    )
    canvas.restoreState()
