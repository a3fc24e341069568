"""The visible signature block: which lines, at which size, as which bytes of PDF.

Pure geometry and bytes: no PDF library is involved, so the block is the same for every document
and most of it (the embedded font) is prepared once per process.
"""

import io
import string
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import fontpkg_be_vietnam_pro as font_package
from fontTools import subset
from fontTools.ttLib import TTFont

from signer.clock import HANOI
from signer.errors import N_, Invalid

LARGEST_POINTS = 11.0
SMALLEST_POINTS = 4.5
"""Below this the marks of Vietnamese letters run together on a 300-dpi print."""

COMFORTABLE_POINTS = 6.5
"""Lines are not broken for the sake of letters larger than this."""

PADDING_POINTS = 3.0
BORDER_POINTS = 0.75
INK = "0.05 0.15 0.50"
"""Blue, as Decree 30/2020 Appendix I asks of the image of a personal signature."""
MARK_INK = "0.75 0.05 0.05"

VIETNAMESE = frozenset(
    unicodedata.normalize("NFC", letter + tone)
    for vowel in "aăâeêioôơuưy"
    for letter in (vowel, vowel.upper())
    for tone in ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
) | {"đ", "Đ"}
"""Every vowel with every tone, and đ: 146 letters, of which 134 are not plain ASCII."""

_ALWAYS = VIETNAMESE | set(string.ascii_letters + string.digits + string.punctuation + " –“”’")


@dataclass(frozen=True, kw_only=True)
class AppearanceText:
    """What the block says about the signer; the time is added when it is drawn."""

    name: str
    organisation: str = ""
    title: str = ""
    mark: str = ""
    """A warning drawn in red on top, such as that the certificate is for tests only (R16)."""


@dataclass(frozen=True, kw_only=True)
class EmbeddedFont:
    """A subset of the font as PDF streams; widths are in thousandths of the font size."""

    name: str
    program: bytes
    """TrueType, deflated; `program_length` bytes when inflated."""
    program_length: int
    to_unicode: bytes
    widths: tuple[int, ...]
    """By glyph number."""
    glyphs: dict[str, int]
    ascent: int
    descent: int
    bounding_box: tuple[int, int, int, int]

    def width(self, text: str, points: float) -> float:
        """How wide the text is, in points."""
        return sum(self.widths[self.glyphs[letter]] for letter in text) * points / 1000

    def encoded(self, text: str) -> bytes:
        """The text as a hexadecimal string of two-byte glyph numbers."""
        return b"<%s>" % "".join(f"{self.glyphs[letter]:04X}" for letter in text).encode()


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A content stream that fills the rectangle from (0, 0) to (width, height) points."""

    width: float
    height: float
    content: bytes
    font: EmbeddedFont
    points: float
    lines: tuple[str, ...]


def draw(text: AppearanceText, at: datetime, width: float, height: float) -> Drawing:
    """The block at the largest size that fits the box of that size.

    In a small box the title goes first, then the organisation; name and time always stay.
    `Invalid` when even these do not fit, or when the font lacks a letter.
    """
    paragraphs = _paragraphs(text, at)
    font = _font_for("".join(line for _, line, _ in paragraphs).replace("\u00a0", " "))
    room_x, room_y = width - 2 * PADDING_POINTS, height - 2 * PADDING_POINTS
    for dropped in (frozenset[str](), frozenset({"title"}), frozenset({"title", "organisation"})):
        kept = [(line, ink) for key, line, ink in paragraphs if key not in dropped]
        if found := _fit(kept, font, room_x, room_y):
            points, lines = found
            return Drawing(
                width=width,
                height=height,
                content=_content(lines, font, points, width, height),
                font=font,
                points=points,
                lines=tuple(line for line, _ in lines),
            )
    raise Invalid(N_("Khung chữ ký quá nhỏ: không đủ chỗ cho họ tên và thời gian ký."), field="box")


def _paragraphs(text: AppearanceText, at: datetime) -> list[tuple[str, str, str]]:
    """(key, sentence, ink) in the order of the VGCA family's blocks (domain.md 2.3)."""
    moment = at.astimezone(HANOI).strftime("%d.%m.%Y %H:%M:%S\u00a0+07:00")
    told = [
        ("mark", _clean(text.mark), MARK_INK),
        ("name", f"Ký bởi: {_clean(text.name)}", INK),
        ("title", f"Chức vụ: {_clean(text.title)}" if _clean(text.title) else "", INK),
        (
            "organisation",
            f"Cơ quan: {_clean(text.organisation)}" if _clean(text.organisation) else "",
            INK,
        ),
        ("time", f"Thời gian ký: {moment}", INK),
    ]
    if not _clean(text.name):
        raise Invalid(N_("Chữ ký hiển thị phải có họ tên người ký."), field="name")
    return [line for line in told if line[1]]


def _clean(text: str) -> str:
    """NFC, because the font has the precomposed letters only; white space becomes one blank."""
    return " ".join(unicodedata.normalize("NFC", text).split())


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """A paragraph taken apart: its words and their widths at one point of size."""

    words: tuple[str, ...]
    widths: tuple[float, ...]
    ink: str


def _fit(
    paragraphs: Sequence[tuple[str, str]], font: EmbeddedFont, room_x: float, room_y: float
) -> tuple[float, list[tuple[str, str]]] | None:
    """The size and the wrapped lines that read best in the room.

    Unbroken lines win while they are at least `COMFORTABLE_POINTS` high; otherwise the largest
    size that fits, in quarter points, lines broken at blanks.
    """
    leading = (font.ascent - font.descent) / 1000
    measured = [_measured(text, ink, font) for text, ink in paragraphs]
    blank = font.width(" ", 1)
    longest = max(sum(m.widths) + blank * (len(m.words) - 1) for m in measured)
    unbroken = min(LARGEST_POINTS, room_x / longest, room_y / (leading * len(measured)))
    if unbroken >= COMFORTABLE_POINTS:
        points = int(unbroken * 4) / 4
        return points, [(" ".join(m.words), m.ink) for m in measured]
    quarters = int(min(LARGEST_POINTS, room_y / (leading * len(measured))) * 4)
    for points in (quarter / 4 for quarter in range(quarters, int(SMALLEST_POINTS * 4) - 1, -1)):
        lines = _wrapped(measured, blank, room_x / points)
        if lines is not None and len(lines) * leading * points <= room_y:
            return points, lines
    return None


def _measured(text: str, ink: str, font: EmbeddedFont) -> _Measured:
    words = text.split(" ")
    return _Measured(
        words=tuple(word.replace("\u00a0", " ") for word in words),
        widths=tuple(font.width(word.replace("\u00a0", " "), 1) for word in words),
        ink=ink,
    )


def _wrapped(
    paragraphs: Sequence[_Measured], blank: float, room: float
) -> list[tuple[str, str]] | None:
    """Lines no wider than `room` (in ems), broken at blanks; `None` when one word is wider."""
    lines: list[tuple[str, str]] = []
    for paragraph in paragraphs:
        used = 0.0
        for index, (word, width) in enumerate(zip(paragraph.words, paragraph.widths, strict=True)):
            if width > room:
                return None
            if index and used + blank + width <= room:
                lines[-1] = (f"{lines[-1][0]} {word}", paragraph.ink)
                used += blank + width
            else:
                lines.append((word, paragraph.ink))
                used = width
    return lines


def _content(
    lines: Sequence[tuple[str, str]],
    font: EmbeddedFont,
    points: float,
    width: float,
    height: float,
) -> bytes:
    """Border and lines, the lines centred vertically; /F0 is the font's resource name."""
    leading = (font.ascent - font.descent) / 1000 * points
    top = height - (height - leading * len(lines)) / 2
    half = BORDER_POINTS / 2
    parts = [
        f"q {INK} RG {BORDER_POINTS} w {half:.3f} {half:.3f} "
        f"{width - BORDER_POINTS:.3f} {height - BORDER_POINTS:.3f} re S Q".encode(),
        b"BT",
        f"/F0 {points:g} Tf {PADDING_POINTS:g} {top - font.ascent / 1000 * points:.3f} Td".encode(),
        f"{leading:.3f} TL".encode(),
    ]
    for line, ink in lines:
        parts.append(f"{ink} rg ".encode() + font.encoded(line) + b" Tj T*")
    parts.append(b"ET")
    return b"\n".join(parts)


def _font_for(text: str) -> EmbeddedFont:
    return _embedded(frozenset(text) - _ALWAYS)


@lru_cache(maxsize=64)
def _embedded(extra: frozenset[str]) -> EmbeddedFont:
    """The font with the letters every block may need and these; takes about 30 ms."""
    source = font_package.ROOT / "files" / "BeVietnamPro-Regular.ttf"
    with TTFont(source, lazy=True) as font:
        known = font.getBestCmap()
        letters = _ALWAYS | extra
        for letter in sorted(letters):
            if ord(letter) not in known or unicodedata.combining(letter):
                raise Invalid(
                    N_("Phông chữ của khung chữ ký không có ký tự “%(letter)s” (U+%(code)s)."),
                    letter=letter,
                    code=f"{ord(letter):04X}",
                )
        options = subset.Options(
            layout_features=[], hinting=False, glyph_names=False, notdef_outline=True, name_IDs=[]
        )
        options.drop_tables += ["GSUB", "GPOS", "GDEF", "OS/2", "name", "post", "gasp", "STAT"]
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=[ord(letter) for letter in letters])
        subsetter.subset(font)
        return _read_subset(font, letters)


def _read_subset(font: Any, letters: frozenset[str]) -> EmbeddedFont:  # fontTools is untyped
    # /Widths and the descriptor are in thousandths of the em, the font in its own units
    # (ISO 32000-1, 9.2.4 and 9.7.4.3): unscaled widths make text run out of its box.
    scale = 1000 / font["head"].unitsPerEm
    order = font.getGlyphOrder()
    number = {name: index for index, name in enumerate(order)}
    cmap = font.getBestCmap()
    glyphs = {letter: number[cmap[ord(letter)]] for letter in letters}
    head = font["head"]
    file = io.BytesIO()
    font.save(file)
    program = file.getvalue()
    return EmbeddedFont(
        name="SIGNER+BeVietnamPro-Regular",
        program=zlib.compress(program, 9),
        program_length=len(program),
        to_unicode=zlib.compress(_to_unicode(glyphs), 9),
        widths=tuple(round(font["hmtx"][name][0] * scale) for name in order),
        glyphs=glyphs,
        ascent=round(font["hhea"].ascent * scale),
        descent=round(font["hhea"].descent * scale),
        bounding_box=(
            round(head.xMin * scale),
            round(head.yMin * scale),
            round(head.xMax * scale),
            round(head.yMax * scale),
        ),
    )


def _to_unicode(glyphs: dict[str, int]) -> bytes:
    """The CMap that lets a reader, a search or a screen reader find the letters again."""
    pairs = [
        f"<{glyph:04X}> <{letter.encode('utf-16-be').hex().upper()}>"
        for letter, glyph in sorted(glyphs.items(), key=lambda item: item[1])
    ]
    blocks = []
    for start in range(0, len(pairs), 100):  # at most 100 entries a block (ISO 32000-1, 9.10.3)
        block = pairs[start : start + 100]
        blocks.append(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar")
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n"
        "1 begincodespacerange <0000> <FFFF> endcodespacerange\n"
        + "\n".join(blocks)
        + "\nendcmap CMapName currentdict /CMap defineresource pop end end\n"
    ).encode()
