"""The sums over everybody's steps: what is added to them, and the figures of any day."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, or_, select, union_all
from sqlalchemy.dialects import postgresql, sqlite

from signer.accounts import in_subtree
from signer.db import Base, db
from signer.inventory.models import OrgUnit
from signer.reports.coverage import Facet, Figures, Standing
from signer.reports.models import CoverageSum
from signer.reports.timeline import (
    CARRIERS,
    FACETS,
    NOBODY,
    Step,
    carrier_in,
    facets_in,
    standing_in,
)

LEVELS = 5
BITS = 3
SUMS = Base.metadata.tables[CoverageSum.__tablename__]
COUNTS = ("persons", "pending", *(carrier.value for carrier in CARRIERS))
"""The columns that are added up."""
_WIDTH = len(COUNTS)
_COLUMNS = ("facet", "level", "bucket", "unit_id", *COUNTS)


def _place_of(code: int) -> int:
    if carrier := carrier_in(code):
        return COUNTS.index(carrier.value)
    return 1 if standing_in(code) is Standing.PENDING else 0


_PLACES = tuple(map(_place_of, range(8)))
"""Which count a standing adds to, beside that of persons; 0: none."""

Key = tuple[int, int, int]
"""Facet, day, unit."""


class Deltas:
    """What is to be added to the figures of a day and all days after it."""

    def __init__(self) -> None:
        self._counts: dict[Key, list[int]] = {}

    def add(self, steps: Sequence[Step], sign: int = 1) -> None:
        """A person's steps come in, or with -1 go out."""
        for (_, *before), (day, *now) in pairwise(((0, *NOBODY), *steps)):
            for change, (unit_id, code) in ((-sign, before), (sign, now)):
                place = _PLACES[code & 7]
                for facet in facets_in(code):
                    counts = self._counts.setdefault((facet, day, unit_id), [0] * _WIDTH)
                    counts[0] += change
                    if place:
                        counts[place] += change

    def items(self) -> Iterator[tuple[Key, list[int]]]:
        """What does not cancel out."""
        return ((key, counts) for key, counts in self._counts.items() if any(counts))

    def __len__(self) -> int:
        return len(self._counts)

    def store(self) -> None:
        """All levels have it, in the open transaction."""
        rows: dict[tuple[int, int, int, int], list[int]] = {}
        for (facet, day, unit_id), counts in self.items():
            for level in range(LEVELS):
                kept = rows.setdefault((facet, level, day >> BITS * level, unit_id), [0] * _WIDTH)
                for place, count in enumerate(counts):
                    kept[place] += count
        if rows:
            # In one order everywhere, or two transactions could wait for each other's rows.
            values = [dict(zip(_COLUMNS, (*key, *rows[key]), strict=True)) for key in sorted(rows)]
            db.session.execute(_upsert(db.engine.dialect.name), values)


@cache
def _upsert(dialect: str) -> Any:  # either dialect's own insert
    statement = {"postgresql": postgresql, "sqlite": sqlite}[dialect].insert(SUMS)
    return statement.on_conflict_do_update(
        index_elements=_COLUMNS[:4],
        set_={name: SUMS.c[name] + statement.excluded[name] for name in COUNTS},
    )


def figures_by_unit(day: int, facet: Facet) -> dict[int, Figures]:
    """The figures of each unit alone, at the end of the day."""
    return _figures(_until(day, [facet]), "unit_id", ("",))


def figures_by_facet(day: int, scopes: Sequence[str]) -> dict[Facet, Figures]:
    """The figures of each group over the units of these subtrees, at the end of the day."""
    found = _figures(_until(day, FACETS), "facet", scopes)
    return {facet: found.get(place, Figures()) for place, facet in enumerate(FACETS)}


def changes_by_day(
    first: int, last: int, facet: Facet, scopes: Sequence[str]
) -> dict[int, Figures]:
    """What the days to the last one added to the figures of these subtrees; the first day has
    what was before it, too. One question, so that no change falls between two of them."""
    before = [
        part.with_only_columns(*_counted(literal(first).label("bucket")))
        for part in _until(first, [facet])
    ]
    return _figures([*before, _buckets(facet, 0, first + 1, last + 1)], "bucket", scopes)


def _until(day: int, facets: Iterable[Facet]) -> list[Select[*tuple[Any, ...]]]:
    """The buckets that together are all days up to this one."""
    end = day + 1
    parts = []
    for level in range(LEVELS):
        first = 0 if level == LEVELS - 1 else end >> BITS * (level + 1) << BITS
        after = end >> BITS * level
        if first < after:
            parts += [_buckets(facet, level, first, after) for facet in facets]
    return parts


def _buckets(facet: Facet, level: int, first: int, after: int) -> Select[*tuple[Any, ...]]:
    one = SUMS.c
    return select(*_counted(one.bucket)).where(
        one.facet == FACETS.index(facet),
        one.level == level,
        one.bucket >= first,
        one.bucket < after,
    )


def _counted(bucket: ColumnElement[int]) -> list[ColumnElement[int]]:
    return [SUMS.c.facet, bucket, SUMS.c.unit_id, *(SUMS.c[name] for name in COUNTS)]


def _figures(
    parts: Sequence[Select[*tuple[Any, ...]]], by: str, scopes: Sequence[str]
) -> dict[Any, Figures]:
    """The figures that these rows of the subtrees add up to, by one of their columns."""
    sums = union_all(*parts).subquery()
    totals: list[ColumnElement[int]] = [func.sum(sums.c[name]) for name in COUNTS]
    statement = select(sums.c[by], *totals).group_by(sums.c[by])
    if "" not in scopes:
        mine = select(OrgUnit.id).where(or_(*(in_subtree(OrgUnit.path, one) for one in scopes)))
        statement = statement.where(sums.c.unit_id.in_(mine))
    found = {}
    for key, *counts in db.session.execute(statement):
        persons, pending, *covered = map(int, counts)  # PostgreSQL's sums are decimals
        found[key] = Figures(
            persons=persons,
            pending=pending,
            covered=sum(covered),
            carriers=dict(zip(CARRIERS, covered, strict=True)),
        )
    return found
