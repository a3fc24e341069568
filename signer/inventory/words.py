"""The words of people's names, each in the order of the name list: what a search walks through.

A row per person and word carries the person's place in the list, so that the people of a word
come sorted from the index, from any place on, whatever the size of the city. `name_word` is the
vocabulary with how common each word is; it only steers the search (`people.py`), and so may err.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    Connection,
    ForeignKey,
    PrimaryKeyConstraint,
    bindparam,
    column,
    delete,
    select,
    table,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from signer.db import Base, PathColumn, db, insert_many
from signer.inventory.names import fold, sort_key

_PEOPLE_AT_ONCE = 5_000


class PersonWord(Base):
    """One word of one person's name, folded; a word twice in a name is one row."""

    __tablename__ = "person_word"
    __table_args__ = (
        # The table is its index: whoever walks along a word looks nowhere else.
        PrimaryKeyConstraint("word", "sort_key", "person_id", postgresql_include=["folded"]),
        {"sqlite_with_rowid": False},
    )

    word: Mapped[str] = mapped_column(PathColumn)
    sort_key: Mapped[str] = mapped_column(PathColumn)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    folded: Mapped[str] = mapped_column(PathColumn)
    """The name as `folded_name` has it, in which the other words typed are looked for."""


class NameWord(Base):
    """One word that names have, and how many people have had it."""

    __tablename__ = "name_word"

    word: Mapped[str] = mapped_column(PathColumn, primary_key=True)
    persons: Mapped[int]


def folded_name(full_name: str) -> str:
    """The words of a name as the index has them, each between two spaces: " tran thi ki "."""
    return f" {' '.join(map(word_key, fold(full_name).split()))} "


def word_key(word: str) -> str:
    """The folded word with i for an y that is its only vowel: kỹ and kĩ, Quý and Quí are one."""
    if len(word) > 1 and word[-1] == "y" and (word[-2] not in _VOWELS or word[:-1] == "qu"):
        return f"{word[:-1]}i"
    return word


def other_spelling(word: str) -> str | None:
    """The same folded word with i for y or y for i, where both are written; None where not."""
    if (key := word_key(word)) != word:
        return key
    other = f"{word[:-1]}y"
    return other if word[-1:] == "i" and word_key(other) == word else None


_VOWELS = "aeiouy"


def write_words(people: Iterable[tuple[int, str | None, str | None]]) -> None:
    """The index has these people's new names: (person id, name before, name now).

    In the caller's transaction. None before: a new person; None now: the person is no longer there.
    """
    _write(db.session.connection(), people)


def words_of_all(connection: Connection) -> None:
    """The index has everybody's name and nothing else: what an older database needs, once."""
    connection.execute(delete(PersonWord))
    connection.execute(delete(NameWord))
    person = table("person", column("id"), column("full_name"))
    last = 0
    while rows := connection.execute(
        select(person.c.id, person.c.full_name)
        .where(person.c.id > last)
        .order_by(person.c.id)
        .limit(_PEOPLE_AT_ONCE)
    ).all():
        last = rows[-1].id
        _write(connection, ((row.id, None, row.full_name) for row in rows))


def _write(connection: Connection, people: Iterable[tuple[int, str | None, str | None]]) -> None:
    gone: list[dict[str, Any]] = []
    come: list[tuple[str, str, int, str]] = []
    counts: Counter[str] = Counter()
    for person_id, before, now in people:
        if before == now:
            continue
        for name, one in ((before, -1), (now, 1)):
            if name is None:
                continue
            place, folded = sort_key(name), folded_name(name)
            for word in set(folded.split()):
                counts[word] += one
                if one < 0:
                    gone.append({"word": word, "sort_key": place, "person_id": person_id})
                else:
                    come.append((word, place, person_id, folded))
    words: Any = PersonWord.__table__  # a plain Table, which the mapped class cannot say
    if gone:
        theirs = (part == bindparam(part.name) for part in words.primary_key)
        connection.execute(delete(words).where(*theirs), gone)
    come.sort()  # as the table lies: the same pages are not fetched again and again
    insert_many(connection, words, ("word", "sort_key", "person_id", "folded"), come)
    _count(connection, counts)


def _count(connection: Connection, counts: Counter[str]) -> None:
    # In one order everywhere, so that two writers wait for each other and never in a circle.
    rows = [{"word": word, "persons": more} for word, more in sorted(counts.items()) if more]
    if not rows:
        return
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(NameWord.__table__)
    more = NameWord.persons + statement.excluded.persons
    statement = statement.on_conflict_do_update(index_elements=["word"], set_={"persons": more})
    connection.execute(statement, rows)
