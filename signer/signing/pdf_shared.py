"""In the sandbox: fonts and images of our own blocks, embedded once in a document.

An earlier revision's object is used again only when it is octet for octet what we would write,
all it refers to included; the name it has there means nothing, the file may be anybody's.
"""

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pyhanko.pdf_utils import generic

from signer.signing.fonts import EmbeddedFont
from signer.signing.images_task import EmbeddedImage
from signer.signing.pdf_objects import Raw, entry_of
from signer.signing.pdf_update import UpdateWriter

_NUMBER = re.compile(rb"[1-9]\d{0,8}")


@dataclass(frozen=True, kw_only=True)
class Shared:
    """An object as it is written: the pieces around the numbers of the objects it refers to."""

    pieces: tuple[bytes, ...]
    parts: "tuple[Shared, ...]" = ()


class Resources:
    """What the blocks of this document's earlier signatures use, to be found again."""

    def __init__(self, writer: UpdateWriter) -> None:
        self._writer: Any = writer
        self._known: dict[int, None] = {}

    def note(self, appearance: Any) -> None:
        """What this appearance stream uses may be used again."""
        resources = entry_of(appearance, "/Resources", {})
        for kind in ("/Font", "/XObject"):
            for value in dict.values(entry_of(resources, kind, {})):
                if isinstance(value, generic.IndirectObject) and value.generation == 0:
                    self._known[value.idnum] = None

    def number_of(self, shared: Shared) -> int:
        """The number of an object that is this one, embedded now unless it is there already."""
        for number in self._known:
            if self._holds(number, shared):
                return number
        return self._embedded(shared)

    def _embedded(self, shared: Shared) -> int:
        numbers = [b"%d" % self._embedded(part) for part in shared.parts]
        written = b"".join(_woven(shared.pieces, numbers))
        return int(self._writer.add_object(Raw(written)).idnum)

    def _holds(self, number: int, shared: Shared) -> bool:
        """The object of that number is this one, in the newest revision of the document."""
        offset = self._writer.prev.xrefs[generic.Reference(number, 0, self._writer.prev)]
        if not isinstance(offset, int):  # in an object stream: not ours
            return False
        stream = self._writer.prev.stream
        stream.seek(offset)
        expected = (b"%d 0 obj\n" % number + shared.pieces[0], *shared.pieces[1:])
        data: bytes = stream.read(sum(map(len, expected)) + 9 * len(shared.parts) + 8)
        at, parts = 0, []
        for index, piece in enumerate(expected):
            if not data.startswith(piece, at):
                return False
            at += len(piece)
            if index < len(shared.parts):
                found = _NUMBER.match(data, at)
                if found is None:
                    return False
                parts.append(int(found[0]))
                at = found.end()
        return data.startswith(b"\nendobj", at) and all(
            itertools.starmap(self._holds, zip(parts, shared.parts, strict=True))
        )


def _woven(pieces: tuple[bytes, ...], numbers: list[bytes]) -> Iterable[bytes]:
    for piece, number in itertools.zip_longest(pieces, numbers, fillvalue=b""):
        yield piece
        yield number


def shared_font(font: EmbeddedFont) -> Shared:
    """The font as a composite one with the glyph numbers as codes (ISO 32000-1, 9.7)."""
    name = font.name.encode()
    left, low, right, high = font.bounding_box
    program = _stream(font.program, b"/Filter/FlateDecode/Length1 %d" % font.program_length)
    descriptor = Shared(
        pieces=(
            b"<</Type/FontDescriptor/FontName/%s/Flags %d/FontBBox[%d %d %d %d]/ItalicAngle 0"
            b"/Ascent %d/Descent %d/CapHeight %d/StemV 80/FontFile2 "
            % (
                name,
                font.flags,
                left,
                low,
                right,
                high,
                font.ascent,
                font.descent,
                font.cap_height,
            ),
            b" 0 R>>",
        ),
        parts=(program,),
    )
    descendant = Shared(
        pieces=(
            b"<</Type/Font/Subtype/CIDFontType2/BaseFont/%s/CIDToGIDMap/Identity"
            b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
            b"/DW 1000/W[0[%s]]/FontDescriptor " % (name, " ".join(map(str, font.widths)).encode()),
            b" 0 R>>",
        ),
        parts=(descriptor,),
    )
    return Shared(
        pieces=(
            b"<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/Identity-H/DescendantFonts[" % name,
            b" 0 R]/ToUnicode ",
            b" 0 R>>",
        ),
        parts=(descendant, _stream(font.to_unicode, b"/Filter/FlateDecode")),
    )


def shared_image(image: EmbeddedImage) -> Shared:
    """The image with its soft mask (ISO 32000-1, 8.9.5 and 11.6.5.3)."""
    frame = (
        b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/Filter/FlateDecode"
        % (image.width, image.height)
    )
    mask = _stream(image.alpha, frame + b"/ColorSpace/DeviceGray")
    return Shared(
        pieces=(
            b"<<%s/ColorSpace/DeviceRGB/Length %d/SMask " % (frame, len(image.rgb)),
            b" 0 R>>\nstream\n%s\nendstream" % image.rgb,
        ),
        parts=(mask,),
    )


def _stream(data: bytes, entries: bytes) -> Shared:
    return Shared(pieces=(b"<<%s/Length %d>>\nstream\n%s\nendstream" % (entries, len(data), data),))
