"""The PKCS#11 library of one process: initialised with OS locking, restarted when it must be.

python-pkcs11 calls `C_Initialize(NULL)`, which promises the library that no two threads ever
call it at once, and then releases the GIL: two threads crash SoftHSM. So right after loading,
and after every restart, we initialise it ourselves with CKF_OS_LOCKING_OK, through the
library's own function list.
"""

import ctypes
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pkcs11

from signer.errors import N_, ConfigError, Unavailable

CKF_OS_LOCKING_OK = 2
CKR_OK = 0x0
CKR_GENERAL_ERROR = 0x5
CKR_PIN_REFUSED = frozenset({0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0x102})
"""Incorrect, invalid, of a wrong length, expired, locked; user PIN not initialised."""
CKR_USER_ALREADY_LOGGED_IN = 0x100
CKR_CRYPTOKI_ALREADY_INITIALIZED = 0x191
CKU_USER = 1

AWAY = N_("Thiết bị bảo mật (HSM) tạm thời không liên lạc được; hãy thử lại sau ít phút.")
BUSY = N_("Thiết bị bảo mật (HSM) đang bận; hãy thử lại sau ít giây.")

_PAUSE_AFTER_FAILURE_SECONDS = 0.2
"""After a restart that failed, callers are turned away this long instead of queueing for more."""
_RESTART_AFTER_LEASES = 100_000
"""SoftHSM grows by some 240 bytes with each unwrapped key until C_Finalize: 24 MB at most."""


class _InitializeArgs(ctypes.Structure):  # CK_C_INITIALIZE_ARGS, PKCS#11 v2.40 section 3.7
    _fields_ = (
        ("create_mutex", ctypes.c_void_p),
        ("destroy_mutex", ctypes.c_void_p),
        ("lock_mutex", ctypes.c_void_p),
        ("unlock_mutex", ctypes.c_void_p),
        ("flags", ctypes.c_ulong),
        ("reserved", ctypes.c_void_p),
    )


# fmt: off
_FUNCTION_NAMES = (
    "Initialize", "Finalize", "GetInfo", "GetFunctionList", "GetSlotList", "GetSlotInfo",
    "GetTokenInfo", "GetMechanismList", "GetMechanismInfo", "InitToken", "InitPIN", "SetPIN",
    "OpenSession", "CloseSession", "CloseAllSessions", "GetSessionInfo", "GetOperationState",
    "SetOperationState", "Login", "Logout",
)
# fmt: on


class _FunctionList(ctypes.Structure):  # the head of CK_FUNCTION_LIST, PKCS#11 v2.40 section 3.6
    _fields_ = (
        ("version", ctypes.c_ubyte * 2),
        *((f"C_{name}", ctypes.c_void_p) for name in _FUNCTION_NAMES),
    )


class Library:
    """One PKCS#11 module in one process. `condition` guards it and every pool that uses it."""

    def __init__(self, module: Path) -> None:
        self.module = module
        self.condition = threading.Condition()
        self.generation = 0
        """Counts restarts: a session or handle of an earlier generation is dead."""
        self.leases = 0
        """Sessions that are in somebody's hands; the library restarts only when there are none."""
        self._lib: Any = None  # pkcs11.lib, a class of a C extension without usable stubs
        self._functions: Any = None  # ctypes pointer to the function list
        self._is_ready = False
        self._lent = 0
        self._failed_at = float("-inf")

    @contextmanager
    def locked(self, deadline: float) -> Iterator[None]:
        """Holds `condition`; `Unavailable` when it is not free before the deadline (monotonic)."""
        if not self.condition.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise Unavailable(BUSY)
        try:
            yield
        finally:
            self.condition.release()

    def wait(self, deadline: float) -> None:
        """Waits for a change of `leases`; `Unavailable` when none came before the deadline."""
        left = deadline - time.monotonic()
        if left <= 0 or not self.condition.wait(left):
            raise Unavailable(BUSY)

    def distrust(self, generation: int) -> None:
        """The library of this generation is broken: it restarts before it is used again."""
        if generation == self.generation:
            self._is_ready = False

    def make_ready(self, deadline: float) -> None:
        """The library is initialised with OS locking; must hold `condition`.

        A restart first waits until no session is out, since it kills every handle. Raises
        `Unavailable` when that takes too long or the library refuses to start.
        """
        if self._lent >= _RESTART_AFTER_LEASES and not self.leases:
            self._is_ready = False
        while not self._is_ready:
            if time.monotonic() - self._failed_at < _PAUSE_AFTER_FAILURE_SECONDS:
                raise Unavailable(AWAY)
            if self.leases:
                self.wait(deadline)
                continue
            self._restart()

    def lend(self) -> None:
        """One more session is in somebody's hands; must hold `condition`."""
        self.leases += 1
        self._lent += 1

    def note_failure(self) -> None:
        """The token could not be reached even by a fresh library; callers pause for a moment."""
        self._is_ready = False
        self._failed_at = time.monotonic()

    def token(self, label: str) -> Any:
        """The token of this label; raises python-pkcs11's errors."""
        return self._lib.get_token(token_label=label)

    def slots(self) -> list[Any]:
        """All slots, with their tokens present or not."""
        return list(self._lib.get_slots())

    def log_in(self, session: Any, pin: bytes) -> int:
        """The return value of C_Login.

        Not python-pkcs11's own way, which loses the session's handle when the login fails and
        logs out every other session when that one is closed.
        """
        prototype = ctypes.CFUNCTYPE(
            ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong
        )
        login = self._function("C_Login", prototype)
        return int(login(session.handle, CKU_USER, pin, len(pin)))

    def log_out(self, session: Any) -> int:
        """The return value of C_Logout, which hides the token's private keys from everybody."""
        prototype = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_ulong)
        return int(self._function("C_Logout", prototype)(session.handle))

    def init_token(self, slot_id: int, so_pin: bytes, label: str) -> int:
        """The return value of C_InitToken, which erases the slot."""
        prototype = ctypes.CFUNCTYPE(
            ctypes.c_ulong, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p
        )
        padded = label.encode().ljust(32)  # CK_TOKEN_INFO.label is blank-padded, not terminated
        return int(self._function("C_InitToken", prototype)(slot_id, so_pin, len(so_pin), padded))

    def _restart(self) -> None:
        self._load()
        prototype = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)
        initialize = self._function("C_Initialize", prototype)
        arguments = _InitializeArgs(flags=CKF_OS_LOCKING_OK)
        # A forked child must not finalise what it inherited, so it tries to initialise first
        # (PKCS#11 v2.40 section 2.5.2: the child calls C_Initialize before anything else).
        result = initialize(ctypes.byref(arguments))
        if result == CKR_CRYPTOKI_ALREADY_INITIALIZED:
            self._function("C_Finalize", prototype)(None)
            result = initialize(ctypes.byref(arguments))
        self.generation += 1
        if result != CKR_OK:
            self.note_failure()
            raise Unavailable(AWAY)
        self._is_ready = True
        self._lent = 0

    def _load(self) -> None:
        if self._lib is not None:
            return
        if not self.module.exists():
            raise ConfigError(
                N_("Không có thư viện PKCS#11 %(module)s; hãy cài đặt hoặc sửa thiết lập."),
                module=self.module.name,
            )
        try:
            library = pkcs11.lib(str(self.module))
        except pkcs11.GeneralError as error:  # C_Initialize(NULL) itself found no token directory
            self.note_failure()
            raise Unavailable(AWAY) from error
        except pkcs11.PKCS11Error as error:
            raise ConfigError(
                N_("Tệp %(module)s không dùng được như một thư viện PKCS#11."),
                module=self.module.name,
            ) from error
        functions = ctypes.POINTER(_FunctionList)()
        if ctypes.CDLL(str(self.module)).C_GetFunctionList(ctypes.byref(functions)) != CKR_OK:
            raise ConfigError(
                N_("Tệp %(module)s không dùng được như một thư viện PKCS#11."),
                module=self.module.name,
            )
        self._lib, self._functions = library, functions

    def _function(self, name: str, prototype: Any) -> Callable[..., int]:
        function: Callable[..., int] = prototype(getattr(self._functions.contents, name))
        return function


_libraries: dict[tuple[int, Path], Library] = {}


def library_of(module: Path) -> Library:
    """The library of this process; a forked child gets a new one with locks nobody holds."""
    key = (os.getpid(), module)
    return _libraries.get(key) or _libraries.setdefault(key, Library(module))
