"""Acts upon the unit tree: seen beforehand, carried out in one commit or by a job, undone."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import pairwise

from sqlalchemy import func, or_, select, update

from signer.accounts import SYSTEM, Accounts, Actor, Permission, visible
from signer.audit import Audit
from signer.clock import Clock
from signer.db import advisory_lock, canonical_json, changed, db, transaction
from signer.errors import N_, Conflict, Invalid, NotFound, SignerError
from signer.inventory.models import OrgUnit, Person, PersonPeriod, UnitChange
from signer.inventory.moving import Heirs, Moving
from signer.inventory.storage import ROSTER_LOCK
from signer.inventory.structure_plan import UnitAct, UnitPlan, plan_of
from signer.inventory.structure_rows import (
    ActPreview,
    Unsettled,
    assigned,
    carry_duties,
    change_of,
    change_tree,
    lines,
    require_settled,
    require_untouched,
    take_back_duties,
    tree,
    units_of,
)
from signer.inventory.tree import TREE_LOCK, unit_on
from signer.inventory.units import KnownUnit
from signer.jobs import Jobs

STRUCTURE_JOB_KIND = "units"
AT_ONCE = 2000
"""People carried in the commit of the act itself: a second or two. More go as a job."""
_RANGE = 1000
"""People of one item of that job, one commit."""
_LAST_ID = 2**31 - 1


class Structure:
    """Begins and ends units, and carries their people, officers, roles and duties along."""

    def __init__(self, clock: Clock, audit: Audit, jobs: Jobs, accounts: Accounts) -> None:
        self._clock = clock
        self._audit = audit
        self._jobs = jobs
        self._accounts = accounts

    def unit(self, actor: Actor, code: str, on: date | None = None) -> OrgUnit:
        """The unit that has the code on a day (see `unit_on`); `NotFound` also for outsiders."""
        unit = unit_on(code, on or self._clock.today())
        if not actor.can(Permission.UNIT_VIEW, unit.path):
            raise NotFound(N_("Không có đơn vị nào mang mã %(code)s."), code=code)
        return unit

    def preview(self, actor: Actor, act: UnitAct) -> ActPreview:
        """What the act would do; refuses what `carry_out` would refuse."""
        known = tree()
        plan = self._planned(actor, act, known)
        found = lines(plan, known)
        people = sum(line.people for line in found)
        return ActPreview(
            act=act,
            ended=plan.closes,
            begun=plan.openings,
            lines=found,
            people=people,
            is_planned=act.on > self._clock.today(),
            is_at_once=people <= AT_ONCE,
        )

    def carry_out(self, actor: Actor, act: UnitAct) -> UnitChange:
        """The act is done, or a job does it (`job_id`), or it waits for its day (`planned`).

        All of it in one commit; of more than `AT_ONCE` people only the units, and the people
        follow as a job.
        """
        with _alone():
            plan = self._planned(actor, act, tree())
            change = UnitChange(
                kind=act.kind.value,
                effective_on=act.on,
                decision=act.decision,
                ordered=act.to_json(),
                scope_path=_common(plan.touched),
                state="planned",
                ordered_by=actor.name,
                ordered_at=self._clock.now(),
            )
            db.session.add(change)
            db.session.flush()
            if act.on > self._clock.today():
                self._record(actor.name, "unit_change.planned", change)
            else:
                self._begin(change, plan)
        return change

    def carry_due(self) -> int:
        """How many planned acts whose day has come were begun; what cannot be says why.

        What others' people are still on their way through waits for them.
        """
        due = select(UnitChange.id).where(
            UnitChange.state == "planned", UnitChange.effective_on <= self._clock.today()
        )
        ids = db.session.scalars(due.order_by(UnitChange.effective_on, UnitChange.id)).all()
        return sum(map(self._carry_planned, ids))

    def _carry_planned(self, change_id: int) -> bool:
        try:
            with _alone():
                change = change_of(change_id)
                if change.state == "planned":
                    self._begin(change, self._planned(SYSTEM, change.act, tree()))
        except Unsettled:
            return False
        except (Conflict, Invalid, NotFound) as error:
            with _alone():
                change = change_of(change_id)
                if change.state == "planned":  # and nobody took it back meanwhile
                    told = {"sentence": error.sentence, "values": error.values}
                    change.state, change.error = "refused", canonical_json(told)
                    self._record(SYSTEM.name, "unit_change.refused", change, reason=str(error))
        return True

    def undo(self, actor: Actor, change_id: int) -> UnitChange:
        """Tree, people, roles and duties are as before; `Conflict` says what hangs on the act."""
        with _alone():
            change = self._visible_change(actor, change_id, Permission.UNIT_MANAGE)
            if not change.may_be_undone:
                raise Conflict(N_("Việc sắp xếp này không ở trạng thái có thể hoàn tác."))
            was_planned = change.state == "planned"
            change.undone_by, change.undone_at = actor.name, self._clock.now()
            change.state = "undone"
            if not was_planned:
                self._take_back(change)
            self._record(actor.name, "unit_change.undone", change)
            db.session.refresh(change)
        return change

    def change(self, actor: Actor, change_id: int) -> UnitChange:
        """The act; `NotFound` also for who may not see the units it touched."""
        return self._visible_change(actor, change_id, Permission.UNIT_VIEW)

    def changes(self, actor: Actor, *, unit: OrgUnit | None = None) -> Sequence[UnitChange]:
        """The newest acts that the actor may see; of one unit, those that began or ended it."""
        statement = visible(actor, Permission.UNIT_VIEW, select(UnitChange), UnitChange.scope_path)
        if unit is not None:
            statement = statement.where(UnitChange.id.in_([unit.opened_by_id, unit.closed_by_id]))
        return db.session.scalars(statement.order_by(UnitChange.id.desc()).limit(50)).all()

    def newest(self) -> object:
        """Another value after each act: then certificates are compared with the roster anew."""
        return db.session.execute(
            select(
                func.max(UnitChange.id),
                func.max(UnitChange.done_at),
                func.max(UnitChange.undone_at),
            )
        ).one()

    def carry_items(self, keys: Sequence[str]) -> dict[str, SignerError]:
        """Does items of the job: the people of a range of ids, one commit each."""
        for key in keys:
            change_id, first, last = map(int, key.split(":"))
            with _alone():
                self._carry(change_of(change_id), first, last)
        return {}

    def _planned(self, actor: Actor, act: UnitAct, known: Sequence[KnownUnit]) -> UnitPlan:
        """The plan, allowed to this actor and leaving nobody behind."""
        plan = plan_of(known, act)
        for path in plan.touched:
            actor.require(Permission.UNIT_MANAGE, path)
        ended = {unit.id for unit in plan.closes} | plan.heir_of.keys()
        require_settled(ended.union(*plan.heirs_of.values()))
        left = [unit.id for unit in plan.closes if unit.id not in plan.heir_of]
        if people := _count_since(act.on, left):
            raise Conflict(
                N_("Đơn vị kết thúc còn %(count)d người; hãy chọn đơn vị tiếp nhận."), count=people
            )
        is_nothing = not plan.closes and not plan.openings
        if is_nothing and not _count_since(act.on, list(plan.heir_of)):
            raise Conflict(N_("Đơn vị này đã kết thúc và không còn người nào."))
        return plan

    def _visible_change(self, actor: Actor, change_id: int, permission: Permission) -> UnitChange:
        change = change_of(change_id)
        if not actor.can(Permission.UNIT_VIEW, change.scope_path):
            raise NotFound(N_("Không tìm thấy việc sắp xếp đơn vị này."))
        actor.require(permission, change.scope_path)
        return change

    def _begin(self, change: UnitChange, plan: UnitPlan) -> None:
        """The tree is the new one and the people are there or on their way."""
        places = change_tree(change, plan)
        heirs = Heirs(
            units={unit_id: places[heir] for unit_id, heir in plan.heir_of.items()},
            people={one: places[heir] for one, (_, heir) in assigned(plan).items()},
        )
        duties = carry_duties(change, heirs)
        told = {"units": [*heirs.units.items()], "people": [*heirs.people.items()]}
        change.heirs = json.dumps({**told, "duties": duties})
        change.state = "carrying"
        after = {
            unit_id: {places[heir] for heir in found} for unit_id, found in plan.heirs_of.items()
        }
        self._carry_roles(change, after, heirs)
        change.people = self._go(change)
        self._record(change.ordered_by, "unit_change.carried_out", change)

    def _go(self, change: UnitChange) -> int:
        """How many people are carried, now or by a job whose items are ranges of their ids.

        The last item is for everybody: also who came to an ended unit after the ranges were made.
        """
        people = db.session.scalars(Moving(self._audit, change).people()).all()
        if len(people) <= AT_ONCE:
            self._carry(change, 0, _LAST_ID)
        else:
            ranges = [(first, after - 1) for first, after in pairwise(people[::_RANGE])]
            change.job_id = self._jobs.create(
                STRUCTURE_JOB_KIND,
                [f"{change.id}:{first}:{last}" for first, last in (*ranges, (0, _LAST_ID))],
                actor=change.undone_by or change.ordered_by,
                title=N_("Chuyển người theo việc sắp xếp đơn vị"),
                scope_path=change.scope_path,
                at_once=1,
            )
            changed("org_unit", units_of(change))
        return len(people)

    def _carry(self, change: UnitChange, first: int, last: int) -> None:
        finished = {"carrying": "done", "undoing": "undone"}.get(change.state)
        if finished is not None:
            moving, now = Moving(self._audit, change), self._clock.now()
            moving.move(first, last, now)
            if db.session.scalar(moving.people().limit(1)) is None:
                change.state, change.done_at = finished, now
            changed("org_unit", units_of(change))

    def _carry_roles(
        self, change: UnitChange, successors: dict[int, set[int]], heirs: Heirs
    ) -> None:
        """Who had a role over an ended unit has it over its heir; of several, over the own one."""
        ids = successors.keys() | set().union(*successors.values())
        rows = db.session.execute(select(OrgUnit.id, OrgUnit.path).where(OrgUnit.id.in_(ids)))
        path_of: dict[int, str] = {row[0]: row[1] for row in rows}
        id_of = {path_of[unit_id]: unit_id for unit_id in successors}
        members = db.session.execute(
            select(Person.account_id, Person.id, Person.unit_id).where(
                Person.account_id.is_not(None), Person.unit_id.in_(list(successors))
            )
        )
        homes = {account: heirs.of(person_id, unit_id) for account, person_id, unit_id in members}

        def heirs_of(account_id: int, closed: str) -> list[str]:
            several = successors[id_of[closed]]
            return sorted(path_of[one] for one in several & {homes.get(account_id, 0)} or several)

        self._accounts.carry_grants(f"unit_change:{change.id}", list(id_of), heirs_of)

    def _take_back(self, change: UnitChange) -> None:
        touched = units_of(change)
        require_settled(touched)
        require_untouched(change)
        begun = OrgUnit.opened_by_id == change.id
        paths = list(db.session.scalars(select(OrgUnit.path).where(begun)))
        self._accounts.take_back_grants(f"unit_change:{change.id}", paths)
        take_back_duties(change)
        eve = change.effective_on - timedelta(days=1)
        db.session.execute(update(OrgUnit).where(begun).values(valid_to=eve))
        ended = OrgUnit.closed_by_id == change.id
        db.session.execute(update(OrgUnit).where(ended).values(valid_to=None, closed_by_id=None))
        change.state = "undoing"
        self._go(change)
        changed("org_unit", touched)

    def _record(self, actor: str, action: str, change: UnitChange, **details: object) -> None:
        ended = select(OrgUnit.code).where(OrgUnit.closed_by_id == change.id)
        begun = select(OrgUnit.code).where(OrgUnit.opened_by_id == change.id)
        self._audit.record(
            actor,
            action,
            f"unit_change:{change.id}",
            ordered=json.loads(change.ordered),
            ended=list(db.session.scalars(ended)),
            begun=list(db.session.scalars(begun)),
            people=change.people,
            **details,
        )


@contextmanager
def _alone() -> Iterator[None]:
    """A transaction in which nobody else writes units or people."""
    with transaction():
        advisory_lock(TREE_LOCK)
        advisory_lock(ROSTER_LOCK)
        yield


def _count_since(day: date, unit_ids: Sequence[int]) -> int:
    """How many people belonged to these units on that day or later."""
    return (
        db.session.scalar(
            select(func.count(PersonPeriod.person_id.distinct())).where(
                PersonPeriod.unit_id.in_(unit_ids),
                or_(PersonPeriod.valid_to.is_(None), PersonPeriod.valid_to >= day),
            )
        )
        or 0
    )


def _common(paths: set[str]) -> str:
    """The path of the lowest unit above (or at) all of these; empty for the whole city."""
    parts = [path.split(".")[:-1] for path in paths]
    common = ""
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        common += level[0] + "."
    return common
