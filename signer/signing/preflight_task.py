"""In the sandbox: what a PDF is, by three readers that must all be able to open it."""

import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields

from signer.errors import N_, Invalid
from signer.signing import hidden_task
from signer.signing.content_task import (
    SUSPECT,
    Refused,
    no_guesses,
    no_hidden_layers,
    no_other_file,
    walk,
    written,
)
from signer.signing.geometry import Box, PageGeometry
from signer.signing.pdf_task import entry_of, geometry_of_page, raw_items, widget_of
from signer.signing.shadows_task import Listed, ObjectGraph, is_signed

MOST_PAGES = 5_000
MOST_OBJECTS = 2_000_000
TREE_DEPTH = 64
STREAM_BYTES = 256 * 1024 * 1024
"""Unpacked size of one stream: a 600-dpi A4 page in colour has 104 MB."""

TOTAL_BYTES = 1024 * 1024 * 1024
MOST_PIXELS = 500_000_000

REWRITTEN = ("spare_pages", "spare_content", "missing_objects", "unlisted_objects")
"""Warned content that a file written anew no longer has."""


def inspect(*, path: str) -> dict[str, Any]:
    """The facts of `preflight.Preflight` as JSON."""
    file = Path(path)
    try:
        with file.open("rb") as stream:
            # Viewers accept the header anywhere in the first 1024 bytes (7.5.2, note).
            if b"%PDF-" not in stream.read(1024):
                raise Refused("not_pdf")
        return _judged(file)
    except Refused as refused:
        told = refused.told
    if told["verdict"] == "damaged" and not is_signed(file):
        told["repairable"] = _can_be_repaired(file)
    return told


def repair(*, path: str) -> tuple[dict[str, Any], tuple[bytes]]:
    """The whole document written anew: what nothing leads to is left out, the tables are right."""
    file = Path(path)
    refusal = Invalid(
        N_("Tệp PDF này không sửa được. Hãy xuất lại tệp PDF rồi tải lên lại."), field="file"
    )
    if is_signed(file):
        raise Invalid(
            N_("Tài liệu đã có chữ ký số nên không được sửa; sửa sẽ làm mất chữ ký."), field="file"
        )
    try:
        return {}, (_written_anew(file),)
    except (Refused, pikepdf.PdfError, ValueError, TypeError, RuntimeError, OSError) as error:
        raise refusal from error


def _written_anew(file: Path) -> bytes:
    with _opened(file) as document:
        if document.is_encrypted or any(
            isinstance(item, pikepdf.Object) and b"/ByteRange" in written(item)
            for item in document.objects
        ):
            raise ValueError("encrypted or signed")
        _draw_fields(document)
        copy = io.BytesIO()
        document.save(copy)
    _judged(copy.getvalue())
    return copy.getvalue()


def _draw_fields(document: pikepdf.Pdf) -> None:
    """Each field shows its value by itself; `Refused` for values that qpdf has no letters for."""
    form = document.Root.get("/AcroForm")
    if form is None or not form.get("/NeedAppearances"):
        return
    for field in document.acroform.fields:
        if not str(field.obj.get("/V", "")).isascii():
            raise Refused("damaged", "undrawn")
    document.generate_appearance_streams()
    form.NeedAppearances = False


def _can_be_repaired(file: Path) -> bool:
    try:
        return bool(_written_anew(file))
    except (Refused, pikepdf.PdfError, ValueError, TypeError, RuntimeError, OSError):
        return False


def _judged(source: Path | bytes) -> dict[str, Any]:
    """What all three readers say."""
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as stream:
        facts, listed = _structure(stream)
        facts["warnings"] = _contents(source, listed)
    _can_be_shown(source, facts)
    codes = {warning["code"] for warning in facts["warnings"]}
    facts["repairable"] = facts["verdict"] == "ok" and not codes.isdisjoint(REWRITTEN)
    return facts


def _structure(stream: Any) -> tuple[dict[str, Any], Listed]:
    """What the signing library sees: pages, fields, signatures, locks; and its tables."""
    try:
        reader = PdfFileReader(stream, strict=False)
        if reader.encrypted:
            raise Refused("encrypted")
        pages = list(_pages(reader))
        if not pages:
            raise Refused("damaged", "no_pages")
        if entry_of(reader.root["/Pages"], "/Count") != len(pages):
            raise Refused("damaged")  # readers that trust it show other pages
        fields, locked = _fields(reader, pages)
        listed = Listed(reader, stream)
    except (Refused, MemoryError):
        raise
    except Exception as error:  # what a parser meets in a damaged file is not documented
        raise Refused("damaged") from error
    signatures = sum(1 for field in fields if field["signed"])
    facts = {
        "verdict": "locked" if locked else "signed" if signatures else "ok",
        "pages": [
            [geometry.size.width, geometry.size.height, geometry.size.rotation]
            for _, geometry in pages
        ],
        "signatures": signatures,
        "fields": fields,
    }
    return facts, listed


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
                raise Refused("too_large", "pages", limit=MOST_PAGES)
            yield node, geometry_of_page(node)
            continue
        if depth > TREE_DEPTH:
            raise Refused("damaged")
        for kid in reversed(raw_items(kids)):
            reference = getattr(kid, "reference", None)
            if reference is not None and reference in seen:
                raise Refused("damaged")
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


def _contents(source: Path | bytes, listed: Listed) -> list[dict[str, Any]]:
    """The warnings; no object is forbidden, and none unpacks without measure."""
    warnings: list[dict[str, Any]] = []
    try:
        with _opened(source) as document:
            objects: Any = document.objects  # numbers among them come as Python's own
            if len(objects) > MOST_OBJECTS:
                raise Refused("too_large", "complex")
            graph, total, links = ObjectGraph(document, listed), 0, 0
            for item in objects:
                if not isinstance(item, pikepdf.Object):
                    continue
                if isinstance(item, pikepdf.Stream):
                    no_other_file(item)
                    total += _unpacked_bytes(item)
                    if total > TOTAL_BYTES:
                        raise Refused("too_large", "unpacked")
                as_text = written(item)
                graph.add(item, as_text)
                if SUSPECT.search(as_text):
                    links += walk(item, 0)
            no_hidden_layers(document.Root.get("/OCProperties"))
            no_guesses(document)
            warnings += graph.warnings()
            if links:
                warnings.append({"code": "other_files", "values": {"count": links}})
    except pikepdf.PasswordError as error:
        raise Refused("encrypted") from error
    except MemoryError as error:
        raise Refused("too_large", "unpacked") from error
    except (pikepdf.PdfError, ValueError, TypeError, RuntimeError, OSError) as error:
        raise Refused("damaged") from error
    return warnings


def _opened(source: Path | bytes) -> pikepdf.Pdf:
    if isinstance(source, bytes):
        return pikepdf.open(io.BytesIO(source), suppress_warnings=True)
    return pikepdf.open(source, access_mode=pikepdf.AccessMode.mmap, suppress_warnings=True)


def _unpacked_bytes(stream: Any) -> int:
    """How many bytes the stream unpacks to; stops at the limit instead of finishing."""
    if stream.get("/Subtype") == "/Image":
        pixels = int(stream.get("/Width", 0)) * int(stream.get("/Height", 0))
        if pixels > MOST_PIXELS:
            raise Refused("too_large", "unpacked")
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
        raise Refused("too_large", "unpacked")
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


def _can_be_shown(source: Path | bytes, facts: dict[str, Any]) -> None:
    """pdfium sees as many pages, and what it sees unseen on them is among the warnings."""
    try:
        with pypdfium2.PdfDocument(source) as document:
            if len(document) != len(facts["pages"]):
                raise Refused("damaged")
            facts["warnings"] += hidden_task.warnings(document)
    except pypdfium2.PdfiumError as error:
        raise Refused("damaged") from error
