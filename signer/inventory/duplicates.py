"""Two rows that are one person: proposed by the system, merged or kept apart by a person."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from signer.db import db
from signer.inventory.models import Person
from signer.inventory.storage import in_chunks

_IDS_PER_QUERY = 900


def survivors(ids: Iterable[int]) -> dict[int, int]:
    """For each of these persons the one that counts for them: themselves, unless merged."""
    found = {person_id: person_id for person_id in ids}
    while following := _merged(Person.id, set(found.values())):
        found = {first: following.get(last, last) for first, last in found.items()}
    return found


def families(ids: Iterable[int]) -> dict[int, int]:
    """Everybody who is one person with any of these, with the one that counts for them."""
    heads = set(survivors(ids).values())
    found = {person_id: person_id for person_id in heads}
    while heads:
        below = _merged(Person.merged_into_id, heads)
        found |= {person_id: found[into] for person_id, into in below.items()}
        heads = set(below)
    return found


def _merged(column: InstrumentedAttribute[Any], values: Collection[int]) -> dict[int, int]:
    """The merged persons whose column has one of these values, and into whom they went."""
    pairs: dict[int, int] = {}
    for chunk in in_chunks(sorted(values), _IDS_PER_QUERY):
        statement = select(Person.id, Person.merged_into_id).where(column.in_(chunk))
        pairs |= {own: into for own, into in db.session.execute(statement) if into is not None}
    return pairs
