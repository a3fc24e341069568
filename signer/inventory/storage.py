"""Loads the persons a roster touches and stores what was planned, in bulk, dates included."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Column, Row, Select, Table, and_, select, text, update

from signer.audit import Audit, Happening
from signer.db import Base, among, changed, db, insert_many, told
from signer.inventory.facts import FACTS, KnownPeople, KnownPerson, PersonFacts
from signer.inventory.judging import PlannedRow, Verdict
from signer.inventory.kinds import SigningRole
from signer.inventory.models import ACTIVE, OrgUnit, Person, PersonPeriod
from signer.inventory.names import fold, sort_key
from signer.inventory.policy import rules
from signer.inventory.states import PersonState
from signer.inventory.units import KnownUnit
from signer.inventory.words import write_words

ROSTER_LOCK = 0x505E0
"""One writer of people at a time, so that two of them cannot both add the same person."""
_DATED = frozenset({"unit_id", "state", "kind", "signing_roles"})
"""Facts of which the person's periods keep the history."""
_SAID_BY_PERIOD = ("unit_id", "unit_path", "state", "counted", "kind", "is_leader", "is_one_stop")
_SHOWN_IN_AUDIT = frozenset(
    {"division", "title", "email", "kind", "state", "state_since", "state_decision", "rank_code"}
)
"""Facts whose old and new value an auditor reads; of private ones only the name is recorded."""

_PERSON, _PERIOD = (Base.metadata.tables[name] for name in ("person", "person_period"))
# The pairs go first and as one value: SQLite would look through all persons for pairs that are
# IN a list, and hundreds of values would be put together anew for each statement.
_ALIKE = {
    "sqlite": """SELECT person.code, person.search_key, pair.value ->> 1
        FROM json_each(:pairs) AS pair CROSS JOIN person
        WHERE person.search_key = pair.value ->> 0 AND person.birth_date = pair.value ->> 1
        AND person.merged_into_id IS NULL""",
    "postgresql": """SELECT person.code, person.search_key, pair.value ->> 1
        FROM jsonb_array_elements(CAST(:pairs AS jsonb)) AS pair CROSS JOIN person
        WHERE person.search_key = pair.value ->> 0
        AND person.birth_date = CAST(pair.value ->> 1 AS date)
        AND person.merged_into_id IS NULL""",
}
_FIRST_FACT = 6
"""Where the facts begin in a row of `_known`."""

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Before:
    """A changed person as it was: what undoing the change writes back.

    `period` is the open period, corrected the same day (with its values before) or ended and
    followed by another (with none); no period when its dated facts stayed.
    """

    person_id: int
    values: Mapping[str, Any]
    period_id: int | None = None
    period: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Whom one transaction added and changed."""

    new_ids: tuple[int, ...] = ()
    before: tuple[Before, ...] = ()

    @property
    def new(self) -> int:
        """How many were added."""
        return len(self.new_ids)

    @property
    def changed(self) -> int:
        """How many were changed."""
        return len(self.before)

    @property
    def changed_ids(self) -> tuple[int, ...]:
        """Whom it changed."""
        return tuple(person.person_id for person in self.before)


def known_units() -> list[KnownUnit]:
    """Every unit, closed ones too."""
    names = ("id", "code", "name", "path", "parent_id", "valid_from", "valid_to")
    ended_by_act = OrgUnit.closed_by_id.is_not(None).label("ended_by_act")
    columns = [*(getattr(OrgUnit, name) for name in names), ended_by_act]
    return [KnownUnit(**row._asdict()) for row in db.session.execute(select(*columns))]


def known_people(facts: Sequence[PersonFacts], *, with_namesakes: bool = True) -> KnownPeople:
    """All stored persons with a code, number or address of these, or the same name and birth.

    Nearly always the one of that code has number and address too: then nobody else is looked for.
    """
    found: dict[int, KnownPerson] = {}
    _add(found, _PERSON.c.code, {f.code for f in facts})
    for name in ("id_number", "email"):
        wanted = {getattr(f, name) for f in facts}
        for person in found.values():
            if person.has_left:  # what a returning person held may have gone to somebody else
                wanted.add(getattr(person.facts, name))
            elif person.merged_into is None:
                wanted.discard(getattr(person.facts, name))
        holders = _holders(_PERSON.c[name], wanted - {None})
        _add(found, _PERSON.c.id, holders - found.keys())
    return KnownPeople.of(found.values(), _namesakes(facts) if with_namesakes else ())


def _add(found: dict[int, KnownPerson], key: Column[Any], wanted: set[Any]) -> None:
    if wanted:
        for row in db.session.execute(_known().where(among(key)), told(wanted)):
            found[row.id] = _known_person(row)


def _holders(key: Column[Any], wanted: set[Any]) -> set[int]:
    """The active persons who have these, found by the index over active persons."""
    holders = select(_PERSON.c.id).where(among(key), text(ACTIVE))
    return set(db.session.scalars(holders, told(wanted))) if wanted else set()


def _namesakes(facts: Sequence[PersonFacts]) -> Iterator[tuple[str, str, date]]:
    births = {(fold(f.full_name), f.birth_date.isoformat()) for f in facts if f.birth_date}
    statement = text(_ALIKE[db.engine.dialect.name])
    pairs = json.dumps(list(births), ensure_ascii=False)
    for code, folded_name, birth in db.session.execute(statement, {"pairs": pairs}).all():
        yield code, folded_name, date.fromisoformat(birth)


def name_keys(full_name: str) -> dict[str, str]:
    """What a name is found and put in order by."""
    return {"search_key": fold(full_name), "sort_key": sort_key(full_name)}


def in_chunks(values: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """The values in lists of at most `size`."""
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk


@cache
def _known() -> Select[Any]:
    """Persons as columns of the table: the session's objects would cost ten times as much."""
    person, period, survivor = _PERSON.c, _PERIOD.c, _PERSON.alias()
    return (
        select(
            person.id,
            period.id.label("period_id"),
            period.valid_from,
            period.counted,
            person.updated_at,
            survivor.c.code.label("merged_into"),
            *(person[name] for name in FACTS),  # the last ones, in their order
        )
        .join(_PERIOD, and_(period.person_id == person.id, period.valid_to.is_(None)))
        .outerjoin(survivor, survivor.c.id == person.merged_into_id)
    )


def _insert(into: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of the same keys."""
    connection = db.session.connection()
    insert_many(connection, into, tuple(rows[0]), [tuple(row.values()) for row in rows])


def _known_person(row: Row[Any]) -> KnownPerson:
    return KnownPerson(
        id=row.id,
        facts=PersonFacts._make(row[_FIRST_FACT:]),
        period_id=row.period_id,
        period_from=row.valid_from,
        merged_into=row.merged_into,
        was_counted=row.counted,
        updated_at=row.updated_at,
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
        new_ids: Sequence[int] = ()
        before: Sequence[Before] = ()
        if new:
            new_ids = self._insert(new)
            people = {facts.code: unit_codes[facts.unit_id] for facts in new}
            events.append(
                Happening(
                    action="people.created",
                    subject=self._subject,
                    details={"people": people, "from": self._on.isoformat()},
                )
            )
        if altered:
            before = self._update(altered)
            events += [self._event(known_as, entry, unit_codes) for known_as, entry in altered]
        if events:
            self._audit.record_many(self._actor, events)
        return Stored(new_ids=tuple(new_ids), before=tuple(before))

    def _insert(self, people: Sequence[PersonFacts]) -> list[int]:
        rows = [self._new_row(facts) for facts in people]
        # Asked back, the ids come quicker than returned row by row.
        _insert(_PERSON, rows)
        codes = told(facts.code for facts in people)
        found = db.session.execute(select(Person.code, Person.id).where(among(Person.code)), codes)
        id_of = {row[0]: row[1] for row in found}
        ids = [id_of[facts.code] for facts in people]
        periods = [self._period(person_id, row) for person_id, row in zip(ids, rows, strict=True)]
        _insert(_PERIOD, periods)
        write_words(
            (person_id, None, row["full_name"]) for person_id, row in zip(ids, rows, strict=True)
        )
        changed("person", ids)
        return ids

    def _new_row(self, facts: PersonFacts) -> dict[str, Any]:
        return facts._asdict() | {
            "state": facts.state or PersonState.WORKING,
            "state_since": facts.state_since or self._on,
            **name_keys(facts.full_name),
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

    def _update(self, people: Sequence[tuple[KnownPerson, PlannedRow]]) -> list[Before]:
        rows: list[dict[str, Any]] = []
        moved: list[tuple[KnownPerson, dict[str, Any]]] = []
        for before, entry in people:
            row: dict[str, Any] = {name: getattr(entry.facts, name) for name in entry.changes}
            if "full_name" in row:
                row |= name_keys(row["full_name"])
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
        periods = self._move(moved) if moved else {}
        return [
            Before(
                person_id=before.id,
                values={name: getattr(before.facts, name) for name in row if name in FACTS}
                | {"updated_at": before.updated_at},
                period_id=before.period_id if before.id in periods else None,
                period=periods.get(before.id),
            )
            for (before, _), row in zip(people, rows, strict=True)
        ]

    def _move(
        self, moved: Sequence[tuple[KnownPerson, dict[str, Any]]]
    ) -> dict[int, Mapping[str, Any] | None]:
        """Ends the open period the day before and opens the next; a same-day one is corrected.

        Returns, by person, what a corrected period said before, None for an ended one.
        """
        ended: list[dict[str, Any]] = []
        corrected: list[dict[str, Any]] = []
        opened: list[dict[str, Any]] = []
        said: dict[int, Mapping[str, Any] | None] = {}
        for before, row in moved:
            was = {name: getattr(before.facts, name) for name in (*_DATED, "unit_path")}
            period = self._period(before.id, was | row)
            if before.period_from < self._on:
                ended.append({"id": before.period_id, "valid_to": self._on - timedelta(days=1)})
                opened.append(period)
                said[before.id] = None
            else:
                period = {name: period[name] for name in _SAID_BY_PERIOD}
                corrected.append(period | {"id": before.period_id})
                old = self._period(before.id, was) | {"counted": before.was_counted}
                said[before.id] = {name: old[name] for name in _SAID_BY_PERIOD}
        for rows in (ended, corrected):
            if rows:
                db.session.execute(update(PersonPeriod), rows)
        if opened:
            _insert(_PERIOD, opened)
        return said

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
