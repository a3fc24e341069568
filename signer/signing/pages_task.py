"""In the sandbox: one page as an image, or as words with their places (pdfium)."""

import io
import itertools
import math
import statistics
import unicodedata
from collections.abc import Iterator, Sequence
from ctypes import byref, c_double
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from signer.errors import N_, Invalid
from signer.signing.geometry import Box, PageGeometry, geometry_of

LARGEST_PIXELS = 40_000_000
"""A larger page is drawn at a lower resolution: A3 at 400 dpi is 31 million."""

MOST_LETTERS = 200_000
"""Letters of one page that are looked at; a page of small print has under 10,000."""


def image(*, path: str, page: int, dpi: int) -> tuple[dict[str, Any], tuple[bytes]]:
    """Width and height in pixels, and the PNG."""
    with _open(path) as document:
        sheet = _page(document, page)
        width, height = sheet.get_size()
        scale = min(dpi / 72, math.sqrt(LARGEST_PIXELS / max(width * height, 1)))
        bitmap = sheet.render(scale=scale, may_draw_forms=True, draw_annots=True)
        try:
            return {"width": bitmap.width, "height": bitmap.height}, (_png(bitmap),)
        finally:
            bitmap.close()


def text(*, path: str, page: int) -> dict[str, Any]:
    """The page's size and its words [text, x0, y0, x1, y1] in reading order."""
    with _open(path) as document:
        sheet = _page(document, page)
        geometry = _geometry(sheet)
        letters = _letters(sheet, geometry)
        size = geometry.size
        return {
            "width": size.width,
            "height": size.height,
            "rotation": size.rotation,
            "words": [word for line in _lines(letters) for word in _words(line)],
        }


def _open(path: str) -> Any:  # pypdfium2 is untyped
    try:
        document = pypdfium2.PdfDocument(Path(path))
        document.init_forms()
        return document
    except (pypdfium2.PdfiumError, OSError) as error:
        raise Invalid(N_("Tệp PDF không mở được để xem.")) from error


def _page(document: Any, number: int) -> Any:
    if not 1 <= number <= len(document):
        raise Invalid(N_("Tài liệu không có trang %(page)s."), field="page", page=number)
    try:
        return document[number - 1]
    except pypdfium2.PdfiumError as error:
        raise Invalid(N_("Trang %(page)s bị lỗi nên không xem được."), page=number) from error


def _geometry(sheet: Any) -> PageGeometry:
    return geometry_of(sheet.get_mediabox(), sheet.get_cropbox(), sheet.get_rotation())


def _png(bitmap: Any) -> bytes:
    """A PNG without colour profile or time, so that equal pages are equal bytes."""
    picture = bitmap.to_pil().convert("RGB")
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=3)
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class _Letter:
    """One letter, its box as displayed, and where it stands along its own line of writing."""

    text: str
    box: Box
    turns: int
    """Quarter turns of the writing, as displayed: 0 reads to the right, 1 upwards."""
    baseline: float
    """Falls from line to line."""
    start: float
    end: float


def _letters(sheet: Any, geometry: PageGeometry) -> list[_Letter]:
    """The letters that are really on the page.

    pdfium guesses blanks and an order of its own; both are wrong where a word takes some of its
    letters from a second font, as Vietnamese text printed by LibreOffice often does. So only
    places count.
    """
    page_text = sheet.get_textpage()
    found: list[_Letter] = []
    for index in range(min(page_text.count_chars(), MOST_LETTERS)):
        letter = _letter_at(page_text, index)
        if not letter:
            continue
        if unicodedata.combining(letter) and found:  # decomposed text: the mark has no place
            found[-1] = replace(found[-1], text=found[-1].text + letter)
            continue
        left, bottom, right, top = page_text.get_charbox(index, loose=True)
        if right <= left or top <= bottom:
            continue
        box = geometry.to_display(Box(x0=left, y0=bottom, x1=right, y1=top))
        x, y = c_double(), c_double()
        pdfium.FPDFText_GetCharOrigin(page_text, index, byref(x), byref(y))
        origin = geometry.to_display(Box(x0=x.value, y0=y.value, x1=x.value, y1=y.value))
        angle = pdfium.FPDFText_GetCharAngle(page_text, index)
        turns = (round(angle / (math.pi / 2)) - geometry.rotation // 90) % 4
        found.append(_placed(letter, box, turns, origin))
    return found


def _placed(letter: str, box: Box, turns: int, origin: Box) -> _Letter:
    start, end, baseline = (
        (box.x0, box.x1, origin.y0),
        (box.y0, box.y1, -origin.x0),
        (-box.x1, -box.x0, -origin.y0),
        (-box.y1, -box.y0, origin.x0),
    )[turns]
    return _Letter(letter, box, turns, baseline, start, end)


def _letter_at(page_text: Any, index: int) -> str:
    code = pdfium.FPDFText_GetUnicode(page_text, index)
    generated = pdfium.FPDFText_IsGenerated(page_text, index) == 1
    if generated or code < 0x20 or code in (0xFFFE, 0xFFFF) or 0xD800 <= code <= 0xDFFF:
        return ""
    return chr(code)


def _lines(letters: Sequence[_Letter]) -> Iterator[list[_Letter]]:
    """Letters that stand on one baseline, from the top of the page down."""
    line: list[_Letter] = []
    for letter in sorted(letters, key=lambda found: (found.turns, -found.baseline, found.start)):
        height = letter.box.height if letter.turns % 2 == 0 else letter.box.width
        if line and (
            line[0].turns != letter.turns
            or line[0].baseline - letter.baseline > max(1.0, 0.15 * height)
        ):
            yield line
            line = []
        line.append(letter)
    if line:
        yield line


def _words(line: list[_Letter]) -> Iterator[list[Any]]:
    """Words of one line in the order of reading; a gap of a third of a letter parts two words."""
    line.sort(key=lambda found: found.start)
    usual = statistics.median(letter.end - letter.start for letter in line)
    word: list[_Letter] = []
    for letter in itertools.chain(line, [None]):
        blank = letter is None or letter.text.isspace()
        if word and (blank or (letter and letter.start - word[-1].end > usual / 3)):
            yield [
                unicodedata.normalize("NFC", "".join(found.text for found in word)),
                min(found.box.x0 for found in word),
                min(found.box.y0 for found in word),
                max(found.box.x1 for found in word),
                max(found.box.y1 for found in word),
            ]
            word = []
        if letter is not None and not blank:
            word.append(letter)
