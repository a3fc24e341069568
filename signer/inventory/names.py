"""Vietnamese text: one stored form, folding for search, the order of names, spotting old fonts."""

import re
import unicodedata
from functools import lru_cache

_TONES = {"\u0300": 1, "\u0309": 2, "\u0303": 3, "\u0301": 4, "\u0323": 5}
"""Huyền, hỏi, ngã, sắc, nặng: the order of ICU's "vi" (a à ả ã á ạ); no mark is 0."""
_SHAPES = "\u0302\u0306\u031b"  # circumflex, breve, horn: part of the letter, not of the tone
_TONE_BEFORE_SHAPE = re.compile(f"([{''.join(_TONES)}])([{_SHAPES}])")
_D_LOOKALIKES = str.maketrans({"Ð": "Đ", "ð": "đ", "Ɖ": "Đ", "ɖ": "đ"})
"""Eth and the African d look like Đ on screen and come out of old converters."""

_NEEDS_CARE = re.compile("[\u0300-\u036fÐðƉɖ]")

_BASE_LETTERS = {
    code: unicodedata.normalize("NFD", chr(code))[0]
    for code in (*range(0xE0, 0x250), *range(0x1EA0, 0x1EFA))
} | {ord("đ"): "d"}
"""What remains of a small letter without its marks, for one pass over a name."""

_ALPHABET = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
_LETTER_ORDER = {letter: chr(0x40 + i) for i, letter in enumerate(_ALPHABET)}
"""Vietnamese alphabet mapped to bytes in its order, above digits and the two separators."""
_FIELD_END, _WORD_END = "\x20", "\x21"

_TEXTS_KEPT, _NAMES_KEPT = 16_384, 4_096
"""A roster says the same words on many rows, and each text is asked for by several rooms."""

# TCVN3 (the .Vn… fonts) puts its letters on symbols or capitals of Latin-1. Neither stands inside
# a word of real text: symbols beside a letter, or an accented capital after a small letter.
_TCVN3 = re.compile(
    r"[^\W\d_][µ¸¶·¹¨»¾¼½®§ª«¬×\u00ad]|[µ¸¶·¹¨»¾¼½®§ª«¬×][^\W\d_]"
    r"|[a-zß-ÿ][ÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞ]"
)
# VNI (the VNI-… fonts) writes a plain vowel and then its mark as a Latin-1 letter of its own.
_VNI = re.compile(
    r"[aeoyu][øùûõïâêéèúüëàáåãäØÙÛÕÏÂÊÉÈÚÜËÀÁÅÃÄ]|[AEOYU][ØÙÛÕÏÂÊÉÈÚÜËÀÁÅÃÄ]|[öôÖÔ][øùûõïØÙÛÕÏ]"
)
_VALID_PAIR = re.compile(r"u[àáãâêèé]|y[êéè]|o[àáãèé]", re.IGNORECASE)
"""Pairs that VNI uses too but that real words have: Hoà, Quê, Khoé, Tuân, yên."""


@lru_cache(maxsize=_TEXTS_KEPT)
def clean_text(text: str) -> str:
    """The text as it is stored: NFC, no invisible characters, single spaces, none at the ends (R7).

    Marks typed in the wrong order (tone before circumflex) are put right; look-alikes of Đ too.
    """
    # Nearly every text is clean already: that is decided first, cheaply.
    if (
        text.isprintable()
        and unicodedata.is_normalized("NFC", text)
        and not _NEEDS_CARE.search(text)
    ):
        return text if text == text.strip() and "  " not in text else " ".join(text.split())
    kept = "".join(
        " " if c.isspace() else c
        for c in text.translate(_D_LOOKALIKES)
        if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cn", "Cs")
    )
    marks = _TONE_BEFORE_SHAPE.sub(r"\2\1", unicodedata.normalize("NFD", kept))
    return " ".join(unicodedata.normalize("NFC", marks).split())


@lru_cache(maxsize=_NAMES_KEPT)
def fold(text: str) -> str:
    """The search form: no marks, đ as d, case folded; "Hoà" and "Hòa" both give "hoa" (R8)."""
    lowered = clean_text(text).casefold().translate(_BASE_LETTERS)
    if lowered.isascii():
        return lowered
    return "".join(c for c in unicodedata.normalize("NFD", lowered) if not unicodedata.combining(c))


def spelling_key(text: str) -> str:
    """Keeps letters and tones but not where the tone is written: "hoà" and "hòa" are one (5.2)."""
    return " ".join(f"{letters}{tone or ''}" for letters, tone in map(_split_tone, _words(text)))


@lru_cache(maxsize=_NAMES_KEPT)
def sort_key(full_name: str) -> str:
    """ASCII text whose byte order is the order of a Vietnamese name list (R9).

    Given name first, then family name, then the middle names; within each the letters count
    before the tones, as in ICU's "vi".
    """
    words = _words(full_name)
    if not words:
        return ""
    fields = (words[-1:], words[:1] if len(words) > 1 else [], words[1:-1])
    return _FIELD_END.join(_field_key(field) for field in fields)


def _field_key(words: list[str]) -> str:
    split = [_split_tone(word) for word in words]
    letters = _WORD_END.join("".join(map(_byte_of, word)) for word, _ in split)
    return f"{letters}{_FIELD_END}{''.join(str(tone) for _, tone in split)}"


def _byte_of(letter: str) -> str:
    if known := _LETTER_ORDER.get(letter):
        return known
    # Other alphabets' letters sort with the letter they are built on; signs before all letters.
    base = unicodedata.normalize("NFD", letter)[0]
    return _LETTER_ORDER.get(base, "0")


def _split_tone(word: str) -> tuple[str, int]:
    """The word without its tone mark, and that tone's rank."""
    tone = 0
    kept = []
    for c in unicodedata.normalize("NFD", word):
        if c in _TONES:
            tone = _TONES[c]
        else:
            kept.append(c)
    return unicodedata.normalize("NFC", "".join(kept)), tone


def _words(text: str) -> list[str]:
    return clean_text(text).casefold().split()


def proper_case(name: str) -> str:
    """ "NGUYỄN THỊ ÁNH" and "nguyễn thị ánh" as "Nguyễn Thị Ánh"; mixed case is left alone."""
    return name.title() if name.isupper() or name.islower() else name


@lru_cache(maxsize=_TEXTS_KEPT)
def legacy_font_of(text: str) -> str | None:
    """ "TCVN3" or "VNI" when the text was typed for such a font, before Unicode; else None.

    Ask it of the text as it came, since cleaning takes away the soft hyphen that TCVN3 uses
    for ư. Such text is refused: storing it would store garbage.
    """
    if text.isascii():
        return None
    composed = unicodedata.normalize("NFC", text)
    if _TCVN3.search(composed):
        return "TCVN3"
    for found in _VNI.finditer(composed):
        if not _VALID_PAIR.fullmatch(found.group()):
            return "VNI"
    return None
