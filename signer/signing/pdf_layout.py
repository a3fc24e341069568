"""A document and what will stand behind it: gaps are filled here, by whom nobody's file can reach.

The digests are made over the very file that was handed in (R45), whatever the sandbox answered.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from signer.errors import N_, Invalid, Unavailable

IN_MEMORY_BYTES = 16 * 1024 * 1024
"""Larger documents are copied on disk instead of being held in memory."""

TOO_COMPLEX = N_("Tài liệu PDF quá phức tạp hoặc bị lỗi nên không ký được. Hãy xuất lại tệp PDF.")

Span = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One incremental update; offsets count from the start of the first update."""

    end: int
    gap: Span | None
    """Where a CMS object goes as a hexadecimal string."""
    regions: tuple[Span, ...]
    """Where streams go, blank as long as they are not known."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Belongs to this process: it holds a hash that is half way through the file."""

    document: bytes | Path
    """The document itself, or its copy on disk when it is a large one."""
    size_bytes: int
    hashed: "hashlib._Hash" = field(repr=False)
    """SHA-256 of the document."""
    update: bytes = field(repr=False)
    parts: tuple[Part, ...]


def layout_of(
    source: Path,
    work: Path,
    told: Mapping[str, Any],
    update: bytes,
    patch: tuple[int, bytes] | None = None,
) -> Layout:
    """What the sandbox laid out for `source`, once it is known to be sound.

    `work` is where a large document is copied to; `patch` is (offset, bytes) to write over.
    """
    hashed = hashlib.sha256()
    document: bytes | Path = work
    if source.stat().st_size <= IN_MEMORY_BYTES:
        document = source.read_bytes()
        if patch is not None:
            at, data = patch
            document = b"".join((document[:at], data, document[at + len(data) :]))
        size_bytes = len(document)
        hashed.update(document)
    else:
        shutil.copyfile(source, work)
        with work.open("r+b") as file:
            if patch is not None:
                file.seek(patch[0])
                file.write(patch[1])
                file.seek(0)
            while chunk := file.read(1 << 20):
                hashed.update(chunk)
            size_bytes = file.tell()
    parts = tuple(_sound_parts(told["parts"], update, size_bytes))
    return Layout(
        document=document, size_bytes=size_bytes, hashed=hashed, update=update, parts=parts
    )


def _sound_parts(told: Sequence[Any], update: bytes, size_bytes: int) -> list[Part]:
    """`Invalid` when a span is no gap: a child that answers nonsense was taken over by the file."""
    parts, before = [], 0
    for one in told:
        end = int(one["end"]) - size_bytes
        gap = None if one["gap"] is None else _span(one["gap"], size_bytes)
        regions = tuple(_span(region, size_bytes) for region in one["regions"])
        at = before
        for start, stop in sorted((*regions, *([gap] if gap else ()))):
            if not at <= start < stop <= end:
                raise Invalid(TOO_COMPLEX)
            at = stop
        if not before < end <= len(update) or any(update[a:b].strip() for a, b in regions):
            raise Invalid(TOO_COMPLEX)
        if gap is not None:
            start, stop = gap
            ranges = b"[0 %d %d %d]" % (size_bytes + start, size_bytes + stop, end - stop)
            blank = b"<" + b"0" * (stop - start - 2) + b">"
            if update[start:stop] != blank or ranges not in update[before:end]:
                raise Invalid(TOO_COMPLEX)
        parts.append(Part(end=end, gap=gap, regions=regions))
        before = end
    if before != len(update):
        raise Invalid(TOO_COMPLEX)
    return parts


def _span(told: Sequence[Any], size_bytes: int) -> Span:
    start, stop = told
    return int(start) - size_bytes, int(stop) - size_bytes


def digest_of(layout: Layout, update: bytes | bytearray, part: Part) -> bytes:
    """SHA-256 of everything up to the part's end without its gap."""
    assert part.gap is not None
    start, stop = part.gap
    hashed = layout.hashed.copy()
    view = memoryview(update)
    hashed.update(view[:start])
    hashed.update(view[stop : part.end])
    return hashed.digest()


def fill_gap(update: bytearray, gap: Span, der: bytes) -> None:
    """The CMS object stands in its gap; `Unavailable` when a token is longer than was promised."""
    update[gap[0] : gap[1]] = in_gap(der, gap[1] - gap[0])


def in_gap(der: bytes, gap_bytes: int) -> bytes:
    """The hexadecimal string of exactly this length; `Unavailable` as `fill_gap`."""
    filled = b"<" + der.hex().encode().ljust(gap_bytes - 2, b"0") + b">"
    if len(filled) != gap_bytes:
        raise Unavailable(N_("Dịch vụ dấu thời gian trả lời sai. Hãy thử lại sau ít phút."))
    return filled


def fill_regions(update: bytearray, part: Part, answers: Sequence[bytes]) -> None:
    """Each answer stands as a stream in its region."""
    for (start, stop), answer in zip(part.regions, answers, strict=True):
        written = b"<</Length %d>>\nstream\n%s\nendstream" % (len(answer), answer)
        if len(written) > stop - start:
            raise AssertionError("an answer is longer than its material said")
        update[start:stop] = written.ljust(stop - start)


def write(layout: Layout, update: bytes | bytearray, output: Path) -> str:
    """`output` is the document with the update behind it; its SHA-256, in hex."""
    document = layout.document
    work = document if isinstance(document, Path) else output.with_name(output.name + ".part")
    try:
        with work.open("ab" if isinstance(document, Path) else "wb", buffering=0) as file:
            data = document + update if isinstance(document, bytes) else update
            if file.write(data) != len(data):
                raise Unavailable(N_("Không đủ chỗ trên đĩa để ghi tài liệu đã ký."))
        work.replace(output)
    except BaseException:
        with contextlib.suppress(OSError):
            work.unlink()
        raise
    whole = layout.hashed.copy()
    whole.update(update)
    return whole.hexdigest()


def discard(layout: Layout) -> None:
    """The copy of a large document is gone."""
    if isinstance(layout.document, Path):
        layout.document.unlink(missing_ok=True)
