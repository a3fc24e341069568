"""The one source of the time, so that tests can replace it."""

from datetime import UTC, date, datetime, timedelta, timezone

HANOI = timezone(timedelta(hours=7), "+07:00")
"""Vietnam's only zone, without daylight saving time, whatever zone the server is in (R66)."""


class Clock:
    """The system's clock in UTC; a test hands in a subclass that stands still."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return datetime.now(UTC)

    def today(self) -> date:
        """The calendar day it is in Hanoi now."""
        return self.now().astimezone(HANOI).date()
