"""An administrative paper in the layout of Decree 30/2020/NĐ-CP, Appendix I: what stands on it.

Values, lengths and sizes; `decree30_pdf` and `decree30_docx` draw them. Papers are Vietnamese,
whatever language their reader's pages are in.
"""

import re
from dataclasses import dataclass
from datetime import date

from signer.reports.columns import Line

# Appendix I, I.2: A4; margins top and bottom 20-25 mm, left 30-35 mm, right 15-20 mm.
PAGE_MM = (210.0, 297.0)
TOP_MM, BOTTOM_MM, LEFT_MM, RIGHT_MM = 20.0, 20.0, 30.0, 15.0
HEAD_MM = (68.0, 97.0)
"""The widths of cells 2-3 and of cells 1-4, side by side."""
CLOSING_MM = (80.0, 85.0)
"""The widths of cell 9b and of cells 7a-7c, side by side."""
SIGNATURE_MM = 26.0
"""Between title and name, where the signature goes (cell 7c)."""
INDENT_MM = 10.0
"""The first line of a paragraph (10-12,7 mm)."""

# Appendix I, II and IV: sizes in points, where a range is given the one that offices use.
STATE_PT, MOTTO_PT, BODY_NAME_PT, NUMBER_PT, DATE_PT = 12.0, 13.0, 12.0, 13.0, 13.0
KIND_PT, TEXT_PT, TITLE_PT, NAME_PT = 14.0, 14.0, 13.0, 14.0
RECIPIENTS_PT, RECIPIENT_PT, PAGE_NUMBER_PT = 12.0, 11.0, 13.0
PARAGRAPH_PT = 6.0

STATE = "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"
MOTTO = "Độc lập - Tự do - Hạnh phúc"


@dataclass(frozen=True, kw_only=True)
class NameBlock:
    """Where somebody signs (cells 7a-7c): the authority and title above, the name below."""

    authority: str
    title: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Heading:
    """A numbered part of the text: "I. TÌNH HÌNH THỰC HIỆN"."""

    text: str


@dataclass(frozen=True, kw_only=True)
class TableAppendix:
    """A table on pages of its own, across."""

    title: str
    caption: str
    """What it belongs to: number, day and issuer of the paper."""
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Paper:
    """What stands on a paper; two name blocks stand side by side, the later one right."""

    parent: str
    """The body above the issuer (cell 2); empty for a body that has none."""
    issuer: str
    symbol: str
    """What follows the slash of the number: BC-UBND."""
    kind: str
    """Empty for an official letter, whose subject stands below the number."""
    subject: str
    day: date | None
    """None: the day is written in by hand."""
    body: tuple[str | Heading, ...]
    recipients: tuple[str, ...]
    blocks: tuple[NameBlock, ...]
    number: str = ""
    place: str = "Hà Nội"
    appendix: TableAppendix | None = None


def number_line(number: str, symbol: str) -> str:
    """Cell 3: "Số: 05/BC-UBND"; below ten with a zero; without a number, room to write it in."""
    written = f"{int(number):02d}" if re.fullmatch("[0-9]{1,6}", number) else number
    return f"Số: {written or 8 * chr(0xA0)}/{symbol}"


def day_words(day: date | None) -> str:
    """ "ngày 05 tháng 02 năm 2026": days below ten and the first two months with a zero (I.4)."""
    if day is None:
        return "ngày      tháng      năm".replace("     ", 5 * chr(0xA0))
    month = f"{day.month:02d}" if day.month < 3 else str(day.month)
    return f"ngày {day.day:02d} tháng {month} năm {day.year}"


def over_two_lines(body: str) -> list[str]:
    """The name of a body in capitals, broken where offices break it."""
    first = "ỦY BAN NHÂN DÂN "
    name = body.upper()
    return [first.strip(), name.removeprefix(first)] if name.startswith(first) else [name]
