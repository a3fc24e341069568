"""Files that a web server hands out as they are: each is whole, and none ever goes back in time."""

import fcntl
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from signer.ca.outputs import sync, write_whole
from signer.db import in_transaction
from signer.errors import N_, Unavailable

_NOT_WRITTEN = N_(
    "Không ghi được danh sách thu hồi vào thư mục công bố; hệ thống sẽ tự ghi lại ở lần sau."
)


class PublishedFiles:
    """A folder that several threads and processes bring up to date."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, tuple[tuple[int, int, int], str]] = {}

    def update(
        self, wanted: Callable[[], Mapping[str, str]], content: Callable[[str], bytes]
    ) -> list[str]:
        """Every wanted file holds its content; returns the names of those that were written.

        `wanted` gives the SHA-256 of each name. It is asked once nobody else can write here, and
        `content` after it, so what is written is never older than what it replaces.
        `Unavailable` when the folder takes no file (a full disk): what it held is untouched.
        """
        if in_transaction():
            raise RuntimeError("a transaction is open while files are written")
        try:
            with self._alone():
                stale = [name for name, sha in wanted().items() if self._sha256(name) != sha]
                for name in stale:
                    file = self._folder / name
                    file.parent.mkdir(parents=True, exist_ok=True)
                    write_whole(file, content(name))
                for parent in {(self._folder / name).parent for name in stale}:
                    sync(parent)
        except OSError as error:
            raise Unavailable(_NOT_WRITTEN, retry_after_seconds=60) from error
        return stale

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other thread or process writes here until the block ends, or its process does."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _sha256(self, name: str) -> str:
        """Of the file as it is; read only when it changed since the last look. Empty if none."""
        try:
            told = (self._folder / name).stat()
        except FileNotFoundError:
            return ""
        looks = (told.st_ino, told.st_size, told.st_mtime_ns)
        if self._seen.get(name, (None, ""))[0] != looks:
            with (self._folder / name).open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            self._seen[name] = (looks, digest)
        return self._seen[name][1]
