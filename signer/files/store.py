"""The content-addressed store for documents: a file's name is the SHA-256 of its bytes."""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, from_url

from signer.db import in_transaction
from signer.errors import N_, NotFound, Unavailable

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Files:
    """Stores bytes once under their hash, on a local disk or in an S3-compatible store.

    What is stored is never overwritten and never deleted; a crash between `put` and the row
    that names it leaves an unnamed file, which harms nobody.
    """

    def __init__(self, location: Path | str) -> None:
        """`location` is a folder, made when missing, or an obstore address (s3://bucket/prefix)."""
        self._folder = location if isinstance(location, Path) else None
        self._store = (
            LocalStore(location, mkdir=True) if isinstance(location, Path) else from_url(location)
        )

    def put(self, content: bytes | Path) -> str:
        """The SHA-256 (hex) under which the content is now stored; storing it again is harmless."""
        _outside_transaction()
        sha256 = sha256_of(content)
        try:
            obstore.put(self._store, _name(sha256), content, mode="create")
        except AlreadyExistsError:
            pass
        except (BaseError, OSError) as error:
            raise Unavailable(N_("Chưa lưu được tệp; hãy thử lại sau ít phút.")) from error
        if self._folder is not None:
            _reach_the_disk(self._folder, self._folder / _name(sha256))
        return sha256

    def get(self, sha256: str) -> bytes:
        """The bytes; raises `NotFound`, also when they no longer have that hash."""
        _outside_transaction()
        try:
            content = bytes(obstore.get(self._store, _name(sha256)).bytes())
        except FileNotFoundError as error:
            raise NotFound(N_("Không tìm thấy tệp trong kho lưu trữ.")) from error
        except (BaseError, OSError) as error:
            raise Unavailable(N_("Kho lưu trữ tệp tạm thời không truy cập được.")) from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise NotFound(N_("Tệp trong kho lưu trữ đã bị thay đổi."))
        return content

    def size(self, sha256: str) -> int:
        """How many bytes are stored under that hash."""
        _outside_transaction()
        try:
            return int(obstore.head(self._store, _name(sha256))["size"])
        except FileNotFoundError as error:
            raise NotFound(N_("Không tìm thấy tệp trong kho lưu trữ.")) from error
        except (BaseError, OSError) as error:
            raise Unavailable(N_("Kho lưu trữ tệp tạm thời không truy cập được.")) from error

    def piece(self, sha256: str, begins: int, length: int) -> bytes:
        """Some bytes of a stored file, for content that proves itself: they are not hashed here."""
        _outside_transaction()
        try:
            return bytes(obstore.get_range(self._store, _name(sha256), start=begins, length=length))
        except FileNotFoundError as error:
            raise NotFound(N_("Không tìm thấy tệp trong kho lưu trữ.")) from error
        except (BaseError, OSError) as error:
            raise Unavailable(N_("Kho lưu trữ tệp tạm thời không truy cập được.")) from error

    @contextmanager
    def path(self, sha256: str) -> Iterator[Path]:
        """A local file with the bytes, for reading only, while the block lasts."""
        _outside_transaction()
        if self._folder is not None:
            file = self._folder / _name(sha256)
            if not file.exists():
                raise NotFound(N_("Không tìm thấy tệp trong kho lưu trữ."))
            if sha256_of(file) != sha256:
                raise NotFound(N_("Tệp trong kho lưu trữ đã bị thay đổi."))
            yield file
            return
        with tempfile.NamedTemporaryFile(suffix=".bin") as copy:
            copy.write(self.get(sha256))
            copy.flush()
            yield Path(copy.name)


def sha256_of(content: bytes | Path) -> str:
    """The SHA-256 (hex) of bytes or of a file, which is read in pieces."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _reach_the_disk(folder: Path, file: Path) -> None:
    """A file survives a power cut as the row that names it does; obstore leaves it in the cache."""
    for path in (file, *(parent for parent in file.parents if parent.is_relative_to(folder))):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _name(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):  # it may come from a form, and "../" is a path too
        raise NotFound(N_("Không tìm thấy tệp trong kho lưu trữ."))
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


def _outside_transaction() -> None:
    if in_transaction():
        raise RuntimeError("a file is never touched inside transaction()")
