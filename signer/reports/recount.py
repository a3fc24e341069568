"""The nightly recount: every figure derived anew from the rows of the rooms below, and mended."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    MetaData,
    Select,
    Table,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    union_all,
)

from signer.ca.invariants import one_instant
from signer.clock import Clock
from signer.db import Base, db, transaction
from signer.inventory.duplicates import families
from signer.inventory.models import OrgUnit, Person
from signer.reports.coverage import Facet
from signer.reports.models import CoverageSum, StandingNow
from signer.reports.standing import CHUNK, FIELDS, STEPS, Row, Standings, is_due, stored
from signer.reports.sums import BITS, COUNTS, LEVELS, Deltas
from signer.reports.timeline import (
    FACETS,
    day_number,
    day_of,
    facets_in,
    standing_in,
    state_at,
    unpack,
)

Progress = Callable[[int], None]
"""Called with the number of persons looked at since the last call."""
_SUMS = Base.metadata.tables[CoverageSum.__tablename__]
_STANDING = Base.metadata.tables[StandingNow.__tablename__]
_KEYS = ("facet", "bucket", "unit_id")
_COUNTED = Table(
    "coverage_counted",
    MetaData(),
    *(Column(name, Integer) for name in (*_KEYS, *COUNTS)),
    prefixes=["TEMPORARY"],
)
"""What the sums of single days must be, in pieces; gone with the transaction."""
_KEYS_AT_ONCE = 200_000
_ROOM_KB = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where what is kept first differs from what the rooms below say."""

    person_code: str | None
    """None when everybody's own row is right and only a sum is wrong."""
    unit_code: str | None
    day: date
    facet: Facet
    figure: str
    kept: str
    counted: str

    def to_json(self) -> dict[str, object]:
        """For a machine to read."""
        return {**asdict(self), "day": self.day.isoformat(), "facet": self.facet.value}


class Recount:
    """Compares the kept figures with their sources, and makes them anew."""

    def __init__(self, clock: Clock, standings: Standings) -> None:
        self._clock = clock
        self._standings = standings

    def first_difference(self, progress: Progress | None = None) -> Difference | None:
        """The first person, and then the first sum, that is not what the sources say; reads only.

        Everything is looked at as of one instant, so that a server may go on working.
        """
        with one_instant():
            _take_room()
            for person_ids in _pages():
                if found := self._differing_person(person_ids):
                    return found
                if progress:
                    progress(len(person_ids))
            _count_steps()
            return _differing_sum()

    def rebuild(self, progress: Progress | None = None) -> None:
        """Everything kept is made anew: persons in small commits, then the sums in one.

        While the sums are made nobody else can change what they are made of: seconds, or about a
        minute for a million persons.
        """
        _take_room()
        for person_ids in _pages():
            with transaction():
                self._standings.count_anew(person_ids, Deltas())
            if progress:
                progress(len(person_ids))
        with transaction():
            if db.engine.dialect.name == "postgresql":
                # Whoever changed rows of `standing` meanwhile waits here, and adds what it
                # changed to the new sums.
                db.session.execute(text("LOCK TABLE coverage_sum IN EXCLUSIVE MODE"))
            db.session.execute(delete(_SUMS))
            _count_steps()
            _store_sums()
            _COUNTED.drop(db.session.connection())

    def _differing_person(self, person_ids: list[int]) -> Difference | None:
        kept = stored(person_ids)
        derived = self._standings.rows_of(families(person_ids))
        today = day_number(self._clock.today())
        for person_id in person_ids:
            if found := _difference(person_id, kept.get(person_id), derived[person_id], today):
                return found
        return None


def _take_room() -> None:
    """This connection of SQLite remembers 256 MB of what it read, and not 2.

    Certificates are found by the hashes of keys, which lie in no order: with little memory the
    same pages of that index are read again for nearly every person.
    """
    if db.engine.dialect.name == "sqlite":
        db.session.execute(text(f"PRAGMA cache_size = -{_ROOM_KB}"))


def _pages() -> Iterator[list[int]]:
    last = 0
    while page := list(
        db.session.scalars(
            select(Person.id).where(Person.id > last).order_by(Person.id).limit(CHUNK)
        )
    ):
        yield page
        last = page[-1]


def _difference(person_id: int, kept: Row | None, derived: Row, today: int) -> Difference | None:
    """What the person's row has wrong first: the steps, by their day, or what holds today."""
    steps, wanted = unpack(kept[STEPS] if kept else b""), unpack(derived[STEPS])
    for day in sorted({step[0] for step in (*steps, *wanted)}):
        before, after = state_at(steps, day), state_at(wanted, day)
        if before != after:
            return _of_person(person_id, after[0] or before[0], day, "steps", before, after)
    if kept is None:
        return _of_person(person_id, 0, today, "row", None, person_id)
    for name, before, now in () if is_due(kept, today) else zip(FIELDS, kept, derived, strict=True):
        if before != now:
            return _of_person(person_id, state_at(wanted, today)[0], today, name, before, now)
    return None


def _of_person(
    person_id: int, unit_id: int, day: int, figure: str, kept: object, counted: object
) -> Difference:
    return Difference(
        person_code=db.session.scalar(select(Person.code).where(Person.id == person_id)),
        unit_code=_unit_code(unit_id),
        day=day_of(day),
        facet=Facet.ALL,
        figure=figure,
        kept=_words(kept),
        counted=_words(counted),
    )


def _words(value: object) -> str:
    """A state of a step by its unit and standing, anything else as it is."""
    if not isinstance(value, tuple):
        return str(value)
    unit_id, code = value
    groups = "+".join(FACETS[place].value for place in facets_in(code))
    standing = standing_in(code)
    return f"{_unit_code(unit_id)} {groups} {standing.value}" if standing else "-"


def _unit_code(unit_id: int) -> str | None:
    return db.session.scalar(select(OrgUnit.code).where(OrgUnit.id == unit_id))


def _count_steps() -> None:
    """`coverage_counted` has what everybody's kept steps add up to, in pieces."""
    _COUNTED.create(db.session.connection())
    deltas = Deltas()
    last = -1
    while page := db.session.execute(
        select(_STANDING.c.person_id, _STANDING.c.steps)
        .where(_STANDING.c.person_id > last)
        .order_by(_STANDING.c.person_id)
        .limit(CHUNK)
    ).all():
        for _, steps in page:
            deltas.add(unpack(steps))
        last = page[-1][0]
        if len(deltas) > _KEYS_AT_ONCE:
            _put_down(deltas)
            deltas = Deltas()
    _put_down(deltas)


def _put_down(deltas: Deltas) -> None:
    rows = [(*key, *counts) for key, counts in deltas.items()]
    if not rows:
        return
    connection = db.session.connection()
    driver: Any = connection.connection.driver_connection  # the DB-API's own, by far the fastest
    names = ", ".join((*_KEYS, *COUNTS))
    if db.engine.dialect.name == "postgresql":
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY coverage_counted ({names}) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(row)
    else:
        marks = ", ".join("?" * (len(_KEYS) + len(COUNTS)))
        statement = f"INSERT INTO coverage_counted ({names}) VALUES ({marks})"  # noqa: S608  # ours
        driver.executemany(statement, rows)


def _store_sums() -> None:
    columns = ("level", *_KEYS, *COUNTS)
    for level in range(LEVELS):
        source = _COUNTED if level == 0 else _SUMS
        bucket = source.c.bucket if level == 0 else source.c.bucket // (1 << BITS)
        statement = select(
            literal(level),
            source.c.facet,
            bucket,
            source.c.unit_id,
            *(func.sum(source.c[name]) for name in COUNTS),
        ).group_by(source.c.facet, bucket, source.c.unit_id)
        if level:
            statement = statement.where(_SUMS.c.level == level - 1)
        db.session.execute(insert(_SUMS).from_select(columns, statement))


def _differing_sum() -> Difference | None:
    for level in range(LEVELS):
        if level == 0:
            counted = _signed(_COUNTED, _COUNTED.c.bucket, is_kept=False)
        else:
            counted = _signed(_SUMS, _SUMS.c.bucket // (1 << BITS), is_kept=False)
            counted = counted.where(_SUMS.c.level == level - 1)
        kept = _signed(_SUMS, _SUMS.c.bucket, is_kept=True).where(_SUMS.c.level == level)
        both = union_all(counted, kept).subquery()
        right = [func.sum(both.c[f"counted_{name}"]) for name in COUNTS]
        ours = [func.sum(both.c[f"kept_{name}"]) for name in COUNTS]
        keys = [both.c[name] for name in _KEYS]
        row = db.session.execute(
            select(*keys, *right, *ours)
            .group_by(*keys)
            .having(or_(*(a != b for a, b in zip(right, ours, strict=True))))
            .order_by(both.c.bucket, both.c.unit_id, both.c.facet)
            .limit(1)
        ).first()
        if row is not None:
            facet, bucket, unit_id, *values = row
            pairs = zip(COUNTS, values[: len(COUNTS)], values[len(COUNTS) :], strict=True)
            name, is_right, is_kept = next(pair for pair in pairs if pair[1] != pair[2])
            return Difference(
                person_code=None,
                unit_code=_unit_code(unit_id),
                day=day_of(bucket << BITS * level),
                facet=FACETS[facet],
                figure=name if level == 0 else f"{name}/{8**level}",
                kept=str(is_kept),
                counted=str(is_right),
            )
    return None


def _signed(source: Table, bucket: ColumnElement[int], *, is_kept: bool) -> Select[Any]:
    """The counts of a source under one of two names, and zeros under the other."""
    values = [
        (source.c[name] if kept == is_kept else literal(0)).label(
            f"{'kept' if kept else 'counted'}_{name}"
        )
        for kept in (False, True)
        for name in COUNTS
    ]
    return select(source.c.facet, bucket.label("bucket"), source.c.unit_id, *values)
