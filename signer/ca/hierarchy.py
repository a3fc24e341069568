"""The certificates and lists above the issuing CA: made at a ceremony, few, and checked in full.

Everything here is pure: bytes to be signed, and what differs in bytes that are. Which keys sign
them, and where the files lie, is the ceremony's business.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signer.ca import der, extensions
from signer.ca.certificate import (
    key_identifier,
    raw_subject,
    tbs_certificate,
)
from signer.ca.crl import crl_entry, crl_tbs
from signer.ca.schemes import SignatureScheme
from signer.errors import N_, Invalid

CA_KEY_USAGE = ("key_cert_sign", "crl_sign")  # RFC 5280 section 4.2.1.3
CA_REASONS = {  # RFC 5280 section 5.3.1: those that fit a CA
    "unspecified": 0,
    "ca_compromise": 2,
    "affiliation_changed": 3,
    "superseded": 4,
    "cessation_of_operation": 5,
}


@dataclass(frozen=True, kw_only=True)
class Above:
    """The CA that certifies, and where its certificate and its list can be fetched."""

    certificate: x509.Certificate
    certificate_address: str
    crl_address: str


@dataclass(frozen=True, kw_only=True)
class CaFacts:
    """What the certificate of a CA says, once everything but its serial is decided."""

    subject_der: bytes
    public_key_der: bytes
    not_before: datetime
    not_after: datetime
    path_length: int | None
    """How many CAs may follow below it; None for a root, which does not say."""
    scheme: SignatureScheme
    """How the issuer signs it."""
    above: Above | None = None
    """None when it certifies itself."""


@dataclass(frozen=True, kw_only=True)
class RevokedCa:
    """A CA certificate that counts no longer; `reason` is one of `CA_REASONS`."""

    serial: int
    reason: str
    at: datetime


def spki(public_key: Any) -> bytes:
    """The key as a certificate holds it."""
    encoded: bytes = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def ca_tbs(facts: CaFacts, serial: int) -> bytes:
    """The TBSCertificate these facts make under this serial; the same bytes each time.

    `Invalid` when it would be valid while its issuer is not (the shell model of validation).
    """
    above = facts.above
    if above is not None:
        require_within(above.certificate, facts.not_before, facts.not_after)
    stated = [
        extensions.subject_key_identifier(extensions.key_identifier_of(facts.public_key_der)),
        extensions.basic_constraints(facts.path_length),
        extensions.key_usage(CA_KEY_USAGE),
    ]
    if above is not None:
        stated += [
            extensions.authority_key_identifier(key_identifier(above.certificate)),
            extensions.policy("2.5.29.32.0"),  # anyPolicy, RFC 5280 section 4.2.1.4
            extensions.authority_addresses(issuer_url=above.certificate_address, ocsp_url=None),
            extensions.crl_distribution_point(above.crl_address),
        ]
    issuer = facts.subject_der if above is None else raw_subject(above.certificate)
    return tbs_certificate(
        serial=serial,
        algorithm_and_issuer=facts.scheme.algorithm_der + issuer,
        not_before=facts.not_before,
        not_after=facts.not_after,
        subject_name=facts.subject_der,
        public_key_der=facts.public_key_der,
        stated=stated,
    )


def require_within(issuer: x509.Certificate, not_before: datetime, not_after: datetime) -> None:
    """These seconds are all seconds of the issuer's certificate; `Invalid` if not."""
    if not_before < issuer.not_valid_before_utc or issuer.not_valid_after_utc < not_after:
        raise Invalid(
            N_("Thời hạn của chứng thư CA vượt ra ngoài thời hạn của CA cấp."), field="validity"
        )


def differing(certificate: x509.Certificate, facts: CaFacts) -> list[str]:
    """In what a certificate that exists says other than these facts, in a clerk's words.

    Its serial and the addresses of its issuer are nobody's decision and are not compared.
    """
    serial = certificate.serial_number
    there = [e for _, e in der.children(certificate.tbs_certificate_bytes)]
    wanted = [e for _, e in der.children(ca_tbs(facts, serial))]
    found = [word for place, word in _FIELD_WORDS.items() if there[place] != wanted[place]]
    if path_length_of(certificate) != facts.path_length:
        found.append(N_("độ dài đường dẫn"))
    return found


def root_crl_tbs(
    root: x509.Certificate,
    scheme: SignatureScheme,
    *,
    number: int,
    this_update: datetime,
    next_update: datetime,
    revoked: Iterable[RevokedCa] = (),
) -> bytes:
    """The root's list of CA certificates that count no longer, to be signed by the root."""
    return crl_tbs(
        signature_algorithm_der=scheme.algorithm_der,
        issuer_name_der=raw_subject(root),
        issuer_key_identifier=key_identifier(root),
        number=number,
        this_update=this_update,
        next_update=next_update,
        entries=b"".join(crl_entry(ca.serial, ca.at, CA_REASONS[ca.reason]) for ca in revoked),
    )


def read_crl(crl_der: bytes) -> tuple[int, dict[int, RevokedCa]]:
    """The number of a root's list and what it revokes, by serial."""
    crl = x509.load_der_x509_crl(crl_der)
    return crl_number(crl), {entry.serial_number: _revoked(entry) for entry in crl}


def crl_number(crl: x509.CertificateRevocationList) -> int:
    """Its number (RFC 5280 section 5.2.3)."""
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def is_running_out(start: datetime, end: datetime, at: datetime) -> bool:
    """Less than a third of its time is left: time to make the next one."""
    return at > end - (end - start) / 3


def issuer_key_identifier(certificate: x509.Certificate) -> bytes | None:
    """The short name of the key that signed it, if it says."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return None
    return found.value.key_identifier


def path_length_of(certificate: x509.Certificate) -> int | None:
    """How many CAs may follow below it."""
    return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length


_FIELD_WORDS = {  # by place (RFC 5280 section 4.1), what matters first: a root issues itself
    5: N_("tên chủ thể"),
    6: N_("khóa"),
    4: N_("thời hạn"),
    2: N_("cách ký"),
    3: N_("CA cấp"),
}


def _revoked(entry: x509.RevokedCertificate) -> RevokedCa:
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.name
    except x509.ExtensionNotFound:
        reason = "unspecified"
    return RevokedCa(serial=entry.serial_number, reason=reason, at=entry.revocation_date_utc)
