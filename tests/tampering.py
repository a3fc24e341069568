"""What somebody with the rights of a database administrator could do, past every trigger."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import current_app
from sqlalchemy import Connection, LargeBinary, column, table, text

from signer.db import db

TAMPERED = "tests.tampered"
"""The application's extension that says so: its figures need agree with nothing any more."""


@contextmanager
def tampering() -> Iterator[Connection]:
    """A connection on which no trigger and no foreign key refuses anything; stored at the end."""
    db.session.rollback()
    current_app.extensions[TAMPERED] = True
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            raw = connection.connection.driver_connection
            raw.execute("PRAGMA foreign_keys = OFF")
            names = raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (name,) in names:
                raw.execute(f"DROP TRIGGER {name}")
            with connection.begin():
                yield connection
            raw.execute("PRAGMA foreign_keys = ON")
        else:
            with connection.begin():
                connection.execute(text("SET LOCAL session_replication_role = replica"))
                yield connection


def flip(name: str, field: str, where: str, *, at: int = -20, **values: object) -> None:
    """One bit of the stored bytes is another, in every row that fits."""
    rows = table(name, column(field, LargeBinary))
    with tampering() as connection:
        for (found,) in connection.execute(rows.select().where(text(where)), values).all():
            changed = bytearray(found)
            changed[at] ^= 1
            connection.execute(
                rows.update().where(text(where)).values({field: bytes(changed)}), values
            )


def do(statement: str, **values: object) -> None:
    """The SQL statement is carried out, whatever guards the table."""
    with tampering() as connection:
        connection.execute(text(statement), values)


def without_constraints(name: str, change: Callable[[Connection], None]) -> None:
    """The table is made anew without any key or check, and the change carried out on it."""
    with tampering() as connection:
        connection.execute(text(f"CREATE TABLE copy_of_it AS SELECT * FROM {name}"))
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"DROP TABLE {name} CASCADE"))
        else:
            connection.execute(text(f"DROP TABLE {name}"))
        connection.execute(text(f"ALTER TABLE copy_of_it RENAME TO {name}"))
        change(connection)
