"""Files of certificates and lists: whole or not there, and what is to be signed stored before it.

A root has no ledger. Its intent is a file beside the output, `root.pem.tbs`: the bytes the HSM is
about to sign. A ceremony that was cut signs those very bytes when it is held again.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signer.db import in_transaction


class Output:
    """One file that is made once, or replaced by its next edition."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._intent = file.with_name(f"{file.name}.tbs")

    def content(self) -> bytes | None:
        """What the file holds; None when it is not there."""
        return _content(self.file)

    def intent(self) -> bytes | None:
        """The bytes that a ceremony was about to sign, or signed, when it was cut."""
        return _content(self._intent)

    def intend(self, tbs_der: bytes) -> None:
        """These bytes and no others will be signed for this file; on the disk when it returns."""
        write_whole(self._intent, tbs_der)
        sync(self.file.parent)

    def settle(self, content: bytes) -> None:
        """The file holds what came of the intent, which is done with."""
        write_whole(self.file, content)
        sync(self.file.parent)
        self.forget_intent()

    def forget_intent(self) -> None:
        """No signature is owed any more."""
        self._intent.unlink(missing_ok=True)
        sync(self.file.parent)


def write_whole(file: Path, content: bytes) -> None:
    """The file holds the content, whole or not at all; after `sync` a power cut changes nothing.

    One writer at a time; a disk that is full leaves the file as it was.
    """
    if in_transaction():
        raise RuntimeError("a transaction is open while a file is written")
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def sha256(content: bytes) -> str:
    """As transcripts write it."""
    return hashlib.sha256(content).hexdigest()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """No other process makes keys or files for this folder until the block ends, or we do."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def sync(folder: Path) -> None:
    """The names in the folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
