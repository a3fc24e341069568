"""Certificates put together: drafts signed by a throw-away key, and the real signature over
exactly the draft's bytes."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID

from signer.ca import der
from signer.ca.names import SubjectFacts, mailbox, subject_name
from signer.ca.profiles import CaProfile, Profile
from signer.ca.schemes import SignatureScheme, scheme_of_algorithm
from signer.errors import N_, SignerError

SerialNumber = int
CaKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_SIGNATURE_ALGORITHMS = {  # AlgorithmIdentifier: RFC 5758 section 3.2, RFC 4055 section 5
    "p256": bytes.fromhex("300a06082a8648ce3d040302"),
    "p384": bytes.fromhex("300a06082a8648ce3d040303"),
    "rsa": bytes.fromhex("300d06092a864886f70d01010b0500"),
}
_HASHES: dict[str, hashes.SHA256 | hashes.SHA384] = {
    "p256": hashes.SHA256(),
    "p384": hashes.SHA384(),
    "rsa": hashes.SHA256(),
}
_CURVES = {"secp256r1": "p256", "secp384r1": "p384"}


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A certificate to be made: everything decided, nothing signed by the CA yet."""

    tbs_der: bytes
    specimen_der: bytes
    """The same TBS signed by a throw-away key, for lints that want a whole certificate."""


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where relying parties find what belongs to certificates of this authority."""

    base_url: str

    def certificate(self, name: str) -> str:
        """The DER certificate of the CA called `issuing` or `root`."""
        return f"{self.base_url.rstrip('/')}/pki/{name}.cer"

    def crl(self, name: str) -> str:
        """The DER CRL of the CA called `issuing` or `root`."""
        return f"{self.base_url.rstrip('/')}/pki/{name}.crl"

    def crl_shard(self, number: int) -> str:
        """The issuing CA's list of the certificates of this shard."""
        return f"{self.base_url.rstrip('/')}/pki/crl/{number}.crl"

    def ocsp(self) -> str:
        """The OCSP responder of the issuing CA."""
        return f"{self.base_url.rstrip('/')}/ocsp"


def shard_of(serial: SerialNumber, shards: int) -> int | None:
    """The shard that a certificate of this serial belongs to; None when there are none.

    Serials are random, so the shards fill evenly.
    """
    return serial % shards if shards else None


def draft_personal(
    *,
    issuer: x509.Certificate,
    addresses: Addresses,
    profile: Profile,
    subject: SubjectFacts,
    public_key: Any,
    serial: SerialNumber,
    not_before: datetime,
    not_after: datetime,
) -> Draft:
    """A personal certificate as the profile wants it; `Invalid` for facts it cannot state."""
    builder = (
        x509.CertificateBuilder(
            issuer_name=_subject(issuer),
            subject_name=subject_name(subject),
            public_key=public_key,
            serial_number=serial,
            not_valid_before=not_before,
            not_valid_after=not_after,
        )
        .add_extension(_key_usage(*profile.key_usage), critical=True)  # RFC 5280 4.2.1.3
        .add_extension(_purposes(profile.extended_key_usage), critical=False)  # RFC 9336 3
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(_issuer_key_identifier(issuer), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.RFC822Name(mailbox(subject.email or ""))]),
            critical=False,
        )
        .add_extension(_policy(profile.policy), critical=False)
        .add_extension(_issuer_address(addresses.certificate("issuing")), critical=False)
        .add_extension(_crl_address(addresses.crl("issuing")), critical=False)
    )
    return _drafted(builder, algorithm_of(issuer.public_key()))


def draft_root(*, name: x509.Name, public_key: Any, serial: int, at: datetime, days: int) -> Draft:
    """A self-issued root (RFC 5280 section 3.2); its signer is its own key."""
    builder = _ca_builder(name, name, public_key, serial, at, days)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    ).add_extension(_key_usage("key_cert_sign", "crl_sign"), critical=True)
    return _drafted(builder, algorithm_of(public_key))


def draft_issuing(
    *,
    root: x509.Certificate,
    addresses: Addresses,
    name: x509.Name,
    public_key: Any,
    serial: int,
    at: datetime,
    profile: CaProfile,
) -> Draft:
    """The issuing CA's certificate: below the root, and no CA below it."""
    builder = (
        _ca_builder(name, root.subject, public_key, serial, at, profile.validity_days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(_issuer_key_identifier(root), critical=False)
        .add_extension(_policy("2.5.29.32.0"), critical=False)  # anyPolicy, RFC 5280 4.2.1.4
        .add_extension(_issuer_address(addresses.certificate("root")), critical=False)
        .add_extension(_crl_address(addresses.crl("root")), critical=False)
    )
    return _drafted(builder, algorithm_of(root.public_key()))


def sign_tbs(
    key: CaKey, tbs_der: bytes, signer: Any, scheme: SignatureScheme | None = None
) -> bytes:
    """The certificate (or CRL): these very bytes, signed and checked under the CA's public key.

    Signed by the scheme that the bytes themselves name, unless one is given. A signature that
    does not verify is never handed out: `SignerError`.
    """
    scheme = scheme or scheme_of_tbs(tbs_der)
    signature = scheme.sign(key, tbs_der)
    try:
        scheme.verify(signer, signature, tbs_der)
    except InvalidSignature as error:
        raise SignerError(
            N_("HSM trả về chữ ký không khớp với khóa của CA; việc cấp đã dừng lại.")
        ) from error
    return der.tlv(
        der.SEQUENCE,
        tbs_der,
        scheme.algorithm_der,
        der.tlv(der.BIT_STRING, b"\x00", signature),
    )


def scheme_of_tbs(tbs_der: bytes) -> SignatureScheme:
    """The scheme that a TBSCertificate or TBSCertList names; `ValueError` for an unknown one.

    RFC 5280 sections 4.1 and 5.1: after version and serial there, after the version here.
    """
    fields = der.children(tbs_der)
    return scheme_of_algorithm(fields[2 if fields[0][0] == 0xA0 else 1][1])


def algorithm_of(public_key: Any) -> str:
    """p256, p384 or rsa."""
    if isinstance(public_key, ec.EllipticCurvePublicKey) and public_key.curve.name in _CURVES:
        return _CURVES[public_key.curve.name]
    if isinstance(public_key, rsa.RSAPublicKey):
        return "rsa"
    raise ValueError("a CA key is P-256, P-384 or RSA")


def signature_algorithm_der(public_key: Any) -> bytes:
    """The AlgorithmIdentifier of signatures made with this key's private half."""
    return _SIGNATURE_ALGORITHMS[algorithm_of(public_key)]


@lru_cache(maxsize=16)
def issuer_algorithm_der(issuer: x509.Certificate) -> bytes:
    """The AlgorithmIdentifier of what this CA signs."""
    return signature_algorithm_der(issuer.public_key())


def key_algorithm_of(public_key: Any) -> str:
    """The profile's word for a subject's key: p256, p384, rsa3072…; `other` for what it is not."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return f"rsa{public_key.key_size}"
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return _CURVES.get(public_key.curve.name, "other")
    return "other"


def new_serial() -> int:
    """Positive, 20 octets, 158 bits of them random (RFC 5280 section 4.1.2.2).

    The top bits are fixed at 01, so that all serials have the same number of digits.
    """
    return (1 << 158) | secrets.randbits(158)


def last_second(not_before: datetime, days: int) -> datetime:
    """The notAfter of that many whole days: RFC 5280 4.1.2.5 counts the last second in."""
    return not_before + timedelta(days=days) - timedelta(seconds=1)


def whole_second(at: datetime) -> datetime:
    """The instant without its fraction, in UTC, as certificates can state it."""
    return at.astimezone(UTC).replace(microsecond=0)


@lru_cache(maxsize=16)
def key_identifier(certificate: x509.Certificate) -> bytes:
    """The subject key identifier in a CA's certificate."""
    return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest


@lru_cache(maxsize=16)
def raw_subject(certificate: x509.Certificate) -> bytes:
    """The subject's Name, byte for byte as the certificate has it."""
    fields = der.children(certificate.tbs_certificate_bytes)
    return fields[5][1]  # RFC 5280 section 4.1: after version, serial, algorithm, issuer, validity


def _drafted(builder: x509.CertificateBuilder, algorithm: str) -> Draft:
    specimen = builder.sign(_throw_away_key(algorithm), _HASHES[algorithm])
    return Draft(
        tbs_der=specimen.tbs_certificate_bytes, specimen_der=specimen.public_bytes(Encoding.DER)
    )


@cache
def _throw_away_key(algorithm: str) -> CaKey:
    """A key of the CA's kind that never certifies anything: it dies with the process."""
    if algorithm == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=3072)
    return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1()}[algorithm])


def _ca_builder(
    name: x509.Name, issuer: x509.Name, public_key: Any, serial: int, at: datetime, days: int
) -> x509.CertificateBuilder:
    not_before = whole_second(at)
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=name,
        public_key=public_key,
        serial_number=serial,
        not_valid_before=not_before,
        not_valid_after=last_second(not_before, days),
    ).add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)


# What all certificates of one CA share is made once: it costs more than the signature.


@lru_cache(maxsize=16)
def _subject(certificate: x509.Certificate) -> x509.Name:
    return certificate.subject


@lru_cache(maxsize=16)
def _key_usage(*bits: str) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature="digital_signature" in bits,
        content_commitment="content_commitment" in bits,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign="key_cert_sign" in bits,
        crl_sign="crl_sign" in bits,
        encipher_only=False,
        decipher_only=False,
    )


@lru_cache(maxsize=16)
def _purposes(oids: tuple[str, ...]) -> x509.ExtendedKeyUsage:
    return x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in oids])


@lru_cache(maxsize=16)
def _policy(oid: str) -> x509.CertificatePolicies:
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(oid), None)])


@lru_cache(maxsize=16)
def _issuer_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier(key_identifier(issuer), None, None)


@lru_cache(maxsize=16)
def _issuer_address(url: str) -> x509.AuthorityInformationAccess:
    return x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(
                AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(url)
            )
        ]
    )


@lru_cache(maxsize=16)
def _crl_address(url: str) -> x509.CRLDistributionPoints:
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)
    return x509.CRLDistributionPoints([point])
