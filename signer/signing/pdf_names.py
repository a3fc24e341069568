"""In the sandbox: pyHanko reads and writes ordinary names in one step, not letter by letter.

A fifth of its time goes there. What is not ordinary (an escape, a byte outside of ASCII, a token
of more than `_ORDINARY` bytes) goes the library's own way; a test compares both on every byte.
"""

import io
import re
from typing import Any

from pyhanko.pdf_utils import generic, misc

_ORDINARY = 64
_TOKEN = re.compile(rb"[^ \n\r\t\f\x00()<>\[\]{}/%]*")
_PLAIN = r"[!\"$&'*-.0-;=?-Z\\^-z|~]*"  # ASCII without blanks, delimiters and the escape
_READ, _WRITTEN = re.compile(_PLAIN.encode()), re.compile("/" + _PLAIN)

library: Any = generic
"""Its functions carry no types."""
slow_token = misc.read_until_delimiter
slow_read = library._decode_name
slow_write = library.NameObject.write_to_stream


def read_token(stream: Any) -> bytes:
    """As `misc.read_until_delimiter`: up to the next delimiter, the stream standing on it."""
    data: bytes = stream.read(_ORDINARY)
    found = _TOKEN.match(data)
    size = found.end() if found else 0
    if size < len(data):
        stream.seek(size - len(data), io.SEEK_CUR)
        return data[:size]
    if len(data) < _ORDINARY:
        return data
    stream.seek(-len(data), io.SEEK_CUR)
    return bytes(slow_token(stream))


def read_name(name: bytes) -> Any:
    """As `generic._decode_name`: the name these bytes after the slash mean."""
    if _READ.fullmatch(name):
        return library.NameObject("/" + name.decode("ascii"))
    return slow_read(name)


def write_name(self: Any, stream: Any, handler: Any = None, container_ref: Any = None) -> None:
    """As `NameObject.write_to_stream`."""
    if _WRITTEN.fullmatch(self):
        stream.write(self.encode("ascii"))
    else:
        slow_write(self, stream, handler, container_ref)


def speed_up() -> None:
    """This process reads and writes names so from now on."""
    library.read_until_delimiter = read_token
    library._decode_name = read_name
    library.NameObject.write_to_stream = write_name
