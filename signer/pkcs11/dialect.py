"""How each vendor's token wants to be spoken to: one row a vendor, nothing of it elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pkcs11
from pkcs11 import DEFAULT, Attribute, Mechanism

Template = Mapping[Attribute, Any]

_SECRET: Template = {
    Attribute.EXTRACTABLE: False,
    Attribute.SENSITIVE: True,
    Attribute.PRIVATE: True,
}


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """Mechanisms, templates and limits; the defaults are PKCS#11 v2.40's own."""

    ecdsa: Mechanism = Mechanism.ECDSA
    """Signs a digest and gives r‖s, which every vendor has; the hash is ours."""
    rsa_pkcs1: Mechanism = Mechanism.RSA_PKCS
    rsa_pss: Mechanism = Mechanism.RSA_PKCS_PSS
    hmac: Mechanism = Mechanism.SHA256_HMAC
    hmac_key: Mechanism = Mechanism.GENERIC_SECRET_KEY_GEN
    wrap: Mechanism = Mechanism.AES_KEY_WRAP_PAD

    ca_key: Template = field(default_factory=lambda: dict(_SECRET))
    """Of a private key that stays on the token."""
    secret: Template = field(default_factory=lambda: dict(_SECRET))
    """Of the key that hardens PINs."""
    # CKA_TRUSTED stays unset: SoftHSM writes the value of a trusted key in clear to the disk.
    kek: Template = field(
        default_factory=lambda: {
            **_SECRET,
            # Whoever holds the PIN may use a personal key but not unwrap it into a readable one.
            Attribute.UNWRAP_TEMPLATE: {Attribute.EXTRACTABLE: False, Attribute.SENSITIVE: True},
        }
    )
    newborn: Template = field(
        # Extractable means "may be wrapped"; the KEK's template undoes it at each unwrapping.
        default_factory=lambda: {Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: True}
    )
    """Of a personal key between its making and its wrapping."""
    unwrapped: Template = field(
        default_factory=lambda: {
            **_SECRET,
            Attribute.DECRYPT: False,
            Attribute.UNWRAP: False,
            # Attributes of other keys, which python-pkcs11 would set and tokens refuse here.
            Attribute.ENCRYPT: DEFAULT,
            Attribute.WRAP: DEFAULT,
            Attribute.VERIFY: DEFAULT,
            Attribute.DERIVE: DEFAULT,
        }
    )
    """Of a personal key for one lease."""

    damaged_wrap: tuple[type[pkcs11.PKCS11Error], ...] = (
        pkcs11.WrappedKeyInvalid,
        pkcs11.WrappedKeyLenRange,
    )
    """What is said of bytes that are no key wrapped under this KEK."""
    batch: int = 100
    """How many keys or signatures are asked for in one go, within one limit of time."""
    leases_at_most: int | None = None
    """After so many the library is restarted, because it grows; None where it does not."""


_STANDARD = Dialect()
_SOFTHSM = replace(
    _STANDARD,
    damaged_wrap=(*_STANDARD.damaged_wrap, pkcs11.GeneralError),
    # Some 240 bytes with each unwrapped key until C_Finalize: 24 MB at most.
    leases_at_most=100_000,
)
_VENDORS = {"SoftHSM": _SOFTHSM, "SoftHSM project": _SOFTHSM}  # of the library, of its tokens


def dialect_of(thing: Any) -> Dialect:
    """The dialect of a library or token of python-pkcs11, told by its manufacturer."""
    return _VENDORS.get(thing.manufacturer_id, _STANDARD)
