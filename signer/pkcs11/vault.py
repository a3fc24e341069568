"""Personal keys: born in the HSM, kept outside it only under a key that never leaves it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from signer.errors import N_, Invalid, NotFound, SignerError
from signer.pkcs11.dialect import Dialect, dialect_of
from signer.pkcs11.guard import Session
from signer.pkcs11.hsm import Hsm
from signer.pkcs11.keys import SessionEcKey, ec_point, ecdsa_digest, make_whole, sign_ecdsa

KEK_LABEL = "signer-kek"
HMAC_LABEL = "signer-pin-hmac"

_P256 = encode_named_curve_parameters("secp256r1")
_P256_SPKI_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
"""SubjectPublicKeyInfo of a P-256 key up to its 65-byte point (RFC 5480 section 2)."""


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

        def make_kek(session: Session, label: str) -> Any:
            return session.generate_key(
                KeyType.AES,
                256,
                label=label,
                store=True,
                capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
                template=dialect_of(session.token).kek,
            )

        def make_hmac_key(session: Session, label: str) -> Any:
            dialect = dialect_of(session.token)
            return session.generate_key(
                KeyType.GENERIC_SECRET,
                256,
                label=label,
                store=True,
                capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
                mechanism=dialect.hmac_key,
                template=dialect.secret,
            )

        for label, make in ((KEK_LABEL, make_kek), (HMAC_LABEL, make_hmac_key)):
            if not self._has(label):
                self._hsm.run_once(partial(make_whole, label=label, make=make))

    def generate(self) -> WrappedKey:
        """One new personal key, which exists nowhere but in what is returned."""
        return self.generate_many(1)[0]

    def generate_many(self, count: int) -> list[WrappedKey]:
        """That many new personal keys; raises as `Hsm.run` does."""
        made: list[WrappedKey] = []
        while len(made) < count:
            made += self._hsm.run(partial(_generate, count=count - len(made)))
        return made

    @contextmanager
    def unlocked(self, wrapped: bytes, public_key_der: bytes) -> Iterator[SessionEcKey]:
        """The personal key, able to sign any number of times inside the block.

        One lease, one unwrapping; the key is destroyed when the block ends, however it ends.
        Use it in this thread only. `Invalid` when the stored bytes are not a key of this vault
        or not the key of this public half.
        """
        public_key = load_der_public_key(public_key_der)
        if not isinstance(public_key, ec.EllipticCurvePublicKey):
            raise Invalid(_DAMAGED)
        with self._hsm.holding(lambda s: _proved(s, wrapped, public_key)) as (lease, handle):
            try:
                yield SessionEcKey(lease, handle, public_key)
            finally:
                # What a fault keeps from being destroyed dies with its session.
                with suppress(SignerError):
                    lease.call(lambda _: handle.destroy())

    def harden(self, data: bytes) -> bytes:
        """HMAC-SHA-256 under a key that is only in the HSM: 32 bytes nobody can guess offline."""

        def sign(session: Session) -> bytes:
            key = session.get_key(object_class=ObjectClass.SECRET_KEY, label=HMAC_LABEL)
            return bytes(key.sign(data, mechanism=dialect_of(session.token).hmac))

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
    """That many keys, or as many as are made in one go."""
    dialect = dialect_of(session.token)
    kek = _kek(session)
    curve = session.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: _P256}, local=True)
    return [_generate_one(curve, kek, dialect) for _ in range(min(count, dialect.batch))]


def _generate_one(curve: Any, kek: Any, dialect: Dialect) -> WrappedKey:
    public, private = curve.generate_keypair(
        store=False,
        capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
        private_template=dialect.newborn,
    )
    try:
        return WrappedKey(
            public_key_der=_P256_SPKI_HEAD + ec_point(public[Attribute.EC_POINT]),
            wrapped=bytes(kek.wrap_key(private, mechanism=dialect.wrap)),
            kek=KEK_LABEL,
        )
    finally:
        private.destroy()  # a fault here drops the session, and with it the keys
        public.destroy()


def _proved(session: Session, wrapped: bytes, public_key: ec.EllipticCurvePublicKey) -> Any:
    """The unwrapped key, which is the public half's."""
    handle = _unwrapped(session, wrapped)
    try:
        # A row mixed up in the database must not sign.
        proof = os.urandom(32)
        signature = sign_ecdsa(handle, ecdsa_digest(proof, _ECDSA))
        public_key.verify(signature, proof, _ECDSA)
    except BaseException as error:
        handle.destroy()
        if isinstance(error, InvalidSignature):
            raise Invalid(_DAMAGED) from error
        raise
    return handle


def _unwrapped(session: Session, wrapped: bytes) -> Any:
    dialect = dialect_of(session.token)
    kek = _kek(session)

    def unwrap() -> Any:
        return kek.unwrap_key(
            ObjectClass.PRIVATE_KEY,
            KeyType.EC,
            wrapped,
            mechanism=dialect.wrap,
            store=False,
            capabilities=MechanismFlag.SIGN,
            template=dialect.unwrapped,
        )

    try:
        return unwrap()
    except dialect.damaged_wrap:
        _generate(session, 1)  # raises when it is the token that is ill, not the stored bytes
    try:
        return unwrap()  # it may have been ill for a moment
    except dialect.damaged_wrap as error:
        raise Invalid(_DAMAGED) from error
