"""An authority outside the house: real HTTP, real tokens, and faults in the order a test wants."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from signer.ca.certificate import whole_second
from signer.ca.roles import RoleSigner
from signer.ca.timestamp import TimestampAuthority
from signer.clock import Clock
from tests.ca.hierarchies import Hierarchy, build_hierarchy
from tests.ca.stamping import tsa_of, tsa_signer

Fault = Callable[["Desk", bytes], bytes | None]
"""What is answered instead of a good answer; None hangs up."""


class Desk:
    """Answers as its `faults` say, one for each question, and well once they are used up."""

    def __init__(self, clock: Clock, base_url: str) -> None:
        at = clock.now() - timedelta(days=2)
        self.issuing_key = ec.generate_private_key(ec.SECP256R1())
        self.hierarchy: Hierarchy = build_hierarchy(
            root_key=ec.generate_private_key(ec.SECP384R1()),
            issuing_key=self.issuing_key,
            organisation="Ban Cơ yếu thử nghiệm",
            base_url=base_url,
            at=at,
        )
        self.signer: RoleSigner = tsa_signer(
            ec.generate_private_key(ec.SECP256R1()),
            self.issuing_key,
            self.hierarchy.issuing,
            not_before=at,
            not_after=at + timedelta(days=1000),
            list_address=f"{base_url}/issuing.crl",
        )
        self.lists = {"/root.crl": self.hierarchy.root_crl_der, "/issuing.crl": self._list(clock)}
        self.authority: TimestampAuthority = tsa_of(self.signer, self.hierarchy, clock)
        self.faults: deque[Fault] = deque()
        self.status = 200
        self.asked = 0
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        self.url = f"{base_url}/tsa"

    def _list(self, clock: Clock) -> bytes:
        """The issuing CA's: nobody is revoked."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.hierarchy.issuing.subject)
            .last_update(whole_second(clock.now()))
            .next_update(whole_second(clock.now()) + timedelta(days=7))
        )
        return builder.sign(self.issuing_key, SHA256()).public_bytes(Encoding.DER)

    def write_chain(self, folder: Path) -> None:
        """pki/tsa-outside.pem as an administrator puts it there."""
        chain = (self.signer.certificate, self.hierarchy.issuing, self.hierarchy.root)
        text = b"".join(one.public_bytes(Encoding.PEM) for one in chain)
        (folder / "tsa-outside.pem").write_bytes(text)

    def answer(self, question: bytes) -> bytes | None:
        with self.lock:
            self.asked += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            fault = self.faults.popleft() if self.faults else None
        try:
            return fault(self, question) if fault else self.authority.answer(question)
        finally:
            with self.lock:
                self.at_once -= 1


@contextmanager
def serving(clock: Clock) -> Iterator[Desk]:
    """The authority listens on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = desk.lists.get("/" + self.path.rsplit("/", 1)[-1], b"")
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(found)))
            self.end_headers()
            self.wfile.write(found)

        def do_POST(self) -> None:
            found = desk.answer(self.rfile.read(int(self.headers["Content-Length"])))
            if found is None:
                self.close_connection = True
                return
            self.send_response(desk.status)
            self.send_header("Content-Length", str(len(found)))
            self.end_headers()
            with suppress(BrokenPipeError):  # whoever asked has stopped waiting
                self.wfile.write(found)

        def log_message(self, *_: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    desk = Desk(clock, f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield desk
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def slow(seconds: float) -> Fault:
    """A good answer, late."""

    def answer(desk: Desk, question: bytes) -> bytes:
        time.sleep(seconds)
        return desk.authority.answer(question)

    return answer


def hang_up(desk: Desk, question: bytes) -> None:
    """No answer."""


def always(answer: bytes) -> Fault:
    """The same bytes whatever is asked."""
    return lambda desk, question: answer
