"""What a person is on each day, as steps: a pure function of periods, certificates and requests.

Days are numbers since 01/01/2000, and a day is taken at its end in Hanoi. A certificate covers a
day when it was issued before the day ended, is valid through the day's last second, and was not
revoked or suspended before the day ended.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
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
_KINDS: dict[str | None, int] = {None: 0}
_KINDS |= {kind.value: place for place, kind in enumerate(PersonKind, start=1)}
_LEADER, _ONE_STOP = FACETS.index(Facet.LEADER), FACETS.index(Facet.ONE_STOP)
_NOT_COUNTED, _LACKING, _PENDING, _COVERED = range(4)
NOBODY = (0, _NOT_COUNTED)

Step = tuple[int, int, int]
"""From a day on: the unit's id, and facets and standing as `code`; (0, 0) while not counted."""
Days = tuple[int, int]
"""From one day to another, both included."""


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


@dataclass
class History:
    """All that coverage needs to know of one person; complete before `by_carrier` is asked for."""

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

    @cached_property
    def by_carrier(self) -> list[tuple[int, Days]]:
        """The unbroken times of the certificates that count, with the carrier's place."""
        counting: dict[Carrier, list[Cover]] = {}
        for cover in self.covers:
            if cover.counts:
                counting.setdefault(cover.carrier, []).append(cover)
        return [(CARRIERS.index(one), days) for one in counting for days in joined(counting[one])]

    @cached_property
    def turns(self) -> list[int]:
        """The days on which something of the person begins, or is over, in order."""
        spans = [(period.first, period.last) for period in self.periods]
        spans += [days for _, days in self.by_carrier] + self.waits
        return sorted({day for a, b in spans for day in (a, b + 1) if day <= LAST_DAY})


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


def steps_of(history: History) -> tuple[Step, ...]:
    """The days on which the person's unit, facets or standing change, in order."""
    steps: list[Step] = []
    before = NOBODY
    for day in history.turns:
        now = _state_on(history, day)
        if now != before:
            steps.append((day, *now))
            before = now
    return tuple(steps)


def _state_on(history: History, day: int) -> tuple[int, int]:
    """The unit's id and the code of the day."""
    period = history.period_on(day)
    if period is None or not period.is_counted:
        return NOBODY
    code = _KINDS[period.kind] << 3 | period.is_leader << 6 | period.is_one_stop << 7
    carriers = [place for place, days in history.by_carrier if days[0] <= day <= days[1]]
    if carriers:
        return period.unit_id, code | _COVERED + min(carriers)
    return period.unit_id, code | (_PENDING if _around(day, history.waits) else _LACKING)


def state_at(steps: Sequence[Step], day: int) -> tuple[int, int]:
    """The unit's id and the code of the day, from the steps."""
    past = [step for step in steps if step[0] <= day]
    return past[-1][1:] if past else NOBODY


def standing_in(code: int) -> Standing | None:
    """The standing in a step's code; None for who is not counted."""
    return (None, Standing.LACKING, Standing.PENDING, Standing.COVERED)[min(code & 7, _COVERED)]


def carrier_in(code: int) -> Carrier | None:
    """The carrier in a step's code, of who is covered."""
    return CARRIERS[(code & 7) - _COVERED] if code & 7 >= _COVERED else None


def facets_in(code: int) -> tuple[int, ...]:
    """The places in FACETS of the groups that a step's code belongs to."""
    if not code & 7:
        return ()
    groups = (code >> 3 & 7, _LEADER if code & 1 << 6 else 0, _ONE_STOP if code & 1 << 7 else 0)
    return (0, *filter(None, groups))


def pack(steps: Iterable[Step]) -> bytes:
    """Seven bytes a step."""
    return b"".join(_STEP.pack(*step) for step in steps)


def unpack(packed: bytes) -> tuple[Step, ...]:
    """What was packed."""
    return tuple(_STEP.iter_unpack(packed))


class Now(NamedTuple):
    """What the lists say of a person on one day, and the next day on which that may change."""

    unit_path: str
    kind: str | None = None
    is_leader: bool = False
    is_one_stop: bool = False
    standing: Standing | None = None
    carrier: Carrier | None = None
    covered_until: int | None = None
    pending_since: int | None = None
    is_unused: bool = False
    must_revoke: bool = False
    next_on: int | None = None


def now_of(history: History, steps: Sequence[Step], today: int, unused_after_days: int) -> Now:
    """Where the person stands today; the steps are the history's own."""
    period = history.period_on(today)
    code = state_at(steps, today)[1]
    standing = standing_in(code)
    held = _around(today, joined(history.covers))

    def unbroken(covers: list[Cover]) -> Days | None:  # most often they are all, and looked at once
        return held if len(covers) == len(history.covers) else _around(today, joined(covers))

    counting = [one for one in history.covers if one.counts and standing is Standing.COVERED]
    covered = unbroken(counting)
    in_use = unbroken([one for one in counting if one.is_own])
    coming = [day for day in history.turns if day > today]
    if held and held[1] < LAST_DAY:
        coming.append(held[1] + 1)
    is_unused = False
    if in_use:  # issued and not used (R55)
        unused_from = max(in_use[0], history.last_signed or 0) + unused_after_days
        is_unused = unused_from <= today
        if not is_unused:
            coming.append(unused_from)
    waits = [first for first, last in history.waits if first <= today <= last]
    return Now(
        unit_path=period.unit_path if period else history.unit_path,
        kind=period.kind if period else None,
        is_leader=period is not None and period.is_leader,
        is_one_stop=period is not None and period.is_one_stop,
        standing=standing,
        carrier=carrier_in(code),
        covered_until=covered[1] if covered else None,
        pending_since=min(waits) if standing is Standing.PENDING else None,
        is_unused=is_unused,
        must_revoke=period is not None and period.has_left and held is not None,
        next_on=min(coming, default=None),
    )


def _around(day: int, times: Iterable[Days]) -> Days | None:
    """The time that the day lies in."""
    return next((days for days in times if days[0] <= day <= days[1]), None)
