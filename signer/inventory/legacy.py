"""Text typed for the fonts of before Unicode: recognised by what it says, put into Unicode.

TCVN3 (the .Vn… fonts) and VNI (the VNI-… fonts) store Vietnamese letters as other letters of
Latin-1. Which of the three a column is written in, its own words tell: read the right way nearly
all of them are syllables of the language, read another way few are. Pure.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from signer.errors import N_, Invalid
from signer.inventory.names import legacy_font_of

_TONES = "\u0300\u0301\u0303\u0309\u0323"
_SAMPLE_WORDS = 2_000
_BETWEEN_WORDS = re.compile(r"[\s\x21-\x40\x5b-\x60\x7b-\x7e]+")
_VIETNAMESE = re.compile(r"[ăâđêôơưĂÂĐÊÔƠƯạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]")
_ONSET = "ngh|ng|nh|ch|gh|gi|kh|ph|qu|th|tr|[bcdđghklmnpqrstvx]"
_RIME = (
    "uyê|iêu|yêu|oai|oay|oeo|uôi|ươi|ươu|uây|uyu|uya|uyn?|"
    "[iu][êôơâ]?|yê?|ươ|[ưi][auêu]|ua|uê|uơ|[oa]a?|o[ăe]|[oôơ]i|[uư]i|"
    "a[iouy]|[âê][uy]|eo|[aăâeêioôơuưy]"
)
_SYLLABLE = re.compile(f"(?:{_ONSET})?(?:{_RIME})(?:ch|ng|nh|[cmnpt])?")


class Font(StrEnum):
    """A set of fonts that was a character set of its own."""

    TCVN3 = "TCVN3"
    VNI = "VNI"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The font that texts are typed for.

    `is_mixed`: other text is among it, so that a word which reads either way cannot be known.
    """

    font: Font
    is_mixed: bool


# TCVN 5712:1993, VN3: the letters in the order of their codes.
_TCVN3 = dict(
    zip(
        (
            *range(0xA1, 0xAF),
            *range(0xB5, 0xBA),
            *range(0xBB, 0xBF),
            *range(0xC6, 0xCD),
            *range(0xCE, 0xD9),
            *range(0xDC, 0xE0),
            *range(0xE1, 0xF0),
            *range(0xF1, 0xFF),
        ),
        "ĂÂÊÔƠƯĐăâêôơưđàảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵ",
        strict=True,
    )
)
# VNI for Windows: a plain vowel and then its marks as one letter; the rest are letters alone.
_VNI_TONES = ("", "\u0301", "\u0300", "\u0309", "\u0303", "\u0323")
_VNI_MARKS = {
    **dict(zip("ùøûõï", _VNI_TONES[1:], strict=True)),
    **{mark: "\u0302" + tone for mark, tone in zip("âáàåãä", _VNI_TONES, strict=True)},
    **{mark: "\u0306" + tone for mark, tone in zip("êéèúüë", _VNI_TONES, strict=True)},
}
_VNI_MARKS |= {mark.upper(): marks for mark, marks in _VNI_MARKS.items()}
_VNI_LETTERS = dict(zip("ôöñíìæóòîÔÖÑÍÌÆÓÒÎ", "ơưđíìỉĩịỵƠƯĐÍÌỈĨỊỴ", strict=True))
_VNI = re.compile(f"([aeouyôöAEOUYÔÖ])([{''.join(_VNI_MARKS)}])|([{''.join(_VNI_LETTERS)}])")


def to_unicode(text: str, font: Font) -> str | None:
    """The text in Unicode (NFC); None when it was not typed for that font."""
    if text.isascii():
        return text
    if any(ord(letter) > 0xFF for letter in text):
        return None
    if font is Font.TCVN3:
        if any(ord(letter) > 0x7F and ord(letter) not in _TCVN3 for letter in text):
            return None
        return text.translate(_TCVN3)
    meant = unicodedata.normalize("NFC", _VNI.sub(_vni_letter, text))
    # A mark that no vowel takes stays a combining one; a letter of Latin-1 alone stays itself.
    left = _VNI.sub("", text)
    return meant if left.isascii() and not any(map(unicodedata.combining, meant)) else None


def _vni_letter(found: re.Match[str]) -> str:
    vowel, mark, alone = found.groups()
    return _VNI_LETTERS[alone] if alone else _VNI_LETTERS.get(vowel, vowel) + _VNI_MARKS[mark]


def evidence(texts: Iterable[str]) -> Evidence | None:
    """The font that these texts are typed for; None for Unicode with at most a stray old word.

    Each word with letters beyond ASCII is read three ways. Words that only a font makes a
    syllable speak for it, words that it makes none speak against it.
    """
    readings: Counter[tuple[bool, ...]] = Counter()
    surely_unicode = 0
    for word in islice(_words(texts), _SAMPLE_WORDS):
        composed = unicodedata.normalize("NFC", word)
        if any(ord(letter) > 0xFF for letter in composed):
            surely_unicode += 1
        else:
            ways = (composed, *(to_unicode(composed, font) for font in Font))
            readings[tuple(map(_is_syllable, ways))] += 1
    total = readings.total()
    said = {
        font: sum(n for ways, n in readings.items() if ways[place] and not ways[0])
        for place, font in enumerate(Font, start=1)
    }
    font = max(said, key=lambda f: said[f])
    if said[font] * 20 <= total:  # each of those few cells is then judged alone
        return None
    place = list(Font).index(font) + 1
    against = sum(n for ways, n in readings.items() if not ways[place])
    return Evidence(font=font, is_mixed=bool(surely_unicode) or against * 10 > total)


def font_of_bytes(sample: bytes) -> Font | None:
    """The font of a file in a one-byte set; None when it is none of them.

    Raises `Invalid`, naming the font, when the words cannot all be of it.
    """
    found = evidence(sample.decode("latin-1").splitlines())
    if found is None or not found.is_mixed:
        return found.font if found else None
    raise Invalid(
        N_(
            "Tệp dùng bảng mã cũ %(font)s lẫn với bảng mã khác nên không chuyển được; "
            "hãy chuyển mã sang Unicode rồi tải lên lại."
        ),
        field="file",
        font=found.font,
    )


def is_windows_1258(sample: bytes) -> bool:
    """True when read so the text is Vietnamese, with next to no trace of the old fonts.

    In Windows-1258 tones are marks of their own; in the fonts' sets those bytes are letters.
    """
    text = sample.decode("cp1258", errors="replace")
    if "\ufffd" in text or not any(tone in text for tone in _TONES):
        return False
    if not _VIETNAMESE.search(unicodedata.normalize("NFC", text)):
        return False
    words = [word for word in text.split() if not word.isascii()]
    return sum(1 for word in words if legacy_font_of(word)) * 20 <= len(words)


def _words(texts: Iterable[str]) -> Iterable[str]:
    for text in texts:
        if not text.isascii():
            yield from (word for word in _BETWEEN_WORDS.split(text) if not word.isascii())


def _is_syllable(word: str | None) -> bool:
    if not word:
        return False
    parts = unicodedata.normalize("NFD", word.lower())
    tones = sum(parts.count(tone) for tone in _TONES)
    plain = unicodedata.normalize("NFC", "".join(c for c in parts if c not in _TONES))
    return tones <= 1 and _SYLLABLE.fullmatch(plain) is not None
