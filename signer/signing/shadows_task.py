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

HEAD_BYTES = 8192
"""The dictionary of a stream is shorter."""

SPARE_DECODED_BYTES = 8 * 1024 * 1024
SMALLEST_PIXELS = 32 * 32
"""A smaller picture shows no text."""

_REFERENCE = re.compile(rb"\((?:[^\\()]|\\.)*\)|<[0-9a-fA-F]+>|(\d{1,10}) \d{1,5} R\b")
_MENTION = re.compile(
    rb"(?<![^\x00\s\[<>/()])(\d{1,10})[\x00\s]{1,9}\d{1,5}[\x00\s]{1,9}(R|obj)(?![^\x00\s\[\]<>/()])"
)
_STREAM = re.compile(rb">>\s*stream\r?\n")
_LENGTH = re.compile(rb"/Length\s+(\d{1,10})(?!\s+\d+\s+R)\b")
_PAINTS = re.compile(
    rb"\bBT\s.*?\sTf\s.*?(?:\bT[jJ]|['\"])(?:\s|\Z)|/[^\s/<>\[\]()]+\s+Do(?:\s|\Z)", re.DOTALL
)
_LITERAL = re.compile(rb"\(((?:[^\\()]|\\.)*)\)\s*Tj\b")

FILLABLE = ("/Tx", "/Ch", "/Btn")
MULTILINE_OR_SECRET = 1 << 12 | 1 << 13
"""Text fields whose lines are broken or hidden (ISO 32000-1, table 228)."""


class ObjectGraph:
    """Which object refers to which, gathered while the objects are walked anyway."""

    def __init__(self, document: Any, listed: "Listed") -> None:  # pikepdf's Pdf is untyped
        self._document = document
        self._listed = listed
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
            self._listed.refer(bytes(item.read_bytes()))
        elif b"/EmbeddedFile" in written and isinstance(item, pikepdf.Stream):
            self._attached += 1

    def warnings(self) -> Iterator[dict[str, Any]]:
        """One entry for each kind of thing that waits in the file."""
        used, listed = self._used(), self._listed
        pages, contents = self._spare(used)
        if pages:
            yield {"code": "spare_pages", "values": {"count": pages}}
        if contents:
            yield {"code": "spare_content", "values": {"count": contents}}
        unlisted, missing = listed.read()
        if missing:
            yield {"code": "missing_objects", "values": {"count": len(missing)}}
        unlisted += listed.ambiguous + listed.unlisted_in(self._packed)
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
            elif kind == "/Font" and ("/FontDescriptor" in item or "/DescendantFonts" in item):
                contents += 1  # other letters for the same text
            elif isinstance(item, pikepdf.Stream) and _shows_something(item):
                contents += 1
        return pages, contents

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
        self._numbers: set[int] = set()
        self._referred: set[int] = set()
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
        self._numbers.update(data.standard_xrefs, data.xrefs_in_objstm)

    def refer(self, packed: bytes) -> None:
        """What the unpacked objects of an object stream refer to counts as well."""
        self._referred.update(int(found[1]) for found in _MENTION.finditer(packed))

    def unlisted_in(self, packed: dict[int, int]) -> int:
        """Objects in object streams that no table lists."""
        return sum(
            max(0, count - len(self._packed.get(number, ()))) for number, count in packed.items()
        )

    def read(self) -> tuple[int, set[int]]:
        """What stands in the open file outside of its streams and no revision lists.

        How many objects have a header there and no entry in a table, and the numbers that are
        referred to and are nowhere (qpdf takes such a reference for null and keeps nothing of it).
        """
        places = sorted(self._offsets)
        unlisted, missing = 0, set(self._referred)
        with _mapped(self._stream) as data:
            for start, end in _outside_streams(data, places):
                unlisted += start == end
                for found in _MENTION.finditer(data[start:end]):
                    if found[2] == b"R":
                        missing.add(int(found[1]))
                    elif not _is_listed(data, places, start + found.start()):
                        unlisted += 1
        return unlisted, missing - self._numbers


def _outside_streams(data: Any, places: list[int]) -> Iterator[tuple[int, int]]:
    """The ranges of the file between the data of its streams.

    An empty range is a listed place inside such data: two objects share these bytes.
    """
    at = 0
    for place, following in zip(places, [*places[1:], len(data)], strict=True):
        if place < at:
            yield place, place
            continue
        head = data[place : min(following, place + HEAD_BYTES)]
        opened = _STREAM.search(head)
        if opened is None:
            continue
        start, length = place + opened.end(), _LENGTH.search(head, 0, opened.start())
        end = start + int(length[1]) if length else start
        if not length or b"endstream" not in data[end : end + 32]:
            end = data.find(b"endstream", start)
        if end < 0:
            break
        yield at, start
        at = end
    yield at, len(data)


def _is_listed(data: Any, places: list[int], start: int) -> bool:
    """Some table means this place, give or take the blanks that some writers miscount."""
    after = bisect.bisect_right(places, start)
    if after < len(places) and places[after] < start + 5:
        return True
    before = places[after - 1] if after else -HEAD_BYTES
    return before == start or (start - before < 64 and not data[before:start].strip())


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
