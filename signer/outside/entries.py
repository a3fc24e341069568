"""What an uploaded file tells, before anybody has said that it may be stored."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from signer.errors import N_, Invalid
from signer.inventory.names import clean_text, fold
from signer.outside.anchors import Anchors, certificate_digest, extension_of
from signer.outside.dn import parse_name
from signer.outside.kinds import Carrier, Generation
from signer.outside.models import OutsideCertificate

_USAGES = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
}
_SERIAL_BITS = 160  # RFC 5280 section 4.1.2.2: up to 20 octets, positive
Key = tuple[bytes, str]


@dataclass(frozen=True, kw_only=True)
class Read:
    """One certificate; `place` is the row of a list, or the name of a file."""

    place: str
    said: OutsideCertificate
    """Its facts, in no session and never to be put into one: what is stored is copied from it."""
    certificate_der: bytes | None
    is_revoked: bool = False
    """A list says so; a list alone makes nothing good."""

    @property
    def key(self) -> Key:
        """What names a certificate: issuer and serial number."""
        return self.said.issuer_der, self.said.serial_hex


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A row or file that is not stored, in the words of the page."""

    place: str
    sentence: str
    values: dict[str, object]
    column: str = ""
    value: str = ""


def refused(place: str, reason: Invalid, column: str = "", value: str = "") -> Refused:
    """What is not stored for this reason."""
    values = {key: value for key, value in reason.values.items() if key != "field"}
    return Refused(
        place=place, sentence=reason.sentence, values=values, column=column, value=value[:200]
    )


def is_ca(certificate: x509.Certificate) -> bool:
    """True for the certificates of CAs that come along in a .p7b."""
    try:
        constraints = extension_of(certificate, x509.BasicConstraints)
    except ValueError:
        return False
    return constraints is not None and constraints.ca


def read_certificate(
    certificate: x509.Certificate,
    place: str,
    anchors: Anchors,
    intermediates: Sequence[x509.Certificate],
    carrier: Carrier = Carrier.UNKNOWN,
) -> Read:
    """The certificate's own words; `Invalid` when they cannot be read.

    The names are read from the raw bytes, since cryptography refuses some that are in use.
    """
    certificate_der = certificate.public_bytes(Encoding.DER)
    try:
        tbs = asn1_x509.Certificate.load(certificate_der)["tbs_certificate"]
        subject_der, issuer_der = tbs["subject"].dump(), tbs["issuer"].dump()
        subject, issuer = parse_name(subject_der), parse_name(issuer_der)
        emails = subject.emails or _emails_beside(certificate)
        if not 0 < certificate.serial_number < 1 << _SERIAL_BITS:
            raise ValueError("a serial number that RFC 5280 forbids")
        anchor = anchors.path_of(certificate, intermediates)
        said = OutsideCertificate(
            issuer_der=issuer_der,
            serial_hex=f"{certificate.serial_number:x}",
            sha256=hashlib.sha256(certificate_der).hexdigest(),
            issuer_name=(issuer.common_name or issuer.text)[:200],
            anchor=anchor.name if anchor else None,
            generation=anchor.generation if anchor else Generation.OTHER,
            subject_der=subject_der,
            subject=subject.text[:2000],
            common_name=subject.common_name[:200],
            name_key=fold(subject.name)[:200],
            units="\n".join(subject.units)[:1000],
            title=next(iter(subject.all("T")), "")[:200] or None,
            email=next(iter(emails), "")[:254] or None,
            owner=subject.owner,
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            key_usage=_key_usage(certificate),
            algorithm=_algorithm(certificate),
            carrier=carrier,
        )
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Invalid(N_("Chứng thư số này không đọc được.")) from error
    return Read(place=place, said=said, certificate_der=certificate_der)


def _emails_beside(certificate: x509.Certificate) -> list[str]:
    """The addresses of the subjectAltName (RFC 5280 section 4.2.1.6), where E is missing."""
    names = extension_of(certificate, x509.SubjectAlternativeName)
    found = names.get_values_for_type(x509.RFC822Name) if names else []
    return [clean_text(address).lower() for address in found]


def _key_usage(certificate: x509.Certificate) -> str | None:
    usage = extension_of(certificate, x509.KeyUsage)
    if usage is None:
        return None
    return ", ".join(name for name, attribute in _USAGES.items() if getattr(usage, attribute))


def _algorithm(certificate: x509.Certificate) -> str:
    """Key and signature in words, such as `RSA 2048, sha256`."""
    key = certificate.public_key()
    name = type(key).__name__.removesuffix("PublicKey")
    if isinstance(key, rsa.RSAPublicKey):
        name = f"RSA {key.key_size}"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        name = f"EC {key.curve.name}"
    return f"{name}, {certificate_digest(certificate)}"
