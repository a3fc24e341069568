"""In the sandbox: what a PDF is, by three readers that must all be able to open it."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields

from signer.signing.geometry import Box, PageGeometry
from signer.signing.pdf_task import entry_of, geometry_of_page, raw_items, widget_of

MOST_PAGES = 5_000
MOST_OBJECTS = 2_000_000
TREE_DEPTH = 64
NESTING = 100
"""Direct objects inside each other; more is made to exhaust a reader's stack."""

STREAM_BYTES = 256 * 1024 * 1024
"""Unpacked size of one stream: a 600-dpi A4 page in colour has 104 MB."""

TOTAL_BYTES = 1024 * 1024 * 1024
MOST_PIXELS = 500_000_000

ACTIONS = {
    "/JavaScript": "javascript",
    "/Launch": "launch",
    "/ImportData": "launch",
    "/RichMediaExecute": "media",
}
"""Action types (ISO 32000-1, table 198) that a signed paper must not carry."""


class _Refused(Exception):
    """A verdict was reached."""

    def __init__(self, verdict: str, finding: str | None = None, **values: int) -> None:
        super().__init__(verdict)
        self.told = {"verdict": verdict, "finding": finding, "values": values}


def inspect(*, path: str) -> dict[str, Any]:
    """The facts of `preflight.Preflight` as JSON."""
    file = Path(path)
    try:
        with file.open("rb") as stream:
            # Viewers accept the header anywhere in the first 1024 bytes (7.5.2, note).
            if b"%PDF-" not in stream.read(1024):
                raise _Refused("not_pdf")
            stream.seek(0)
            facts = _structure(stream)
        _contents(file)
        _can_be_shown(file, len(facts["pages"]))
        return facts
    except _Refused as refused:
        return refused.told


def _structure(stream: Any) -> dict[str, Any]:
    """What the signing library sees: pages, fields, signatures, locks."""
    try:
        reader = PdfFileReader(stream, strict=False)
        if reader.encrypted:
            raise _Refused("encrypted")
        pages = list(_pages(reader))
        if not pages:
            raise _Refused("damaged", "no_pages")
        fields, locked = _fields(reader, pages)
    except (_Refused, MemoryError):
        raise
    except Exception as error:  # what a parser meets in a damaged file is not documented
        raise _Refused("damaged") from error
    signatures = sum(1 for field in fields if field["signed"])
    return {
        "verdict": "locked" if locked else "signed" if signatures else "ok",
        "pages": [
            [geometry.size.width, geometry.size.height, geometry.size.rotation]
            for _, geometry in pages
        ],
        "signatures": signatures,
        "fields": fields,
    }


def _pages(reader: Any) -> Iterator[tuple[Any, PageGeometry]]:
    """Every page from first to last, each object once."""
    seen: set[Any] = set()
    waiting = [(reader.root["/Pages"], 0)]
    count = 0
    while waiting:
        node, depth = waiting.pop()
        kids = entry_of(node, "/Kids")
        if kids is None:
            count += 1
            if count > MOST_PAGES:
                raise _Refused("too_large", "pages", limit=MOST_PAGES)
            yield node, geometry_of_page(node)
            continue
        if depth > TREE_DEPTH:
            raise _Refused("damaged")
        for kid in reversed(raw_items(kids)):
            reference = getattr(kid, "reference", None)
            if reference is not None and reference in seen:
                raise _Refused("damaged")
            seen.add(reference)
            waiting.append((kid.get_object(), depth + 1))


def _fields(
    reader: Any, pages: list[tuple[Any, PageGeometry]]
) -> tuple[list[dict[str, Any]], bool]:
    shown: dict[Any, tuple[int, PageGeometry]] = {}
    for number, (page, geometry) in enumerate(pages, start=1):
        for entry in raw_items(entry_of(page, "/Annots", ())):
            shown[getattr(entry, "reference", None)] = (number, geometry)
    found, locked = [], False
    for name, value, reference in enumerate_sig_fields(reader):
        field = reference.get_object()
        widget = widget_of(field)
        number, geometry = shown.get(widget.container_ref, (1, pages[0][1]))
        box = _box(widget, geometry) if widget.container_ref in shown else None
        found.append({"name": str(name), "page": number, "box": box, "signed": value is not None})
        locked = locked or (value is not None and _forbids_changes(value.get_object()))
    return found, locked


def _box(widget: Any, geometry: PageGeometry) -> list[float] | None:
    x0, y0, x1, y1 = (float(value) for value in entry_of(widget, "/Rect", (0, 0, 0, 0)))
    box = geometry.to_display(Box(x0=x0, y0=y0, x1=x1, y1=y1))
    return box.to_json() if box.width >= 1 and box.height >= 1 else None


def _forbids_changes(signature: Any) -> bool:
    """DocMDP with P = 1, or a FieldMDP lock that says the same (ISO 32000-2, 12.8.2.2)."""
    for reference in entry_of(signature, "/Reference", ()):
        parameters = entry_of(reference.get_object(), "/TransformParams", {})
        if entry_of(parameters, "/P") == 1:
            return True
    return False


def _contents(file: Path) -> None:
    """No object carries what a signed paper must not, and nothing unpacks without measure."""
    try:
        with pikepdf.open(file, access_mode=pikepdf.AccessMode.mmap) as document:
            if len(document.objects) > MOST_OBJECTS:
                raise _Refused("too_large", "complex")
            total = 0
            for item in document.objects:
                _walk(item, 0)
                if isinstance(item, pikepdf.Stream):
                    total += _unpacked_bytes(item)
                    if total > TOTAL_BYTES:
                        raise _Refused("too_large", "unpacked")
    except pikepdf.PasswordError as error:
        raise _Refused("encrypted") from error
    except MemoryError as error:
        raise _Refused("too_large", "unpacked") from error
    except (pikepdf.PdfError, ValueError, TypeError, RuntimeError, OSError) as error:
        raise _Refused("damaged") from error


def _walk(item: Any, depth: int) -> None:
    """Looks at one indirect object and the direct ones inside it."""
    if depth > NESTING:
        raise _Refused("too_large", "complex")
    if isinstance(item, pikepdf.Array):
        for entry in item:
            if isinstance(entry, pikepdf.Object) and not entry.is_indirect:
                _walk(entry, depth + 1)
    elif isinstance(item, pikepdf.Dictionary | pikepdf.Stream):
        _look_at(item)
        for _, entry in item.items():
            if isinstance(entry, pikepdf.Object) and not entry.is_indirect:
                _walk(entry, depth + 1)


def _look_at(item: Any) -> None:
    kind = item.get("/S")
    if isinstance(kind, pikepdf.Name) and str(kind) in ACTIONS:
        raise _Refused("forbidden_content", ACTIONS[str(kind)])
    if "/JS" in item:
        raise _Refused("forbidden_content", "javascript")
    if "/XFA" in item:
        raise _Refused("forbidden_content", "xfa")
    if item.get("/Subtype") in ("/RichMedia", "/Screen", "/3D", "/Movie", "/Sound"):
        raise _Refused("forbidden_content", "media")


def _unpacked_bytes(stream: Any) -> int:
    """How many bytes the stream unpacks to; stops at the limit instead of finishing."""
    if stream.get("/Subtype") == "/Image":
        pixels = int(stream.get("/Width", 0)) * int(stream.get("/Height", 0))
        if pixels > MOST_PIXELS:
            raise _Refused("too_large", "unpacked")
    filters = stream.get("/Filter", ())
    names = [str(filters)] if isinstance(filters, pikepdf.Name) else [str(f) for f in filters]
    pieces: Iterator[bytes] = iter((stream.read_raw_bytes(),))
    for name in names:
        if name not in ("/FlateDecode", "/Fl"):
            if name in ("/LZWDecode", "/LZW"):  # qpdf reads it whole, under the memory limit
                return _checked(len(stream.read_bytes()))
            break  # image codecs do not amplify beyond their pixels, ASCII ones shrink
        pieces = _inflated(pieces)
    size = 0
    for piece in pieces:
        size = _checked(size + len(piece))
    return size


def _checked(size: int) -> int:
    if size > STREAM_BYTES:
        raise _Refused("too_large", "unpacked")
    return size


def _inflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj()
    for piece in pieces:
        waiting = piece
        while waiting and not inflater.eof:
            try:
                yield inflater.decompress(waiting, 1 << 20)
            except zlib.error:
                return  # a broken stream ends where it breaks, as in viewers
            waiting = inflater.unconsumed_tail


def _can_be_shown(file: Path, pages: int) -> None:
    try:
        with pypdfium2.PdfDocument(file) as document:
            if len(document) != pages:
                raise _Refused("damaged")
            document[0].close()
    except pypdfium2.PdfiumError as error:
        raise _Refused("damaged") from error
