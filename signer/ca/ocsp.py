"""OCSP as DER (RFC 6960, RFC 5019, RFC 9654): requests read strictly, answers put together.

Pure: no database, no key. What it answers with is `responder.py`'s business.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signer.ca import der
from signer.ca.certificate import raw_subject
from signer.ca.crl import REASON_NUMBERS, RevocationReason
from signer.ca.schemes import longest_signature, scheme_for

MAX_REQUEST_BYTES = 8192
"""Room for about a hundred CertIDs; an ordinary request has about a hundred bytes."""
MAX_NONCE_BYTES = 128  # RFC 9654 section 2.1

# OCSPResponse of a failure: nothing but its OCSPResponseStatus (RFC 6960 section 4.2.1).
MALFORMED_REQUEST = bytes.fromhex("30030a0101")
INTERNAL_ERROR = bytes.fromhex("30030a0102")
TRY_LATER = bytes.fromhex("30030a0103")
UNAUTHORIZED = bytes.fromhex("30030a0106")

_SUCCESSFUL = bytes.fromhex("0a0100")
_BASIC = der.oid("1.3.6.1.5.5.7.48.1.1")
_NONCE = der.oid("1.3.6.1.5.5.7.48.1.2")
_INVALIDITY_DATE = der.oid("2.5.29.24")
_NULL = bytes.fromhex("0500")
_TRUE = bytes.fromhex("0101ff")
_HASHES = {  # RFC 6960 section 4.3 asks for SHA-1 and SHA-256
    der.oid("1.3.14.3.2.26"): "sha1",
    der.oid("2.16.840.1.101.3.4.2.1"): "sha256",
    der.oid("2.16.840.1.101.3.4.2.2"): "sha384",
    der.oid("2.16.840.1.101.3.4.2.3"): "sha512",
}
_V1 = der.tlv(0xA0, der.integer(0))
_SERIAL_OCTETS = 20  # RFC 5280 section 4.1.2.2


class Malformed(ValueError):
    """What was sent is no OCSPRequest that this responder reads."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CertId:
    """Which certificate is asked about, and the very bytes in which it was."""

    der: bytes
    issuer: bytes
    """Hash algorithm, hash of the issuer's name and of its key, as `issuer_ids` has them."""
    serial: int


@dataclass(frozen=True, kw_only=True, slots=True)
class OcspRequest:
    """What is asked; signatures and names of requestors are not looked at."""

    cert_ids: tuple[CertId, ...]
    nonce: bytes | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CertStatus:
    """What is said of one certificate: neither revoked nor unknown is good."""

    is_known: bool
    revoked_at: datetime | None = None
    reason: RevocationReason = RevocationReason.UNSPECIFIED
    invalid_since: datetime | None = None


UNKNOWN = CertStatus(is_known=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An OCSPResponse, and what HTTP says of it."""

    der: bytes
    this_update: datetime | None = None
    """None for one that says only why there is no answer."""
    next_update: datetime | None = None
    etag: str = ""
    is_cacheable: bool = False
    """Others get the same bytes for a while: it names one known certificate and has no nonce."""
    headers: list[tuple[str, str]]
    """For every caller the same list: not to be changed."""


def parse_request(request_der: bytes) -> OcspRequest:
    """What the OCSPRequest asks (RFC 6960 section 4.1.1); `Malformed` unless it is one in DER.

    An unknown extension is passed over unless it is critical.
    """
    try:
        request = _request(request_der)
    except (ValueError, IndexError) as error:
        raise Malformed(str(error)) from error
    return request


def bare_cert_id(request_der: bytes) -> bytes | None:
    """The bytes where the one CertID is, if this is a request with nothing beside it; unread.

    Meant to be looked up among CertIDs that were read: what is among them is one.
    """
    size = len(request_der)
    # Four times a SEQUENCE around the CertID; longer ones are not written in one octet.
    if 8 < size < 130 and request_der[:8] == bytes(
        (0x30, size - 2, 0x30, size - 4, 0x30, size - 6, 0x30, size - 8)
    ):
        return request_der[8:]
    return None


def cert_id_of(cert_id_der: bytes) -> CertId:
    """The CertID that these bytes are; `Malformed` when they are none."""
    return _single_request(der.tlv(der.SEQUENCE, cert_id_der))


@lru_cache(maxsize=8)
def issuer_ids(issuer: x509.Certificate) -> frozenset[bytes]:
    """Every way in which a CertID may name this issuer (RFC 6960 section 4.1.1)."""
    return frozenset(
        issuer_id(issuer, hash_name, end) for hash_name in _HASHES.values() for end in (b"", _NULL)
    )


def issuer_id(issuer: x509.Certificate, hash_name: str, parameters: bytes = b"") -> bytes:
    """The issuer as a CertID names it: hash algorithm, hash of its name, hash of its key."""
    oid = next(oid for oid, name in _HASHES.items() if name == hash_name)
    return b"".join(
        (
            der.tlv(der.SEQUENCE, oid, parameters),
            der.tlv(der.OCTET_STRING, hashlib.new(hash_name, raw_subject(issuer)).digest()),
            der.tlv(der.OCTET_STRING, hashlib.new(hash_name, _key_bits(issuer)).digest()),
        )
    )


def cert_id(issuer: x509.Certificate, serial: int) -> CertId:
    """Our own way of naming a certificate: by SHA-256."""
    named = issuer_id(issuer, "sha256")
    return CertId(
        der=der.tlv(der.SEQUENCE, named, der.integer(serial)), issuer=named, serial=serial
    )


def longest_response(issuer: x509.Certificate, serial: int, signer: x509.Certificate) -> int:
    """No response of this signer about this one certificate has more octets."""
    at = signer.not_valid_before_utc
    most = CertStatus(
        is_known=True, revoked_at=at, reason=RevocationReason.KEY_COMPROMISE, invalid_since=at
    )
    single = single_response(cert_id(issuer, serial).der, most, at, at)
    key = signer.public_key()
    data = response_data(responder_id(signer), at, [single], None)
    return len(response(data, scheme_for(key).algorithm_der, bytes(longest_signature(key)), signer))


@lru_cache(maxsize=8)
def responder_id(certificate: x509.Certificate) -> bytes:
    """The ResponderID byKey: SHA-1 over the key's bits (RFC 6960 section 4.2.1, RFC 5019 2.2.3)."""
    digest = hashlib.sha1(_key_bits(certificate), usedforsecurity=False).digest()
    return der.tlv(0xA2, der.tlv(der.OCTET_STRING, digest))


def single_response(
    cert_id_der: bytes, status: CertStatus, this_update: datetime, next_update: datetime
) -> bytes:
    """One SingleResponse; it repeats the CertID byte for byte."""
    extensions = b""
    if status.invalid_since is not None:  # as on the CRL: RFC 6960 section 4.4.5
        date = der.tlv(der.OCTET_STRING, _time(status.invalid_since))
        extension = der.tlv(der.SEQUENCE, _INVALIDITY_DATE, date)
        extensions = der.tlv(0xA1, der.tlv(der.SEQUENCE, extension))
    return der.tlv(
        der.SEQUENCE,
        cert_id_der,
        _cert_status(status),
        _time(this_update),
        der.tlv(0xA0, _time(next_update)),  # RFC 5019 section 2.2.4: always there
        extensions,
    )


def response_data(
    responder_id_der: bytes, produced_at: datetime, singles: Sequence[bytes], nonce: bytes | None
) -> bytes:
    """The ResponseData to be signed; a nonce is repeated (RFC 9654 section 2.1)."""
    extensions = b""
    if nonce is not None:
        value = der.tlv(der.OCTET_STRING, der.tlv(der.OCTET_STRING, nonce))
        extension = der.tlv(der.SEQUENCE, _NONCE, value)
        extensions = der.tlv(0xA1, der.tlv(der.SEQUENCE, extension))
    return der.tlv(
        der.SEQUENCE,
        responder_id_der,
        _time(produced_at),
        der.tlv(der.SEQUENCE, *singles),
        extensions,
    )


def response(
    response_data_der: bytes, algorithm_der: bytes, signature: bytes, signer: x509.Certificate
) -> bytes:
    """The successful OCSPResponse, its signer's certificate inside (RFC 5019 section 2.2.1)."""
    basic = der.tlv(
        der.SEQUENCE,
        response_data_der,
        algorithm_der,
        der.tlv(der.BIT_STRING, b"\x00", signature),
        der.tlv(0xA0, der.tlv(der.SEQUENCE, _encoded(signer))),
    )
    response_bytes = der.tlv(der.SEQUENCE, _BASIC, der.tlv(der.OCTET_STRING, basic))
    return der.tlv(der.SEQUENCE, _SUCCESSFUL, der.tlv(0xA0, response_bytes))


def cacheable(
    response_der: bytes, this_update: datetime, next_update: datetime, max_age: timedelta
) -> Answer:
    """The answer that caches may keep for `max_age` (RFC 5019 section 6.2)."""
    digest = hashlib.sha1(response_der, usedforsecurity=False).hexdigest()
    etag = f'"{digest}"'
    return Answer(
        der=response_der,
        this_update=this_update,
        next_update=next_update,
        etag=etag,
        is_cacheable=True,
        headers=[
            *_headers(response_der),
            ("Last-Modified", format_datetime(this_update, usegmt=True)),
            ("Expires", format_datetime(next_update, usegmt=True)),
            ("ETag", etag),
            (
                "Cache-Control",
                f"max-age={int(max_age.total_seconds())}, public, no-transform, must-revalidate",
            ),
        ],
    )


def passing(
    response_der: bytes, this_update: datetime | None = None, next_update: datetime | None = None
) -> Answer:
    """The answer that is for this caller and this moment only."""
    return Answer(
        der=response_der,
        this_update=this_update,
        next_update=next_update,
        headers=[*_headers(response_der), ("Cache-Control", "no-store")],
    )


def _headers(response_der: bytes) -> list[tuple[str, str]]:
    return [
        ("Content-Type", "application/ocsp-response"),  # RFC 6960 appendix A.2
        ("Content-Length", str(len(response_der))),
        ("X-Content-Type-Options", "nosniff"),
    ]


def _request(request_der: bytes) -> OcspRequest:
    if len(request_der) > MAX_REQUEST_BYTES:
        raise Malformed("the request is too long")
    tbs, *signature = _elements(request_der, der.SEQUENCE)
    # RFC 6960 section 4.1.2: a signed request may be answered without looking at the signature.
    if [tag for tag, _ in signature] not in ([], [0xA0]):
        raise Malformed("something else than a signature follows the request")
    parts = _elements(tbs[1], der.SEQUENCE)
    if parts and parts[0][1] == _V1:  # DER leaves a default out; clients that do not are served
        parts.pop(0)
    if parts and parts[0][0] == 0xA1:  # requestorName
        parts.pop(0)
    tag, asked = parts.pop(0)
    if tag != der.SEQUENCE:
        raise Malformed("no list of requests")
    nonce = None
    if parts:
        tag, extensions = parts.pop(0)
        if tag != 0xA2 or parts:
            raise Malformed("something else than extensions follows the list of requests")
        nonce = _extensions(extensions)
    cert_ids = tuple(_single_request(one) for _, one in der.children(asked))
    if not cert_ids:
        raise Malformed("nothing is asked")
    return OcspRequest(cert_ids=cert_ids, nonce=nonce)


def _single_request(element: bytes) -> CertId:
    (_, cert_id), *more = _elements(element, der.SEQUENCE)
    if more:
        ((tag, extensions),) = more
        if tag != 0xA0:
            raise Malformed("something else than extensions follows a CertID")
        _extensions(extensions)
    parts = _elements(cert_id, der.SEQUENCE)
    if [tag for tag, _ in parts] != [der.SEQUENCE, der.OCTET_STRING, der.OCTET_STRING, der.INTEGER]:
        raise Malformed("a CertID has four parts")
    (_, algorithm), (_, name_hash), (_, key_hash), (_, number) = parts
    # Its bytes are repeated in what we sign, so nothing stands in it that we did not read.
    oid, *parameters = der.children(algorithm)
    if oid[0] != der.OBJECT_IDENTIFIER or [p for _, p in parameters] not in ([], [_NULL]):
        raise Malformed("a hash algorithm has no parameters")
    der.require_identifier(der.content(oid[1]))
    return CertId(der=cert_id, issuer=algorithm + name_hash + key_hash, serial=_serial(number))


def _serial(number: bytes) -> int:
    octets = der.content(number)
    if not 1 <= len(octets) <= _SERIAL_OCTETS + 1:
        raise Malformed("no serial number")
    value = int.from_bytes(octets, signed=True)
    # X.690 section 8.3.2: no octet too many.
    if len(octets) != (value + (value < 0)).bit_length() // 8 + 1:
        raise Malformed("a serial number is as short as can be")
    return value


def _extensions(wrapped: bytes) -> bytes | None:
    """The nonce among them, if there is one."""
    ((tag, listed),) = der.children(wrapped)
    if tag != der.SEQUENCE:
        raise Malformed("no list of extensions")
    nonce = None
    for _, extension in der.children(listed):
        (kind, oid), *flag, (tag, value) = _elements(extension, der.SEQUENCE)
        if kind != der.OBJECT_IDENTIFIER or tag != der.OCTET_STRING:
            raise Malformed("no extension")
        if oid == _NONCE and nonce is None:
            nonce = _nonce(der.content(value))
        elif oid == _NONCE or _TRUE in [found for _, found in flag]:
            raise Malformed("two nonces, or an unknown critical extension")  # RFC 6960 4.4
    return nonce


def _nonce(encoded: bytes) -> bytes:
    nonce = der.content(encoded)
    # RFC 9654 section 2.1: no octet or more than 128 of them must be refused as malformed.
    if not 1 <= len(nonce) <= MAX_NONCE_BYTES or der.tlv(der.OCTET_STRING, nonce) != encoded:
        raise Malformed("a nonce has 1 to 128 octets")
    return nonce


def _elements(element: bytes, tag: int) -> list[tuple[int, bytes]]:
    """The elements inside one of this tag; `Malformed` when it is another, or empty."""
    if element[:1] != bytes((tag,)):
        raise Malformed("another element was expected here")
    found = der.children(element)
    if not found:
        raise Malformed("an empty element")
    return found


def _cert_status(status: CertStatus) -> bytes:
    if not status.is_known:
        return bytes.fromhex("8200")
    if status.revoked_at is None:
        return bytes.fromhex("8000")
    number = REASON_NUMBERS[status.reason]
    reason = der.tlv(0xA0, der.tlv(der.ENUMERATED, bytes((number,)))) if number else b""
    return der.tlv(0xA1, _time(status.revoked_at), reason)


def _time(at: datetime) -> bytes:
    """GeneralizedTime in whole seconds of UTC (RFC 5280 section 4.1.2.5.2)."""
    return der.tlv(der.GENERALIZED_TIME, at.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode())


def _key_bits(certificate: x509.Certificate) -> bytes:
    """The subjectPublicKey without tag, length and the count of unused bits."""
    fields = der.children(certificate.tbs_certificate_bytes)
    key = der.children(fields[6][1])  # RFC 5280 section 4.1: after the subject
    return der.content(key[1][1])[1:]


@lru_cache(maxsize=8)
def _encoded(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)
