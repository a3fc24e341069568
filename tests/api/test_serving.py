"""Real servers in processes of their own: changes that show, slow clients, an HSM that is away."""

import base64
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from sqlalchemy import func, select

from signer.ca import IssuedCertificate, RevocationReason
from signer.ca.models import OcspAnswer
from signer.clock import Clock
from signer.config import Settings
from signer.db import db, release
from signer.services import Services
from tests.ca.asking import asked, issue
from tests.databases import both_databases
from tests.softhsm import token_away

PROJECT = Path(__file__).parents[2]
_DER = Encoding.DER
GOOD, REVOKED = ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED
SLOW = 300
"""Slow clients of each kind: many more than the places there are for requests."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def clock() -> Clock:
    """The servers have no other."""
    return Clock()


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running `signer serve`, asked over one new connection each time."""

    port: int
    process: "subprocess.Popen[str]"

    def ask(self, question: bytes, method: str = "GET", seconds: float = 20) -> ocsp.OCSPResponse:
        """The OCSP answer; raises when none came in time."""
        path, body = "/ocsp", question
        if method == "GET":
            path, body = f"/ocsp/{base64.b64encode(question).decode()}", None
        return ocsp.load_der_ocsp_response(self.fetch(path, body, seconds))

    def fetch(self, path: str, body: bytes | None = None, seconds: float = 20) -> bytes:
        address = f"http://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(address, body, timeout=seconds) as answer:
            return bytes(answer.read())

    def connect(self, sent: bytes = b"") -> socket.socket:
        """A client that says this much and no more."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        client.sendall(sent)
        return client


Serve = Callable[..., "contextmanager[Server]"]


@pytest.fixture
def serve(settings: Settings) -> Serve:
    """Starts servers of this test's installation; each has to end well when told to."""
    (settings.home / "settings.toml").write_text(
        f'database_url = "{settings.database_url}"\n'
        f'token_pin_file = "{settings.token_pin_file}"\n'
        "hsm_wait_seconds = 2.0\n"
    )

    @contextmanager
    def start(*words: str, port: int | None = None) -> Iterator[Server]:
        if port is None:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
        process = subprocess.Popen(
            command(port, *words), env=environment(settings), stderr=subprocess.PIPE, text=True
        )
        server = Server(port=port, process=process)
        try:
            deadline = time.monotonic() + 60
            while not _is_up(server):
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
            yield server
        finally:
            process.terminate()
            _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors

    return start


def command(port: int, *words: str) -> list[str]:
    code = "import sys; from signer.app import main; sys.exit(main())"
    return [sys.executable, "-c", code, "serve", "--port", str(port), *words]


def environment(settings: Settings) -> dict[str, str]:
    more = {"SIGNER_HOME": str(settings.home), "LC_ALL": "C.UTF-8", "PYTHONPATH": str(PROJECT)}
    return os.environ | more


def _is_up(server: Server) -> bool:
    try:
        server.fetch("/pki/root.pem")
    except OSError:
        return False
    return True


@pytest.fixture
def made(services: Services, role_signers: list[Path]) -> IssuedCertificate:
    found = issue(services.authority)
    services.authority.publish_crl()
    release()
    return found


@pytest.fixture
def question(services: Services, made: IssuedCertificate) -> bytes:
    return bytes(asked(services.authority.certificate, made.serial).dump())


def kept() -> int:
    release()
    found = db.session.scalar(select(func.count()).select_from(OcspAnswer)) or 0
    release()
    return found


@both_databases
def test_a_revocation_shows_in_every_process_within_two_seconds(
    serve: Serve, services: Services, made: IssuedCertificate, question: bytes
) -> None:
    """The embedded server and two processes of the role, all of which said "good" before."""
    with serve() as embedded, serve("--role", "validation", "--workers", "2") as role:

        def statuses() -> set[ocsp.OCSPCertStatus]:
            return {
                server.ask(question, method).certificate_status
                for server in (embedded, role)
                for method in ("GET", "POST") * 5  # new connections: either process gets some
            }

        assert statuses() == {GOOD}
        services.authority.revoke(made.serial, RevocationReason.KEY_COMPROMISE, "test")
        committed = time.monotonic()
        while GOOD in statuses():  # each round begins before the limit, or this is the fault
            assert time.monotonic() < committed + 2
        for _ in range(5):
            assert statuses() == {REVOKED}


@pytest.mark.parametrize("words", [(), ("--role", "validation", "--workers", "1")])
def test_slow_clients_keep_nobody_waiting(
    serve: Serve, question: bytes, words: tuple[str, ...]
) -> None:
    """Hundreds that are silent, trickle their headers or their body, or keep a connection idle."""
    head = b"POST /ocsp HTTP/1.1\r\nHost: ca\r\nContent-Length: 100\r\n"
    ask = b"GET /pki/root.cer HTTP/1.1\r\nHost: ca\r\n\r\n"
    with serve(*words) as server, ExitStack() as slow:
        for sent in (b"", head[:20], head, head + b"\r\n0", ask):
            for _ in range(SLOW // 5):
                slow.enter_context(server.connect(sent))
        for method in ("GET", "POST"):
            for _ in range(10):
                assert server.ask(question, method).certificate_status is GOOD
        assert server.fetch("/pki/issuing.crl")
        if not words:
            assert "Đăng nhập" in server.fetch("/login").decode()


def test_slow_forms_take_no_place_in_the_embedded_server(serve: Serve, services: Services) -> None:
    """A page comes while more clients than there are places are still sending to a page."""
    form = b"POST /login HTTP/1.1\r\nHost: ca\r\nContent-Length: 1000\r\n\r\nname="
    with serve("--threads", "2") as server, ExitStack() as slow:
        for _ in range(50):
            slow.enter_context(server.connect(form))
        for _ in range(3):
            assert "Đăng nhập" in server.fetch("/login").decode()


def test_a_form_arrives_whole_through_the_doorway(serve: Serve, services: Services) -> None:
    """Told or in chunks, a body reaches the application; without a token it is 401 as ever."""
    with serve() as server:
        body = b'{"name": "nobody", "password": "sai"}'
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        for more, sent in (
            (b"Content-Length: %d" % len(body), body),
            (b"Transfer-Encoding: chunked", chunked),
        ):
            head = b"POST /api/v1/sessions HTTP/1.1\r\nHost: ca\r\nConnection: close\r\n"
            with server.connect(
                head + b"Content-Type: application/json\r\n" + more + b"\r\n\r\n" + sent
            ) as client:
                assert client.recv(100).startswith(b"HTTP/1.1 401")


@both_databases
def test_a_restart_while_the_hsm_is_away_goes_on_with_what_was_stored(
    serve: Serve,
    services: Services,
    made: IssuedCertificate,
    question: bytes,
    token_home: Path,
) -> None:
    """The answer of before is stored by the time the server has ended, and repeated by the next."""
    with serve("--role", "validation") as server:
        before = server.ask(question)
    assert kept() == 1
    other = bytes(asked(services.authority.certificate, made.serial, nonce=b"n" * 16).dump())
    with token_away(token_home, services.hsm), serve("--role", "validation") as server:
        after = server.ask(question)
        assert after.public_bytes(_DER) == before.public_bytes(_DER)
        put_off = server.ask(other)
        assert put_off.response_status is ocsp.OCSPResponseStatus.TRY_LATER


def test_the_role_has_no_pages(serve: Serve, services: Services) -> None:
    """It answers relying parties and nobody else."""
    with serve("--role", "validation", "--workers", "1") as server:
        for path in ("/", "/login", "/api/v1/people", "/api/openapi.json", "/static/x"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                server.fetch(path)
            assert refused.value.code == 404
            refused.value.close()


def test_a_port_that_is_taken_is_said_in_a_sentence(
    serve: Serve, settings: Settings, services: Services
) -> None:
    """Two servers would share it silently, each with half of the calls."""
    with serve() as server:
        second = subprocess.run(
            command(server.port), env=environment(settings), capture_output=True, text=True
        )
    assert (second.returncode, second.stderr.count("\n")) == (1, 1)
    assert f"Cổng {server.port}" in second.stderr
