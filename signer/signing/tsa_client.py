"""Time stamps from an authority outside the house: RFC 3161 over HTTP, slow, and never believed
before its token was checked."""

import asyncio
import http.client
import secrets
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from asn1crypto import algos, cms, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko.sign.validation.status import TimestampSignatureStatus
from pyhanko_certvalidator import ValidationContext

from signer.ca import der
from signer.clock import Clock
from signer.config import Settings
from signer.errors import N_, ConfigError, Unavailable

TOKEN_BYTES = 16 * 1024
"""Room for a token with its certificates; those seen in the field have 2 to 9 KB."""
_LIST_BYTES = 256 * 1024
"""A longer revocation list would go into every document and is left out."""
_LIST_SECONDS = 20.0
_LISTS_EVERY_SECONDS = 3600.0
_FIRST_PAUSE_SECONDS = 1.0
"""Before the second try; it doubles with each."""
_CLOCK_TOLERANCE = timedelta(seconds=60)

_log = structlog.get_logger(__name__)


class OutsideTsa:
    """A `Stamper` that asks another authority. Threads share it; at most so many ask at once.

    pki/tsa-outside.pem holds its certificate and those above it up to the root: what is not by
    one of them is no stamp. `ConfigError` at the start without that file or a usable address.
    """

    token_bytes = TOKEN_BYTES

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._host = _host_of(settings.tsa_url)
        self._url = settings.tsa_url
        self._seconds = settings.tsa_seconds
        self._tries = settings.tsa_tries
        self._turns = threading.BoundedSemaphore(settings.tsa_at_once)
        self._chain = _chain(settings.pki / "tsa-outside.pem")
        self._lists: tuple[float, tuple[bytes, ...]] = (float("-inf"), ())

    @property
    def chain_der(self) -> tuple[bytes, ...]:
        """The TSA's certificate and all above it, the root included."""
        return tuple(one.public_bytes(Encoding.DER) for one in self._chain)

    def token(self, digest: bytes, hash_name: str) -> bytes:
        """A checked TimeStampToken over the digest; `Unavailable` after the last try in vain.

        Waits for its turn as long as for an answer. May take `tsa_tries` times `tsa_seconds`.
        """
        if not self._turns.acquire(timeout=self._seconds):
            raise Unavailable(_BUSY, retry_after_seconds=60)
        try:
            for left in reversed(range(self._tries)):
                try:
                    return self._asked(digest, hash_name)
                except _NoToken as failure:
                    _log.warning("no time stamp", host=self._host, why=str(failure), left=left)
                    if not left or failure.is_final:
                        raise Unavailable(_NONE, host=self._host, retry_after_seconds=60) from None
                time.sleep(_FIRST_PAUSE_SECONDS * 2 ** (self._tries - 1 - left))
        finally:
            self._turns.release()
        raise AssertionError("there is at least one try")

    def crls(self) -> tuple[bytes, ...]:
        """The lists its certificates name, as far as they can be had; asked for once an hour."""
        read_at, found = self._lists
        if time.monotonic() - read_at > _LISTS_EVERY_SECONDS:
            addresses = dict.fromkeys(url for one in self._chain for url in _list_addresses(one))
            found = tuple(crl for url in addresses if (crl := self._list(url)) is not None)
            self._lists = (time.monotonic(), found)
        return found

    def _list(self, url: str) -> bytes | None:
        try:
            found = _exchange("GET", url, None, seconds=_LIST_SECONDS, limit=_LIST_BYTES)
            crl = x509.load_der_x509_crl(found)
        except (_NoToken, ValueError) as error:
            _log.warning("a list about the outside TSA is missing", url=url, why=str(error))
            return None
        signers = [one for one in self._chain if one.subject == crl.issuer]
        return found if any(_signed(crl, one) for one in signers) else None

    def _asked(self, digest: bytes, hash_name: str) -> bytes:
        nonce = secrets.randbits(63)
        request = tsp.TimeStampReq(
            {
                "version": 1,
                "message_imprint": {
                    "hash_algorithm": algos.DigestAlgorithm({"algorithm": hash_name}),
                    "hashed_message": digest,
                },
                "nonce": nonce,
                "cert_req": True,
            }
        )
        began = self._clock.now()
        answer = _exchange(
            "POST", self._url, request.dump(), seconds=self._seconds, limit=4 * TOKEN_BYTES
        )
        try:
            token = _granted(answer)
            self._check(token, digest, hash_name, nonce, began)
        except _NoToken:
            raise
        except Exception as error:  # whatever a foreign server's bytes break
            raise _NoToken(f"unreadable: {type(error).__name__}") from error
        return bytes(token.dump())

    def _check(
        self, token: cms.ContentInfo, digest: bytes, hash_name: str, nonce: int, began: datetime
    ) -> None:
        """The token is over this digest, for this request, of now, and by the known authority."""
        if len(token.dump()) > TOKEN_BYTES:
            raise _NoToken("longer than the room reserved", is_final=True)
        info = token["content"]["encap_content_info"]["content"].parsed
        if info["nonce"].native != nonce:  # RFC 3161 section 2.4.2: an answer to somebody else
            raise _NoToken("another nonce")
        imprint = info["message_imprint"]
        if imprint["hash_algorithm"]["algorithm"].native != hash_name:
            raise _NoToken("another hash")
        at = info["gen_time"].native
        if not began - _CLOCK_TOLERANCE <= at <= self._clock.now() + _CLOCK_TOLERANCE:
            raise _NoToken(f"its clock says {at.isoformat()}")
        certificates = [asn1_x509.Certificate.load(der) for der in self.chain_der]
        context = ValidationContext(
            trust_roots=[one for one in certificates if one.issuer == one.subject],
            other_certs=certificates,
            moment=self._clock.now(),
            allow_fetching=False,
        )
        found = validate_tst_signed_data(token["content"], context, lambda _: digest)
        status = TimestampSignatureStatus(**asyncio.run(found))
        if not (status.valid and status.intact and status.trusted):
            raise _NoToken("not a stamp of the known authority")


class _NoToken(Exception):  # a try in vain, not an error of the house
    def __init__(self, why: str, *, is_final: bool = False) -> None:
        super().__init__(why)
        self.is_final = is_final
        """Another try would end the same way."""


def _granted(answer: bytes) -> cms.ContentInfo:
    """The token in a TimeStampResp (RFC 3161 section 2.4.2)."""
    (_, said), *rest = der.children(answer)  # asn1crypto's own class insists on a token
    status = tsp.PKIStatusInfo.load(said, strict=True)
    if status["status"].native not in ("granted", "granted_with_mods"):
        fault = set(status["fail_info"].native or ())
        is_passing = fault & {"time_not_available", "system_failure"}
        raise _NoToken(f"refused: {sorted(fault)}", is_final=not is_passing)
    ((_, token),) = rest
    return cms.ContentInfo.load(token, strict=True)


def _exchange(method: str, url: str, body: bytes | None, *, seconds: float, limit: int) -> bytes:
    """What the server answered with 200, all of it within so many seconds; `_NoToken` else."""
    address = urlsplit(url)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=seconds)
    headers = {"Content-Type": "application/timestamp-query"} if body is not None else {}
    timer = threading.Timer(seconds, _cut(connection))  # a socket's own limit begins with each byte
    timer.daemon = True
    timer.start()
    try:
        target = (address.path or "/") + (f"?{address.query}" if address.query else "")
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        content = response.read(limit + 1)
        if response.status != 200:
            raise _NoToken(f"HTTP {response.status}", is_final=response.status in range(400, 500))
        if len(content) > limit or not response.isclosed():
            raise _NoToken("cut off, or too long")
    except (OSError, http.client.HTTPException) as error:
        raise _NoToken(type(error).__name__) from error
    finally:
        timer.cancel()
        connection.close()
    return content


def _cut(connection: http.client.HTTPConnection) -> Callable[[], None]:
    def cut() -> None:
        if (held := connection.sock) is not None:
            held.shutdown(2)  # a reader in another thread wakes up; closing would not wake it

    return cut


def _host_of(url: str) -> str:
    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ConfigError(
            N_("Thiết lập “%(key)s” phải là một địa chỉ http:// hoặc https://."), key="tsa_url"
        )
    return address.hostname


def _chain(file: Path) -> tuple[x509.Certificate, ...]:
    try:
        found = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(_NO_CHAIN, file=file.name) from error
    if not any(one.issuer == one.subject for one in found):
        raise ConfigError(_NO_CHAIN, file=file.name)
    return tuple(found)


def _list_addresses(certificate: x509.Certificate) -> list[str]:
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return []
    names = [name.value for point in points for name in point.full_name or ()]
    return [name for name in names if str(name).startswith(("http://", "https://"))]


def _signed(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    return crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # a key that signs


_BUSY = N_("Có quá nhiều tài liệu đang chờ dấu thời gian; hãy thử lại sau ít phút.")
_NONE = N_("Dịch vụ dấu thời gian %(host)s không cấp được dấu; hãy thử lại sau ít phút.")
_NO_CHAIN = N_(
    "Thiếu tệp %(file)s trong thư mục pki: chứng thư của dịch vụ dấu thời gian bên ngoài và các "
    "chứng thư phía trên, đến chứng thư gốc."
)
