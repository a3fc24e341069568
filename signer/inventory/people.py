"""Lists of people: found by a name, a code or an address, in list order, from any place on.

Nothing here reads more than a page needs, however long the list is. What belongs to one key (a
word of names, a unit, a state) stands in some index in list order already; a list of several keys
is their merge. `_Walk` is such an index with the keys asked for. The rarest of what is asked for
is walked, and the rest is looked up for each person met.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    type_coerce,
    union,
)

from signer.accounts import Actor, Permission, in_subtree
from signer.db import db
from signer.inventory.kinds import PersonKind, SigningRole
from signer.inventory.models import OrgUnit, Person
from signer.inventory.paging import Page, Place, place_of, token_of
from signer.inventory.searching import Search, Term, search_of
from signer.inventory.states import PersonState
from signer.inventory.words import NameWord, PersonWord

PAGE_MOST = 500
_FEW = 3_000
"""So many entries are read and sorted faster than anything cleverer finds out."""
_COUNTED = 30_000
"""Further than this nothing is counted: what is commoner is common."""


@dataclass(frozen=True, kw_only=True)
class PeopleFilter:
    """Which people a list is about; what an address says, and a next act is told instead of ids."""

    unit_path: str | None = None
    """The unit and all below it."""
    search: str | None = None
    """Starts of words of a name in any order, with or without marks; else of a code or address."""
    states: tuple[PersonState, ...] | None = None
    kind: PersonKind | None = None
    role: SigningRole | None = None
    where: tuple[ColumnElement[bool], ...] = ()
    """What a room above adds, over columns of `Person`."""


EVERYBODY = PeopleFilter()


def page_of(
    actor: Actor,
    asked: PeopleFilter,
    *,
    after: str | None = None,
    limit: int = 50,
    permission: Permission = Permission.PERSON_VIEW,
) -> Page[Person]:
    """A page of the people in the actor's subtrees, by given name (R9); 500 at most."""
    limit = max(1, min(limit, PAGE_MOST))
    listing = _Listing(actor, asked, permission)
    found = listing.places(place_of(after) if after is not None else None, limit + 1)
    return Page(
        items=tuple(_people(found[:limit])),
        next=token_of(found[limit - 1]) if len(found) > limit else None,
    )


def count_of(
    actor: Actor,
    asked: PeopleFilter,
    *,
    at_most: int | None = None,
    permission: Permission = Permission.PERSON_VIEW,
) -> int:
    """How many people the same list has; `at_most + 1` stands for any number above `at_most`."""
    listing = _Listing(actor, asked, permission)
    return len(listing.places(None, at_most + 1)) if at_most is not None else listing.count()


def each_of(
    actor: Actor,
    asked: PeopleFilter,
    *,
    at_once: int,
    permission: Permission = Permission.PERSON_VIEW,
) -> Iterator[list[Person]]:
    """The whole list in its order, so many at a time."""
    listing = _Listing(actor, asked, permission)
    after: Place | None = None
    while found := listing.places(after, at_once):
        yield _people(found)
        if len(found) < at_once:
            return
        after = found[-1]


def _people(places: Sequence[Place]) -> list[Person]:
    ids = [person_id for _, person_id in places]
    found = db.session.scalars(select(Person).where(Person.id.in_(ids)))
    people = {person.id: person for person in found}
    return [people[person_id] for person_id in ids]


@dataclass(frozen=True, kw_only=True)
class _Walk:
    """An index in which the entries of each key stand in list order.

    `people` is how many entries the keys have, as far as that was counted.
    """

    sort_key: Any  # SQLAlchemy's columns of either table
    person_id: Any
    key: Any = None
    keys: tuple[Any, ...] = ()
    vocabulary: Select[Any] | None = None
    """The same keys as a table, for more than one."""
    people: int = _COUNTED + 1
    is_of: ColumnElement[bool] | None = None
    """Says instead of `key` and `keys` what is walked."""


class _Listing:
    """One list: the way to walk it, chosen once, and what each person met must satisfy."""

    def __init__(self, actor: Actor, asked: PeopleFilter, permission: Permission) -> None:
        """Reads how common the words and units are that are asked for, and no person."""
        self._roots = _roots(actor.scopes(permission), asked.unit_path or "")
        self._search = search_of(asked.search)
        self._is_empty = not self._roots or self._search.is_hopeless
        self._asked = asked
        if not self._is_empty:
            self._walk = self._choose()
            self._conditions = self._all_but(self._walk)

    def places(self, after: Place | None, limit: int) -> list[Place]:
        """The next places of the list."""
        if self._is_empty:
            return []
        walk = self._walk
        if len(walk.keys) < 2 or walk.people <= _FEW:
            return self._read(after, None, limit)
        found: list[Place] = []
        # Where the keys' first entries end, the merge of them all has at least as many: what lies
        # before is all that need be read. The filter may leave too few of those, so it goes on.
        for depth in (limit, limit * 16):
            bound = self._bound(after, depth)
            found += self._read(after, bound, limit - len(found))
            if bound is None or len(found) >= limit:
                return found
            after = (bound, 2**31)
        return found + self._read(after, None, limit - len(found))

    def count(self) -> int:
        """How many there are in all."""
        if self._is_empty:
            return 0
        found = self._entries(None, None).distinct().subquery()
        return db.session.scalar(select(func.count()).select_from(found)) or 0

    def _read(self, after: Place | None, bound: str | None, limit: int) -> list[Place]:
        entries = self._entries(after, bound)
        if len(self._walk.keys) > 1 and self._walk.key is PersonWord.word:
            entries = entries.distinct()  # Nguyễn Thị Nga has two words that begin with ng
        entries = entries.order_by(self._walk.sort_key, self._walk.person_id).limit(limit)
        return [(sort_key, person_id) for sort_key, person_id in db.session.execute(entries)]

    def _entries(self, after: Place | None, bound: str | None) -> Select[Any]:
        walk = self._walk
        entries = select(walk.sort_key, walk.person_id)
        if walk.is_of is not None:
            entries = entries.where(walk.is_of)
        if walk.keys:
            entries = entries.where(_among(walk.key, walk.keys))
        if after is not None:
            entries = entries.where(_behind(walk, after))
        if bound is not None:
            entries = entries.where(walk.sort_key <= bound)
        return entries.where(*self._conditions)

    def _bound(self, after: Place | None, depth: int) -> str | None:
        """The least `sort_key` at which some key's entries are so many; None when all have less."""
        walk = self._walk
        keys = walk.vocabulary
        assert keys is not None  # every walk over more than one key has it
        of_key = keys.subquery("vocabulary")
        nth = select(walk.sort_key).where(walk.key == of_key.c.key)
        if after is not None:
            nth = nth.where(_behind(walk, after))
        nth = nth.order_by(walk.sort_key, walk.person_id).limit(1).offset(depth - 1)
        each = select(nth.correlate(of_key).scalar_subquery().label("nth")).subquery("each")
        least: str | None = db.session.scalar(select(func.min(each.c.nth)))
        return least

    def _choose(self) -> _Walk:
        """The walk with the fewest entries; counting stops where something else is rarer."""
        walks = [_names(term) for term in self._search.terms]
        rarest = min((walk.people for walk in walks), default=_COUNTED)
        if self._search.code is not None:
            walks.append(_codes(self._search))
            rarest = min(walks[-1].people, rarest)
        states = self._asked.states
        if rarest > _FEW and states is not None and PersonState.WORKING not in states:
            walk = _unusual(states, rarest)
            if len(states) == 1 or walk.people <= _FEW:
                walks.append(walk)
                rarest = min(walk.people, rarest)
        if rarest > _FEW and "" not in self._roots:
            walks.append(_units(self._roots, rarest))
        everybody = _Walk(sort_key=Person.sort_key, person_id=Person.id, people=_COUNTED + 2)
        return min([*walks, everybody], key=lambda walk: walk.people)

    def _all_but(self, walk: _Walk) -> list[ColumnElement[bool]]:
        """What is left to be asked of each person met, the cheapest first."""
        merged = select(Person.id).where(Person.merged_into_id.is_not(None))
        conditions = [walk.person_id.not_in(merged)]
        of_person: list[ColumnElement[bool]] = []
        walked = walk.keys if walk.key is PersonWord.word else None
        for term in self._search.terms:
            if term.words == walked:
                walked = None
            elif term.is_narrow:
                conditions.append(term.holds_at(walk.sort_key, walk.person_id))
            else:
                of_person.append(term.holds())
        if self._search.code is not None and walk.is_of is None:
            of_person.append(or_(*self._search.code_ranges()))
        if "" not in self._roots and walk.key is not Person.unit_path:
            of_person.append(or_(*(in_subtree(Person.unit_path, root) for root in self._roots)))
        of_person += _facts(self._asked)
        if walk.person_id is Person.id:
            return [*conditions, *of_person]
        if of_person:
            conditions.append(
                exists(select(Person.id).where(Person.id == walk.person_id, *of_person))
            )
        return conditions


def _facts(asked: PeopleFilter) -> list[ColumnElement[bool]]:
    facts = list(asked.where)
    if asked.states is not None:
        facts.append(Person.state.in_(asked.states))
    if asked.kind is not None:
        facts.append(Person.kind == asked.kind)
    if asked.role is not None:
        # No role's word is part of another's.
        facts.append(type_coerce(Person.signing_roles, String).contains(asked.role.value))
    return facts


def _among(column: Any, keys: Sequence[Any]) -> ColumnElement[bool]:
    among: ColumnElement[bool] = column == keys[0] if len(keys) == 1 else column.in_(keys)
    return among


def _behind(walk: _Walk, place: Place) -> ColumnElement[bool]:
    return tuple_(walk.sort_key, walk.person_id) > tuple_(*place)


def _names(term: Term) -> _Walk:
    return _Walk(
        sort_key=PersonWord.sort_key,
        person_id=PersonWord.person_id,
        key=PersonWord.word,
        keys=term.words,
        vocabulary=select(NameWord.word.label("key")).where(NameWord.word.in_(term.words)),
        people=term.people,
    )


def _codes(search: Search) -> _Walk:
    """Through those whose code or address begins so; not worth it for more than a few."""
    ranges = [select(Person.id).where(begins) for begins in search.code_ranges()]
    people = sum(_counted(found, _FEW) for found in ranges)
    return _Walk(
        sort_key=Person.sort_key,
        person_id=Person.id,
        is_of=Person.id.in_(union(*ranges)),
        people=people if people < _FEW else _COUNTED + 3,
    )


def _units(roots: Sequence[str], most: int) -> _Walk:
    below = select(OrgUnit.path.label("key")).where(
        or_(*(in_subtree(OrgUnit.path, root) for root in roots))
    )
    people = select(Person.id).where(or_(*(in_subtree(Person.unit_path, root) for root in roots)))
    return _Walk(
        sort_key=Person.sort_key,
        person_id=Person.id,
        key=Person.unit_path,
        keys=tuple(db.session.scalars(below)),
        vocabulary=below,
        people=_counted(people, most),
    )


def _unusual(states: tuple[PersonState, ...], most: int) -> _Walk:
    """Through those who are not simply at work; the index has nobody else."""
    # The index is found only by its own condition, letter by letter.
    not_at_work = literal_column(f"'{PersonState.WORKING}'", Person.state.type)
    unusual = and_(Person.state != not_at_work, Person.state.in_(states))
    return _Walk(
        sort_key=Person.sort_key,
        person_id=Person.id,
        is_of=unusual if len(states) > 1 else and_(unusual, Person.state == states[0]),
        people=_counted(select(Person.id).where(unusual), most),
    )


def _counted(found: Select[Any], most: int) -> int:
    """How many there are, as far as `most`."""
    return db.session.scalar(select(func.count()).select_from(found.limit(most).subquery())) or 0


def _roots(scopes: Sequence[str], unit_path: str) -> tuple[str, ...]:
    """The subtrees that lie both in the actor's and in the unit's."""
    roots = {unit_path for scope in scopes if unit_path.startswith(scope)}
    return tuple(sorted(roots or {scope for scope in scopes if scope.startswith(unit_path)}))
