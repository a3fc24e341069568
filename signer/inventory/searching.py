"""What somebody typed to find people: words of a name, or the start of a code or an address."""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, or_, select

from signer.db import db
from signer.inventory.models import Person
from signer.inventory.names import clean_text, fold
from signer.inventory.words import NameWord, other_spelling, word_key

_LENGTH = 100  # as long as the longest name
_CODE_LIKE = re.compile(r"[\d@.]")
_LAST = "\U0010ffff"


@dataclass(frozen=True, kw_only=True)
class Term:
    """A typed word with the words of the vocabulary that it stands for: those it begins."""

    text: str
    words: tuple[str, ...]
    people: int
    """How many have one of them, nearly."""

    def holds_in(self, folded: Any) -> ColumnElement[bool]:
        """SQL: a folded name, a space before and behind it, has a word that begins so."""
        begins: ColumnElement[bool] = folded.contains(f" {self.text}", autoescape=True)
        if (other := other_spelling(self.text)) is None:
            return begins
        return or_(begins, folded.contains(f" {other} ", autoescape=True))


class Start(NamedTuple):
    """How codes, or addresses, begin: those from `text` on, before `end`."""

    column: Any  # of Person: SQLAlchemy's own types
    text: str

    @property
    def end(self) -> str:
        """Behind every text that begins so."""
        return self.text + _LAST


@dataclass(frozen=True, kw_only=True)
class Search:
    """Terms that must all hold, or the start of a code or an address; without both, everybody."""

    terms: tuple[Term, ...] = ()
    starts: tuple[Start, ...] = ()
    """The first of these by which the list has anybody."""
    is_hopeless: bool = False
    """Nobody is called so."""


def search_of(typed: str | None) -> Search:
    """What is meant, after a look at the vocabulary (R8).

    A text with a digit, a dot or @ is the start of a code or, if no code of the list begins so, of
    an address; so is a word that no name has.
    """
    text = clean_text(typed or "")
    if not text:
        return Search()
    if len(text) > _LENGTH:
        return Search(is_hopeless=True)
    if not _CODE_LIKE.search(text):
        terms = tuple(_term(word) for word in dict.fromkeys(fold(text).split()))
        if terms and all(term.words for term in terms):
            return Search(terms=terms)
        if " " in text:
            return Search(is_hopeless=True)
    code, address = Start(Person.code, text.upper()), Start(Person.email, text.lower())
    return Search(starts=(code, address))


def _term(text: str) -> Term:
    rows = db.session.execute(
        select(NameWord.word, NameWord.persons)
        .where(or_(_starts(NameWord.word, text), NameWord.word == word_key(text)))
        .order_by(NameWord.persons.desc())
    ).all()
    return Term(
        text=text, words=tuple(row.word for row in rows), people=sum(row.persons for row in rows)
    )


def _starts(column: Any, start: str) -> ColumnElement[bool]:
    """SQL: a range of an index that is in the order of bytes, which is that of code points."""
    return and_(column >= start, column < start + _LAST)
