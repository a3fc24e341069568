"""What a unit's clerks said that the headings of their files mean."""

from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import select

from signer.accounts import Actor, Permission
from signer.db import db, transaction
from signer.inventory.fields import Field, Heading
from signer.inventory.headings import Chosen, heading_key
from signer.inventory.roster_models import RosterMapping


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
