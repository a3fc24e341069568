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
from signer.pkcs11.dialect import dialect_of
from signer.pkcs11.guard import Guard, Session, Stalls

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

LEAST_SECONDS = 0.4
"""What a call gets when waiting has eaten up its limit, and what closing a session may take."""


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
    """One PKCS#11 module in one process. `condition` guards it and every pool that uses it.

    It is never held during a PKCS#11 call: a call that hangs must not keep others waiting.
    """

    def __init__(self, module: Path) -> None:
        self.module = module
        self.condition = threading.Condition()
        self.generation = 0
        """Counts restarts: a session or handle of an earlier generation is dead."""
        self.is_trusted = False
        """False until it is initialised, and again when it must restart before its next use."""
        self.leases = 0
        """Sessions that are in somebody's hands; the library restarts only when there are none."""
        self.stalls = Stalls()
        self._lib: Any = None  # pkcs11.lib, a class of a C extension without usable stubs
        self._functions: Any = None  # ctypes pointer to the function list
        self._leases_at_most: int | None = None
        self._lent = 0
        self._is_opening = self._is_initialising = False

    def wait(self, deadline: float) -> None:
        """Waits for a change; `Unavailable` when none came before the deadline (monotonic)."""
        seconds = deadline - time.monotonic()
        if seconds <= 0 or not self.condition.wait(seconds):
            raise Unavailable(BUSY)

    def distrust(self, generation: int) -> None:
        """The library of this generation is broken: it restarts before it is used again."""
        if generation == self.generation:
            self.is_trusted = False

    def lend(self) -> None:
        """One more session is in somebody's hands; must hold `condition`."""
        self.leases += 1
        self._lent += 1

    def require_hope(self) -> None:
        """Returns when a new thread may be risked on a call; else `Unavailable`, at once.

        Must hold `condition`.
        """
        # Beside a call that initialises no other is allowed, however long it takes.
        if self._is_initialising or not self.stalls.permit(time.monotonic()):
            raise Unavailable(AWAY)

    def is_worn(self) -> bool:
        """Whether it has grown so much that it should restart, now that it may."""
        return (
            self._leases_at_most is not None
            and self._lent >= self._leases_at_most
            and not self.leases
            and not self.stalls.count
        )

    def guard(self, session: Session = None) -> Guard:
        """A new thread for calls of this library; `Unavailable` when there can be no more."""
        try:
            return Guard(session, self._note_stall, self._note_return)
        except RuntimeError as error:
            raise Unavailable(BUSY) from error

    @contextmanager
    def opening(self, deadline: float) -> Iterator[Guard]:
        """Gives a guard for the calls that open, restart or set up; one caller at a time.

        `Unavailable` when others take until the deadline, or there is no hope.
        """
        with self.condition:
            while self._is_opening:
                self.wait(deadline)
            self.require_hope()
            self._is_opening = True
        try:
            guard = self.guard()
            try:
                yield guard
            finally:
                guard.stop()
        finally:
            with self.condition:
                self._is_opening = False
                self.condition.notify_all()

    def make_ready(self, guard: Guard, deadline: float, *, afresh: bool = False) -> None:
        """The library is initialised with OS locking, and restarted if it had to be or `afresh`.

        Only inside `opening`. A restart first waits until no session is out, since it kills
        every handle. While a stalled call is still out there is none: C_Finalize under a running
        call is undefined (PKCS#11 v2.40 section 5.4). The library then stays as it is, to be
        tried again; with `afresh` that is `Unavailable`, as is a library that does not start.
        """
        with self.condition:
            if self.is_trusted and not afresh and not self.is_worn():
                return
            self.is_trusted = False
            while self.leases and not self.stalls.count:
                self.wait(deadline)
            if self.stalls.count:
                if afresh or not self.generation:
                    raise Unavailable(AWAY)
                self.is_trusted = True
                return
            self.generation += 1
            self._is_initialising = True
        if guard.call(self._initialize, left(deadline)) != CKR_OK:
            raise Unavailable(AWAY)
        with self.condition:
            self.is_trusted = True
            self._lent = 0

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

    def _initialize(self) -> int:
        try:
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
            return result
        finally:
            self._is_initialising = False

    def _note_stall(self) -> None:
        with self.condition:
            self.stalls.count += 1
            self.condition.notify_all()

    def _note_return(self) -> None:
        with self.condition:
            self.stalls.returned()
            self.condition.notify_all()

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
        except pkcs11.PKCS11Error as error:
            if type(error) is not pkcs11.PKCS11Error:  # C_Initialize(NULL) itself found no device
                raise Unavailable(AWAY) from error
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
        self._leases_at_most = dialect_of(library).leases_at_most
        self._lib, self._functions = library, functions

    def _function(self, name: str, prototype: Any) -> Callable[..., int]:
        function: Callable[..., int] = prototype(getattr(self._functions.contents, name))
        return function


_libraries: dict[tuple[int, Path], Library] = {}


def library_of(module: Path) -> Library:
    """The library of this process; a forked child gets a new one with locks nobody holds."""
    key = (os.getpid(), module)
    return _libraries.get(key) or _libraries.setdefault(key, Library(module))


def left(deadline: float) -> float:
    """Seconds until the deadline, and never so few that a healthy token could not answer."""
    return max(deadline - time.monotonic(), LEAST_SECONDS)
