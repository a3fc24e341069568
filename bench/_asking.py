"""What both OCSP benches share: an installation full of certificates, servers, and `wrk`."""

import base64
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509 import ocsp

from signer.app import create_app
from signer.ca import IssueOrder, SubjectFacts
from signer.cli.console import settings_of_this_machine
from signer.db import db
from signer.services import Services

CERTIFICATES = 10_000
SECONDS = 4
CONNECTIONS = 4
"""Two for each core: with more, what p99 shows is how long wrk waits for a core of its own."""
_CHUNK = 500
_SIGNER = [sys.executable, "-c", "import sys; from signer.app import main; sys.exit(main())"]
_SCRIPT = Path(__file__).with_name("_asking.lua")
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, kw_only=True)
class Rate:
    """What wrk saw."""

    per_second: float
    p99_ms: float


def require_wrk() -> None:
    """Says what to install instead of a traceback, and ends."""
    if shutil.which("wrk") is None:
        raise SystemExit("this bench asks through `wrk`, which is not here: apt-get install wrk")


def fill(home: Path) -> list[bytes]:
    """An installation below `home` whose ledger holds answers about all its certificates.

    Returns an OCSP request for each; `requests.txt` in the home has them in Base64, and
    `openssl/` what `openssl ocsp` needs to answer for the same ledger.
    """
    os.environ["SIGNER_HOME"] = str(home)
    os.environ.pop("SOFTHSM2_CONF", None)
    done = subprocess.run(
        [*_SIGNER, "setup", "--empty", "--no-serve"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    app = create_app(settings_of_this_machine())
    rooms: Services = app.extensions["signer"]
    with app.app_context():
        serials = _issue(rooms)
        requests = [_request(rooms.authority.certificate, serial) for serial in serials]
        for request in requests:
            if not rooms.ocsp.answer(request).is_cacheable:
                raise RuntimeError("an answer of the bench's own ledger went wrong")
        rooms.ocsp.keep()
        _export(rooms, home / "openssl", serials)
        db.session.remove()
        db.engine.dispose()
    rooms.hsm.close()
    lines = "\n".join(base64.b64encode(request).decode() for request in requests)
    (home / "requests.txt").write_text(lines + "\n")
    return requests


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(port: int, *words: str) -> Iterator[None]:
    """`signer serve` answers on the port inside the block."""
    with _running([*_SIGNER, "serve", "--port", str(port), *words], lambda: _answers(port)):
        yield


@contextmanager
def openssl_serving(home: Path, port: int) -> Iterator[None]:
    """`openssl ocsp -multi 2` answers for the same ledger.

    For one measurement only: each of its processes waits for ever on a connection that wrk left
    open when it ended.
    """
    folder = home / "openssl"
    serial = (folder / "index.txt").read_text().split("\t")[3]
    with _running(
        [
            *("openssl", "ocsp", "-index", str(folder / "index.txt"), "-port", str(port)),
            *("-rsigner", str(folder / "ocsp.pem"), "-rkey", str(folder / "ocsp.key")),
            *("-CA", str(home / "pki" / "issuing.pem"), "-multi", "2", "-nmin", "60"),
        ],
        lambda: _openssl_says_good(home, port, serial),
    ):
        yield


def asked(home: Path, port: int, prefix: str, method: str = "GET", seconds: int = SECONDS) -> Rate:
    """Answers a second to one wrk thread that asks for all certificates in random order."""
    done = subprocess.run(
        [
            *("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(_SCRIPT)),
            *(f"http://127.0.0.1:{port}/", str(home / "requests.txt"), prefix, method),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in done:
        raise RuntimeError(f"wrk was refused: {done}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", done)
    if rate is None or p99 is None:
        raise RuntimeError(f"wrk said something else: {done}")
    return Rate(per_second=float(rate[1]), p99_ms=round(float(p99[1]) * _UNITS[p99[2]], 2))


def check(port: int, prefix: str, requests: list[bytes]) -> None:
    """A hundred answers say "good" of the very serial that was asked about."""
    for request in requests[:: len(requests) // 100]:
        path = urllib.parse.quote(base64.b64encode(request).decode(), safe="")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{prefix}{path}") as answer:
            read = ocsp.load_der_ocsp_response(answer.read())
        wanted = ocsp.load_der_ocsp_request(request).serial_number
        if (read.certificate_status, read.serial_number) != (ocsp.OCSPCertStatus.GOOD, wanted):
            raise RuntimeError("an answer is about something else")


def _issue(rooms: Services) -> list[int]:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    public_key_der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    serials: list[int] = []
    for start in range(0, CERTIFICATES, _CHUNK):
        orders = [
            IssueOrder(
                intent=f"bench-{number}",
                subject=SubjectFacts(
                    common_name="Nguyễn Thị Ánh",
                    organisation=rooms.settings.organisation,
                    units=("Ủy ban nhân dân phường Hoàn Kiếm",),
                    locality=rooms.settings.locality,
                    email=f"canbo{number}@hoankiem.hanoi.gov.vn",
                ),
                public_key_der=public_key_der,
            )
            for number in range(start, start + _CHUNK)
        ]
        for made in rooms.authority.issue_many(orders, "bench"):
            if isinstance(made, Exception):
                raise made
            serials.append(made.serial)
    return serials


def _request(issuer: x509.Certificate, serial: int) -> bytes:
    """As `openssl ocsp -no_nonce` asks: by SHA-1."""
    name = hashlib.sha1(issuer.subject.public_bytes(), usedforsecurity=False).digest()
    key = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key()).digest
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(name, key, serial, SHA1())
    return builder.build().public_bytes(Encoding.DER)


def _export(rooms: Services, folder: Path, serials: list[int]) -> None:
    """openssl's own index of the ledger, and a signer whose key is in a file: the fastest way."""
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    made = rooms.authority.issue(
        intent="bench-openssl",
        subject=SubjectFacts(
            common_name="openssl ocsp",
            organisation=rooms.settings.organisation,
            units=(),
            locality=rooms.settings.locality,
        ),
        public_key_der=key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        ),
        profile="ocsp-signer",
        actor="bench",
    )
    certificate = x509.load_der_x509_certificate(made.der)
    (folder / "ocsp.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "ocsp.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    lines = (f"V\t311231235959Z\t\t{serial:040X}\tunknown\t/CN=bench" for serial in serials)
    (folder / "index.txt").write_text("\n".join(lines) + "\n")
    (folder / "index.txt.attr").write_text("unique_subject = no\n")


@contextmanager
def _running(command: list[str], is_up: Callable[[], bool]) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not is_up():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not begin to answer")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # openssl made a group of its own
            process.wait()


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/pki/root.pem", timeout=5).close()
    except OSError:
        return False
    return True


def _openssl_says_good(home: Path, port: int, serial: str) -> bool:
    issuing = str(home / "pki" / "issuing.pem")
    done = subprocess.run(
        [
            *("openssl", "ocsp", "-url", f"http://127.0.0.1:{port}/", "-issuer", issuing),
            *("-serial", f"0x{serial}", "-no_nonce", "-timeout", "5"),
            *("-CAfile", str(home / "pki" / "root.pem"), "-verify_other", issuing),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return ": good" in done.stdout
