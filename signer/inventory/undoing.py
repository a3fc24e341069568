"""Takes back what a chunk of a roster did: whom it added goes, whom it changed is as before."""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, func, or_, select, update

from signer.db import Base, changed, db, tell
from signer.errors import N_, Conflict
from signer.inventory.facts import fact_from
from signer.inventory.models import (
    DuplicatePair,
    Person,
    PersonPeriod,
    StatePolicy,
    UnitChange,
    UnitMove,
)
from signer.inventory.names import fold, sort_key
from signer.inventory.storage import Before, Stored, in_chunks
from signer.inventory.words import write_words

_IDS_PER_QUERY = 900
_PERSON_ID = Base.metadata.tables["person"].c.id
_OWN = frozenset({"person", "person_period", "duplicate_pair"})
"""Tables of the inventory that follow the persons themselves."""
_DECIDED = ("merged", "kept_apart")
_CHANGED_SINCE = N_(
    "Không hoàn tác được: thông tin của %(name)s (mã %(code)s) đã được sửa sau lần nạp này."
)
_POLICY_CHANGED = N_(
    "Không hoàn tác được: chính sách trạng thái công tác đã đổi sau lần nạp này nên số người "
    "được tính sẽ sai."
)
_HANGS_ON = N_(
    "Không hoàn tác được: sau lần nạp này đã có đề nghị, chứng thư, tài khoản hoặc việc khác "
    "gắn với %(name)s (mã %(code)s)."
)


@dataclass(frozen=True, kw_only=True)
class Undo:
    """Whom a chunk added, and how whom it changed were before."""

    new_ids: tuple[int, ...]
    before: tuple[Before, ...]

    @property
    def changed_ids(self) -> tuple[int, ...]:
        """Whom it changed."""
        return tuple(person.person_id for person in self.before)


def packed(stored: Stored) -> bytes:
    """What undoing needs, to be kept with the chunk."""
    told = {"new": stored.new_ids, "before": [asdict(one) for one in stored.before]}
    return gzip.compress(json.dumps(told, default=_plain, ensure_ascii=False).encode(), 1, mtime=0)


def unpacked(before: bytes) -> Undo:
    """The same again."""
    told = json.loads(gzip.decompress(before))
    return Undo(new_ids=tuple(told["new"]), before=tuple(map(_before, told["before"])))


def _plain(value: object) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no fact")


def _before(told: Mapping[str, Any]) -> Before:
    values = {name: fact_from(name, value) for name, value in told["values"].items()}
    values["updated_at"] = datetime.fromisoformat(told["values"]["updated_at"])
    period = told["period"]
    return Before(
        person_id=told["person_id"],
        values=values,
        period_id=told["period_id"],
        period=period and {name: fact_from(name, value) for name, value in period.items()},
    )


# What hangs on people


def marks_now() -> dict[str, int]:
    """The highest id of every table that tells of persons: what comes later hangs on them."""
    return {
        table.name: db.session.scalar(select(func.max(table.c.id))) or 0
        for table, _ in _tables_about_people()
        if "id" in table.c
    }


def refuse_if_held(undo: Undo, marks: Mapping[str, int], stored_at: datetime) -> None:
    """Raises `Conflict`, naming the first person, when something has come to rest on the chunk."""
    moved = any(person.period_id is not None for person in undo.before)
    decided = select(StatePolicy.state).where(StatePolicy.decided_at > stored_at)
    if moved and db.session.scalar(decided.limit(1)) is not None:
        raise Conflict(_POLICY_CHANGED)
    for ids, is_new in ((undo.new_ids, True), (undo.changed_ids, False)):
        for chunk in in_chunks(ids, _IDS_PER_QUERY):
            altered = Person.id.in_(chunk) & (Person.updated_at != stored_at)
            _refuse(_CHANGED_SINCE, select(func.min(Person.id)).where(altered))
            since = select(UnitChange.id).where(
                or_(UnitChange.done_at > stored_at, UnitChange.done_at.is_(None))
            )
            carried = UnitMove.person_id.in_(chunk) & UnitMove.change_id.in_(since)
            _refuse(_HANGS_ON, select(func.min(UnitMove.person_id)).where(carried))
            for condition, person_id in _holding(chunk, marks, is_new=is_new):
                _refuse(_HANGS_ON, select(func.min(person_id)).where(condition))


def _holding(
    ids: Sequence[int], marks: Mapping[str, int], *, is_new: bool
) -> Iterator[tuple[ColumnElement[bool], Any]]:
    for table, column in _tables_about_people():
        if "id" in table.c:
            yield column.in_(ids) & (table.c.id > marks.get(table.name, 0)), column
        elif is_new and not _is_derived(table):
            yield column.in_(ids), column
    if is_new:
        yield Person.id.in_(ids) & Person.account_id.is_not(None), Person.id
        yield Person.merged_into_id.in_(ids), Person.merged_into_id
        for column in (DuplicatePair.first_id, DuplicatePair.second_id):
            yield column.in_(ids) & DuplicatePair.state.in_(_DECIDED), column


def _refuse(sentence: str, first: Any) -> None:
    if (person_id := db.session.scalar(first)) is not None:
        name = select(Person.full_name, Person.code).where(Person.id == person_id)
        full_name, code = db.session.execute(name).one()
        raise Conflict(sentence, name=full_name, code=code)


def _tables_about_people() -> Iterator[tuple[Table, Any]]:
    """Every table of any room with a column that names a person, and that column."""
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if table.name not in _OWN and column.references(_PERSON_ID):
                yield table, column


def _is_derived(table: Table) -> bool:
    """True for rows that are computed from the person: the person is part of their key."""
    return any(column.references(_PERSON_ID) for column in table.primary_key)


# Taking back


def take_back(undo: Undo, effective_on: date) -> dict[str, list[str]]:
    """People and periods are as before the chunk, in the caller's transaction.

    Returns the codes of those who were removed and of those who were restored.
    """
    codes = {
        "removed": [code for code, _ in _named(undo.new_ids).values()],
        "restored": [code for code, _ in _named(undo.changed_ids).values()],
    }
    if undo.before:
        _restore(undo.before, effective_on)
        changed("person", undo.changed_ids)
    for chunk in in_chunks(undo.new_ids, _IDS_PER_QUERY):
        _remove(chunk)
    return codes


def _restore(people: Sequence[Before], effective_on: date) -> None:
    rows: list[dict[str, Any]] = []
    names: list[tuple[int, str, str]] = []
    named = _named([person.person_id for person in people])
    for person in people:
        row = dict(person.values)
        if "full_name" in row:
            row |= {"search_key": fold(row["full_name"]), "sort_key": sort_key(row["full_name"])}
            names.append((person.person_id, named[person.person_id][1], row["full_name"]))
        rows.append(row | {"id": person.person_id})
    db.session.execute(update(Person), rows)
    write_words(names)
    ended = [p for p in people if p.period_id is not None and p.period is None]
    for chunk in in_chunks([person.person_id for person in ended], _IDS_PER_QUERY):
        opened = PersonPeriod.person_id.in_(chunk) & (PersonPeriod.valid_from == effective_on)
        db.session.execute(delete(PersonPeriod).where(opened))
    periods = [{"id": p.period_id, "valid_to": None} for p in ended]
    corrected = [{"id": p.period_id, **p.period} for p in people if p.period is not None]
    for values in (periods, corrected):
        if values:
            db.session.execute(update(PersonPeriod), values)


def _remove(ids: Sequence[int]) -> None:
    """They never were: no other row names them, and the audit trail keeps that they had been."""
    db.session.execute(delete(PersonPeriod).where(PersonPeriod.person_id.in_(ids)))
    changed("person", ids)
    tell()  # counters take them out while their rows are still there
    pairs = or_(DuplicatePair.first_id.in_(ids), DuplicatePair.second_id.in_(ids))
    db.session.execute(delete(DuplicatePair).where(pairs))
    write_words((person_id, name, None) for person_id, (_, name) in _named(ids).items())
    for table, column in _tables_about_people():
        if _is_derived(table):
            db.session.execute(delete(table).where(column.in_(ids)))
    db.session.execute(delete(Person).where(Person.id.in_(ids)))


def _named(ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Code and full name of these persons, as they are now."""
    found: dict[int, tuple[str, str]] = {}
    for chunk in in_chunks(ids, _IDS_PER_QUERY):
        statement = select(Person.id, Person.code, Person.full_name).where(Person.id.in_(chunk))
        found |= {row[0]: (row[1], row[2]) for row in db.session.execute(statement)}
    return found
