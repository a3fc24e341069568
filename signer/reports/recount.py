"""The nightly recount: every figure derived anew from the rows of the rooms below, and mended."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    Column,
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
from signer.db import db, transaction
from signer.inventory.duplicates import families
from signer.inventory.models import OrgUnit, Person
from signer.reports.coverage import Facet
from signer.reports.standing import CHUNK, FIELDS, NEXT_ON, STEPS, TABLE, Row, Standings, stored
from signer.reports.sums import BITS, COUNTS, LEVELS, SUMS, Deltas
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
        with one_instant(), _room():
            for person_ids in _person_ids():
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
        with _room():
            for person_ids in _person_ids():
                with transaction():
                    self._standings.count_anew(person_ids, Deltas())
                if progress:
                    progress(len(person_ids))
        with transaction():
            if db.engine.dialect.name == "postgresql":
                # Whoever changed rows of `standing` meanwhile waits here, and adds what it
                # changed to the new sums.
                db.session.execute(text("LOCK TABLE coverage_sum IN EXCLUSIVE MODE"))
            db.session.execute(delete(SUMS))
            _count_steps()
            _store_sums()
            _COUNTED.drop(db.session.connection())

    def is_complete(self) -> bool:
        """False when `rebuild` was cut short in a database that had no figures before."""
        newest = db.session.scalar(select(func.max(Person.id)))  # persons go by rising ids
        has_sums = db.session.scalar(select(SUMS.c.unit_id).limit(1)) is not None
        return newest is None or (has_sums and bool(stored([newest])))

    def _differing_person(self, person_ids: list[int]) -> Difference | None:
        kept = stored(person_ids)
        derived = self._standings.rows_of(families(person_ids))
        today = day_number(self._clock.today())
        for person_id in person_ids:
            if found := _difference(person_id, kept.get(person_id), derived[person_id], today):
                return found
        return None


@contextmanager
def _room() -> Iterator[None]:
    """Meanwhile this connection of SQLite remembers 256 MB of what it read.

    Certificates are found by the hashes of keys, which lie in no order: with little memory the
    same pages of that index are read again for nearly every person.
    """
    if db.engine.dialect.name != "sqlite":
        yield
        return
    usual = db.session.scalar(text("PRAGMA cache_size"))
    db.session.execute(text(f"PRAGMA cache_size = -{_ROOM_KB}"))
    try:
        yield
    finally:
        db.session.execute(text(f"PRAGMA cache_size = {usual}"))  # a server goes on with it


def _pages(key: Any, *columns: Any) -> Iterator[Sequence[Any]]:  # columns of several types
    """A table's rows by their rising key, so many at a time."""
    last = -1
    statement = select(key, *columns).order_by(key).limit(CHUNK)
    while page := db.session.execute(statement.where(key > last)).all():
        yield page
        last = page[-1][0]


def _person_ids() -> Iterator[list[int]]:
    return ([person_id for (person_id,) in page] for page in _pages(Person.id))


def _difference(person_id: int, kept: Row | None, derived: Row, today: int) -> Difference | None:
    """What the person's row has wrong first: the steps, by their day, or what holds today."""
    steps, wanted = unpack(kept[STEPS] if kept else b""), unpack(derived[STEPS])
    for day in sorted({step[0] for step in (*steps, *wanted)}):
        before, after = state_at(steps, day), state_at(wanted, day)
        if before != after:
            return _of_person(person_id, after[0] or before[0], day, "steps", before, after)
    if kept is None:
        return _of_person(person_id, 0, today, "row", None, person_id)
    # Before the worker brought it to today, only the steps of a row are true.
    is_due = kept[NEXT_ON] is not None and kept[NEXT_ON] <= today
    for name, before, now in () if is_due else zip(FIELDS, kept, derived, strict=True):
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
    for page in _pages(TABLE.c.person_id, TABLE.c.steps):
        for _, steps in page:
            deltas.add(unpack(steps))
        if len(deltas) > _KEYS_AT_ONCE:
            _put_down(deltas)
            deltas = Deltas()
    _put_down(deltas)


def _put_down(deltas: Deltas) -> None:
    names = (*_KEYS, *COUNTS)
    into = f"coverage_counted ({', '.join(names)})"
    driver: Any = db.session.connection().connection.driver_connection  # by far the fastest way
    if db.engine.dialect.name == "postgresql":
        with driver.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
            for key, counts in deltas.items():
                copy.write_row((*key, *counts))
    else:
        marks = ", ".join("?" * len(names))
        rows = ((*key, *counts) for key, counts in deltas.items())
        driver.executemany(f"INSERT INTO {into} VALUES ({marks})", rows)  # noqa: S608  # ours


def _store_sums() -> None:
    columns = ("level", *_KEYS, *COUNTS)
    for level in range(LEVELS):
        wanted = _added_up(_parts(level)).subquery()
        db.session.execute(insert(SUMS).from_select(columns, select(literal(level), *wanted.c)))


def _differing_sum() -> Difference | None:
    one = SUMS.c
    for level in range(LEVELS):
        kept = select(
            *(one[name] for name in _KEYS), *((-one[name]).label(name) for name in COUNTS)
        )
        rest = _added_up(_parts(level), kept.where(one.level == level)).subquery()
        is_left = or_(*(rest.c[name] != 0 for name in COUNTS))
        order = (rest.c.bucket, rest.c.unit_id, rest.c.facet)
        row = db.session.execute(select(rest).where(is_left).order_by(*order).limit(1)).first()
        if row is not None:
            name = next(name for name in COUNTS if row._mapping[name])
            key = (one.level == level, *(one[key] == row._mapping[key] for key in _KEYS))
            found = db.session.scalar(select(one[name]).where(*key)) or 0
            return Difference(
                person_code=None,
                unit_code=_unit_code(row.unit_id),
                day=day_of(row.bucket << BITS * level),
                facet=FACETS[row.facet],
                figure=f"{name}/{8**level}" if level else name,
                kept=str(found),
                counted=str(found + row._mapping[name]),
            )
    return None


def _parts(level: int) -> Select[Any]:
    """What the sums of a level are made of: the days as counted, or the sums of the level below."""
    one = SUMS.c if level else _COUNTED.c
    bucket = (one.bucket // (1 << BITS)).label("bucket") if level else one.bucket
    parts = select(one.facet, bucket, one.unit_id, *(one[name] for name in COUNTS))
    return parts.where(SUMS.c.level == level - 1) if level else parts


def _added_up(*sources: Select[Any]) -> Select[Any]:
    rows = union_all(*sources).subquery()
    keys = [rows.c[name] for name in _KEYS]
    return select(*keys, *(func.sum(rows.c[name]).label(name) for name in COUNTS)).group_by(*keys)
