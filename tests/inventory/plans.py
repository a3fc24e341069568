"""Plans of rosters without a database: units of Hanoi, people known or not."""

import dataclasses
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from signer.inventory.facts import KnownPeople
from signer.inventory.judging import PlannedRow
from signer.inventory.names import sort_key
from signer.inventory.planned_rows import refused_in, rows_in
from signer.inventory.planning import Planner, RosterPlan
from signer.inventory.reading import ReadingRules
from signer.inventory.roster import Table, find_table
from signer.inventory.sheets import Cell, Sheet, opened_sheets
from signer.inventory.tree import HANOI_UNITS, read_units
from signer.inventory.units import KnownUnit, UnitIndex
from tests.inventory.conftest import csv_text

LIMIT = 60 * 1024**2
TODAY = date(2026, 11, 23)
UNITS = tuple(
    KnownUnit(
        id=number,
        code=unit.code,
        name=unit.name,
        path="0001." if number == 1 else f"0001.{number - 1:04d}.",
        parent_id=None if number == 1 else 1,
        valid_from=unit.valid_from,
        valid_to=unit.valid_to,
    )
    for number, unit in enumerate(read_units(HANOI_UNITS), start=1)
)
RULES = ReadingRules(
    units=UnitIndex(UNITS, TODAY),
    effective_on=TODAY,
    today=TODAY,
    email_domains=("hanoi.gov.vn",),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan with the rows that it would store."""

    plan: RosterPlan
    entries: tuple[PlannedRow, ...]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plan, name)


def plan(table: Table, known: KnownPeople, rules: ReadingRules = RULES) -> Planned:
    """The plan of a table, with the rows read back from its chunks of two."""
    with tempfile.TemporaryDirectory() as folder:
        planner = Planner(table, lambda _: known, rules, Path(folder))
        made = planner.plan()
        refused = Path(folder) / "refused"
        planner.write_refused(refused)
        assert len(list(refused_in(refused))) == made.error_rows
        entries = [row for chunk in planner.chunks(2) for row in rows_in(chunk)]
    names = [sort_key(entry.facts.full_name)[:8] for entry in entries]
    assert names == sorted(names), "many are stored quickly in the order of lists"
    return Planned(plan=made, entries=tuple(sorted(entries, key=lambda entry: entry.row)))


def table_of(tmp_path: Path, content: bytes, **chosen: Any) -> Table:
    """The table in these bytes; its rows are held, so that it outlives the file."""
    file = tmp_path / "roster"
    file.write_bytes(content)
    with opened_sheets(file, limit_bytes=LIMIT) as sheets:
        return find_table([held(list(sheet.rows()), sheet) for sheet in sheets], **chosen)


def held(rows: list[list[Cell]], like: Sheet | None = None) -> Sheet:
    """A sheet of these rows."""
    return Sheet(
        name=like.name if like else "DS",
        open_rows=lambda only: (
            (n, row) for n, row in enumerate(rows, start=1) if only is None or n in only
        ),
        remark=like.remark if like else None,
        font=like.font if like else None,
    )


def planned(*rows: Mapping[str, Any], tmp_path: Path, known: KnownPeople | None = None) -> Planned:
    return plan(table_of(tmp_path, csv_text(rows).encode()), known or KnownPeople())
