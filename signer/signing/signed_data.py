"""In the sandbox: a CMS SignedData (RFC 5652) read and its signature verified.

Read with the few DER rules of `signer.ca.der`: object parsers take ten times as long, and every
signature of the house is judged before it is stored.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding

from signer.ca import der

DATA = der.oid("1.2.840.113549.1.7.1")
SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
TST_INFO = der.oid("1.2.840.113549.1.9.16.1.4")
CONTENT_TYPE = der.oid("1.2.840.113549.1.9.3")
MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.4")
SIGNING_TIME = der.oid("1.2.840.113549.1.9.5")
ALGORITHM_PROTECTION = der.oid("1.2.840.113549.1.9.52")
SIGNING_CERTIFICATE = der.oid("1.2.840.113549.1.9.16.2.12")
SIGNING_CERTIFICATE_V2 = der.oid("1.2.840.113549.1.9.16.2.47")
SIGNATURE_STAMP = der.oid("1.2.840.113549.1.9.16.2.14")
ADOBE_REVOCATION = der.oid("1.2.840.113583.1.1.8")
OCSP_RESPONSE = der.oid("1.3.6.1.5.5.7.16.2")
SHA1 = hashes.SHA1()  # noqa: S303  # read and called weak
SHA256 = hashes.SHA256()
_RSA_PSS = der.oid("1.2.840.113549.1.1.10")

_HASHES: dict[bytes, hashes.HashAlgorithm] = {
    der.oid("1.2.840.113549.2.5"): hashes.MD5(),  # noqa: S303  # read and called weak
    der.oid("1.3.14.3.2.26"): hashes.SHA1(),  # noqa: S303  # read and called weak
    der.oid("2.16.840.1.101.3.4.2.4"): hashes.SHA224(),
    der.oid("2.16.840.1.101.3.4.2.1"): hashes.SHA256(),
    der.oid("2.16.840.1.101.3.4.2.2"): hashes.SHA384(),
    der.oid("2.16.840.1.101.3.4.2.3"): hashes.SHA512(),
    der.oid("2.16.840.1.101.3.4.2.8"): hashes.SHA3_256(),
    der.oid("2.16.840.1.101.3.4.2.9"): hashes.SHA3_384(),
    der.oid("2.16.840.1.101.3.4.2.10"): hashes.SHA3_512(),
}
_SIGNED_WITH: dict[bytes, hashes.HashAlgorithm] = {
    der.oid(f"1.2.840.113549.1.1.{arc}"): algorithm
    for arc, algorithm in (
        (4, hashes.MD5()),  # noqa: S303  # read and called weak
        (5, hashes.SHA1()),  # noqa: S303  # read and called weak
        (14, hashes.SHA224()),
        (11, hashes.SHA256()),
        (12, hashes.SHA384()),
        (13, hashes.SHA512()),
    )
} | {
    der.oid("1.2.840.10045.4.1"): hashes.SHA1(),  # noqa: S303  # read and called weak
    der.oid("1.2.840.10045.4.3.1"): hashes.SHA224(),
    der.oid("1.2.840.10045.4.3.2"): hashes.SHA256(),
    der.oid("1.2.840.10045.4.3.3"): hashes.SHA384(),
    der.oid("1.2.840.10045.4.3.4"): hashes.SHA512(),
    der.oid("2.16.840.1.101.3.4.3.10"): hashes.SHA3_256(),
    der.oid("2.16.840.1.101.3.4.3.11"): hashes.SHA3_384(),
    der.oid("2.16.840.1.101.3.4.3.12"): hashes.SHA3_512(),
}
"""Algorithms whose identifier names the hash; others take it from digestAlgorithm."""

Element = tuple[int, bytes]


class Unreadable(ValueError):
    """These bytes are no SignedData with exactly one signer."""


@dataclass(frozen=True, kw_only=True)
class SignedData:
    """What is used of it; everything from the signer is still unverified."""

    content_type: bytes
    content: bytes | None
    certificates: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    answers: tuple[bytes, ...]
    """OCSP responses."""
    certificate: x509.Certificate
    """The one the signer identifier names."""
    digest: hashes.HashAlgorithm
    digest_der: bytes
    algorithm_der: bytes
    attributes_der: bytes | None
    """As a SET OF: what the signature is over."""
    attributes: dict[bytes, tuple[bytes, ...]]
    """Values by the attribute's identifier."""
    signature: bytes
    stamps: tuple[bytes, ...]
    """Time-stamp tokens among the unsigned attributes."""

    @property
    def names_certificate(self) -> bool:
        """The signer's certificate is among what is signed (RFC 5035)."""
        return bool({SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2} & self.attributes.keys())

    def verdict(self, content_digest: bytes, content_type: bytes) -> tuple[bool, bool]:
        """(the digest is the signed one, the signature verifies), RFC 5652 section 5.6.

        `Unreadable` when what is signed contradicts itself.
        """
        if self.attributes_der is None:
            return True, self._verifies(content_digest, Prehashed(self.digest))
        self._require_consistent(content_type)
        (value,) = self._values(MESSAGE_DIGEST)
        same = hmac.compare_digest(der.content(value), content_digest)
        return same, self._verifies(self.attributes_der, self.signed_with)

    @property
    def signed_with(self) -> hashes.HashAlgorithm:
        """The hash under the signature."""
        named = _SIGNED_WITH.get(self._algorithm[0][1])
        return named or (self._pss()[0] if self._algorithm[0][1] == _RSA_PSS else self.digest)

    @property
    def claimed_at(self) -> datetime | None:
        """The signing-time attribute (RFC 5652 section 11.3)."""
        for value in self.attributes.get(SIGNING_TIME, ()):
            text = der.content(value).decode("ascii")
            form = "%y%m%d%H%M%SZ" if value[0] == der.UTC_TIME else "%Y%m%d%H%M%SZ"
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        return None

    @property
    def _algorithm(self) -> list[Element]:
        return der.children(self.algorithm_der)

    def _values(self, identifier: bytes) -> tuple[bytes, ...]:
        values = self.attributes.get(identifier, ())
        if len(values) != 1:
            raise Unreadable("an attribute must have one value")
        return values

    def _require_consistent(self, content_type: bytes) -> None:
        (told,) = self._values(CONTENT_TYPE)
        if told != content_type or self.content_type != content_type:
            raise Unreadable("another content type")
        for value in self.attributes.get(ALGORITHM_PROTECTION, ()):  # RFC 6211 section 2
            digest, algorithm, *_ = (part for _, part in der.children(value))
            if _identifier(digest) != _identifier(self.digest_der):
                raise Unreadable("another digest algorithm was signed")
            if algorithm[0] == 0xA1 and der.content(algorithm) != der.content(self.algorithm_der):
                raise Unreadable("another signature algorithm was signed")
        whole = self.certificate.public_bytes(Encoding.DER)
        for identifier, usual in ((SIGNING_CERTIFICATE, SHA1), (SIGNING_CERTIFICATE_V2, SHA256)):
            for value in self.attributes.get(identifier, ()):
                if not _names(value, whole, usual):
                    raise Unreadable("another certificate was signed")

    def _verifies(self, data: bytes, hashed: Any) -> bool:
        try:
            key = self.certificate.public_key()
            if isinstance(key, rsa.RSAPublicKey):
                scheme: Any = padding.PKCS1v15()
                if self._algorithm[0][1] == _RSA_PSS:
                    signed, masked, salt = self._pss()
                    scheme = padding.PSS(padding.MGF1(masked), salt)
                    hashed = hashed if isinstance(hashed, Prehashed) else signed
                key.verify(self.signature, data, scheme, hashed)
            elif isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(self.signature, data, ec.ECDSA(hashed))
            elif isinstance(key, dsa.DSAPublicKey):
                key.verify(self.signature, data, hashed)
            elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
                key.verify(self.signature, data)
            else:
                return False
        except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
            return False
        return True

    def _pss(self) -> tuple[hashes.HashAlgorithm, hashes.HashAlgorithm, int]:
        """Hash, hash of the mask and length of the salt (RFC 4055 section 3.1)."""
        signed: hashes.HashAlgorithm = hashes.SHA1()  # noqa: S303  # the default there
        masked: hashes.HashAlgorithm = hashes.SHA1()  # noqa: S303  # the default there
        salt = 20
        for tag, part in der.children(self._algorithm[1][1]):
            inner = der.content(part)
            if tag == 0xA0:
                signed = hash_of(inner)
            elif tag == 0xA1:
                masked = hash_of(der.children(inner)[1][1])
            elif tag == 0xA2:
                salt = int.from_bytes(der.content(inner))
        return signed, masked, salt


def _names(attribute: bytes, certificate: bytes, usual: hashes.HashAlgorithm) -> bool:
    """The first ESSCertID(v2) is the certificate's (RFC 5035 sections 3 to 5)."""
    first = der.children(der.children(der.children(attribute)[0][1])[0][1])
    algorithm = usual
    if first[0][0] == der.SEQUENCE:
        algorithm = hash_of(first[0][1])
        first = first[1:]
    return digest_of(algorithm, certificate) == der.content(first[0][1])


def digest_of(algorithm: hashes.HashAlgorithm, data: bytes) -> bytes:
    """The digest of the data."""
    digest: bytes = hasher_of(algorithm, data).digest()
    return digest


def hasher_of(algorithm: hashes.HashAlgorithm, data: bytes = b"") -> Any:
    """hashlib's object for the algorithm: it takes any buffer and is quick to make."""
    return hashlib.new(algorithm.name.replace("sha3-", "sha3_"), data, usedforsecurity=False)


def hash_of(algorithm: bytes) -> hashes.HashAlgorithm:
    """The hash of an AlgorithmIdentifier."""
    try:
        return _HASHES[_identifier(algorithm)]
    except KeyError as error:
        raise Unreadable("a hash that is not known here") from error


def _identifier(algorithm: bytes) -> bytes:
    return der.children(b"\x30" + algorithm[1:])[0][1]


@dataclass(frozen=True, kw_only=True)
class Token:
    """A time-stamp token (RFC 3161), unverified."""

    data: SignedData
    at: datetime
    imprint: bytes
    imprint_hash: hashes.HashAlgorithm

    def is_over(self, digest: Callable[[hashes.HashAlgorithm], bytes]) -> bool:
        """The TSA signed this very digest."""
        content = self.data.content
        if content is None or self.data.content_type != TST_INFO:
            return False
        same = hmac.compare_digest(self.imprint, digest(self.imprint_hash))
        intact, verifies = self.data.verdict(digest_of(self.data.digest, content), TST_INFO)
        return same and intact and verifies


def token_of(data: SignedData) -> Token:
    """The TSTInfo inside; `Unreadable` when there is none."""
    if data.content is None or data.content_type != TST_INFO:
        raise Unreadable("no TSTInfo")
    try:
        parts = der.children(data.content)
        (_, algorithm), (_, imprint) = der.children(parts[2][1])
        moment = der.content(parts[4][1]).decode("ascii")
        form = "%Y%m%d%H%M%S.%fZ" if "." in moment else "%Y%m%d%H%M%SZ"
        at = datetime.strptime(moment, form).replace(tzinfo=UTC)
    except (ValueError, IndexError) as error:
        raise Unreadable("no TSTInfo") from error
    return Token(data=data, at=at, imprint=der.content(imprint), imprint_hash=hash_of(algorithm))
