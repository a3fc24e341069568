"""Takes back what a chunk of a roster did: whom it added goes, whom it changed is as before."""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
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
from signer.inventory.storage import Before, Stored, name_keys
from signer.inventory.words import write_words

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


def packed(stored: Stored) -> bytes:
    """What undoing needs, to be kept with the chunk."""
    told = {"new": stored.new_ids, "before": [asdict(one) for one in stored.before]}
    return gzip.compress(json.dumps(told, default=_plain, ensure_ascii=False).encode(), 1, mtime=0)


def unpacked(before: bytes) -> Stored:
    """The same again."""
    told = json.loads(gzip.decompress(before))
    return Stored(new_ids=tuple(told["new"]), before=tuple(map(_before, told["before"])))


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


def refuse_if_held(stored: Stored, marks: Mapping[str, int], stored_at: datetime) -> None:
    """Raises `Conflict`, naming the first person, when something has come to rest on the chunk."""
    moved = any(person.period_id is not None for person in stored.before)
    decided = select(StatePolicy.state).where(StatePolicy.decided_at > stored_at)
    if moved and db.session.scalar(decided.limit(1)) is not None:
        raise Conflict(_POLICY_CHANGED)
    altered = Person.id.in_((*stored.new_ids, *stored.changed_ids)) & (
        Person.updated_at != stored_at
    )
    _refuse(_CHANGED_SINCE, altered, Person.id)
    for condition, person_id in _holding(stored, marks, stored_at):
        _refuse(_HANGS_ON, condition, person_id)


def _holding(
    stored: Stored, marks: Mapping[str, int], stored_at: datetime
) -> Iterator[tuple[ColumnElement[bool], Any]]:
    new, everybody = stored.new_ids, (*stored.new_ids, *stored.changed_ids)
    for table, column in _tables_about_people():
        if "id" in table.c:
            yield column.in_(everybody) & (table.c.id > marks.get(table.name, 0)), column
        elif not _is_derived(table):
            yield column.in_(new), column
    since = or_(UnitChange.done_at > stored_at, UnitChange.done_at.is_(None))
    acts = select(UnitChange.id).where(since)
    yield UnitMove.person_id.in_(everybody) & UnitMove.change_id.in_(acts), UnitMove.person_id
    yield Person.id.in_(new) & Person.account_id.is_not(None), Person.id
    yield Person.merged_into_id.in_(new), Person.merged_into_id
    for pair in (DuplicatePair.first_id, DuplicatePair.second_id):
        yield pair.in_(new) & DuplicatePair.state.in_(_DECIDED), pair


def _refuse(sentence: str, condition: ColumnElement[bool], person_id: Any) -> None:
    first = select(func.min(person_id)).where(condition).scalar_subquery()
    name = select(Person.full_name, Person.code).where(Person.id == first)
    if (found := db.session.execute(name).first()) is not None:
        raise Conflict(sentence, name=found.full_name, code=found.code)


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


def take_back(stored: Stored, effective_on: date) -> dict[str, list[str]]:
    """People and periods are as before the chunk, in the caller's transaction.

    Returns the codes of those who were removed and of those who were restored.
    """
    new, old = _named(stored.new_ids), _named(stored.changed_ids)
    if stored.before:
        _restore(stored.before, {one: name for one, (_, name) in old.items()}, effective_on)
        changed("person", old)
    if new:
        _remove({one: name for one, (_, name) in new.items()})
    return {
        "removed": sorted(code for code, _ in new.values()),
        "restored": sorted(code for code, _ in old.values()),
    }


def _named(ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Code and full name of these persons, as they are now."""
    statement = select(Person.id, Person.code, Person.full_name).where(Person.id.in_(ids))
    return {row[0]: (row[1], row[2]) for row in db.session.execute(statement.order_by(Person.id))}


def _restore(people: Sequence[Before], names: Mapping[int, str], effective_on: date) -> None:
    rows: list[dict[str, Any]] = []
    renamed: list[tuple[int, str, str]] = []
    for person in people:
        row = dict(person.values)
        if "full_name" in row:
            row |= name_keys(row["full_name"])
            renamed.append((person.person_id, names[person.person_id], row["full_name"]))
        rows.append(row | {"id": person.person_id})
    db.session.execute(update(Person), rows)
    write_words(renamed)
    ended = [p for p in people if p.period_id is not None and p.period is None]
    opened = PersonPeriod.person_id.in_([p.person_id for p in ended])
    begun = PersonPeriod.valid_from == effective_on
    db.session.execute(delete(PersonPeriod).where(opened, begun))
    periods = [{"id": p.period_id, "valid_to": None} for p in ended]
    corrected = [{"id": p.period_id, **p.period} for p in people if p.period is not None]
    for values in (periods, corrected):
        if values:
            db.session.execute(update(PersonPeriod), values)


def _remove(names: Mapping[int, str]) -> None:
    """They never were: no other row names them, and the audit trail keeps that they had been."""
    ids = list(names)
    db.session.execute(delete(PersonPeriod).where(PersonPeriod.person_id.in_(ids)))
    changed("person", ids)
    tell()  # counters take them out while their rows are still there
    pairs = or_(DuplicatePair.first_id.in_(ids), DuplicatePair.second_id.in_(ids))
    db.session.execute(delete(DuplicatePair).where(pairs))
    write_words((person_id, name, None) for person_id, name in names.items())
    for table, column in _tables_about_people():
        if _is_derived(table):
            db.session.execute(delete(table).where(column.in_(ids)))
    db.session.execute(delete(Person).where(Person.id.in_(ids)))
