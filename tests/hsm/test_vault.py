"""Personal keys: wrapped for storage, opened for one lease, gone afterwards."""

from typing import Any

import pkcs11
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass

from signer.errors import Invalid, SignerError, Unavailable
from signer.pkcs11 import Hsm, Vault
from signer.pkcs11.dialect import dialect_of
from signer.pkcs11.guard import Session
from signer.pkcs11.vault import HMAC_LABEL, KEK_LABEL

ECDSA = ec.ECDSA(SHA256())


def test_a_generated_key_signs_after_it_was_stored(vault: Vault) -> None:
    made = vault.generate()
    assert len(made.wrapped) == 80
    assert made.kek == KEK_LABEL
    public = load_der_public_key(made.public_key_der)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    with vault.unlocked(made.wrapped, made.public_key_der) as key:
        for number in range(3):
            data = b"van ban %d" % number
            public.verify(key.sign(data, ECDSA), data, ECDSA)


def test_keys_made_together_are_all_different(vault: Vault) -> None:
    made = vault.generate_many(20)
    assert len({key.public_key_der for key in made}) == 20
    assert len({key.wrapped for key in made}) == 20


def test_no_personal_key_stays_behind(vault: Vault, hsm: Hsm) -> None:
    """Not after success, not after a failure: neither on the token nor in any session."""

    def private_keys() -> int:
        return hsm.run(
            lambda s: len(list(s.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})))
        )

    before = private_keys()
    made = vault.generate()
    with vault.unlocked(made.wrapped, made.public_key_der) as key:
        key.sign(b"1", ECDSA)
        assert private_keys() == before + 1
    with pytest.raises(ZeroDivisionError), vault.unlocked(made.wrapped, made.public_key_der):
        raise ZeroDivisionError
    with pytest.raises(Invalid), vault.unlocked(made.wrapped, vault.generate().public_key_der):
        pass
    assert private_keys() == before


@pytest.mark.parametrize("spoil", ["cut", "flipped", "empty", "another vault's"])
def test_damaged_bytes_are_refused_and_do_not_look_like_an_outage(vault: Vault, spoil: str) -> None:
    """A queue must not wait for ever for a key that is broken."""
    made = vault.generate()
    wrapped = {
        "cut": made.wrapped[:-8],
        "flipped": bytes([made.wrapped[0] ^ 1]) + made.wrapped[1:],
        "empty": b"",
        "another vault's": bytes(80),
    }[spoil]
    with pytest.raises(Invalid), vault.unlocked(wrapped, made.public_key_der):
        pass
    assert vault.generate()


def test_a_row_mixed_up_in_the_database_does_not_sign(vault: Vault) -> None:
    """The wrapped half of one person beside the public half of another."""
    one, other = vault.generate_many(2)
    with pytest.raises(Invalid), vault.unlocked(one.wrapped, other.public_key_der):
        pass


def test_whoever_holds_the_pin_cannot_unwrap_into_a_readable_key(vault: Vault, hsm: Hsm) -> None:
    """CKA_UNWRAP_TEMPLATE on the key-encryption key is enforced by the token."""
    made = vault.generate()

    def unwrap(session: Session, change: dict[Attribute, bool]) -> Any:
        kek = session.get_key(object_class=ObjectClass.SECRET_KEY, label=KEK_LABEL)
        return kek.unwrap_key(
            ObjectClass.PRIVATE_KEY,
            KeyType.EC,
            made.wrapped,
            mechanism=Mechanism.AES_KEY_WRAP_PAD,
            capabilities=MechanismFlag.SIGN,
            template={**dialect_of(session.token).unwrapped, **change},
        )

    for change in ({Attribute.EXTRACTABLE: True}, {Attribute.SENSITIVE: False}):
        with pytest.raises(SignerError, match="HSM") as caught:
            hsm.run(lambda s, change=change: unwrap(s, change))  # type: ignore[misc]
        assert isinstance(caught.value.__cause__, pkcs11.TemplateInconsistent)
    hsm.run(lambda s: unwrap(s, {}).destroy())


@pytest.mark.parametrize("label", [KEK_LABEL, HMAC_LABEL])
def test_the_vaults_own_keys_never_leave(vault: Vault, hsm: Hsm, label: str) -> None:

    def look(session: Session) -> None:
        key = session.get_key(object_class=ObjectClass.SECRET_KEY, label=label)
        assert key[Attribute.SENSITIVE]
        assert not key[Attribute.EXTRACTABLE]
        assert key[Attribute.NEVER_EXTRACTABLE]
        assert not key[Attribute.TRUSTED]  # SoftHSM would store a trusted key in clear
        with pytest.raises(pkcs11.AttributeSensitive):
            key[Attribute.VALUE]

    hsm.run(look)


def test_preparing_twice_changes_nothing(vault: Vault, hsm: Hsm) -> None:
    before = vault.harden(b"pin")
    made = vault.generate()
    vault.prepare()
    assert vault.harden(b"pin") == before
    with vault.unlocked(made.wrapped, made.public_key_der):
        pass
    keys = hsm.run(lambda s: len(list(s.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY}))))
    assert keys == 2


def test_hardening_is_one_way_and_bound_to_the_token(vault: Vault, fragile: Vault) -> None:
    assert vault.harden(b"1") != vault.harden(b"2")
    assert len(vault.harden(b"1")) == 32
    assert vault.harden(b"1") != fragile.harden(b"1")


def test_a_key_is_dead_when_its_block_ended(vault: Vault) -> None:
    made = vault.generate()
    with vault.unlocked(made.wrapped, made.public_key_der) as key:
        pass
    with pytest.raises(RuntimeError, match="lease"):
        key.sign(b"1", ECDSA)


def test_a_fault_while_signing_is_unavailable(fragile: Vault) -> None:
    """Inside the block nothing can be repeated, so the caller is told to come back."""
    made = fragile.generate()

    def sign_with_a_lost_handle() -> None:
        with fragile.unlocked(made.wrapped, made.public_key_der) as key:
            key._lease.call(
                lambda _: key._object.destroy()
            )  # what a token that fell over does to its handles
            key.sign(b"1", ECDSA)

    with pytest.raises(Unavailable):
        sign_with_a_lost_handle()
    assert fragile.generate()
