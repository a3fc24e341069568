"""Pages as people see them: images for the eye, words with places for search and screen readers."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from signer.errors import N_, Invalid
from signer.signing.geometry import Box, PageSize
from signer.signing.sandbox import Reply, Sandbox, SandboxFailure, drawing_sandbox

PAGE_SECONDS = 20.0
"""A scanned A4 page takes half a second on a slow core."""

CACHE_BYTES = 48 * 1024 * 1024
"""About 300 pages at 100 dpi, per process."""

DPI_ALLOWED = range(36, 301)

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Word:
    """One word and its box in displayed points."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def box(self) -> Box:
        """Where it stands."""
        return Box(x0=self.x0, y0=self.y0, x1=self.x1, y1=self.y1)


@dataclass(frozen=True, kw_only=True)
class PageText:
    """The words of a page in reading order, and the page they stand on."""

    size: PageSize
    words: tuple[Word, ...]


class PageRenderer:
    """Images and words of pages, made in the sandbox and kept by content, page and resolution.

    Safe for threads. Pages count from 1.
    """

    def __init__(self, sandbox: Sandbox | None = None, *, cache_bytes: int = CACHE_BYTES) -> None:
        self._sandbox = sandbox
        self._images: Cache[bytes] = Cache(cache_bytes)
        self._texts: Cache[PageText] = Cache(cache_bytes // 4)
        self._hashes: Cache[str] = Cache(64 * 1024)

    def image(self, path: Path, page: int, dpi: int = 100) -> bytes:
        """The page as a PNG, drawn with its signatures and notes.

        `Invalid` when the file cannot be read, has no such page, or is too much for the limits.
        """
        if dpi not in DPI_ALLOWED:
            raise Invalid(N_("Độ phân giải phải từ 36 đến 300 điểm trên inch."), field="dpi")
        key = (self._sha256(path), page, dpi)
        return self._images.get(
            key,
            lambda: self._ask("pages_task:image", path, page, dpi=dpi).blobs[0],
            size=len,
        )

    def text(self, path: Path, page: int) -> tuple[Word, ...]:
        """The words of the page in reading order; none on a scanned page. Errors as `image`."""
        return self.page_text(path, page).words

    def page_text(self, path: Path, page: int) -> PageText:
        """The words together with the size of the page. Errors as `image`."""
        key = (self._sha256(path), page)
        return self._texts.get(
            key,
            lambda: _page_text(self._ask("pages_task:text", path, page)),
            size=lambda found: 200 * len(found.words) + 100,
        )

    def _ask(self, task: str, path: Path, page: int, **more: int) -> Reply:
        sandbox = self._sandbox or drawing_sandbox()
        try:
            return sandbox.call(
                task, {"path": str(path.absolute()), "page": page, **more}, seconds=PAGE_SECONDS
            )
        except SandboxFailure as failure:
            raise Invalid(
                N_("Trang %(page)s quá phức tạp hoặc bị lỗi nên không xem được."), page=page
            ) from failure

    def _sha256(self, path: Path) -> str:
        """The content's hash; computed again only when the file's date or size changed."""
        try:
            facts = path.stat()
        except OSError as error:
            raise Invalid(N_("Không tìm thấy tệp PDF.")) from error
        key = (str(path), facts.st_ino, facts.st_mtime_ns, facts.st_size)
        return self._hashes.get(key, lambda: _hash_of(path), size=lambda _: 200)


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _page_text(reply: Reply) -> PageText:
    told = reply.value
    return PageText(
        size=PageSize(
            width=float(told["width"]),
            height=float(told["height"]),
            rotation=int(told["rotation"]),
        ),
        words=tuple(
            Word(text=str(text), x0=float(x0), y0=float(y0), x1=float(x1), y1=float(y1))
            for text, x0, y0, x1, y1 in told["words"]
        ),
    )


class Cache(Generic[T]):  # Python 3.11 has no parameter lists
    """Least recently used values are forgotten when all together are too big."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._kept: OrderedDict[object, tuple[T, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: object, make: Callable[[], T], *, size: Callable[[T], int]) -> T:
        """The value for the key, made outside the lock when it is not there."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
        value = make()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = (value, size(value))
                self._used += size(value)
            while self._used > self._limit and len(self._kept) > 1:
                _, (_, freed) = self._kept.popitem(last=False)
                self._used -= freed
        return value
