"""The published folder: whole files that never go back, healed after a crash or a full disk."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask

from signer.ca import Authority, ProfileSet, RevocationReason
from signer.ca.published import PublishedFiles
from signer.db import db, transaction
from signer.errors import Unavailable
from tests.ca.drafting import software_key
from tests.ca.factory import issued, order
from tests.ca.listing import SHARDS, list_authority, number_of, serials_of
from tests.clocks import StandingClock
from tests.databases import both_databases

NAMES = {"issuing.cer", "root.cer", "issuing.crl", *(f"crl/{n}.crl" for n in range(SHARDS))}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "published"


@pytest.fixture
def authority(app: Flask, profiles: ProfileSet, clock: StandingClock, folder: Path) -> Authority:
    return list_authority(profiles, clock, published=folder)


def files_of(folder: Path) -> dict[str, bytes]:
    pki = folder / "pki"
    return {
        str(file.relative_to(pki)): file.read_bytes()
        for file in pki.rglob("*")
        if file.is_file() and file.name != ".lock"
    }


def test_the_folder_holds_every_list_and_certificate(authority: Authority, folder: Path) -> None:
    (one,) = issued(authority.issue_many([order("key-1")], "system"))
    authority.refresh_crl()
    assert set(files_of(folder)) == NAMES
    authority.revoke(one.serial, RevocationReason.SUPERSEDED, "hr")
    authority.refresh_crl()
    files = files_of(folder)
    assert set(files) == NAMES
    shard = one.serial % SHARDS
    assert files["issuing.crl"] == authority.current_crl_der()
    assert files[f"crl/{shard}.crl"] == authority.current_crl_der(shard)
    assert serials_of(files["issuing.crl"]) == serials_of(files[f"crl/{shard}.crl"]) == {one.serial}
    assert files["issuing.cer"] == authority.issuing_der()
    assert files["root.cer"] == authority.root_der()


def damaged(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


@pytest.mark.parametrize(
    "harm",
    [Path.unlink, damaged, lambda file: file.write_bytes(b"")],
    ids=["gone", "cut short", "empty"],
)
@pytest.mark.parametrize("name", ["issuing.crl", "crl/1.crl", "root.cer"])
def test_a_file_that_is_not_what_was_signed_is_healed(
    authority: Authority, folder: Path, name: str, harm: object
) -> None:
    """Also by a process that never wrote it; no number is spent on it."""
    authority.refresh_crl()
    before = files_of(folder)
    harm(folder / "pki" / name)  # type: ignore[operator]
    assert not authority.refresh_crl()
    assert files_of(folder) == before


def test_a_list_that_was_stored_before_a_crash_gets_its_file(
    authority: Authority, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is such a crash: the old file stays whole, what was stored is not lost."""
    authority.refresh_crl()
    before = files_of(folder)
    (one,) = issued(authority.issue_many([order("key-1")], "system"))
    authority.revoke(one.serial, RevocationReason.SUPERSEDED, "hr")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(Unavailable):
            authority.refresh_crl()
    assert files_of(folder) == before
    assert not authority.refresh_crl()
    assert serials_of(files_of(folder)["issuing.crl"]) == {one.serial}


def test_no_file_is_written_while_a_transaction_is_open(app: Flask, folder: Path) -> None:
    with transaction(), pytest.raises(RuntimeError):
        PublishedFiles(folder).update(dict, lambda _: b"")


def test_what_is_wanted_is_asked_when_nobody_else_writes(folder: Path) -> None:
    """So content that was newest before the wait is never written over newer one."""
    one, other = PublishedFiles(folder), PublishedFiles(folder)

    def wanted() -> Mapping[str, str]:
        probe = subprocess.run(["flock", "--nonblock", folder / ".lock", "true"], check=False)
        assert probe.returncode == 1, "another process could write now"
        return {"a/b": "not its hash"}

    assert one.update(wanted, lambda _: b"content") == ["a/b"]
    assert other.update(wanted, lambda _: b"newer") == ["a/b"]
    assert (folder / "a" / "b").read_bytes() == b"newer"


CHILD = """
import sys
from pathlib import Path
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from signer.ca import load_profiles
from signer.clock import Clock
from tests.ca.factory import ledger_app
from tests.ca.listing import list_authority

database_url, folder, key = sys.argv[1:]
with ledger_app(database_url).app_context():
    authority = list_authority(
        load_profiles(),
        Clock(),
        key=load_pem_private_key(Path(key).read_bytes(), None),
        published=Path(folder),
    )
    for turn in range(8):
        authority.publish_crl(shard=turn % 2 or None)
"""


@both_databases
def test_no_file_goes_back_under_three_processes(
    app: Flask, database_url: str, folder: Path, tmp_path: Path
) -> None:
    """Read again and again meanwhile, each is whole and its number never falls."""
    db.session.remove()
    key = tmp_path / "key.pem"
    key.write_bytes(
        software_key("p256").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    words = [sys.executable, "-c", CHILD, database_url, str(folder), str(key)]
    root = Path(__file__).parents[2]
    children = [subprocess.Popen(words, cwd=root) for _ in range(3)]
    seen: dict[str, int] = {}
    while any(child.poll() is None for child in children):
        for name in ("issuing.crl", "crl/1.crl"):
            if (folder / "pki" / name).exists():
                number = number_of((folder / "pki" / name).read_bytes())
                assert number >= seen.get(name, 0)
                seen[name] = number
    assert [child.returncode for child in children] == [0, 0, 0]
    last = {name: number_of(files_of(folder)[name]) for name in seen}
    assert max(last.values()) == 24
    assert all(number >= seen[name] for name, number in last.items())
    assert len(x509.load_der_x509_crl(files_of(folder)["issuing.crl"])) == 0
