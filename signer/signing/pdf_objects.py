"""In the sandbox: small readers and writers of PDF objects around pyHanko's."""

from typing import Any

from pyhanko.pdf_utils import generic

from signer.errors import N_, Invalid
from signer.signing.geometry import PageGeometry, geometry_of

objects: Any = generic
"""pyHanko's constructors carry no types."""

TREE_DEPTH = 64
"""No honest page tree or form is deeper; a circular one is."""


class Raw(generic.PdfObject):
    """An object whose bytes are already written."""

    def __init__(self, written: bytes) -> None:
        self._written = written

    def write_to_stream(self, stream: Any, handler: Any = None, container_ref: Any = None) -> None:
        stream.write(self._written)


def stream_of(data: bytes, entries: bytes = b"") -> Raw:
    """A stream with these dictionary entries and its length."""
    return Raw(b"<<%s/Length %d>>\nstream\n%s\nendstream" % (entries, len(data), data))


def text_of(text: str) -> Raw:
    """A text string in UTF-16, as hexadecimal digits (ISO 32000-1, 7.9.2.2 and 7.3.4.3)."""
    return Raw(b"<FEFF%s>" % text.encode("utf-16-be").hex().encode())


class Region(generic.PdfObject):
    """Blanks in the place of a stream that the parent writes when it knows it."""

    start: int
    end: int

    def __init__(self, longest_bytes: int) -> None:
        self._size = longest_bytes + len(b"<</Length 1234567>>\nstream\n\nendstream")

    def write_to_stream(self, stream: Any, handler: Any = None, container_ref: Any = None) -> None:
        self.start = stream.tell()
        stream.write(b" " * self._size)
        self.end = self.start + self._size


def entry_of(dictionary: Any, key: str, default: Any = None) -> Any:
    """The dereferenced value; pyHanko's own `get` answers references and null objects."""
    try:
        return dictionary[key]
    except KeyError:
        return default


def raw_items(array: Any) -> list[Any]:
    """The items as they stand, references not followed."""
    return [array.raw_get(index) for index in range(len(array))] if len(array) else []


def top_names(root: Any) -> set[str]:
    """The names at the top of the form: a second field of one name would replace the first."""
    fields = entry_of(entry_of(root, "/AcroForm", {}), "/Fields", ())
    return {str(entry_of(field.get_object(), "/T", "")) for field in fields}


def widget_of(field: Any) -> Any:
    """The only place where the field shows."""
    kids = entry_of(field, "/Kids", ())
    if len(kids) > 1:
        raise Invalid(N_("Ô chữ ký có sẵn hiện ở nhiều nơi nên không ký vào được."))
    return kids[0] if kids else field


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
