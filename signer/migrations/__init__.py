"""The schema's history: brings a database to the newest shape or back (SQLite, PostgreSQL)."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.engine import Connection


def upgrade(engine: Engine, revision: str = "head") -> None:
    """The database has the shape of `revision`; harmless when it has it already.

    All steps happen in one transaction, one caller at a time: a failed step changes nothing.
    """
    with _one_step(engine) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """The database is back in the shape of an earlier `revision`; "base" empties it."""
    with _one_step(engine) as connection:
        command.downgrade(_config(connection), revision)


def is_current(engine: Engine) -> bool:
    """True when no step is missing; False also for an empty database."""
    with engine.connect() as connection:
        at = MigrationContext.configure(connection).get_current_heads()
    return set(at) == set(ScriptDirectory.from_config(_config()).get_heads())


def write_revision(engine: Engine, name: str) -> Path:
    """A new file in versions/, holding what the models have and the database lacks.

    For developers; `name` is such as "0002_what_changes", the models must be imported and the
    database current.
    """
    with _one_step(engine) as connection:
        script = command.revision(
            _config(connection), message=name, rev_id=name.partition("_")[0], autogenerate=True
        )
    assert isinstance(script, Script)  # a list only for several branches, and there is one
    return Path(script.path)


@contextmanager
def _one_step(engine: Engine) -> Iterator[Connection]:
    """One transaction for everything, committed only when every foreign key still holds.

    SQLite changes a table by dropping it and renaming a copy; with foreign keys on, the drop would
    count as deleting what others point to. They can only be switched off outside a transaction.
    """
    with engine.execution_options(immediate=True).connect() as connection:
        raw = connection.connection.driver_connection
        if not isinstance(raw, sqlite3.Connection):
            with connection.begin():
                yield connection
            return
        raw.execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                if broken:
                    raise RuntimeError(f"the migration left dangling rows: {broken[:3]}")
        finally:
            raw.execute("PRAGMA foreign_keys = ON")


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("file_template", "%%(slug)s")
    config.attributes["connection"] = connection
    return config
