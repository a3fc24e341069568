"""The scoring table as it stands on a day: a/b of each unit, points, and ranks with their trend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from signer.accounts import SYSTEM, Actor, Permission
from signer.campaigns.kinds import Measure, TaskState
from signer.campaigns.models import Campaign, CampaignTask, Criterion, Evidence, Score
from signer.campaigns.pace import points
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
_Shares = Mapping[str, tuple[int, int]]
"""(a, b) by unit code."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one unit has in one criterion; no points where b is nothing: then it is not asked."""

    criterion: Criterion
    a: int | None
    b: int | None
    points: Decimal | None
    note: str
    verified_by: str | None
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, kw_only=True)
class UnitScore:
    """One unit's line; the rank is among all units of the campaign."""

    code: str
    name: str
    parts: tuple[Part, ...]
    points: Decimal
    most_points: int
    rank: int
    climbed: int
    """Units overtaken since a week ago, less those that overtook it."""


@dataclass(frozen=True, kw_only=True)
class _Line:
    unit: OrgUnit
    parts: tuple[Part, ...]

    @property
    def points(self) -> Decimal:
        return sum((part.points for part in self.parts if part.points is not None), Decimal(0))

    @property
    def share(self) -> Decimal:
        """Of the points that are asked of the unit: whoever has no leader loses none for it."""
        return self.points / (self.asked or 1)

    @property
    def asked(self) -> int:
        return sum(part.criterion.most_points for part in self.parts if part.points is not None)


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
    unit = db.session.get(OrgUnit, criterion.verifier_id) if criterion.verifier_id else None
    return unit is not None and actor.can(Permission.TASK_REPORT, unit.path)


def draw_table(
    actor: Actor, campaign: Campaign, today: date, inventory: Inventory, reports: Reports
) -> tuple[UnitScore, ...]:
    """The units directly below the campaign's own, those the actor sees, best first.

    Who verifies a line sees the whole table. A rank is told even where the figures it is made of
    are other units' business.
    """
    day = min(today, campaign.ends_on)
    week_ago = max(campaign.starts_on, day - timedelta(days=TREND_DAYS))
    lines = _lines(campaign, day, inventory, reports)
    now = {code: line.share for code, line in lines.items()}
    past = {
        code: line.share
        for code, line in _lines(campaign, min(week_ago, day), inventory, reports).items()
    }
    sees_all = any(verifies(actor, criterion) for criterion in criteria_of(campaign))
    found = [
        UnitScore(
            code=code,
            name=line.unit.name,
            parts=line.parts,
            points=line.points,
            most_points=line.asked,
            rank=1 + sum(other > now[code] for other in now.values()),
            climbed=_climbed(code, now, past),
        )
        for code, line in lines.items()
        if sees_all or actor.can(Permission.REPORT_VIEW, line.unit.path)
    ]
    return tuple(sorted(found, key=lambda row: row.rank))


def _lines(
    campaign: Campaign, day: date, inventory: Inventory, reports: Reports
) -> dict[str, _Line]:
    """By unit code, where anybody is counted; what is typed by hand stands on every day."""
    home = db.session.get_one(OrgUnit, campaign.unit_id)
    peopled = reports.coverage(SYSTEM, as_of=day, unit_code=home.code).units
    with_people = {unit.code for unit in peopled if unit.persons}
    units = {
        unit.code: unit
        for unit in inventory.units(within=campaign.unit_path)
        if unit.parent_id == campaign.unit_id and unit.code in with_people
    }
    criteria = criteria_of(campaign)
    shares = {
        measure: _shares(campaign, measure, day, units, reports)
        for measure in {Measure(criterion.measure) for criterion in criteria}
    }
    typed = {(score.criterion_id, score.unit_id): score for score in _of(Score, criteria)}
    files: dict[tuple[int, int], list[Evidence]] = {}
    for one in _of(Evidence, criteria):
        if one.withdrawn_at is None:
            files.setdefault((one.criterion_id, one.unit_id), []).append(one)
    return {
        code: _Line(
            unit=unit,
            parts=tuple(
                _part(
                    criterion,
                    shares[Measure(criterion.measure)].get(code),
                    typed.get((criterion.id, unit.id)),
                    files.get((criterion.id, unit.id), ()),
                )
                for criterion in criteria
            ),
        )
        for code, unit in units.items()
    }


def _shares(
    campaign: Campaign,
    measure: Measure,
    day: date,
    units: Mapping[str, OrgUnit],
    reports: Reports,
) -> _Shares:
    if measure is Measure.TYPED:
        return {}
    if measure is Measure.TASKS:
        return _tasks_done(campaign.id, day, units)
    home = db.session.get_one(OrgUnit, campaign.unit_id)
    found = reports.coverage(SYSTEM, as_of=day, unit_code=home.code, facet=_FACETS[measure])
    return {unit.code: (unit.covered, unit.persons) for unit in found.units}


def _of(model: Any, criteria: Sequence[Criterion]) -> Sequence[Any]:  # rows of Score or Evidence
    ids = [criterion.id for criterion in criteria]
    return db.session.scalars(select(model).where(model.criterion_id.in_(ids))).all()


def _part(
    criterion: Criterion,
    counted: tuple[int, int] | None,
    typed: Score | None,
    evidence: Sequence[Evidence],
) -> Part:
    a, b = counted or (None, None)
    if criterion.measure == Measure.TYPED and typed is not None:
        a, b = typed.a, typed.b
    earned = points(a, b, criterion.most_points) if a is not None and b else None
    if criterion.measure == Measure.TYPED and earned is None:
        earned = Decimal(0)  # asked for and not delivered
    return Part(
        criterion=criterion,
        a=a,
        b=b,
        points=earned,
        note=typed.note if typed else "",
        verified_by=typed.verified_by if typed else None,
        evidence=tuple(evidence),
    )


def _climbed(code: str, now: Mapping[str, Decimal], past: Mapping[str, Decimal]) -> int:
    mine, was = now[code], past.get(code)
    if was is None:
        return 0
    others = [(now[other], share) for other, share in past.items() if other in now]
    won = sum(share > was and today < mine for today, share in others)
    return won - sum(share < was and today > mine for today, share in others)


def _tasks_done(campaign_id: int, day: date, units: Mapping[str, OrgUnit]) -> _Shares:
    """Tasks of each unit and of what is below it: done until that day, and all of them."""
    rows = db.session.execute(
        select(CampaignTask.unit_path, CampaignTask.state, CampaignTask.reported_at).where(
            CampaignTask.campaign_id == campaign_id
        )
    ).all()
    found: dict[str, tuple[int, int]] = {}
    for code, unit in units.items():
        mine = [row for row in rows if row.unit_path.startswith(unit.path)]
        done = sum(
            state == TaskState.DONE and at is not None and at.astimezone(HANOI).date() <= day
            for _, state, at in mine
        )
        if mine:
            found[code] = (done, len(mine))
    return found
