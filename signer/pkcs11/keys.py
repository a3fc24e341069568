"""Keys that stay on the token, usable wherever cryptography expects a private key.

An object here holds a token and a label, never a handle: each signature leases a session,
finds the key and lets both go, so a token that went away and came back needs nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import new as new_hash
from typing import Any, Never

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from signer.errors import N_, Conflict, NotFound
from signer.pkcs11.hsm import Hsm, Session

CaPrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

CURVES: dict[str, ec.EllipticCurve] = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1()}
"""`generate_ca_key`'s names of curves; `rsa3072` and `rsa4096` are its other algorithms."""

_CURVE_PARAMETERS = {encode_named_curve_parameters(curve.name): curve for curve in CURVES.values()}
_DIGEST_INFO = {  # RFC 8017 section 9.2, note 1
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}


class HsmEcPrivateKey(ec.EllipticCurvePrivateKey):
    """An elliptic-curve key on a token; `sign` gives a DER signature like any other key's."""

    def __init__(self, hsm: Hsm, label: str, public_key: ec.EllipticCurvePublicKey) -> None:
        self.label = label
        self._hsm = hsm
        self._public_key = public_key

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """One ECDSA signature; raises as `Hsm.run` does."""
        digest = ecdsa_digest(bytes(data), signature_algorithm)
        return self._hsm.run(lambda s: sign_ecdsa(_private_object(s, self.label), digest))

    @contextmanager
    def held(self) -> Iterator[ec.EllipticCurvePrivateKey]:
        """The same key bound to one lease, found once: cheaper for many signatures in a row.

        Use it in this thread and only inside the block. A fault there is `Unavailable`; one
        while the key is looked for is cured, as with `Hsm.run`.
        """
        with self._hsm.holding(lambda s: _private_object(s, self.label)) as handle:
            yield SessionEcKey(handle, self._public_key)

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half; does not touch the token."""
        return self._public_key

    @property
    def curve(self) -> ec.EllipticCurve:
        """The key's curve."""
        return self._public_key.curve

    @property
    def key_size(self) -> int:
        """In bits."""
        return self._public_key.curve.key_size

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> bytes:
        """Refused: these keys only sign."""
        _refuse()

    def private_numbers(self) -> ec.EllipticCurvePrivateNumbers:
        """Refused: the key does not leave the token."""
        _refuse()

    def private_bytes(self, encoding: Any, format: Any, encryption_algorithm: Any) -> bytes:
        """Refused: the key does not leave the token."""
        _refuse()

    def __copy__(self) -> "HsmEcPrivateKey":
        return self

    def __deepcopy__(self, memo: dict[Any, Any]) -> "HsmEcPrivateKey":
        return self


class SessionEcKey(HsmEcPrivateKey):
    """A key object of one leased session; dead when that lease ends."""

    def __init__(self, handle: Any, public_key: ec.EllipticCurvePublicKey) -> None:
        self._object = handle
        self._public_key = public_key

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """One ECDSA signature in the session at hand."""
        return sign_ecdsa(self._object, ecdsa_digest(bytes(data), signature_algorithm))

    @contextmanager
    def held(self) -> Iterator[ec.EllipticCurvePrivateKey]:
        """It already is."""
        yield self


class HsmRsaPrivateKey(rsa.RSAPrivateKey):
    """An RSA key on a token; signs PKCS#1 v1.5 (RFC 8017 section 8.2) with SHA-2."""

    def __init__(self, hsm: Hsm, label: str, public_key: rsa.RSAPublicKey) -> None:
        self.label = label
        self._hsm = hsm
        self._public_key = public_key

    def sign(self, data: bytes, padding: Any, algorithm: Any) -> bytes:
        """One RSA signature; raises as `Hsm.run` does."""
        if not isinstance(padding, PKCS1v15):
            raise ValueError("an RSA key of the HSM signs with PKCS#1 v1.5 padding only")
        prefix_digest = _digest_info(data, algorithm)
        return self._hsm.run(
            lambda s: bytes(
                _private_object(s, self.label).sign(prefix_digest, mechanism=Mechanism.RSA_PKCS)
            )
        )

    @contextmanager
    def held(self) -> Iterator[rsa.RSAPrivateKey]:
        """The key itself: finding it costs nothing beside an RSA signature."""
        yield self

    def public_key(self) -> rsa.RSAPublicKey:
        """The public half; does not touch the token."""
        return self._public_key

    @property
    def key_size(self) -> int:
        """In bits."""
        return self._public_key.key_size

    def decrypt(self, ciphertext: bytes, padding: Any) -> bytes:
        """Refused: these keys only sign."""
        _refuse()

    def private_numbers(self) -> rsa.RSAPrivateNumbers:
        """Refused: the key does not leave the token."""
        _refuse()

    def private_bytes(self, encoding: Any, format: Any, encryption_algorithm: Any) -> bytes:
        """Refused: the key does not leave the token."""
        _refuse()

    def __copy__(self) -> "HsmRsaPrivateKey":
        return self

    def __deepcopy__(self, memo: dict[Any, Any]) -> "HsmRsaPrivateKey":
        return self


def generate_ca_key(hsm: Hsm, label: str, algorithm: str = "p256") -> CaPrivateKey:
    """A new non-extractable signing key stands on the token under this label.

    `algorithm` is p256, p384, rsa3072 or rsa4096. `Conflict` when the label is taken: a second
    key of one name could sign in the place of the first.
    """
    try:
        private_key_of(hsm, label)
    except NotFound:
        pass
    else:
        raise Conflict(N_("HSM đã có khóa tên “%(label)s”."), label=label)
    # Not `run`: after a fault it might leave two keys under one label.
    with hsm.lease() as session:
        _generate(algorithm)(session, label)
    return private_key_of(hsm, label)


def ensure_ca_key(hsm: Hsm, label: str, algorithm: str = "p256") -> CaPrivateKey:
    """The token's key of this label, generated now if there was none."""
    try:
        return private_key_of(hsm, label)
    except NotFound:
        return generate_ca_key(hsm, label, algorithm)


def private_key_of(hsm: Hsm, label: str) -> CaPrivateKey:
    """The token's signing key of this label; `NotFound` when there is none."""

    def read(session: Session) -> CaPrivateKey:
        _private_object(session, label)
        public = session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=label)
        return key_for(hsm, label, _public_key(public))

    try:
        return hsm.run(read)
    except NotFound as error:
        raise NotFound(N_("HSM không có khóa tên “%(label)s”."), label=label) from error


def key_for(hsm: Hsm, label: str, public_key: object) -> CaPrivateKey:
    """The key of this label, known by its public half (of its certificate, say).

    Does not touch the token, so a service starts while the HSM is away.
    """
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return HsmEcPrivateKey(hsm, label, public_key)
    if isinstance(public_key, rsa.RSAPublicKey):
        return HsmRsaPrivateKey(hsm, label, public_key)
    raise TypeError(f"an HSM key is EC or RSA, not {type(public_key).__name__}")


def sign_ecdsa(key: Any, digest: bytes) -> bytes:
    """Signs a digest; SoftHSM's CKM_ECDSA gives r‖s, the world wants DER (RFC 3279 2.2.3)."""
    raw = bytes(key.sign(digest, mechanism=Mechanism.ECDSA))
    half = len(raw) // 2
    return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))


def ecdsa_digest(data: bytes, algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
    """The digest that raw ECDSA signs: of the data, or the data itself when hashed before."""
    if not isinstance(algorithm, ec.ECDSA):
        raise ValueError("an elliptic-curve key of the HSM signs with ECDSA only")
    if isinstance(algorithm.algorithm, Prehashed):
        return data
    return new_hash(algorithm.algorithm.name, data).digest()


def _digest_info(data: bytes, algorithm: Any) -> bytes:
    if isinstance(algorithm, Prehashed):
        name = {32: "sha256", 48: "sha384", 64: "sha512"}[len(data)]
        return _DIGEST_INFO[name] + data
    if not isinstance(algorithm, hashes.HashAlgorithm) or algorithm.name not in _DIGEST_INFO:
        raise ValueError("an RSA key of the HSM signs SHA-256, SHA-384 or SHA-512")
    return _DIGEST_INFO[algorithm.name] + new_hash(algorithm.name, data).digest()


def _private_object(session: Session, label: str) -> Any:
    return session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=label)


def _public_key(public: Any) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    if public.key_type is KeyType.EC:
        curve = _CURVE_PARAMETERS[public[Attribute.EC_PARAMS]]
        point = ec_point(public[Attribute.EC_POINT])
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
    modulus = int.from_bytes(public[Attribute.MODULUS])
    exponent = int.from_bytes(public[Attribute.PUBLIC_EXPONENT])
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def ec_point(attribute: bytes) -> bytes:
    """The uncompressed point in a CKA_EC_POINT: an OCTET STRING, bare on some older tokens."""
    if attribute[:1] == b"\x04" and len(attribute) > 2 and attribute[1] == len(attribute) - 2:
        return attribute[2:]
    return attribute


_PRIVATE = {
    Attribute.EXTRACTABLE: False,
    Attribute.SENSITIVE: True,
    Attribute.PRIVATE: True,
}
_CAPABILITIES = MechanismFlag.SIGN | MechanismFlag.VERIFY


def _generate(algorithm: str) -> Callable[[Session, str], None]:
    def elliptic(session: Session, label: str) -> None:
        parameters = encode_named_curve_parameters(CURVES[algorithm].name)
        session.create_domain_parameters(
            KeyType.EC, {Attribute.EC_PARAMS: parameters}, local=True
        ).generate_keypair(
            store=True, label=label, capabilities=_CAPABILITIES, private_template=_PRIVATE
        )

    def factoring(session: Session, label: str) -> None:
        session.generate_keypair(
            KeyType.RSA,
            int(algorithm.removeprefix("rsa")),
            store=True,
            label=label,
            capabilities=_CAPABILITIES,
            private_template=_PRIVATE,
        )

    if algorithm in CURVES:
        return elliptic
    if algorithm in ("rsa3072", "rsa4096"):
        return factoring
    raise ValueError(f"no such key algorithm: {algorithm}")


def _refuse() -> Never:
    raise NotImplementedError("a key of the HSM only signs, inside the HSM")
