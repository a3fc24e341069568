"""Loads the persons a roster touches and stores what was planned, in bulk, dates included."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Row, Select, and_, insert, select, update
from sqlalchemy.orm import InstrumentedAttribute, aliased

from signer.audit import Audit, Happening
from signer.db import changed, db
from signer.inventory.facts import KnownPeople, KnownPerson, PersonFacts
from signer.inventory.kinds import SigningRole
from signer.inventory.models import OrgUnit, Person, PersonPeriod
from signer.inventory.names import fold, sort_key
from signer.inventory.planning import PlannedRow, Verdict
from signer.inventory.policy import rules
from signer.inventory.states import PersonState
from signer.inventory.units import KnownUnit
from signer.inventory.words import write_words

_KEYS_PER_QUERY = 900  # below SQLite's historical limit of 999 parameters
ROSTER_LOCK = 0x505E0
"""One writer of people at a time, so that two of them cannot both add the same person."""
_FACTS = tuple(field.name for field in fields(PersonFacts))
_DATED = frozenset({"unit_id", "state", "kind", "signing_roles"})
"""Facts of which the person's periods keep the history."""
_SHOWN_IN_AUDIT = frozenset(
    {"division", "title", "email", "kind", "state", "state_since", "state_decision", "rank_code"}
)
"""Facts whose old and new value an auditor reads; of private ones only the name is recorded."""

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Stored:
    """How many persons one transaction added and changed."""

    new: int = 0
    changed: int = 0


def known_units() -> list[KnownUnit]:
    """Every unit, closed ones too."""
    columns = [
        getattr(OrgUnit, name)
        for name in ("id", "code", "name", "path", "parent_id", "valid_from", "valid_to")
    ]
    return [KnownUnit(**row._asdict()) for row in db.session.execute(select(*columns))]


def known_people(told: Sequence[PersonFacts]) -> KnownPeople:
    """All stored persons with a code, number or address of these, or the same name and birth."""
    found: dict[int, KnownPerson] = {}
    keys: list[tuple[InstrumentedAttribute[Any], set[str]]] = [
        (Person.code, {f.code for f in told}),
        (Person.id_number, {f.id_number for f in told if f.id_number}),
        (Person.email, {f.email for f in told if f.email}),
    ]
    for column, values in keys:
        for chunk in in_chunks(sorted(values), _KEYS_PER_QUERY):
            _add(found, _known().where(column.in_(chunk)))
    # What a returning person still holds may have gone to somebody else meanwhile.
    returning = [p.facts for p in found.values() if p.has_left]
    for column, values in (
        (Person.email, {f.email for f in returning if f.email}),
        (Person.id_number, {f.id_number for f in returning if f.id_number}),
    ):
        for chunk in in_chunks(sorted(values), _KEYS_PER_QUERY):
            _add(found, _known().where(column.in_(chunk)))
    births = {(fold(f.full_name), f.birth_date) for f in told if f.birth_date}
    for pairs in in_chunks(sorted(births, key=str), _KEYS_PER_QUERY // 2):
        same_name = Person.search_key.in_({name for name, _ in pairs})
        _add(found, _known().where(same_name, Person.birth_date.in_({day for _, day in pairs})))
    return KnownPeople.of(found.values())


def in_chunks(values: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """The values in lists of at most `size`."""
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk


def _known() -> Select[Any]:
    """Persons as bare columns: objects of the session would cost ten times as much here."""
    columns = [getattr(Person, name) for name in _FACTS]
    survivor = aliased(Person)
    return (
        select(
            Person.id,
            PersonPeriod.id.label("period_id"),
            PersonPeriod.valid_from,
            survivor.code.label("merged_into"),
            *columns,
        )
        .join(
            PersonPeriod,
            and_(PersonPeriod.person_id == Person.id, PersonPeriod.valid_to.is_(None)),
        )
        .outerjoin(survivor, survivor.id == Person.merged_into_id)
    )


def _add(found: dict[int, KnownPerson], statement: Select[Any]) -> None:
    for row in db.session.execute(statement):
        if row.id not in found:
            found[row.id] = _known_person(row)


def _known_person(row: Row[Any]) -> KnownPerson:
    facts = PersonFacts(**{name: getattr(row, name) for name in _FACTS})
    return KnownPerson(
        id=row.id,
        facts=facts,
        period_id=row.period_id,
        period_from=row.valid_from,
        merged_into=row.merged_into,
    )


class Storing:
    """Writes planned rows inside the caller's transaction, with their audit events."""

    def __init__(
        self, audit: Audit, *, actor: str, subject: str, effective_on: date, now: datetime
    ) -> None:
        """`subject` names the act that new persons come from, such as `roster_import:7`."""
        self._audit = audit
        self._actor = actor
        self._subject = subject
        self._on = effective_on
        self._now = now

    def store(
        self, entries: Sequence[PlannedRow], known: KnownPeople, unit_codes: Mapping[int, str]
    ) -> Stored:
        """Stores new and changed persons, their periods and events; other rows do nothing."""
        new = [entry.facts for entry in entries if entry.verdict is Verdict.NEW]
        altered = [
            (known.by_code[entry.facts.code], entry)
            for entry in entries
            if entry.verdict is Verdict.CHANGED
        ]
        events: list[Happening] = []
        if new:
            self._insert(new)
            people = {facts.code: unit_codes[facts.unit_id] for facts in new}
            events.append(
                Happening(
                    action="people.created",
                    subject=self._subject,
                    details={"people": people, "from": self._on.isoformat()},
                )
            )
        if altered:
            self._update(altered)
            events += [self._event(before, entry, unit_codes) for before, entry in altered]
        if events:
            self._audit.record_many(self._actor, events)
        return Stored(new=len(new), changed=len(altered))

    def _insert(self, people: Sequence[PersonFacts]) -> None:
        rows = [self._new_row(facts) for facts in people]
        statement = insert(Person).returning(Person.id, sort_by_parameter_order=True)
        ids = list(db.session.scalars(statement, rows))
        db.session.execute(
            insert(PersonPeriod),
            [self._period(person_id, row) for person_id, row in zip(ids, rows, strict=True)],
        )
        write_words(
            (person_id, None, row["full_name"]) for person_id, row in zip(ids, rows, strict=True)
        )
        changed("person", ids)

    def _new_row(self, facts: PersonFacts) -> dict[str, Any]:
        row = {name: getattr(facts, name) for name in _FACTS}
        return row | {
            "state": facts.state or PersonState.WORKING,
            "state_since": facts.state_since or self._on,
            "search_key": fold(facts.full_name),
            "sort_key": sort_key(facts.full_name),
            "created_at": self._now,
            "updated_at": self._now,
        }

    def _period(self, person_id: int, row: Mapping[str, Any]) -> dict[str, Any]:
        roles = row["signing_roles"] or ()
        return {
            "person_id": person_id,
            "unit_id": row["unit_id"],
            "unit_path": row["unit_path"],
            "state": row["state"],
            "counted": rules()[row["state"]].counted,
            "kind": row["kind"],
            "is_leader": SigningRole.LEADER in roles,
            "is_one_stop": SigningRole.ONE_STOP in roles,
            "valid_from": self._on,
            "valid_to": None,
        }

    def _update(self, people: Sequence[tuple[KnownPerson, PlannedRow]]) -> None:
        rows: list[dict[str, Any]] = []
        moved: list[tuple[KnownPerson, dict[str, Any]]] = []
        for before, entry in people:
            row: dict[str, Any] = {name: getattr(entry.facts, name) for name in entry.changes}
            if "full_name" in row:
                row["search_key"] = fold(row["full_name"])
                row["sort_key"] = sort_key(row["full_name"])
            if "unit_id" in row:
                row["unit_path"] = entry.facts.unit_path
            if "state" in row:
                row["state_since"] = entry.facts.state_since or self._on
            if _DATED & row.keys():
                moved.append((before, row))
            rows.append(row | {"id": before.id, "updated_at": self._now})
        db.session.execute(update(Person), rows)
        write_words(
            (before.id, before.facts.full_name, row["full_name"])
            for (before, _), row in zip(people, rows, strict=True)
            if "full_name" in row
        )
        changed("person", [row["id"] for row in rows])
        if moved:
            self._move(moved)

    def _move(self, moved: Sequence[tuple[KnownPerson, dict[str, Any]]]) -> None:
        """Ends the open period the day before and opens the next; a same-day one is corrected."""
        ended: list[dict[str, Any]] = []
        corrected: list[dict[str, Any]] = []
        opened: list[dict[str, Any]] = []
        for before, row in moved:
            now = {name: getattr(before.facts, name) for name in (*_DATED, "unit_path")} | row
            period = self._period(before.id, now)
            if before.period_from < self._on:
                ended.append({"id": before.period_id, "valid_to": self._on - timedelta(days=1)})
                opened.append(period)
            else:
                corrected.append(period | {"id": before.period_id})
        for rows in (ended, corrected):
            if rows:
                db.session.execute(update(PersonPeriod), rows)
        if opened:
            db.session.execute(insert(PersonPeriod), opened)

    def _event(
        self, before: KnownPerson, entry: PlannedRow, unit_codes: Mapping[int, str]
    ) -> Happening:
        changes: dict[str, object] = {}
        for name in entry.changes:
            old, new = getattr(before.facts, name), getattr(entry.facts, name)
            if name == "unit_id":
                changes["unit"] = [unit_codes[old], unit_codes[new]]
            elif name in _SHOWN_IN_AUDIT:
                changes[name] = [_plain(old), _plain(new)]
            else:
                changes[name] = "changed"
        return Happening(
            action="person.changed",
            subject=f"person:{entry.facts.code}",
            details={"changes": changes, "by": self._subject, "from": self._on.isoformat()},
        )


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


Progress = Callable[[int], None]
"""Told, after each stored chunk, how many rows it had."""
