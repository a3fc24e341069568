"""A wrapped key sealed under one factor of its owner.

AES-256-GCM under HKDF(HMAC-in-HSM(factor)): a stolen database and a stolen disk together are
worthless without the HSM, whose key hardens every guess, and the HSM is worthless without the
factor. Nobody, no administrator either, can open an envelope for its owner.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from signer.pkcs11.vault import Vault

_NONCE_BYTES = 12
_SALT_BYTES = 16


class WrongFactor(Exception):
    """The envelope does not open; whoever asked says so in a sentence of its own."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What lay in an envelope, and what proves that the factor was there."""

    wrapped: bytes = field(repr=False)
    _secret: bytes = field(repr=False)
    _salt: bytes = field(repr=False)

    def proof(self, list_sha256: str) -> str:
        """A MAC over the approved list that only this factor, with this HSM, can make."""
        key = _derived(self._secret, self._salt, b"signer approval v1")
        return hmac.new(key, list_sha256.encode(), hashlib.sha256).hexdigest()


class Envelopes:
    """Seals and opens; stores nothing, counts nothing. Asks the HSM, so never in a transaction."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def seal_pin(self, wrapped: bytes, pin: str, key_id: int) -> tuple[bytes, bytes]:
        """(salt, envelope) of the wrapped key under the PIN."""
        salt = secrets.token_bytes(_SALT_BYTES)
        return salt, _sealed(self._pin_secret(pin, salt), salt, wrapped, key_id)

    def open_pin(self, salt: bytes, envelope: bytes, pin: str, key_id: int) -> Opened:
        """What lies in the envelope; `WrongFactor` for another PIN."""
        return _opened(self._pin_secret(pin, salt), salt, envelope, key_id)

    def seal_prf(self, wrapped: bytes, output: bytes, key_id: int) -> tuple[bytes, bytes]:
        """(salt, envelope) of the wrapped key under a passkey's PRF output."""
        salt = secrets.token_bytes(_SALT_BYTES)
        return salt, _sealed(self._prf_secret(output), salt, wrapped, key_id)

    def open_prf(self, salt: bytes, envelope: bytes, output: bytes, key_id: int) -> Opened:
        """What lies in the envelope; `WrongFactor` for another passkey's output."""
        return _opened(self._prf_secret(output), salt, envelope, key_id)

    def _pin_secret(self, pin: str, salt: bytes) -> bytes:
        # The HSM hardens every guess, so argon2 only has to slow one down a little (RFC 9106).
        return self._vault.harden(
            hash_secret_raw(
                pin.encode(),
                salt,
                time_cost=2,
                memory_cost=19456,
                parallelism=1,
                hash_len=32,
                type=Type.ID,
            )
        )

    def _prf_secret(self, output: bytes) -> bytes:
        return self._vault.harden(b"signer passkey v1" + output)  # no argon2 output is that long


def _derived(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret)


def _sealed(secret: bytes, salt: bytes, wrapped: bytes, key_id: int) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    key = _derived(secret, salt, b"signer envelope v1")
    return nonce + AESGCM(key).encrypt(nonce, wrapped, _bound_to(key_id))


def _opened(secret: bytes, salt: bytes, envelope: bytes, key_id: int) -> Opened:
    key = _derived(secret, salt, b"signer envelope v1")
    nonce, sealed = envelope[:_NONCE_BYTES], envelope[_NONCE_BYTES:]
    try:
        wrapped = AESGCM(key).decrypt(nonce, sealed, _bound_to(key_id))
    except (InvalidTag, ValueError) as error:
        raise WrongFactor from error
    return Opened(wrapped=wrapped, _secret=secret, _salt=salt)


def _bound_to(key_id: int) -> bytes:
    return f"signing-key-{key_id}".encode()
