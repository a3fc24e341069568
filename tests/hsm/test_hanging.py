"""A call that never returns costs its caller seconds and one session, and nobody a restart."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from pkcs11 import Attribute, ObjectClass

from signer.errors import Conflict, NotFound, Unavailable
from signer.pkcs11 import Hsm, Vault, ensure_ca_key, generate_ca_key, guard, private_key_of
from signer.pkcs11.guard import Stalls
from signer.pkcs11.keys import CaPrivateKey
from signer.pkcs11.library import Library, library_of
from tests.hsm.faulty import counting, faulty, hanging
from tests.softhsm import MODULE, open_token, token_away

# python-pkcs11 ends a search twice when its start failed, in a __del__ that cannot raise.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
T = TypeVar("T")
ECDSA = ec.ECDSA(SHA256())
USED = (
    "C_Initialize", "C_Finalize", "C_GetSlotList", "C_GetSlotInfo", "C_GetTokenInfo",
    "C_GetMechanismList", "C_OpenSession", "C_CloseSession", "C_Login", "C_FindObjectsInit",
    "C_FindObjects", "C_FindObjectsFinal", "C_GetAttributeValue", "C_SignInit", "C_Sign",
    "C_GenerateKeyPair", "C_WrapKey", "C_UnwrapKey", "C_DestroyObject",
)  # fmt: skip


class Token:
    """A token with two sessions, whose calls may take half a second and no more."""

    def __init__(self, home: Path) -> None:
        self.hsm = open_token(
            home, "signer-hanging", sessions=2, wait_seconds=0.3, call_seconds=0.5
        )
        self.vault = Vault(self.hsm)
        self.library: Library = library_of(MODULE)
        patiently(self.vault.prepare)
        self.key: CaPrivateKey = patiently(lambda: ensure_ca_key(self.hsm, "hanging-ca"))

    def sign(self) -> bytes:
        """One signature of the CA's key, which verifies."""
        assert isinstance(self.key, ec.EllipticCurvePrivateKey)
        signature = self.key.sign(b"van ban", ECDSA)
        self.key.public_key().verify(signature, b"van ban", ECDSA)
        return signature

    def journey(self) -> None:
        """Everything the house ever asks of a token, from a library that must restart."""
        self.library.distrust(self.library.generation)
        self.sign()
        made = self.vault.generate_many(2)[0]
        with self.vault.unlocked(made.wrapped, made.public_key_der) as key:
            key.public_key().verify(key.sign(b"van ban", ECDSA), b"van ban", ECDSA)
        self.vault.harden(b"1")
        self.hsm.close()


@pytest.fixture
def token(token_home: Path) -> Iterator[Token]:
    made = Token(token_home)
    yield made
    patiently(made.sign)  # whatever was done to it, it works
    assert made.library.stalls.count == 0
    made.hsm.close()


def patiently(act: Callable[[], T], seconds: float = 5) -> T:
    """What the act gives as soon as it is not Unavailable; fails after that many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return act()
        except Unavailable:
            assert time.monotonic() < deadline, "it did not recover"
            time.sleep(0.01)


def refused(act: Callable[[], object]) -> None:
    """The act is Unavailable, and its caller did not wait for longer than ten seconds."""
    begin = time.monotonic()
    with pytest.raises(Unavailable):
        act()
    assert time.monotonic() - begin < 10


def test_the_list_of_functions_is_complete(token: Token) -> None:
    with counting() as calls:
        patiently(token.journey)
    assert set(calls) == set(USED)


@pytest.mark.slow
@pytest.mark.parametrize("function", USED)
def test_any_function_may_hang(token: Token, function: str) -> None:
    """Until the device answers again the caller hears so in time; then all is well, at once."""
    with hanging(function) as device:
        begin = time.monotonic()
        try:
            token.journey()
        except Unavailable:
            pass
        else:  # only tidying up hung, which is nobody's concern
            assert function in ("C_DestroyObject", "C_CloseSession")
        assert time.monotonic() - begin < 10
        assert device.hits > 0
        device.release()
        patiently(token.journey)
    _settled(token)


@pytest.mark.slow
@pytest.mark.parametrize("function", USED)
def test_any_function_may_hang_once(token: Token, function: str) -> None:
    """The device never gives up that call, but takes others: nobody has to wait for it."""
    with hanging(function, times=1) as device:
        with_luck(token.journey)
        assert device.hits == 1
        if function not in ("C_Initialize", "C_Finalize"):  # which allow no call beside them
            patiently(token.journey, seconds=10)
            assert token.library.stalls.count == 1
        else:
            refused(token.journey)
    _settled(token)


def test_a_hanging_signature_is_unavailable_and_others_go_on(token: Token) -> None:
    got: list[Exception] = []

    def sign() -> None:
        try:
            token.sign()
        except Unavailable as error:
            got.append(error)

    token.sign()
    with hanging("C_Sign", times=1) as device:
        thread = threading.Thread(target=sign)
        thread.start()
        device.wait_until_hung()
        for _ in range(20):
            patiently(token.sign)
        thread.join(10)
        assert len(got) == 1
        assert token.hsm.status().stalled_calls == 1
        assert token.hsm.status().free_sessions == 2  # written off, and replaced
        with counting() as calls:
            device.release()
            _settled(token)
        assert calls["C_CloseSession"] == 1  # what comes late is thrown away with its session


def test_a_hanging_login_of_one_token_does_not_stop_the_other(token: Token, root_hsm: Hsm) -> None:
    patiently(root_hsm.status)
    token.hsm.close()
    with hanging("C_Login") as device:
        thread = threading.Thread(target=lambda: refused(token.sign))
        thread.start()
        device.wait_until_hung()
        assert root_hsm.status().label == "signer-root"
        thread.join(10)
        assert root_hsm.status().stalled_calls == 1


def test_a_held_key_is_unavailable_when_it_hangs_and_stays_so(token: Token) -> None:
    """Nothing more is asked of that session; the block ends without waiting again."""
    made = patiently(token.vault.generate)
    with (
        hanging("C_Sign", on_call=3) as device,  # two make the proof that the halves fit
        token.vault.unlocked(made.wrapped, made.public_key_der) as key,
    ):
        refused(lambda: key.sign(b"1", ECDSA))
        calls = device.calls
        refused(lambda: key.sign(b"2", ECDSA))
        assert device.calls == calls
    _settled(token)


def test_the_library_is_not_finalised_under_a_call_that_hangs(token: Token) -> None:
    """What needs a restart gets a new login in the library as it is; the restart comes later."""
    with hanging("C_Sign", times=1), counting() as calls:
        refused(token.sign)
        generation = token.library.generation
        with faulty("C_FindObjectsInit") as fault:
            patiently(token.sign)
        assert fault.hits == 1
        assert calls["C_Login"] == 1
        assert calls["C_Finalize"] == 0
        assert token.library.generation == generation
    _settled(token)
    with faulty("C_FindObjectsInit"), counting() as calls:
        patiently(token.sign)
    assert calls["C_Finalize"] == 1


def test_a_token_that_left_while_a_call_hung_is_an_outage_and_no_missing_key(
    token: Token, token_home: Path
) -> None:
    """SoftHSM needs a restart then, which has to wait; nobody is told that the key is gone."""
    token.sign()
    with hanging("C_Sign", times=1) as device:
        refused(token.sign)
        with token_away(token_home):
            refused(token.sign)
        for _ in range(3):
            refused(token.sign)
        device.release()
        patiently(token.sign)
    _settled(token)


def test_a_key_is_not_called_missing_when_its_token_left_meanwhile(token_home: Path) -> None:
    """SoftHSM finds nothing then, and says that all is well."""
    hsm = open_token(token_home, "signer-leaving")
    got: list[Exception] = []

    def look() -> None:
        try:
            private_key_of(hsm, "nobody")
        except (NotFound, Unavailable) as error:
            got.append(error)

    patiently(hsm.status)
    with hanging("C_FindObjectsInit", on_call=2) as device:  # after the restart
        thread = threading.Thread(target=look)
        thread.start()
        device.wait_until_hung()
        with token_away(token_home):
            device.release()
            thread.join(10)
    assert [type(error) for error in got] == [Unavailable]
    patiently(look)
    assert [type(error) for error in got[1:]] == [NotFound]
    hsm.close()


def test_a_dead_device_does_not_eat_threads(token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a few stalls callers are refused at once, but for a trial now and then."""
    monkeypatch.setattr(guard, "_STALLS_AT_MOST", 2)
    monkeypatch.setattr(guard, "_TRIAL_SECONDS", 60)
    with hanging("C_SignInit") as device:
        while token.library.stalls.count < 3:  # two, and one trial
            refused(token.sign)
        calls = device.calls
        for _ in range(50):
            refused(token.sign)
        assert device.calls == calls
    _settled(token)


def test_trials_end_an_outage_whose_calls_never_return() -> None:
    """They become rarer the longer it lasts: a day costs some two hundred threads."""
    stalls = Stalls()
    now, spent = 0.0, 0
    while now < 86_400:
        if stalls.permit(now):
            stalls.count += 1
            spent += 1
        now += 0.5
    assert spent < 200
    assert not stalls.permit(now)
    stalls.answered()
    for _ in range(16):
        assert stalls.permit(now)
        stalls.count += 1


@pytest.mark.parametrize("function", ["C_GenerateKeyPair", "C_GetAttributeValue"])
def test_a_ca_key_that_comes_late_is_the_only_one(token: Token, function: str) -> None:
    """Nobody makes a second one while the first may still come, and it is found when it came."""
    label = f"late-{function}"
    with pytest.raises(NotFound):
        patiently(lambda: private_key_of(token.hsm, label))
    with hanging(function) as device, counting() as calls:
        refused(lambda: generate_ca_key(token.hsm, label))
        refused(lambda: ensure_ca_key(token.hsm, label))
        assert calls["C_GenerateKeyPair"] == 1
        device.release()
        _settled(token)
    patiently(lambda: ensure_ca_key(token.hsm, label))
    assert _objects(token, label) == 2  # the two halves
    with pytest.raises(Conflict):
        patiently(lambda: generate_ca_key(token.hsm, label))


def test_a_vault_key_that_comes_late_is_the_only_one(token_home: Path) -> None:
    hsm = open_token(token_home, "signer-new-vault", call_seconds=0.5)
    vault = Vault(hsm)
    patiently(hsm.status)  # so that only the making of a key is slow
    with hanging("C_GenerateKey") as device, counting() as calls:
        while not calls["C_GenerateKey"]:
            refused(vault.prepare)
        refused(vault.prepare)
        assert calls["C_GenerateKey"] == 1
        device.release()
        patiently(vault.prepare)
    keys = {Attribute.CLASS: ObjectClass.SECRET_KEY}
    assert patiently(lambda: hsm.run(lambda s: len(list(s.get_objects(keys))))) == 2
    hsm.close()


def test_a_session_that_opens_late_is_not_used(token: Token) -> None:
    """What was to be done in it is not begun when nobody waits for it."""
    token.hsm.close()
    with hanging("C_OpenSession", on_call=2) as device, counting() as calls:  # after the anchor
        refused(token.sign)
        device.release()
        _settled(token)
        assert calls["C_FindObjectsInit"] == 0
        assert calls["C_CloseSession"] == 1


def test_a_pin_is_not_tried_again_while_its_first_try_hangs(token: Token, tmp_path: Path) -> None:
    """It could be wrong, and tokens lock."""
    pin_file = tmp_path / "again.pin"
    pin_file.write_bytes(token.hsm._pin_file.read_bytes())
    pin_file.chmod(0o600)
    hsm = Hsm(MODULE, "signer-hanging", pin_file, call_seconds=0.5)
    with hanging("C_Login") as device:
        refused(hsm.status)
        for _ in range(3):
            refused(hsm.status)
            time.sleep(0.1)
        assert device.calls == 1
        device.release()
        patiently(hsm.status)
    hsm.close()


def test_a_forked_child_works_while_a_call_of_its_parent_hangs(token: Token) -> None:
    token.sign()
    with hanging("C_Sign", times=1):
        refused(token.sign)
        pid = os.fork()
        if pid == 0:  # the child tells by its exit code
            code = 1
            try:
                patiently(token.sign)
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    _settled(token)


@pytest.mark.slow
def test_threads_survive_everything_at_once(token: Token, token_home: Path) -> None:
    """Four threads, and a token that hangs, errs, vanishes: only Unavailable is seen."""
    stop = threading.Event()
    done = [0] * 4

    def work(number: int) -> None:
        while not stop.is_set():
            try:
                token.vault.harden(b"1")
                made = token.vault.generate()
                with token.vault.unlocked(made.wrapped, made.public_key_der) as key:
                    key.public_key().verify(key.sign(b"1", ECDSA), b"1", ECDSA)
                done[number] += 1
            except Unavailable:
                stop.wait(0.01)

    def go_on() -> None:
        wanted = sum(done) + 20
        deadline = time.monotonic() + 10
        while sum(done) < wanted:
            assert time.monotonic() < deadline, "it did not recover"
            stop.wait(0.01)

    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(work, number) for number in range(4)]
        try:
            for function in ("C_Sign", "C_UnwrapKey", "C_FindObjects", "C_GetAttributeValue"):
                go_on()
                with hanging(function) as device:
                    device.wait_until_hung()
                    with token_away(token_home):
                        stop.wait(0.3)
                    with faulty("C_GenerateKeyPair", times=3), suppress(AssertionError):
                        device.wait_until_hung(0.3)
                go_on()
        finally:
            stop.set()
        for each in running:
            each.result(30)
    _settled(token)


def test_a_process_ends_although_a_call_hangs(
    token: Token, in_child: Callable[[str], object]
) -> None:
    """It waits neither for the call nor in C_Finalize."""
    text = """
import ctypes, sys
from pathlib import Path
from signer.errors import Unavailable
from signer.pkcs11 import Hsm, Vault, configure_softhsm
from tests.hsm.faulty import hanging
from tests.softhsm import MODULE
home = Path(sys.argv[1])
configure_softhsm(home)
vault = Vault(Hsm(MODULE, "signer-hanging", home / "signer-hanging.pin", call_seconds=1))
vault.harden(b"1")
kept = [hanging("C_Finalize"), hanging("C_Sign")]
for each in kept:
    each.__enter__()
ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))  # or they would end before the library does
try:
    vault.harden(b"1")
except Unavailable:
    print("unavailable")
"""
    done = in_child(text)
    assert (done.stdout, done.returncode) == ("unavailable\n", 0), done.stderr  # type: ignore[attr-defined]


def with_luck(act: Callable[[], None]) -> None:
    """The act works or is Unavailable; in either case it is over in ten seconds."""
    begin = time.monotonic()
    with suppress(Unavailable):
        act()
    assert time.monotonic() - begin < 10


def _objects(token: Token, label: str) -> int:
    return patiently(
        lambda: token.hsm.run(lambda s: len(list(s.get_objects({Attribute.LABEL: label}))))
    )


def _settled(token: Token) -> None:
    """What hung has come back, and been cleared up."""
    with token.library.condition:
        assert token.library.condition.wait_for(lambda: not token.library.stalls.count, 5)
