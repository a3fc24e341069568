"""The faults are real: they reach python-pkcs11, and end with their block."""

import threading

import pytest

from signer.errors import Unavailable
from signer.pkcs11 import Hsm, Vault
from tests.hsm.faulty import (
    CKR_MECHANISM_INVALID,
    FUNCTIONS,
    closing_sessions,
    counting,
    faulty,
    hanging,
)


def test_one_call_fails_and_the_next_works(fragile: Vault) -> None:
    expected = fragile.harden(b"1")
    with faulty("C_SignInit", on_call=2, returns=CKR_MECHANISM_INVALID) as fault:
        assert fragile.harden(b"1") == expected
        assert fault.hits == 0
        with pytest.raises(Exception, match="HSM"):
            fragile.harden(b"1")
        assert fault.hits == 1
        assert fragile.harden(b"1") == expected


def test_every_call_fails_until_the_block_ends(fragile: Vault) -> None:
    expected = fragile.harden(b"1")
    with faulty("C_Sign", times=None) as fault, pytest.raises(Unavailable):
        fragile.harden(b"1")
    assert fault.hits == fault.calls > 1
    assert fragile.harden(b"1") == expected


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_session_closed_by_the_token_is_closed_for_us(fragile_hsm: Hsm) -> None:
    with closing_sessions("C_GenerateRandom") as fault:
        assert len(fragile_hsm.run(lambda s: s.generate_random(64))) == 8
    assert fault.hits == 1


def test_a_hanging_call_goes_on_when_released(fragile: Vault) -> None:
    got: list[bytes] = []
    with hanging("C_Sign") as device:
        thread = threading.Thread(target=lambda: got.append(fragile.harden(b"1")))
        thread.start()
        device.wait_until_hung()
        assert not got
        device.release()
        thread.join(10)
    assert got == [fragile.harden(b"1")]


def test_calls_are_counted(fragile: Vault) -> None:
    fragile.generate()
    with counting() as calls:
        fragile.generate_many(3)
    assert calls["C_GenerateKeyPair"] == 3
    assert calls.keys() <= set(FUNCTIONS)
