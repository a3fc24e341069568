"""Keeps everybody's row of `standing` and the sums true, in the transactions that change them."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import bindparam, func, or_, select, update

from signer.clock import Clock
from signer.config import Settings
from signer.db import Base, Changes, among, db, insert_many, told, transaction
from signer.inventory.duplicates import families
from signer.inventory.models import Person
from signer.inventory.storage import in_chunks
from signer.reports.facts import certified, histories
from signer.reports.models import StandingNow
from signer.reports.sums import Deltas
from signer.reports.timeline import History, Now, day_number, now_of, pack, steps_of, unpack

CHUNK = 5_000
"""Persons taken together: SQLite takes up to 32,766 values in a statement."""
TABLE = Base.metadata.tables[StandingNow.__tablename__]
FIELDS = (*Now._fields, "steps", "sort_key", "last_signed")
STEPS, NEXT_ON = FIELDS.index("steps"), FIELDS.index("next_on")

Row = tuple[Any, ...]
"""The columns of `standing` but for the person's id, in the order of FIELDS."""


class Standings:
    """Counts persons anew: whoever a transaction told of, and whoever the day made different."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    def follow(self, changes: Changes) -> None:
        """Everybody whom these changed rows are about is counted anew, in the open transaction.

        `create_rooms` makes it run inside every transaction.
        """
        people = set(changes.get("person", ()))
        for chunk in in_chunks(changes.get("certificate", ()), CHUNK):
            people |= certified(chunk)
        for chunk in in_chunks(changes.get("signed", ()), CHUNK):
            people |= self._first_signed_today(chunk)
        deltas = Deltas()
        for chunk in in_chunks(sorted(people), CHUNK):
            self.count_anew(chunk, deltas)
        # After everybody's own row: who holds sums waits for no person, so no two transactions
        # wait for each other.
        deltas.store()

    def count_anew(self, person_ids: Collection[int], deltas: Deltas) -> None:
        """The rows of these persons say what the rooms below say, in the open transaction.

        `deltas` has what that adds to the sums. The rows are locked before anything is read, so
        that of two transactions about one person the later one sees what both did.
        """
        head_of, known = _locked(person_ids)
        new: list[Row] = []
        altered: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for person_id, row in self.rows_of(head_of).items():
            kept = known.get(person_id)
            if kept is None:
                new.append((person_id, *row))
            elif kept != row:
                # Whatever column is named is written into its indexes again.
                pairs = zip(FIELDS, kept, row, strict=True)
                values = {name: now for name, before, now in pairs if before != now}
                altered.setdefault(tuple(values), []).append({"row": person_id, **values})
            steps = kept[STEPS] if kept else b""
            if steps != row[STEPS]:
                deltas.add(unpack(steps), -1)
                deltas.add(unpack(row[STEPS]))
        insert_many(db.session.connection(), TABLE, ("person_id", *FIELDS), new)
        for names, rows in altered.items():
            statement = update(TABLE).where(TABLE.c.person_id == bindparam("row"))
            db.session.execute(statement.values({name: bindparam(name) for name in names}), rows)

    def bring_to_today(self) -> int:
        """How many persons were counted anew because a day came that changes where they stand."""
        today = day_number(self._clock.today())
        due = select(TABLE.c.person_id).where(TABLE.c.next_on <= today).limit(CHUNK)
        done = 0
        while chunk := db.session.scalars(due).all():
            with transaction():
                self.follow({"person": frozenset(chunk)})
            done += len(chunk)
        return done

    def rows_of(self, head_of: Mapping[int, int]) -> dict[int, Row]:
        """What the rows of these persons, with all that are one with them, must say today."""
        found = histories(head_of, own_ca_counts=self._settings.own_ca_counts)
        today = day_number(self._clock.today())
        return {person_id: self._row(history, today) for person_id, history in found.items()}

    def _row(self, history: History, today: int) -> Row:
        steps = steps_of(history)
        now = now_of(history, steps, today, self._settings.unused_after_days)
        return (*now, pack(steps), history.sort_key, history.last_signed)

    def _first_signed_today(self, person_ids: Collection[int]) -> set[int]:
        """Those whose first signature of the day it is: nothing follows from any other.

        Some people sign a thousand times a day.
        """
        one, today = TABLE.c, day_number(self._clock.today())
        is_first = or_(one.last_signed.is_(None), one.last_signed < today)
        statement = select(one.person_id).where(among(one.person_id), is_first)
        return set(db.session.scalars(statement, told(person_ids)))


def _locked(person_ids: Collection[int]) -> tuple[Mapping[int, int], dict[int, Row]]:
    """Everybody who is one with any of these, with the one that counts; and their kept rows,
    which nobody else writes until the transaction ends."""
    head_of = _one_with(person_ids)
    while True:
        known = stored(head_of, is_locked=True)
        if db.engine.dialect.name == "sqlite":  # nobody else writes anything
            return head_of, known
        before, head_of = head_of, _one_with(person_ids)
        if head_of == before:  # nobody was merged while we waited for a row
            return head_of, known


def _one_with(person_ids: Collection[int]) -> Mapping[int, int]:
    """Everybody who is one person with any of these, with the one that counts."""
    if db.session.scalar(ANY_MERGED) is None:
        return {person_id: person_id for person_id in person_ids}
    return families(person_ids)


_PERSON = Base.metadata.tables[Person.__tablename__].c
ANY_MERGED = select(func.max(_PERSON.merged_into_id)).where(_PERSON.merged_into_id.is_not(None))
"""From the end of an index of them alone; PostgreSQL would look for just any in all persons."""


def stored(person_ids: Collection[int], *, is_locked: bool = False) -> dict[int, Row]:
    """The rows of these persons as they are kept."""
    one = TABLE.c
    statement = select(one.person_id, *(one[name] for name in FIELDS))
    statement = statement.where(among(one.person_id)).order_by(one.person_id)
    if is_locked:
        statement = statement.with_for_update()
    return {row[0]: tuple(row[1:]) for row in db.session.execute(statement, told(person_ids))}
