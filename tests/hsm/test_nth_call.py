"""Any call may fail, at any place, with any answer: the work is done, or can be done again."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11 import Attribute, ObjectClass

from signer.errors import ConfigError, NotFound, SignerError, Unavailable
from signer.pkcs11 import Hsm, Vault, ensure_ca_key, generate_ca_key, private_key_of
from signer.pkcs11.library import library_of
from signer.pkcs11.vault import WrappedKey
from tests.hsm.faulty import (
    CKR_CRYPTOKI_NOT_INITIALIZED,
    CKR_DEVICE_ERROR,
    CKR_DEVICE_REMOVED,
    CKR_FUNCTION_FAILED,
    CKR_GENERAL_ERROR,
    CKR_HOST_MEMORY,
    CKR_KEY_HANDLE_INVALID,
    CKR_MECHANISM_INVALID,
    CKR_OBJECT_HANDLE_INVALID,
    CKR_PIN_INCORRECT,
    CKR_SESSION_CLOSED,
    CKR_SESSION_COUNT,
    CKR_SESSION_HANDLE_INVALID,
    CKR_TOKEN_NOT_PRESENT,
    CKR_USER_NOT_LOGGED_IN,
    closing_sessions,
    counting,
    faulty,
)
from tests.softhsm import MODULE, open_token

# python-pkcs11 ends a search twice when its start failed, in a __del__ that cannot raise.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

ECDSA = ec.ECDSA(SHA256())
CURABLE = (
    CKR_CRYPTOKI_NOT_INITIALIZED,
    CKR_DEVICE_ERROR,
    CKR_DEVICE_REMOVED,
    CKR_FUNCTION_FAILED,
    CKR_GENERAL_ERROR,
    CKR_HOST_MEMORY,
    CKR_KEY_HANDLE_INVALID,
    CKR_OBJECT_HANDLE_INVALID,
    CKR_SESSION_CLOSED,
    CKR_SESSION_COUNT,
    CKR_SESSION_HANDLE_INVALID,
    CKR_TOKEN_NOT_PRESENT,
    CKR_USER_NOT_LOGGED_IN,
)
IN_A_SESSION = (
    "C_FindObjectsInit", "C_FindObjects", "C_FindObjectsFinal", "C_GetAttributeValue",
    "C_SignInit", "C_Sign", "C_GenerateKeyPair", "C_WrapKey", "C_UnwrapKey", "C_DestroyObject",
)  # fmt: skip


class Token:
    """A token, its keys, and the four things that are asked of it every day."""

    def __init__(self, home: Path) -> None:
        self.hsm = open_token(home, "signer-faulty", sessions=2)
        self.vault = Vault(self.hsm)
        self.vault.prepare()
        self.key = ensure_ca_key(self.hsm, "faulty-ca")
        self.person = self.vault.generate()
        self.hardened = self.vault.harden(b"1")

    def sign(self) -> None:
        """A signature of the CA's key."""
        assert isinstance(self.key, ec.EllipticCurvePrivateKey)
        self.key.public_key().verify(self.key.sign(b"van ban", ECDSA), b"van ban", ECDSA)

    def generate(self) -> None:
        """New personal keys, each usable."""
        for made in self.vault.generate_many(3):
            self.sign_with(made)

    def unlock(self) -> None:
        """A personal key, opened and used."""
        self.sign_with(self.person)

    def harden(self) -> None:
        """The hardening of a PIN."""
        assert self.vault.harden(b"1") == self.hardened

    def sign_with(self, made: WrappedKey) -> None:
        """A signature of that personal key."""
        public = load_der_public_key(made.public_key_der)
        assert isinstance(public, ec.EllipticCurvePublicKey)
        with self.vault.unlocked(made.wrapped, made.public_key_der) as key:
            public.verify(key.sign(b"van ban", ECDSA), b"van ban", ECDSA)

    def private_keys(self) -> int:
        """How many there are, on the token or in any session."""
        wanted = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
        return self.hsm.run(lambda s: len(list(s.get_objects(wanted))))


ACTS: dict[str, Callable[[Token], None]] = {
    "sign with the CA key": Token.sign,
    "generate_many": Token.generate,
    "unlocked and sign": Token.unlock,
    "harden": Token.harden,
}


@pytest.fixture(scope="module")
def token(token_home: Path) -> Iterator[Token]:
    made = Token(token_home)
    yield made
    made.hsm.close()


def heals(act: Callable[[], None]) -> None:
    """The act works again, within five seconds and without a restart."""
    deadline = time.monotonic() + 5
    while True:
        try:
            return act()
        except Unavailable:
            assert time.monotonic() < deadline, "it did not recover"
            time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTS)
def test_a_call_that_fails_in_a_session(token: Token, name: str) -> None:
    """Looking up is repeated, so only the last signature of a held key may be Unavailable."""

    def act() -> None:
        ACTS[name](token)

    act()
    with counting() as calls:
        act()
    before = token.private_keys()
    for function in calls:
        assert function in IN_A_SESSION
        for number in range(1, calls[function] + 1):
            for answer in CURABLE:
                with faulty(function, on_call=number, returns=answer) as fault:
                    try:
                        act()
                    except Unavailable:
                        assert name in ("generate_many", "unlocked and sign")
                assert fault.hits == 1
                act()
        assert token.private_keys() == before


@pytest.mark.slow
@pytest.mark.parametrize("answer", CURABLE)
def test_a_call_that_fails_while_the_token_is_opened(token: Token, answer: int) -> None:
    """A fresh library, a new login, everything: Unavailable at worst, and well at once."""

    def act() -> None:
        library = library_of(MODULE)
        library.distrust(library.generation)
        token.sign()

    act()
    with counting() as calls:
        act()
    assert {"C_Initialize", "C_Finalize", "C_Login", "C_OpenSession"} <= set(calls)
    for function in calls:
        for number in range(1, calls[function] + 1):
            with faulty(function, on_call=number, returns=answer) as fault:
                try:
                    act()
                except Unavailable:
                    assert function not in IN_A_SESSION
            assert fault.hits == 1
            heals(token.sign)


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTS)
def test_a_session_that_the_token_closes(token: Token, name: str) -> None:
    def act() -> None:
        ACTS[name](token)

    act()
    with counting() as calls:
        act()
    for function in calls:
        for number in range(1, calls[function] + 1):
            with closing_sessions(function, on_call=number) as fault:
                try:
                    act()
                except Unavailable:
                    assert name in ("generate_many", "unlocked and sign")
            assert fault.hits == 1
            act()


@pytest.mark.parametrize("name", ACTS)
def test_an_answer_that_no_cure_helps_is_an_error_and_leaves_nothing_behind(
    token: Token, name: str
) -> None:
    before = token.private_keys()
    with faulty("C_SignInit", times=None, returns=CKR_MECHANISM_INVALID) as fault:
        with pytest.raises(SignerError) as caught:
            ACTS[name](token)
        assert not isinstance(caught.value, Unavailable | NotFound)
        assert fault.hits == 1
    assert token.private_keys() == before
    ACTS[name](token)


def test_bytes_are_not_called_damaged_for_a_token_that_stumbled(token: Token) -> None:
    """SoftHSM says GeneralError for both; a person must not lose a key over it."""
    with faulty("C_UnwrapKey", returns=CKR_GENERAL_ERROR) as fault:
        token.unlock()
    assert fault.calls == 2


def test_a_token_that_stays_ill_is_unavailable(token: Token) -> None:
    with faulty("C_Sign", times=None), pytest.raises(Unavailable):
        token.sign()
    token.sign()


def test_a_refused_pin_is_tried_once(token_home: Path) -> None:
    """Whatever the token was asked before, and however often it is asked again."""
    open_token(token_home, "signer-refusing").close()
    hsm = Hsm(MODULE, "signer-refusing", token_home / "signer-refusing.pin")
    with faulty("C_Login", times=None, returns=CKR_PIN_INCORRECT) as fault:
        for _ in range(3):
            with pytest.raises(ConfigError):
                hsm.status()
    assert fault.hits == 1
    hsm.close()


@pytest.mark.slow
def test_a_key_on_the_token_is_made_once_whatever_fails(token: Token) -> None:
    """It is there or not, never twice, and asking again ends with one."""
    ensure_ca_key(token.hsm, "counted")
    with counting() as calls:
        generate_ca_key(token.hsm, "counted-too")
    for function in set(calls) & set(IN_A_SESSION):
        for number in range(1, calls[function] + 1):
            label = f"made-{function}-{number}"
            with faulty(function, on_call=number):
                try:
                    generate_ca_key(token.hsm, label)
                except Unavailable:
                    heals(lambda label=label: ensure_ca_key(token.hsm, label))  # type: ignore[misc]
            halves = token.hsm.run(
                lambda s, label=label: len(list(s.get_objects({Attribute.LABEL: label})))  # type: ignore[misc]
            )
            assert halves == 2
            assert private_key_of(token.hsm, label)
