"""A session in somebody's hands."""

from collections.abc import Callable
from typing import TypeVar

import pkcs11

from signer.errors import N_, SignerError, Unavailable
from signer.pkcs11.faults import Cure, cure_of
from signer.pkcs11.guard import Guard, Session, Stalled
from signer.pkcs11.library import AWAY

T = TypeVar("T")


class Lease:
    """One logged-in read-write session, for one thread and until its block ends.

    Every call is made by the session's guard and ends, for the caller, within the limit of its
    `Hsm`. After one that did not return in time, all others are `Unavailable` at once.
    """

    def __init__(
        self,
        guard: Guard,
        generation: int,
        call_seconds: float,
        prepare: Callable[[Session], Session] | None = None,
    ) -> None:
        self.guard = guard
        self.generation = generation
        self.cure: Cure | None = None
        """The dearest cure that a fault has asked for so far."""
        self.is_over = False
        self._call_seconds = call_seconds
        self._prepare = prepare

    def call(self, operation: Callable[[Session], T], seconds: float | None = None) -> T:
        """What the operation returns; a fault of the token is `Unavailable`, and not retried.

        What it gets and makes (sessions, handles) is of use in further calls only.
        """
        try:
            return self.attempt(operation, self._call_seconds if seconds is None else seconds)
        except (pkcs11.PKCS11Error, Stalled) as error:
            raise translated(error) from error

    def attempt(self, operation: Callable[[Session], T], seconds: float) -> T:
        """As `call`, with the library's own errors and `Stalled`; notes the cure they ask for."""
        if self.is_over:
            raise RuntimeError("a lease ends with its block")

        def carry_out() -> T:
            if self._prepare is not None:
                self.guard.session = self._prepare(self.guard.session)
                self._prepare = None
                if self.guard.is_stalled:
                    raise Stalled  # the caller left while the session was opened
            return operation(self.guard.session)

        try:
            return self.guard.call(carry_out, seconds)
        except pkcs11.PKCS11Error as error:
            # Whatever went wrong, the session may be left in the middle of an operation.
            self.cure = max(self.cure or Cure.SESSION, cure_of(error) or Cure.SESSION)
            raise


def translated(error: pkcs11.PKCS11Error | Stalled) -> SignerError:
    """What the rest of the house hears of it."""
    if isinstance(error, Stalled) or cure_of(error) is not None:
        return Unavailable(AWAY)
    return SignerError(N_("HSM từ chối thao tác này (%(code)s)."), code=type(error).__name__)
