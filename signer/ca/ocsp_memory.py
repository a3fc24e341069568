"""The OCSP answers that one process remembers: found by the CertID's bytes, forgotten by serial."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from signer.ca.ocsp import Answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Remembered:
    """An answer about a known certificate, which will say the same for some time yet."""

    answer: Answer
    serial: int
    this_update: datetime
    next_update: datetime
    renew_at: datetime
    """From then on somebody should have a new one signed."""


class AnswerMemory:
    """At most `limit` answers; the one not asked for longest makes room. Threads may share it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._answers: OrderedDict[bytes, Remembered] = OrderedDict()
        self._of_serial: dict[int, set[bytes]] = {}
        self._lock = threading.Lock()  # over changes; reading needs none

    def __len__(self) -> int:
        return len(self._answers)

    def find(self, cert_id: bytes) -> Remembered | None:
        """What is remembered for this CertID."""
        try:
            found = self._answers[cert_id]
            self._answers.move_to_end(cert_id)
        except KeyError:  # not there, or no longer
            return None
        return found

    def put(self, cert_id: bytes, remembered: Remembered, is_true: Callable[[], bool]) -> None:
        """Remembered if `is_true` says so, asked while nothing can be forgotten."""
        with self._lock:
            if not is_true():
                return
            self._answers[cert_id] = remembered
            self._of_serial.setdefault(remembered.serial, set()).add(cert_id)
            while len(self._answers) > self._limit:
                oldest, gone = self._answers.popitem(last=False)
                others = self._of_serial[gone.serial]
                others.discard(oldest)
                if not others:
                    del self._of_serial[gone.serial]

    def forget(self, serials: Iterable[int] | None) -> None:
        """Nothing is remembered about these certificates; about none at all, when None."""
        with self._lock:
            if serials is None:
                self._answers.clear()
                self._of_serial.clear()
                return
            for serial in serials:
                for cert_id in self._of_serial.pop(serial, ()):
                    del self._answers[cert_id]
