"""In the sandbox: pyHanko reads a hexadecimal string in one piece instead of digit by digit.

The place kept for a signature is thousands of digits; reading them one at a time takes longer
than everything else that is done to validate it.
"""

import binascii
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfStreamError

_PIECE = 1 << 14
_SPACE = b"\x00\t\n\x0c\r "  # ISO 32000-1, 7.2.2


def read_hex_string(stream: Any) -> Any:  # pyHanko's strings and streams are untyped
    """As pyHanko's `read_hex_string_from_stream`; the stream stands behind the string."""
    stream.read(1)
    start, pieces = stream.tell(), []
    while True:
        piece = stream.read(_PIECE)
        end = piece.find(b">")
        if end >= 0:
            pieces.append(piece[:end])
            break
        if not piece:
            raise PdfStreamError("Stream has ended unexpectedly")
        pieces.append(piece)
    text = b"".join(pieces)
    stream.seek(start + len(text) + 1)
    digits = text.translate(None, _SPACE)
    try:
        found = binascii.unhexlify(digits + b"0" * (len(digits) % 2))
    except binascii.Error as error:
        raise PdfStreamError("Unexpected token in hex string") from error
    return generic.pdf_string(found)


def install() -> None:
    """All of pyHanko in this process reads so."""
    generic.read_hex_string_from_stream = read_hex_string
