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
    # The newest first: what it does not hold any longer was released, whatever older ones say.
    for crl in sorted(crls, key=_age, reverse=True):
        if crl.issuer != certificate.issuer or not _is_usable(crl, certificate, issuer):
            continue
        entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if entry is not None and entry.revocation_date_utc <= at:
            since = entry.revocation_date_utc
            if not _is_on_hold(entry):
                return Revocation(state=RevocationState.REVOKED, revoked_at=since)
            if best.state is RevocationState.UNKNOWN:
                best = Revocation(state=RevocationState.SUSPENDED, revoked_at=since)
        elif crl.next_update_utc is not None and crl.next_update_utc < at:
            if best.state is RevocationState.UNKNOWN:
                best = Revocation(state=RevocationState.STALE)
        elif best.state is not RevocationState.SUSPENDED:
            best = Revocation(state=RevocationState.GOOD)
    return best


def _age(crl: x509.CertificateRevocationList) -> tuple[datetime, int]:
    """Of two lists the newer one has more; numbers tell those of one second apart (RFC 5280,
    5.2.3), and a list without one is the older."""
    try:
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        number = -1
    return crl.last_update_utc, number


def _is_on_hold(entry: x509.RevokedCertificate) -> bool:
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except (x509.ExtensionNotFound, ValueError):
        return False
    return reason is x509.ReasonFlags.certificate_hold


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
    if not _names(point, certificate):
        return False
    if point.indirect_crl or point.only_some_reasons or point.only_contains_attribute_certs:
        return False
    return not (point.only_contains_ca_certs and not is_ca) and not (
        point.only_contains_user_certs and is_ca
    )


def _names(point: x509.IssuingDistributionPoint, certificate: x509.Certificate) -> bool:
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
