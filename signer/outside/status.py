"""What issuers say of their certificates: revocation lists that somebody brings, OCSP (R18)."""

import http.client
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from signer.errors import N_, Invalid
from signer.outside.anchors import Anchor, Anchors, extension_of, is_signed_by, issued_by
from signer.outside.kinds import CertificateStatus

_OCSP_SECONDS = 10.0
_OCSP_BYTES = 64 * 1024
_SKEW = timedelta(minutes=5)
_WITHOUT_NEXT_UPDATE = timedelta(days=1)
"""How long an answer is believed that names no nextUpdate (RFC 6960 section 4.2.2.1)."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """What is known of one certificate, from whom, since when and until when."""

    status: CertificateStatus
    source: str
    at: datetime
    until: datetime | None = None
    revoked_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class RevocationList:
    """A complete list of one anchor whose signature holds."""

    anchor: Anchor
    crl: x509.CertificateRevocationList
    this_update: datetime
    next_update: datetime
    number: int | None

    @cached_property
    def _by_serial(self) -> dict[int, x509.RevokedCertificate]:
        """The library would walk the whole list for each certificate."""
        return {entry.serial_number: entry for entry in self.crl}

    def says_of(self, serial: int, not_after: datetime) -> Status | None:
        """None when it says nothing: lists drop what has expired (RFC 5280 section 3.3)."""
        entry = self._by_serial.get(serial)
        if entry is None and not_after < self.this_update:
            return None
        reason = _reason(entry) if entry else None
        return Status(
            status=_status_of(entry is not None, reason),
            source=f"CRL {self.anchor.name}",
            at=self.this_update,
            until=self.next_update,
            revoked_at=entry.revocation_date_utc if entry else None,
            reason=reason.value if reason else None,
        )


def load_list(content: bytes, anchors: Anchors, now: datetime) -> RevocationList:
    """The list, signed by an anchor; `Invalid` says why another one is of no use."""
    try:
        crl = (
            x509.load_pem_x509_crl(content)
            if content.lstrip().startswith(b"-----")
            else x509.load_der_x509_crl(content)
        )
        number = extension_of(crl, x509.CRLNumber)
        # A delta, a part, an indirect list has a critical extension (RFC 5280 section 5.2).
        if any(e.critical or isinstance(e.value, x509.DeltaCRLIndicator) for e in crl.extensions):
            raise ValueError("a list that is not complete")
        anchor = next((a for a in anchors.anchors if _is_of(crl, a)), None)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Invalid(
            N_("Tệp này không phải là danh sách chứng thư bị thu hồi (.crl) đầy đủ."), field="file"
        ) from error
    if anchor is None:
        raise Invalid(
            N_("Danh sách thu hồi này không do tổ chức tin cậy nào ký, hoặc chữ ký không đúng."),
            field="file",
        )
    if crl.next_update_utc is None or crl.last_update_utc > now + _SKEW:
        raise Invalid(N_("Danh sách thu hồi này không ghi thời hạn đúng."), field="file")
    return RevocationList(
        anchor=anchor,
        crl=crl,
        this_update=crl.last_update_utc,
        next_update=crl.next_update_utc,
        number=number.crl_number if number else None,
    )


def _is_of(crl: x509.CertificateRevocationList, anchor: Anchor) -> bool:
    usage = extension_of(anchor.certificate, x509.KeyUsage)
    return (
        crl.issuer == anchor.certificate.subject
        and (usage is None or usage.crl_sign)
        and is_signed_by(
            crl, crl.tbs_certlist_bytes, anchor.certificate, allow_sha1=anchor.allow_sha1
        )
    )


def _reason(entry: x509.RevokedCertificate) -> x509.ReasonFlags | None:
    try:
        found = extension_of(entry, x509.CRLReason)
    except ValueError:
        return None
    return found.reason if found else None


def _status_of(is_listed: bool, reason: x509.ReasonFlags | None) -> CertificateStatus:
    if not is_listed:
        return CertificateStatus.GOOD
    on_hold = reason is x509.ReasonFlags.certificate_hold
    return CertificateStatus.HELD if on_hold else CertificateStatus.REVOKED


def ask_ocsp(
    certificate: x509.Certificate, anchors: Anchors, anchor: Anchor, now: datetime
) -> Status:
    """What the issuer's responder answers; "unknown" whenever no believable answer comes.

    Asks only addresses of the rewrite table, and follows no redirection. Never inside a
    transaction. SHA-1 names the issuer here and protects nothing (RFC 6960 section 4.1.1).
    """
    unknown = Status(status=CertificateStatus.UNKNOWN, source="OCSP", at=now)
    issuer = anchor.certificate
    try:
        named = extension_of(certificate, x509.AuthorityInformationAccess) or ()
        addresses = (
            anchors.address_of(access.access_location.value)
            for access in named
            if access.access_method == AuthorityInformationAccessOID.OCSP
            and isinstance(access.access_location, x509.UniformResourceIdentifier)
        )
        address = next(filter(None, addresses), None)
        if not (address and issued_by(certificate, issuer, allow_sha1=anchor.allow_sha1)):
            return unknown
        builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, SHA1())  # noqa: S303  # no protection hangs on it
        request = builder.build()
        answer = ocsp.load_der_ocsp_response(_post(address, request.public_bytes(Encoding.DER)))
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return unknown
        return _judged(answer, request, anchor, now) or unknown
    except (OSError, http.client.HTTPException, ValueError, UnsupportedAlgorithm):
        return unknown


def _judged(
    answer: ocsp.OCSPResponse, request: ocsp.OCSPRequest, anchor: Anchor, now: datetime
) -> Status | None:
    """The answer's word for the certificate asked about, if it may be believed."""
    asked = (request.serial_number, request.issuer_name_hash, request.issuer_key_hash)
    delegates = (c for c in answer.certificates if _may_answer(c, anchor, now))
    signers = (anchor.certificate, *delegates)
    signed = answer.tbs_response_bytes
    if not any(is_signed_by(answer, signed, s, allow_sha1=anchor.allow_sha1) for s in signers):
        return None
    for single in answer.responses:
        if (single.serial_number, single.issuer_name_hash, single.issuer_key_hash) != asked:
            continue
        until = single.next_update_utc or single.this_update_utc + _WITHOUT_NEXT_UPDATE
        is_known = single.certificate_status is not ocsp.OCSPCertStatus.UNKNOWN
        if not is_known or not single.this_update_utc - _SKEW <= now <= until:
            return None
        reason = single.revocation_reason
        is_listed = single.certificate_status is ocsp.OCSPCertStatus.REVOKED
        return Status(
            status=_status_of(is_listed, reason),
            source=f"OCSP {anchor.name}",
            at=single.this_update_utc,
            until=until,
            revoked_at=single.revocation_time_utc,
            reason=reason.value if reason else None,
        )
    return None


def _may_answer(delegate: x509.Certificate, anchor: Anchor, now: datetime) -> bool:
    """The issuer made it a responder (RFC 6960 section 4.2.2.2)."""
    usage = extension_of(delegate, x509.ExtendedKeyUsage)
    return (
        usage is not None
        and ExtendedKeyUsageOID.OCSP_SIGNING in usage
        and delegate.not_valid_before_utc <= now <= delegate.not_valid_after_utc
        and issued_by(delegate, anchor.certificate, allow_sha1=anchor.allow_sha1)
    )


def _post(address: str, request_der: bytes) -> bytes:
    """The body of a 200 answer (RFC 6960 appendix A.1); `OSError` for any other, or a long one."""
    parts = urlsplit(address)
    is_tls = parts.scheme == "https"
    kind = http.client.HTTPSConnection if is_tls else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_OCSP_SECONDS)
    try:
        headers = {"Content-Type": "application/ocsp-request", "Connection": "close"}
        connection.request("POST", parts.path or "/", request_der, headers)
        answer = connection.getresponse()
        body = answer.read(_OCSP_BYTES + 1)
        if answer.status != http.HTTPStatus.OK or len(body) > _OCSP_BYTES:
            raise OSError("no OCSP answer")
        return body
    finally:
        connection.close()
