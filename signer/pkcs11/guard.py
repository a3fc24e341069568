"""Threads that make PKCS#11 calls for others: a call that never returns keeps only its guard."""

import threading
from _thread import allocate_lock
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from traceback import clear_frames
from typing import Any, TypeVar

import pkcs11

T = TypeVar("T")
Session = Any  # pkcs11.Session: its operations live in untyped mix-ins of a C extension

_STALLS_AT_MOST = 16
"""Each stalled call keeps a thread and a session of the token for as long as it likes."""
_TRIAL_SECONDS = 2.0
"""While that many are out, one call in so many seconds tries whether the token is back."""
_TRIAL_SHARE = 0.05
"""Trials that hang are kept too, so they become rarer: this part of how long it lasts already."""


class Stalled(Exception):
    """The call did not return in time; it may still, and nobody waits for it any more."""


class _Task:
    """One operation on its way through a guard."""

    __slots__ = ("error", "is_abandoned", "is_over", "operation", "over", "result")

    def __init__(self, operation: Callable[[], Any]) -> None:
        self.operation = operation
        self.result: Any = None
        self.error: BaseException | None = None
        self.is_over = self.is_abandoned = False
        self.over = allocate_lock()
        self.over.acquire()


class Guard:
    """One thread and the session whose calls it makes, one after the other.

    PKCS#11 has no way to interrupt a call, so a caller who has waited long enough leaves the
    thread to it. When such a call does return, its result is dropped, the session is closed (which
    destroys what was made in it) and the thread ends. From the start it is of no more use.
    """

    def __init__(
        self, session: Session, on_stall: Callable[[], None], on_return: Callable[[], None]
    ) -> None:
        self.session = session
        self.is_stalled = False
        self._on_stall, self._on_return = on_stall, on_return
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._decision = allocate_lock()
        threading.Thread(target=self._serve, name="hsm", daemon=True).start()

    def call(self, operation: Callable[[], T], seconds: float) -> T:
        """What the operation returns or raises; `Stalled` after that many seconds."""
        if self.is_stalled:
            raise Stalled
        task = _Task(operation)
        self._tasks.put(task)
        try:
            in_time = task.over.acquire(timeout=max(0.0, seconds))
        except BaseException:  # an interrupt of the wait: nobody will look at this task again
            self._abandons(task)
            raise
        if not in_time and self._abandons(task):
            raise Stalled
        try:
            if task.error is not None:
                raise task.error
            result: T = task.result
            return result
        finally:
            del task  # an error's traceback leads here, and to what the task holds

    def end(self, is_alive: bool, seconds: float) -> None:
        """The session is closed, or left to be when the token gets to it; the thread ends.

        A session that is not alive died with its library: no call is made.
        """
        if is_alive:
            with suppress(Stalled):
                self.call(lambda: close_session(self.session), seconds)
        self.stop()

    def stop(self) -> None:
        """The thread ends when it has nothing to do; no call is made."""
        self._tasks.put(None)

    def _abandons(self, task: _Task) -> bool:
        """Nobody waits for the task any more; False when it was over before that."""
        with self._decision:
            if task.is_over:
                return False
            task.is_abandoned = self.is_stalled = True
        self._on_stall()
        return True

    def _serve(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                task.result = task.operation()
            except BaseException as error:  # noqa: BLE001  # raised where it was asked for
                # Searches that were cut short end here, not in whichever thread drops the error.
                clear_frames(error.__traceback__)
                task.error = error
            with self._decision:
                task.is_over = True
            if task.is_abandoned:
                close_session(self.session)
                self._on_return()
                return
            task.over.release()
            del task


@dataclass(kw_only=True)
class Stalls:
    """How many calls are out that nobody waits for, and whether one more may be risked."""

    count: int = 0
    _forgiven: int = 0
    _since: float | None = None
    _next_trial: float = float("-inf")

    def permit(self, now: float) -> bool:
        """Whether a call that may hang too is worth another thread; asking uses up a trial."""
        if self.count - self._forgiven < _STALLS_AT_MOST:
            self._since = None
            return True
        if self._since is None:
            self._since = now
        if now < self._next_trial:
            return False
        self._next_trial = now + max(_TRIAL_SECONDS, _TRIAL_SHARE * (now - self._since))
        return True

    def answered(self) -> None:
        """The token answers, so what is still out is lost and no sign of an outage."""
        if self._since is not None:
            self._forgiven, self._since = self.count, None

    def returned(self) -> None:
        """One of them came back."""
        self.count -= 1
        self._forgiven = min(self._forgiven, self.count)


def close_session(session: Session) -> None:
    """The session is closed, or was dead already."""
    if session is not None:
        with suppress(pkcs11.PKCS11Error):
            session.close()
