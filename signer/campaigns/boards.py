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
from signer.campaigns.pace import Goal, ends_on, gap_allowed, last_day, pace
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
    figures: Figures
    goal: Goal
    closed: int
    """By how many persons the gap shrank in the last `Board.pace_days`."""
    behind: int
    """By how many persons the gap is larger than the ideal line allows today."""
    ends_on: date | None
    heads: Sequence[str]
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
    unit: OrgUnit
    day: date
    """Today, or the last day when the campaign is over."""
    days_left: int
    """With today; 0 when it is over."""
    figures: Coverage
    goal: Goal
    points: tuple[tuple[date, int], ...]
    """The gap at the end of each day so far, beginning with the day before the first."""
    pace_days: int
    per_day: Decimal
    ends_on: date | None
    lines: tuple[UnitLine, ...]
    """The smallest gap first, and those who are done last."""
    tasks: tuple[Task, ...]
    causes: Mapping[LackCause, int]
    overdue_causes: int

    @property
    def day_number(self) -> int:
        """1 on the first day; 0 or less before it."""
        return (self.day - self.campaign.starts_on).days + 1

    @property
    def days(self) -> int:
        """How many the campaign has."""
        return (self.campaign.ends_on - self.campaign.starts_on).days + 1

    @property
    def needed_per_day(self) -> Decimal | None:
        """None when nothing is missing, or no day is left."""
        if self.is_done or not self.days_left:
            return None
        missing = Decimal(self.figures.gap - self.goal.last_gap)
        return (missing / self.days_left).quantize(Decimal("0.1"), rounding=ROUND_CEILING)

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
    day = last_day(campaign.ends_on, campaign.closed_at, clock.today())
    first = min(campaign.starts_on - timedelta(days=1), day)
    if unit.valid_from is not None:  # a unit opened since then begins with its first day
        first = min(max(first, unit.valid_from), day)
    days = min((day - first).days, PACE_DAYS)

    def figures_on(day: date) -> Coverage:
        return reports.coverage(SYSTEM, as_of=day, unit_code=unit.code)

    start, earlier, now = (figures_on(one) for one in (first, day - timedelta(days=days), day))
    trend = reports.trend(SYSTEM, until=day, days=(day - first).days + 1, unit_code=unit.code)
    goal = _goal(campaign, first, trend[0].figures, now)
    is_over = campaign.closed_at is not None or clock.today() > campaign.ends_on
    return Board(
        campaign=campaign,
        unit=unit,
        day=day,
        days_left=0 if is_over else (campaign.ends_on - max(day, campaign.starts_on)).days + 1,
        figures=now,
        goal=goal,
        points=tuple((one.day, one.figures.gap) for one in trend),
        pace_days=days,
        per_day=pace(earlier.gap, now.gap, days),
        ends_on=ends_on(earlier.gap, now.gap, days, last_gap=goal.last_gap, day=day),
        lines=_lines(campaign, (start, earlier, now), days, tasks),
        tasks=tuple(tasks),
        causes=causes[0],
        overdue_causes=causes[1],
    )


def _lines(
    campaign: Campaign,
    figures: tuple[Coverage, Coverage, Coverage],
    days: int,
    tasks: Sequence[Task],
) -> tuple[UnitLine, ...]:
    start, earlier, now = figures
    at_start = {unit.code: unit for unit in start.units}
    at_earlier = {unit.code: unit for unit in earlier.units}
    paths = _paths([unit.code for unit in now.units])
    heads = _heads(list(paths.values()))
    late = [task.row.unit_path for task in tasks if task.state is TaskState.LATE]
    lines = []
    for unit in now.units:
        if not unit.persons:
            continue
        goal = _goal(campaign, start.as_of, at_start.get(unit.code, unit), unit)
        before, path = at_earlier.get(unit.code, unit).gap, paths[unit.code]
        lines.append(
            UnitLine(
                code=unit.code,
                name=unit.name,
                figures=unit,
                goal=goal,
                closed=before - unit.gap,
                behind=goal.behind(unit.gap, now.as_of),
                ends_on=ends_on(before, unit.gap, days, last_gap=goal.last_gap, day=now.as_of),
                heads=heads[path],
                late_tasks=sum(task_path.startswith(path) for task_path in late),
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


def _paths(codes: Sequence[str]) -> dict[str, str]:
    """Where the open unit of each code stands: a renamed one is two rows."""
    wanted = select(OrgUnit.code, OrgUnit.path).where(OrgUnit.code.in_(codes))
    wanted = wanted.order_by(OrgUnit.valid_to.is_(None), OrgUnit.id)  # the last one stays
    return {row.code: row.path for row in db.session.execute(wanted)}


def _heads(paths: Sequence[str]) -> Mapping[str, Sequence[str]]:
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
        .order_by(Account.display_name)
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
        if path not in found:
            found[path].append(name)
    return found
