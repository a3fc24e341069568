"""What relying parties ask, as bare WSGI: OCSP, time stamps, CA certificates, revocation lists.

No session, no cookie, no form: everybody may ask, and nobody is told more than is public. In the
embedded server this stands in front of Flask; as a role of its own it answers alone.
"""

import binascii
import re
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from cryptography import x509

from signer.api.bare import (
    FAILED,
    GUARDED,
    NOWHERE,
    TOO_LONG,
    WRONG_METHOD,
    Answered,
    Content,
    TooLong,
    content_of,
    file_answer,
    problem,
    read_body,
    refusal,
)
from signer.ca.ocsp import MAX_REQUEST_BYTES
from signer.doors import PUBLIC, Access
from signer.errors import N_, Invalid, NotFound, SignerError, Unavailable
from signer.services import Services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

READERS = 900
"""Bodies that are waited for at a time; whoever comes with one more is told to come back. Fewer
than a server has threads, so that slow senders never keep anybody from asking by GET."""
_MAX_STAMP_BYTES = 64 * 1024  # an ordinary TimeStampReq has about a hundred
_LENGTH_DIGITS = 20  # int() refuses some thousands of them
_MAX_PATH = MAX_REQUEST_BYTES * 4 // 3 + 4
_KEEP_SECONDS = 5.0
_AWAY_SECONDS = 3.0
_A_DAY = timedelta(days=1)
_AN_HOUR = timedelta(hours=1)

_PEM = "application/x-pem-file"
_CERTIFICATE = "application/pkix-cert"  # RFC 2585 section 4.1
_CRL = "application/pkix-crl"  # RFC 2585 section 4.2
_SHARD = re.compile("0|[1-9][0-9]{0,3}")

_TOO_LONG_PATH = N_("Địa chỉ quá dài; hãy gửi câu hỏi bằng phương thức POST.")
_MANY_SLOW = N_("Có quá nhiều yêu cầu đang được gửi lên cùng lúc; hãy thử lại sau ít giây.")

_log = structlog.get_logger(__name__)

AppContext = Callable[[], AbstractContextManager[Any]]  # Flask's; nothing of it is looked at
View = Callable[["WSGIEnvironment", str, "StartResponse"], Answered]


class Route(NamedTuple):
    """One address, its methods, and the view that answers; `rule` is written as Flask writes it."""

    rule: str
    methods: tuple[str, ...]
    access: Access
    view: View

    @property
    def prefix(self) -> str:
        """What every address of the route begins with."""
        return self.rule.partition("<")[0]


class ValidationApp:
    """The WSGI application of the role, and the thread that stores what was signed.

    Made in the process that serves. Neither database nor HSM is touched before somebody asks.
    `otherwise` answers all other addresses, or they are 404.
    """

    def __init__(
        self,
        services: Services,
        app_context: AppContext,
        otherwise: "WSGIApplication | None" = None,
    ) -> None:
        self._services = services
        self._context = app_context
        self.otherwise = otherwise
        self._readers = threading.BoundedSemaphore(READERS)
        self._keeper: threading.Thread | None = None
        self._is_warm = False
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._lists: dict[int | None, Content] = {}
        self._listing = threading.Lock()  # a long list is read once, not once for each caller
        self._fixed = self._certificates()
        self.routes = self._routes()
        self._exact = {route.rule: route for route in self.routes if "<" not in route.rule}
        self._below = [route for route in self.routes if "<" in route.rule]

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Answered:
        path: str = environ["PATH_INFO"]
        route = self._exact.get(path) or next(
            (route for route in self._below if path.startswith(route.prefix)), None
        )
        if route is None:
            return (
                self.otherwise(environ, start) if self.otherwise else problem(start, 404, NOWHERE)
            )
        if environ["REQUEST_METHOD"] not in route.methods:
            allowed = [("Allow", ", ".join(route.methods))]  # RFC 9110 section 15.5.6
            return problem(start, 405, WRONG_METHOD, allowed)
        try:
            return route.view(environ, path[len(route.prefix) :], start)
        except SignerError as error:
            return refusal(start, error)
        except Exception:  # noqa: BLE001  # one bad request must not end a bare application
            _log.exception("a request of a relying party failed", path=path[:200])
            return problem(start, 500, FAILED)

    def _routes(self) -> tuple[Route, ...]:
        """Everything that is answered here; all of it is open to everybody."""
        get, post = ("GET", "HEAD"), ("POST",)
        return (
            Route("/ocsp", get + post, PUBLIC, self._ocsp),
            Route("/ocsp/<path:request>", get, PUBLIC, self._ocsp_in_path),
            Route("/tsa", post, PUBLIC, self._stamp),
            *(Route(f"/pki/{name}", get, PUBLIC, self._certificate) for name in self._fixed),
            Route("/pki/root.crl", get, PUBLIC, self._root_list),
            Route("/pki/issuing.crl", get, PUBLIC, self._complete_list),
            Route("/pki/crl/<number>.crl", get, PUBLIC, self._shard_list),
        )

    def begin(self) -> None:
        """What is stored is remembered before the first question comes, if it can be read."""
        self._recall()
        self._start_keeper()

    def stop(self) -> None:
        """What waits to be stored is stored, and the thread that does so has ended."""
        self._stopping.set()
        self._services.ocsp.wake()
        if self._keeper is not None:
            self._keeper.join()

    # OCSP --------------------------------------------------------------------------------------

    def _ocsp(self, environ: "WSGIEnvironment", rest: str, start: "StartResponse") -> Answered:
        """RFC 6960 appendix A.1: the request is the body; without one nothing is asked."""
        if environ["REQUEST_METHOD"] != "POST":
            return self._answer(environ, b"", start)
        body = self._body(environ, MAX_REQUEST_BYTES)
        return self._answer(environ, body, start)

    def _ocsp_in_path(
        self, environ: "WSGIEnvironment", rest: str, start: "StartResponse"
    ) -> Answered:
        """RFC 6960 appendix A.1: the request is Base64 in the path."""
        if len(rest) > _MAX_PATH:
            raise TooLong(_TOO_LONG_PATH)
        try:
            request_der = binascii.a2b_base64(rest, strict_mode=True)
        except ValueError:
            request_der = b""  # not Base64: as malformed as nothing at all
        return self._answer(environ, request_der, start)

    def _answer(
        self, environ: "WSGIEnvironment", request_der: bytes, start: "StartResponse"
    ) -> Answered:
        responder = self._services.ocsp
        answer = responder.remembered(request_der)
        if answer is None:
            if self._keeper is None:
                self._start_keeper()
            with self._context():
                answer = responder.answer(request_der)
        is_known = answer.etag and environ.get("HTTP_IF_NONE_MATCH") == answer.etag
        if is_known and environ["REQUEST_METHOD"] == "GET":
            start("304 Not Modified", answer.headers[2:])  # without type and length
            return []
        start("200 OK", answer.headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.der]

    def _start_keeper(self) -> None:
        with self._starting:
            if self._keeper is None:
                self._keeper = threading.Thread(
                    target=self._keep, name="signer-ocsp-answers", daemon=True
                )
                self._keeper.start()

    def _recall(self) -> None:
        try:
            with self._context():
                self._services.ocsp.recall()
        except Exception as error:  # noqa: BLE001  # without it all is only slower
            _log.warning("stored OCSP answers were not recalled", reason=type(error).__name__)
        else:
            self._is_warm = True

    def _keep(self) -> None:
        """Recalls stored answers, stores new ones, renews ageing ones, beside those who answer."""
        responder = self._services.ocsp
        if not self._is_warm:
            self._recall()
        while True:
            is_last = self._stopping.is_set()
            if responder.wait_for_work(0 if is_last else _KEEP_SECONDS) or is_last:
                try:
                    with self._context():
                        responder.keep()
                except Unavailable as error:
                    _log.warning("OCSP answers grow old", reason=error.sentence)
                    self._stopping.wait(_AWAY_SECONDS)
                except Exception:  # noqa: BLE001  # the loop outlives any fault of a round
                    _log.exception("OCSP answers were not stored")
                    self._stopping.wait(_AWAY_SECONDS)
            if is_last:
                return

    # Time stamps -------------------------------------------------------------------------------

    def _stamp(self, environ: "WSGIEnvironment", rest: str, start: "StartResponse") -> Answered:
        """RFC 3161 section 3.4: always 200, with the refusal inside if there is one."""
        body = self._body(environ, _MAX_STAMP_BYTES)
        with self._context():
            reply = self._services.timestamps.answer(body)
        start(
            "200 OK",
            [
                ("Content-Type", "application/timestamp-reply"),
                ("Content-Length", str(len(reply))),
                ("Cache-Control", "no-store"),
                *GUARDED,
            ],
        )
        return [reply]

    # Certificates and lists --------------------------------------------------------------------

    def _certificates(self) -> dict[str, Content]:
        authority = self._services.authority
        return {
            "root.pem": content_of(authority.root_pem().encode("ascii")),
            "issuing.pem": content_of(authority.issuing_pem().encode("ascii")),
            "root.cer": content_of(authority.root_der()),  # RFC 5280 section 4.2.2.1: DER
            "issuing.cer": content_of(authority.issuing_der()),
        }

    def _certificate(
        self, environ: "WSGIEnvironment", rest: str, start: "StartResponse"
    ) -> Answered:
        name = environ["PATH_INFO"].removeprefix("/pki/")
        kind = _PEM if name.endswith(".pem") else _CERTIFICATE
        return file_answer(environ, start, self._fixed[name], kind, _A_DAY)

    def _root_list(self, environ: "WSGIEnvironment", rest: str, start: "StartResponse") -> Answered:
        """Made when the root key was last in use."""
        try:
            der = (self._services.settings.pki / "root.crl").read_bytes()
        except FileNotFoundError as error:
            raise NotFound(N_("CA gốc chưa công bố danh sách thu hồi.")) from error
        return self._list(environ, start, _list_content(der, None))

    def _complete_list(
        self, environ: "WSGIEnvironment", rest: str, start: "StartResponse"
    ) -> Answered:
        return self._list(environ, start, self._newest_list(None))

    def _shard_list(
        self, environ: "WSGIEnvironment", rest: str, start: "StartResponse"
    ) -> Answered:
        number = rest.removesuffix(".crl")
        if rest == number or not _SHARD.fullmatch(number):
            raise NotFound(NOWHERE)
        return self._list(environ, start, self._newest_list(int(number)))

    def _newest_list(self, shard: int | None) -> Content:
        """From this process's memory for as long as no list has changed since."""
        watch = self._services.ocsp.watch
        if (found := self._known_list(shard)) is not None:
            return found
        with self._listing:
            if (found := self._known_list(shard)) is not None:
                return found
            with self._context():
                self._services.ocsp.look()
                mark = watch.newest_list  # first this, then the list: it may be newer, not older
                der = self._services.authority.current_crl_der(shard)
            self._lists[shard] = content = _list_content(der, mark)
            return content

    def _known_list(self, shard: int | None) -> Content | None:
        watch = self._services.ocsp.watch
        found = self._lists.get(shard)
        if found is None or not watch.is_fresh() or found.mark != watch.newest_list:
            return None
        return found if found.ends and self._services.clock.now() < found.ends else None

    def _list(
        self, environ: "WSGIEnvironment", start: "StartResponse", content: Content
    ) -> Answered:
        """Kept by caches no longer than half the time that is left to it, an hour at most."""
        left = content.ends - self._services.clock.now() if content.ends else timedelta()
        return file_answer(environ, start, content, _CRL, max(timedelta(), min(left / 2, _AN_HOUR)))

    # Reading -----------------------------------------------------------------------------------

    def _body(self, environ: "WSGIEnvironment", limit: int) -> bytes:
        """The body, waited for by one of the readers; `TooLong` beyond the limit."""
        told = environ.get("CONTENT_LENGTH") or ""
        if told and not told.isdecimal():
            raise Invalid(N_("Tiêu đề Content-Length không hợp lệ."))
        if len(told) > _LENGTH_DIGITS or (told and int(told) > limit):
            raise TooLong(TOO_LONG)
        if not self._readers.acquire(blocking=False):
            raise Unavailable(_MANY_SLOW)
        try:
            return read_body(environ["wsgi.input"], int(told) if told else limit + 1, limit)
        finally:
            self._readers.release()


def _list_content(der: bytes, mark: object) -> Content:
    return content_of(der, x509.load_der_x509_crl(der).next_update_utc, mark)
