"""The words of people's names, each in the order of the name list: what a search walks through.

A row per person and word carries the person's place in the list, so that the people of a word
come sorted from the index, from any place on, whatever the size of the city. `name_word` is the
vocabulary with how common each word is; it only steers the search (`people.py`), and so may err.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ForeignKey, bindparam, delete, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from signer.db import Base, PathColumn, db
from signer.inventory.names import fold, sort_key

_ROWS_AT_ONCE = 20_000


class PersonWord(Base):
    """One word of one person's name, folded; a word twice in a name is one row."""

    __tablename__ = "person_word"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012  # SQLAlchemy's own way

    word: Mapped[str] = mapped_column(PathColumn, primary_key=True)
    sort_key: Mapped[str] = mapped_column(PathColumn, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)


class NameWord(Base):
    """One word that names have, and how many people have had it."""

    __tablename__ = "name_word"

    word: Mapped[str] = mapped_column(PathColumn, primary_key=True)
    persons: Mapped[int]


def words_of(full_name: str) -> frozenset[str]:
    """The folded words of a name as the index has them."""
    return frozenset(map(word_key, fold(full_name).split()))


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
    gone: list[dict[str, Any]] = []
    come: list[dict[str, Any]] = []
    counts: Counter[str] = Counter()
    for person_id, before, now in people:
        if before == now:
            continue
        for name, rows, one in ((before, gone, -1), (now, come, 1)):
            if name is None:
                continue
            place = sort_key(name)
            for word in words_of(name):
                rows.append({"word": word, "sort_key": place, "person_id": person_id})
                counts[word] += one
    table: Any = PersonWord.__table__  # a plain Table, which the mapped class cannot say
    if gone:
        theirs = [table.c[name] == bindparam(f"old_{name}") for name in gone[0]]
        old = [{f"old_{name}": value for name, value in row.items()} for row in gone]
        db.session.connection().execute(delete(table).where(*theirs), old)
    for start in range(0, len(come), _ROWS_AT_ONCE):
        db.session.execute(insert(table), come[start : start + _ROWS_AT_ONCE])
    _count(counts)


def _count(counts: Counter[str]) -> None:
    # In one order everywhere, so that two writers wait for each other and never in a circle.
    rows = [{"word": word, "persons": more} for word, more in sorted(counts.items()) if more]
    if not rows:
        return
    dialect: Any = sqlite if db.engine.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(NameWord)
    statement = statement.on_conflict_do_update(
        index_elements=["word"], set_={"persons": NameWord.persons + statement.excluded.persons}
    )
    db.session.execute(statement, rows)
