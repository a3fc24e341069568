"""Which units a question is about, as they stand on the day that it asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from sqlalchemy import or_, select
from sqlalchemy.orm import aliased

from signer.accounts import Actor, Permission, in_subtree
from signer.db import db
from signer.errors import N_, Forbidden, Invalid, NotFound
from signer.inventory.models import OrgUnit, UnitChange, UnitSuccessor
from signer.inventory.names import sort_key
from signer.reports.coverage import UnitOnDay


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The units that a question is about, as they stand on the day it asks for."""

    paths: tuple[str, ...]
    """The topmost units that there are on the day: none lies below another one."""
    units: tuple[UnitOnDay, ...]
    """These and all below them."""
    path_of: Mapping[int, str] = field(repr=False)
    """By id, closed units too: their people count for the nearest unit above."""

    @property
    def single(self) -> UnitOnDay | None:
        """The one unit that is asked about; None when several stand side by side."""
        return self.units[0] if len(self.paths) == 1 else None


def scope_of(
    actor: Actor,
    day: date,
    unit_code: str | None,
    permission: Permission = Permission.REPORT_VIEW,
) -> Scope:
    """The units asked about, or all over which the actor may, as they stood on the day."""
    wanted = paths_of(actor, permission, unit_code, day)
    rows = db.session.execute(
        select(OrgUnit.id, OrgUnit.code, OrgUnit.name, OrgUnit.path, OrgUnit.kind)
        .add_columns(OrgUnit.valid_from, OrgUnit.valid_to)
        .where(or_(*(in_subtree(OrgUnit.path, path) for path in wanted)))
        .order_by(OrgUnit.path)
    ).all()
    units = tuple(
        UnitOnDay(code=code, name=name, path=path, sort_key=_name_key(name), kind=kind)
        for _, code, name, path, kind, first, last in rows
        if (first is None or first <= day) and (last is None or day <= last)
    )
    if not units:
        raise Invalid(
            N_("Chưa có đơn vị nào của bạn hoạt động vào ngày %(day)s."),
            field="as_of",
            day=day.strftime("%d/%m/%Y"),
        )
    topmost: list[str] = []
    for unit in units:  # in the order of their paths
        if not topmost or not unit.path.startswith(topmost[-1]):
            topmost.append(unit.path)
    path_of = {row.id: row.path for row in rows}
    return Scope(paths=tuple(topmost), units=units, path_of=path_of)


def paths_of(
    actor: Actor, permission: Permission, unit_code: str | None, day: date
) -> tuple[str, ...]:
    """The unit paths asked about; the empty path is the whole city."""
    if unit_code is None:
        scopes = actor.scopes(permission)
        if not scopes:
            raise Forbidden(N_("Tài khoản của bạn không có quyền xem báo cáo."))
        return scopes
    # A unit that was renamed or moved is several rows of one code, each for its time.
    found = db.session.scalars(
        select(OrgUnit).where(OrgUnit.code == unit_code).order_by(OrgUnit.id.desc())
    ).all()
    if not found:
        raise NotFound(N_("Không có đơn vị nào mang mã “%(code)s”."), code=unit_code)
    unit = next((unit for unit in found if unit.is_valid_on(day)), found[0])
    actor.require(permission, unit.path)
    if not unit.is_valid_on(day):
        raise Invalid(
            N_("%(name)s không hoạt động vào ngày %(day)s."),
            field="as_of",
            name=unit.name,
            day=day.strftime("%d/%m/%Y"),
        )
    return (unit.path,)


def with_predecessors(paths: Sequence[str]) -> tuple[str, ...]:
    """These subtrees, and every closed unit whose work has gone to them and to nobody else.

    So a unit that was renamed, moved or merged has a past; one that was split has none of its own.
    """
    if "" in paths:
        return tuple(paths)
    before, after = aliased(OrgUnit), aliased(OrgUnit)
    heirs: dict[str, list[str]] = {}
    for closed, heir in db.session.execute(
        select(before.path, after.path)
        .join(UnitSuccessor, UnitSuccessor.unit_id == before.id)
        .join(after, after.id == UnitSuccessor.successor_id)
        .join(UnitChange, UnitChange.id == UnitSuccessor.change_id)
        .where(UnitChange.undone_at.is_(None))
    ):
        heirs.setdefault(closed, []).append(heir)
    found = list(paths)
    while more := [
        closed
        for closed, its in heirs.items()
        if not closed.startswith(tuple(found))
        and all(heir.startswith(tuple(found)) for heir in its)
    ]:
        found += more
    return tuple(found)


@lru_cache(maxsize=4096)  # the same units all day, and hundreds of them on every page
def _name_key(name: str) -> str:
    """Vietnamese order from the first word on; `sort_key` alone puts a person's last word first."""
    return " ".join(sort_key(word) for word in name.split())
