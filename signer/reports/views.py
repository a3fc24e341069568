"""The lists behind the figures: who has, who lacks, who waits and where (R55).

Each view is one index in list order. A page of a large unit is a walk along it; a small unit is
found by its path and sorted. So no page reads more than some thousands of entries, unless what is
asked for is rare both in its unit and in its view; then the smaller of the two is read whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    and_,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)

from signer.accounts import in_subtree
from signer.db import db
from signer.inventory.models import OrgUnit, Person
from signer.inventory.paging import Page, Place, place_of, token_of
from signer.issuance.models import CertificateRequest, RequestItem
from signer.outside.kinds import Carrier
from signer.reports.coverage import Facet, Listed, Standing, View, Waiting
from signer.reports.models import StandingNow
from signer.reports.timeline import day_of

PAGE_MOST = 500
_SMALL = 5_000
"""So many entries are read and sorted faster than anything cleverer finds out."""
_WALKED = 20_000
"""Entries of a view that are walked in order before the unit is looked at instead."""
_S = StandingNow
_STANDING_OF = {
    View.HAS: Standing.COVERED,
    View.LACKS: Standing.LACKING,
    View.PENDING: Standing.PENDING,
    View.EXPIRING: Standing.COVERED,
}
_FLAG_OF = {View.UNUSED: "is_unused", View.MUST_REVOKE: "must_revoke"}
_ORDER = (_S.sort_key, _S.person_id)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which list: a view over some subtrees, perhaps of one group of people alone."""

    view: View
    paths: tuple[str, ...]
    facet: Facet
    until: int
    """The last day that counts as soon, for what is expiring."""

    @property
    def is_everywhere(self) -> bool:
        """True when no unit is left out."""
        return "" in self.paths


def page(asked: Asked, *, after: str | None, limit: int) -> Page[Listed]:
    """A page in the order of given names; 500 at most."""
    limit = max(1, min(limit, PAGE_MOST))
    found = _places(asked, place_of(after) if after is not None else None, limit + 1)
    return Page(
        items=tuple(_listed([person_id for _, person_id in found[:limit]])),
        next=token_of(found[limit - 1]) if len(found) > limit else None,
    )


def count(asked: Asked) -> int:
    """How many people the list has."""
    statement = select(func.count())
    if not asked.is_everywhere and _is_small(asked.paths):
        statement = statement.select_from(_S)
        statement = statement.where(_is_of(asked, is_walked=False), *_wanted(asked))
    else:
        entries = _entries(asked)
        statement = statement.select_from(entries).where(*_wanted(asked, entries.c))
    return db.session.scalar(statement) or 0


def ids(asked: Asked) -> Iterator[int]:
    """Everybody on the list, by id; what is changed meanwhile neither doubles nor hides anybody."""
    last = 0
    is_of = _is_of(asked, is_walked=False)  # by id from a table that has nearly everybody
    statement = select(_S.person_id).where(is_of, *_wanted(asked)).order_by(_S.person_id)
    while found := db.session.scalars(statement.where(_S.person_id > last).limit(_SMALL)).all():
        yield from found
        last = found[-1]


def _places(asked: Asked, after: Place | None, limit: int) -> list[Place]:
    """The next places of the list, by the cheapest way that finds them."""
    behind = () if after is None else (tuple_(*_ORDER) > after,)
    if not asked.is_everywhere and _is_small(asked.paths):
        return _collected(asked, behind, limit)
    walk = select(*_ORDER, *_conditions(asked)).where(_is_of(asked), *behind)
    walked = walk.order_by(*_ORDER).limit(_WALKED).subquery()
    found = _read(
        select(walked.c.sort_key, walked.c.person_id)
        .where(*_wanted(asked, walked.c))
        .order_by(walked.c.sort_key, walked.c.person_id)
        .limit(limit)
    )
    if len(found) >= limit:
        return found
    if (db.session.scalar(select(func.count()).select_from(walked)) or 0) < _WALKED:
        return found  # the view has no more
    return _collected(asked, behind, limit)


def _conditions(asked: Asked) -> list[Any]:  # columns of several types
    """The columns that the list may ask of an entry; each is in the index that is walked."""
    columns: list[Any] = [_S.unit_path, _S.kind, _S.is_leader, _S.is_one_stop]
    return [*columns, _S.covered_until] if asked.view is View.EXPIRING else columns


def _entries(asked: Asked) -> Subquery:
    """The whole view, from the index that has it; what is asked besides comes afterwards."""
    if asked.view is View.EXPIRING:  # nobody's row stays as it is for longer than the cover
        is_of = and_(_S.next_on <= asked.until + 1, _S.covered_until <= asked.until)
    else:
        is_of = _is_of(asked)
    # With a limit SQLite keeps to that order, and does not begin with the unit.
    return select(*_conditions(asked)).where(is_of).limit(2**31).subquery()


def _is_small(paths: Sequence[str]) -> bool:
    inside = select(_S.unit_path).where(_inside(_S.unit_path, paths)).limit(_SMALL + 1).subquery()
    return (db.session.scalar(select(func.count()).select_from(inside)) or 0) <= _SMALL


def _collected(asked: Asked, behind: Sequence[ColumnElement[bool]], limit: int) -> list[Place]:
    """All of the units, or of what ends soon, are read and the next ones sorted out."""
    is_of = _is_of(asked, is_walked=asked.is_everywhere)
    statement = select(*_ORDER).where(is_of, *_wanted(asked), *behind)
    return _read(statement.order_by(*_ORDER).limit(limit))


def _read(statement: Select[*tuple[Any, ...]]) -> list[Place]:
    return [(sort_key, person_id) for sort_key, person_id in db.session.execute(statement)]


def _is_of(asked: Asked, *, is_walked: bool = True) -> ColumnElement[bool]:
    """Who is in the view; `is_walked`: found by the view's own index, and not by another one."""
    flag = _FLAG_OF.get(asked.view)
    column: ColumnElement[Any] = _S.__table__.c[flag or "standing"]
    if not is_walked and db.engine.dialect.name == "sqlite":
        column = literal_column(f"+standing.{column.name}", column.type)  # which hides an index
    return column == (True if flag else _STANDING_OF[asked.view].value)


def _wanted(asked: Asked, columns: Any = _S) -> list[ColumnElement[bool]]:  # or a subquery's
    """What is left to be asked of each entry of the view."""
    conditions: list[ColumnElement[bool]] = []
    if not asked.is_everywhere:
        conditions.append(_inside(columns.unit_path, asked.paths))
    if asked.facet is Facet.LEADER:
        conditions.append(columns.is_leader)
    elif asked.facet is Facet.ONE_STOP:
        conditions.append(columns.is_one_stop)
    elif asked.facet is not Facet.ALL:
        conditions.append(columns.kind == asked.facet.value)
    if asked.view is View.EXPIRING:
        conditions.append(columns.covered_until <= asked.until)
    return conditions


def _inside(column: Any, paths: Sequence[str]) -> ColumnElement[bool]:
    return or_(*(in_subtree(column, path) for path in paths))


def _listed(person_ids: Sequence[int]) -> list[Listed]:
    rows = db.session.execute(
        select(
            _S.person_id,
            Person.code,
            Person.full_name,
            OrgUnit.code.label("unit_code"),
            OrgUnit.name.label("unit_name"),
            Person.title,
            _S.standing,
            _S.carrier,
            _S.covered_until,
            _S.pending_since,
        )
        .join(Person, Person.id == _S.person_id)
        .join(OrgUnit, OrgUnit.path == _S.unit_path)
        .where(_S.person_id.in_(person_ids))
    )
    by_id = {row.person_id: row for row in rows}
    waiting = _waiting([i for i, row in by_id.items() if row.standing == Standing.PENDING])
    return [
        Listed(
            person_id=row.person_id,
            code=row.code,
            full_name=row.full_name,
            unit_code=row.unit_code,
            unit_name=row.unit_name,
            title=row.title,
            carrier=Carrier(row.carrier) if row.carrier else None,
            covered_until=_date(row.covered_until),
            pending_since=_date(row.pending_since),
            waiting=waiting.get(row.person_id),
        )
        for row in (by_id[person_id] for person_id in person_ids if person_id in by_id)
    ]


def _waiting(person_ids: Sequence[int]) -> dict[int, Waiting]:
    """The open request of each of these people."""
    rows = db.session.execute(
        select(
            RequestItem.person_id,
            CertificateRequest.id,
            CertificateRequest.state,
            CertificateRequest.requested_by,
        )
        .join(CertificateRequest, CertificateRequest.id == RequestItem.request_id)
        .where(and_(RequestItem.person_id.in_(person_ids), RequestItem.state == "open"))
    )
    return {
        person_id: Waiting(request_id=request_id, state=state, requested_by=requested_by)
        for person_id, request_id, state, requested_by in rows
    }


def _date(number: int | None) -> date | None:
    return None if number is None else day_of(number)
