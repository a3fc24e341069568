"""Which entries look like one person, and why (R10)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from enum import StrEnum
from itertools import combinations
from typing import Any

from sqlalchemy import Row, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from signer.db import among, db, told
from signer.inventory.models import DuplicatePair, Person

_LARGEST_GROUP = 20
"""More entries than this with one name and birth date are a fault of a file, not one person."""


class Likeness(StrEnum):
    """Why two entries look like one person, the surest first."""

    ID_NUMBER = "id_number"
    EMAIL = "email"
    NAME_BIRTH = "name_birth"


_KEYS: Mapping[Likeness, tuple[InstrumentedAttribute[Any], ...]] = {
    Likeness.ID_NUMBER: (Person.id_number,),
    Likeness.EMAIL: (Person.email,),
    Likeness.NAME_BIRTH: (Person.search_key, Person.birth_date),
}


def alike(person_ids: Set[int] | None) -> dict[tuple[int, int], dict[str, Any]]:
    """Pairs of entries, not merged, that share a key; what their rows say."""
    found: dict[tuple[int, int], list[Likeness]] = defaultdict(list)
    numbers: dict[int, str | None] = {}
    for likeness, columns in _KEYS.items():
        groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for row in _sharing(columns, person_ids):
            groups[tuple(row[2:])].append(row[0])
            numbers[row[0]] = row[1]
        for ids in groups.values():
            for pair in combinations(sorted(ids)[:_LARGEST_GROUP], 2):
                if person_ids is None or not person_ids.isdisjoint(pair):
                    found[pair].append(likeness)
    return {
        pair: {
            "reasons": ",".join(likenesses),
            "rank": _rank(likenesses, *(numbers[person_id] for person_id in pair)),
        }
        for pair, likenesses in found.items()
    }


def _sharing(
    columns: Sequence[InstrumentedAttribute[Any]], person_ids: Set[int] | None
) -> Iterable[Row[*tuple[Any, ...]]]:
    """(id, identity number, key…) of everybody whose key others have too, by the keys' index."""
    filled = and_(*(column.is_not(None) for column in columns))
    some = select(*columns).where(filled)
    if person_ids is None:
        wanted = some.group_by(*columns).having(func.count() > 1).subquery()
    else:
        wanted = some.where(among(Person.id)).distinct().subquery()
    same = and_(*(column == wanted.c[column.key] for column in columns))
    statement = select(Person.id, Person.id_number, *columns).join(wanted, same)
    alone = statement.where(Person.merged_into_id.is_(None))
    return db.session.execute(alone, told(person_ids or ()))


def _rank(likenesses: Sequence[Likeness], number: str | None, other: str | None) -> int:
    """1 is the surest; other identity numbers make two people of one name likely two people."""
    if likenesses != [Likeness.NAME_BIRTH]:
        return 1 if Likeness.ID_NUMBER in likenesses else 2
    return 4 if differ(number, other) else 3


def differ(number: str | None, other: str | None) -> bool:
    """True for two numbers of one kind; an old card's says nothing about today's number."""
    return bool(number and other and number != other and len(number) == len(other))


def difference(
    found: Mapping[tuple[int, int], dict[str, Any]], person_ids: Set[int] | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows to insert, and rows to alter, so that the undecided pairs are these."""
    pairs = select(DuplicatePair)
    if person_ids is not None:
        pairs = pairs.where(or_(among(DuplicatePair.first_id), among(DuplicatePair.second_id)))
    rows = db.session.scalars(pairs, told(person_ids or ()))
    stored = {(row.first_id, row.second_id): row for row in rows}
    new = [
        {"first_id": pair[0], "second_id": pair[1], "state": "proposed", **told}
        for pair, told in found.items()
        if pair not in stored
    ]
    altered: list[dict[str, Any]] = []
    for pair, row in stored.items():
        if row.state in ("proposed", "lapsed"):
            now = {"state": "proposed", **found[pair]} if pair in found else {"state": "lapsed"}
            if any(getattr(row, name) != value for name, value in now.items()):
                altered.append({"id": row.id, **now})
    return new, altered
