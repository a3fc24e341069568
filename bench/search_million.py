"""Finding people among a million: the slowest first page of many searches, and any list page.

The floor is the first page of the whole list, which nothing is faster than; the peer is the same
question asked with LIKE over the folded names, which is how small cities find people.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from _million import city_of
from sqlalchemy import or_, select

from signer.accounts import SYSTEM
from signer.db import db
from signer.inventory.kinds import PersonKind, SigningRole
from signer.inventory.models import Person
from signer.inventory.names import fold
from signer.inventory.paging import token_of
from signer.inventory.people import PeopleFilter
from signer.inventory.states import PersonState
from signer.services import Services

WANTED_MS = 50
ROUNDS = 5  # the best counts: other work on the machine only ever adds to a time
NAMES = (
    *(
        "nguyen",
        "ng",
        "n",
        "t",
        "nguyen thi xuan",
        "Nguyễn Thị Ánh",
        "ngueyn",
        "thi van",
        "tran pham",
    ),
    *("n t", "ng th x", "nguyen thi t", "ky", "quy", "hoang ngoc y", "au thi x", "do duc"),
)
"""Common and rare, long and short, of nobody, and of words that seldom meet."""
CODES = ("CB", "CB05", "CB0500001", "anhnt", "anhnt5", "nobody@")
PEERS = ("nguyen", "nguyen thi xuan", "tran pham", "ngueyn")
DEPTHS = ("@", "L", "Q", "X")
"""Places in the order of names: the first page, and pages behind M, P and V."""


class Taken(NamedTuple):
    """Milliseconds by the clock, and of this process' time: with SQLite all the work there is."""

    clock: float
    processor: float


def measure(persons: int = 1_000_000, *, postgresql: bool = False) -> dict[str, Any]:
    """Milliseconds of the slowest first page of a search, and of all the others."""
    with city_of(persons=persons, certificates=10 * persons, postgresql=postgresql) as app:
        rooms: Services = app.extensions["signer"]
        units = _units_by_size(rooms)
        searches = {text: PeopleFilter(search=text) for text in (*NAMES, *CODES)}
        for size, path in units.items():
            searches |= {
                f"{text}, {size} unit": PeopleFilter(search=text, unit_path=path)
                for text in ("nguyen", "ng t", "tran thi xuan", "CB0")
            }
        found = {name: _best(rooms, asked, None) for name, asked in searches.items()}
        pages = {
            f"{name} {depth}": _best(rooms, asked, depth)
            for name, asked in _lists(units).items()
            for depth in DEPTHS
        }
        floor = _best(rooms, PeopleFilter(), None)
        counts = max(_count(rooms, PeopleFilter(search=text)) for text in NAMES)
        peers = {text: _best_of(lambda text=text: _like(text)) for text in PEERS}
    slowest, page = max(found, key=found.__getitem__), max(pages, key=pages.__getitem__)
    return {
        "value": found[slowest].clock,
        "unit": "ms",
        "floor": floor.clock,
        "ratio": round(floor.clock / found[slowest].clock, 2),
        "conditions": {
            "wanted": f"below {WANTED_MS} ms",
            "slowest search": slowest,
            "slowest list page": f"{page}: {pages[page].clock} ms",
            "most of the processor, ms": {
                "a search": max(taken.processor for taken in found.values()),
                "a list page": max(taken.processor for taken in pages.values()),
            },
            "slowest count up to 1,000, ms": counts.clock,
            "searches, ms": {name: taken.clock for name, taken in found.items()},
            "list pages, ms": {name: taken.clock for name, taken in pages.items()},
            "peer: LIKE, ms": {text: taken.clock for text, taken in peers.items()},
            "how much faster than LIKE": {
                text: round(taken.clock / found[text].clock, 1) for text, taken in peers.items()
            },
            "persons": persons,
            "database": "PostgreSQL" if postgresql else "SQLite",
        },
    }


def _units_by_size(rooms: Services) -> dict[str, str]:
    """A small unit, one of middle size and the largest below the city, by their paths."""
    sizes = sorted(
        (rooms.inventory.count_people(SYSTEM, PeopleFilter(unit_path=unit.path)), unit.path)
        for unit in rooms.inventory.units()
        if unit.parent_id is not None
    )
    return {
        "small": sizes[0][1],
        "middling": sizes[len(sizes) * 9 // 10][1],
        "large": sizes[-1][1],
    }


def _lists(units: dict[str, str]) -> dict[str, PeopleFilter]:
    lists = {f"{size} unit": PeopleFilter(unit_path=path) for size, path in units.items()}
    return lists | {
        "everybody": PeopleFilter(),
        "nguyen": PeopleFilter(search="nguyen"),
        "retired": PeopleFilter(state=PersonState.RETIRED),
        "deceased": PeopleFilter(state=PersonState.DECEASED),
        "clerks": PeopleFilter(role=SigningRole.CLERK),
        "clerks who are cadres": PeopleFilter(role=SigningRole.CLERK, kind=PersonKind.CADRE),
        "the same, large unit": PeopleFilter(
            role=SigningRole.CLERK, kind=PersonKind.CADRE, unit_path=units["large"]
        ),
    }


def _best(rooms: Services, asked: PeopleFilter, depth: str | None) -> Taken:
    after = token_of((depth, 1)) if depth is not None else None
    return _best_of(lambda: rooms.inventory.people(SYSTEM, asked, after=after))


def _count(rooms: Services, asked: PeopleFilter) -> Taken:
    return _best_of(lambda: rooms.inventory.count_people(SYSTEM, asked, at_most=1_000))


def _like(typed: str) -> object:
    """The first page, as it is found without an index of words."""
    words = [
        or_(Person.search_key.like(f"{word}%"), Person.search_key.like(f"% {word}%"))
        for word in fold(typed).split()
    ]
    statement = select(Person).where(*words).order_by(Person.sort_key, Person.id).limit(51)
    return db.session.scalars(statement).all()


def _best_of(ask: Callable[[], object]) -> Taken:
    """The least of both; each time from the database, never from the session's memory."""
    seconds, processor = [], []
    for _ in range(ROUNDS):
        db.session.remove()
        begin, begun = time.perf_counter(), time.process_time()
        ask()
        seconds.append(time.perf_counter() - begin)
        processor.append(time.process_time() - begun)
    return Taken(round(min(seconds) * 1000, 1), round(min(processor) * 1000, 1))
