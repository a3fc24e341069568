"""Certificates put together byte by byte: what one issuer's certificates share is made once, the
draft is signed by a throw-away key, and the real signature goes over exactly the draft's bytes."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property, lru_cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from signer.ca import der, extensions
from signer.ca.extensions import key_identifier_of
from signer.ca.names import SubjectFacts, mailbox, subject_der
from signer.ca.profiles import Profile
from signer.ca.schemes import PrivateKey, SignatureScheme, scheme_of_algorithm
from signer.errors import N_, SignerError

SerialNumber = int
CaKey = PrivateKey


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


@dataclass(frozen=True, kw_only=True, eq=False)  # looked up by its identity, for every draft
class Issuer:
    """Who issues, and what follows from that for every certificate of theirs."""

    certificate: x509.Certificate
    addresses: Addresses
    scheme: SignatureScheme
    crl_shards: int

    @cached_property
    def name_der(self) -> bytes:
        """Its Name, byte for byte as its own certificate has it."""
        return raw_subject(self.certificate)

    @cached_property
    def key_identifier(self) -> bytes:
        """The subject key identifier in its certificate."""
        return key_identifier(self.certificate)

    @cached_property
    def public_key(self) -> Any:
        """What its signatures verify under."""
        return self.certificate.public_key()

    @cached_property
    def validity(self) -> tuple[datetime, datetime]:
        """The first and the last second of its certificate."""
        return self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc

    def crl_address(self, serial: SerialNumber) -> str:
        """Where the list is that would name this serial."""
        shard = shard_of(serial, self.crl_shards)
        if shard is None:
            return self.addresses.crl("issuing")
        return self.addresses.crl_shard(shard)


def draft_certificate(
    *,
    issuer: Issuer,
    profile: Profile,
    subject: SubjectFacts,
    public_key_der: bytes,
    serial: SerialNumber,
    not_before: datetime,
    not_after: datetime,
) -> Draft:
    """A subscriber's certificate as the profile wants it; `Invalid` for facts it cannot state.

    `public_key_der` is a SubjectPublicKeyInfo in DER, which goes in as it is.
    """
    shared = _shared(issuer, profile)
    has_address = profile.kind == "person" or subject.email is not None
    lists = shared.crl_points
    tbs_der = tbs_certificate(
        serial=serial,
        algorithm_and_issuer=shared.algorithm_and_issuer,
        not_before=not_before,
        not_after=not_after,
        subject_name=subject_der(subject),
        public_key_der=public_key_der,
        stated=(
            shared.extensions,
            lists[serial % len(lists)] if lists else b"",
            extensions.subject_key_identifier(key_identifier_of(public_key_der)),
            extensions.alternative_mailbox(mailbox(subject.email or "")) if has_address else b"",
        ),
    )
    return Draft(tbs_der=tbs_der, specimen_der=specimen_of(tbs_der, issuer.scheme))


@dataclass(frozen=True, kw_only=True)
class _Shared:
    """What all certificates of one issuer and profile have in common, byte for byte."""

    algorithm_and_issuer: bytes
    extensions: bytes
    crl_points: tuple[bytes, ...]
    """The distribution point of each shard, or of the one complete list; none for some."""


@lru_cache(maxsize=64)
def _shared(issuer: Issuer, profile: Profile) -> _Shared:
    addresses, is_listed = issuer.addresses, profile.revocation_addresses
    points = range(max(1, issuer.crl_shards)) if is_listed else ()
    return _Shared(
        algorithm_and_issuer=issuer.scheme.algorithm_der + issuer.name_der,
        extensions=b"".join(
            (
                extensions.key_usage(profile.key_usage),
                extensions.extended_key_usage(
                    profile.extended_key_usage, critical=profile.extended_key_usage_critical
                ),
                extensions.authority_key_identifier(issuer.key_identifier),
                extensions.policy(profile.policy),
                extensions.authority_addresses(
                    issuer_url=addresses.certificate("issuing"),
                    ocsp_url=addresses.ocsp() if is_listed else None,
                ),
                extensions.ocsp_no_check() if profile.ocsp_no_check else b"",
            )
        ),
        crl_points=tuple(
            extensions.crl_distribution_point(issuer.crl_address(shard)) for shard in points
        ),
    )


def sign_tbs(
    key: CaKey, tbs_der: bytes, signer: Any, scheme: SignatureScheme | None = None
) -> bytes:
    """The certificate (or CRL): these very bytes, signed and checked under the CA's public key.

    Signed by the scheme that the bytes themselves name, unless one is given. A signature that
    does not verify is never handed out: `SignerError`.
    """
    return sign_many_tbs(key, [tbs_der], signer, scheme or scheme_of_tbs(tbs_der))[0]


def sign_many_tbs(
    key: CaKey, tbs_ders: Sequence[bytes], signer: Any, scheme: SignatureScheme
) -> list[bytes]:
    """What `sign_tbs` would return for each, in their order, all or none."""
    signatures = scheme.sign_many(key, tbs_ders)
    try:
        for tbs_der, signature in zip(tbs_ders, signatures, strict=True):
            scheme.verify(signer, signature, tbs_der)
    except (InvalidSignature, ValueError) as error:
        raise SignerError(
            N_("HSM trả về chữ ký không khớp với khóa của CA; việc cấp đã dừng lại.")
        ) from error
    return [
        _signed(tbs_der, scheme, signature)
        for tbs_der, signature in zip(tbs_ders, signatures, strict=True)
    ]


def scheme_of_tbs(tbs_der: bytes) -> SignatureScheme:
    """The scheme that a TBSCertificate or TBSCertList names; `ValueError` for an unknown one.

    RFC 5280 sections 4.1 and 5.1: after version and serial there, after the version here.
    """
    fields = der.children(tbs_der)
    return scheme_of_algorithm(fields[2 if fields[0][0] == 0xA0 else 1][1])


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


_VERSION_3 = bytes.fromhex("a003020102")  # RFC 5280 section 4.1.2.1


def tbs_certificate(
    *,
    serial: SerialNumber,
    algorithm_and_issuer: bytes,
    not_before: datetime,
    not_after: datetime,
    subject_name: bytes,
    public_key_der: bytes,
    stated: Iterable[bytes],
) -> bytes:
    """The TBSCertificate (RFC 5280 section 4.1); `stated` are its extensions."""
    return der.tlv(
        der.SEQUENCE,
        _VERSION_3,
        der.integer(serial),
        algorithm_and_issuer,
        der.tlv(der.SEQUENCE, der.time(not_before), der.time(not_after)),
        subject_name,
        public_key_der,
        der.tlv(0xA3, der.tlv(der.SEQUENCE, *stated)),
    )


def specimen_of(tbs_der: bytes, scheme: SignatureScheme) -> bytes:
    """The bytes signed by a throw-away key of the right kind, for lints that want it whole."""
    return _signed(tbs_der, scheme, scheme.sign(_throw_away_key(scheme.key), tbs_der))


def _signed(tbs_der: bytes, scheme: SignatureScheme, signature: bytes) -> bytes:
    """RFC 5280 section 4.1: the bytes, the algorithm they name, the signature over them."""
    bits = der.tlv(der.BIT_STRING, b"\x00", signature)
    return der.tlv(der.SEQUENCE, tbs_der, scheme.algorithm_der, bits)


@cache
def _throw_away_key(kind: str) -> CaKey:
    """A key of the CA's kind that never certifies anything: it dies with the process."""
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=3072)
    return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1()}[kind])
