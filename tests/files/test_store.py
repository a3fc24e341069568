"""The document store: by hash, once, and never other bytes than were asked for."""

import os
from pathlib import Path

import pytest

from signer.errors import NotFound
from signer.files import Files, sha256_of


def test_what_was_stored_comes_back(tmp_path: Path) -> None:
    """From bytes and from a file, under the same name."""
    files = Files(tmp_path / "store")
    source = tmp_path / "a.pdf"
    source.write_bytes(b"%PDF-1.7 ...")
    sha256 = files.put(source)
    assert sha256 == files.put(b"%PDF-1.7 ...") == sha256_of(source)
    assert files.get(sha256) == b"%PDF-1.7 ..."
    with files.path(sha256) as path:
        assert path.read_bytes() == b"%PDF-1.7 ..."


def test_changed_bytes_are_not_served(tmp_path: Path) -> None:
    """A disk that was tampered with does not speak in the document's name."""
    files = Files(tmp_path / "store")
    sha256 = files.put(b"original")
    stored = next(p for p in (tmp_path / "store").rglob("*") if p.is_file())
    stored.chmod(0o600)
    stored.write_bytes(b"forged!!")
    with pytest.raises(NotFound):
        files.get(sha256)
    with pytest.raises(NotFound), files.path(sha256):
        pass


def test_an_unknown_file_is_not_found(tmp_path: Path) -> None:
    """Said in a sentence, not as the library's error."""
    files = Files(tmp_path / "store")
    with pytest.raises(NotFound):
        files.get("0" * 64)


@pytest.mark.parametrize(
    "name", ["", "../../../../../dev/zero", "..//dev/zero", "A" * 64, "0" * 63]
)
def test_a_name_that_is_no_hash_touches_no_file(tmp_path: Path, name: str) -> None:
    """Whatever a form says, nothing outside the store is opened or told apart."""
    files = Files(tmp_path / "store")
    (tmp_path / "zero").write_bytes(b"outside")
    for wanted in (name, f"..//{tmp_path / 'zero'}"):
        with pytest.raises(NotFound, match="Không tìm thấy"):
            files.get(wanted)
        with pytest.raises(NotFound, match="Không tìm thấy"), files.path(wanted):
            pass


def test_what_is_stored_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file and every folder on the way to it, before `put` returns: a power cut loses none."""
    reached: set[int] = set()
    really_sync = os.fsync

    def fsync(descriptor: int) -> None:
        reached.add(os.fstat(descriptor).st_ino)
        really_sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    sha256 = Files(tmp_path / "files").put(b"signed")
    file = tmp_path / "files" / sha256[:2] / sha256[2:4] / sha256
    wanted = (file, *list(file.parents)[:3])
    assert {path.stat().st_ino for path in wanted} <= reached
