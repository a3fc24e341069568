"""`signer setup` as people run it: a process of its own on an empty folder."""

import json
import os
import pty
import re
import sqlite3
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from signer import migrations
from tests.cli.conftest import ROOT, SIGNER, program


def signer(home: Path, *words: str, **how: Any) -> "subprocess.CompletedProcess[str]":
    return program(home, *SIGNER, *words, **how)


def set_up(home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    done = signer(home, "setup", "--no-serve", *words)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home set up with --empty, and what was printed."""
    home = tmp_path_factory.mktemp("setup") / "home"
    return home, set_up(home, "--empty").stdout


def test_an_empty_installation_is_well(empty_home: tuple[Path, str]) -> None:
    """After set-up the doctor finds database, HSM, CA, record and CRL well."""
    home, _ = empty_home
    looked = signer(home, "doctor", "--json")
    assert looked.returncode == 0, looked.stdout
    assert all(finding["is_well"] for finding in json.loads(looked.stdout))


def test_secrets_are_readable_by_their_owner_only(empty_home: tuple[Path, str]) -> None:
    """The home is 0700; keys, PINs and settings in it are 0600."""
    home, _ = empty_home
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    secrets = [*home.glob("*.pin"), *home.glob("*.so"), home / "secret.key"]
    assert len(secrets) == 5
    assert {stat.S_IMODE(file.stat().st_mode) for file in secrets} == {0o600}


def test_the_administrator_is_printed_once(empty_home: tuple[Path, str]) -> None:
    """The first set-up prints a one-time password, the next one none."""
    home, printed = empty_home
    assert re.search(r"admin +\w{4}-\w{4}-\w{4}-\w{4} ", printed)
    assert "admin" not in set_up(home, "--empty").stdout


def test_the_second_time_makes_nothing(empty_home: tuple[Path, str]) -> None:
    """Nothing is missing any more: no key, certificate or list is made, no demo city is added."""
    home, _ = empty_home
    kept = _made(home)
    assert kept
    set_up(home)
    assert _made(home) == kept
    people = json.loads(signer(home, "person", "list", "--json").stdout)
    assert people == []


def _made(home: Path) -> dict[Path, bytes]:
    """Everything of the CA and the objects of its tokens; each log-in writes `token.object`."""
    files = [f for name in ("pki", "tokens") for f in (home / name).rglob("*") if f.is_file()]
    return {f: f.read_bytes() for f in files if f.suffix != ".lock" and f.name != "token.object"}


def test_openssl_accepts_the_ca(empty_home: tuple[Path, str]) -> None:
    """The issuing CA's certificate leads to the root."""
    pki = empty_home[0] / "pki"
    command = ["openssl", "verify", "-CAfile", pki / "root.pem", pki / "issuing.pem"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_ocsp_signer_and_tsa_are_certified(empty_home: tuple[Path, str]) -> None:
    """One command makes them too: their certificates come from the ledger, after the database."""
    pki = empty_home[0] / "pki"
    for role, purpose in (("ocsp", "ocsphelper"), ("tsa", "timestampsign")):
        command = ["openssl", "verify", "-x509_strict", "-purpose", purpose]
        command += ["-CAfile", pki / "root.pem", "-untrusted", pki / "issuing.pem"]
        verified = subprocess.run(
            [*command, pki / f"{role}.pem"], capture_output=True, text=True, check=False
        )
        assert verified.returncode == 0, verified.stderr
    assert "tsa.pem" in (pki / "ceremony.transcript.txt").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_ceremony_of_ones_own_is_held_instead(tmp_path: Path) -> None:
    """SIGNER_HOME/ceremony.yaml takes the place of the embedded file, here with RSA keys."""
    home = tmp_path / "home"
    home.mkdir()
    own = (ROOT / "certs" / "ceremony-rsa.yaml").read_text(encoding="utf-8")
    own = own.replace("algorithm: rsa4096", "algorithm: rsa3072")  # seconds less to make
    (home / "ceremony.yaml").write_text(own, encoding="utf-8")
    set_up(home, "--empty")
    looked = signer(home, "doctor", "--json")
    assert looked.returncode == 0, looked.stdout
    command = ["openssl", "x509", "-noout", "-text", "-nameopt", "utf8"]
    command += ["-in", home / "pki" / "tsa.pem"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "CN=Máy cấp dấu thời gian nội bộ R1" in text.replace(" = ", "=")
    assert "Public-Key: (3072 bit)" in text


def test_reset_moves_the_old_state_aside(tmp_path: Path) -> None:
    """--reset begins anew and loses nothing: the old folder lies beside the new one."""
    home = tmp_path / "home"
    set_up(home, "--empty")
    old_key = (home / "secret.key").read_bytes()
    set_up(home, "--empty", "--reset")
    (aside,) = tmp_path.glob("home-*")
    assert (aside / "secret.key").read_bytes() == old_key
    assert (home / "secret.key").read_bytes() != old_key


def test_reset_asks_a_person_first(empty_home: tuple[Path, str]) -> None:
    """On a terminal --reset asks, and "no" leaves everything where it is."""
    home, _ = empty_home
    keyboard, terminal = pty.openpty()
    os.write(keyboard, b"n\n")
    stopped = signer(home, "setup", "--no-serve", "--reset", stdin=terminal)
    os.close(keyboard)
    os.close(terminal)
    assert stopped.returncode == 130, stopped.stderr
    assert (home / "secret.key").exists()
    assert not list(home.parent.glob("home-*"))


def test_reset_leaves_other_peoples_folders_alone(tmp_path: Path) -> None:
    """A folder that set-up did not make is not moved, whatever SIGNER_HOME says."""
    (tmp_path / "letter.txt").write_text("dear")
    refused = signer(tmp_path, "setup", "--no-serve", "--empty", "--reset")
    assert refused.returncode == 1
    assert "không phải do phần mềm này tạo" in refused.stderr
    assert (tmp_path / "letter.txt").exists()


def test_a_port_chosen_first_stands_in_certificates(tmp_path: Path) -> None:
    """The addresses in certificates name the port that the first set-up was given."""
    home = tmp_path / "home"
    set_up(home, "--empty", "--port", "18080")
    command = ["openssl", "x509", "-noout", "-text", "-in", home / "pki" / "issuing.pem"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "http://127.0.0.1:18080/" in text


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_demo_city(tmp_path: Path) -> None:
    """About 1,500 people over 40 units, 60 % covered, 20 dossiers in every state, real log-ins."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "demo.unfinished").touch()  # as a demo that was killed half-way leaves it
    (home / "settings.toml").write_text("demo = true\n")
    printed = set_up(home).stdout
    assert "DỮ LIỆU MẪU" in printed
    people = json.loads(signer(home, "person", "list", "--json").stdout)
    assert 1400 < len(people) < 1600
    assert len({person["unit"] for person in people}) == 40
    coverage = json.loads(signer(home, "coverage", "--json").stdout)
    assert 0.55 < coverage["covered"] / coverage["persons"] < 0.65
    assert {"ready", "active", "requested", "failed", "lacking"} <= {p["state"] for p in people}
    assert all(
        name in printed
        for name in ("admin", "canbo", "nguoiduyet", "chutich.badinh", "vanthu.badinh")
    )
    assert [s["state"] for s in json.loads(signer(home, "seal", "list", "--json").stdout)] == [
        "ready"
    ]
    with sqlite3.connect(home / "signer.sqlite3") as raw:  # older tables have no room for these
        raw.execute("DELETE FROM step WHERE kind <> 'sign'")
        raw.execute("DELETE FROM signing_key WHERE seal_id IS NOT NULL")
        for table in ("key_envelope", "key_guard"):
            raw.execute(
                f"DELETE FROM {table} WHERE signing_key_id NOT IN (SELECT id FROM signing_key)"
            )
    engine = create_engine(f"sqlite:///{home / 'signer.sqlite3'}")
    migrations.downgrade(engine, "0002")
    engine.dispose()
    assert " chutich.badinh " in set_up(home).stdout  # shown again at every start
    assert signer(home, "inventory", "check").returncode == 0, "derived from the older rows"
    assert json.loads(signer(home, "coverage", "--json").stdout) == coverage
    found = json.loads(signer(home, "person", "list", "--search", "nguyen", "--json").stdout)
    assert len(found) > 100
