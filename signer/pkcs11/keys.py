"""Keys that stay on the token, usable wherever cryptography expects a private key.

An object here holds a token and a label, never a handle: each signature leases a session,
finds the key and lets both go, so a token that went away and came back needs nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import new as new_hash
from typing import Any, Never

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import (
    MGF1,
    PSS,
    PKCS1v15,
    calculate_max_pss_salt_length,
)
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from pkcs11 import MGF, Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from signer.errors import N_, Conflict, NotFound
from signer.pkcs11.dialect import dialect_of
from signer.pkcs11.guard import Session
from signer.pkcs11.hsm import Hsm
from signer.pkcs11.lease import Lease

CaPrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_PSS_HASHES: dict[str, tuple[hashes.HashAlgorithm, Mechanism, MGF]] = {
    "sha256": (hashes.SHA256(), Mechanism.SHA256, MGF.SHA256),
    "sha384": (hashes.SHA384(), Mechanism.SHA384, MGF.SHA384),
    "sha512": (hashes.SHA512(), Mechanism.SHA512, MGF.SHA512),
}
_RSA_GENERATION_SECONDS = 120.0
"""How long the search for an RSA key may take; nobody but an operator waits for it."""
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
    def held(self) -> Iterator["SessionEcKey"]:
        """The same key bound to one lease, found once: cheaper for many signatures in a row.

        Use it in this thread and only inside the block. A fault there is `Unavailable`; one
        while the key is looked for is cured, as with `Hsm.run`.
        """
        with self._hsm.holding(lambda s: _private_object(s, self.label)) as (lease, handle):
            yield SessionEcKey(lease, handle, self._public_key)

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

    def __init__(self, lease: Lease, handle: Any, public_key: ec.EllipticCurvePublicKey) -> None:
        self._lease = lease
        self._object = handle
        self._public_key = public_key

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """One ECDSA signature in the session at hand; raises as `Lease.call` does."""
        digest = ecdsa_digest(bytes(data), signature_algorithm)
        return self._lease.call(lambda _: sign_ecdsa(self._object, digest))

    def sign_many(
        self, data: Sequence[bytes], signature_algorithm: ec.EllipticCurveSignatureAlgorithm
    ) -> list[bytes]:
        """A signature of each, in their order; cheaper than one by one, and all or none."""
        digests = [ecdsa_digest(each, signature_algorithm) for each in data]
        size = dialect_of(self._object.session.token).batch

        def sign(start: int) -> list[bytes]:
            return [sign_ecdsa(self._object, digest) for digest in digests[start : start + size]]

        signatures: list[bytes] = []
        while len(signatures) < len(digests):
            start = len(signatures)
            signatures += self._lease.call(lambda _: sign(start))  # noqa: B023  # called at once
        return signatures

    @contextmanager
    def held(self) -> Iterator["SessionEcKey"]:
        """It already is."""
        yield self


class HsmRsaPrivateKey(rsa.RSAPrivateKey):
    """An RSA key on a token; signs PKCS#1 v1.5 and PSS (RFC 8017 sections 8.2, 8.1) with SHA-2."""

    def __init__(self, hsm: Hsm, label: str, public_key: rsa.RSAPublicKey) -> None:
        self.label = label
        self._hsm = hsm
        self._public_key = public_key

    def sign(self, data: bytes, padding: Any, algorithm: Any) -> bytes:
        """One RSA signature; raises as `Hsm.run` does.

        PSS takes any salt length, but MGF1 only with the hash of the data (RFC 4055 section 3.1
        recommends it, and tokens refuse others).
        """
        name, digest = _digest(data, algorithm)
        if isinstance(padding, PKCS1v15):
            padded, parameters = _DIGEST_INFO[name] + digest, None
        elif isinstance(padding, PSS):
            padded, parameters = digest, self._pss(padding, name)
        else:
            raise ValueError("an RSA key of the HSM signs with PKCS#1 v1.5 or PSS padding")

        def sign(session: Session) -> bytes:
            dialect = dialect_of(session.token)
            mechanism = dialect.rsa_pkcs1 if parameters is None else dialect.rsa_pss
            key = _private_object(session, self.label)
            return bytes(key.sign(padded, mechanism=mechanism, mechanism_param=parameters))

        return self._hsm.run(sign)

    def _pss(self, padding: PSS, name: str) -> tuple[Mechanism, MGF, int]:
        """CK_RSA_PKCS_PSS_PARAMS of the padding; cryptography has no public way to ask for it."""
        hash_, mechanism, mgf = _PSS_HASHES[name]
        if not isinstance(padding.mgf, MGF1) or padding.mgf._algorithm.name != name:
            raise ValueError("an RSA key of the HSM signs PSS with MGF1 over the same hash")
        length = padding._salt_length
        if length is PSS.DIGEST_LENGTH:
            length = hash_.digest_size
        elif length is PSS.MAX_LENGTH:
            length = calculate_max_pss_salt_length(self._public_key, hash_)
        if not isinstance(length, int):
            raise ValueError("a PSS signature needs a salt length")
        return mechanism, mgf, length

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

    `algorithm` is p256, p384, rsa3072 or rsa4096; RSA may take minutes. `Conflict` when the
    label is taken: a second key of one name could sign in the place of the first. A key that
    comes into being after its caller has heard `Unavailable` stays, and is found by the next
    look-up; until then none ends in `NotFound` (see `Hsm.holding`), so there are never two.
    """
    try:
        private_key_of(hsm, label)
    except NotFound:
        pass
    else:
        raise Conflict(N_("HSM đã có khóa tên “%(label)s”."), label=label)
    seconds = _RSA_GENERATION_SECONDS if algorithm.startswith("rsa") else None
    make = _maker(algorithm)
    hsm.run_once(lambda session: make_whole(session, label, make), seconds)
    return private_key_of(hsm, label)


def make_whole(session: Session, label: str, make: Callable[[Session, str], Any]) -> None:
    """What `make` generates has its label on the token only once it is finished.

    SoftHSM writes a key attribute by attribute, so a process killed meanwhile leaves halves. They
    bear another name, and are cleared away the next time. `Conflict` when the label is taken.
    """
    for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.SECRET_KEY):
        if list(session.get_objects({Attribute.CLASS: kind, Attribute.LABEL: label})):
            raise Conflict(N_("HSM đã có khóa tên “%(label)s”."), label=label)
    unfinished = f"{label}.unfinished"
    public_half = {Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.LABEL: label}
    for template in ({Attribute.LABEL: unfinished}, public_half):
        for left in list(session.get_objects(template)):
            left.destroy()  # never used: whoever signs or wraps looks for the label
    made = make(session, unfinished)
    for key in made if isinstance(made, tuple) else (made,):
        key[Attribute.LABEL] = label  # a pair's private half last: from then on it is there


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
    """Signs a digest; CKM_ECDSA gives r‖s, the world wants DER (RFC 3279 section 2.2.3)."""
    raw = bytes(key.sign(digest, mechanism=dialect_of(key.session.token).ecdsa))
    half = len(raw) // 2
    return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))


def ecdsa_digest(data: bytes, algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
    """The digest that raw ECDSA signs: of the data, or the data itself when hashed before."""
    if not isinstance(algorithm, ec.ECDSA):
        raise ValueError("an elliptic-curve key of the HSM signs with ECDSA only")
    if isinstance(algorithm.algorithm, Prehashed):
        return data
    return new_hash(algorithm.algorithm.name, data).digest()


def _digest(data: bytes, algorithm: Any) -> tuple[str, bytes]:
    """The hash's name, and the digest of the data: the data itself when hashed before."""
    if isinstance(algorithm, Prehashed):
        return {32: "sha256", 48: "sha384", 64: "sha512"}[len(data)], data
    if not isinstance(algorithm, hashes.HashAlgorithm) or algorithm.name not in _DIGEST_INFO:
        raise ValueError("an RSA key of the HSM signs SHA-256, SHA-384 or SHA-512")
    return algorithm.name, new_hash(algorithm.name, data).digest()


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


_CAPABILITIES = MechanismFlag.SIGN | MechanismFlag.VERIFY


def _maker(algorithm: str) -> Callable[[Session, str], Any]:
    def elliptic(session: Session, label: str) -> Any:
        parameters = encode_named_curve_parameters(CURVES[algorithm].name)
        return session.create_domain_parameters(
            KeyType.EC, {Attribute.EC_PARAMS: parameters}, local=True
        ).generate_keypair(
            store=True,
            label=label,
            capabilities=_CAPABILITIES,
            private_template=dialect_of(session.token).ca_key,
        )

    def factoring(session: Session, label: str) -> Any:
        return session.generate_keypair(
            KeyType.RSA,
            int(algorithm.removeprefix("rsa")),
            store=True,
            label=label,
            capabilities=_CAPABILITIES,
            private_template=dialect_of(session.token).ca_key,
        )

    if algorithm in CURVES:
        return elliptic
    if algorithm in ("rsa3072", "rsa4096"):
        return factoring
    raise ValueError(f"no such key algorithm: {algorithm}")


def _refuse() -> Never:
    raise NotImplementedError("a key of the HSM only signs, inside the HSM")
