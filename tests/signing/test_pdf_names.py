"""Names read and written in one step are the very names that pyHanko makes of them."""

import io

import pytest
from pyhanko.pdf_utils.misc import PdfError

from signer.signing import pdf_names


def tried(work: object, *arguments: object) -> object:
    try:
        return work(*arguments)  # type: ignore[operator]
    except PdfError as error:
        return type(error), str(error)


@pytest.mark.parametrize("before", [b"", b"Name", b"a" * 62, b"a" * 63, b"a" * 64, b"a" * 130])
def test_every_byte_as_the_library_reads_it(before: bytes) -> None:
    """Tokens end at the same place, names mean the same or are refused alike."""
    for byte in range(256):
        for after in (b"", b"0", b"41", b" x", b"/x", b"\xc3\xa9"):
            data = before + bytes((byte,)) + after
            ours, theirs = io.BytesIO(data), io.BytesIO(data)
            assert pdf_names.read_token(ours) == pdf_names.slow_token(theirs)
            assert ours.tell() == theirs.tell()
            assert tried(pdf_names.read_name, data) == tried(pdf_names.slow_read, data)


def test_every_letter_as_the_library_writes_it() -> None:
    """Delimiters, blanks and letters outside of ASCII are escaped alike."""
    for code in [*range(0x180), 0x1EA1, 0x1F600]:
        for text in ("/" + chr(code), f"/Na{chr(code)}me", chr(code)):
            ours, theirs = io.BytesIO(), io.BytesIO()
            name = pdf_names.library.NameObject(text)
            assert tried(pdf_names.write_name, name, ours) == tried(
                pdf_names.slow_write, name, theirs
            )
            assert ours.getvalue() == theirs.getvalue()
