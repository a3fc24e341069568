"""The schema's history against the models, on both databases."""

import importlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, insert, inspect, text
from sqlalchemy.exc import DBAPIError

import signer
from signer import migrations
from signer.audit.models import AuditEvent
from signer.db import Base
from tests.databases import both_databases

for _file in Path(signer.__file__).parent.glob("*/models.py"):
    importlib.import_module(f"signer.{_file.parent.name}.models")

pytestmark = both_databases


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = create_engine(database_url)
    yield made
    made.dispose()


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


def test_the_newest_step_is_what_the_models_say(engine: Engine) -> None:
    """After all steps, autogenerate finds nothing to do."""
    migrations.upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    assert tables(engine) == set(Base.metadata.tables)


# Triggers, and how indexes and texts sort and what they carry: autogenerate compares none of it.
UNSEEN = {
    "sqlite": ("SELECT tbl_name, name, sql FROM sqlite_master WHERE type IN ('trigger', 'index')",),
    "postgresql": (
        "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal",
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()",
        "SELECT table_name, column_name, collation_name FROM information_schema.columns"
        " WHERE table_schema = current_schema()",
    ),
}


def unseen(engine: Engine) -> set[tuple[str, ...]]:
    """Checks, triggers, indexes and collations."""
    inspector = inspect(engine)
    checks = {
        (table, str(check["name"]))
        for table in tables(engine)
        for check in inspector.get_check_constraints(table)
    }
    with engine.connect() as connection:
        for statement in UNSEEN[engine.dialect.name]:
            checks |= {tuple(row) for row in connection.execute(text(statement))}
    return {found for found in checks if found[0] != "alembic_version"}


def test_the_newest_step_refuses_and_sorts_as_the_models_do(engine: Engine) -> None:
    """Whatever a database made at once has, a migrated one has too, and nothing else."""
    Base.metadata.create_all(engine)
    at_once = unseen(engine)
    Base.metadata.drop_all(engine)
    migrations.upgrade(engine)
    assert unseen(engine) == at_once


def test_every_step_can_be_taken_back(engine: Engine) -> None:
    """Down to nothing and up again, with nothing left behind in between."""
    migrations.upgrade(engine)
    migrations.downgrade(engine, "base")
    assert tables(engine) == set()
    assert not migrations.is_current(engine)
    migrations.upgrade(engine)
    assert migrations.is_current(engine)


def test_upgrading_twice_is_harmless(engine: Engine) -> None:
    """A second upgrade changes nothing and says that the schema is current."""
    assert not migrations.is_current(engine)
    migrations.upgrade(engine)
    migrations.upgrade(engine)
    assert migrations.is_current(engine)


def test_a_failed_step_changes_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """All steps happen in one transaction: what breaks at the end was never begun."""
    step = importlib.import_module("signer.migrations.versions.0001_initial")
    assert step.revision == "0001"
    with engine.begin() as connection:  # in the way of the last table that the step makes
        connection.execute(text("CREATE TABLE step (id INTEGER)"))
    with pytest.raises(DBAPIError):
        migrations.upgrade(engine)
    assert tables(engine) == {"step"}


def test_events_cannot_be_changed_after_migrating(engine: Engine) -> None:
    """The migrated table refuses update and delete, like the one the models make."""
    migrations.upgrade(engine)
    event: dict[str, Any] = {
        "seq": 1,
        "at": datetime(2026, 11, 23, tzinfo=UTC),
        "actor": "system",
        "action": "test",
        "subject": "test:1",
        "details": "{}",
        "previous_hash": "0" * 64,
        "hash": "1" * 64,
    }
    with engine.begin() as connection:
        connection.execute(insert(AuditEvent), [event])
    for act in ("UPDATE audit_event SET actor = 'x'", "DELETE FROM audit_event"):
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(text(act))
