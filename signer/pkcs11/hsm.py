"""The HSM as the rest of the house sees it: a bounded pool of sessions, leased one at a time."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pkcs11

from signer.db import in_transaction
from signer.errors import N_, ConfigError, NotFound, SignerError, Unavailable
from signer.pkcs11.attributes import TemplateMapper
from signer.pkcs11.faults import Cure, cure_of
from signer.pkcs11.library import (
    AWAY,
    CKR_OK,
    CKR_PIN_REFUSED,
    CKR_USER_ALREADY_LOGGED_IN,
    Library,
    library_of,
)

T = TypeVar("T")
Session = Any  # pkcs11.Session: its operations live in untyped mix-ins of a C extension

_PROBE_SECONDS = 1.0
"""How stale the last proof that the token is there may be when a session is handed out."""


@dataclass(frozen=True, kw_only=True)
class HsmStatus:
    """What `signer doctor` shows of a token that answers."""

    label: str
    serial: str
    model: str
    manufacturer: str
    sessions: int
    free_sessions: int


@dataclass(kw_only=True)
class _Pool:
    """The sessions of one process; everything here is guarded by the library's condition."""

    generation: int = -1
    anchor: Session = None  # logged in, never leased: while it is open, all sessions are
    token: Any = None
    idle: list[Session] = field(default_factory=list)
    out: int = 0
    needs_login: bool = False
    probed_at: float = float("-inf")
    refused_pin: tuple[int, int] | None = None  # (inode, mtime_ns) of the PIN file refused


class Hsm:
    """One token of one PKCS#11 module, opened on first use in the process that uses it.

    After a fork the child opens its own sessions; nothing of the parent's is used. Threads may
    share an Hsm. Handles (sessions, keys) are never kept across leases.
    """

    def __init__(
        self,
        module: Path,
        token_label: str,
        pin_file: Path,
        *,
        sessions: int = 8,
        wait_seconds: float = 5.0,
    ) -> None:
        self.label = token_label
        self._module = module
        self._pin_file = pin_file
        self._sessions = sessions
        self._wait_seconds = wait_seconds
        self._pools: dict[int, _Pool] = {}

    @contextmanager
    def lease(self) -> Iterator[Session]:
        """Gives the caller a logged-in read-write session of its own for one operation.

        Raises `Unavailable` when no session is free within `wait_seconds` or the token is away;
        a fault inside the block is `Unavailable` too, and is cured before the next lease.
        `ConfigError` for a wrong PIN, which is not tried again until the PIN file changes.
        """
        try:
            with self._leased() as session:
                yield session
        except pkcs11.PKCS11Error as error:
            raise _translated(error) from error

    def run(self, operation: Callable[[Session], T]) -> T:
        """The operation's result; raises as `holding` does. It must bear being repeated."""
        with self.holding(operation) as result:
            return result

    @contextmanager
    def holding(self, find: Callable[[Session], T]) -> Iterator[T]:
        """Gives what `find` gets from a session that stays leased until the block ends.

        After a fault in `find` (not in the block) the token is cured and `find` carried out
        again, twice at most, so it must bear being repeated. `NotFound` when the key it looks
        for is missing even after the library was restarted; else raises as `lease` does.
        """
        with ExitStack() as stack:
            found = self._found(stack, find)
            try:
                yield found
            except pkcs11.PKCS11Error as error:
                raise _translated(error) from error

    def status(self) -> HsmStatus:
        """What the token says of itself now; raises as `lease` does."""
        pool = self._pool()
        with self.lease() as session:
            token = session.token.slot.get_token()
            return HsmStatus(
                label=token.label,
                serial=token.serial.decode("ascii", "replace"),
                model=token.model,
                manufacturer=token.manufacturer_id,
                sessions=self._sessions,
                free_sessions=self._sessions - pool.out + 1,  # this very lease counts as free
            )

    def close(self) -> None:
        """Closes this process's sessions that are not leased; the next lease opens anew."""
        library, pool = library_of(self._module), self._pool()
        with library.condition:
            if pool.generation == library.generation:
                for session in (*pool.idle, pool.anchor):
                    _close(session)
            pool.idle, pool.anchor, pool.generation = [], None, -1

    # How a session changes hands ---------------------------------------------------------------

    @contextmanager
    def _leased(self, at_least: Cure | None = None) -> Iterator[Session]:
        """As `lease`, with the library's own errors; `at_least` is applied beforehand."""
        if in_transaction():
            raise RuntimeError("no HSM call inside transaction()")
        library, pool = library_of(self._module), self._pool()
        session, generation = self._take(library, pool, at_least)
        cure: Cure | None = None
        try:
            yield session
        except pkcs11.PKCS11Error as error:
            cure = cure_of(error)
            raise
        finally:
            self._give_back(library, pool, session, generation, cure)

    def _found(self, stack: ExitStack, find: Callable[[Session], T]) -> T:
        """What `find` returns; its lease is left on the stack."""
        cured: Cure | None = None
        for _ in range(3):
            try:
                with ExitStack() as attempt:
                    found = find(attempt.enter_context(self._leased(at_least=cured)))
                    stack.push(attempt.pop_all())
                    return found
            except pkcs11.NoSuchKey as error:
                if cured is Cure.LIBRARY:
                    raise NotFound(N_("Không tìm thấy khóa cần dùng trong HSM.")) from error
                cured = Cure.LIBRARY
            except pkcs11.PKCS11Error as error:
                cure = cure_of(error)
                if cure is None or cured is Cure.LIBRARY:
                    raise _translated(error) from error
                # A second fault means that the cheaper cure did not help.
                cured = cure if cured is None else Cure.LIBRARY
        raise Unavailable(AWAY)

    def _take(self, library: Library, pool: _Pool, at_least: Cure | None) -> tuple[Session, int]:
        deadline = time.monotonic() + self._wait_seconds
        with library.locked(deadline):
            if at_least is Cure.LIBRARY:
                library.distrust(pool.generation)
            while True:
                library.make_ready(deadline)
                if not self._is_open(library, pool):
                    continue
                if pool.idle:
                    session = pool.idle.pop()
                elif pool.out < self._sessions:
                    session = self._open_session(library, pool)
                    if session is None:
                        continue
                else:
                    library.wait(deadline)
                    continue
                pool.out += 1
                library.lend()
                return session, library.generation

    def _give_back(
        self, library: Library, pool: _Pool, session: Session, generation: int, cure: Cure | None
    ) -> None:
        with library.condition:
            pool.out -= 1
            library.leases -= 1
            if cure is Cure.LOGIN:
                pool.needs_login = True
            elif cure is Cure.LIBRARY:
                library.distrust(generation)
            if generation == library.generation:  # else it died with its library
                if cure in (None, Cure.LOGIN) and pool.generation == generation:
                    pool.idle.append(session)
                else:
                    _close(session)
            library.condition.notify_all()

    # How the token is opened -------------------------------------------------------------------

    def _is_open(self, library: Library, pool: _Pool) -> bool:
        """Logged in on a token that answered lately; False when the library must restart first.

        Raises `Unavailable` when the library was fresh and the token still is not there.
        """
        is_fresh = pool.generation != library.generation
        try:
            if is_fresh:
                self._open_token(library, pool)
            elif pool.needs_login:
                self._log_in(library, pool)
            elif time.monotonic() - pool.probed_at > _PROBE_SECONDS:
                if pool.token.slot.get_token().label != self.label:
                    raise pkcs11.TokenNotPresent()
                pool.probed_at = time.monotonic()
        except pkcs11.PKCS11Error as error:
            if is_fresh:
                pool.generation = -1
                library.note_failure()
                raise Unavailable(AWAY) from error
            library.distrust(library.generation)
            return False
        return True

    def _open_token(self, library: Library, pool: _Pool) -> None:
        pool.idle = []  # sessions of an earlier generation died with it
        pool.token = library.token(self.label)
        pool.anchor = pool.token.open(rw=True, attribute_mapper=TemplateMapper())
        try:
            self._log_in(library, pool)
        except BaseException:
            _close(pool.anchor)  # tokens have few sessions
            raise
        pool.generation = library.generation
        pool.probed_at = time.monotonic()

    def _log_in(self, library: Library, pool: _Pool) -> None:
        pin, mark = read_pin(self._pin_file)
        if mark == pool.refused_pin:  # tokens lock: the same PIN is never tried twice
            raise ConfigError(_WRONG_PIN, file=self._pin_file.name, token=self.label)
        result = library.log_in(pool.anchor, pin)
        if result in CKR_PIN_REFUSED:
            pool.refused_pin = mark
            raise ConfigError(_WRONG_PIN, file=self._pin_file.name, token=self.label)
        if result not in (CKR_OK, CKR_USER_ALREADY_LOGGED_IN):
            raise pkcs11.GeneralError()
        pool.needs_login = False

    def _open_session(self, library: Library, pool: _Pool) -> Session:
        try:
            return pool.token.open(rw=True, attribute_mapper=TemplateMapper())
        except pkcs11.PKCS11Error:
            library.distrust(library.generation)
            return None

    def _pool(self) -> _Pool:
        return self._pools.get(os.getpid()) or self._pools.setdefault(os.getpid(), _Pool())


_WRONG_PIN = N_(
    "HSM “%(token)s” từ chối mã PIN trong tệp %(file)s; mã không được thử lại để tránh khóa "
    "thiết bị. Hãy sửa tệp mã PIN."
)


def read_pin(file: Path) -> tuple[bytes, tuple[int, int]]:
    """The PIN in the file, and a mark that changes when the file does.

    `ConfigError` when it is missing, empty, or readable by anybody but its owner.
    """
    try:
        with file.open("rb") as stream:
            facts = os.fstat(stream.fileno())
            pin = stream.read(257).strip()
    except OSError as error:
        raise ConfigError(
            N_("Không đọc được tệp mã PIN %(file)s của HSM."), file=file.name
        ) from error
    if not stat.S_ISREG(facts.st_mode) or facts.st_mode & 0o077:
        raise ConfigError(
            N_("Tệp mã PIN %(file)s phải chỉ cho chủ sở hữu đọc (quyền 0600)."), file=file.name
        )
    if not 4 <= len(pin) <= 255:  # SoftHSM's own limits, and no vendor allows more
        raise ConfigError(N_("Tệp mã PIN %(file)s không chứa mã PIN hợp lệ."), file=file.name)
    return pin, (facts.st_ino, facts.st_mtime_ns)


def _translated(error: pkcs11.PKCS11Error) -> SignerError:
    if cure_of(error) is not None:
        return Unavailable(AWAY)
    return SignerError(N_("HSM từ chối thao tác này (%(code)s)."), code=type(error).__name__)


def _close(session: Session) -> None:
    with suppress(pkcs11.PKCS11Error):
        session.close()
