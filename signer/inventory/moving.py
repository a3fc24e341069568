"""Carries people from units that ended to those that took over, with their dated history."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, delete, insert, or_, select, update

from signer.audit import Audit, Happening
from signer.db import changed, db
from signer.inventory.models import OrgUnit, Person, PersonPeriod, UnitChange, UnitMove

_SAID = [
    column.key
    for column in PersonPeriod.__table__.columns
    if column.key not in ("id", "valid_from", "valid_to")
]
"""What a period says of its days."""


@dataclass(frozen=True, kw_only=True)
class Heirs:
    """Who took over, once the units exist."""

    units: Mapping[int, int]
    """By the id of the unit that ended."""
    people: Mapping[int, int]
    """Of a split: those who go elsewhere than the rest of their unit."""

    def of(self, person_id: int, unit_id: int) -> int:
        """Where that person of that ended unit goes."""
        return self.people.get(person_id, self.units[unit_id])


class Moving:
    """Works inside the caller's transaction, while nobody else writes people; safe to repeat."""

    def __init__(self, audit: Audit, change: UnitChange) -> None:
        self._audit = audit
        self._change = change
        self._eve = change.effective_on - timedelta(days=1)
        told = json.loads(change.heirs)
        self._heirs = heirs = Heirs(units=dict(told["units"]), people=dict(told["people"]))
        ids = {*heirs.units, *heirs.units.values(), *heirs.people.values()}
        units = db.session.scalars(select(OrgUnit).where(OrgUnit.id.in_(ids)))
        self._units = {unit.id: unit for unit in units}
        since = or_(PersonPeriod.valid_to.is_(None), PersonPeriod.valid_to > self._eve)
        self._periods = (
            select(PersonPeriod).where(PersonPeriod.unit_id.in_(list(heirs.units)), since)
            if change.state == "carrying"
            else select(PersonPeriod)
            .join(UnitMove, UnitMove.period_id == PersonPeriod.id)
            .where(UnitMove.change_id == change.id, PersonPeriod.unit_id == UnitMove.to_unit_id)
        )

    def people(self) -> Select[int]:
        """The ids of those not carried yet; while the act is undone, of those not carried back."""
        found = self._periods.with_only_columns(PersonPeriod.person_id).distinct()
        return found.order_by(PersonPeriod.person_id)

    def move(self, first: int, last: int, now: datetime) -> None:
        """Whoever of these ids waits is where the act puts them, or where its undoing does."""
        waiting = self._periods.where(PersonPeriod.person_id.between(first, last))
        if self._change.state == "carrying":
            people = self._carry(waiting)
        else:
            people = self._carry_back(waiting.add_columns(UnitMove.from_unit_id), first, last)
        self._follow(people, now)

    def _carry(self, waiting: Select[PersonPeriod]) -> set[int]:
        """A period that began before the day is cut in two; one that began since is corrected."""
        moves: list[tuple[PersonPeriod, int]] = []
        for period in db.session.scalars(waiting.order_by(PersonPeriod.id)).all():
            left = period.unit_id
            if period.valid_from <= self._eve:
                said = {name: getattr(period, name) for name in _SAID}
                days = {"valid_from": self._change.effective_on, "valid_to": period.valid_to}
                period.valid_to = self._eve
                period = PersonPeriod(**said, **days)
                db.session.add(period)
            heir = self._units[self._heirs.of(period.person_id, left)]
            period.unit_id, period.unit_path = heir.id, heir.path
            moves.append((period, left))
        db.session.flush()
        if moves:
            rows = [
                {
                    "change_id": self._change.id,
                    "period_id": period.id,
                    "person_id": period.person_id,
                    "from_unit_id": left,
                    "to_unit_id": period.unit_id,
                    "valid_to": period.valid_to,
                }
                for period, left in moves
            ]
            db.session.execute(insert(UnitMove), rows)
        return {period.person_id for period, _ in moves}

    def _carry_back(self, waiting: Select[PersonPeriod, int], first: int, last: int) -> set[int]:
        """What was cut is one period again, unless the halves say different things by now."""
        before = select(PersonPeriod).where(
            PersonPeriod.unit_id.in_(list(self._heirs.units)),
            PersonPeriod.valid_to == self._eve,
            PersonPeriod.person_id.between(first, last),
        )
        halves = {period.person_id: period for period in db.session.scalars(before)}
        people, joined = set(), []
        for period, unit_id in db.session.execute(waiting).all():
            people.add(period.person_id)
            period.unit_id, period.unit_path = unit_id, self._units[unit_id].path
            half = halves.get(period.person_id)
            if half is None or period.valid_from != self._change.effective_on:
                continue
            if all(getattr(half, name) == getattr(period, name) for name in _SAID):
                half.valid_to = period.valid_to
                joined.append(period.id)
        db.session.flush()
        db.session.execute(delete(UnitMove).where(UnitMove.period_id.in_(joined)))
        db.session.execute(delete(PersonPeriod).where(PersonPeriod.id.in_(joined)))
        return people

    def _follow(self, people: set[int], now: datetime) -> None:
        """These people stand where their open periods say; the sweep of certificates sees it."""
        is_open = and_(PersonPeriod.person_id == Person.id, PersonPeriod.valid_to.is_(None))
        rows = db.session.execute(
            select(
                Person.id,
                Person.code,
                Person.unit_id.label("left"),
                PersonPeriod.unit_id,
                PersonPeriod.unit_path,
            )
            .join(PersonPeriod, is_open)
            .where(Person.id.in_(people), Person.unit_id != PersonPeriod.unit_id)
        ).all()
        if rows:
            values = [
                {"id": r.id, "unit_id": r.unit_id, "unit_path": r.unit_path, "updated_at": now}
                for r in rows
            ]
            db.session.execute(update(Person), values)
            by = {
                "by": f"unit_change:{self._change.id}",
                "from": self._change.effective_on.isoformat(),
            }
            self._audit.record_many(
                self._change.undone_by or self._change.ordered_by,
                [
                    Happening(
                        action="person.changed",
                        subject=f"person:{row.code}",
                        details={
                            "changes": {"unit": [self._code(row.left), self._code(row.unit_id)]},
                            **by,
                        },
                    )
                    for row in rows
                ],
            )
        changed("person", people)

    def _code(self, unit_id: int) -> str:
        return self._units[unit_id].code
