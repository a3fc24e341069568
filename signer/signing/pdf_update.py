"""In the sandbox: incremental updates, one after the other, behind a document nobody touches."""

import io
import re
from io import BytesIO
from typing import Any, BinaryIO

from pyhanko.pdf_utils.generic import IndirectObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from signer.errors import N_, Invalid
from signer.signing.pdf_names import speed_up

speed_up()

IN_MEMORY_BYTES = 16 * 1024 * 1024
"""Smaller files are read into memory, because the parser reads them letter by letter."""


class UpdateWriter(IncrementalPdfFileWriter):
    """Writes several updates after one reading of the document.

    It leaves the author's properties as they are; pyHanko would write itself in as producer.
    """

    def __init__(self, file: BinaryIO) -> None:
        """`Invalid` for an encrypted document; pyHanko's errors for a broken one."""
        stream, self.size_bytes = _growing(file)
        self._past: dict[tuple[int, int], Any] = {}
        self._pages: dict[int, Any] = {}
        self._is_written = False
        super().__init__(stream, strict=False)
        if self.prev.encrypted:
            raise Invalid(N_("Tài liệu đang được đặt mật khẩu nên không ký được."))

    def find_page_for_modification(self, page_ix: int) -> Any:
        """The page, looked for once: updates leave the page tree as it is."""
        if page_ix not in self._pages:
            self._pages[page_ix] = self._listed_page(page_ix) or (
                super().find_page_for_modification(page_ix)  # type: ignore[no-untyped-call]  # pyHanko
            )
        return self._pages[page_ix]

    def _listed_page(self, page_ix: int) -> Any:
        """The page, when the root of the page tree lists pages only: none before it is read."""
        tree: Any = self.root["/Pages"]
        kids = tree["/Kids"]
        if not (0 <= page_ix < len(kids) == tree["/Count"]):
            return None
        page = kids.raw_get(page_ix)
        leaf: Any = kids[page_ix]
        is_page = isinstance(page, IndirectObject) and leaf["/Type"] == "/Page"
        return (page, None) if is_page else None

    def write_update(self) -> int:
        """What changed since the last update is the next one; answers where it ends."""
        super().write_in_place()  # type: ignore[no-untyped-call]  # pyHanko
        stream: Any = self.prev.stream
        end: int = stream.tell()
        stream.seek(end - 40)
        found = re.search(rb"startxref\n(\d+)\n%%EOF\n$", stream.read(40))
        assert found is not None
        self.prev.last_startxref = int(found[1])
        if self.stream_xrefs:
            self._lastobj_id += 1  # the cross-reference stream took a number without saying so
        self._is_written = True
        return end

    def begin_update(self) -> None:
        """What was written is the past, and can be changed once more by another update."""
        if not self._is_written:
            return
        self._is_written = False
        for (generation, number), written in self.objects.items():
            _belongs_to(written, self._reference(number, generation))
        self._past.update(self.objects)
        self.objects.clear()

    def appended(self) -> bytes:
        """Everything behind the document."""
        stream: Any = self.prev.stream
        stream.seek(self.size_bytes)
        return bytes(stream.read())

    def get_object(self, ido: Any, as_metadata_stream: bool = False) -> Any:
        """As the last update left it."""
        key = (ido.generation, ido.idnum)
        if key in self._past and key not in self.objects:
            return self._past[key]
        return super().get_object(ido, as_metadata_stream)

    def _reference(self, number: int, generation: int) -> Any:
        return self.root_ref.__class__(number, generation, self)

    def _update_meta(self) -> None:
        pass


def _belongs_to(written: Any, reference: Any) -> None:
    """pyHanko knows which object to write again by this, and sets it only when it reads one."""
    written.container_ref = reference
    inner = dict.values(written) if isinstance(written, dict) else written
    if isinstance(written, dict | list):
        for value in list.__iter__(inner) if isinstance(inner, list) else inner:
            if isinstance(value, dict | list):
                _belongs_to(value, reference)


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
