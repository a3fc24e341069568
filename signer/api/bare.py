"""The pieces of a bare WSGI answer: bytes with their headers, problem documents, a bounded body."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog

from signer.errors import N_, Invalid, NotFound, SignerError, Unavailable

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

GUARDED = [
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
]

_log = structlog.get_logger(__name__)

Answered = Iterable[bytes]


@dataclass(frozen=True, kw_only=True)
class Content:
    """Bytes that are handed out until they change."""

    der: bytes
    etag: str
    ends: datetime | None
    """When it must be fetched anew at the latest."""
    mark: object = None
    """What it was made from; another mark means that there may be a newer one."""


class TooLong(SignerError):
    """More was sent than any honest request has."""


_STATUS: dict[type[SignerError], int] = {
    TooLong: 413,
    Unavailable: 503,
    NotFound: 404,
    Invalid: 400,
}
NOWHERE = N_("Không có gì ở địa chỉ này.")
WRONG_METHOD = N_("Địa chỉ này chỉ nhận các phương thức ghi ở tiêu đề Allow.")
FAILED = N_("Hệ thống gặp lỗi ngoài dự kiến. Không có dữ liệu nào bị mất; hãy thử lại sau.")
TOO_LONG = N_("Nội dung gửi lên vượt quá dung lượng cho phép.")


def read_body(stream: Any, wanted: int, limit: int) -> bytes:  # the server's own wsgi.input
    """As much as was wanted, or all there is; `TooLong` when that is more than the limit."""
    parts = []
    while wanted > 0 and (part := stream.read(wanted)):
        parts.append(part)
        wanted -= len(part)
    body = b"".join(parts)
    if len(body) > limit:
        raise TooLong(TOO_LONG)
    return body


def content_of(content: bytes, ends: datetime | None = None, mark: object = None) -> Content:
    """The bytes with the hash that names them."""
    etag = f'"{hashlib.sha256(content).hexdigest()}"'
    return Content(der=content, etag=etag, ends=ends, mark=mark)


def file_answer(
    environ: "WSGIEnvironment",
    start: "StartResponse",
    content: Content,
    content_type: str,
    keep: timedelta,
) -> Answered:
    """The bytes, or 304 to a caller who has them; caches may keep them that long."""
    headers = [
        ("Cache-Control", f"public, max-age={int(keep.total_seconds())}"),
        ("ETag", content.etag),
        *GUARDED,
    ]
    known = environ.get("HTTP_IF_NONE_MATCH", "")
    if content.etag in known or known.strip() == "*":
        start("304 Not Modified", headers)
        return []
    size = str(len(content.der))
    start("200 OK", [("Content-Type", content_type), ("Content-Length", size), *headers])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [content.der]


def refusal(start: "StartResponse", error: SignerError) -> Answered:
    """The problem document of one of the house's own errors."""
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
    if status == 500:
        _log.error("unexpected %s: %s", type(error).__name__, error)
        return problem(start, 500, FAILED)
    more = []
    if isinstance(error, TooLong):
        # What was sent is not read to its end, so nothing more can come over this connection.
        more = [("Connection", "close")]
    if isinstance(error, Unavailable):
        more = [("Retry-After", str(error.retry_after_seconds))]
    return problem(start, status, str(error), more)


def problem(
    start: "StartResponse", status: int, sentence: str, more: list[tuple[str, str]] | None = None
) -> Answered:
    """RFC 9457, in Vietnamese: these addresses are asked by programs, which know no language."""
    meaning = HTTPStatus(status)
    document = {
        "type": f"urn:signer:problem:{meaning.name.lower().replace('_', '-')}",
        "title": meaning.phrase,
        "status": status,
        "detail": sentence,
    }
    body = json.dumps(document, ensure_ascii=False).encode()
    start(
        f"{status} {meaning.phrase}",
        [
            ("Content-Type", "application/problem+json"),
            ("Content-Length", str(len(body))),
            ("Content-Language", "vi"),
            ("Cache-Control", "no-store"),
            *GUARDED,
            *(more or []),
        ],
    )
    return [body]
