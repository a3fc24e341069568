"""Plans a roster import: what each row would do, and why some rows do nothing.

The rows are walked through once, some at a time, and held against the persons stored; what two
rows of one file have in common is found by the hashes of it, a few bytes a row. Only rows that
share something are looked at again. Needs no database: the caller says who is known.
"""

import gzip
import heapq
from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from signer.errors import N_
from signer.inventory.facts import KnownPeople, PersonFacts
from signer.inventory.fields import Field, Heading
from signer.inventory.findings import Finding, Remark, Severity, error, warning
from signer.inventory.judging import PlannedRow, Verdict, held, planned, remarks_on
from signer.inventory.names import fold
from signer.inventory.planned_rows import PlannedRows, encode, number_in
from signer.inventory.reading import ReadingRules, read_row
from signer.inventory.roster import Table, TableRow

READ_TOGETHER = 3_000
"""Rows whose stored persons are asked for together: one query a key on every database."""
SHOWN = 1_000
"""Findings and ignored rows that are listed; beyond them their number is told, and the workbook
of refused rows has every error."""
_RANKS = {Verdict.NEW: 1, Verdict.CHANGED: 2, Verdict.SAME: 3}
_REFUSED = 4
_ONE_PERSONS = {
    Field.CODE: N_("Mã cán bộ này có ở cả các dòng %(rows)s."),
    Field.ID_NUMBER: N_("Số định danh này có ở cả các dòng %(rows)s."),
    Field.EMAIL: N_("Thư điện tử này có ở cả các dòng %(rows)s."),
}
"""What only one person can have, and what is said of the rows that share it."""

Known = Callable[[Sequence[PersonFacts]], KnownPeople]
"""All stored persons that these rows may touch or collide with."""
Keep = Callable[[PlannedRow], None]


@dataclass(frozen=True, kw_only=True)
class AbsentPerson:
    """Somebody of the unit whom its full roster does not name."""

    code: str
    full_name: str
    unit: str


@dataclass(frozen=True, kw_only=True)
class RosterPlan:
    """Everything a clerk must see before the valid rows are stored."""

    rows: int
    """Rows that name a person; new + changed + same + error_rows."""
    new: int
    changed: int
    same: int
    error_rows: int
    """Distinct rows refused; a row may have several errors."""
    errors: tuple[Finding, ...]
    """The first `SHOWN` of them, as with `warnings` and `ignored_rows`."""
    warnings: tuple[Finding, ...]
    """Of rows that are imported; of refused rows too, since they help to correct them."""
    error_count: int = 0
    warning_count: int = 0
    ignored_rows: tuple[int, ...] = ()
    """Rows below the header that name no person: headings, totals, signatures."""
    unknown_headings: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """Required columns that nobody has pointed to; nothing is imported without them."""
    remark: str | None = None
    other_lists: tuple[str, ...] = ()
    """Sheets with a list of their own that was not read."""
    headings: tuple[Heading, ...] = ()
    """What each column was taken for, from left to right."""

    absent_count: int | None = None
    """How many of the unit that the file names in full it does not name; None: of none."""
    absent: tuple[AbsentPerson, ...] = ()
    """The first `SHOWN` of them."""

    def to_json(self) -> dict[str, object]:
        """The plan as a machine reads it; the sentences are Vietnamese."""
        findings = {"errors": self.errors, "warnings": self.warnings}
        return asdict(self) | {
            name: [finding.to_json() for finding in found] for name, found in findings.items()
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "RosterPlan":
        """The plan that `to_json` wrote; what older ones did not keep is empty."""
        parts: Mapping[str, Callable[[Any], object]] = {
            "errors": Finding.from_json,
            "warnings": Finding.from_json,
            "headings": Heading.from_json,
            "absent": lambda told: AbsentPerson(**told),
        }
        kept = {f.name: stored[f.name] for f in fields(cls) if f.name in stored}
        for name, told in kept.items():
            if isinstance(told, list):
                kept[name] = tuple(map(parts.get(name, lambda one: one), told))
        return cls(**kept)


def judged(
    number: int, facts: PersonFacts, known: KnownPeople, rules: ReadingRules
) -> tuple[PlannedRow | None, list[Remark]]:
    """What a row of these facts does by itself, None when an error refuses it; what is remarked."""
    row = planned(number, facts, known)
    remarks = list(
        remarks_on(
            row, known, rules.units.by_id, effective_on=rules.effective_on, scopes=rules.scopes
        )
    )
    refused = any(remark.severity is Severity.ERROR for remark in remarks)
    return None if refused else row, remarks


def namesakes(facts: PersonFacts, known: KnownPeople) -> set[str]:
    """Codes of other stored persons with the same folded name and birth date (R10)."""
    if facts.birth_date is None:
        return set()
    key = (fold(facts.full_name), facts.birth_date)
    return set(known.codes_of_name_and_birth.get(key, ())) - {facts.code}


def namesake_warning(codes: Iterable[str]) -> Remark:
    """Probably one person under two codes."""
    return warning(
        Field.FULL_NAME,
        N_("Trùng họ tên và ngày sinh với người có mã %(codes)s."),
        codes=_listed(sorted(codes)),
    )


class Planner:
    """Plans one roster. `folder` takes what is too long to be held, and is the caller's."""

    def __init__(self, table: Table, known: Known, rules: ReadingRules, folder: Path) -> None:
        self._table = table
        self._known = known
        self._rules = rules
        self._rows = PlannedRows(folder / "rows")
        self._refused = (folder / "refused-alone", folder / "refused-together")
        self._ranks = bytearray()
        """What each row does, by its number; 0 for rows that name nobody."""
        self._codes = array("q")
        self._repeated = _Shared()
        self._shared = {field: _Shared() for field in _ONE_PERSONS}
        self._names = _Shared()
        self._twins: dict[int, set[str]] = {}
        self._ignored: list[int] = []
        self._tellings = (_Telling(), _Telling())
        """Of rows taken alone and of rows taken together."""

    def plan(self) -> RosterPlan:
        """The plan; the other questions can be asked after it."""
        with (
            self._rows.written() as keep,
            self._refused[0].open("w", encoding="utf-8") as refused,
        ):
            if not self._table.missing:
                people = self._people()
                while sources := list(islice(people, READ_TOGETHER)):
                    self._judge(sources, keep, refused)
        with self._refused[1].open("w", encoding="utf-8") as refused:
            self._judge_together(refused)
        count = self._ranks.count
        errors, warnings = (_merged(self._tellings, severity) for severity in Severity)
        return RosterPlan(
            rows=len(self._ranks) - count(0),
            new=count(_RANKS[Verdict.NEW]),
            changed=count(_RANKS[Verdict.CHANGED]),
            same=count(_RANKS[Verdict.SAME]),
            error_rows=count(_REFUSED),
            errors=errors,
            warnings=warnings,
            error_count=sum(telling.count[Severity.ERROR] for telling in self._tellings),
            warning_count=sum(telling.count[Severity.WARNING] for telling in self._tellings),
            ignored_rows=tuple(self._ignored),
            unknown_headings=self._table.unknown_headings,
            missing=self._table.missing,
            remark=self._table.remark,
            other_lists=self._table.other_lists,
            headings=self._table.headings,
        )

    def chunks(self, rows_each: int) -> Iterator[bytes]:
        """The new and changed rows, for `rows_in` to read."""
        return self._rows.chunks(rows_each, lambda number: self._ranks[number] != _REFUSED)

    def write_refused(self, file: Path) -> None:
        """The refused rows are in the file for `refused_in` to read, in their order."""
        with (
            gzip.open(file, "wt", compresslevel=1, encoding="utf-8") as out,
            self._refused[0].open(encoding="utf-8") as alone,
            self._refused[1].open(encoding="utf-8") as together,
        ):
            out.writelines(heapq.merge(alone, together, key=number_in))

    def named(self) -> Callable[[str], bool]:
        """Tells whether a row of the file has a code, be it a refused one."""
        codes = set(self._codes)
        return lambda code: hash(code) in codes

    def _people(self) -> Iterator[TableRow]:
        for row in self._table.rows():
            if isinstance(row, TableRow):
                yield row
            elif len(self._ignored) < SHOWN:
                self._ignored.append(row)

    def _judge(self, sources: Sequence[TableRow], keep: Keep, refused: TextIO) -> None:
        read = [read_row(source, self._rules) for source in sources]
        known = self._known([facts for facts, _ in read if facts is not None])
        for source, (facts, remarks) in zip(sources, read, strict=True):
            self._codes.append(hash(source.code))
            entry = None
            if facts is not None:
                self._remember(source.number, facts, known)
                entry, more = judged(source.number, facts, known, self._rules)
                remarks += more
            self._rank(source.number, _RANKS[entry.verdict] if entry else _REFUSED)
            if entry is not None and entry.verdict is not Verdict.SAME:
                keep(entry)
            if remarks:
                self._tell(0, source, remarks, refused)

    def _remember(self, number: int, facts: PersonFacts, known: KnownPeople) -> None:
        self._repeated.add(number, facts)
        self._shared[Field.CODE].add(number, facts.code)
        self._shared[Field.ID_NUMBER].add(number, held(facts, known, "id_number"))
        self._shared[Field.EMAIL].add(number, held(facts, known, "email"))
        if facts.birth_date is not None:
            self._names.add(number, (fold(facts.full_name), facts.birth_date))
            if twins := namesakes(facts, known):
                self._twins[number] = twins

    def _rank(self, number: int, rank: int) -> None:
        if len(self._ranks) <= number:
            self._ranks.extend(bytes(number + 1 - len(self._ranks)))
        self._ranks[number] = rank

    def _judge_together(self, refused: TextIO) -> None:
        remarks: dict[int, list[Remark]] = defaultdict(list)
        self._find_duplicates(remarks)
        self._find_namesakes(remarks)
        if not remarks:
            return
        for source in self._table.rows_of(remarks.keys()):
            if any(remark.severity is Severity.ERROR for remark in remarks[source.number]):
                self._rank(source.number, _REFUSED)
            self._tell(1, source, remarks[source.number], refused)

    def _tell(
        self, together: int, source: TableRow, remarks: Iterable[Remark], refused: TextIO
    ) -> None:
        findings = [remark.in_row(source, self._table.columns) for remark in remarks]
        self._tellings[together].tell(source, findings, refused)

    def _find_duplicates(self, remarks: dict[int, list[Remark]]) -> None:
        """Refuses every row of a group that shares what only one person can have.

        Nobody can know which of them is right. A row repeated word for word is refused alone:
        its first copy says all there is.
        """
        copies: set[int] = set()
        for first, *again in self._repeated.groups():
            copies.update(again)
            for number in again:
                sentence = N_("Dòng này lặp lại nguyên dòng %(other)d.")
                remarks[number].append(error(Field.CODE, sentence, other=first))
        for field, sentence in _ONE_PERSONS.items():
            for group in self._shared[field].groups():
                numbers = [number for number in group if number not in copies]
                if len(numbers) > 1:
                    for number in numbers:
                        others = (n for n in numbers if n != number)
                        remarks[number].append(error(field, sentence, rows=_listed(others)))

    def _find_namesakes(self, remarks: dict[int, list[Remark]]) -> None:
        """R10: the same folded name and birth date under two codes is probably one person."""
        groups = self._names.groups()
        together = {number for group in groups for number in group}
        groups += [[number] for number in self._twins.keys() - together]
        wanted = together | self._twins.keys()
        codes = {row.number: row.code for row in self._table.rows_of(wanted)} if wanted else {}
        for group in groups:
            everyone = {codes[number] for number in group}
            everyone |= self._twins.get(group[0], set())
            warned: set[str] = set()
            for number in group:
                if (code := codes[number]) not in warned and len(everyone) > 1:
                    warned.add(code)
                    remarks[number].append(namesake_warning(everyone - {code}))


class _Shared:
    """Which rows have a value in common, in twelve bytes a row.

    Values are told apart by 64 bits of hash: two of a million would be mistaken for one another
    once in thirty million files.
    """

    def __init__(self) -> None:
        self._rows = array("I")
        self._hashes = array("q")

    def add(self, row: int, value: Hashable) -> None:
        """The row has this value; None is no value."""
        if value is not None:
            self._rows.append(row)
            self._hashes.append(hash(value))

    def groups(self) -> list[list[int]]:
        """The rows of each value that more than one has, in their order."""
        seen: set[int] = set()
        shared: set[int] = set()
        for value in self._hashes:
            (shared if value in seen else seen).add(value)
        groups: dict[int, list[int]] = defaultdict(list)
        if shared:
            for row, value in zip(self._rows, self._hashes, strict=True):
                if value in shared:
                    groups[value].append(row)
        return list(groups.values())


class _Telling:
    """Counts findings, keeps the first of each kind, and sets refused rows aside as they came."""

    def __init__(self) -> None:
        self.count = dict.fromkeys(Severity, 0)
        self.first: dict[Severity, list[Finding]] = {severity: [] for severity in Severity}

    def tell(self, source: TableRow, findings: Sequence[Finding], refused: TextIO) -> None:
        """The findings of one row are told."""
        for finding in findings:
            self.count[finding.severity] += 1
            if len(first := self.first[finding.severity]) < SHOWN:
                first.append(finding)
        errors = [asdict(f) for f in findings if f.severity is Severity.ERROR]
        if errors:
            refused.write(encode([source.number, source.cells, errors]) + "\n")


def _merged(tellings: Collection[_Telling], severity: Severity) -> tuple[Finding, ...]:
    told = [finding for telling in tellings for finding in telling.first[severity]]
    return tuple(sorted(told, key=lambda finding: finding.row)[:SHOWN])


def _listed(values: Iterable[object]) -> str:
    """The first five of them written out."""
    first = [str(value) for value in islice(values, 6)]
    return ", ".join(first[:5]) + (", …" if len(first) > 5 else "")
