"""What a unit's clerks said that the headings of their files mean."""

from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, mapped_column

from signer.accounts import Actor, Permission
from signer.db import Base, PathColumn, db, transaction
from signer.inventory.fields import Field, Heading
from signer.inventory.headings import Chosen, heading_key


class RosterMapping(Base):
    """What a unit's clerk said that a heading means; the next file of that unit is read so."""

    __tablename__ = "roster_mapping"

    scope_path: Mapped[str] = mapped_column(PathColumn, primary_key=True)
    heading: Mapped[str] = mapped_column(String(200), primary_key=True)
    """The folded words of the heading."""
    field: Mapped[str | None] = mapped_column(String(30))
    """None: the column is not used."""


def _scope_of(actor: Actor) -> str:
    """The unit whose clerk the actor is, for what is remembered of its files."""
    scopes = actor.scopes(Permission.ROSTER_IMPORT)
    return "" if "" in scopes else min(scopes)


def remembered(actor: Actor) -> dict[str, Field | None]:
    """The meaning of headings, by their folded words, for files of the actor's unit."""
    statement = select(RosterMapping.heading, RosterMapping.field).where(
        RosterMapping.scope_path == _scope_of(actor)
    )
    found: dict[str, Field | None] = {}
    for heading, field in db.session.execute(statement):
        with suppress(ValueError):  # a field of another version of the program
            found[heading] = Field(field) if field else None
    return found


def remember(actor: Actor, headings: Sequence[Heading], columns: Chosen) -> None:
    """Whatever the clerk put otherwise than the headings had said it."""
    scope = _scope_of(actor)
    with transaction():
        for heading in headings:
            key = heading_key(heading.heading)[:200]
            field = columns.get(heading.letter)
            if key and field != heading.field:
                db.session.merge(RosterMapping(scope_path=scope, heading=key, field=field))
