"""How fast a gap closes, how fast it should, and when it will be gone: pure arithmetic.

A gap is a number of persons still without a certificate. Days are taken at their end.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from signer.clock import HANOI

_TENTH = Decimal("0.1")
_FAR = 3650
"""Days; what ends later than in ten years does not end."""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """From one gap on one day to a smaller one on another, in a straight line."""

    first_day: date
    """The day before the campaign, at whose end the gap is `first_gap`."""
    last_day: date
    first_gap: int
    last_gap: int

    def ideal_on(self, day: date) -> Decimal:
        """The gap that the straight line leaves at the end of that day, to a tenth."""
        total = (self.last_day - self.first_day).days
        gone = min(max((day - self.first_day).days, 0), total)
        # Who joined on the last day has no line to be measured by, only the goal.
        share = Decimal(gone) / total if total else Decimal(1)
        steps = (self.last_gap - self.first_gap) * share
        # A goal that is reached already asks for nothing more.
        ideal = max(Decimal(self.first_gap) + steps, Decimal(self.last_gap))
        return ideal.quantize(_TENTH, rounding=ROUND_HALF_UP)

    def behind(self, gap: int, day: date) -> int:
        """Persons by which the gap is larger than the line allows; whole persons only, so that
        half a person is nobody's fault."""
        return max(0, gap - int(self.ideal_on(day).to_integral_value(rounding="ROUND_CEILING")))


def last_day(ends_on: date, closed_at: datetime | None, today: date) -> date:
    """The day whose end a campaign is seen at: today, until it is over or was closed."""
    closed_on = closed_at.astimezone(HANOI).date() if closed_at else today
    return min(today, ends_on, closed_on)


def gap_allowed(persons: int, target_percent: int) -> int:
    """How many may lack a certificate when the target is met: 98 % of 30 leaves nobody out."""
    return persons * (100 - target_percent) // 100


def pace(earlier_gap: int, gap: int, days: int) -> Decimal:
    """Persons a day, to a tenth; negative while the gap grows."""
    if days <= 0:
        return Decimal(0)
    return (Decimal(earlier_gap - gap) / days).quantize(_TENTH, rounding=ROUND_HALF_UP)


def ends_on(earlier_gap: int, gap: int, days: int, *, last_gap: int, day: date) -> date | None:
    """The day on which the goal is reached at this pace; None when it is not."""
    closed = earlier_gap - gap
    if gap <= last_gap:
        return day
    if closed <= 0 or days <= 0:
        return None
    more = -(-(gap - last_gap) * days // closed)
    return day + timedelta(days=more) if more <= _FAR else None


def points(a: int, b: int, most_points: int) -> Decimal:
    """a/b of the most points, to a tenth; the most only for all of b, as with rates (R54)."""
    exact = Decimal(a) * most_points / b
    rounded = exact.quantize(_TENTH, rounding=ROUND_HALF_UP)
    return rounded if rounded < most_points or a == b else most_points - _TENTH
