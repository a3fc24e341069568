"""A process learns what others changed in the ledger: it reads the tail of the audit chain."""

import threading
import time
from collections.abc import Callable

from signer.ca.ocsp_ledger import changes_after, first_changes
from signer.db import release
from signer.errors import N_, Unavailable

LOOK_SECONDS = 0.5
"""How old the last look may be before somebody has to look again."""
TRUST_SECONDS = 1.5
"""How old it may be while that somebody is still looking; a change must show within two seconds."""


class LedgerWatch:
    """What a process remembers of the ledger stays true: it is told what moved. For threads."""

    def __init__(self, forget: Callable[[frozenset[int] | None], None]) -> None:
        """`forget` gets the serials that moved, or None for all of them."""
        self._forget = forget
        self._looking = threading.Lock()
        self._looked_at = float("-inf")
        self.seen = 0
        """The last audit event that is known here; `forget` was told of all up to it."""
        self.newest_list = 0
        """The last of them that changed or published a revocation list."""

    def is_fresh(self) -> bool:
        """What is remembered may be said without another look; does not touch the database."""
        age = time.monotonic() - self._looked_at
        return age <= LOOK_SECONDS or (age <= TRUST_SECONDS and self._looking.locked())

    def look(self) -> None:
        """Whatever moved is forgotten, unless somebody looked just now; reads the database.

        `Unavailable` when somebody else has been looking for too long.
        """
        if not self._looking.acquire(timeout=TRUST_SECONDS):
            raise Unavailable(_SLOW)
        try:
            began = time.monotonic()
            if began - self._looked_at <= LOOK_SECONDS:
                return
            release()  # not what an earlier snapshot says
            changes = changes_after(self.seen) if self.seen else first_changes()
            release()
            # In this order: who remembers something it read before these changes either finds
            # that they were seen and lets it be, or is told to forget it.
            self.seen = changes.newest
            self.newest_list = max(self.newest_list, changes.newest_list)
            self._forget(changes.serials)
            self._looked_at = began
        finally:
            self._looking.release()


_SLOW = N_("Cơ sở dữ liệu trả lời quá chậm; hãy thử lại sau ít giây.")
