"""What relying parties ask over HTTP: OCSP by GET and POST, time stamps, shards; in one process."""

import base64
import hashlib
import io
import subprocess
from collections.abc import Iterable
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from flask import Flask
from werkzeug.test import Client, TestResponse

from signer.api.validation import ValidationApp
from signer.app import create_validation
from signer.ca import IssuedCertificate, RevocationReason
from signer.ca.ocsp import MALFORMED_REQUEST, MAX_REQUEST_BYTES
from signer.config import Settings
from signer.doors import PUBLIC
from signer.services import Services
from tests.api.conftest import Caller
from tests.api.test_problems import problem_of
from tests.ca.asking import asked, issue
from tests.softhsm import token_away

ROUTES = {
    "/ocsp": ("GET", "HEAD", "POST"),
    "/ocsp/<path:request>": ("GET", "HEAD"),
    "/tsa": ("POST",),
    "/pki/root.pem": ("GET", "HEAD"),
    "/pki/root.cer": ("GET", "HEAD"),
    "/pki/root.crl": ("GET", "HEAD"),
    "/pki/issuing.pem": ("GET", "HEAD"),
    "/pki/issuing.cer": ("GET", "HEAD"),
    "/pki/issuing.crl": ("GET", "HEAD"),
    "/pki/crl/<number>.crl": ("GET", "HEAD"),
}
OCSP_TYPE = {"Content-Type": "application/ocsp-request"}


@pytest.fixture
def made(services: Services, role_signers: list[Path]) -> IssuedCertificate:
    """A certificate that may be asked about; the signers of OCSP and time stamps are there."""
    return issue(services.authority)


@pytest.fixture
def question(services: Services, made: IssuedCertificate) -> bytes:
    return bytes(asked(services.authority.certificate, made.serial).dump())


def by_path(question: bytes) -> str:
    """RFC 6960 appendix A.1: the URL-encoding of the Base64 of the request."""
    return f"/ocsp/{quote(base64.b64encode(question).decode(), safe='')}"


def status_of(answer: TestResponse) -> ocsp.OCSPCertStatus:
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/ocsp-response"
    return ocsp.load_der_ocsp_response(answer.data).certificate_status


def test_every_bare_route_names_its_access(app: Flask) -> None:
    """Deny by default holds here too: these and no others are answered, open to everybody."""
    validation: ValidationApp = app.extensions["signer.validation"]
    assert {route.rule: route.methods for route in validation.routes} == ROUTES
    assert {route.access for route in validation.routes} == {PUBLIC}
    behind = [str(rule) for rule in app.url_map.iter_rules()]
    assert not [rule for rule in behind if rule.startswith(("/ocsp", "/tsa", "/pki"))]


def test_the_role_alone_has_no_other_address(settings: Settings, app: Flask) -> None:
    """No page, no API: everything else is a problem document, 404."""
    alone, begin, end = create_validation(settings)
    begin()
    client = Client(alone)
    for path in ("/", "/login", "/api/v1/people", "/pki", "/pki/", "/ocspx", "/tsa/", "/pki/x.pem"):
        problem_of(client.get(path), 404)
    assert client.get("/pki/root.pem").data == (settings.pki / "root.pem").read_bytes()
    end()


def test_get_and_post_answer_alike(nobody: Caller, question: bytes) -> None:
    """The same bytes and headers, whichever way is asked; nothing of a session."""
    got = nobody.get(by_path(question))
    posted = nobody.post("/ocsp", data=question, headers=OCSP_TYPE)
    assert status_of(got) is ocsp.OCSPCertStatus.GOOD
    assert (got.data, dict(got.headers)) == (posted.data, dict(posted.headers))
    assert "Set-Cookie" not in got.headers
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    head = nobody.call("HEAD", by_path(question))
    assert (head.data, head.headers["ETag"]) == (b"", got.headers["ETag"])


def test_the_headers_are_those_of_rfc_5019(nobody: Caller, question: bytes, services: Services):
    """Section 6.2: dates of the answer, its hash, and a max-age that ends before nextUpdate."""
    answer = nobody.get(by_path(question))
    read = ocsp.load_der_ocsp_response(answer.data)
    assert parsedate_to_datetime(answer.headers["Last-Modified"]) == read.this_update_utc
    assert parsedate_to_datetime(answer.headers["Expires"]) == read.next_update_utc
    assert answer.headers["ETag"] == f'"{hashlib.sha1(answer.data).hexdigest()}"'
    control = answer.cache_control
    assert (control.public, control.no_transform, control.must_revalidate) == (True, True, True)
    assert control.max_age is not None
    assert read.next_update_utc is not None
    assert 0 < control.max_age < (read.next_update_utc - services.clock.now()).total_seconds()
    again = nobody.get(by_path(question), headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Cache-Control"] == answer.headers["Cache-Control"]


def test_a_cache_never_keeps_an_answer_beyond_its_end(
    nobody: Caller, question: bytes, services: Services, clock: Any, token_home: Path
) -> None:
    """While the HSM is away an answer serves to its last second, and max-age shrinks with it."""
    nobody.get(by_path(question))
    with token_away(token_home, services.hsm):
        read = ocsp.load_der_ocsp_response(nobody.get(by_path(question)).data)
        assert read.next_update_utc is not None
        clock.at = read.next_update_utc - timedelta(seconds=7)
        assert nobody.get(by_path(question)).cache_control.max_age == 7


def test_what_is_for_one_caller_is_kept_by_no_cache(
    nobody: Caller, services: Services, made: IssuedCertificate
) -> None:
    """Nonce, several CertIDs, unknown, failures: no-store and no ETag."""
    issuer = services.authority.certificate
    for question in (
        asked(issuer, made.serial, nonce=b"n" * 32).dump(),
        asked(issuer, made.serial, 5).dump(),
        asked(issuer, 5).dump(),
        b"junk",
    ):
        answer = nobody.post("/ocsp", data=question, headers=OCSP_TYPE)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert "ETag" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        *("/ocsp", "/ocsp/", "/ocsp/%21%21%21", "/ocsp/AAAA", "/ocsp/MEE", "/ocsp/%C4%83"),
        *("/ocsp/MEE=%0A", "/ocsp/a/b/c", "/ocsp/../ocsp", f"/ocsp/{'A' * 8000}"),
    ],
)
def test_an_odd_path_is_a_malformed_request(nobody: Caller, path: str) -> None:
    """RFC 6960 section 2.3: an OCSPResponse with HTTP 200, whatever was sent."""
    answer = nobody.get(path)
    assert (answer.status_code, answer.data) == (200, MALFORMED_REQUEST)


def test_base64_need_not_be_quoted(nobody: Caller, question: bytes) -> None:
    """Many clients leave "/", "+" and "=" as they are, which a path allows."""
    plain = base64.b64encode(question).decode()
    assert status_of(nobody.get(f"/ocsp/{plain}")) is ocsp.OCSPCertStatus.GOOD


@pytest.mark.parametrize("body", [b"", b"junk", b"\x30\x00", b"\0" * MAX_REQUEST_BYTES])
def test_an_odd_body_is_a_malformed_request(nobody: Caller, body: bytes) -> None:
    answer = nobody.post("/ocsp", data=body, headers=OCSP_TYPE)
    assert (answer.status_code, answer.data) == (200, MALFORMED_REQUEST)


@pytest.mark.parametrize(
    ("path", "size"), [("/ocsp", MAX_REQUEST_BYTES + 1), ("/ocsp", 10**9), ("/tsa", 10**9)]
)
def test_too_much_is_refused_unread(app: Flask, path: str, size: int) -> None:
    """413 as soon as the length is told, or when more comes than was to be expected."""

    class Endless(io.RawIOBase):
        taken = 0

        def read(self, count: int = -1) -> bytes:
            Endless.taken += max(count, 1)
            return b"\0" * max(count, 1)

    def post(**environ: Any) -> TestResponse:
        return Client(app.extensions["signer.validation"]).post(
            path, environ_overrides=environ | {"wsgi.input": Endless()}
        )

    problem_of(post(CONTENT_LENGTH=str(size)), 413)
    assert Endless.taken == 0
    problem_of(post(CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked"), 413)
    assert Endless.taken < 10**6
    problem_of(post(CONTENT_LENGTH="-5"), 400)
    problem_of(post(CONTENT_LENGTH="9" * 5000), 413)
    problem_of(Client(app.extensions["signer.validation"]).get("/ocsp/" + "A" * 20_000), 413)


@pytest.mark.parametrize("path", ["/ocsp", "/ocsp/AAAA", "/tsa", "/pki/root.pem", "/pki/crl/1.crl"])
def test_other_methods_are_told_which_are_right(nobody: Caller, path: str) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = nobody.call(method, path)
        problem_of(answer, 405)
        assert answer.headers["Allow"]
    if path.startswith("/pki"):
        problem_of(nobody.post(path), 405)


def test_a_body_that_comes_in_pieces_is_read_to_its_end(app: Flask, question: bytes) -> None:
    """A server may hand out less than was asked for, and need not tell the length before."""

    class Dripping(io.RawIOBase):
        left = question

        def read(self, count: int = -1) -> bytes:
            piece, self.left = self.left[:1], self.left[1:]
            return piece

    for told in (str(len(question)), ""):
        answer = Client(app.extensions["signer.validation"]).post(
            "/ocsp", environ_overrides={"CONTENT_LENGTH": told, "wsgi.input": Dripping()}
        )
        assert status_of(answer) is ocsp.OCSPCertStatus.GOOD


def test_while_the_token_is_away_the_answer_is_try_later(
    nobody: Caller, question: bytes, services: Services, token_home: Path
) -> None:
    """An OCSPResponse with status 3; a time stamp is 503, with when to come back."""
    with token_away(token_home, services.hsm):
        answer = nobody.get(by_path(question))
        status = ocsp.load_der_ocsp_response(answer.data).response_status
        assert (answer.status_code, status) == (200, ocsp.OCSPResponseStatus.TRY_LATER)
        stamp = nobody.post("/tsa", data=time_stamp_query())
        problem_of(stamp, 503)
        assert int(stamp.headers["Retry-After"]) > 0


def time_stamp_query() -> bytes:
    return subprocess.run(
        ["openssl", "ts", "-query", "-data", __file__, "-sha256", "-cert"],
        capture_output=True,
        check=True,
    ).stdout


def test_a_time_stamp_comes_over_http(nobody: Caller, made: IssuedCertificate) -> None:
    """RFC 3161 section 3.4; `tests/ca/test_timestamp.py` judges what is inside."""
    answer = nobody.post(
        "/tsa",
        data=time_stamp_query(),
        headers={"Content-Type": "application/timestamp-query"},
    )
    assert (answer.status_code, answer.content_type) == (200, "application/timestamp-reply")
    read = subprocess.run(
        ["openssl", "ts", "-reply", "-in", "/dev/stdin", "-text"],
        input=answer.data,
        capture_output=True,
        check=True,
    )
    assert b"Status: Granted." in read.stdout


def test_the_shard_of_a_certificate_lists_it_once_it_is_revoked(
    nobody: Caller, services: Services, made: IssuedCertificate
) -> None:
    """The address stands in the certificate; what a process remembers gives way to the change."""
    certificate = x509.load_der_x509_certificate(made.der)
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert points[0].full_name is not None
    path = points[0].full_name[0].value.removeprefix("http://127.0.0.1:8080")
    lists = [x509.load_der_x509_crl(nobody.get(path).data)]
    services.authority.revoke(made.serial, RevocationReason.KEY_COMPROMISE, "test")
    services.ocsp.watch._looked_at -= 10  # time goes by
    lists.append(x509.load_der_x509_crl(nobody.get(path).data))
    found = [one.get_revoked_certificate_by_serial_number(made.serial) for one in lists]
    assert found[0] is None
    assert found[1] is not None


@pytest.mark.parametrize(
    "name", ["128", "01", "-1", "1e1", "99999", "x", "", "%D9%A1", "1.crl", "../issuing"]
)
def test_there_is_no_other_shard(nobody: Caller, name: str) -> None:
    problem_of(nobody.get(f"/pki/crl/{name}.crl"), 404)


def test_a_fault_of_ours_tells_nothing_of_the_inside(
    nobody: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A problem document, 500, and the next request is served."""

    def broken(*_: object) -> Iterable[bytes]:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("signer.api.validation.file_answer", broken)
    answer = nobody.get("/pki/root.pem")
    problem_of(answer, 500)
    assert "secret" not in answer.text
    monkeypatch.undo()
    assert nobody.get("/pki/root.pem").status_code == 200
