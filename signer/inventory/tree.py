"""Writes the unit tree as a file tells it; finds units by code and by who took over from whom."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import Select, func, select

from signer.audit import Audit, Happening
from signer.db import advisory_lock, db, transaction
from signer.errors import N_, Conflict, Invalid, NotFound
from signer.inventory.models import OrgUnit, UnitChange, UnitKind, UnitSuccessor
from signer.inventory.names import clean_text, fold

HANOI_UNITS = Path(__file__).with_name("data") / "hanoi_units.csv"
"""The city, its 16 agencies, the 30 districts closed on 30/06/2025 and the 126 communes after."""

_COLUMNS = ("code", "name", "kind", "parent_code", "valid_from", "valid_to")
TREE_LOCK = 0x07EEE
"""One writer of units at a time: ordinals and codes are looked up before they are given."""
BODIES = frozenset(UnitKind) - {UnitKind.DIVISION}
"""Kinds that have legal status and a seal of their own unless somebody says otherwise (R22)."""


@dataclass(frozen=True, kw_only=True)
class UnitFacts:
    """One unit as a file or a form tells it; `valid_to` is its last day."""

    code: str
    name: str
    kind: UnitKind
    parent_code: str | None
    valid_from: date | None
    valid_to: date | None = None


def read_units(path: Path) -> list[UnitFacts]:
    """The units of a CSV with the columns code, name, kind, parent_code, valid_from, valid_to.

    Parents stand before their children. Raises `Invalid` that names the line.
    """
    units = []
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        if tuple(reader.fieldnames or ()) != _COLUMNS:
            raise Invalid(
                N_("Tệp đơn vị cần đúng các cột: %(columns)s."), columns=", ".join(_COLUMNS)
            )
        for line, row in enumerate(reader, start=2):
            try:
                units.append(_facts(row))
            except (ValueError, TypeError) as error:
                raise Invalid(N_("Dòng %(line)d của tệp đơn vị không đúng."), line=line) from error
    return units


def _facts(row: dict[str, str]) -> UnitFacts:
    code, name = clean_text(row["code"]), clean_text(row["name"])
    if not code or not name:
        raise ValueError("a unit has a code and a name")
    return UnitFacts(
        code=code,
        name=name,
        kind=UnitKind(row["kind"]),
        parent_code=row["parent_code"] or None,
        valid_from=date.fromisoformat(row["valid_from"]) if row["valid_from"] else None,
        valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
    )


def store_units(units: Sequence[UnitFacts], audit: Audit, actor: str) -> int:
    """The number of units added or changed; those that agree already are left alone.

    All in one transaction. A unit never moves to another parent: its paths in history would lie.
    Units that an act began or ended are left alone too: the act is newer than the file.
    """
    with transaction():
        advisory_lock(TREE_LOCK)
        known: dict[str, OrgUnit] = {}
        for row in db.session.scalars(select(OrgUnit).order_by(OrgUnit.id)):
            if not row.is_undone:
                known[row.code] = row
        events: list[Happening] = []
        for facts in units:
            unit = known.get(facts.code)
            if unit is not None and (unit.opened_by_id or unit.closed_by_id):
                continue
            if unit is None:
                known[facts.code] = _add(facts, known)
                events.append(_event("unit.created", facts))
            elif changed := _change(unit, facts, known):
                events.append(_event("unit.changed", facts, fields=changed))
        if events:
            audit.record_many(actor, events)
    return len(events)


def unit_on(code: str, day: date) -> OrgUnit:
    """The unit that has the code on that day, else the newest that had it; else `NotFound`."""
    rows = db.session.scalars(select(OrgUnit).where(OrgUnit.code == code))
    found = [unit for unit in rows if not unit.is_undone]
    if not found:
        raise NotFound(N_("Không có đơn vị nào mang mã %(code)s."), code=code)
    return max(
        found, key=lambda unit: (unit.is_valid_on(day), unit.valid_from or date.min, unit.id)
    )


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


def _of_acts(statement: Select[OrgUnit]) -> list[OrgUnit]:
    in_force = statement.join(UnitChange, UnitChange.id == UnitSuccessor.change_id).where(
        UnitChange.undone_at.is_(None)
    )
    return list(db.session.scalars(in_force.order_by(OrgUnit.path)))


def _event(action: str, facts: UnitFacts, **details: object) -> Happening:
    period = [day.isoformat() if day else None for day in (facts.valid_from, facts.valid_to)]
    return Happening(
        action=action,
        subject=f"unit:{facts.code}",
        details={"name": facts.name, "parent": facts.parent_code, "valid": period, **details},
    )


def _add(facts: UnitFacts, known: dict[str, OrgUnit]) -> OrgUnit:
    parent = None
    if facts.parent_code is not None:
        parent = known.get(facts.parent_code)
        if parent is None:
            raise NotFound(N_("Không có đơn vị nào mang mã %(code)s."), code=facts.parent_code)
    unit = OrgUnit(
        code=facts.code,
        name=facts.name,
        kind=facts.kind,
        parent_id=parent.id if parent else None,
        path=next_path(parent),
        valid_from=facts.valid_from,
        valid_to=facts.valid_to,
        search_key=fold(facts.name),
        has_legal_status=facts.kind in BODIES,
        has_seal=facts.kind in BODIES,
    )
    db.session.add(unit)
    db.session.flush()
    return unit


def next_path(parent: OrgUnit | None) -> str:
    """The parent's path and the first ordinal after its last child, in four digits."""
    where = OrgUnit.parent_id.is_(None) if parent is None else OrgUnit.parent_id == parent.id
    last = db.session.scalar(select(func.max(OrgUnit.path)).where(where))
    ordinal = int(last.rstrip(".").rpartition(".")[2]) + 1 if last else 1
    if ordinal > 9999:
        raise Conflict(N_("Một đơn vị không thể có quá 9.999 đơn vị trực thuộc."))
    return f"{parent.path if parent else ''}{ordinal:04d}."


def _change(unit: OrgUnit, facts: UnitFacts, known: dict[str, OrgUnit]) -> list[str]:
    parent = known.get(facts.parent_code) if facts.parent_code else None
    if unit.parent_id != (parent.id if parent else None):
        raise Conflict(
            N_(
                "Đơn vị %(code)s không thể chuyển sang cấp trên khác; "
                "hãy kết thúc đơn vị cũ và lập đơn vị mới."
            ),
            code=facts.code,
        )
    changed = [
        name
        for name in ("name", "kind", "valid_from", "valid_to")
        if getattr(unit, name) != getattr(facts, name)
    ]
    for name in changed:
        setattr(unit, name, getattr(facts, name))
    unit.search_key = fold(facts.name)
    return changed
