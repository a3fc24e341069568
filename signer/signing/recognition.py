"""Which parts of a file are revisions that this service itself made, told by their hashes.

A revision made here is known byte for byte: the file up to its end has the hash of a document
that was stored, and the file up to its start the hash of what was signed then. What we added
needs no difference analysis, however large the document is; everything else does.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

Known = Callable[[Sequence[str]], Collection[tuple[str, str]]]
"""Of the SHA-256 of a file's prefixes, the (input, output) pairs that are revisions made here."""

ENDS_LIMIT = 512
"""No honest document has more ends; one with thousands is analysed in full."""

_MARK = b"%%EOF"
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Prefixes:
    """The hash of the file and of each part of it that could be an earlier version."""

    sha256: str
    size_bytes: int
    ends: tuple[tuple[int, str], ...]
    """(octets from the start, SHA-256 in hex), shortest first."""


def prefixes_of(path: Path) -> Prefixes:
    """One pass over the file; a version ends behind %%EOF, with or without its end of line."""
    hashed, done, carry = hashlib.sha256(), 0, b""
    ends: list[tuple[int, str]] = []
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            window = carry + chunk
            # What could be the start of a mark with its end of line waits for the next chunk.
            ready = len(window) if not chunk else max(0, len(window) - len(_MARK) - 2)
            at = 0
            while len(ends) <= ENDS_LIMIT and 0 <= (mark := window.find(_MARK, at)) < ready:
                for stop in _stops(window, mark + len(_MARK)):
                    hashed.update(window[at:stop])
                    at = stop
                    ends.append((done + stop, hashed.hexdigest()))
            if at < ready:
                hashed.update(window[at:ready])
                at = ready
            done, carry = done + at, window[at:]
            if not chunk:
                break
    if len(ends) > ENDS_LIMIT:
        ends = []
    whole = hashed.hexdigest()
    if ends and ends[-1][0] != done:
        ends.append((done, whole))
    return Prefixes(sha256=whole, size_bytes=done, ends=tuple(ends))


def _stops(window: bytes, end: int) -> list[int]:
    """Where a version may end: behind the mark, and behind one end of line after it."""
    line = next((eol for eol in (b"\r\n", b"\n", b"\r") if window.startswith(eol, end)), b"")
    return [end + size for size in range(len(line) + 1)]


def own_ranges(prefixes: Prefixes, known: Known) -> tuple[tuple[int, int], ...]:
    """(start, end) of each part of the file that is a revision made here, in octets."""
    if len(prefixes.ends) < 2:
        return ()
    lengths: dict[str, list[int]] = {}
    for length, sha256 in prefixes.ends:
        lengths.setdefault(sha256, []).append(length)
    pairs = known([sha256 for _, sha256 in prefixes.ends])
    return tuple(
        sorted(
            (start, end)
            for source, made in pairs
            for start in lengths.get(source, ())
            for end in lengths.get(made, ())
            if start < end
        )
    )
