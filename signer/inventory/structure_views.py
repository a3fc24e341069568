"""Acts upon the unit tree as pages, the API and the command line show them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, or_, select

from signer.db import db
from signer.errors import N_, NotFound
from signer.inventory.models import OrgUnit, UnitChange, UnitSuccessor
from signer.inventory.structure_plan import ActKind, UnitAct

CHANGE_STATE_NAMES: dict[str, str] = {
    "planned": N_("Chờ đến ngày"),
    "carrying": N_("Đang chuyển người"),
    "done": N_("Đã thực hiện"),
    "refused": N_("Không thực hiện được"),
    "undoing": N_("Đang hoàn tác"),
    "undone": N_("Đã hoàn tác"),
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """What becomes of one unit's people, or of some of them."""

    unit_id: int
    code: str
    name: str
    people: int
    heir_code: str
    heir_name: str
    heir_is_new: bool
    is_written_anew: bool
    """Certificates of these people name units that are called otherwise afterwards (R27)."""


@dataclass(frozen=True, kw_only=True)
class ActPreview:
    """What an act would do; nothing has been changed."""

    act: UnitAct
    ended: tuple[tuple[str, str], ...]
    """(code, name) of the units whose last day is the one before."""
    begun: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    people: int
    is_planned: bool
    """The day is still to come: the act waits for it."""
    is_at_once: bool
    """In one commit; otherwise as a job."""


@dataclass(frozen=True, kw_only=True)
class ChangeView:
    """An act that was ordered."""

    id: int
    kind: ActKind
    state: str
    """planned, carrying, done, refused, undoing or undone."""
    on: date
    decision: str
    people: int
    job_id: int | None
    ordered_by: str
    ordered_at: datetime
    undone_by: str | None
    undone_at: datetime | None
    error: dict[str, Any] | None
    """Why a planned act was refused: `sentence` and `values`."""
    ended: tuple[OrgUnit, ...]
    begun: tuple[OrgUnit, ...]
    act: UnitAct

    @property
    def may_be_undone(self) -> bool:
        """True in the states that can be left; what hangs on it is found out on trying."""
        return self.state in ("planned", "done")


def change_views(changes: Sequence[UnitChange]) -> list[ChangeView]:
    """The acts with the units they ended and began, in the order given."""
    ids = [change.id for change in changes]
    of_act = or_(OrgUnit.opened_by_id.in_(ids), OrgUnit.closed_by_id.in_(ids))
    units = db.session.scalars(select(OrgUnit).where(of_act).order_by(OrgUnit.path)).all()
    return [
        ChangeView(
            id=change.id,
            kind=ActKind(change.kind),
            state=change.state,
            on=change.effective_on,
            decision=change.decision,
            people=change.people,
            job_id=change.job_id,
            ordered_by=change.ordered_by,
            ordered_at=change.ordered_at,
            undone_by=change.undone_by,
            undone_at=change.undone_at,
            error=json.loads(change.error) if change.error else None,
            ended=tuple(unit for unit in units if unit.closed_by_id == change.id),
            begun=tuple(unit for unit in units if unit.opened_by_id == change.id),
            act=UnitAct.from_json(change.ordered),
        )
        for change in changes
    ]


def successors(unit_id: int) -> list[OrgUnit]:
    """The units that took over from this one, in the order of the tree."""
    statement = select(OrgUnit).join(UnitSuccessor, UnitSuccessor.successor_id == OrgUnit.id)
    return _of_acts(statement.where(UnitSuccessor.unit_id == unit_id))


def predecessors(unit_id: int) -> list[OrgUnit]:
    """The units from which this one took over, in the order of the tree."""
    statement = select(OrgUnit).join(UnitSuccessor, UnitSuccessor.unit_id == OrgUnit.id)
    return _of_acts(statement.where(UnitSuccessor.successor_id == unit_id))


def open_homes(unit: OrgUnit) -> list[OrgUnit]:
    """Where the open work of a unit belongs: itself, or the open units that came after it.

    After an undone act: those before it. A unit that ended without anybody after it leaves its
    work to the one above. Never empty while the city itself is open.
    """
    seen: set[int] = set()
    wanted, homes = [unit], []
    while wanted:
        one = wanted.pop(0)
        if one.id in seen:
            continue
        seen.add(one.id)
        if one.valid_to is None:
            homes.append(one)
            continue
        undone = select(OrgUnit).join(UnitSuccessor, UnitSuccessor.unit_id == OrgUnit.id)
        before = undone.where(UnitSuccessor.successor_id == one.id).order_by(OrgUnit.path)
        after = list(db.session.scalars(before)) if one.is_undone else successors(one.id)
        if not after and one.parent_id is not None:
            after = [db.session.get_one(OrgUnit, one.parent_id)]
        wanted += after
    return homes


def change_of(change_id: int) -> UnitChange:
    """The act's row; `NotFound`."""
    change = db.session.get(UnitChange, change_id)
    if change is None:
        raise NotFound(N_("Không tìm thấy việc sắp xếp đơn vị này."))
    return change


def _of_acts(statement: Select[OrgUnit]) -> list[OrgUnit]:
    in_force = statement.join(UnitChange, UnitChange.id == UnitSuccessor.change_id).where(
        UnitChange.undone_at.is_(None)
    )
    return list(db.session.scalars(in_force.order_by(OrgUnit.path)))
