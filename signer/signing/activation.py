"""The PIN and what it protects: a key's envelope, and a count of wrong tries that cannot be undone.

The wrapped key is sealed with AES-256-GCM under HKDF(HMAC-in-HSM(argon2id(PIN))). A stolen
database is worthless without the HSM, whose key hardens every guess, and the HSM is worthless
without the PIN. Nobody, no administrator either, can open an envelope for its owner.
"""

import secrets
import threading
from collections.abc import Collection
from itertools import pairwise

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import select, update

from signer.audit import Audit
from signer.clock import Clock
from signer.db import db, release, transaction
from signer.errors import N_, Conflict, Invalid, SignerError
from signer.issuance import keys
from signer.pkcs11.vault import Vault
from signer.signing.models import KeyEnvelope, KeyGuard

PIN_LENGTHS = range(6, 33)
_NONCE_BYTES = 12
_LOCKS = 64  # keys that share one wait for each other some milliseconds


def sealed_among(key_ids: Collection[int]) -> set[int]:
    """Those of the keys that lie in an envelope; it is not opened, nobody but its owner can."""
    held = select(KeyEnvelope.signing_key_id).where(
        KeyEnvelope.signing_key_id.in_(key_ids), KeyEnvelope.retired_at.is_(None)
    )
    return set(db.session.scalars(held))


class Activations:
    """Seals keys under PINs and opens them again, one counted try at a time."""

    def __init__(self, clock: Clock, audit: Audit, vault: Vault, attempts: int) -> None:
        self._clock = clock
        self._audit = audit
        self._vault = vault
        self._attempts = attempts
        # Tries under way together would look like wrong ones, and lock a key whose PIN is right.
        self._one_at_a_time = [threading.Lock() for _ in range(_LOCKS)]

    def seal(self, wrapped: bytes, pin: str, key_id: int) -> tuple[bytes, bytes]:
        """(salt, envelope) of the wrapped key under the PIN; asks the HSM, stores nothing."""
        check_pin(pin)
        salt, nonce = secrets.token_bytes(16), secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self._envelope_key(pin, salt)).encrypt(nonce, wrapped, _bound_to(key_id))
        return salt, nonce + sealed

    def store(self, key_id: int, salt: bytes, envelope: bytes) -> None:
        """The envelope is stored with all its tries; inside the caller's transaction."""
        db.session.add(
            KeyEnvelope(
                signing_key_id=key_id,
                factor="pin",
                salt=salt,
                envelope=envelope,
                created_at=self._clock.now(),
            )
        )
        db.session.add(KeyGuard(signing_key_id=key_id, attempts_left=self._attempts))

    def open(self, key_id: int, pin: str, actor: str) -> bytes:
        """The wrapped key; `Invalid` for a wrong PIN with the tries left, `Conflict` when locked.

        The try is counted and committed before the PIN is looked at, so that killing the process
        never gives a free guess; it is given back when the PIN is right or the HSM fails. A
        process looks at one try a key at a time.
        """
        with self._one_at_a_time[key_id % _LOCKS]:
            return self._open(key_id, pin, actor)

    def _open(self, key_id: int, pin: str, actor: str) -> bytes:
        self._count_try(key_id)
        salt, envelope, left = db.session.execute(
            select(KeyEnvelope.salt, KeyEnvelope.envelope, KeyGuard.attempts_left)
            .join(KeyGuard, KeyGuard.signing_key_id == KeyEnvelope.signing_key_id)
            .where(
                KeyEnvelope.signing_key_id == key_id,
                KeyEnvelope.factor == "pin",
                KeyEnvelope.retired_at.is_(None),
            )
        ).one()
        release()
        try:
            key = self._envelope_key(pin, salt)
        except SignerError:  # the PIN was not looked at
            self._set_tries(key_id, KeyGuard.attempts_left + 1)
            raise
        try:
            wrapped = AESGCM(key).decrypt(
                envelope[:_NONCE_BYTES], envelope[_NONCE_BYTES:], _bound_to(key_id)
            )
        except InvalidTag as error:
            self._note_wrong_pin(key_id, left, actor)
            raise Invalid(
                N_("Mã PIN không đúng. Bạn còn %(left)d lần thử."), field="pin", left=left
            ) from error
        self._set_tries(key_id, self._attempts)
        return wrapped

    def attempts_left(self, key_id: int) -> int:
        """How many wrong PINs the key still forgives."""
        guard = db.session.get(KeyGuard, key_id, populate_existing=True)
        return guard.attempts_left if guard else 0

    def _count_try(self, key_id: int) -> None:
        with transaction():
            counted = db.session.execute(
                update(KeyGuard)
                .where(KeyGuard.signing_key_id == key_id, KeyGuard.attempts_left > 0)
                .values(attempts_left=KeyGuard.attempts_left - 1)
                .execution_options(synchronize_session=False)
            )
        if not getattr(counted, "rowcount", 0):
            self._lock(key_id, "system")
            raise locked()

    def _note_wrong_pin(self, key_id: int, left: int, actor: str) -> None:
        with transaction():
            self._audit.record(actor, "pin.wrong", f"key:{key_id}", left=left)
        if not left:
            self._lock(key_id, actor)
            raise locked()

    def _lock(self, key_id: int, actor: str) -> None:
        with transaction():
            if keys.mark_locked(key_id):
                self._audit.record(actor, "key.locked", f"key:{key_id}")

    def _set_tries(self, key_id: int, value: object) -> None:
        with transaction():
            db.session.execute(
                update(KeyGuard)
                .where(KeyGuard.signing_key_id == key_id)
                .values(attempts_left=value)
                .execution_options(synchronize_session=False)
            )

    def _envelope_key(self, pin: str, salt: bytes) -> bytes:
        # The HSM hardens every guess, so argon2 only has to slow one down a little (RFC 9106).
        stretched = hash_secret_raw(
            pin.encode(),
            salt,
            time_cost=2,
            memory_cost=19456,
            parallelism=1,
            hash_len=32,
            type=Type.ID,
        )
        hardened = self._vault.harden(stretched)
        return HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"signer envelope v1").derive(
            hardened
        )


def check_pin(pin: str) -> None:
    """Raises `Invalid` for a PIN of the wrong length or one that everybody tries first."""
    if len(pin) not in PIN_LENGTHS:
        raise Invalid(N_("Mã PIN phải có từ 6 đến 32 ký tự."), field="pin")
    steps = {ord(b) - ord(a) for a, b in pairwise(pin)}
    if steps in ({0}, {1}, {-1}):
        raise Invalid(
            N_("Mã PIN quá dễ đoán; đừng dùng một ký tự lặp lại hoặc dãy liên tiếp."), field="pin"
        )


def locked() -> Conflict:
    """What a locked key answers to every PIN, the right one too."""
    return Conflict(
        N_("Khóa ký đã bị khóa do nhập sai mã PIN quá nhiều lần. Hãy liên hệ cán bộ đầu mối.")
    )


def _bound_to(key_id: int) -> bytes:
    return f"signing-key-{key_id}".encode()
