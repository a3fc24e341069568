"""The HSM's room: the only one that touches the PKCS#11 library."""

from signer.pkcs11.hsm import Hsm, HsmStatus
from signer.pkcs11.keys import (
    HsmEcPrivateKey,
    HsmRsaPrivateKey,
    ensure_ca_key,
    generate_ca_key,
    key_for,
    private_key_of,
)
from signer.pkcs11.token import (
    clear_unfinished_token,
    configure_softhsm,
    create_token,
    ensure_token,
)
from signer.pkcs11.vault import Vault, WrappedKey

__all__ = [
    "Hsm",
    "HsmEcPrivateKey",
    "HsmRsaPrivateKey",
    "HsmStatus",
    "Vault",
    "WrappedKey",
    "clear_unfinished_token",
    "configure_softhsm",
    "create_token",
    "ensure_ca_key",
    "ensure_token",
    "generate_ca_key",
    "key_for",
    "private_key_of",
]
