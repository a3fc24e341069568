"""In the sandbox: the incremental update with the field, its appearance and a gap to sign.

No key and no certificate is here, and nothing is written to a file: the parent gets the bytes to
append and the place of the gap, and makes the digest itself.
"""

import io
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.fields import FieldMDPSpec, SigFieldSpec, enumerate_sig_fields
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.cms_embedder import (
    PdfCMSEmbedder,
    SigMDPSetup,
    SigObjSetup,
)
from pyhanko.sign.signers.pdf_byterange import BuildProps, SignatureObject

from signer.clock import HANOI
from signer.errors import N_, Invalid
from signer.signing.appearance import AppearanceText, Drawing, EmbeddedFont, draw
from signer.signing.geometry import Box, PageGeometry, geometry_of

IN_MEMORY_BYTES = 16 * 1024 * 1024
"""Smaller files are read into memory, because the parser reads them letter by letter."""

objects: Any = generic
"""pyHanko's constructors carry no types."""

TREE_DEPTH = 64
"""No honest page tree or form is deeper; a circular one is."""


def prepare(
    *,
    source: str,
    field_name: str | None,
    page: int,
    box: list[float] | None,
    appearance: dict[str, Any],
    at: str,
    reason: str | None,
    reserved_bytes: int,
    blobs: tuple[bytes, ...] = (),
) -> tuple[dict[str, Any], tuple[bytes]]:
    """The bytes to append to the document, with the gap to sign; see `pdf.prepare_pdf`."""
    try:
        with Path(source).open("rb") as file:
            stream, size_bytes = _growing(file)
            writer = _Writer(stream, strict=False)
            if writer.prev.encrypted:
                raise Invalid(N_("Tài liệu đang được đặt mật khẩu nên không ký được."))
            text = AppearanceText.from_message(appearance, blobs)
            update = _Update(writer, text, datetime.fromisoformat(at))
            update.choose_field(field_name, page, None if box is None else Box(**_corners(box)))
            told = update.write(reason, reserved_bytes)
            stream.seek(size_bytes)
            return told, (stream.read(),)
    except (PdfError, SigningError, ValueError, TypeError, KeyError, AttributeError) as error:
        # pyHanko meets malformed objects with any of these (design.md, "Measured floors")
        raise Invalid(
            N_("Tài liệu PDF có cấu trúc bị lỗi nên không ký được. Hãy xuất lại tệp PDF.")
        ) from error


class _Writer(IncrementalPdfFileWriter):
    """Leaves the author's properties as they are; pyHanko would write itself in as producer."""

    def _update_meta(self) -> None:
        pass


def _growing(file: BinaryIO) -> tuple[BinaryIO, int]:
    """The document as a stream that can be appended to without touching the file; its size."""
    size_bytes = file.seek(0, io.SEEK_END)
    file.seek(max(0, size_bytes - 1))
    ends_a_line = file.read(1) in (b"\n", b"\r")
    file.seek(0)
    stream: Any
    if size_bytes <= IN_MEMORY_BYTES:
        stream = BytesIO(file.read())
    else:
        stream = io.BufferedRandom(_Overlay(file, size_bytes))
    if not ends_a_line:  # an object must not start on the line of the old %%EOF
        stream.seek(0, io.SEEK_END)
        stream.write(b"\n")
    stream.seek(0)
    return stream, size_bytes


class _Overlay(io.RawIOBase):
    """A read-only file whose end is in memory."""

    def __init__(self, file: BinaryIO, size_bytes: int) -> None:
        super().__init__()
        self._file, self._size = file, size_bytes
        self._more = bytearray()
        self._at = 0

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        self._at = start + offset
        return self._at

    @property
    def _end(self) -> int:
        return self._size + len(self._more)

    def readinto(self, buffer: Any) -> int:
        if self._at < self._size:
            self._file.seek(self._at)
            data = self._file.read(min(len(buffer), self._size - self._at))
        else:
            start = self._at - self._size
            data = bytes(self._more[start : start + len(buffer)])
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def write(self, data: Any) -> int:
        start = self._at - self._size
        if start < 0:
            raise OSError("the document itself is never written")
        self._more[start : start + len(data)] = data
        self._at += len(data)
        return len(data)


def _corners(box: list[float]) -> dict[str, float]:
    x0, y0, x1, y1 = (float(value) for value in box)
    return {"x0": min(x0, x1), "y0": min(y0, y1), "x1": max(x0, x1), "y1": max(y0, y1)}


class _Update:
    """One incremental update while it is being composed."""

    def __init__(
        self, writer: IncrementalPdfFileWriter, text: AppearanceText, at: datetime
    ) -> None:
        self.writer: Any = writer  # its methods carry no types
        self.text = text
        self.at = at
        self.name = ""
        self.geometry: PageGeometry
        self.page = 0
        self.new_field: SigFieldSpec | None = None
        self.drawing: Drawing | None = None

    def choose_field(self, wanted: str | None, page: int, box: Box | None) -> None:
        """An existing empty field of that name, else a new one under a name not yet used."""
        taken: set[str] = set()
        for name, value, reference in enumerate_sig_fields(self.writer):
            taken.add(name)
            if name == wanted and not value:
                self.name = name
                self.page, self.geometry = self._page_showing(reference)
                return
        if box is None:
            raise Invalid(N_("Hãy chọn vị trí đặt chữ ký trên trang."), field="box")
        self.page, self.geometry = page, geometry_of_page(self._page(page))
        size = self.geometry.size
        if (
            box.x0 < -0.5
            or box.y0 < -0.5
            or box.x1 > size.width + 0.5
            or box.y1 > size.height + 0.5
        ):
            raise Invalid(N_("Khung chữ ký nằm ngoài trang %(page)s."), field="box", page=page)
        self.drawing = draw(self.text, self.at, box.width, box.height)
        self.name = self._free_name(wanted or "Signature1", taken)
        user = self.geometry.to_user(box)
        self.new_field = SigFieldSpec(
            self.name,
            on_page=page - 1,
            box=(user.x0, user.y0, user.x1, user.y1),  # type: ignore[arg-type]  # reals work
            readable_field_name=f"Chữ ký số của {self.text.name}",
        )

    def write(self, reason: str | None, reserved_bytes: int) -> dict[str, Any]:
        """The update is in the stream; answers digest, gap and field."""
        steps = PdfCMSEmbedder(new_field_spec=self.new_field).write_cms(self.name, self.writer)
        field = next(steps).get_object()
        self._show(field)
        signature: Any = SignatureObject(
            timestamp=self.at.astimezone(HANOI),
            name=self.text.name,
            reason=reason,
            app_build_props=BuildProps(name="signer"),
            bytes_reserved=2 * reserved_bytes,
        )
        signature["/SubFilter"] = pdf_name("/ETSI.CAdES.detached")
        steps.send(SigObjSetup(sig_placeholder=signature, mdp_setup=_lock_of(field)))
        # pyHanko's last step would hash the whole document; the parent does that itself.
        self.writer.write_in_place()
        stream = self.writer.prev.stream
        start, end = signature.contents.offsets
        signature.byte_range.fill_offsets(stream, start, end, stream.tell())
        return {
            "start": start,
            "end": end,
            "field_name": self.name,
            "page": self.page,
        }

    def _show(self, field: Any) -> None:  # pyHanko's objects are untyped dictionaries
        annotation = widget_of(field)
        rectangle = [float(value) for value in entry_of(annotation, "/Rect", (0, 0, 0, 0))]
        displayed = self.geometry.to_display(
            Box(x0=rectangle[0], y0=rectangle[1], x1=rectangle[2], y1=rectangle[3])
        )
        if displayed.width < 1 or displayed.height < 1:
            return  # the form's author made an invisible field
        drawing = self.drawing or draw(self.text, self.at, displayed.width, displayed.height)
        form = self.writer.add_object(_form(drawing, self.geometry, self._font(drawing.font)))
        annotation["/AP"] = objects.DictionaryObject({pdf_name("/N"): form})
        annotation.pop("/AS", None)
        self.writer.update_container(annotation)

    def _font(self, font: EmbeddedFont) -> Any:
        program = self.writer.add_object(
            _stream(font.program, b"/Filter/FlateDecode/Length1 %d" % font.program_length)
        )
        to_unicode = self.writer.add_object(_stream(font.to_unicode, b"/Filter/FlateDecode"))
        name = font.name.encode()
        left, low, right, high = font.bounding_box
        descriptor = self.writer.add_object(
            _Raw(
                b"<</Type/FontDescriptor/FontName/%s/Flags 4/FontBBox[%d %d %d %d]/ItalicAngle 0"
                b"/Ascent %d/Descent %d/CapHeight 740/StemV 80/FontFile2 %d 0 R>>"
                % (name, left, low, right, high, font.ascent, font.descent, program.idnum)
            )
        )
        widths = " ".join(map(str, font.widths)).encode()
        descendant = self.writer.add_object(
            _Raw(
                b"<</Type/Font/Subtype/CIDFontType2/BaseFont/%s/CIDToGIDMap/Identity"
                b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
                b"/FontDescriptor %d 0 R/DW 1000/W[0[%s]]>>" % (name, descriptor.idnum, widths)
            )
        )
        return self.writer.add_object(
            _Raw(
                b"<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/Identity-H"
                b"/DescendantFonts[%d 0 R]/ToUnicode %d 0 R>>"
                % (name, descendant.idnum, to_unicode.idnum)
            )
        )

    def _page(self, number: int) -> Any:
        try:
            if number < 1:
                raise LookupError
            reference, _ = self.writer.find_page_for_modification(number - 1)
            return reference.get_object()
        except (PdfError, LookupError) as error:
            raise Invalid(
                N_("Tài liệu không có trang %(page)s."), field="page", page=number
            ) from error

    def _page_showing(self, field: Any) -> tuple[int, PageGeometry]:
        """The page whose /Annots holds the field's widget (/P is optional and may lie)."""
        widget = widget_of(field.get_object())
        wanted = widget.container_ref
        pages = int(self.writer.root["/Pages"]["/Count"])
        for number in range(1, pages + 1):
            page = self._page(number)
            annotations = entry_of(page, "/Annots", ())
            if any(getattr(entry, "reference", None) == wanted for entry in raw_items(annotations)):
                return number, geometry_of_page(page)
        return 1, geometry_of_page(self._page(1))

    def _free_name(self, wanted: str, taken: set[str]) -> str:
        """A name no field has: a second field of the same name would replace the first."""
        form = entry_of(self.writer.root, "/AcroForm", {})
        for field in entry_of(form, "/Fields", ()):
            taken.add(str(entry_of(field.get_object(), "/T", "")))
        stem = wanted.replace(".", "-").strip() or "Signature1"  # a dot would make a hierarchy
        name, number = stem, 2
        while name in taken:
            name, number = f"{stem}-{number}", number + 1
        return name


class _Raw(generic.PdfObject):
    """An object whose bytes are already written."""

    def __init__(self, written: bytes) -> None:
        self._written = written

    def write_to_stream(self, stream: Any, handler: Any = None, container_ref: Any = None) -> None:
        stream.write(self._written)


def _stream(data: bytes, entries: bytes) -> _Raw:
    return _Raw(b"<<%s/Length %d>>\nstream\n%s\nendstream" % (entries, len(data), data))


def _form(drawing: Drawing, geometry: PageGeometry, font: Any) -> _Raw:
    a, b, c, d = geometry.appearance_matrix()
    return _stream(
        drawing.content,
        b"/Type/XObject/Subtype/Form/BBox[0 0 %.3f %.3f]/Matrix[%d %d %d %d 0 0]"
        b"/Resources<</Font<</F0 %d 0 R>>>>"
        % (drawing.width, drawing.height, a, b, c, d, font.idnum),
    )


def widget_of(field: Any) -> Any:
    kids = entry_of(field, "/Kids", ())
    if len(kids) > 1:
        raise Invalid(N_("Ô chữ ký có sẵn hiện ở nhiều nơi nên không ký vào được."))
    return kids[0] if kids else field


def _lock_of(field: Any) -> SigMDPSetup | None:
    """What the author of an existing field wants locked once it is signed (12.7.4.5)."""
    seed = entry_of(field, "/SV")
    if seed is not None and int(entry_of(seed, "/Ff", 0)):
        raise Invalid(N_("Ô chữ ký có sẵn đòi hỏi điều kiện riêng nên chưa ký vào được."))
    lock = entry_of(field, "/Lock")
    if lock is None:
        return None
    return SigMDPSetup(md_algorithm="sha256", field_lock=FieldMDPSpec.from_pdf_object(lock))


def entry_of(dictionary: Any, key: str, default: Any = None) -> Any:
    """The dereferenced value; pyHanko's own `get` answers references and null objects."""
    try:
        return dictionary[key]
    except KeyError:
        return default


def raw_items(array: Any) -> list[Any]:
    return [array.raw_get(index) for index in range(len(array))] if len(array) else []


def geometry_of_page(page: Any) -> PageGeometry:
    """The geometry of a pyHanko page object, with inherited attributes (7.7.3.4)."""
    found: dict[str, Any] = {}
    node, depth = page, 0
    while node is not None and depth < TREE_DEPTH:
        for key in ("/MediaBox", "/CropBox", "/Rotate"):
            if key not in found and (value := entry_of(node, key)) is not None:
                found[key] = value
        node, depth = entry_of(node, "/Parent"), depth + 1
    letter = (0, 0, 612, 792)  # what viewers assume when the required MediaBox is missing
    return geometry_of(
        found.get("/MediaBox", letter), found.get("/CropBox"), found.get("/Rotate", 0)
    )
