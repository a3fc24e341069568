"""The one clock of the tests: it stands still until a test moves it."""

from datetime import UTC, datetime, timedelta

from signer.clock import Clock

MORNING = datetime(2026, 11, 23, 2, 0, 0, tzinfo=UTC)
"""A working day in November 2026, nine in the morning in Hanoi."""


class StandingClock(Clock):
    """Stands still until it is moved; `latest` is the latest instant it was moved to."""

    def __init__(self, at: datetime = MORNING) -> None:
        self.at = self.latest = at

    def now(self) -> datetime:
        """The instant it stands at."""
        return self.at

    def move(self, by: timedelta) -> None:
        """Goes on (or back) by that much."""
        self.at += by
        self.latest = max(self.latest, self.at)
