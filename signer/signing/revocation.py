"""Whether a certificate was revoked, from lists and answers that are at hand; nothing is fetched.

Uses cryptography's parser, which looks one serial number up in a list of a million in
milliseconds; object parsers need minutes for the same list.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

from asn1crypto.keys import PublicKeyInfo
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, SignatureAlgorithmOID

CLOCK_SKEW = timedelta(minutes=5)
"""What was made a little later than now comes from a clock that is a little ahead."""

_EXPIRED_ON_LIST = x509.ObjectIdentifier("2.5.29.60")


class RevocationState(StrEnum):
    """What the lists say."""

    GOOD = "good"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    """On hold: it will be revoked as of that day, or count again as if nothing had been."""
    STALE = "stale"
    """The newest list had run out by then."""
    UNKNOWN = "unknown"
    """No usable list of the issuer."""


@dataclass(frozen=True, kw_only=True)
class Revocation:
    """The answer for one certificate at one moment."""

    state: RevocationState
    revoked_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class CrlFacts:
    """A list and what decides whom it speaks of; looked up once a list."""

    crl: x509.CertificateRevocationList
    issuer_der: bytes
    number: int
    point: x509.IssuingDistributionPoint | None
    keeps_expired: bool
    signed_by: dict[bytes, bool] = field(default_factory=dict, compare=False, repr=False)
    """Whether the key of this certificate signed it; the operator's lists are asked very often."""


@dataclass(frozen=True, kw_only=True)
class AnswerFacts:
    """An OCSP response and the certificates it speaks of; looked up once a response."""

    answer: ocsp.OCSPResponse
    singles: dict[int, list[ocsp.OCSPSingleResponse]]
    """By serial number."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One list or answer, and since when it is proven to exist."""

    crl: CrlFacts | None = None
    answer: AnswerFacts | None = None
    proven_at: datetime
    """The time of the oldest time stamp over it, or the moment of the examination."""
    revision: int | None = None
    """The revision of the document that brought it; `None`: it was not in the document."""
    helpers: Sequence[x509.Certificate] = ()
    """Where an answer's signer is looked up beside the answer itself."""
    checked: dict[bytes, bool] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class _Statement:
    made_at: datetime
    number: int
    next_at: datetime | None
    revoked_at: datetime | None
    on_hold: bool
    knows_expired: bool


def revocation_of(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    evidence: Sequence[Evidence],
    at: datetime,
    *,
    moment: datetime | None = None,
    proven_before: datetime | None = None,
) -> Revocation:
    """What the issuer's own lists and answers say, as known `at` the examination, about `moment`.

    `moment` (now, when left out) is when the certificate was used at the latest: a list counts
    that was in force then or was made later. `proven_before` is when the issuer's own word ends.
    RFC 5280, 6.3.3, without delta and indirect lists, and RFC 6960, 3.2: what does not verify
    counts as nothing.
    """
    moment = moment or at
    told = [
        statement
        for one in evidence
        if proven_before is None or one.proven_at < proven_before
        for statement in _statements(one, certificate, issuer)
        if statement.made_at <= at + CLOCK_SKEW
    ]
    best: Revocation = Revocation(state=RevocationState.UNKNOWN)
    # The newest first: what it does not hold any longer was released, whatever older ones say.
    for said in sorted(told, key=lambda one: (one.made_at, one.number), reverse=True):
        if said.revoked_at is not None and said.revoked_at <= at:
            if not said.on_hold:
                return Revocation(state=RevocationState.REVOKED, revoked_at=said.revoked_at)
            if best.state is RevocationState.UNKNOWN:
                best = Revocation(state=RevocationState.SUSPENDED, revoked_at=said.revoked_at)
        elif not _covers_moment(said, certificate, moment):
            if best.state is RevocationState.UNKNOWN:
                best = Revocation(state=RevocationState.STALE)
        elif best.state is not RevocationState.SUSPENDED:
            best = Revocation(state=RevocationState.GOOD)
    return best


def _covers_moment(said: _Statement, certificate: x509.Certificate, moment: datetime) -> bool:
    """In force then, or newer (EN 319 102-1, 5.2.5); and lists forget whoever has expired."""
    if said.made_at > certificate.not_valid_after_utc and not said.knows_expired:
        return False
    return said.made_at >= moment or said.next_at is None or said.next_at >= moment


def _statements(
    one: Evidence, certificate: x509.Certificate, issuer: x509.Certificate
) -> Iterator[_Statement]:
    if one.answer is not None and certificate.serial_number not in one.answer.singles:
        return
    if not issuer.not_valid_before_utc <= one.proven_at <= issuer.not_valid_after_utc:
        return
    if one.crl is not None:
        if one.crl.issuer_der == _issuer_of(certificate) and _is_usable(one, certificate, issuer):
            yield _of_list(one.crl, certificate)
    elif one.answer is not None:
        yield from _of_answer(one, one.answer, certificate, issuer)


def _issuer_of(certificate: x509.Certificate) -> bytes:
    return certificate.issuer.public_bytes()


def _of_list(facts: CrlFacts, certificate: x509.Certificate) -> _Statement:
    entry = facts.crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
    return _Statement(
        made_at=facts.crl.last_update_utc,
        number=facts.number,
        next_at=facts.crl.next_update_utc,
        revoked_at=None if entry is None else entry.revocation_date_utc,
        on_hold=entry is not None and _is_on_hold(entry),
        knows_expired=facts.keeps_expired,
    )


def _is_on_hold(entry: x509.RevokedCertificate) -> bool:
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except (x509.ExtensionNotFound, ValueError):
        return False
    return reason is x509.ReasonFlags.certificate_hold


def load_crl(encoded: bytes) -> CrlFacts | None:
    """The list, or `None` when these bytes are no complete list of an issuer's own."""
    try:
        crl = x509.load_der_x509_crl(encoded)
        number, point, keeps_expired = -1, None, False
        for extension in crl.extensions:
            value = extension.value
            if isinstance(value, x509.CRLNumber):
                # Of two lists of one second the higher number is newer (RFC 5280, 5.2.3).
                number = value.crl_number
            elif isinstance(value, x509.IssuingDistributionPoint):
                point = value
            elif extension.oid == _EXPIRED_ON_LIST:
                keeps_expired = True
            elif extension.critical or isinstance(value, x509.DeltaCRLIndicator):
                return None
        return CrlFacts(
            crl=crl,
            issuer_der=crl.issuer.public_bytes(),
            number=number,
            point=point,
            keeps_expired=keeps_expired,
        )
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension):
        return None


def load_answer(encoded: bytes) -> AnswerFacts | None:
    """The successful OCSP response, or `None` when these bytes are none."""
    try:
        answer = ocsp.load_der_ocsp_response(encoded)
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return None
        singles: dict[int, list[ocsp.OCSPSingleResponse]] = {}
        for single in answer.responses:
            singles.setdefault(single.serial_number, []).append(single)
        return AnswerFacts(answer=answer, singles=singles)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _is_usable(one: Evidence, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    assert one.crl is not None
    if one.crl.point is not None and not _covers(one.crl.point, certificate):
        return False
    checked, key = one.crl.signed_by, issuer.public_bytes(Encoding.DER)
    if key not in checked:
        checked[key] = _is_signed_list(one.crl.crl, issuer)
    return checked[key]


def _is_signed_list(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    try:
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.crl_sign:
            return False
    except x509.ExtensionNotFound:
        pass
    try:
        return bool(crl.is_signature_valid(issuer.public_key()))  # type: ignore[arg-type]  # CA keys
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False


def _covers(point: x509.IssuingDistributionPoint, certificate: x509.Certificate) -> bool:
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        is_ca = basic.ca
    except x509.ExtensionNotFound:
        is_ca = False
    if not _is_named(point, certificate):
        return False
    if point.indirect_crl or point.only_some_reasons or point.only_contains_attribute_certs:
        return False
    return not (point.only_contains_ca_certs and not is_ca) and not (
        point.only_contains_user_certs and is_ca
    )


def _is_named(point: x509.IssuingDistributionPoint, certificate: x509.Certificate) -> bool:
    """The list is complete, or the certificate points to it (RFC 5280, 6.3.3 (b)(2)(i)).

    Otherwise another shard's list, which of course does not have it, would call it good.
    """
    if point.full_name is None:
        return point.relative_name is None
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return False
    named = {name for own in points for name in own.full_name or ()}
    return not named.isdisjoint(point.full_name)


def _of_answer(
    one: Evidence,
    facts: AnswerFacts,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
) -> Iterator[_Statement]:
    """What the answer says about this very certificate (RFC 6960, 3.2 and 4.2.2.2)."""
    for single in facts.singles[certificate.serial_number]:
        names = _issuer_hashes(issuer.public_bytes(Encoding.DER), single.hash_algorithm.name)
        if names != (single.issuer_name_hash, single.issuer_key_hash):
            continue
        status = single.certificate_status
        if status is ocsp.OCSPCertStatus.UNKNOWN or not _is_signed_answer(
            one, facts.answer, issuer
        ):
            continue
        yield _Statement(
            made_at=single.this_update_utc,
            number=0,
            next_at=single.next_update_utc,
            revoked_at=single.revocation_time_utc,
            on_hold=single.revocation_reason is x509.ReasonFlags.certificate_hold,
            knows_expired=False,
        )


@lru_cache(maxsize=64)
def _issuer_hashes(issuer_der: bytes, algorithm: str) -> tuple[bytes, bytes]:
    """CertID's hashes of the issuer's name and key (RFC 6960, 4.1.1)."""
    issuer = x509.load_der_x509_certificate(issuer_der)
    key = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    bits = bytes(PublicKeyInfo.load(key)["public_key"])
    name = issuer.subject.public_bytes()
    return (
        hashlib.new(algorithm, name, usedforsecurity=False).digest(),
        hashlib.new(algorithm, bits, usedforsecurity=False).digest(),
    )


def _is_signed_answer(one: Evidence, answer: ocsp.OCSPResponse, issuer: x509.Certificate) -> bool:
    key = issuer.public_bytes(Encoding.DER)
    if key not in one.checked:
        one.checked[key] = any(
            _is_responder(signer, issuer, one.proven_at) and _verifies(answer, signer)
            for signer in (*answer.certificates, *one.helpers, issuer)
        )
    return one.checked[key]


def _is_responder(signer: x509.Certificate, issuer: x509.Certificate, at: datetime) -> bool:
    """The issuing CA itself, or whom it certified for nothing else (RFC 6960, 4.2.2.2)."""
    if signer == issuer:
        return True
    try:
        purposes = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if ExtendedKeyUsageOID.OCSP_SIGNING not in purposes:
            return False
        # Without it the responder would have to be asked about, by another responder.
        signer.extensions.get_extension_for_class(x509.OCSPNoCheck)
        signer.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return signer.not_valid_before_utc <= at <= signer.not_valid_after_utc


def _verifies(answer: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key: Any = signer.public_key()
    algorithm = answer.signature_hash_algorithm or hashes.SHA256()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            scheme: Any = padding.PKCS1v15()
            if answer.signature_algorithm_oid == SignatureAlgorithmOID.RSASSA_PSS:
                scheme = padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO)
            key.verify(answer.signature, answer.tbs_response_bytes, scheme, algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(algorithm))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True
