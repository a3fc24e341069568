"""Letters and lines of PDF papers: an embedded font with the widths of Times New Roman."""

import unicodedata
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

from reportlab.lib.colors import black
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, HRFlowable, Paragraph

from signer.errors import N_, ConfigError
from signer.reports.decree30 import Print

FONTS = Path("/usr/share/fonts/truetype/liberation2")
"""Debian's fonts-liberation2: the widths of Times New Roman and every Vietnamese letter.

The older fonts-liberation 1.07 of Debian 12 has no ộ, ư or ỷ: it draws boxes instead.
"""
FONT_FILES = {
    "Serif": "LiberationSerif-Regular.ttf",
    "Serif-Bold": "LiberationSerif-Bold.ttf",
    "Serif-Italic": "LiberationSerif-Italic.ttf",
    "Serif-BoldItalic": "LiberationSerif-BoldItalic.ttf",
}
LEADING = 1.25
"""From line to line in sizes: 1.09 lines of this font, and Decree 30 asks for 1 to 1.5."""


@cache
def register_fonts() -> None:
    """reportlab knows the fonts by the names of `FONT_FILES` and embeds the letters used."""
    for name, file in FONT_FILES.items():
        if not (FONTS / file).exists():
            raise ConfigError(N_("Thiếu phông chữ %(file)s (gói fonts-liberation2)."), file=file)
        pdfmetrics.registerFont(TTFont(name, FONTS / file))


def paragraph(
    text: str,
    font: str,
    size: float,
    *,
    alignment: int = 0,
    indent: float = 0,
    after: float = 0,
    leading: float = LEADING,
    keep_with_next: bool = False,
) -> Paragraph:
    """The text as it is, never as markup; NFC, because marks that stand alone would be boxes."""
    look = ParagraphStyle(
        "paper",
        fontName=font,
        fontSize=size,
        leading=size * leading,
        alignment=alignment,
        firstLineIndent=indent,
        spaceAfter=after,
        keepWithNext=keep_with_next,
    )
    lines = escape(unicodedata.normalize("NFC", text)).splitlines()
    return Paragraph("<br/>".join(lines), look)


def printed(line: Print, *, alignment: int = TA_CENTER) -> list[Flowable]:
    """A line of a cell, with its rule."""
    shown = paragraph(line.text, font_of(line), line.size, alignment=alignment)
    if not line.ruled:
        return [shown]
    rule = HRFlowable(rule_of(line), thickness=0.7, color=black, spaceBefore=2, spaceAfter=3)
    return [shown, rule]


def font_of(line: Print) -> str:
    """One of `FONT_FILES`."""
    return "Serif" + ("-" + "Bold" * line.bold + "Italic" * line.italic).rstrip("-")


def rule_of(line: Print) -> float:
    """How long the rule below the line is, in points; a part of one has 22 to 60 mm here."""
    width = width_of(line.text, font_of(line), line.size) * line.ruled
    return width if line.ruled == 1 else min(max(width, 22 * mm), 60 * mm)


def width_of(text: str, font: str, size: float) -> float:
    """How wide the text is on one line, in points."""
    register_fonts()
    return float(pdfmetrics.stringWidth(unicodedata.normalize("NFC", text), font, size))
