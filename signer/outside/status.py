"""What issuers say of their certificates: revocation lists that somebody brings, OCSP (R18)."""

import http.client
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from signer.errors import N_, Invalid
from signer.outside.anchors import Anchor, Anchors, is_signed_by, issued_by
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

    @property
    def source(self) -> str:
        """In the words of the page."""
        return f"CRL {self.anchor.name}"

    def says_of(self, serial: int, not_after: datetime) -> Status | None:
        """None when it says nothing: lists drop what has expired (RFC 5280 section 3.3)."""
        entry = self.crl.get_revoked_certificate_by_serial_number(serial)
        if entry is not None:
            reason = _reason(entry)
            on_hold = reason == x509.ReasonFlags.certificate_hold.value
            return Status(
                status=CertificateStatus.HELD if on_hold else CertificateStatus.REVOKED,
                source=self.source,
                at=self.this_update,
                until=self.next_update,
                revoked_at=entry.revocation_date_utc,
                reason=reason,
            )
        if not_after < self.this_update:
            return None
        return Status(
            status=CertificateStatus.GOOD,
            source=self.source,
            at=self.this_update,
            until=self.next_update,
        )


def load_list(content: bytes, anchors: Anchors, now: datetime) -> RevocationList:
    """The list, signed by an anchor; `Invalid` says why another one is of no use."""
    try:
        crl = (
            x509.load_pem_x509_crl(content)
            if content.lstrip().startswith(b"-----")
            else x509.load_der_x509_crl(content)
        )
        number = _number_of_complete(crl)
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise Invalid(
            N_("Tệp này không phải là danh sách chứng thư bị thu hồi (.crl) đầy đủ."), field="file"
        ) from error
    anchor = next((a for a in anchors.anchors if _is_of(crl, a)), None)
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
        number=number,
    )


def _number_of_complete(crl: x509.CertificateRevocationList) -> int | None:
    """The CRLNumber; `ValueError` for a delta, partial or indirect list (RFC 5280 section 5.2)."""
    number = None
    for extension in crl.extensions:
        if isinstance(extension.value, x509.CRLNumber):
            number = extension.value.crl_number
        elif extension.critical or isinstance(extension.value, x509.DeltaCRLIndicator):
            raise ValueError("a list that is not complete")
    return number


def _is_of(crl: x509.CertificateRevocationList, anchor: Anchor) -> bool:
    issuer = anchor.certificate
    if crl.issuer != issuer.subject:
        return False
    try:
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.crl_sign:
            return False
    except x509.ExtensionNotFound:
        pass
    return is_signed_by(crl, crl.tbs_certlist_bytes, issuer, allow_sha1=anchor.allow_sha1)


def _reason(entry: x509.RevokedCertificate) -> str | None:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except (x509.ExtensionNotFound, ValueError):
        return None


def ask_ocsp(
    certificate: x509.Certificate, anchors: Anchors, anchor: Anchor, now: datetime
) -> Status:
    """What the issuer's responder answers; "unknown" whenever no believable answer comes.

    Asks only addresses of the rewrite table, and follows no redirection. Never inside a
    transaction. SHA-1 names the issuer here and protects nothing (RFC 6960 section 4.1.1).
    """
    unknown = Status(status=CertificateStatus.UNKNOWN, source="OCSP", at=now)
    issuer = anchor.certificate
    if not issued_by(certificate, issuer, allow_sha1=anchor.allow_sha1):
        return unknown
    address = next(filter(None, map(anchors.address_of, _addresses(certificate))), None)
    if address is None:
        return unknown
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, SHA1())  # noqa: S303  # no protection hangs on it
    request = builder.build()
    try:
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
    if not _is_signed(answer, anchor, now):
        return None
    for single in answer.responses:
        if (single.serial_number, single.issuer_name_hash, single.issuer_key_hash) != asked:
            continue
        until = single.next_update_utc or single.this_update_utc + _WITHOUT_NEXT_UPDATE
        if not single.this_update_utc - _SKEW <= now <= until:
            return None
        if single.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
            return None
        reason = single.revocation_reason
        status = CertificateStatus.GOOD
        if single.certificate_status is ocsp.OCSPCertStatus.REVOKED:
            on_hold = reason is x509.ReasonFlags.certificate_hold
            status = CertificateStatus.HELD if on_hold else CertificateStatus.REVOKED
        return Status(
            status=status,
            source=f"OCSP {anchor.name}",
            at=single.this_update_utc,
            until=until,
            revoked_at=single.revocation_time_utc,
            reason=reason.value if reason else None,
        )
    return None


def _is_signed(answer: ocsp.OCSPResponse, anchor: Anchor, now: datetime) -> bool:
    """By the issuer itself, or by one whom it made a responder (RFC 6960 section 4.2.2.2)."""
    for signer in (anchor.certificate, *_delegates(answer, anchor, now)):
        key, digest = signer.public_key(), answer.signature_hash_algorithm
        if digest is None or (isinstance(digest, SHA1) and not anchor.allow_sha1):
            return False
        try:
            _verify(key, answer.signature, answer.tbs_response_bytes, digest)
        except (InvalidSignature, ValueError, TypeError):
            continue
        return True
    return False


def _delegates(
    answer: ocsp.OCSPResponse, anchor: Anchor, now: datetime
) -> Sequence[x509.Certificate]:
    return [
        found
        for found in answer.certificates
        if found.not_valid_before_utc <= now <= found.not_valid_after_utc
        and issued_by(found, anchor.certificate, allow_sha1=anchor.allow_sha1)
        and _may_answer(found)
    ]


def _may_answer(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension):
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in usage


def _verify(key: object, signature: bytes, signed: bytes, digest: HashAlgorithm) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, padding.PKCS1v15(), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(digest))
    else:
        raise TypeError("an OCSP responder's key is RSA or ECDSA")


def _addresses(certificate: x509.Certificate) -> list[str]:
    """The responders that the certificate names (RFC 5280 section 4.2.2.1)."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension):
        return []
    return [
        description.access_location.value
        for description in access.value
        if description.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(description.access_location, x509.UniformResourceIdentifier)
    ]


def _post(address: str, request_der: bytes) -> bytes:
    """The body of a 200 answer (RFC 6960 appendix A.1); `OSError` for any other, or a long one."""
    parts = urlsplit(address)
    connection = (
        http.client.HTTPSConnection(
            parts.hostname or "",
            parts.port,
            timeout=_OCSP_SECONDS,
            context=ssl.create_default_context(),
        )
        if parts.scheme == "https"
        else http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_OCSP_SECONDS)
    )
    try:
        connection.request(
            "POST",
            parts.path or "/",
            request_der,
            {"Content-Type": "application/ocsp-request", "Connection": "close"},
        )
        answer = connection.getresponse()
        body = answer.read(_OCSP_BYTES + 1)
        if answer.status != http.HTTPStatus.OK or len(body) > _OCSP_BYTES:
            raise OSError("no OCSP answer")
        return body
    finally:
        connection.close()
