"""In the sandbox: content that waits in a PDF for a later revision to bring it out.

The attacks are those of Mainka, Mladenov and Rohlmann, "Shadow Attacks" (NDSS 2021): hide,
replace, hide-and-replace. Looked for before anybody signs: what no page uses, what is not there
yet, what no table lists. `hidden_task` looks at what lies under something else.
"""

import bisect
import contextlib
import io
import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf

SPARE_DECODED_BYTES = 8 * 1024 * 1024
SMALLEST_PIXELS = 32 * 32
"""A smaller picture shows no text."""

_REFERENCE = re.compile(rb"\((?:[^\\()]|\\.)*\)|<[0-9a-fA-F]+>|(\d{1,10}) \d{1,5} R\b")
_HEADER = re.compile(rb"(?:\A|[\x00\t\n\f\r >])(\d{1,10}[\x00\t\n\f\r ]+\d{1,5}[\x00\t\n\f\r ]+)\Z")
_LENGTH = re.compile(rb"/Length\s+(\d{1,10})(?!\s+\d+\s+R)\b")
_PAINTS = re.compile(rb"\bBT\b.*?(?:\bT[jJ]\b|['\"])|/[^\s/<>\[\]()]+\s+Do\b", re.DOTALL)
_LITERAL = re.compile(rb"\(((?:[^\\()]|\\.)*)\)\s*Tj\b")

FILLABLE = ("/Tx", "/Ch", "/Btn")
MULTILINE_OR_SECRET = 1 << 12 | 1 << 13
"""Text fields whose lines are broken or hidden (ISO 32000-1, table 228)."""


class ObjectGraph:
    """Which object refers to which, gathered while the objects are walked anyway."""

    def __init__(self, document: Any) -> None:  # pikepdf's Pdf is untyped
        self._document = document
        self._generations: dict[int, int] = {}  # of the few that have one
        self._edges: dict[int, list[int]] = {}
        self._fields: list[int] = []
        self._packed: dict[int, int] = {}
        self._attached = 0

    def add(self, item: Any, written: bytes) -> None:
        """The indirect object, written out as `written`, is part of the graph."""
        number, generation = item.objgen
        if generation:
            self._generations[number] = generation
        self._edges[number] = [int(found) for found in _REFERENCE.findall(written) if found]
        if b"/FT" in written or b"/Widget" in written:
            self._fields.append(number)
        elif b"/ObjStm" in written and b"/N " in written:
            self._packed[number] = int(item.get("/N", 0))
        elif b"/EmbeddedFile" in written and isinstance(item, pikepdf.Stream):
            self._attached += 1

    def warnings(self, listed: "Listed") -> Iterator[dict[str, Any]]:
        """One entry for each kind of thing that waits in the file."""
        used = self._used()
        pages, contents = self._spare(used)
        if pages:
            yield {"code": "spare_pages", "values": {"count": pages}}
        if contents:
            yield {"code": "spare_content", "values": {"count": contents}}
        missing = self._missing(used)
        if missing:
            yield {"code": "missing_objects", "values": {"count": missing}}
        unlisted = listed.ambiguous + listed.unlisted() + listed.unlisted_in(self._packed)
        if unlisted:
            yield {"code": "unlisted_objects", "values": {"count": unlisted}}
        fillable, different = self._form(used)
        if fillable:
            yield {"code": "form_fields", "values": {"count": fillable}}
        if different:
            yield {"code": "field_value", "values": {"count": different}}
        if self._attached:
            yield {"code": "attachments", "values": {"count": self._attached}}

    def _used(self) -> set[int]:
        """What the trailer leads to."""
        written = self._document.trailer.unparse(resolved=True)
        waiting = [int(found) for found in _REFERENCE.findall(written) if found]
        used: set[int] = set()
        while waiting:
            number = waiting.pop()
            if number not in used:
                used.add(number)
                waiting.extend(self._edges.get(number, ()))
        return used

    def _spare(self, used: set[int]) -> tuple[int, int]:
        """Pages, and pieces of content, that nothing leads to: hide-and-replace."""
        pages = contents = 0
        for number in self._edges.keys() - used:
            item = self._object(number)
            kind = item.get("/Type")
            if kind in ("/ObjStm", "/XRef"):
                continue
            if kind in ("/Page", "/Pages", "/Catalog"):
                pages += 1
            elif isinstance(item, pikepdf.Stream) and _shows_something(item):
                contents += 1
        return pages, contents

    def _missing(self, used: set[int]) -> int:
        """Objects that are referred to and not there: a later revision could add them."""
        return sum(1 for number in used - self._edges.keys() if self._object(number) is None)

    def _form(self, used: set[int]) -> tuple[int, int]:
        """Fields that can be filled in, and those that show another text than their value."""
        fillable = different = 0
        for number in self._fields:
            item = self._object(number)
            if number not in used or not isinstance(item, pikepdf.Dictionary):
                continue
            if _inherited(item, "/FT") not in FILLABLE:
                continue
            if "/Rect" in item or "/Kids" not in item:
                fillable += 1
                different += _shows_another_value(item)
        return fillable, different

    def _object(self, number: int) -> Any:
        return self._document.get_object(number, self._generations.get(number, 0))


class Listed:
    """What the cross-reference tables of all revisions list, read by the signing library."""

    def __init__(self, reader: Any, stream: Any) -> None:  # pyHanko's reader
        self._stream = stream
        self._offsets: set[int] = set()
        self._packed: dict[int, set[int]] = {}
        self.ambiguous = 0
        """Objects that the two tables of a hybrid file place differently (7.5.8.4)."""
        for revision in range(reader.xrefs.total_revisions):
            data = reader.xrefs.get_xref_data(revision)
            self._offsets.add(reader.xrefs.get_startxref_for_revision(revision))
            self._take(data)
            if data.hybrid is not None:
                self._offsets.add(data.hybrid.meta_info.declared_startxref)
                self._take(data.hybrid.xref_data)
                hidden = data.hybrid.xref_data
                both = hidden.standard_xrefs.keys() | hidden.xrefs_in_objstm.keys()
                self.ambiguous += len(both & data.standard_xrefs.keys())

    def _take(self, data: Any) -> None:
        self._offsets.update(offset for _, offset in data.standard_xrefs.values())
        for place in data.xrefs_in_objstm.values():
            self._packed.setdefault(place.obj_stream_id, set()).add(place.ix_in_stream)

    def unlisted_in(self, packed: dict[int, int]) -> int:
        """Objects in object streams that no table lists."""
        return sum(
            max(0, count - len(self._packed.get(number, ()))) for number, count in packed.items()
        )

    def unlisted(self) -> int:
        """Objects in the open file that no table of any revision lists."""
        with _mapped(self._stream) as data:
            places = sorted(self._offsets)
            return sum(
                1
                for start in _object_headers(data)
                if start not in self._offsets and not _is_covered(data, places, start)
            )


def _object_headers(data: Any) -> Iterator[int]:
    """Where `12 0 obj` stands in the file, also inside streams."""
    at = data.find(b"obj")
    while at >= 0:
        if at and data[at - 1] in b"\x00\t\n\f\r ":
            before = data[max(0, at - 24) : at]
            header = _HEADER.search(before)
            if header:
                yield at - len(header[1])
        at = data.find(b"obj", at + 3)


def _is_covered(data: Any, places: list[int], start: int) -> bool:
    """The header is the listed one beside some blanks, or only data of the stream before it."""
    after = bisect.bisect_right(places, start)
    if after < len(places) and places[after] < start + 5:
        return True  # some writers count their line ends wrongly
    before = places[after - 1 : after] if after else []
    if not before:
        return False
    if start - before[0] < 64 and not data[before[0] : start].strip():
        return True
    opened = data.find(b"stream", before[0], start)
    length = _LENGTH.search(data[before[0] : opened]) if 0 <= opened - before[0] < 4096 else None
    if length and start < opened + int(length[1]):  # a PDF attached as it is has its own objects
        end = opened + int(length[1])
        return b"endstream" in data[end : end + 32]
    opened = data.rfind(b"stream", before[0], start)
    return bool(opened >= 0 and data[max(0, opened - 3) : opened] != b"end")


def _shows_something(stream: Any) -> bool:
    """An unused stream holds a picture, or text operators."""
    if stream.get("/Subtype") == "/Image":
        pixels = int(stream.get("/Width", 0)) * int(stream.get("/Height", 0))
        return bool(pixels >= SMALLEST_PIXELS)
    if int(stream.get("/Length", 0)) > SPARE_DECODED_BYTES:
        return True
    try:
        content = bytes(stream.read_bytes())
    except pikepdf.PdfError:
        return False
    return bool(_PAINTS.search(content[:SPARE_DECODED_BYTES]))


def _inherited(field: Any, key: str) -> Any:
    for _ in range(16):
        if key in field or not isinstance(field.get("/Parent"), pikepdf.Dictionary):
            return field.get(key)
        field = field["/Parent"]
    return None


def _shows_another_value(field: Any) -> bool:
    """What the field shows is not what it holds; judged only where both are plain letters."""
    flags = _inherited(field, "/Ff")
    value = _inherited(field, "/V")
    if _inherited(field, "/FT") != "/Tx" or not isinstance(value, pikepdf.String):
        return False
    if int(flags or 0) & MULTILINE_OR_SECRET:
        return False
    looks = field.get("/AP", pikepdf.Dictionary()).get("/N")
    if not isinstance(looks, pikepdf.Stream) or len(looks.read_raw_bytes()) > SPARE_DECODED_BYTES:
        return False
    shown = b"".join(_LITERAL.findall(bytes(looks.read_bytes()))).decode("latin-1")
    wanted = str(value)
    if not shown or not (shown.isascii() and wanted.isascii()) or "\\" in shown + wanted:
        return False
    return "".join(shown.split()) != "".join(wanted.split())


def is_signed(file: Path) -> bool:
    """Some revision of the file carries a signature, however damaged the file is."""
    with file.open("rb") as stream, _mapped(stream) as data:
        return bool(data.find(b"/ByteRange") >= 0)


@contextlib.contextmanager
def _mapped(stream: Any) -> Iterator[Any]:
    """The bytes of an open file, or of a stream in memory, to search in."""
    if isinstance(stream, io.BytesIO):
        yield stream.getvalue()
    else:
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data
