"""Run by Alembic for every step, on the connection that `signer.migrations` hands in."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import text

from signer.db import Base, PathColumn, UTCDateTime

_LOCK = 0x51A0D18  # any fixed number beside the audit chain's among PostgreSQL's advisory locks


def _render_item(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Our column types as plain ones, so that an old step never depends on today's code."""
    if kind != "type":
        return False
    if isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if isinstance(item, PathColumn):
        return 'sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")'
    return False


def _run() -> None:
    connection = context.config.attributes["connection"]
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,  # SQLite changes a table by copying it
        transactional_ddl=True,
        render_item=_render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


_run()
