"""The days behind an invented city: it was not all done this morning."""

from datetime import datetime, timedelta

from signer.clock import Clock

HISTORY_DAYS = 60
"""How long ago the demo begins."""


class EarlierClock(Clock):
    """A clock that goes right but is so many days behind, until it is told to be fewer."""

    def __init__(self, days: int) -> None:
        self._behind = timedelta(days=days)

    def now(self) -> datetime:
        """The instant that it shows."""
        return super().now() - self._behind

    def come_to(self, days_ago: int) -> None:
        """So many days are left; never more than before, for what happened stays in order."""
        self._behind = min(self._behind, timedelta(days=days_ago))
