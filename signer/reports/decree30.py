"""An administrative paper in the layout of Decree 30/2020/NĐ-CP, Appendix I: what stands on it.

Values, lengths and sizes; `decree30_pdf` and `decree30_docx` draw them. Papers are Vietnamese,
whatever language their reader's pages are in.
"""

import re
from dataclasses import dataclass
from datetime import date

from signer.inventory.names import fold
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
class Print:
    """One line of a cell."""

    text: str
    size: float
    bold: bool = False
    italic: bool = False
    ruled: float = 0
    """How much of its width a line below it has: 1 all of it, a third to a half (II.2, II.5)."""


@dataclass(frozen=True, kw_only=True)
class NameBlock:
    """Where somebody signs (cells 7a-7c): the authority and title above, the name below."""

    authority: str
    title: str
    name: str

    def above(self) -> list[Print]:
        """What stands over the signature."""
        texts = filter(None, (self.authority, self.title))
        return [Print(text=text.upper(), size=TITLE_PT, bold=True) for text in texts]

    def below(self) -> Print:
        """What stands under it."""
        return Print(text=self.name, size=NAME_PT, bold=True)


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

    def above(self) -> list[Print]:
        """What stands over the table."""
        return [
            Print(text="PHỤ LỤC", size=14.0, bold=True),
            Print(text=self.title.upper(), size=13.0, bold=True),
            Print(text=self.caption, size=13.0, italic=True),
        ]

    def below(self) -> list[Print]:
        """What stands under it."""
        return [Print(text=note, size=10.0, italic=True) for note in self.notes]


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

    def head(self) -> tuple[list[Print], list[Print]]:
        """Cells 2 and 3 on the left, 1 and 4 on the right; an official letter's subject (5b)."""
        parent = over_two_lines(self.parent) if self.parent else []
        *issuer, last = over_two_lines(self.issuer)
        left = [
            *(Print(text=text, size=BODY_NAME_PT) for text in parent),
            *(Print(text=text, size=BODY_NAME_PT, bold=True) for text in issuer),
            Print(text=last, size=BODY_NAME_PT, bold=True, ruled=0.4),
            Print(text=number_line(self.number, self.symbol), size=NUMBER_PT),
        ]
        if not self.kind:
            left.append(Print(text=self.subject, size=12.0))
        right = [
            Print(text=STATE, size=STATE_PT, bold=True),
            Print(text=MOTTO, size=MOTTO_PT, bold=True, ruled=1),
            Print(text=f"{self.place}, {day_words(self.day)}", size=DATE_PT, italic=True),
        ]
        return left, right

    def title(self) -> list[Print]:
        """Cell 5a; an official letter has none."""
        if not self.kind:
            return []
        *lines, last = self.kind.upper(), *self.subject.splitlines()
        return [
            *(Print(text=line, size=KIND_PT, bold=True) for line in lines),
            Print(text=last, size=KIND_PT, bold=True, ruled=0.4),
        ]

    def sent_to(self) -> list[Print]:
        """Cell 9b."""
        return [
            Print(text="Nơi nhận:", size=RECIPIENTS_PT, bold=True, italic=True),
            *(Print(text=f"- {line}", size=RECIPIENT_PT) for line in self.recipients),
        ]


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
    words = body.upper().split(" ", 4)
    return [" ".join(words[:4]), words[4]] if is_committee(body) and words[4:] else [body.upper()]


def is_committee(body: str) -> bool:
    """A People's Committee has no body above it on paper (II.2); "Uỷ" is "Ủy" (domain.md 5.2)."""
    return fold(body).startswith("uy ban nhan dan")
