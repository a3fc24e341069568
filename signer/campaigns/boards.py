"""The sprint board: how far, how fast, who is behind, and what to do first this morning."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal

from sqlalchemy import select

from signer.accounts import SYSTEM
from signer.accounts.models import Account, RoleGrant
from signer.accounts.permissions import Role
from signer.campaigns.kinds import LackCause, TaskState
from signer.campaigns.models import Campaign
from signer.campaigns.pace import Goal, ends_on, gap_allowed, pace
from signer.campaigns.tasks import Task
from signer.clock import Clock
from signer.db import db
from signer.inventory.models import OrgUnit, Person, UnitDuty
from signer.reports.coverage import Coverage, Figures
from signer.reports.service import Reports

PACE_DAYS = 14
"""Two weeks: long enough for one weekend's silence to be no trend."""
QUICK_GAP = 10
"""So few are one request: easy before hard, small before big (domain.md 6.1)."""


@dataclass(frozen=True, kw_only=True)
class UnitLine:
    """One unit on the board, with everything below it."""

    code: str
    name: str
    path: str
    figures: Figures
    goal: Goal
    closed: int
    """By how many persons the gap shrank in the last `Board.pace_days`."""
    behind: int
    """By how many persons the gap is larger than the ideal line allows today."""
    ends_on: date | None
    heads: tuple[str, ...]
    """Who answers for it: those who approve for it, else its focal officer."""
    late_tasks: int

    @property
    def is_done(self) -> bool:
        """True when no more than the target leaves out is missing."""
        return self.figures.gap <= self.goal.last_gap

    @property
    def is_quick(self) -> bool:
        """True when one small request finishes the unit."""
        return not self.is_done and self.figures.gap <= QUICK_GAP


@dataclass(frozen=True, kw_only=True)
class Board:
    """A campaign as one unit with its subtree sees it on a day."""

    campaign: Campaign
    unit_code: str
    unit_name: str
    day: date
    """Today, or the last day when the campaign is over."""
    day_number: int
    """1 on the first day; 0 or less before it."""
    days: int
    days_left: int
    """With today; 0 when it is over."""
    figures: Figures
    goal: Goal
    points: tuple[tuple[date, int], ...]
    """The gap at the end of each day so far, beginning with the day before the first."""
    pace_days: int
    per_day: Decimal
    needed_per_day: Decimal | None
    """None when nothing is missing, or no day is left."""
    ends_on: date | None
    lines: tuple[UnitLine, ...]
    """The smallest gap first, and those who are done last."""
    direct: Figures
    tasks: tuple[Task, ...]
    causes: Mapping[LackCause, int]
    overdue_causes: int

    @property
    def behind(self) -> int:
        """By how many persons the whole is behind the ideal line."""
        return self.goal.behind(self.figures.gap, self.day)

    @property
    def is_done(self) -> bool:
        """True when the target is met."""
        return self.figures.gap <= self.goal.last_gap

    @property
    def quick(self) -> tuple[UnitLine, ...]:
        """The quick wins."""
        return tuple(line for line in self.lines if line.is_quick)

    @property
    def done(self) -> tuple[UnitLine, ...]:
        """The units that met the target."""
        return tuple(line for line in self.lines if line.is_done)

    @property
    def late(self) -> tuple[UnitLine, ...]:
        """Units behind the line or with late tasks, the farthest behind first (R59)."""
        found = [line for line in self.lines if line.behind or line.late_tasks]
        return tuple(sorted(found, key=lambda line: (-line.behind, -line.late_tasks, line.code)))

    def count_tasks(self, state: str) -> int:
        """How many tasks stand so."""
        return sum(task.state == state for task in self.tasks)


def draw_board(
    clock: Clock,
    reports: Reports,
    campaign: Campaign,
    unit: OrgUnit,
    *,
    tasks: Sequence[Task],
    causes: tuple[Mapping[LackCause, int], int],
) -> Board:
    """The board of the unit's subtree; the caller has checked that the actor may see it."""
    today = clock.today()
    day = min(today, campaign.ends_on)
    first = min(campaign.starts_on - timedelta(days=1), day)
    if unit.valid_from is not None:  # a unit opened since then begins with its first day
        first = min(max(first, unit.valid_from), day)
    earlier_day = max(first, day - timedelta(days=PACE_DAYS))
    now = reports.coverage(SYSTEM, as_of=day, unit_code=unit.code)
    start = reports.coverage(SYSTEM, as_of=first, unit_code=unit.code)
    earlier = reports.coverage(SYSTEM, as_of=earlier_day, unit_code=unit.code)
    trend = reports.trend(SYSTEM, until=day, days=(day - first).days + 1, unit_code=unit.code)
    days = (day - earlier_day).days
    goal = _goal(campaign, first, trend[0].figures, now)
    days_left = max(0, (campaign.ends_on - max(day, campaign.starts_on)).days + 1)
    days_left = 0 if campaign.ends_on < today else days_left
    missing = now.gap - goal.last_gap
    return Board(
        campaign=campaign,
        unit_code=unit.code,
        unit_name=unit.name,
        day=day,
        day_number=(day - campaign.starts_on).days + 1,
        days=(campaign.ends_on - campaign.starts_on).days + 1,
        days_left=days_left,
        figures=now,
        goal=goal,
        points=tuple((one.day, one.figures.gap) for one in trend),
        pace_days=days,
        per_day=pace(earlier.gap, now.gap, days),
        needed_per_day=_needed(missing, days_left),
        ends_on=ends_on(earlier.gap, now.gap, days, last_gap=goal.last_gap, day=day),
        lines=_lines(campaign, first, day, (start, earlier, now), days, tasks),
        direct=now.direct,
        tasks=tuple(tasks),
        causes=causes[0],
        overdue_causes=causes[1],
    )


def _lines(
    campaign: Campaign,
    first: date,
    day: date,
    figures: tuple[Coverage, Coverage, Coverage],
    days: int,
    tasks: Sequence[Task],
) -> tuple[UnitLine, ...]:
    start, earlier, now = figures
    at_start = {unit.code: unit for unit in start.units}
    at_earlier = {unit.code: unit for unit in earlier.units}
    paths = _paths([unit.code for unit in now.units])
    heads = _heads(list(paths.values()))
    lines = []
    for unit in now.units:
        if not unit.persons:
            continue
        goal = _goal(campaign, first, at_start.get(unit.code, unit), unit)
        before = at_earlier.get(unit.code, unit).gap
        path = paths[unit.code]
        lines.append(
            UnitLine(
                code=unit.code,
                name=unit.name,
                path=path,
                figures=unit,
                goal=goal,
                closed=before - unit.gap,
                behind=goal.behind(unit.gap, day),
                ends_on=ends_on(before, unit.gap, days, last_gap=goal.last_gap, day=day),
                heads=heads[path],
                late_tasks=sum(
                    task.state is TaskState.LATE and task.unit_path.startswith(path)
                    for task in tasks
                ),
            )
        )
    lines.sort(key=lambda line: (line.is_done, line.figures.gap, line.code))
    return tuple(lines)


def _goal(campaign: Campaign, first: date, start: Figures, now: Figures) -> Goal:
    """Measured by the people of today: who came or left since then came or left for good."""
    return Goal(
        first_day=first,
        last_day=campaign.ends_on,
        first_gap=start.gap,
        last_gap=gap_allowed(now.persons, campaign.target_percent),
    )


def _needed(missing: int, days_left: int) -> Decimal | None:
    if missing <= 0 or days_left <= 0:
        return None
    return (Decimal(missing) / days_left).quantize(Decimal("0.1"), rounding=ROUND_CEILING)


def _paths(codes: Sequence[str]) -> dict[str, str]:
    rows = db.session.execute(select(OrgUnit.code, OrgUnit.path).where(OrgUnit.code.in_(codes)))
    return {row.code: row.path for row in rows}


def _heads(paths: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Who answers for each unit, by its path; nobody where neither is known."""
    approvers = db.session.execute(
        select(RoleGrant.scope_path, Account.display_name)
        .join(Account, Account.id == RoleGrant.account_id)
        .where(
            RoleGrant.role == Role.APPROVER,
            RoleGrant.scope_path.in_(paths),
            RoleGrant.valid_to.is_(None),
            Account.disabled_at.is_(None),
        )
    )
    officers = db.session.execute(
        select(OrgUnit.path, Person.full_name)
        .join(UnitDuty, UnitDuty.unit_id == OrgUnit.id)
        .join(Person, Person.id == UnitDuty.person_id)
        .where(OrgUnit.path.in_(paths), UnitDuty.valid_to.is_(None), UnitDuty.duty == "focal")
    )
    found: dict[str, list[str]] = defaultdict(list)
    for path, name in approvers:
        found[path].append(name)
    for path, name in officers:
        if not found[path]:
            found[path].append(name)
    return defaultdict(tuple, {path: tuple(sorted(names)) for path, names in found.items()})
