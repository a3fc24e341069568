"""Acts upon the unit tree: seen beforehand, carried out in one commit or by a job, undone."""

import json
from collections.abc import Mapping, Sequence
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
from signer.inventory.structure_plan import UnitAct, UnitPlan, plan_of
from signer.inventory.structure_rows import (
    assigned,
    carried,
    carry_duties,
    change_tree,
    counted,
    lines,
    require_untouched,
    take_back_duties,
    tree,
    units_of,
)
from signer.inventory.structure_views import ActPreview, ChangeView, change_of, change_views
from signer.inventory.tree import TREE_LOCK
from signer.inventory.units import KnownUnit
from signer.jobs import Jobs

STRUCTURE_JOB_KIND = "units"
AT_ONCE = 2000
"""People carried in the commit of the act itself: a second or two. More go as a job."""
_RANGE = 1000
"""People of one item of that job, one commit."""


class Structure:
    """Begins and ends units, and carries their people, officers, roles and duties along."""

    def __init__(self, clock: Clock, audit: Audit, jobs: Jobs, accounts: Accounts) -> None:
        self._clock = clock
        self._audit = audit
        self._jobs = jobs
        self._accounts = accounts

    def preview(self, actor: Actor, act: UnitAct) -> ActPreview:
        """What the act would do; refuses what `carry_out` would refuse."""
        known = tree()
        plan = self._planned(actor, act, known)
        counts = counted(plan, assigned(plan))
        people = sum(counts.values())
        return ActPreview(
            act=act,
            ended=tuple((unit.code, unit.name) for unit in plan.closes),
            begun=tuple((opening.code, opening.name) for opening in plan.openings),
            lines=lines(plan, known, counts),
            people=people,
            is_planned=act.on > self._clock.today(),
            is_at_once=people <= AT_ONCE,
        )

    def carry_out(self, actor: Actor, act: UnitAct) -> ChangeView:
        """The act is done, or a job does it (`job_id`), or it waits for its day (`planned`).

        All of it in one commit; of more than `AT_ONCE` people only the units, and the people
        follow as a job.
        """
        with transaction():
            advisory_lock(TREE_LOCK)
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
        return change_views([change])[0]

    def carry_due(self) -> int:
        """How many planned acts whose day has come were begun; what cannot be says why."""
        due = select(UnitChange.id).where(
            UnitChange.state == "planned", UnitChange.effective_on <= self._clock.today()
        )
        ids = db.session.scalars(due.order_by(UnitChange.effective_on, UnitChange.id)).all()
        for change_id in ids:
            try:
                with transaction():
                    advisory_lock(TREE_LOCK)
                    change = change_of(change_id)
                    if change.state == "planned":
                        act = UnitAct.from_json(change.ordered)
                        self._begin(change, self._planned(SYSTEM, act, tree()))
            except (Conflict, Invalid, NotFound) as error:
                with transaction():
                    change = change_of(change_id)
                    change.state, change.error = "refused", _worded(error)
                    self._record(SYSTEM.name, "unit_change.refused", change, reason=str(error))
        return len(ids)

    def undo(self, actor: Actor, change_id: int) -> ChangeView:
        """Tree, people, roles and duties are as before; `Conflict` says what hangs on the act."""
        with transaction():
            advisory_lock(TREE_LOCK)
            change = self._visible_change(actor, change_id, Permission.UNIT_MANAGE)
            if change.state not in ("planned", "done"):
                raise Conflict(N_("Việc sắp xếp này không ở trạng thái có thể hoàn tác."))
            was_planned = change.state == "planned"
            change.undone_by, change.undone_at = actor.name, self._clock.now()
            change.state = "undone"
            if not was_planned:
                self._take_back(change)
            self._record(actor.name, "unit_change.undone", change)
        return change_views([change])[0]

    def change(self, actor: Actor, change_id: int) -> ChangeView:
        """The act; `NotFound` also for who may not see the units it touched."""
        return change_views([self._visible_change(actor, change_id, Permission.UNIT_VIEW)])[0]

    def changes(
        self, actor: Actor, *, unit_id: int | None = None, limit: int = 50
    ) -> list[ChangeView]:
        """The newest acts that the actor may see; of one unit, those that began or ended it."""
        statement = visible(actor, Permission.UNIT_VIEW, select(UnitChange), UnitChange.scope_path)
        if unit_id is not None:
            unit = db.session.get_one(OrgUnit, unit_id)
            statement = statement.where(
                UnitChange.id.in_([unit.opened_by_id or 0, unit.closed_by_id or 0])
            )
        return change_views(
            db.session.scalars(statement.order_by(UnitChange.id.desc()).limit(limit)).all()
        )

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
            with transaction():
                change = change_of(change_id)
                self._carry(change, first, last)
                self._finish_if_nobody_is_left(change)
        return {}

    def _planned(self, actor: Actor, act: UnitAct, known: Sequence[KnownUnit]) -> UnitPlan:
        """The plan, allowed to this actor and leaving nobody behind."""
        plan = plan_of(known, act)
        for path in plan.touched:
            actor.require(Permission.UNIT_MANAGE, path)
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
        change.heirs = json.dumps({"units": heirs.units, "people": heirs.people, "duties": duties})
        people = self._moving(change).people()
        change.people, change.state = len(people), "carrying"
        self._carry_roles(change, plan, heirs, places)
        self._record(change.ordered_by, "unit_change.carried_out", change)
        self._go(change, people)

    def _go(self, change: UnitChange, people: Sequence[int]) -> None:
        """The people are carried now, or by a job whose items are ranges of their ids."""
        if len(people) <= AT_ONCE:
            if people:
                self._carry(change, people[0], people[-1])
            self._finish_if_nobody_is_left(change)
            return
        firsts = people[::_RANGE]
        ranges = [*pairwise(firsts), (firsts[-1], people[-1] + 1)]
        change.job_id = self._jobs.create(
            STRUCTURE_JOB_KIND,
            [f"{change.id}:{first}:{after - 1}" for first, after in ranges],
            actor=change.undone_by or change.ordered_by,
            title=N_("Chuyển người theo việc sắp xếp đơn vị"),
            scope_path=change.scope_path,
            at_once=1,
        )

    def _carry(self, change: UnitChange, first: int, last: int) -> None:
        moving, now = self._moving(change), self._clock.now()
        if change.state == "carrying":
            moving.carry(first, last, now)
        elif change.state == "undoing":
            moving.carry_back(first, last, now)
        changed("org_unit", units_of(change))

    def _finish_if_nobody_is_left(self, change: UnitChange) -> None:
        if change.state == "carrying" and not self._moving(change).people():
            change.state, change.done_at = "done", self._clock.now()
        elif change.state == "undoing" and not db.session.scalar(carried(change).limit(1)):
            change.state = "undone"
        changed("org_unit", units_of(change))

    def _moving(self, change: UnitChange) -> Moving:
        told = json.loads(change.heirs)
        heirs = Heirs(
            units={int(one): heir for one, heir in told["units"].items()},
            people={int(one): heir for one, heir in told["people"].items()},
        )
        actor = change.undone_by or change.ordered_by
        return Moving(self._audit, change.id, change.effective_on, heirs, actor)

    def _carry_roles(
        self, change: UnitChange, plan: UnitPlan, heirs: Heirs, places: Mapping[int, int]
    ) -> None:
        """Who had a role over an ended unit has it over its heir; of several, over the own one."""
        ids = {*plan.heir_of, *places.values()}
        rows = db.session.execute(select(OrgUnit.id, OrgUnit.path).where(OrgUnit.id.in_(ids)))
        path_of: dict[int, str] = {row[0]: row[1] for row in rows}
        id_of = {path_of[unit_id]: unit_id for unit_id in plan.heir_of}
        members = db.session.execute(
            select(Person.account_id, Person.id, Person.unit_id).where(
                Person.account_id.is_not(None), Person.unit_id.in_(list(plan.heir_of))
            )
        )
        home = {
            account_id: heirs.people.get(person_id, heirs.units[unit_id])
            for account_id, person_id, unit_id in members
        }

        def heirs_of(account_id: int, closed: str) -> list[str]:
            several = {places[heir] for heir in plan.heirs_of[id_of[closed]]}
            own = several & {home.get(account_id, 0)}
            return sorted(path_of[unit_id] for unit_id in own or several)

        self._accounts.carry_grants(f"unit_change:{change.id}", list(id_of), heirs_of)

    def _take_back(self, change: UnitChange) -> None:
        require_untouched(change)
        begun = OrgUnit.opened_by_id == change.id
        paths = list(db.session.scalars(select(OrgUnit.path).where(begun)))
        self._accounts.take_back_grants(f"unit_change:{change.id}", paths)
        take_back_duties(change)
        eve = change.effective_on - timedelta(days=1)
        db.session.execute(update(OrgUnit).where(begun).values(valid_to=eve))
        ids = units_of(change)
        ended = OrgUnit.closed_by_id == change.id
        db.session.execute(update(OrgUnit).where(ended).values(valid_to=None, closed_by_id=None))
        change.state = "undoing"
        self._go(change, list(db.session.scalars(carried(change))))
        changed("org_unit", ids)

    def _record(self, actor: str, action: str, change: UnitChange, **details: object) -> None:
        ended = select(OrgUnit.code).where(OrgUnit.closed_by_id == change.id)
        begun = select(OrgUnit.code).where(OrgUnit.opened_by_id == change.id)
        self._audit.record(
            actor,
            action,
            f"unit_change:{change.id}",
            kind=change.kind,
            on=change.effective_on.isoformat(),
            decision=change.decision,
            ended=list(db.session.scalars(ended)),
            begun=list(db.session.scalars(begun)),
            people=change.people,
            **details,
        )


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


def _worded(error: SignerError) -> str:
    return canonical_json({"sentence": error.sentence, "values": error.values})
