"""Whether a certificate was revoked, from lists that are at hand; nothing is fetched.

Uses cryptography's parser, which looks one serial number up in a list of a million in
milliseconds; object parsers need minutes for the same list.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm


class RevocationState(StrEnum):
    """What the lists say."""

    GOOD = "good"
    REVOKED = "revoked"
    STALE = "stale"
    """The newest list had run out by then."""
    UNKNOWN = "unknown"
    """No usable list of the issuer."""


@dataclass(frozen=True, kw_only=True)
class Revocation:
    """The answer for one certificate at one moment."""

    state: RevocationState
    revoked_at: datetime | None = None


def revocation_of(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    crls: Sequence[x509.CertificateRevocationList],
    at: datetime,
) -> Revocation:
    """What the issuer's own complete lists say about the certificate at that moment.

    RFC 5280, 6.3.3, without delta and indirect lists: such a list, or one whose signature does
    not verify, counts as no list.
    """
    best: Revocation = Revocation(state=RevocationState.UNKNOWN)
    for crl in crls:
        if crl.issuer != certificate.issuer or not _is_usable(crl, certificate, issuer):
            continue
        entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if entry is not None and entry.revocation_date_utc <= at:
            return Revocation(state=RevocationState.REVOKED, revoked_at=entry.revocation_date_utc)
        if crl.next_update_utc is not None and crl.next_update_utc < at:
            if best.state is RevocationState.UNKNOWN:
                best = Revocation(state=RevocationState.STALE)
        else:
            best = Revocation(state=RevocationState.GOOD)
    return best


def load_crl(der: bytes) -> x509.CertificateRevocationList | None:
    """The list, or `None` when these bytes are none."""
    try:
        return x509.load_der_x509_crl(der)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _is_usable(
    crl: x509.CertificateRevocationList, certificate: x509.Certificate, issuer: x509.Certificate
) -> bool:
    try:
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.crl_sign:
            return False
    except x509.ExtensionNotFound:
        pass
    try:
        for extension in crl.extensions:
            value = extension.value
            if isinstance(value, x509.DeltaCRLIndicator):
                return False
            if isinstance(value, x509.IssuingDistributionPoint):
                if not _covers(value, certificate):
                    return False
            elif extension.critical:
                return False
        return bool(crl.is_signature_valid(issuer.public_key()))  # type: ignore[arg-type]  # CA keys
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.DuplicateExtension):
        return False


def _covers(point: x509.IssuingDistributionPoint, certificate: x509.Certificate) -> bool:
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        is_ca = basic.ca
    except x509.ExtensionNotFound:
        is_ca = False
    if point.indirect_crl or point.only_some_reasons or point.only_contains_attribute_certs:
        return False
    return not (point.only_contains_ca_certs and not is_ca) and not (
        point.only_contains_user_certs and is_ca
    )
