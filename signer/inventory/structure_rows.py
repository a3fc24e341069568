"""The rows of an act upon the unit tree: units, successors, duties, and what hangs on them."""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.orm import aliased

from signer.db import db
from signer.errors import N_, Conflict, Invalid, NotFound
from signer.inventory.bodies import BodyFacts
from signer.inventory.models import (
    OrgUnit,
    Person,
    PersonPeriod,
    UnitChange,
    UnitDuty,
    UnitMove,
    UnitSuccessor,
)
from signer.inventory.moving import Heirs
from signer.inventory.names import fold
from signer.inventory.structure_plan import Opening, UnitAct, UnitPlan, word_key
from signer.inventory.tree import BODIES, next_path
from signer.inventory.units import KnownUnit

_FACTS = [field.name for field in fields(BodyFacts)]
"""What a unit of the same code carries on."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What becomes of one unit's people, or of some of them."""

    unit: KnownUnit
    heir: KnownUnit | Opening
    people: int
    is_written_anew: bool
    """Certificates of these people name units that are called otherwise afterwards (R27)."""


@dataclass(frozen=True, kw_only=True)
class ActPreview:
    """What an act would do; nothing has been changed."""

    act: UnitAct
    ended: Sequence[KnownUnit]
    begun: Sequence[Opening]
    lines: Sequence[Line]
    people: int
    is_planned: bool
    """The day is still to come: the act waits for it."""
    is_at_once: bool
    """In one commit; otherwise as a job."""

    @property
    def renamed_ids(self) -> list[int]:
        """The units whose people's certificates name units that are called otherwise then."""
        return sorted({line.unit.id for line in self.lines if line.is_written_anew})


def tree() -> list[KnownUnit]:
    """Every unit there is and was, with its kind."""
    names = ("id", "code", "name", "path", "parent_id", "valid_from", "valid_to", "kind")
    columns = [getattr(OrgUnit, name) for name in names]
    return [KnownUnit(**row._asdict()) for row in db.session.execute(select(*columns))]


def change_of(change_id: int) -> UnitChange:
    """The act's row; `NotFound`."""
    change = db.session.get(UnitChange, change_id)
    if change is None:
        raise NotFound(N_("Không tìm thấy việc sắp xếp đơn vị này."))
    return change


def assigned(plan: UnitPlan) -> dict[int, tuple[int, int]]:
    """Of a split: (unit, heir) by the id of each person who goes elsewhere than the rest."""
    if not plan.takes:
        return {}
    rows = db.session.execute(
        select(Person.id, Person.code, Person.division, Person.unit_id).where(
            Person.unit_id.in_(list(plan.heir_of))
        )
    )
    found: dict[int, tuple[int, int]] = {}
    unused = plan.takes.keys() - plan.taken
    for person_id, code, division, unit_id in rows:
        for key in (word_key(code), word_key(division or "")):
            if key in plan.takes:
                found.setdefault(person_id, (unit_id, plan.takes[key][1]))
                unused.discard(key)
    if unused:
        raise Invalid(
            N_("Không có người, phòng hay đơn vị trực thuộc nào là “%(word)s”."),
            field="heirs",
            word=plan.takes[min(unused)][0],
        )
    return found


def lines(plan: UnitPlan, known: Sequence[KnownUnit]) -> list[Line]:
    """How many people go from which unit to which heir."""
    rows = db.session.execute(
        select(Person.unit_id, func.count())
        .where(Person.unit_id.in_(list(plan.heir_of)))
        .group_by(Person.unit_id)
    )
    counts = Counter(assigned(plan).values())
    named = Counter(unit_id for unit_id, _ in counts.elements())
    for unit_id, people in rows:
        counts[unit_id, plan.heir_of[unit_id]] += people - named[unit_id]
    places: dict[int, KnownUnit | Opening] = {unit.id: unit for unit in known}
    places |= {opening.id: opening for opening in plan.openings}
    by_id = {unit.id: unit for unit in known}

    def chain(unit_id: int) -> list[str]:
        """The names that a certificate writes: all but the city's."""
        names: list[str] = []
        above: int | None = unit_id
        while above is not None:
            names.append(places[above].name)
            above = places[above].parent_id
        return names[:-1]

    pairs = {(unit_id, heir): 0 for unit_id, heirs in plan.heirs_of.items() for heir in heirs}
    in_order = sorted(
        {**pairs, **counts},
        key=lambda pair: (by_id[pair[0]].path, pair[1] != plan.heir_of[pair[0]], abs(pair[1])),
    )
    return [
        Line(
            unit=by_id[unit_id],
            heir=places[heir],
            people=counts[unit_id, heir],
            is_written_anew=chain(unit_id) != chain(heir),
        )
        for unit_id, heir in in_order
    ]


def change_tree(change: UnitChange, plan: UnitPlan) -> dict[int, int]:
    """Units ended and begun, with their successors; the real ids of the plan's."""
    eve = change.effective_on - timedelta(days=1)
    db.session.execute(
        update(OrgUnit)
        .where(OrgUnit.id.in_([unit.id for unit in plan.closes]))
        .values(valid_to=eve, closed_by_id=change.id)
    )
    places = {unit_id: unit_id for heirs in plan.heirs_of.values() for unit_id in heirs}
    for opening in plan.openings:
        above = opening.parent_id and places.get(opening.parent_id, opening.parent_id)
        parent = db.session.get_one(OrgUnit, above) if above else None
        like = db.session.get_one(OrgUnit, opening.like_id) if opening.like_id else None
        facts = dict.fromkeys(("has_legal_status", "has_seal"), opening.kind in BODIES)
        if like is not None:
            facts = {name: getattr(like, name) for name in _FACTS}
        unit = OrgUnit(
            code=opening.code,
            name=opening.name,
            kind=opening.kind,
            parent_id=parent.id if parent else None,
            path=next_path(parent),
            valid_from=change.effective_on,
            search_key=fold(opening.name),
            opened_by_id=change.id,
            **facts,
        )
        db.session.add(unit)
        db.session.flush()
        places[opening.id] = unit.id
    links = [
        {"unit_id": unit_id, "successor_id": places[heir], "change_id": change.id}
        for unit_id, heirs in plan.heirs_of.items()
        for heir in heirs
    ]
    if links:
        db.session.execute(insert(UnitSuccessor), links)
    return places


def carry_duties(change: UnitChange, heirs: Heirs) -> list[tuple[int, int | None]]:
    """Officers of ended units have their duty where they go, if nobody has it there yet (R22).

    Returns (duty that ended, duty that began).
    """
    before = select(UnitDuty).where(
        UnitDuty.unit_id.in_(list(heirs.units)), UnitDuty.valid_to.is_(None)
    )
    carried: list[tuple[int, int | None]] = []
    for duty in db.session.scalars(before.order_by(UnitDuty.id)).all():
        heir = heirs.of(duty.person_id, duty.unit_id)
        duty.valid_to = max(change.effective_on - timedelta(days=1), duty.valid_from)
        taken = select(UnitDuty.id).where(
            UnitDuty.unit_id == heir, UnitDuty.duty == duty.duty, UnitDuty.valid_to.is_(None)
        )
        follower = None
        if db.session.scalar(taken) is None and db.session.get_one(OrgUnit, heir).has_seal:
            follower = UnitDuty(
                unit_id=heir,
                person_id=duty.person_id,
                duty=duty.duty,
                decision=duty.decision,
                valid_from=max(change.effective_on, duty.valid_from),
            )
            db.session.add(follower)
        db.session.flush()
        carried.append((duty.id, follower.id if follower else None))
    return carried


def take_back_duties(change: UnitChange) -> None:
    """The duties are those of before; `Conflict` when others were named meanwhile."""
    carried: list[tuple[int, int | None]] = json.loads(change.heirs)["duties"]
    ours = [after for _, after in carried if after]
    named = (
        select(UnitDuty.id)
        .join(OrgUnit, OrgUnit.id == UnitDuty.unit_id)
        .where(OrgUnit.opened_by_id == change.id, UnitDuty.id.not_in(ours))
    )
    if db.session.scalar(named.limit(1)) is not None:
        raise Conflict(N_("Đã phân công cán bộ đầu mối cho đơn vị mới."))
    for ids, is_now, valid_to in (
        (ours, UnitDuty.valid_to.is_(None), UnitDuty.valid_from),
        ([before for before, _ in carried], UnitDuty.valid_to.is_not(None), None),
    ):
        db.session.execute(
            update(UnitDuty).where(UnitDuty.id.in_(ids), is_now).values(valid_to=valid_to)
        )


def require_untouched(change: UnitChange) -> None:
    """Raises `Conflict` naming the first unit or person that moved on since the act."""
    begun = select(OrgUnit.id).where(OrgUnit.opened_by_id == change.id)
    other = aliased(OrgUnit)
    is_open = other.valid_to.is_(None)
    by_others = other.opened_by_id.is_distinct_from(change.id)
    its_place_is_gone = (
        select(OrgUnit.name)
        .join(other, or_(other.code == OrgUnit.code, other.id == OrgUnit.parent_id))
        .where(
            OrgUnit.closed_by_id == change.id,
            or_(
                (other.code == OrgUnit.code) & is_open & by_others,
                (other.id == OrgUnit.parent_id)
                & ~is_open
                & other.closed_by_id.is_distinct_from(change.id),
            ),
        )
    )
    moved_on = select(other.name).where(
        or_(other.id.in_(begun) & ~is_open, other.parent_id.in_(begun) & by_others & is_open)
    )
    for units in (its_place_is_gone, moved_on):
        if (name := db.session.scalar(units.limit(1))) is not None:
            raise Conflict(N_("%(unit)s đã thay đổi sau việc này."), unit=name)
    carried = select(UnitMove.period_id).where(UnitMove.change_id == change.id)
    periods = (
        select(Person.full_name, Person.code)
        .join(PersonPeriod, PersonPeriod.person_id == Person.id)
        .order_by(Person.id)
    )
    changed_since = periods.join(UnitMove, UnitMove.period_id == PersonPeriod.id).where(
        UnitMove.change_id == change.id,
        or_(
            PersonPeriod.unit_id != UnitMove.to_unit_id,
            PersonPeriod.valid_to.is_distinct_from(UnitMove.valid_to),
        ),
    )
    came_since = periods.where(PersonPeriod.unit_id.in_(begun), PersonPeriod.id.not_in(carried))
    for statement in (changed_since, came_since):
        if (person := db.session.execute(statement.limit(1)).first()) is not None:
            raise Conflict(
                N_("%(name)s (%(code)s) đã có thay đổi công tác sau việc này."),
                name=person.full_name,
                code=person.code,
            )


def require_settled(unit_ids: Collection[int]) -> None:
    """Raises `Unsettled` while people of another act are on their way to or from these units."""
    on_their_way = UnitChange.state.in_(("carrying", "undoing"))
    for change in db.session.scalars(select(UnitChange).where(on_their_way)):
        if not set(unit_ids).isdisjoint(units_of(change)):
            raise Unsettled(
                N_("Việc sắp xếp số %(id)d còn đang chuyển người; hãy đợi việc đó xong."),
                id=change.id,
            )


class Unsettled(Conflict):
    """It can be done once the people of another act have arrived."""


def units_of(change: UnitChange) -> list[int]:
    """The units that the act ended, began or gave people to."""
    mine = or_(OrgUnit.opened_by_id == change.id, OrgUnit.closed_by_id == change.id)
    links = select(UnitSuccessor.unit_id, UnitSuccessor.successor_id).where(
        UnitSuccessor.change_id == change.id
    )
    found = {*db.session.scalars(select(OrgUnit.id).where(mine))}
    for row in db.session.execute(links):
        found |= {row.unit_id, row.successor_id}
    return sorted(found)
