"""Stamps from outside: asked again, waited for, checked, and refused in one sentence."""

import hashlib
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from signer.ca.timestamp_request import Failure, rejection
from signer.config import Settings
from signer.errors import ConfigError, Unavailable
from signer.signing import tsa_client
from signer.signing.tsa_client import TOKEN_BYTES, OutsideTsa
from tests.ca.stamping import query, tsa_of, tsa_signer
from tests.clocks import StandingClock
from tests.signing.outside_tsa import Desk, Fault, always, hang_up, serving, slow

DIGEST = hashlib.sha256(b"x").digest()


@pytest.fixture
def desk(clock: StandingClock) -> Iterator[Desk]:
    with serving(clock) as desk:
        yield desk


@pytest.fixture
def outside(tmp_path: Path, desk: Desk) -> Settings:
    (tmp_path / "pki").mkdir()
    desk.write_chain(tmp_path / "pki")
    return Settings(home=tmp_path, tsa_url=desk.url, tsa_seconds=5)


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tsa_client, "_FIRST_PAUSE_SECONDS", 0.01)


def test_openssl_reads_the_stamp(outside: Settings, desk: Desk, tmp_path: Path) -> None:
    """The second reader finds our digest in it, by that authority."""
    client = OutsideTsa(outside, desk.authority._clock)  # the one clock
    (tmp_path / "token.der").write_bytes(client.token(DIGEST, "sha256"))
    root = tmp_path / "root.pem"
    root.write_bytes(desk.hierarchy.root.public_bytes(Encoding.PEM))
    at = str(int(desk.authority._clock.now().timestamp()))
    subprocess.run(
        [
            *("openssl", "ts", "-verify", "-digest", DIGEST.hex(), "-token_in"),
            *("-in", str(tmp_path / "token.der"), "-CAfile", str(root), "-attime", at),
        ],
        check=True,
        capture_output=True,
    )


OTHER = ec.generate_private_key(ec.SECP256R1())


def _stranger(desk: Desk, question: bytes) -> bytes:
    """The same names, another key and issuer."""
    signer = tsa_signer(OTHER, OTHER, desk.hierarchy.issuing)
    return tsa_of(signer, desk.hierarchy, desk.authority._clock).answer(question)


def _replay(desk: Desk, question: bytes) -> bytes:
    return desk.authority.answer(query())


def _wrong_hash(desk: Desk, question: bytes) -> bytes:
    return desk.authority.answer(query("sha512"))


def _hours_late(desk: Desk, question: bytes) -> bytes:
    clock = StandingClock(desk.authority._clock.now() - timedelta(hours=7))
    return tsa_of(desk.signer, desk.hierarchy, clock).answer(question)


def _broken(desk: Desk, question: bytes) -> bytes:
    """A bit of the signature is another."""
    found = bytearray(desk.authority.answer(question))
    found[-5] ^= 1
    return bytes(found)


PASSING: dict[str, Fault] = {
    "hangs up": hang_up,
    "nothing": always(b""),
    "a page": always(b"<html>Login</html>"),
    "too long": always(b"0" * (5 * TOKEN_BYTES)),
    "busy": always(rejection(Failure.SYSTEM_FAILURE, "bận")),
    "no time": always(rejection(Failure.TIME_NOT_AVAILABLE, "chờ")),
    "another question's stamp": _replay,
    "another hash": _wrong_hash,
    "another authority's stamp": _stranger,
    "a broken signature": _broken,
    "a clock that is seven hours late": _hours_late,
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_bad_answer_is_asked_for_again(outside: Settings, desk: Desk, fault: Fault) -> None:
    """Two bad answers cost two tries; the third try's stamp is taken. Three, and there is none."""
    client = OutsideTsa(outside, desk.authority._clock)
    desk.faults.extend([fault] * 2)
    assert client.token(DIGEST, "sha256")
    assert desk.asked == 3
    desk.faults.extend([fault] * 3)
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 không cấp được dấu"):
        client.token(DIGEST, "sha256")
    assert desk.asked == 6


def test_a_refusal_is_not_asked_for_again(outside: Settings, desk: Desk) -> None:
    """Who does not stamp SHA-256 will not do so a second later."""
    desk.faults.append(always(rejection(Failure.BAD_ALG, "không")))
    with pytest.raises(Unavailable):
        OutsideTsa(outside, desk.authority._clock).token(DIGEST, "sha256")
    assert desk.asked == 1


def test_nobody_waits_longer_than_said(outside: Settings, desk: Desk) -> None:
    """A late answer is a try in vain; the next one counts."""
    client = OutsideTsa(replace(outside, tsa_seconds=0.5), desk.authority._clock)
    desk.faults.append(slow(3))
    assert client.token(DIGEST, "sha256")
    assert desk.asked == 2


def test_only_so_many_ask_at_once(outside: Settings, desk: Desk) -> None:
    """The others wait for their turn, and all get their stamp."""
    client = OutsideTsa(replace(outside, tsa_at_once=2), desk.authority._clock)
    desk.faults.extend([slow(0.1)] * 6)
    made: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: made.append(client.token(DIGEST, "sha256")))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 6
    assert desk.most_at_once == 2


def test_nothing_listens(outside: Settings, clock: StandingClock) -> None:
    """A closed port is a sentence, too."""
    client = OutsideTsa(replace(outside, tsa_url="http://127.0.0.1:9/"), clock)
    with pytest.raises(Unavailable):
        client.token(DIGEST, "sha256")


@pytest.mark.parametrize(
    ("changes", "chain"),
    [
        ({"tsa_url": "ftp://tsa.gov.vn/"}, True),
        ({"tsa_url": "http:///tsa"}, True),
        ({}, False),
    ],
)
def test_what_cannot_work_stops_the_start(
    outside: Settings, clock: StandingClock, changes: dict[str, str], chain: bool
) -> None:
    """An address that is none, or an authority nobody knows."""
    if not chain:
        (outside.pki / "tsa-outside.pem").unlink()
    with pytest.raises(ConfigError):
        OutsideTsa(replace(outside, **changes), clock)  # type: ignore[arg-type]  # texts only
