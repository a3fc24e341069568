"""Faults of a real HSM, produced in a real SoftHSM: wrong answers, closed sessions, endless calls.

PKCS#11 hands out a table of function pointers (CK_FUNCTION_LIST, v2.40 section 3.6). SoftHSM's can
be written to, and python-pkcs11 and `signer.pkcs11` look into it at every call, so replacing a
pointer puts us between them and the token, in this process only and until the block ends:

    with faulty("C_Sign", on_call=3, returns=CKR_DEVICE_ERROR) as fault:
        ...                                # the third C_Sign fails, those after it work again
    with faulty("C_Sign", times=None):     # every C_Sign fails until the block ends
    with closing_sessions("C_Sign"):       # the first C_Sign finds its session closed under it
    with hanging("C_Sign") as device:      # every C_Sign hangs, times=1: only the first one
        ...
        device.wait_until_hung()           # somebody is in it
        device.release()                   # it goes on; leaving the block does so too
    with counting() as calls:              # calls["C_Sign"] == 7: the n for `on_call`
        ...

A call that fails does not reach the token; one that hung does, when it is released. Calls count
from 1 in each block, over all threads. Blocks may be nested: the innermost sees a call first.
"""

import ctypes
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.softhsm import MODULE

CKR_OK = 0x0
CKR_HOST_MEMORY = 0x2
CKR_SLOT_ID_INVALID = 0x3
CKR_GENERAL_ERROR = 0x5
CKR_FUNCTION_FAILED = 0x6
CKR_DEVICE_ERROR = 0x30
CKR_DEVICE_MEMORY = 0x31
CKR_DEVICE_REMOVED = 0x32
CKR_KEY_HANDLE_INVALID = 0x60
CKR_MECHANISM_INVALID = 0x70
CKR_OBJECT_HANDLE_INVALID = 0x82
CKR_PIN_INCORRECT = 0xA0
CKR_SESSION_CLOSED = 0xB0
CKR_SESSION_COUNT = 0xB1
CKR_SESSION_HANDLE_INVALID = 0xB3
CKR_TOKEN_NOT_PRESENT = 0xE0
CKR_USER_NOT_LOGGED_IN = 0x101
CKR_CRYPTOKI_NOT_INITIALIZED = 0x190

# fmt: off
_NAMES = (  # in the order of CK_FUNCTION_LIST
    "Initialize", "Finalize", "GetInfo", "GetFunctionList", "GetSlotList", "GetSlotInfo",
    "GetTokenInfo", "GetMechanismList", "GetMechanismInfo", "InitToken", "InitPIN", "SetPIN",
    "OpenSession", "CloseSession", "CloseAllSessions", "GetSessionInfo", "GetOperationState",
    "SetOperationState", "Login", "Logout", "CreateObject", "CopyObject", "DestroyObject",
    "GetObjectSize", "GetAttributeValue", "SetAttributeValue", "FindObjectsInit", "FindObjects",
    "FindObjectsFinal", "EncryptInit", "Encrypt", "EncryptUpdate", "EncryptFinal", "DecryptInit",
    "Decrypt", "DecryptUpdate", "DecryptFinal", "DigestInit", "Digest", "DigestUpdate", "DigestKey",
    "DigestFinal", "SignInit", "Sign", "SignUpdate", "SignFinal", "SignRecoverInit", "SignRecover",
    "VerifyInit", "Verify", "VerifyUpdate", "VerifyFinal", "VerifyRecoverInit", "VerifyRecover",
    "DigestEncryptUpdate", "DecryptDigestUpdate", "SignEncryptUpdate", "DecryptVerifyUpdate",
    "GenerateKey", "GenerateKeyPair", "WrapKey", "UnwrapKey", "DeriveKey", "SeedRandom",
    "GenerateRandom",
)
_ARGUMENTS = {  # how many each takes; all are words or pointers (the one byte among them fits)
    "Initialize": 1, "Finalize": 1, "GetSlotList": 3, "GetSlotInfo": 2, "GetTokenInfo": 2,
    "GetMechanismList": 3, "InitToken": 4, "InitPIN": 3, "OpenSession": 5, "CloseSession": 1,
    "Login": 4, "Logout": 1, "DestroyObject": 2, "GetAttributeValue": 4, "FindObjectsInit": 3,
    "FindObjects": 4, "FindObjectsFinal": 1, "SignInit": 3, "Sign": 5, "GenerateKey": 5,
    "GenerateKeyPair": 8, "WrapKey": 6, "UnwrapKey": 8, "GenerateRandom": 3,
}
# fmt: on
FUNCTIONS = tuple(f"C_{name}" for name in _ARGUMENTS)
"""Those that can be made faulty: every one that `signer.pkcs11` uses."""

Answer = Callable[[Callable[[], int], tuple[int, ...]], int]
"""Answers one call, given the real function, ready to be called, and the arguments."""


class _FunctionList(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_ubyte * 2),
        *((f"C_{name}", ctypes.c_void_p) for name in _NAMES),
    )


class Fault:
    """Which calls of one function go wrong, and how many there were."""

    def __init__(self, on_call: int, times: int | None) -> None:
        self.calls = 0
        """How often the function was called since the block began."""
        self.hits = 0
        """How many of those calls went wrong."""
        self._first, self._times = on_call, times
        self._lock = threading.Lock()

    def strikes(self) -> bool:
        """Counts one more call; whether this one goes wrong."""
        with self._lock:
            self.calls += 1
            struck = self.calls >= self._first and (
                self._times is None or self.calls < self._first + self._times
            )
            self.hits += struck
            return struck


class Device(Fault):
    """A device that does not answer until it is released."""

    def __init__(self, on_call: int, times: int | None) -> None:
        super().__init__(on_call, times)
        self._released = threading.Event()
        self._hung = threading.Semaphore(0)

    def hold(self) -> None:
        """Returns when the device is released."""
        self._hung.release()
        self._released.wait()

    def wait_until_hung(self, seconds: float = 10) -> None:
        """One more call hangs, or this fails."""
        assert self._hung.acquire(timeout=seconds), "no call has come that could hang"

    def release(self) -> None:
        """The calls that hang go on, and no further call hangs."""
        self._released.set()


@contextmanager
def faulty(
    function: str,
    *,
    on_call: int = 1,
    times: int | None = 1,
    returns: int = CKR_DEVICE_ERROR,
    module: Path = MODULE,
) -> Iterator[Fault]:
    """The function fails from its `on_call`th call on, that many times (None: from then on)."""
    fault = Fault(on_call, times)

    def answer(real: Callable[[], int], _arguments: tuple[int, ...]) -> int:
        return returns if fault.strikes() else real()

    with _between(function, answer, module):
        yield fault


@contextmanager
def closing_sessions(
    function: str, *, on_call: int = 1, times: int | None = 1, module: Path = MODULE
) -> Iterator[Fault]:
    """The token closes the session of such a call before it; the call then fails of itself."""
    fault = Fault(on_call, times)
    closing = _original("C_CloseSession", module)

    def answer(real: Callable[[], int], arguments: tuple[int, ...]) -> int:
        if fault.strikes():
            closing(arguments[0])
        return real()

    with _between(function, answer, module):
        yield fault


@contextmanager
def hanging(
    function: str, *, on_call: int = 1, times: int | None = None, module: Path = MODULE
) -> Iterator[Device]:
    """The function does not return, from its `on_call`th call on, until the device is released."""
    device = Device(on_call, times)

    def answer(real: Callable[[], int], _arguments: tuple[int, ...]) -> int:
        if device.strikes():
            device.hold()
        return real()

    try:
        with _between(function, answer, module):
            yield device
    finally:
        device.release()


@contextmanager
def counting(module: Path = MODULE) -> Iterator[Counter[str]]:
    """How often each of FUNCTIONS is called inside the block."""
    calls: Counter[str] = Counter()
    lock = threading.Lock()

    def answer_for(function: str) -> Answer:
        def answer(real: Callable[[], int], _arguments: tuple[int, ...]) -> int:
            with lock:
                calls[function] += 1
            return real()

        return answer

    with ExitStack() as stack:
        for function in FUNCTIONS:
            stack.enter_context(_between(function, answer_for(function), module))
        yield calls


# A thread may be inside a replaced function long after its block ended, so they are all kept.
_kept: list[Any] = []


@contextmanager
def _between(function: str, answer: Answer, module: Path) -> Iterator[None]:
    functions = _functions(module)
    before = getattr(functions, function)
    original = _prototype(function)(before)

    def call(*arguments: int) -> int:
        return answer(lambda: int(original(*arguments)), arguments)

    replacement = _prototype(function)(call)
    _kept.append((original, replacement))
    setattr(functions, function, ctypes.cast(replacement, ctypes.c_void_p).value)
    try:
        yield
    finally:
        setattr(functions, function, before)


def _original(function: str, module: Path) -> Callable[..., int]:
    original: Callable[..., int] = _prototype(function)(getattr(_functions(module), function))
    return original


def _prototype(function: str) -> Any:
    count = _ARGUMENTS[function.removeprefix("C_")]
    return ctypes.CFUNCTYPE(ctypes.c_ulong, *[ctypes.c_size_t] * count)


def _functions(module: Path) -> Any:
    found = ctypes.POINTER(_FunctionList)()
    assert ctypes.CDLL(str(module)).C_GetFunctionList(ctypes.byref(found)) == CKR_OK
    return found.contents
