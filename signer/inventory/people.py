"""Lists of people: found by a name, a code or an address, in list order, from any place on.

Nothing here reads more than a page needs, however long the list is. What belongs to one key (a
word of names, a unit, a state) stands in some index in list order already; a list of several keys
is their merge. The rarest of what is asked for is walked, and the rest asked of each person met.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    type_coerce,
)

from signer.accounts import Actor, Permission, in_subtree
from signer.db import among, db, told
from signer.inventory.kinds import PersonKind, SigningRole
from signer.inventory.models import Person
from signer.inventory.paging import Page, Place, place_of, token_of
from signer.inventory.searching import Term, search_of
from signer.inventory.states import PersonState
from signer.inventory.words import PersonWord

PAGE_MOST = 500
_FEW = 3_000
"""So many entries are read and sorted faster than anything cleverer finds out."""
_COUNTED = 20_000
"""Further than this nothing is counted: what is commoner is met often enough."""
_ONE_BY_ONE = 4
_MANY = 2**31


@dataclass(frozen=True, kw_only=True)
class PeopleFilter:
    """Which people a list is about; what an address says, and a next act is told instead of ids."""

    unit_path: str | None = None
    """The unit and all below it."""
    search: str | None = None
    """Starts of words of a name in any order, with or without marks; else of a code or address."""
    state: PersonState | None = None
    kind: PersonKind | None = None
    role: SigningRole | None = None
    where: tuple[ColumnElement[bool], ...] = ()
    """What a room above adds, over columns of `Person`."""
    among: Select[Any] | None = None
    """Ids, perhaps more than `where` leaves, by which a room above finds few people fast."""


EVERYBODY = PeopleFilter()


class Listed(Protocol):
    """A person of a long list, without what lists never show: a `Person`, or a row of these."""

    id: int
    code: str
    full_name: str
    sort_key: str
    unit_id: int
    unit_path: str
    division: str | None
    title: str | None
    kind: PersonKind | None
    state: PersonState
    email: str | None


@dataclass(frozen=True, kw_only=True)
class _Walk:
    """Entries of an index; those of one key stand in the order of the list."""

    # SQLAlchemy's columns of either table; made late, for as defaults they would be descriptors.
    place: Any = field(default_factory=lambda: Person.sort_key)
    person_id: Any = field(default_factory=lambda: Person.id)
    key: Any = None
    keys: tuple[Any, ...] = ()
    """The commonest first."""
    is_of: ColumnElement[bool] | None = None
    """Says instead of `key` and `keys` what is walked."""
    begin: Place | None = None
    """The entries are behind this place."""
    people: int = _MANY
    """How many entries there are, as far as that was counted."""


class Listing:
    """One list: the way to walk it, chosen once, and what each person met must satisfy."""

    def __init__(self, actor: Actor, asked: PeopleFilter, permission: Permission) -> None:
        """Reads how common the words and units are that are asked for, and at most one person."""
        self._roots = _roots(actor.scopes(permission), asked.unit_path or "")
        self._search = search_of(asked.search)
        self._is_empty = not self._roots or self._search.is_hopeless
        self._asked = asked
        if self._is_empty:
            return
        if not self._search.starts:
            self._walk_along(self._choose())
        for start in self._search.starts:  # in the order of codes, or else of addresses
            column = start.column
            self._walk_along(_Walk(place=column, is_of=column < start.end, begin=(start.text, 0)))
            if self._places(None, 1):
                break

    def page(self, after: str | None, limit: int) -> Page[Person]:
        """A page of it, 500 people at most; whoever is taken back meanwhile is not on it."""
        limit = max(1, min(limit, PAGE_MOST))
        found = self._places(place_of(after) if after is not None else None, limit + 1)
        ids = [person_id for _, person_id in found[:limit]]
        people = {p.id: p for p in db.session.scalars(select(Person).where(Person.id.in_(ids)))}
        return Page(
            items=tuple(people[person_id] for person_id in ids if person_id in people),
            next=token_of(found[limit - 1]) if len(found) > limit else None,
        )

    def each(self, at_once: int) -> Iterator[list[Listed]]:
        """All of it in its order, so many people at a time."""
        columns = [getattr(Person, name) for name in Listed.__annotations__]
        after: Place | None = None
        while found := self._places(after, at_once):
            ids = [person_id for _, person_id in found]
            rows = db.session.execute(select(*columns).where(among(Person.id)), told(ids))
            people = {row[0]: row for row in rows}
            yield [cast(Listed, people[person_id]) for person_id in ids if person_id in people]
            if len(found) < at_once:
                return
            after = found[-1]

    def count(self, at_most: int | None) -> int:
        """How many there are; `at_most + 1` stands for any number above `at_most`."""
        if self._is_empty:
            return 0
        if at_most is not None:
            return len(self._places(None, at_most + 1))
        found = self._entries(self._walk.keys, None, None).subquery()
        return db.session.scalar(select(func.count()).select_from(found)) or 0

    def _walk_along(self, walk: _Walk) -> None:
        self._walk, self._conditions = walk, self._all_but(walk)

    def _places(self, after: Place | None, limit: int) -> list[Place]:
        """The next places of the list."""
        if self._is_empty:
            return []
        keys = list(self._walk.keys)
        if len(keys) < 2 or self._walk.people <= _FEW:
            return self._read(keys, after, None, limit)
        # A common key has a page soon, and behind its end none of the others matters.
        found: set[Place] = set()  # Nguyễn Thị Nga has two words that begin with ng
        for _ in range(_ONE_BY_ONE):
            if not keys or len(found) >= limit:
                break
            found.update(self._read([keys.pop(0)], after, None, limit))
        if keys:
            end = sorted(found)[limit - 1][0] if len(found) >= limit else None
            found.update(self._read(keys, after, end, limit))
        return sorted(found)[:limit]

    def _read(
        self, keys: Sequence[Any], after: Place | None, end: str | None, limit: int
    ) -> list[Place]:
        entries = (
            self._entries(keys, after, end)
            .order_by(self._walk.place, self._walk.person_id)
            .limit(limit)
        )
        return [(place, person_id) for place, person_id in db.session.execute(entries)]

    def _entries(self, keys: Sequence[Any], after: Place | None, end: str | None) -> Select[Any]:
        walk = self._walk
        entries = select(walk.place, walk.person_id)
        if walk.is_of is not None:
            entries = entries.where(walk.is_of)
        if keys:
            entries = entries.where(walk.key == keys[0] if len(keys) == 1 else walk.key.in_(keys))
        if behind := max(filter(None, (walk.begin, after)), default=None):
            entries = entries.where(tuple_(walk.place, walk.person_id) > tuple_(*behind))
        if end is not None:
            entries = entries.where(walk.place <= end)
        entries = entries.where(*self._conditions)
        return entries.distinct() if len(keys) > 1 and walk.key is PersonWord.word else entries

    def _choose(self) -> _Walk:
        """The walk with the fewest entries; counting stops where something else is rarer."""
        asked, rarest = self._asked, _Walk()
        if self._search.terms:
            rarest = _names(min(self._search.terms, key=lambda term: term.people))
        if asked.among is not None:
            people = _counted(asked.among, _FEW)
            if people < min(_FEW, rarest.people):
                rarest = _Walk(is_of=Person.id.in_(asked.among), people=people)
        if asked.state not in (None, PersonState.WORKING):
            rarest = _unusual(asked.state, rarest.people) or rarest
        if "" not in self._roots:
            is_picky = any((asked.kind, asked.role, asked.state))
            most = _COUNTED * 10 if is_picky else _COUNTED
            rarest = _units(self._roots, rarest.people, most) or rarest
        return rarest

    def _all_but(self, walk: _Walk) -> list[ColumnElement[bool]]:
        """What is left to be asked of each person met, the cheapest first."""
        merged = select(Person.id).where(Person.merged_into_id.is_not(None))
        conditions = [walk.person_id.not_in(merged)]
        is_of_words = walk.key is PersonWord.word
        spaced = literal(" ") + Person.search_key + literal(" ")
        folded = PersonWord.folded if is_of_words else spaced
        terms = [term for term in self._search.terms if not is_of_words or term.words != walk.keys]
        conditions += [term.holds_in(folded) for term in terms]
        if self._asked.among is not None:
            conditions.append(walk.person_id.in_(self._asked.among))
        of_person: list[ColumnElement[bool]] = []
        if "" not in self._roots and walk.key is not Person.unit_path:
            of_person.append(self._in_units(walk))
        of_person += _facts(self._asked)
        if not is_of_words:
            return [*conditions, *of_person]
        if of_person:
            # Asked for each entry in turn, until the page is full: without OFFSET PostgreSQL would
            # make it a join of all entries, which it thinks are few.
            row = select(Person.id).where(Person.id == walk.person_id, *of_person).offset(0)
            conditions.append(exists(row))
        return conditions

    def _in_units(self, walk: _Walk) -> ColumnElement[bool]:
        """SQL over `Person`: one of the subtrees, where something else is walked.

        PostgreSQL knows how many each has. SQLite does not, and is told: by a small list of ids,
        for thousands of codes may begin alike; else by a path that is out of its index' reach, or
        it would read and sort the subtree instead of the list until the page is full.
        """
        if db.engine.dialect.name != "sqlite":
            return _within(self._roots)
        those = select(Person.id).where(_within(self._roots))
        if walk.begin is not None and _counted(those, _COUNTED) < _COUNTED:
            return Person.id.in_(those)
        return _within(self._roots, literal("") + Person.unit_path)


def _within(roots: Sequence[str], path: Any = Person.unit_path) -> ColumnElement[bool]:
    return or_(*(in_subtree(path, root) for root in roots))


def _facts(asked: PeopleFilter) -> list[ColumnElement[bool]]:
    facts = list(asked.where)
    if asked.state is not None:
        facts.append(Person.state == asked.state)
    if asked.kind is not None:
        facts.append(Person.kind == asked.kind)
    if asked.role is not None:
        # No role's word is part of another's.
        facts.append(type_coerce(Person.signing_roles, String).contains(asked.role.value))
    return facts


def _names(term: Term) -> _Walk:
    return _Walk(
        place=PersonWord.sort_key,
        person_id=PersonWord.person_id,
        key=PersonWord.word,
        keys=term.words,
        people=term.people,
    )


def _unusual(state: PersonState, most: int) -> _Walk | None:
    """Through those of the state, from an index that has nobody who is simply at work.

    None when they are more than `most`, or many where something else may be walked.
    """
    # The index is found only by its own condition, letter by letter.
    not_at_work = literal_column(f"'{PersonState.WORKING}'", Person.state.type)
    those = and_(Person.state != not_at_work, Person.state == state)
    limit = min(most, _COUNTED)
    people = _counted(select(Person.id).where(those), limit)
    return None if people >= limit and most < _MANY else _Walk(is_of=those, people=people)


def _units(roots: Sequence[str], rarest: int, most: int) -> _Walk | None:
    """Through everybody of the subtrees, unit by unit; None when they are more than `rarest`.

    Also None for more than `most`, much of the city: its list then has some of them on every page.
    """
    limit = min(rarest, most)
    people = select(Person.unit_path).where(_within(roots)).limit(limit).subquery()
    number = func.count().label("number")
    found = db.session.execute(
        select(people.c.unit_path, number).group_by(people.c.unit_path).order_by(number.desc())
    ).all()
    total = sum(row.number for row in found)
    if not found or total >= limit:
        return None
    return _Walk(key=Person.unit_path, keys=tuple(row.unit_path for row in found), people=total)


def _counted(found: Select[Any], most: int) -> int:
    """How many there are, as far as `most`."""
    return db.session.scalar(select(func.count()).select_from(found.limit(most).subquery())) or 0


def _roots(scopes: Sequence[str], unit_path: str) -> tuple[str, ...]:
    """The subtrees that lie both in the actor's and in the unit's."""
    roots = {unit_path for scope in scopes if unit_path.startswith(scope)}
    return tuple(sorted(roots or {scope for scope in scopes if scope.startswith(unit_path)}))
