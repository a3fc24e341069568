"""The rows of an act upon the unit tree: units, successors, duties, and what hangs on them."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import Select, func, insert, or_, select, update

from signer.db import db
from signer.errors import N_, Conflict, Invalid
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
from signer.inventory.structure_plan import UnitPlan, word_key
from signer.inventory.structure_views import Line
from signer.inventory.tree import BODIES, next_path
from signer.inventory.units import KnownUnit


def tree() -> list[KnownUnit]:
    columns = (
        OrgUnit.id,
        OrgUnit.code,
        OrgUnit.name,
        OrgUnit.path,
        OrgUnit.parent_id,
        OrgUnit.valid_from,
        OrgUnit.valid_to,
        OrgUnit.kind,
    )
    return [KnownUnit(**row._asdict()) for row in db.session.execute(select(*columns))]


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
    unused = {*plan.takes} - plan.taken
    for person_id, code, division, unit_id in rows:
        for word in filter(None, (word_key(code), word_key(division or ""))):
            if word in plan.takes:
                found.setdefault(person_id, (unit_id, plan.takes[word]))
                unused.discard(word)
    if unused:
        raise Invalid(
            N_("Không có người, phòng hay đơn vị trực thuộc nào là “%(word)s”."),
            field="heirs",
            word=plan.words[min(unused)],
        )
    return found


def counted(plan: UnitPlan, assigned: Mapping[int, tuple[int, int]]) -> Counter[tuple[int, int]]:
    """How many people go from which unit to which heir."""
    rows = db.session.execute(
        select(Person.unit_id, func.count())
        .where(Person.unit_id.in_(list(plan.heir_of)))
        .group_by(Person.unit_id)
    )
    counts = Counter(assigned.values())
    for unit_id, people in rows:
        elsewhere = sum(n for (left, _), n in counts.items() if left == unit_id)
        counts[unit_id, plan.heir_of[unit_id]] += people - elsewhere
    return counts


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
        is_body = opening.kind in BODIES
        unit = OrgUnit(
            code=opening.code,
            name=opening.name,
            kind=opening.kind,
            parent_id=parent.id if parent else None,
            path=next_path(parent),
            valid_from=change.effective_on,
            search_key=fold(opening.name),
            has_legal_status=like.has_legal_status if like else is_body,
            has_seal=like.has_seal if like else is_body,
            tax_code=like.tax_code if like else None,
            budget_code=like.budget_code if like else None,
            electronic_code=like.electronic_code if like else None,
            opened_by_id=change.id,
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
        heir = heirs.people.get(duty.person_id, heirs.units[duty.unit_id])
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
    named = select(UnitDuty.id).where(
        UnitDuty.unit_id.in_(select(OrgUnit.id).where(OrgUnit.opened_by_id == change.id)),
        UnitDuty.id.not_in(ours),
    )
    if db.session.scalar(named.limit(1)) is not None:
        raise Conflict(N_("Đã phân công cán bộ đầu mối cho đơn vị mới."))
    db.session.execute(
        update(UnitDuty)
        .where(UnitDuty.id.in_(ours), UnitDuty.valid_to.is_(None))
        .values(valid_to=UnitDuty.valid_from)
    )
    db.session.execute(
        update(UnitDuty)
        .where(UnitDuty.id.in_([before for before, _ in carried]))
        .values(valid_to=None)
    )


def require_untouched(change: UnitChange) -> None:
    """Raises `Conflict` naming the first unit or person that moved on since the act."""
    begun = select(OrgUnit.id).where(OrgUnit.opened_by_id == change.id)
    moved_on = db.session.scalar(
        select(OrgUnit.name).where(
            or_(
                OrgUnit.id.in_(begun) & OrgUnit.valid_to.is_not(None),
                OrgUnit.parent_id.in_(begun)
                & OrgUnit.opened_by_id.is_distinct_from(change.id)
                & OrgUnit.valid_to.is_(None),
            )
        )
    )
    if moved_on is not None:
        raise Conflict(N_("%(unit)s đã thay đổi sau việc này."), unit=moved_on)
    moves = select(UnitMove.period_id).where(UnitMove.change_id == change.id)
    changed_since = (
        select(Person.full_name, Person.code)
        .join(PersonPeriod, PersonPeriod.person_id == Person.id)
        .join(UnitMove, UnitMove.period_id == PersonPeriod.id)
        .where(
            UnitMove.change_id == change.id,
            or_(
                PersonPeriod.unit_id != UnitMove.to_unit_id,
                PersonPeriod.valid_to.is_distinct_from(UnitMove.valid_to),
            ),
        )
    )
    came_since = (
        select(Person.full_name, Person.code)
        .join(PersonPeriod, PersonPeriod.person_id == Person.id)
        .where(PersonPeriod.unit_id.in_(begun), PersonPeriod.id.not_in(moves))
    )
    for statement in (changed_since, came_since):
        person = db.session.execute(statement.order_by(Person.id).limit(1)).first()
        if person is not None:
            raise Conflict(
                N_("%(name)s (%(code)s) đã có thay đổi công tác sau việc này."),
                name=person.full_name,
                code=person.code,
            )


def carried(change: UnitChange) -> Select[int]:
    """The ids of the people whom the act carried and who are not back yet."""
    return (
        select(UnitMove.person_id)
        .join(PersonPeriod, PersonPeriod.id == UnitMove.period_id)
        .where(UnitMove.change_id == change.id, PersonPeriod.unit_id == UnitMove.to_unit_id)
        .distinct()
        .order_by(UnitMove.person_id)
    )


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


def lines(
    plan: UnitPlan, tree: Sequence[KnownUnit], counts: Mapping[tuple[int, int], int]
) -> tuple[Line, ...]:
    known = {unit.id: unit for unit in tree}
    made = {opening.id: opening for opening in plan.openings}

    def chain(unit_id: int) -> list[str]:
        """The names that a certificate writes: all but the city's."""
        names: list[str] = []
        above: int | None = unit_id
        while above is not None:
            unit = known.get(above) or made[above]
            names.append(unit.name)
            above = unit.parent_id
        return names[:-1]

    lines = []
    for unit_id, heirs in plan.heirs_of.items():
        usual = plan.heir_of[unit_id]
        elsewhere = {heir for left, heir in counts if left == unit_id}
        for heir in sorted(heirs | elsewhere, key=lambda one: (one != usual, abs(one))):
            to = known.get(heir) or made[heir]
            lines.append(
                Line(
                    unit_id=unit_id,
                    code=known[unit_id].code,
                    name=known[unit_id].name,
                    people=counts.get((unit_id, heir), 0),
                    heir_code=to.code,
                    heir_name=to.name,
                    heir_is_new=heir < 0,
                    is_written_anew=chain(unit_id) != chain(heir),
                )
            )
    return tuple(lines)
