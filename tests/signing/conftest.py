"""A throw-away authority with software keys, and signed documents made with it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID, ObjectIdentifier

from signer.signing.appearance import AppearanceText
from signer.signing.geometry import Box
from signer.signing.pdf import SignedPdf, sign_pdf
from signer.signing.sandbox import Sandbox

PDF = Path(__file__).parent.parent / "data" / "pdf"
NOW = datetime(2026, 11, 23, 2, 30, 15, tzinfo=UTC)
DER = serialization.Encoding.DER
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def name_of(common_name: str, *units: str) -> x509.Name:
    attributes = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ỦY BAN NHÂN DÂN THÀNH PHỐ HÀ NỘI"),
    ]
    attributes += [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in units]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


@dataclass
class Identity:
    key: Key
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(DER)


class Authority:
    """Root, issuing CA and their lists; every part of a certificate can be spoilt."""

    def __init__(self) -> None:
        self.root = self._ca("Gốc thử nghiệm", None)
        self.issuing = self._ca("CA cấp phát thử nghiệm", self.root)

    def _ca(self, name: str, parent: Identity | None) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = parent.certificate.subject if parent else name_of(name)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name_of(name))
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=3000))
            .not_valid_after(NOW + timedelta(days=3000))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )
        signer = parent.key if parent else key
        return Identity(key, builder.sign(signer, hashes.SHA256()))

    def person(
        self,
        name: str = "Trần Thị B",
        *,
        key: Key | None = None,
        usage: x509.KeyUsage | None = None,
        extended: tuple[ObjectIdentifier, ...] = (),
        days: tuple[int, int] = (-30, 700),
        issuer: Identity | None = None,
    ) -> Identity:
        key = key or ec.generate_private_key(ec.SECP256R1())
        parent = issuer or self.issuing
        builder = (
            x509.CertificateBuilder()
            .subject_name(name_of(name, "SỞ NỘI VỤ"))
            .issuer_name(parent.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + timedelta(days=days[0]))
            .not_valid_after(NOW + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                usage or key_usage(digital_signature=True, content_commitment=True), critical=True
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(parent.key.public_key()),
                critical=False,
            )
        )
        if extended:
            builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
        return Identity(key, builder.sign(parent.key, hashes.SHA256()))

    def crl(
        self,
        *revoked: tuple[Identity, datetime],
        issuer: Identity | None = None,
        at: datetime = NOW,
        days: int = 7,
        reason: x509.ReasonFlags | None = None,
        only: str | None = None,
    ) -> bytes:
        """The list; `only` binds it to the distribution point of this address."""
        issuer = issuer or self.issuing
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.certificate.subject)
            .last_update(at - timedelta(hours=1))
            .next_update(at + timedelta(days=days))
            .add_extension(x509.CRLNumber(1), critical=False)
        )
        for identity, when in revoked:
            entry = (
                x509.RevokedCertificateBuilder()
                .serial_number(identity.certificate.serial_number)
                .revocation_date(when)
            )
            if reason is not None:
                entry = entry.add_extension(x509.CRLReason(reason), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        if only is not None:
            name = x509.UniformResourceIdentifier(only)
            point = x509.IssuingDistributionPoint([name], None, False, False, None, False, False)
            builder = builder.add_extension(point, critical=True)
        return builder.sign(issuer.key, hashes.SHA256()).public_bytes(DER)


def key_usage(**on: bool) -> x509.KeyUsage:
    bits = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**(bits | on))


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="session")
def person(authority: Authority) -> Identity:
    return authority.person()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox(children=2)
    yield sandbox
    sandbox.close()


Sign = Callable[..., SignedPdf]


@pytest.fixture
def sign(authority: Authority, person: Identity, sandbox: Sandbox) -> Sign:
    """Signs with good values; a test replaces the one it is about."""

    def signed(source: Path, output: Path, **changed: object) -> SignedPdf:
        who = changed.pop("who", person)
        assert isinstance(who, Identity)
        values: dict[str, object] = {
            "key": who.key,
            "certificate_der": who.der,
            "chain_der": (authority.issuing.der,),
            "page": 1,
            "box": Box(x0=330, y0=240, x1=500, y1=290),
            "appearance": AppearanceText(name="Trần Thị B", organisation="Sở Nội vụ"),
            "at": NOW,
            "sandbox": sandbox,
        }
        return sign_pdf(source, output, **(values | changed))  # type: ignore[arg-type]

    return signed
