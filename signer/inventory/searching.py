"""What somebody typed to find people: words of a name, or the start of a code or an address."""

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, literal, or_, select
from sqlalchemy.orm import aliased

from signer.db import db
from signer.inventory.models import Person
from signer.inventory.names import clean_text, fold
from signer.inventory.words import NameWord, PersonWord, other_spelling, word_key

_LENGTH = 100  # as long as the longest name
_FEW_WORDS = 8
_CODE_LIKE = re.compile(r"[\d@.]")
_LAST = "\U0010ffff"


@dataclass(frozen=True, kw_only=True)
class Term:
    """A typed word with the words of the vocabulary that it stands for: those it begins."""

    text: str
    words: tuple[str, ...]
    people: int
    """How many have one of them, nearly."""

    @property
    def is_narrow(self) -> bool:
        """It stands for few enough words to look each up."""
        return len(self.words) <= _FEW_WORDS

    def holds_at(self, sort_key: Any, person_id: Any) -> ColumnElement[bool]:
        """SQL: the person of that place has such a word; one step in the index for each."""
        other = aliased(PersonWord)
        return exists(
            select(other.word).where(
                other.word.in_(self.words),
                other.sort_key == sort_key,
                other.person_id == person_id,
            )
        )

    def holds(self) -> ColumnElement[bool]:
        """SQL over `Person`: the same, cheaper where hundreds of words are meant."""
        padded = literal(" ") + Person.search_key + literal(" ")
        starts_one = padded.contains(f" {self.text}", autoescape=True)
        if (other := other_spelling(self.text)) is None:
            return starts_one
        return or_(starts_one, padded.contains(f" {other} ", autoescape=True))


@dataclass(frozen=True, kw_only=True)
class Search:
    """Terms that must all hold, or the start of a code or an address; without both, everybody."""

    terms: tuple[Term, ...] = ()
    code: str | None = None
    is_hopeless: bool = False
    """Nobody is called so."""

    def code_ranges(self) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        """SQL over `Person`: the code begins so, the address begins so."""
        code = self.code or ""
        return starts(Person.code, code.upper()), starts(Person.email, code.lower())


def search_of(typed: str | None) -> Search:
    """What is meant, after a look at the vocabulary (R8).

    A single word that no name has may still be how an address begins.
    """
    text = clean_text(typed or "")
    if not text:
        return Search()
    if len(text) > _LENGTH:
        return Search(is_hopeless=True)
    if _CODE_LIKE.search(text):
        return Search(code=text)
    terms = tuple(_term(word) for word in dict.fromkeys(fold(text).split()))
    if terms and all(term.words for term in terms):
        return Search(terms=terms)
    return Search(is_hopeless=True) if " " in text else Search(code=text)


def _term(text: str) -> Term:
    rows = db.session.execute(
        select(NameWord.word, NameWord.persons).where(
            or_(starts(NameWord.word, text), NameWord.word == word_key(text))
        )
    ).all()
    return Term(
        text=text, words=tuple(row.word for row in rows), people=sum(row.persons for row in rows)
    )


def starts(column: Any, start: str) -> ColumnElement[bool]:
    """SQL: a range of an index that is in the order of bytes, which is that of code points."""
    return and_(column >= start, column < start + _LAST)
