"""One person by hand: added or corrected with the checks of a roster, and dated like one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select

from signer.accounts import Actor, Permission
from signer.audit import Audit
from signer.clock import Clock
from signer.config import Settings
from signer.db import LOST_RACE, advisory_lock, db, transaction
from signer.errors import N_, Conflict, Invalid, NotFound
from signer.inventory.duplicates import Duplicates
from signer.inventory.facts import COMPARED, FACTS, KnownPeople, PersonFacts
from signer.inventory.fields import AS_FIELDS, Field
from signer.inventory.findings import Finding, Severity
from signer.inventory.judging import PlannedRow, Verdict
from signer.inventory.models import OrgUnit, Person
from signer.inventory.names import clean_text
from signer.inventory.planning import judged, namesake_warning, namesakes
from signer.inventory.policy import rules
from signer.inventory.reading import ReadingRules, read_row
from signer.inventory.roster import TableRow
from signer.inventory.sheets import Cell
from signer.inventory.states import Consequence
from signer.inventory.storage import ROSTER_LOCK, Storing, known_people, known_units
from signer.inventory.units import UnitIndex

FIELDS: tuple[Field, ...] = (
    Field.CODE,
    *(field for field in Field if field.value in COMPARED),
    Field.UNIT,
)
"""What a form for one person holds (domain.md 4.1)."""
_KEPT = frozenset(
    {Field.CODE, Field.FULL_NAME, Field.UNIT, Field.KIND, Field.STATE, Field.STATE_SINCE}
)
"""Fields that cannot be emptied once they are known."""
_ON_CERTIFICATE = frozenset({"full_name", "unit_id", "email"})
_PURPOSE_LENGTH = 200


@dataclass(frozen=True, kw_only=True)
class Correction:
    """What would be stored of one person, and everything to be said about it before."""

    before: PersonFacts | None
    """None when the person is new."""
    after: PersonFacts | None
    """None when an error refuses it."""
    changes: tuple[str, ...]
    """Names of the facts that change, as in `PersonFacts`; of a new person, all that are told."""
    errors: tuple[Invalid, ...]
    """Each with the field it speaks of."""
    warnings: tuple[Finding, ...]

    def accepted(self) -> "Correction":
        """This, unless an error refuses it: then the first is raised."""
        if self.errors:
            raise self.errors[0]
        return self

    @property
    def asks(self) -> Consequence:
        """What the new state asks of the person's certificate."""
        state = self.after.state if self.after else None
        if self.before is None or state is None or "state" not in self.changes:
            return Consequence.NONE
        return rules()[state].consequence

    @property
    def alters_certificate(self) -> bool:
        """True when a certificate issued before says something else than the entry then does."""
        return self.before is not None and not _ON_CERTIFICATE.isdisjoint(self.changes)


class Persons:
    """Corrects and adds single persons. Cells are read as a roster's are, sentences included."""

    def __init__(
        self, clock: Clock, audit: Audit, settings: Settings, duplicates: Duplicates
    ) -> None:
        self._clock = clock
        self._audit = audit
        self._settings = settings
        self._duplicates = duplicates

    def check(
        self,
        actor: Actor,
        cells: Mapping[Field, Cell],
        *,
        code: str | None = None,
        effective_on: date | None = None,
    ) -> Correction:
        """What these cells would change of the person of that code, or add; nothing is stored.

        Fields that are absent stay as they are, blank ones are emptied. A changed unit, state,
        kind or signing role holds from `effective_on` (today when None). Raises `NotFound`
        unless the actor may correct the person.
        """
        correction, _ = self._check(actor, cells, code, effective_on)
        return correction

    def store(
        self,
        actor: Actor,
        cells: Mapping[Field, Cell],
        *,
        code: str | None = None,
        effective_on: date | None = None,
        seen: datetime | None = None,
    ) -> Correction:
        """The person is so; see `check`. `Invalid` with its first error, if it has one.

        `Conflict` when the entry changed after `seen`, its `updated_at` as it was shown.
        """
        with transaction():
            advisory_lock(ROSTER_LOCK)
            correction, known = self._check(actor, cells, code, effective_on, seen)
            after = correction.accepted().after
            assert after is not None, "a person without errors has facts"
            verdict = Verdict.CHANGED if correction.before else Verdict.NEW
            if correction.changes:
                entry = PlannedRow(row=1, facts=after, verdict=verdict, changes=correction.changes)
                storing = Storing(
                    self._audit,
                    actor=actor.name,
                    subject="by_hand" if correction.before else f"person:{after.code}",
                    effective_on=effective_on or self._clock.today(),
                    now=self._clock.now(),
                )
                codes = {unit.id: unit.code for unit in known_units()}
                storing.store([entry], known, codes)
        person_id = db.session.scalars(select(Person.id).where(Person.code == after.code)).one()
        self._duplicates.find({person_id})
        return correction

    def reveal_id(self, actor: Actor, code: str, purpose: str) -> str | None:
        """The full identity number; each look and its purpose are recorded before (R5)."""
        purpose = clean_text(purpose)
        person = _person(actor, code, Permission.PERSON_REVEAL)
        if not 0 < len(purpose) <= _PURPOSE_LENGTH:
            raise Invalid(
                N_("Ghi mục đích xem số định danh, không quá 200 ký tự."), field="purpose"
            )
        number, subject = person.id_number, f"person:{person.code}"
        with transaction():
            self._audit.record(actor.name, "person.id_revealed", subject, purpose=purpose)
        return number

    def cells_of(self, person: Person) -> dict[Field, Cell]:
        """The person as the cells of a roster that would change nothing; blanks left out."""
        unit = db.session.get_one(OrgUnit, person.unit_id)
        told = {field: _cell(getattr(person, field.value, None)) for field in FIELDS}
        told[Field.UNIT] = unit.code
        return {field: cell for field, cell in told.items() if cell is not None}

    def _check(
        self,
        actor: Actor,
        cells: Mapping[Field, Cell],
        code: str | None,
        effective_on: date | None,
        seen: datetime | None = None,
    ) -> tuple[Correction, KnownPeople]:
        actor.require(Permission.PERSON_EDIT)
        reading = self._rules(actor, effective_on)
        person = _person(actor, code, Permission.PERSON_EDIT) if code is not None else None
        if person is not None and seen is not None and person.updated_at != seen:
            raise Conflict(LOST_RACE)
        told = dict(cells) if person is None else self._over(person, cells)
        emptied = [field for field, cell in told.items() if _is_blank(cell)]
        row = TableRow(number=1, cells={f: c for f, c in told.items() if f not in emptied})
        facts, remarks = read_row(row, reading)
        known = known_people([facts] if facts else [])
        entry = None
        if facts is not None:
            entry, more = judged(1, facts, known, reading)
            remarks += more
            if codes := namesakes(facts, known):
                remarks.append(namesake_warning(codes))
        findings = [remark.in_row(row, AS_FIELDS) for remark in remarks]
        warnings = tuple(f for f in findings if f.severity is Severity.WARNING)
        errors = [_as_error(f) for f in findings if f.severity is Severity.ERROR]
        errors += _unread(facts, row, warnings)
        before = known.by_code.get(facts.code) if facts else None
        if person is None and before is not None:
            errors = [Invalid(N_("Mã cán bộ này đã có người mang."), field=Field.CODE)]
        entry = None if errors else entry
        changes: tuple[str, ...] = ()
        if entry is not None and before is not None:
            changes = _emptied(before.facts, entry.changes, emptied)
        elif entry is not None:
            changes = tuple(n for n in COMPARED if getattr(entry.facts, n) is not None)
        correction = Correction(
            before=before.facts if before else None,
            after=entry.facts if entry else None,
            changes=changes,
            errors=tuple(errors),
            warnings=warnings,
        )
        return correction, known

    def _over(self, person: Person, cells: Mapping[Field, Cell]) -> dict[Field, Cell]:
        """The stored entry with these cells over it."""
        stored = self.cells_of(person)
        told = {**stored, **cells, Field.CODE: person.code}
        told |= {f: stored[f] for f in _KEPT if f in stored and _is_blank(told[f])}
        altered = [f for f in (Field.STATE, Field.STATE_SINCE) if str(told[f]) != str(stored[f])]
        if altered == [Field.STATE]:
            told.pop(Field.STATE_SINCE)  # it is the day of the state before
        return told

    def _rules(self, actor: Actor, effective_on: date | None) -> ReadingRules:
        today = self._clock.today()
        if effective_on is not None and effective_on > today:
            raise Invalid(N_("Ngày có hiệu lực không được ở tương lai."), field="effective_on")
        return ReadingRules(
            units=UnitIndex(known_units(), effective_on or today),
            effective_on=effective_on or today,
            today=today,
            email_domains=self._settings.email_domains,
            scopes=actor.scopes(Permission.PERSON_EDIT),
        )


def _person(actor: Actor, code: str, permission: Permission) -> Person:
    """The person; outside one's units there is none, inside them the permission is needed."""
    person = db.session.scalar(select(Person).where(Person.code == clean_text(code).upper()))
    if person is None or not actor.can(Permission.PERSON_VIEW, person.unit_path):
        raise NotFound(N_("Không tìm thấy người có mã %(code)s."), code=code)
    actor.require(permission, person.unit_path)
    return person


def _as_error(finding: Finding) -> Invalid:
    return Invalid(finding.sentence, field=finding.column, **finding.values)


def _unread(facts: PersonFacts | None, row: TableRow, warnings: Sequence[Finding]) -> list[Invalid]:
    """What a roster leaves out with a warning is refused here: somebody typed just this."""
    if facts is None:
        return []
    return [
        _as_error(warning)
        for warning in warnings
        if warning.column in FACTS
        and Field(warning.column) in row.cells
        and getattr(facts, warning.column) is None
    ]


def _emptied(
    before: PersonFacts, changes: tuple[str, ...], blank: Sequence[Field]
) -> tuple[str, ...]:
    """The changes, and the facts that blank cells take away; a row of blanks read as None."""
    names: list[str] = [field.value for field in blank if field.value in FACTS]
    if "id_number" in names:
        names.append("id_number_kind")
    return (*changes, *(name for name in names if getattr(before, name) is not None))


def _is_blank(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _cell(fact: Any) -> Cell:
    """A fact as a roster's cell says it."""
    if isinstance(fact, bool):
        return "có" if fact else "không"
    if isinstance(fact, tuple):
        return ", ".join(fact) or "không"
    return str(fact) if isinstance(fact, StrEnum) else fact
