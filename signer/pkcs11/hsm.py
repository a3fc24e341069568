"""The HSM as the rest of the house sees it: a bounded pool of sessions, leased one at a time."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pkcs11

from signer.db import in_transaction
from signer.errors import N_, ConfigError, NotFound, Unavailable
from signer.pkcs11.attributes import TemplateMapper
from signer.pkcs11.faults import Cure, cure_of
from signer.pkcs11.guard import Guard, Session, Stalled, close_session
from signer.pkcs11.lease import Lease, translated
from signer.pkcs11.library import (
    AWAY,
    CKR_OK,
    CKR_PIN_REFUSED,
    CKR_USER_ALREADY_LOGGED_IN,
    LEAST_SECONDS,
    Library,
    left,
    library_of,
)

T = TypeVar("T")
PinMark = tuple[int, int]  # (inode, mtime_ns) of the file that a PIN was read from

_PROBE_SECONDS = 1.0
"""How stale the last proof that the token is there may be when a session is handed out."""
_PAUSE_AFTER_FAILURE_SECONDS = 0.2
"""After a token could not be opened, callers are turned away this long instead of queueing."""


@dataclass(frozen=True, kw_only=True)
class HsmStatus:
    """What `signer doctor` shows of a token that answers."""

    label: str
    serial: str
    model: str
    manufacturer: str
    sessions: int
    free_sessions: int
    stalled_calls: int
    """Calls of this process that did not return in time, and have not returned since."""


@dataclass(kw_only=True)
class _Pool:
    """The sessions of one process; everything here is guarded by the library's condition."""

    generation: int = -1
    anchor: Session = None  # logged in, never leased: while it is open, all sessions are
    token: Any = None
    idle: list[Guard] = field(default_factory=list)
    out: int = 0
    needs_login: bool = False
    probed_at: float = float("-inf")
    failed_at: float = float("-inf")
    accepted_pin: PinMark | None = None
    refused_pin: PinMark | None = None
    unanswered_pin: PinMark | None = None


class Hsm:
    """One token of one PKCS#11 module, opened on first use in the process that uses it.

    After a fork the child opens its own sessions; nothing of the parent's is used. Threads may
    share an Hsm. Handles (sessions, keys) are never kept across leases. No call keeps its caller
    for much longer than `call_seconds`, even if the token never answers: then it is
    `Unavailable`, and the session is left to the call that hangs in it.
    """

    def __init__(
        self,
        module: Path,
        token_label: str,
        pin_file: Path,
        *,
        sessions: int = 8,
        wait_seconds: float = 5.0,
        call_seconds: float = 8.0,
    ) -> None:
        self.label = token_label
        self._module = module
        self._pin_file = pin_file
        self._sessions = sessions
        self._wait_seconds = wait_seconds
        self._call_seconds = call_seconds
        self._pools: dict[int, _Pool] = {}

    def run(self, operation: Callable[[Session], T]) -> T:
        """The operation's result; raises as `holding` does. It must bear being repeated.

        It is carried out in another thread, which may go on with it after this has raised.
        """
        with self.holding(operation) as (_, result):
            return result

    def run_once(self, operation: Callable[[Session], T], seconds: float | None = None) -> T:
        """As `run`, for what must not be done twice: a fault in it is `Unavailable` at once.

        It may succeed all the same, also after its caller has heard that. `seconds` is its own
        limit where the usual one is too short.
        """
        lease, result = self._carried_out(operation, tries=1, seconds=seconds)
        self._give_back(lease)
        return result

    @contextmanager
    def holding(self, find: Callable[[Session], T]) -> Iterator[tuple[Lease, T]]:
        """Gives what `find` gets from a session, and the lease of that session.

        `Unavailable` when no session is free within `wait_seconds`, or the token is away. After
        a fault in `find` (not in the block) the token is cured and `find` carried out again,
        twice at most, so it must bear being repeated. `NotFound` when the key it looks for is
        missing even after the library was restarted, which is not while any call of this
        process is still out (then it is `Unavailable`). `ConfigError` for a wrong PIN, which is not
        tried again until the PIN file changes.
        """
        lease, found = self._carried_out(find)
        try:
            yield lease, found
        finally:
            self._give_back(lease)

    @contextmanager
    def lease(self) -> Iterator[Lease]:
        """Gives the caller a session that lately was alive; raises as `holding` does."""
        with self.holding(lambda session: None) as (lease, _):
            yield lease

    def status(self) -> HsmStatus:
        """What the token says of itself now; raises as `run` does."""
        library, pool = library_of(self._module), self._pool()
        token = self.run(lambda session: session.token.slot.get_token())
        return HsmStatus(
            label=token.label,
            serial=token.serial.decode("ascii", "replace"),
            model=token.model,
            manufacturer=token.manufacturer_id,
            sessions=self._sessions,
            free_sessions=self._sessions - pool.out,
            stalled_calls=library.stalls.count,
        )

    def close(self) -> None:
        """Closes this process's sessions that are not leased; the next lease opens anew."""
        library, pool = library_of(self._module), self._pool()
        with library.condition:
            closing, anchor, is_alive = pool.idle, pool.anchor, self._is_alive(library, pool)
            pool.idle, pool.anchor, pool.generation = [], None, -1
            library.leases += 1  # so that no restart comes in between
        if anchor is not None:
            closing.append(library.guard(anchor))
        for guard in closing:
            guard.end(is_alive, LEAST_SECONDS)
        with library.condition:
            library.leases -= 1
            library.condition.notify_all()

    # How a session changes hands ---------------------------------------------------------------

    def _carried_out(
        self, operation: Callable[[Session], T], *, tries: int = 3, seconds: float | None = None
    ) -> tuple[Lease, T]:
        """What the operation returned, and its lease, which is still out."""
        if in_transaction():
            raise RuntimeError("no HSM call inside transaction()")
        deadline = time.monotonic() + self._call_seconds
        ill: int | None = None  # the generation of the library that a fault made us restart
        for number in range(1, tries + 1):
            lease = self._take(deadline)
            try:
                return lease, lease.attempt(self._proven(operation), seconds or left(deadline))
            except pkcs11.PKCS11Error as error:
                cure = cure_of(error)
                if cure is not None and number > 1:
                    # A second fault means that the cheaper cure did not help.
                    cure = lease.cure = Cure.LIBRARY
                self._give_back(lease)
                if isinstance(error, pkcs11.NoSuchKey) and ill not in (None, lease.generation):
                    raise NotFound(N_("Không tìm thấy khóa cần dùng trong HSM.")) from error
                is_late = time.monotonic() > deadline
                if cure is None or ill is not None or number == tries or is_late:
                    raise translated(error) from error
                if cure is Cure.LIBRARY:
                    ill = lease.generation
            except Stalled as error:
                self._give_back(lease)
                raise translated(error) from error
            except BaseException:
                self._give_back(lease)
                raise
        raise AssertionError("the last try returns or raises")

    def _proven(self, operation: Callable[[Session], T]) -> Callable[[Session], T]:
        """The operation; a key that it misses is not missing if its token is away."""

        def carry_out(session: Session) -> T:
            try:
                return operation(session)
            except pkcs11.NoSuchKey:
                self._probe(session)
                raise

        return carry_out

    def _take(self, deadline: float) -> Lease:
        library, pool = library_of(self._module), self._pool()
        patience = min(deadline, time.monotonic() + self._wait_seconds)
        while True:
            with library.condition:
                while self._is_open(library, pool):
                    if pool.idle or pool.out < self._sessions:
                        return self._lend(library, pool)
                    library.wait(patience)
                _refuse_after_failure(pool)
            with library.opening(patience) as guard:
                self._open(library, pool, guard, deadline)

    def _lend(self, library: Library, pool: _Pool) -> Lease:
        """A lease whose first call makes sure that there is a session; must hold `condition`."""
        prepare: Callable[[Session], Session] | None = None
        if pool.idle:
            guard = pool.idle.pop()
            if time.monotonic() - pool.probed_at > _PROBE_SECONDS:
                pool.probed_at = time.monotonic()  # one probe at a time
                prepare = self._probe
        else:
            library.require_hope()
            guard = library.guard()
            token = pool.token
            prepare = lambda _: _open_session(token)  # noqa: E731  # named only by what it is for
        pool.out += 1
        library.lend()
        return Lease(guard, library.generation, self._call_seconds, prepare)

    def _give_back(self, lease: Lease) -> None:
        library, pool, guard = library_of(self._module), self._pool(), lease.guard
        lease.is_over = True
        with library.condition:
            is_alive = lease.generation == library.generation
            keeps = lease.cure is None and not guard.is_stalled and guard.session is not None
            keeps = keeps and pool.generation == lease.generation
            if keeps:
                pool.idle.append(guard)
                library.stalls.answered()
        if not keeps:
            guard.end(is_alive, LEAST_SECONDS)
        with library.condition:
            pool.out -= 1
            library.leases -= 1
            if lease.cure is Cure.LOGIN:
                pool.needs_login = True
            elif lease.cure is Cure.LIBRARY:
                library.distrust(lease.generation)
            library.condition.notify_all()

    # How the token is opened -------------------------------------------------------------------

    def _is_alive(self, library: Library, pool: _Pool) -> bool:
        return pool.generation == library.generation

    def _is_open(self, library: Library, pool: _Pool) -> bool:
        """Whether its sessions may be lent; must hold `condition`."""
        return (
            library.is_trusted
            and self._is_alive(library, pool)
            and not pool.needs_login
            and not library.is_worn()
        )

    def _probe(self, session: Session) -> Session:
        """The session, whose token is still there."""
        if session.token.slot.get_token().label != self.label:
            raise pkcs11.TokenNotPresent()
        return session

    def _open(self, library: Library, pool: _Pool, guard: Guard, deadline: float) -> None:
        """The token is open and logged in; `Unavailable` when a fresh library does not help."""
        with library.condition:
            if self._is_open(library, pool):
                return
            _refuse_after_failure(pool)  # somebody may have failed while we waited for our turn
            only_login = library.is_trusted and self._is_alive(library, pool) and pool.needs_login
        try:
            library.make_ready(guard, deadline)
            if only_login and self._is_alive(library, pool):
                with suppress(pkcs11.PKCS11Error):
                    guard.call(lambda: self._log_in(library, pool, pool.anchor), left(deadline))
                    pool.needs_login = False
                    return
                library.distrust(library.generation)  # the next round restarts it
            else:
                token = guard.call(lambda: self._opened(library, pool, guard), left(deadline))
                self._install(library, pool, token, guard.session)
        except (pkcs11.PKCS11Error, Stalled, Unavailable) as error:
            pool.failed_at = time.monotonic()
            if isinstance(error, Unavailable):
                raise
            if isinstance(error, pkcs11.PKCS11Error):
                library.distrust(library.generation)
            raise Unavailable(AWAY) from error

    def _opened(self, library: Library, pool: _Pool, guard: Guard) -> Any:
        """The token, logged in by a session that is left with the guard."""
        token = library.token(self.label)
        guard.session = _open_session(token)
        try:
            self._log_in(library, pool, guard.session)
        except BaseException:
            close_session(guard.session)  # tokens have few sessions
            guard.session = None
            raise
        return token

    def _install(self, library: Library, pool: _Pool, token: Any, anchor: Session) -> None:
        """Sessions are opened on this token from now on; those of before are closed."""
        with library.condition:
            before, is_alive, old_anchor = pool.idle, self._is_alive(library, pool), pool.anchor
            pool.token, pool.anchor, pool.idle = token, anchor, []
            pool.generation, pool.needs_login = library.generation, False
            pool.probed_at = time.monotonic()
            library.stalls.answered()
        if is_alive and old_anchor is not None:
            before.append(library.guard(old_anchor))
        for guard in before:
            guard.end(is_alive, 0)

    def _log_in(self, library: Library, pool: _Pool, anchor: Session) -> None:
        pin, mark = read_pin(self._pin_file)
        if mark == pool.refused_pin:  # tokens lock: the same PIN is never tried twice
            raise ConfigError(_WRONG_PIN, file=self._pin_file.name, token=self.label)
        if mark == pool.unanswered_pin != pool.accepted_pin:
            raise Unavailable(AWAY)  # a try that hangs may turn out to be a refused one
        pool.unanswered_pin = mark
        result = library.log_in(anchor, pin)
        pool.unanswered_pin = None
        if result in CKR_PIN_REFUSED:
            pool.refused_pin = mark
            raise ConfigError(_WRONG_PIN, file=self._pin_file.name, token=self.label)
        if result not in (CKR_OK, CKR_USER_ALREADY_LOGGED_IN):
            raise pkcs11.GeneralError()
        pool.accepted_pin = mark

    def _pool(self) -> _Pool:
        return self._pools.get(os.getpid()) or self._pools.setdefault(os.getpid(), _Pool())


def _refuse_after_failure(pool: _Pool) -> None:
    if time.monotonic() - pool.failed_at < _PAUSE_AFTER_FAILURE_SECONDS:
        raise Unavailable(AWAY)


def _open_session(token: Any) -> Session:
    return token.open(rw=True, attribute_mapper=TemplateMapper())


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
