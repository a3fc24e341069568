"""Letters and lines of PDF papers: an embedded font with the widths of Times New Roman."""

import unicodedata
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

from reportlab.lib.enums import TA_CENTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph

from signer.errors import N_, ConfigError

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
    lines = escape(unicodedata.normalize("NFC", text)).splitlines()
    look = _style(font, size, alignment, indent, after, size * leading, keep_with_next)
    return Paragraph("<br/>".join(lines), look)


def centred(text: str, font: str, size: float) -> Paragraph:
    """A line in the middle, or as many as it needs."""
    return paragraph(text, font, size, alignment=TA_CENTER)


def width_of(text: str, font: str, size: float) -> float:
    """How wide the text is on one line, in points."""
    register_fonts()
    return float(pdfmetrics.stringWidth(unicodedata.normalize("NFC", text), font, size))


@cache
def _style(
    font: str, size: float, alignment: int, indent: float, after: float, leading: float, keep: bool
) -> ParagraphStyle:
    return ParagraphStyle(
        "paper",
        fontName=font,
        fontSize=size,
        leading=leading,
        alignment=alignment,
        firstLineIndent=indent,
        spaceAfter=after,
        keepWithNext=keep,
    )
