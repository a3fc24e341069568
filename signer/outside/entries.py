"""One certificate as an uploaded file tells it, before anybody has said that it may be stored."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from signer.errors import N_, Invalid
from signer.inventory.names import fold
from signer.outside.anchors import Anchors, certificate_digest
from signer.outside.dn import DistinguishedName, parse_name
from signer.outside.kinds import Carrier, CertificateStatus, Generation, Owner

_USAGES = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What would be stored; `place` is the row of a list, or the name of a file."""

    place: str
    issuer_der: bytes
    serial_hex: str
    sha256: str | None
    issuer_name: str
    anchor: str | None
    generation: Generation
    subject_der: bytes | None
    subject: str
    common_name: str
    name_key: str
    units: tuple[str, ...]
    title: str | None
    email: str | None
    owner: Owner
    not_before: datetime
    not_after: datetime
    key_usage: str | None
    algorithm: str | None
    carrier: Carrier
    device_number: str | None
    status: CertificateStatus
    """Revoked when a list says so; a list alone makes nothing good."""
    certificate_der: bytes | None

    @property
    def key(self) -> tuple[bytes, str]:
        """What names a certificate: issuer and serial number."""
        return self.issuer_der, self.serial_hex

    def to_json(self) -> dict[str, object]:
        """Everything, with bytes in hex and instants as text."""
        return {key: _plain(value) for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> "Entry":
        """What `to_json` gave."""
        values = dict(said)
        for key in ("issuer_der", "subject_der", "certificate_der"):
            values[key] = bytes.fromhex(said[key]) if said[key] is not None else None
        for key in ("not_before", "not_after"):
            values[key] = datetime.fromisoformat(said[key])
        for key, kind in _CLOSED.items():
            values[key] = kind(said[key])
        return cls(**{**values, "units": tuple(said["units"])})


_CLOSED = {
    f.name: f.type
    for f in fields(Entry)
    if isinstance(f.type, type) and f.name in ("generation", "owner", "carrier", "status")
}


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, datetime) else value


def is_ca(certificate: x509.Certificate) -> bool:
    """True for the certificates of CAs that come along in a .p7b."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def entry_of(
    certificate: x509.Certificate,
    place: str,
    anchors: Anchors,
    intermediates: Sequence[x509.Certificate],
    carrier: Carrier = Carrier.UNKNOWN,
) -> Entry:
    """The certificate's own words; `Invalid` when they cannot be read.

    The names are read from the raw bytes, since cryptography refuses some that are in use.
    """
    certificate_der = certificate.public_bytes(Encoding.DER)
    try:
        tbs = asn1_x509.Certificate.load(certificate_der)["tbs_certificate"]
        subject_der, issuer_der = tbs["subject"].dump(), tbs["issuer"].dump()
        subject = parse_name(subject_der)
        anchor = anchors.path_of(certificate, intermediates)
        emails = subject.emails or _emails_beside(certificate)
        return Entry(
            place=place,
            issuer_der=issuer_der,
            serial_hex=f"{certificate.serial_number:x}",
            sha256=hashlib.sha256(certificate_der).hexdigest(),
            issuer_name=_issuer_name(parse_name(issuer_der)),
            anchor=anchor.name if anchor else None,
            generation=anchor.generation if anchor else Generation.OTHER,
            subject_der=subject_der,
            subject=subject.text[:2000],
            common_name=subject.common_name[:200],
            name_key=fold(subject.name)[:200],
            units=subject.units,
            title=subject.all("T")[0][:200] if subject.all("T") else None,
            email=emails[0][:254] if emails else None,
            owner=subject.owner,
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            key_usage=_key_usage(certificate),
            algorithm=_algorithm(certificate),
            carrier=carrier,
            device_number=None,
            status=CertificateStatus.UNKNOWN,
            certificate_der=certificate_der,
        )
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise Invalid(N_("Chứng thư số này không đọc được.")) from error


def _issuer_name(issuer: DistinguishedName) -> str:
    return (issuer.common_name or issuer.text)[:200]


def _emails_beside(certificate: x509.Certificate) -> tuple[str, ...]:
    """The addresses of the subjectAltName (RFC 5280 section 4.2.1.6), where E is missing."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(name.lower() for name in names.value.get_values_for_type(x509.RFC822Name))


def _key_usage(certificate: x509.Certificate) -> str | None:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
    return ", ".join(name for name, attribute in _USAGES.items() if getattr(usage, attribute))


def _algorithm(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    name = certificate_digest(certificate)
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}, {name}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}, {name}"
    return f"{type(key).__name__.removesuffix('PublicKey')}, {name}"
