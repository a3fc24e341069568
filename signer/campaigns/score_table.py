"""The scoring table as it stands on a day: a/b of each unit, points, and ranks with their trend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from signer.accounts import SYSTEM, Actor, Permission
from signer.campaigns.kinds import Measure, TaskState
from signer.campaigns.models import Campaign, CampaignTask, Criterion, Evidence, Score
from signer.campaigns.pace import last_day, points
from signer.clock import HANOI
from signer.db import db
from signer.inventory.models import OrgUnit
from signer.inventory.service import Inventory
from signer.reports.coverage import Facet
from signer.reports.service import Reports

TREND_DAYS = 7
_FACETS = {
    Measure.COVERAGE: Facet.ALL,
    Measure.LEADERS: Facet.LEADER,
    Measure.ONE_STOP: Facet.ONE_STOP,
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one unit has in one criterion; no points where b is nothing: then it is not asked."""

    criterion: Criterion
    a: int | None
    b: int | None
    note: str
    evidence: tuple[Evidence, ...]

    @property
    def points(self) -> Decimal | None:
        """Of what is typed by hand, nothing typed is nothing earned."""
        if self.a is not None and self.b:
            return points(self.a, self.b, self.criterion.most_points)
        return Decimal(0) if self.criterion.measure == Measure.TYPED else None


@dataclass(frozen=True, kw_only=True)
class UnitScore:
    """One unit's line; the rank is among all units of the campaign."""

    unit: OrgUnit
    parts: tuple[Part, ...]
    rank: int = 0
    climbed: int = 0
    """Units overtaken since a week ago, less those that overtook it."""

    @property
    def points(self) -> Decimal:
        """The sum of all criteria."""
        return sum((part.points for part in self.parts if part.points is not None), Decimal(0))

    @property
    def most_points(self) -> int:
        """The points that are asked of the unit: whoever has no leader loses none for it."""
        return sum(part.criterion.most_points for part in self.parts if part.points is not None)

    @property
    def share(self) -> Decimal:
        """Of the points that are asked; what ranks go by."""
        return self.points / (self.most_points or 1)


def criteria_of(campaign: Campaign) -> Sequence[Criterion]:
    """The lines of the table that hold, in the order of their codes."""
    holding = select(Criterion).where(
        Criterion.campaign_id == campaign.id, Criterion.ended_at.is_(None)
    )
    return db.session.scalars(holding.order_by(Criterion.code)).all()


def verifies(actor: Actor, criterion: Criterion) -> bool:
    """True for the verifying unit's reporters and for those who manage the campaign."""
    campaign = db.session.get_one(Campaign, criterion.campaign_id)
    if actor.can(Permission.CAMPAIGN_MANAGE, campaign.unit_path):
        return True
    unit = criterion.verifier
    return unit is not None and actor.can(Permission.TASK_REPORT, unit.path)


def draw_table(
    actor: Actor, campaign: Campaign, today: date, inventory: Inventory, reports: Reports
) -> tuple[UnitScore, ...]:
    """The units directly below the campaign's own, those the actor sees, best first.

    Who verifies a line sees the whole table. A rank is told even where the figures it is made of
    are other units' business.
    """
    day = last_day(campaign.ends_on, campaign.closed_at, today)
    home = db.session.get_one(OrgUnit, campaign.unit_id)
    week_ago = max(day - timedelta(days=TREND_DAYS), campaign.starts_on)
    week_ago = min(max(week_ago, home.valid_from or week_ago), day)
    lines = _lines(campaign, home, day, inventory, reports)
    past_lines = _lines(campaign, home, week_ago, inventory, reports)
    now = {code: line.share for code, line in lines.items()}
    past = {code: line.share for code, line in past_lines.items()}
    sees_all = any(verifies(actor, criterion) for criterion in criteria_of(campaign))
    found = [
        replace(
            line,
            rank=1 + sum(other > now[code] for other in now.values()),
            climbed=_climbed(code, now, past),
        )
        for code, line in lines.items()
        if sees_all or actor.can(Permission.REPORT_VIEW, line.unit.path)
    ]
    return tuple(sorted(found, key=lambda row: row.rank))


def _lines(
    campaign: Campaign, home: OrgUnit, day: date, inventory: Inventory, reports: Reports
) -> dict[str, UnitScore]:
    """By unit code, where anybody is counted; what is typed by hand stands on every day."""
    counted = {
        measure: {
            unit.code: (unit.covered, unit.persons)
            for unit in reports.coverage(SYSTEM, as_of=day, unit_code=home.code, facet=facet).units
            if unit.persons
        }
        for measure, facet in _FACETS.items()
    }
    units = [unit for unit in inventory.children(home) if unit.code in counted[Measure.COVERAGE]]
    counted[Measure.TASKS] = _tasks_done(campaign.id, day, units)
    criteria = criteria_of(campaign)
    typed = {(score.criterion_id, score.unit_id): score for score in _of(Score, criteria)}
    files: dict[tuple[int, int], list[Evidence]] = {}
    for one in _of(Evidence, criteria):
        if one.withdrawn_at is None:
            files.setdefault((one.criterion_id, one.unit_id), []).append(one)

    def part(criterion: Criterion, unit: OrgUnit) -> Part:
        score = typed.get((criterion.id, unit.id))
        if criterion.measure == Measure.TYPED:
            a, b = (score.a, score.b) if score else (None, None)
        else:
            a, b = counted[Measure(criterion.measure)].get(unit.code, (None, None))
        return Part(
            criterion=criterion,
            a=a,
            b=b,
            note=score.note if score else "",
            evidence=tuple(files.get((criterion.id, unit.id), ())),
        )

    return {
        unit.code: UnitScore(unit=unit, parts=tuple(part(one, unit) for one in criteria))
        for unit in units
    }


def _of(model: Any, criteria: Sequence[Criterion]) -> Sequence[Any]:  # rows of Score or Evidence
    ids = [criterion.id for criterion in criteria]
    return db.session.scalars(select(model).where(model.criterion_id.in_(ids))).all()


def _climbed(code: str, now: Mapping[str, Decimal], past: Mapping[str, Decimal]) -> int:
    if code not in past:
        return 0
    mine, was = now[code], past[code]
    others = [(now[other], share) for other, share in past.items() if other in now]
    won = sum(share > was and today < mine for today, share in others)
    return won - sum(share < was and today > mine for today, share in others)


def _tasks_done(
    campaign_id: int, day: date, units: Sequence[OrgUnit]
) -> dict[str, tuple[int, int]]:
    """Tasks of each unit and of what is below it: done in time until that day, and all of them."""
    tasks = db.session.scalars(
        select(CampaignTask).where(CampaignTask.campaign_id == campaign_id)
    ).all()
    found = {}
    for unit in units:
        mine = [task for task in tasks if task.unit_path.startswith(unit.path)]
        done = sum(
            task.state == TaskState.DONE
            and task.reported_at is not None
            and task.reported_at.astimezone(HANOI).date() <= min(day, task.due_on)
            for task in mine
        )
        if mine:
            found[unit.code] = (done, len(mine))
    return found
