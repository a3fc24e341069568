"""Carries people from units that ended to those that took over, with their dated history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import and_, insert, or_, select, update

from signer.audit import Audit, Happening
from signer.db import advisory_lock, changed, db
from signer.inventory.models import OrgUnit, Person, PersonPeriod, UnitMove
from signer.inventory.storage import ROSTER_LOCK

_COPIED = [column for column in PersonPeriod.__table__.columns if column.key != "id"]


@dataclass(frozen=True, kw_only=True)
class Heirs:
    """Who took over, once the units exist."""

    units: Mapping[int, int]
    """By the id of the unit that ended."""
    people: Mapping[int, int]
    """Of a split: those who go elsewhere than the rest of their unit."""


class Moving:
    """Works inside the caller's transaction, for the people of a range of ids; safe to repeat."""

    def __init__(self, audit: Audit, change_id: int, on: date, heirs: Heirs, actor: str) -> None:
        self._audit = audit
        self._change_id = change_id
        self._on = on
        self._heirs = heirs
        self._actor = actor
        self._is_to_move = and_(
            PersonPeriod.unit_id.in_(list(heirs.units)),
            or_(PersonPeriod.valid_to.is_(None), PersonPeriod.valid_to >= on),
        )
        ids = {*heirs.units, *heirs.units.values(), *heirs.people.values()}
        rows = db.session.execute(
            select(OrgUnit.id, OrgUnit.code, OrgUnit.path).where(OrgUnit.id.in_(ids))
        )
        self._units: dict[int, tuple[str, str]] = {row[0]: (row[1], row[2]) for row in rows}

    def people(self) -> list[int]:
        """The ids of everybody who belonged to one of the ended units since that day."""
        found = select(PersonPeriod.person_id).where(self._is_to_move).distinct()
        return list(db.session.scalars(found.order_by(PersonPeriod.person_id)))

    def carry(self, first: int, last: int, now: datetime) -> None:
        """Whoever of these ids is in an ended unit is in its heir, from that day on.

        A period that began before is cut in two; one that began since is corrected.
        """
        advisory_lock(ROSTER_LOCK)
        rows = db.session.execute(
            select(PersonPeriod.id, *_COPIED).where(
                self._is_to_move, PersonPeriod.person_id.between(first, last)
            )
        ).mappings()
        periods = [dict(row) for row in rows]
        left = [period["unit_id"] for period in periods]
        for period in periods:
            heir = self._heirs.people.get(period["person_id"], self._heirs.units[period["unit_id"]])
            period |= {"unit_id": heir, "unit_path": self._units[heir][1]}
        begun = [period for period in periods if period["valid_from"] < self._on]
        _update(begun, valid_to=self._on - timedelta(days=1))
        later = [period for period in periods if period["valid_from"] >= self._on]
        _update(later, "unit_id", "unit_path")
        if begun:
            for period in begun:
                period["valid_from"] = self._on
            halves = [{k: v for k, v in period.items() if k != "id"} for period in begun]
            made = insert(PersonPeriod).returning(PersonPeriod.id, sort_by_parameter_order=True)
            for period, number in zip(begun, db.session.scalars(made, halves), strict=True):
                period["id"] = number
        if periods:
            moves = [
                {
                    "change_id": self._change_id,
                    "period_id": period["id"],
                    "person_id": period["person_id"],
                    "from_unit_id": unit_id,
                    "to_unit_id": period["unit_id"],
                    "valid_to": period["valid_to"],
                }
                for period, unit_id in zip(periods, left, strict=True)
            ]
            db.session.execute(insert(UnitMove), moves)
        self._follow([period["person_id"] for period in periods], now)

    def carry_back(self, first: int, last: int, now: datetime) -> None:
        """Whomever this act carried is in the former unit; a period that was cut stays two."""
        advisory_lock(ROSTER_LOCK)
        moves = db.session.execute(
            select(UnitMove.period_id, UnitMove.person_id, UnitMove.from_unit_id).where(
                UnitMove.change_id == self._change_id, UnitMove.person_id.between(first, last)
            )
        ).all()
        periods = [
            {
                "id": m.period_id,
                "unit_id": m.from_unit_id,
                "unit_path": self._units[m.from_unit_id][1],
            }
            for m in moves
        ]
        _update(periods, "unit_id", "unit_path")
        self._follow([move.person_id for move in moves], now)

    def _follow(self, person_ids: Sequence[int], now: datetime) -> None:
        """These people stand where their open periods say; the sweep of certificates sees it."""
        rows = db.session.execute(
            select(
                Person.id,
                Person.code,
                Person.unit_id.label("left"),
                PersonPeriod.unit_id,
                PersonPeriod.unit_path,
            )
            .join(
                PersonPeriod,
                and_(PersonPeriod.person_id == Person.id, PersonPeriod.valid_to.is_(None)),
            )
            .where(Person.id.in_(person_ids), Person.unit_id != PersonPeriod.unit_id)
        ).all()
        if rows:
            values = [
                {"id": r.id, "unit_id": r.unit_id, "unit_path": r.unit_path, "updated_at": now}
                for r in rows
            ]
            db.session.execute(update(Person), values)
            subject = f"unit_change:{self._change_id}"
            self._audit.record_many(
                self._actor,
                [
                    Happening(
                        action="person.changed",
                        subject=f"person:{row.code}",
                        details={
                            "changes": {"unit": [self._code(row.left), self._code(row.unit_id)]},
                            "by": subject,
                            "from": self._on.isoformat(),
                        },
                    )
                    for row in rows
                ],
            )
        changed("person", person_ids)

    def _code(self, unit_id: int) -> str:
        return self._units[unit_id][0]


def _update(periods: Sequence[Mapping[str, Any]], *columns: str, **values: object) -> None:
    """The periods have these of their values, and these for all of them."""
    if periods:
        rows = [
            {"id": period["id"], **{name: period[name] for name in columns}, **values}
            for period in periods
        ]
        db.session.execute(update(PersonPeriod), rows)
