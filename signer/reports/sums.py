"""The sums over everybody's steps: what is added to them, and the figures of any day."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    func,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects import postgresql, sqlite

from signer.accounts import in_subtree
from signer.db import Base, db
from signer.inventory.models import OrgUnit
from signer.reports.coverage import Facet, Figures, Standing
from signer.reports.models import CoverageSum
from signer.reports.timeline import (
    CARRIERS,
    FACETS,
    Step,
    carrier_in,
    facets_in,
    spans,
    standing_in,
)

LEVELS = 5
BITS = 3
_SUMS = Base.metadata.tables[CoverageSum.__tablename__]
COUNTS = ("persons", "pending", *(carrier.value for carrier in CARRIERS))
"""The columns that are added up."""

Key = tuple[int, int, int]
"""Facet, day, unit."""


class Deltas:
    """What is to be added to the figures of a day and all days after it."""

    def __init__(self) -> None:
        self._counts: dict[Key, list[int]] = {}

    def add(self, steps: Sequence[Step], sign: int = 1) -> None:
        """A person's steps come in, or with -1 go out."""
        for day, before, now in spans(steps):
            self._move(day, before, -sign)
            self._move(day, now, sign)

    def _move(self, day: int, step: Step, sign: int) -> None:
        _, unit_id, code = step
        place = _PLACES[code & 7]
        for facet in facets_in(code):
            counts = self._counts.setdefault((facet, day, unit_id), [0] * len(COUNTS))
            counts[0] += sign
            if place:
                counts[place] += sign

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
                key = (facet, level, day >> BITS * level, unit_id)
                kept = rows.setdefault(key, [0] * len(COUNTS))
                for place, count in enumerate(counts):
                    kept[place] += count
        if rows:
            # In one order everywhere, or two transactions could wait for each other's rows.
            values = [dict(zip(_COLUMNS, (*key, *rows[key]), strict=True)) for key in sorted(rows)]
            db.session.execute(_upsert(db.engine.dialect.name), values)


_COLUMNS = ("facet", "level", "bucket", "unit_id", *COUNTS)
_PLACES = tuple(
    COUNTS.index(carrier.value)
    if (carrier := carrier_in(code)) is not None
    else 1
    if standing_in(code) is Standing.PENDING
    else 0
    for code in range(8)
)
"""Which count a standing adds to, beside that of persons; 0: none."""


@cache
def _upsert(dialect: str) -> Any:  # either dialect's own insert
    statement = {"postgresql": postgresql, "sqlite": sqlite}[dialect].insert(_SUMS)
    return statement.on_conflict_do_update(
        index_elements=_COLUMNS[:4],
        set_={name: _SUMS.c[name] + statement.excluded[name] for name in COUNTS},
    )


def figures_by_unit(day: int, facet: Facet) -> dict[int, Figures]:
    """The figures of each unit alone, at the end of the day."""
    sums = _until(day, [facet])
    return dict(_figures(select(sums.c.unit_id, *_totals(sums)).group_by(sums.c.unit_id)))


def figures_by_facet(day: int, scopes: Sequence[str]) -> dict[Facet, Figures]:
    """The figures of each group over the units of these subtrees, at the end of the day."""
    sums = _until(day, FACETS)
    statement = select(sums.c.facet, *_totals(sums)).group_by(sums.c.facet)
    found = dict(_figures(_within(statement, sums.c.unit_id, scopes)))
    return {facet: found.get(place, Figures()) for place, facet in enumerate(FACETS)}


def changes_by_day(
    first: int, last: int, facet: Facet, scopes: Sequence[str]
) -> dict[int, Figures]:
    """What the days from the first to the last added to the figures of these subtrees."""
    one = _SUMS.c
    statement = (
        select(one.bucket, *_totals(_SUMS))
        .where(
            one.facet == FACETS.index(facet),
            one.level == 0,
            one.bucket >= first,
            one.bucket <= last,
        )
        .group_by(one.bucket)
    )
    return dict(_figures(_within(statement, one.unit_id, scopes)))


def _until(day: int, facets: Iterable[Facet]) -> Subquery:
    """The buckets that together are all days up to this one."""
    end = day + 1
    parts = []
    for facet in facets:
        for level in range(LEVELS):
            first = 0 if level == LEVELS - 1 else end >> BITS * (level + 1) << BITS
            after = end >> BITS * level
            if first < after:
                one = _SUMS.c
                parts.append(
                    select(one.facet, one.unit_id, *(one[name] for name in COUNTS)).where(
                        one.facet == FACETS.index(facet),
                        one.level == level,
                        one.bucket >= first,
                        one.bucket < after,
                    )
                )
    return union_all(*parts).subquery()


def _totals(sums: Any) -> list[ColumnElement[int]]:  # a table or a subquery
    return [func.coalesce(func.sum(sums.c[name]), 0) for name in COUNTS]


def _within(statement: Any, unit_id: Any, scopes: Sequence[str]) -> Any:  # any select
    if "" in scopes:
        return statement
    mine = select(OrgUnit.id).where(or_(*(in_subtree(OrgUnit.path, path) for path in scopes)))
    return statement.where(unit_id.in_(mine))


def _figures(statement: Select[Any]) -> Iterator[tuple[int, Figures]]:
    for key, persons, pending, *covered in db.session.execute(statement):
        yield key, figures_of((persons, pending, *covered))


def figures_of(counts: Sequence[int]) -> Figures:
    """The figures that these counts, in the order of COUNTS, stand for."""
    persons, pending, *covered = map(int, counts)
    return Figures(
        persons=persons,
        pending=pending,
        covered=sum(covered),
        carriers=dict(zip(CARRIERS, covered, strict=True)),
    )
