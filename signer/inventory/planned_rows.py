"""The rows of a plan as lines of JSON: those to store, in packed chunks, and those refused."""

import gzip
import json
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path

from signer.inventory.facts import facts_from_list, facts_to_list
from signer.inventory.fields import Field
from signer.inventory.findings import Finding
from signer.inventory.judging import PlannedRow, Verdict
from signer.inventory.names import sort_key
from signer.inventory.sheets import Cell


@dataclass(frozen=True, kw_only=True)
class RefusedRow:
    """A row with errors, as it came."""

    number: int
    cells: Mapping[Field, Cell]
    errors: tuple[Finding, ...]


class PlannedRows:
    """The rows to store: in a file as they are planned, taken from it in the order of names.

    Half of the indexes over people are in that order too: together, rows of like names change a
    few of their pages; in the order of the roster each row would change pages of its own.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._keys, self._begins, self._numbers = array("q"), array("q"), array("q")

    @contextmanager
    def written(self) -> Iterator[Callable[[PlannedRow], None]]:
        """Takes rows, one by one."""
        with self._file.open("wb") as out:

            def add(entry: PlannedRow) -> None:
                begins_with = sort_key(entry.facts.full_name).encode()[:8].ljust(8, b"\0")
                self._keys.append(int.from_bytes(begins_with))
                self._begins.append(out.tell())
                self._numbers.append(entry.row)
                facts = facts_to_list(entry.facts)
                line = encode([entry.row, entry.verdict, entry.changes, facts])
                out.write(f"{line}\n".encode())

            yield add

    def chunks(self, rows_each: int, is_kept: Callable[[int], bool]) -> Iterator[bytes]:
        """The rows whose numbers are kept, for `rows_in` to read."""
        places = sorted(range(len(self._keys)), key=self._keys.__getitem__)
        kept = (place for place in places if is_kept(self._numbers[place]))
        with self._file.open("rb") as stream:

            def line(place: int) -> bytes:
                stream.seek(self._begins[place])
                return stream.readline()

            while together := list(islice(kept, rows_each)):
                yield gzip.compress(b"".join(map(line, together)), 1, mtime=0)


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
