"""Plans a roster import: what each row would do, and why some rows do nothing. Pure."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from signer.errors import N_
from signer.inventory.facts import KnownPeople, KnownPerson, PersonFacts, changes_between
from signer.inventory.findings import Finding, Severity
from signer.inventory.names import fold
from signer.inventory.reading import ReadingRules, ReadRow, finding_of, read_row
from signer.inventory.roster import Column, Field, Table, TableRow
from signer.inventory.states import STATE_RULES


class Verdict(StrEnum):
    """What a valid row does to the inventory."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, kw_only=True)
class PlannedRow:
    """One valid row: the facts it brings, and which of them are new to the inventory."""

    row: int
    facts: PersonFacts
    verdict: Verdict
    changes: tuple[str, ...] = ()


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
    warnings: tuple[Finding, ...]
    """Of rows that are imported; of refused rows too, since they help to correct them."""
    entries: tuple[PlannedRow, ...]
    ignored_rows: tuple[int, ...] = ()
    """Rows below the header that name no person: headings, totals, signatures."""
    unknown_headings: tuple[str, ...] = ()
    remark: str | None = None
    columns: tuple[Column, ...] = ()
    """What each recognised column was taken for, from left to right."""

    def to_json(self) -> dict[str, object]:
        """Counts and findings, as a machine reads them; the sentences are Vietnamese."""
        return {
            "rows": self.rows,
            "new": self.new,
            "changed": self.changed,
            "same": self.same,
            "error_rows": self.error_rows,
            "errors": [finding.to_json() for finding in self.errors],
            "warnings": [finding.to_json() for finding in self.warnings],
            "ignored_rows": list(self.ignored_rows),
            "unknown_headings": list(self.unknown_headings),
            "remark": self.remark,
        }


@dataclass(frozen=True, kw_only=True)
class ReadRoster:
    """A table whose rows were read one by one, not yet held against each other."""

    table: Table
    rows: tuple[ReadRow, ...]


def read_roster(table: Table, rules: ReadingRules) -> ReadRoster:
    """Every row on its own; the service then loads the persons that the plan must know."""
    return ReadRoster(
        table=table, rows=tuple(read_row(row, table.columns, rules) for row in table.rows)
    )


def plan(read: ReadRoster, known: KnownPeople, rules: ReadingRules) -> RosterPlan:
    """The plan for these rows over what is known now; the same inputs give the same plan."""
    judge = _Judge(read, known, rules)
    return judge.plan()


class _Judge:
    """Holds the rows against each other and against the stored persons."""

    def __init__(self, read: ReadRoster, known: KnownPeople, rules: ReadingRules) -> None:
        self._read = read
        self._known = known
        self._rules = rules
        self._columns = read.table.columns
        self._source = {row.number: row for row in read.table.rows}
        self._extra: dict[int, list[Finding]] = defaultdict(list)
        self._refused: set[int] = {row.number for row in read.rows if row.facts is None}

    def plan(self) -> RosterPlan:
        valid = [(row.number, row.facts) for row in self._read.rows if row.facts is not None]
        self._find_duplicates(valid)
        for number, facts in valid:
            self._check_against_known(number, facts)
        self._warn_of_namesakes(valid)
        entries = tuple(
            self._planned(number, facts) for number, facts in valid if number not in self._refused
        )
        findings = [
            finding
            for row in self._read.rows
            for finding in (*row.findings, *self._extra.get(row.number, ()))
        ]
        verdicts = [entry.verdict for entry in entries]
        return RosterPlan(
            rows=len(self._read.rows),
            new=verdicts.count(Verdict.NEW),
            changed=verdicts.count(Verdict.CHANGED),
            same=verdicts.count(Verdict.SAME),
            error_rows=len(self._refused),
            errors=tuple(f for f in findings if f.severity is Severity.ERROR),
            warnings=tuple(f for f in findings if f.severity is Severity.WARNING),
            entries=entries,
            ignored_rows=self._read.table.ignored,
            unknown_headings=self._read.table.unknown_headings,
            remark=self._read.table.remark,
            columns=tuple(sorted(self._read.table.columns.values(), key=lambda c: c.index)),
        )

    def _planned(self, number: int, facts: PersonFacts) -> PlannedRow:
        known = self._known.by_code.get(facts.code)
        if known is None:
            return PlannedRow(row=number, facts=facts, verdict=Verdict.NEW)
        changes = changes_between(known.facts, facts)
        verdict = Verdict.CHANGED if changes else Verdict.SAME
        return PlannedRow(row=number, facts=facts, verdict=verdict, changes=changes)

    def _find_duplicates(self, valid: Sequence[tuple[int, PersonFacts]]) -> None:
        """Refuses every row of a group that shares what only one person can have.

        Nobody can know which of them is right. A row repeated word for word is refused alone:
        its first copy says all there is.
        """
        first_copies: dict[PersonFacts, int] = {}
        distinct: list[tuple[int, PersonFacts]] = []
        for number, facts in valid:
            if (first := first_copies.setdefault(facts, number)) == number:
                distinct.append((number, facts))
            else:
                self._error(
                    number, Field.CODE, N_("Dòng này lặp lại nguyên dòng %(other)d."), other=first
                )
        rules: list[tuple[Field, str, Callable[[PersonFacts], Hashable]]] = [
            (Field.CODE, N_("Mã cán bộ này có ở cả các dòng %(rows)s."), lambda f: f.code),
            (
                Field.ID_NUMBER,
                N_("Số định danh này có ở cả các dòng %(rows)s."),
                lambda f: f.id_number,
            ),
            (
                Field.EMAIL,
                N_("Thư điện tử này có ở cả các dòng %(rows)s."),
                lambda f: self._held(f, "email"),
            ),
        ]
        for field, sentence, value_of in rules:
            for numbers in _shared(distinct, value_of):
                for number in numbers:
                    self._error(
                        number, field, sentence, rows=_listed(n for n in numbers if n != number)
                    )

    def _check_against_known(self, number: int, facts: PersonFacts) -> None:
        known = self._known.by_code.get(facts.code)
        if id_number := self._held(facts, "id_number"):
            owner = self._known.code_of_id_number.get(id_number)
            if owner not in (None, facts.code):
                self._error(
                    number,
                    Field.ID_NUMBER,
                    N_("Số định danh này đã thuộc về người có mã %(code)s."),
                    code=owner,
                )
        if address := self._held(facts, "email"):
            owner = self._known.code_of_email.get(address)
            if owner not in (None, facts.code):
                self._error(
                    number,
                    Field.EMAIL,
                    N_("Thư điện tử này đã thuộc về người có mã %(code)s."),
                    code=owner,
                )
        if known is not None:
            self._check_same_person(number, facts, known)

    def _held(self, facts: PersonFacts, name: str) -> str | None:
        """The address or number this person has once the row is stored; leavers hold none."""
        known = self._known.by_code.get(facts.code)
        state = facts.state or (known.facts.state if known else None)
        if state is not None and STATE_RULES[state].has_left:
            return None
        held: str | None = getattr(facts, name) or (getattr(known.facts, name) if known else None)
        return held

    def _check_same_person(self, number: int, facts: PersonFacts, known: KnownPerson) -> None:
        stored = known.facts
        if known.merged_into is not None:
            self._error(
                number,
                Field.CODE,
                N_("Người có mã này đã được gộp vào người có mã %(code)s."),
                N_("Ghi mã %(code)s, hoặc tách hai người ra lại nếu gộp nhầm."),
                code=known.merged_into,
            )
            return
        if not any(stored.unit_path.startswith(scope) for scope in self._rules.scopes):
            self._error(
                number,
                Field.CODE,
                N_("Người có mã này thuộc đơn vị ngoài phạm vi mà bạn được giao."),
            )
            return
        other_number = facts.id_number and stored.id_number and facts.id_number != stored.id_number
        other_birth = (
            facts.birth_date and stored.birth_date and facts.birth_date != stored.birth_date
        )
        if fold(facts.full_name) != fold(stored.full_name) and (other_number or other_birth):
            self._error(
                number,
                Field.CODE,
                N_("Mã cán bộ này đang thuộc về người khác (%(name)s)."),
                N_("Kiểm tra lại mã; mỗi người giữ một mã suốt thời gian công tác."),
                name=stored.full_name,
            )
            return
        changes = changes_between(stored, facts)
        if {"unit_id", "state"} & set(changes) and known.period_from > self._rules.effective_on:
            self._error(
                number,
                Field.UNIT if "unit_id" in changes else Field.STATE,
                N_("Người này đã có biến động từ ngày %(day)s, sau ngày của danh sách."),
                day=known.period_from.strftime("%d/%m/%Y"),
            )
        if known.has_left and facts.state is None:
            self._warn(
                number,
                Field.CODE,
                N_("Người này đã thôi công tác; danh sách không đổi trạng thái đó."),
            )

    def _warn_of_namesakes(self, valid: Sequence[tuple[int, PersonFacts]]) -> None:
        """R10: the same folded name and birth date under two codes is probably one person."""
        together: dict[tuple[str, date], dict[str, int]] = defaultdict(dict)
        for number, facts in valid:
            if facts.birth_date is not None:
                together[fold(facts.full_name), facts.birth_date].setdefault(facts.code, number)
        for key, codes in together.items():
            everyone = {*codes, *self._known.codes_of_name_and_birth.get(key, ())}
            if len(everyone) < 2:
                continue
            for code, number in codes.items():
                self._warn(
                    number,
                    Field.FULL_NAME,
                    N_("Trùng họ tên và ngày sinh với người có mã %(codes)s."),
                    codes=", ".join(sorted(everyone - {code})),
                )

    def _error(
        self, number: int, field: Field, sentence: str, hint: str = "", /, **values: object
    ) -> None:
        self._refused.add(number)
        self._extra[number].append(
            self._finding(Severity.ERROR, number, field, sentence, hint, values)
        )

    def _warn(self, number: int, field: Field, sentence: str, /, **values: object) -> None:
        self._extra[number].append(
            self._finding(Severity.WARNING, number, field, sentence, "", values)
        )

    def _finding(
        self,
        severity: Severity,
        number: int,
        field: Field,
        sentence: str,
        hint: str,
        values: Mapping[str, object],
    ) -> Finding:
        row: TableRow = self._source[number]
        return finding_of(severity, row, self._columns, field, sentence, hint, values)


def _shared(
    rows: Iterable[tuple[int, PersonFacts]], value_of: Callable[[PersonFacts], Hashable]
) -> list[list[int]]:
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for number, facts in rows:
        if (value := value_of(facts)) is not None:
            groups[value].append(number)
    return [numbers for numbers in groups.values() if len(numbers) > 1]


def _listed(numbers: Iterable[int]) -> str:
    """The row numbers, the first five of them written out."""
    every = list(numbers)
    return ", ".join(map(str, every[:5])) + (", …" if len(every) > 5 else "")
