"""What a person is on each day, as steps: a pure function of periods, certificates and requests.

Days are numbers since 01/01/2000, and a day is taken at its end in Hanoi. A certificate covers a
day when it was issued before the day ended, is valid through the day's last second, and was not
revoked or suspended before the day ended.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from signer.clock import HANOI
from signer.inventory.kinds import PersonKind
from signer.outside.kinds import Carrier
from signer.reports.coverage import Facet, Standing

_FIRST = date(2000, 1, 1)
LAST_DAY = 0xFFFF
"""In the year 2179; what has no end reaches to it."""
_STEP = struct.Struct(">HIB")


FACETS = tuple(Facet)
CARRIERS = tuple(Carrier)
"""In the order of which one counts for a person who has several: the official device first."""
_KINDS: dict[str | None, int] = {
    None: 0,
    **{kind.value: place for place, kind in enumerate(PersonKind, start=1)},
}
_NOT_COUNTED, _LACKING, _PENDING, _COVERED = range(4)
NOBODY = (0, _NOT_COUNTED)

Step = tuple[int, int, int]
"""From a day on: the unit's id, and facets and standing as `code`; (0, 0) while not counted."""


class Period(NamedTuple):  # made by the million, and a frozen dataclass takes three times as long
    """Where a person sat, from one day to another, both included."""

    first: int
    last: int
    unit_id: int
    unit_path: str
    kind: str | None
    is_leader: bool
    is_one_stop: bool
    is_counted: bool
    has_left: bool


class Cover(NamedTuple):
    """The days that one certificate covers, both included; none when the last is earlier."""

    first: int
    last: int
    carrier: Carrier
    counts: bool
    is_own: bool
    """Of our own CA: its uses are signatures that we know of."""


Days = tuple[int, int]
"""From one day to another, both included."""


@dataclass(slots=True)
class History:
    """All that coverage needs to know of one person."""

    sort_key: str
    unit_path: str
    periods: list[Period] = field(default_factory=list)
    covers: list[Cover] = field(default_factory=list)
    waits: list[Days] = field(default_factory=list)
    """Each time that a request was open."""
    last_signed: int | None = None

    def period_on(self, day: int) -> Period | None:
        """Where the person sits on the day, counted or not."""
        return next((p for p in self.periods if p.first <= day <= p.last), None)

    def times(self) -> "Times":
        """When certificates cover the person, unbroken by renewals."""
        counting = [cover for cover in self.covers if cover.counts]
        own = [cover for cover in counting if cover.is_own]
        covered = joined(counting)
        by_carrier: list[tuple[int, Days]] = []
        carriers = {cover.carrier for cover in counting}
        for carrier in carriers:
            theirs = [cover for cover in counting if cover.carrier is carrier]
            days = covered if len(carriers) == 1 else joined(theirs)
            by_carrier += [(CARRIERS.index(carrier), one) for one in days]
        return Times(
            by_carrier=by_carrier,
            covered=covered,
            own=covered if len(own) == len(counting) else joined(own),
            held=covered if len(counting) == len(self.covers) else joined(self.covers),
        )


class Times(NamedTuple):
    """The unbroken times of one person's certificates."""

    by_carrier: list[tuple[int, Days]]
    """Those that count, with the carrier's place."""
    covered: list[Days]
    """Those that count, whatever the carrier."""
    own: list[Days]
    """Those that count and are our own CA's."""
    held: list[Days]
    """All."""


def joined(covers: Iterable[Cover]) -> list[Days]:
    """The unbroken times in which at least one of these certificates covers every day."""
    found: list[Days] = []
    for first, last in sorted((cover.first, cover.last) for cover in covers):
        if last < first:
            continue
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def day_number(day: date) -> int:
    """The number of a day; everything before 2000 is taken as that year's first day."""
    return min(max((day - _FIRST).days, 0), LAST_DAY)


def day_of(number: int) -> date:
    """The day of a number."""
    return _FIRST + timedelta(days=number)


def day_at(instant: datetime) -> int:
    """The number of the day it is in Hanoi at the instant."""
    return day_number(instant.astimezone(HANOI).date())


def last_covered(until: datetime) -> int:
    """The last day through whose last second something is valid that ends with this second."""
    if until.year == date.max.year:  # 99991231235959Z says: no end (RFC 5280, 4.1.2.5)
        return LAST_DAY
    return day_number((until.astimezone(HANOI) + timedelta(seconds=1)).date() - timedelta(days=1))


def steps_of(history: History, times: Times) -> tuple[Step, ...]:
    """The days on which the person's unit, facets or standing change, in order."""
    steps: list[Step] = []
    before = NOBODY
    for day in _turns(history, times.by_carrier):
        now = _state_on(history, times.by_carrier, day)
        if now != before:
            steps.append((day, *now))
            before = now
    return tuple(steps)


def _turns(history: History, by_carrier: Iterable[tuple[int, Days]]) -> list[int]:
    """The days on which something of the person begins, or is over, in order."""
    days = set()
    for period in history.periods:
        days |= {period.first, period.last + 1}
    for _, (first, last) in by_carrier:
        days |= {first, last + 1}
    for first, last in history.waits:
        days |= {first, last + 1}
    return sorted(day for day in days if day <= LAST_DAY)


def _state_on(history: History, stretches: Sequence[tuple[int, Days]], day: int) -> tuple[int, int]:
    """The unit's id and the code of the day."""
    period = history.period_on(day)
    if period is None or not period.is_counted:
        return NOBODY
    code = _KINDS[period.kind] << 3 | period.is_leader << 6 | period.is_one_stop << 7
    carriers = [place for place, (first, last) in stretches if first <= day <= last]
    if carriers:
        return period.unit_id, code | _COVERED + min(carriers)
    is_waiting = any(first <= day <= last for first, last in history.waits)
    return period.unit_id, code | (_PENDING if is_waiting else _LACKING)


def state_at(steps: Sequence[Step], day: int) -> tuple[int, int]:
    """The unit's id and the code of the day, from the steps."""
    found = NOBODY
    for first, unit_id, code in steps:
        if first > day:
            break
        found = (unit_id, code)
    return found


def standing_in(code: int) -> Standing | None:
    """The standing in a step's code; None for who is not counted."""
    return (None, Standing.LACKING, Standing.PENDING, Standing.COVERED)[min(code & 7, _COVERED)]


def carrier_in(code: int) -> Carrier | None:
    """The carrier in a step's code, of who is covered."""
    return CARRIERS[(code & 7) - _COVERED] if code & 7 >= _COVERED else None


def facets_in(code: int) -> tuple[int, ...]:
    """The places in FACETS of the groups that a step's code belongs to."""
    groups = [0]
    if kind := code >> 3 & 7:
        groups.append(kind)
    if code & 1 << 6:
        groups.append(FACETS.index(Facet.LEADER))
    if code & 1 << 7:
        groups.append(FACETS.index(Facet.ONE_STOP))
    return tuple(groups) if code & 7 else ()


def pack(steps: Iterable[Step]) -> bytes:
    """Seven bytes a step."""
    return b"".join(_STEP.pack(*step) for step in steps)


def unpack(packed: bytes) -> tuple[Step, ...]:
    """What was packed."""
    return tuple(_STEP.iter_unpack(packed))


class Now(NamedTuple):
    """What the lists say of a person on one day, and the next day on which that may change."""

    unit_path: str
    kind: str | None
    is_leader: bool
    is_one_stop: bool
    standing: Standing | None
    carrier: Carrier | None
    covered_since: int | None
    covered_until: int | None
    pending_since: int | None
    is_unused: bool
    must_revoke: bool
    next_on: int | None


NOWHERE = Now("", None, False, False, None, None, None, None, None, False, False, None)
"""Of somebody who does not count, and of whom nothing is known."""


def now_of(
    history: History, times: Times, steps: Sequence[Step], today: int, unused_after_days: int
) -> Now:
    """Where the person stands today; times and steps are the history's own."""
    period = history.period_on(today)
    code = state_at(steps, today)[1]
    standing = standing_in(code)
    is_covered = standing is Standing.COVERED
    covered = _around(today, times.covered) if is_covered else None
    in_use = _around(today, times.own) if is_covered else None
    coming = [day for day in _turns(history, times.by_carrier) if day > today]
    coming += [last + 1 for first, last in times.held if first <= today <= last < LAST_DAY]
    unused_from = None
    if in_use is not None:  # issued and not used (R55)
        unused_from = max(in_use[0], history.last_signed or 0) + unused_after_days
        if unused_from > today:
            coming.append(unused_from)
    waits = [first for first, last in history.waits if first <= today <= last]
    return Now(
        unit_path=period.unit_path if period else history.unit_path,
        kind=period.kind if period else None,
        is_leader=period is not None and period.is_leader,
        is_one_stop=period is not None and period.is_one_stop,
        standing=standing,
        carrier=carrier_in(code),
        covered_since=covered[0] if covered else None,
        covered_until=covered[1] if covered else None,
        pending_since=min(waits) if standing is Standing.PENDING else None,
        is_unused=unused_from is not None and unused_from <= today,
        must_revoke=period is not None
        and period.has_left
        and _around(today, times.held) is not None,
        next_on=min(coming, default=None),
    )


def _around(day: int, times: Iterable[Days]) -> Days | None:
    """The time that the day lies in."""
    return next((days for days in times if days[0] <= day <= days[1]), None)


def spans(steps: Sequence[Step]) -> Iterator[tuple[int, Step, Step]]:
    """Each step's day, with what held before it and what holds from it on."""
    yield from ((b[0], a, b) for a, b in pairwise(((0, *NOBODY), *steps)))
