"""Signature schemes: how a key signs, how that is written down, and how it is checked.

One table for certificates, CRLs, OCSP answers and time stamps. ECDSA by the key's size; RSA as
PKCS#1 v1.5 or as PSS, whichever the policy names (Circular 15/2025 asks for PSS, most tools in the
field expect v1.5).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from signer.ca import der
from signer.errors import N_, ConfigError

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@runtime_checkable
class BatchKey(Protocol):
    """An elliptic-curve key that signs many texts in one go; those held in an HSM's session do."""

    def sign_many(
        self, data: Sequence[bytes], signature_algorithm: ec.EllipticCurveSignatureAlgorithm
    ) -> list[bytes]:
        """A signature of each, in their order."""


_HASHES: dict[str, hashes.SHA256 | hashes.SHA384] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
}
_CURVES = {"secp256r1": "p256", "secp384r1": "p384"}


@dataclass(frozen=True, kw_only=True)
class SignatureScheme:
    """One way of signing; `key` names the only kind of key that fits it: p256, p384 or rsa."""

    name: str
    key: str
    hash_name: str
    is_pss: bool = False
    algorithm_der: bytes
    """The AlgorithmIdentifier, parameters and all, as it stands in whatever is signed."""

    def sign(self, key: PrivateKey, data: bytes) -> bytes:
        """The signature over the data; `key` may live in an HSM, and raises what it raises."""
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(data, self._padding(), _HASHES[self.hash_name])
        return key.sign(data, ec.ECDSA(_HASHES[self.hash_name]))

    def sign_many(self, key: PrivateKey, data: Sequence[bytes]) -> list[bytes]:
        """The signatures over each, in their order, all or none; at once where the key can."""
        if isinstance(key, BatchKey):
            return key.sign_many(data, ec.ECDSA(_HASHES[self.hash_name]))
        return [self.sign(key, each) for each in data]

    def verify(self, public_key: Any, signature: bytes, data: bytes) -> None:
        """cryptography's `InvalidSignature` unless this key made it in this way over the data."""
        if key_kind(public_key) != self.key:
            raise InvalidSignature(f"{self.name} is not what this key signs")
        if isinstance(public_key, rsa.RSAPublicKey):
            public_key.verify(signature, data, self._padding(), _HASHES[self.hash_name])
        else:
            public_key.verify(signature, data, ec.ECDSA(_HASHES[self.hash_name]))

    def _padding(self) -> padding.PKCS1v15 | padding.PSS:
        if not self.is_pss:
            return padding.PKCS1v15()  # RFC 8017 section 8.2
        digest = _HASHES[self.hash_name]
        # RFC 4055 section 3.1: the same hash in MGF1, a salt as long as the hash.
        return padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)


def longest_signature(public_key: Any) -> int:
    """No signature of this key has more octets."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return public_key.key_size // 8
    integer = 3 + public_key.key_size // 8  # RFC 3279 section 2.2.3: r and s, each an INTEGER
    return 2 + 2 * int(integer)


def scheme_named(name: str) -> SignatureScheme:
    """The scheme of this name; `ConfigError` when there is none."""
    try:
        return SCHEMES[name]
    except KeyError as error:
        raise ConfigError(N_("Không có cách ký nào tên là “%(name)s”."), name=name) from error


def scheme_for(public_key: Any, preferred: str | None = None) -> SignatureScheme:
    """How the private half of this key signs: the preferred way, or its usual one.

    `ConfigError` when the preferred one is not for such keys, or nothing is.
    """
    kind = key_kind(public_key)
    if kind not in USUAL:
        raise ConfigError(N_("Khóa ký phải là P-256, P-384 hoặc RSA."))
    scheme = scheme_named(preferred or USUAL[kind])
    if scheme.key != kind:
        raise ConfigError(
            N_("Cách ký “%(name)s” không dùng được với khóa %(key)s."), name=scheme.name, key=kind
        )
    return scheme


def scheme_of_algorithm(algorithm_der: bytes) -> SignatureScheme:
    """The scheme whose AlgorithmIdentifier is exactly this; `ValueError` when none is."""
    try:
        return _BY_ALGORITHM[algorithm_der]
    except KeyError as error:
        raise ValueError("not an AlgorithmIdentifier that we sign with") from error


def key_kind(public_key: Any) -> str:
    """p256, p384, rsa, or `other` for what none of our schemes fits."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return "rsa"
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return _CURVES.get(public_key.curve.name, "other")
    return "other"


@lru_cache(maxsize=1024)  # by its bytes: whoever drafts a certificate asks, and then the lint
def key_algorithm_of(public_key_der: bytes) -> str:
    """The profiles' word for a key: p256, p384, rsa3072…; `other` for what they do not know.

    `ValueError` or `UnsupportedAlgorithm` for bytes that are no key, or not as DER writes it.
    """
    public_key = load_der_public_key(public_key_der)
    if public_key_der != public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo):
        raise ValueError("a public key in another encoding than DER's")
    kind = key_kind(public_key)
    return f"rsa{public_key.key_size}" if isinstance(public_key, rsa.RSAPublicKey) else kind


_NULL = bytes((0x05, 0x00))
_SHA_IDENTIFIERS = {  # RFC 4055 section 2.1, with its NULL parameters
    "sha256": bytes.fromhex("300d06096086480165030402010500"),
    "sha384": bytes.fromhex("300d06096086480165030402020500"),
}


def _ecdsa(last_arc: int) -> bytes:
    """RFC 5758 section 3.2: ecdsa-with-SHA2, parameters absent."""
    return der.tlv(der.SEQUENCE, der.oid(f"1.2.840.10045.4.3.{last_arc}"))


def _pkcs1(last_arc: int) -> bytes:
    """RFC 4055 section 5: shaNNNWithRSAEncryption, parameters NULL."""
    return der.tlv(der.SEQUENCE, der.oid(f"1.2.840.113549.1.1.{last_arc}"), _NULL)


def _pss(hash_name: str) -> bytes:
    """RFC 4055 section 3.1: id-RSASSA-PSS, every parameter but the usual trailer written out."""
    digest = _SHA_IDENTIFIERS[hash_name]
    mgf1 = der.tlv(der.SEQUENCE, der.oid("1.2.840.113549.1.1.8"), digest)
    parameters = der.tlv(
        der.SEQUENCE,
        der.tlv(0xA0, digest),
        der.tlv(0xA1, mgf1),
        der.tlv(0xA2, der.integer(_HASHES[hash_name].digest_size)),
    )
    return der.tlv(der.SEQUENCE, der.oid("1.2.840.113549.1.1.10"), parameters)


SCHEMES: Mapping[str, SignatureScheme] = {
    scheme.name: scheme
    for scheme in (
        SignatureScheme(
            name="ecdsa-sha256", key="p256", hash_name="sha256", algorithm_der=_ecdsa(2)
        ),
        SignatureScheme(
            name="ecdsa-sha384", key="p384", hash_name="sha384", algorithm_der=_ecdsa(3)
        ),
        SignatureScheme(
            name="rsa-pkcs1v15-sha256", key="rsa", hash_name="sha256", algorithm_der=_pkcs1(11)
        ),
        SignatureScheme(
            name="rsa-pkcs1v15-sha384", key="rsa", hash_name="sha384", algorithm_der=_pkcs1(12)
        ),
        SignatureScheme(
            name="rsa-pss-sha256",
            key="rsa",
            hash_name="sha256",
            is_pss=True,
            algorithm_der=_pss("sha256"),
        ),
        SignatureScheme(
            name="rsa-pss-sha384",
            key="rsa",
            hash_name="sha384",
            is_pss=True,
            algorithm_der=_pss("sha384"),
        ),
    )
}
USUAL: Mapping[str, str] = {
    "p256": "ecdsa-sha256",
    "p384": "ecdsa-sha384",
    "rsa": "rsa-pkcs1v15-sha256",
}
"""What each kind of key signs with when nobody says otherwise."""
_BY_ALGORITHM = {scheme.algorithm_der: scheme for scheme in SCHEMES.values()}
