"""The rows of a plan as lines of JSON: those to store, in packed chunks, and those refused."""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from signer.inventory.facts import facts_from_list, facts_to_list
from signer.inventory.fields import Field
from signer.inventory.findings import Finding
from signer.inventory.judging import PlannedRow, Verdict
from signer.inventory.sheets import Cell


@dataclass(frozen=True, kw_only=True)
class RefusedRow:
    """A row with errors, as it came."""

    number: int
    cells: Mapping[Field, Cell]
    errors: tuple[Finding, ...]


def line_of(entry: PlannedRow) -> str:
    """The row as a line; it begins with its number."""
    facts = facts_to_list(entry.facts)
    return encode([entry.row, entry.verdict, entry.changes, facts]) + "\n"


def packed_lines(lines: list[str]) -> bytes:
    """The lines as a chunk."""
    return gzip.compress("".join(lines).encode(), 1, mtime=0)


def rows_in(chunk: bytes) -> list[PlannedRow]:
    """The rows of a chunk."""
    return [
        PlannedRow(
            row=row,
            verdict=Verdict(verdict),
            changes=tuple(changes),
            facts=facts_from_list(facts),
        )
        for row, verdict, changes, facts in map(json.loads, gzip.decompress(chunk).splitlines())
    ]


def refused_in(file: Path) -> Iterator[RefusedRow]:
    """The refused rows, in their order."""
    decode = json.JSONDecoder(object_hook=_decoded).decode
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for number, parts in groupby(map(decode, lines), key=itemgetter(0)):
            together = list(parts)
            yield RefusedRow(
                number=number,
                cells={Field(name): cell for name, cell in together[0][1].items()},
                errors=tuple(Finding.from_json(f) for part in together for f in part[2]),
            )


def number_in(line: str) -> int:
    """The row number that a line of ours begins with."""
    return int(line[1 : line.index(",")])


def _dated(value: object) -> dict[str, str]:
    if isinstance(value, date):
        return {"d": value.isoformat()}
    raise TypeError(f"{type(value).__name__} is no cell")


def _decoded(value: dict[str, object]) -> object:
    return date.fromisoformat(str(value["d"])) if value.keys() == {"d"} else value


encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=_dated).encode
