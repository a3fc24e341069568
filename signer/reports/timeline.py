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
_KINDS = (None, *PersonKind)
_NOT_COUNTED, _LACKING, _PENDING, _COVERED = range(4)
NOBODY = (0, _NOT_COUNTED)

Step = tuple[int, int, int]
"""From a day on: the unit's id, and facets and standing as `code`; (0, 0) while not counted."""


@dataclass(frozen=True, slots=True)
class Period:
    """Where a person sat, from one day to another, both included."""

    first: int
    last: int
    unit_id: int
    unit_path: str
    kind: PersonKind | None
    is_leader: bool
    is_one_stop: bool
    is_counted: bool
    has_left: bool


@dataclass(frozen=True, slots=True)
class Cover:
    """The days that one certificate covers, unless it is revoked, both included."""

    first: int
    last: int
    revoked: int
    """The day it was revoked or suspended; beyond LAST_DAY when it was not."""
    carrier: Carrier
    counts: bool
    is_own: bool
    """Of our own CA: its uses are signatures that we know of."""

    def holds_on(self, day: int) -> bool:
        """True on the days it covers."""
        return self.first <= day <= self.last and day < self.revoked


@dataclass(slots=True)
class History:
    """All that coverage needs to know of one person."""

    sort_key: str
    unit_path: str
    periods: list[Period] = field(default_factory=list)
    covers: list[Cover] = field(default_factory=list)
    waits: list[tuple[int, int]] = field(default_factory=list)
    """First and last day of each time that a request was open."""
    last_signed: int | None = None

    def counting(self, day: int) -> Iterator[Cover]:
        """The certificates that cover the person on the day."""
        return (cover for cover in self.covers if cover.counts and cover.holds_on(day))

    def period_on(self, day: int) -> Period | None:
        """Where the person sits on the day, counted or not."""
        return next((p for p in self.periods if p.first <= day <= p.last), None)

    def turns(self) -> set[int]:
        """Every day on which something may become different."""
        days = {LAST_DAY + 1}
        for period in self.periods:
            days |= {period.first, period.last + 1}
        for cover in self.covers:
            days |= {cover.first, min(cover.last + 1, cover.revoked)}
        for first, last in self.waits:
            days |= {first, last + 1}
        return days


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
    return day_number((until.astimezone(HANOI) + timedelta(seconds=1)).date() - timedelta(days=1))


def steps_of(history: History) -> tuple[Step, ...]:
    """The days on which the person's unit, facets or standing change, in order."""
    steps: list[Step] = []
    before = NOBODY
    for day in sorted(history.turns()):
        now = _state_on(history, day) if day <= LAST_DAY else before
        if now != before:
            steps.append((day, *now))
            before = now
    return tuple(steps)


def _state_on(history: History, day: int) -> tuple[int, int]:
    """The unit's id and the code of the day."""
    period = history.period_on(day)
    if period is None or not period.is_counted:
        return NOBODY
    code = _KINDS.index(period.kind) << 3 | period.is_leader << 6 | period.is_one_stop << 7
    carriers = [CARRIERS.index(cover.carrier) for cover in history.counting(day)]
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


@dataclass(frozen=True, slots=True)
class Now:
    """What the lists say of a person on one day, and the next day on which that may change."""

    unit_path: str
    kind: PersonKind | None
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


def now_of(history: History, today: int, unused_after_days: int) -> Now:
    """Where the person stands today."""
    period = history.period_on(today)
    code = _state_on(history, today)[1]
    standing = standing_in(code)
    is_covered = standing is Standing.COVERED
    unused_from = _unused_from(history, today, unused_after_days) if is_covered else None
    turns = [day for day in history.turns() if today < day <= LAST_DAY]
    if unused_from is not None and unused_from > today:
        turns.append(unused_from)
    counting = list(history.counting(today))
    return Now(
        unit_path=period.unit_path if period else history.unit_path,
        kind=period.kind if period else None,
        is_leader=period is not None and period.is_leader,
        is_one_stop=period is not None and period.is_one_stop,
        standing=standing,
        carrier=carrier_in(code),
        covered_since=_since(history, today) if is_covered else None,
        covered_until=max(cover.last for cover in counting) if is_covered else None,
        pending_since=min(f for f, last in history.waits if f <= today <= last)
        if standing is Standing.PENDING
        else None,
        is_unused=unused_from is not None and unused_from <= today,
        must_revoke=period is not None
        and period.has_left
        and any(cover.holds_on(today) for cover in history.covers),
        next_on=min(turns, default=None),
    )


def _since(history: History, today: int, *, only_own: bool = False) -> int | None:
    """The first day of the unbroken cover that reaches to today; None without one."""
    covers = [c for c in history.covers if c.counts and (c.is_own or not only_own)]
    since = None
    day = today
    while firsts := [c.first for c in covers if c.holds_on(day)]:
        since = min(firsts)
        day = since - 1
    return since


def _unused_from(history: History, today: int, days: int) -> int | None:
    """The day from which a certificate of ours counts as issued and not used (R55)."""
    since = _since(history, today, only_own=True)
    return None if since is None else max(since, history.last_signed or 0) + days


def spans(steps: Sequence[Step]) -> Iterator[tuple[int, Step, Step]]:
    """Each step's day, with what held before it and what holds from it on."""
    yield from ((b[0], a, b) for a, b in pairwise(((0, *NOBODY), *steps)))
