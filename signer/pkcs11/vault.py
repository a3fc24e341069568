"""Personal keys: born in the HSM, kept outside it only under a key that never leaves it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pkcs11
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11 import DEFAULT, Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from signer.errors import N_, Invalid, NotFound
from signer.pkcs11.hsm import Hsm, Session
from signer.pkcs11.keys import SessionEcKey, ec_point

KEK_LABEL = "signer-kek"
HMAC_LABEL = "signer-pin-hmac"

_P256 = encode_named_curve_parameters("secp256r1")
_P256_SPKI_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
"""SubjectPublicKeyInfo of a P-256 key up to its 65-byte point (RFC 5480 section 2)."""

_SECRET: dict[Attribute, Any] = {
    Attribute.EXTRACTABLE: False,
    Attribute.SENSITIVE: True,
    Attribute.PRIVATE: True,
}
# CKA_TRUSTED stays unset: SoftHSM writes the value of a trusted key in clear to the disk.
_KEK: dict[Attribute, Any] = _SECRET | {
    # Whoever holds the PIN may use a personal key but not unwrap it into a readable one.
    Attribute.UNWRAP_TEMPLATE: {Attribute.EXTRACTABLE: False, Attribute.SENSITIVE: True},
}
# SoftHSM refuses attributes of secret keys in the template of a private key.
_UNWRAPPED: dict[Attribute, Any] = _SECRET | {
    Attribute.ENCRYPT: DEFAULT,
    Attribute.WRAP: DEFAULT,
    Attribute.VERIFY: DEFAULT,
    Attribute.DERIVE: DEFAULT,
    Attribute.DECRYPT: False,
    Attribute.UNWRAP: False,
}
# What the token says of bytes that are no key wrapped under this KEK (SoftHSM: GeneralError).
_BAD_WRAP = (pkcs11.WrappedKeyInvalid, pkcs11.WrappedKeyLenRange, pkcs11.GeneralError)


@dataclass(frozen=True, kw_only=True)
class WrappedKey:
    """A personal key as it is stored: its public half, and the private one that only the HSM
    can open."""

    public_key_der: bytes
    """SubjectPublicKeyInfo."""
    wrapped: bytes
    """AES key wrap with padding (RFC 5649) of the PKCS#8 key: 80 bytes for P-256."""
    kek: str
    """The label of the key it is wrapped under."""


class Vault:
    """Makes, opens and forgets personal P-256 keys; no token object is made for any of them."""

    def __init__(self, hsm: Hsm) -> None:
        self._hsm = hsm

    def prepare(self) -> None:
        """The token holds the key-encryption key and the PIN-hardening key; safe to repeat."""
        if not self._has(KEK_LABEL):
            with self._hsm.lease() as session:
                session.generate_key(
                    KeyType.AES,
                    256,
                    label=KEK_LABEL,
                    store=True,
                    capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
                    template=_KEK,
                )
        if not self._has(HMAC_LABEL):
            with self._hsm.lease() as session:
                session.generate_key(
                    KeyType.GENERIC_SECRET,
                    256,
                    label=HMAC_LABEL,
                    store=True,
                    capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
                    mechanism=Mechanism.GENERIC_SECRET_KEY_GEN,
                    template=_SECRET,
                )

    def generate(self) -> WrappedKey:
        """One new personal key, which exists nowhere but in what is returned."""
        return self.generate_many(1)[0]

    def generate_many(self, count: int) -> list[WrappedKey]:
        """That many new personal keys in one lease; raises as `Hsm.run` does."""
        return self._hsm.run(lambda session: _generate(session, count))

    @contextmanager
    def unlocked(
        self, wrapped: bytes, public_key_der: bytes
    ) -> Iterator[ec.EllipticCurvePrivateKey]:
        """The personal key, able to sign any number of times inside the block.

        One lease, one unwrapping; the key is destroyed when the block ends, however it ends.
        Use it in this thread only. `Invalid` when the stored bytes are not a key of this vault
        or not the key of this public half.
        """
        public_key = load_der_public_key(public_key_der)
        if not isinstance(public_key, ec.EllipticCurvePublicKey):
            raise Invalid(_DAMAGED)
        with self._hsm.holding(lambda session: _unwrap(session, wrapped)) as handle:
            try:
                key = SessionEcKey(handle, public_key)
                _prove_pair(key)
                yield key
            finally:
                _destroy(handle)

    def harden(self, data: bytes) -> bytes:
        """HMAC-SHA-256 under a key that is only in the HSM: 32 bytes nobody can guess offline."""

        def sign(session: Session) -> bytes:
            key = session.get_key(object_class=ObjectClass.SECRET_KEY, label=HMAC_LABEL)
            return bytes(key.sign(data, mechanism=Mechanism.SHA256_HMAC))

        return self._hsm.run(sign)

    def _has(self, label: str) -> bool:
        try:
            self._hsm.run(lambda s: s.get_key(object_class=ObjectClass.SECRET_KEY, label=label))
        except NotFound:
            return False
        return True


_DAMAGED = N_("Khóa ký đã lưu bị hỏng hoặc không thuộc hệ thống này; cần cấp lại chứng thư.")
_ECDSA = ec.ECDSA(SHA256())


def _kek(session: Session) -> Any:
    return session.get_key(object_class=ObjectClass.SECRET_KEY, label=KEK_LABEL)


def _generate(session: Session, count: int) -> list[WrappedKey]:
    kek = _kek(session)
    curve = session.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: _P256}, local=True)
    return [_generate_one(curve, kek) for _ in range(count)]


def _generate_one(curve: Any, kek: Any) -> WrappedKey:
    public, private = curve.generate_keypair(
        store=False,
        capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
        # Extractable means "may be wrapped"; the KEK's template undoes it at each unwrapping.
        private_template={Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: True},
    )
    try:
        return WrappedKey(
            public_key_der=_P256_SPKI_HEAD + ec_point(public[Attribute.EC_POINT]),
            wrapped=bytes(kek.wrap_key(private, mechanism=Mechanism.AES_KEY_WRAP_PAD)),
            kek=KEK_LABEL,
        )
    finally:
        _destroy(private)
        _destroy(public)


def _unwrap(session: Session, wrapped: bytes) -> Any:
    kek = _kek(session)
    try:
        return kek.unwrap_key(
            ObjectClass.PRIVATE_KEY,
            KeyType.EC,
            wrapped,
            mechanism=Mechanism.AES_KEY_WRAP_PAD,
            store=False,
            capabilities=MechanismFlag.SIGN,
            template=_UNWRAPPED,
        )
    except _BAD_WRAP as error:
        _generate(session, 1)  # raises when it is the token that is ill, not the stored bytes
        raise Invalid(_DAMAGED) from error


def _prove_pair(key: SessionEcKey) -> None:
    """The wrapped half is the public half's: a row mixed up in the database must not sign."""
    proof = os.urandom(32)
    try:
        key.public_key().verify(key.sign(proof, _ECDSA), proof, _ECDSA)
    except InvalidSignature as error:
        raise Invalid(_DAMAGED) from error


def _destroy(handle: Any) -> None:
    # A session object that cannot be destroyed died with its session or its library.
    with suppress(pkcs11.PKCS11Error):
        handle.destroy()
