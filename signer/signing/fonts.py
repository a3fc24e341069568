"""The fonts of visible signatures, as subsets in the form PDF embeds.

A subset holds every Vietnamese letter and all of ASCII, so nearly every block has the very same
font program: a document gets it once, and the next signature finds it there.
"""

import io
import string
import unicodedata
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import fontpkg_be_vietnam_pro as font_package
from fontTools import subset
from fontTools.ttLib import TTFont

from signer.errors import N_, ConfigError, Invalid

VIETNAMESE = frozenset(
    unicodedata.normalize("NFC", letter + tone)
    for vowel in "aăâeêioôơuưy"
    for letter in (vowel, vowel.upper())
    for tone in ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
) | {"đ", "Đ"}
"""Every vowel with every tone, and đ: 146 letters, of which 134 are not plain ASCII."""

_ALWAYS = VIETNAMESE | set(string.ascii_letters + string.digits + string.punctuation + " –“”’")

FILES = {
    "sans": font_package.ROOT / "files" / "BeVietnamPro-Regular.ttf",
    "serif": Path("/usr/share/fonts/truetype/liberation2/LiberationSerif-Regular.ttf"),
}
"""Serif: Debian's fonts-liberation2, with the widths of Times New Roman (Decree 30/2020)."""


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
    cap_height: int
    flags: int
    """Of the font descriptor (ISO 32000-1, Table 123)."""

    def width(self, text: str, points: float) -> float:
        """How wide the text is, in points."""
        return sum(self.widths[self.glyphs[letter]] for letter in text) * points / 1000

    def encoded(self, text: str) -> bytes:
        """The text as a hexadecimal string of two-byte glyph numbers."""
        return b"<%s>" % "".join(f"{self.glyphs[letter]:04X}" for letter in text).encode()


def font_for(text: str, family: str) -> EmbeddedFont:
    """The font with all letters of the text; `Invalid` names the first letter it lacks."""
    return _embedded(family, frozenset(text) - _ALWAYS)


@lru_cache(maxsize=64)
def _embedded(family: str, extra: frozenset[str]) -> EmbeddedFont:
    """The font with the letters every block may need and these; takes about 30 ms."""
    source = FILES[family]
    if not source.is_file():
        raise ConfigError(N_("Thiếu phông chữ %(file)s (gói fonts-liberation2)."), file=source.name)
    # Without the time of saving, the same letters are the same bytes in every process.
    with TTFont(source, lazy=True, recalcTimestamp=False) as font:
        known = font.getBestCmap()
        letters = _ALWAYS | extra
        for letter in sorted(letters):
            if ord(letter) not in known or unicodedata.combining(letter):
                raise Invalid(
                    N_("Phông chữ của khung chữ ký không có ký tự “%(letter)s” (U+%(code)s)."),
                    letter=letter,
                    code=f"{ord(letter):04X}",
                )
        cap_height = font["OS/2"].sCapHeight
        options = subset.Options(
            layout_features=[], hinting=False, glyph_names=False, notdef_outline=True, name_IDs=[]
        )
        options.drop_tables += ["GSUB", "GPOS", "GDEF", "OS/2", "name", "post", "gasp", "STAT"]
        options.drop_tables += ["FFTM"]  # FontForge's own, which fontTools would complain of
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=[ord(letter) for letter in letters])
        subsetter.subset(font)
        return _read_subset(font, letters, family, cap_height)


def _read_subset(
    font: Any,  # fontTools is untyped
    letters: frozenset[str],
    family: str,
    cap_height: int,
) -> EmbeddedFont:
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
        name=f"SIGNER+{FILES[family].stem}",
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
        cap_height=round(cap_height * scale),
        flags=6 if family == "serif" else 4,  # serif 2, symbolic 4
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
