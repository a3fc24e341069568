"""The database: one declarative base, one commit, one way to move a state."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    ARRAY,
    DDL,
    BigInteger,
    ColumnElement,
    DateTime,
    Engine,
    FromClause,
    MetaData,
    String,
    bindparam,
    event,
    func,
    select,
    text,
    update,
)
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator, TypeEngine

from signer.errors import N_, Conflict, Unavailable


class Base(DeclarativeBase):
    """The base of every table; names constraints so that migrations can find them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


# Rows stay readable after a commit: a service hands them to a door, which must not query again.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})

LOST_RACE = N_("Việc này vừa được người khác xử lý; hãy tải lại trang để xem kết quả.")

_NOT_STORED = N_(
    "Cơ sở dữ liệu lúc này không ghi được (hết chỗ trên đĩa hoặc mất kết nối); hãy thử lại sau."
)
_depth: ContextVar[bool] = ContextVar("in_transaction", default=False)
_CHANGED = "signer.changed"
_FOLLOWERS = "signer.followers"

Changes = Mapping[str, frozenset[int]]
"""The ids of the rows that a transaction changed, by the name of their table."""


class UTCDateTime(TypeDecorator[datetime]):
    """An instant: aware in Python, stored in UTC, on SQLite and PostgreSQL alike."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PathColumn(TypeDecorator[str]):
    """A materialised path such as `0001.0042.`, compared byte by byte so that ranges work."""

    impl = String(200)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:  # SQLAlchemy's own TypeEngine[Any]
        collation = "C" if dialect.name == "postgresql" else None
        return dialect.type_descriptor(String(200, collation=collation))


def in_transaction() -> bool:
    """True while this thread (or task) is inside `transaction()`."""
    return _depth.get()


@contextmanager
def transaction() -> Iterator[None]:
    """Everything written inside is stored together when the block ends, or not at all.

    The only commit of the code base. It does not nest, and no HSM, time-stamp, file or network
    call may happen inside it. On SQLite it takes the write lock at once (BEGIN IMMEDIATE), so
    that two writers wait for each other instead of failing half-way. `Unavailable` when the
    database takes nothing now: a full disk, a lost connection, another writer for too long.
    """
    if _depth.get():
        raise RuntimeError("transaction() does not nest")
    session = db.session()
    session.rollback()  # ends the snapshot of earlier reads: what follows sees the latest rows
    token = _depth.set(True)
    try:
        session.connection(execution_options={"immediate": True})
        session.info.pop(_CHANGED, None)
        yield
        _tell(session.info.pop(_CHANGED, None))
        session.commit()
    except OperationalError as error:
        session.rollback()
        raise Unavailable(_NOT_STORED) from error
    except BaseException:
        session.rollback()
        raise
    finally:
        _depth.reset(token)


def changed(table: str, ids: Iterable[int]) -> None:
    """Whoever `follow`s is told of these rows before the transaction commits, once for them all.

    Lower rooms tell, and call nobody: that is how counters above them change in the same commit.
    """
    if not _depth.get():
        raise RuntimeError("changed() outside transaction()")
    told: dict[str, set[int]] = db.session().info.setdefault(_CHANGED, {})
    told.setdefault(table, set()).update(ids)


def tell() -> None:
    """Whoever follows is told now of what changed so far: before rows go that they look at."""
    _tell(db.session().info.pop(_CHANGED, None))


def follow(app: Flask, follower: Callable[[Changes], None]) -> None:
    """From now on the follower works inside every transaction of the app that told of changes."""
    app.extensions.setdefault(_FOLLOWERS, []).append(follower)


def _tell(told: Mapping[str, set[int]] | None) -> None:
    if told:
        changes = {table: frozenset(ids) for table, ids in told.items()}
        for follower in current_app.extensions.get(_FOLLOWERS, ()):
            follower(changes)


def among(column: Any) -> ColumnElement[bool]:
    """SQL: the column is one of the ids, or texts, that come as `told(ids)` under the name "ids".

    They are one value: as thousands, each would cost as much as the row that it finds, and
    PostgreSQL would rather read a whole table that was small when it last looked.
    """
    if db.engine.dialect.name == "postgresql":
        item = column.type if isinstance(column.type, String) else BigInteger
        return column == func.any(bindparam("ids", type_=ARRAY(item)))  # type: ignore[no-any-return]  # any column
    each = func.json_each(bindparam("ids", type_=String)).table_valued("value")
    return column.in_(select(each.c.value))  # type: ignore[no-any-return]  # any column


def told(ids: Iterable[int] | Iterable[str]) -> Mapping[str, object]:
    """The parameters of a statement with `among`."""
    found = list(ids)
    return {"ids": found if db.engine.dialect.name == "postgresql" else json.dumps(found)}


def insert_many(
    connection: Connection, into: Any, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    """The table has these rows too, in whose order its columns are.

    A statement for each, which SQLAlchemy would make, costs several times what the rows do.
    """
    if not rows:
        return
    stored = zip(
        *(
            _as_stored(into.c[name].type, values, connection.dialect)
            for name, values in zip(columns, zip(*rows, strict=True), strict=True)
        ),
        strict=True,
    )
    named = f"{into.name} ({', '.join(columns)})"
    if connection.dialect.name == "postgresql":
        _copy(connection, f"COPY {named} FROM STDIN", stored)
    else:
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {named} VALUES ({marks})"  # noqa: S608  # our own names
        connection.exec_driver_sql(statement, list(stored))


def _as_stored(
    kind: TypeEngine[Any], values: Sequence[object], dialect: Dialect
) -> Sequence[object]:
    bind = kind.dialect_impl(dialect).bind_processor(dialect)
    return values if bind is None else list(map(bind, values))


def look_anew(*tables: str) -> None:
    """PostgreSQL plans by what these tables hold now: after many rows came, not a minute later."""
    if db.engine.dialect.name == "postgresql":
        with transaction():
            db.session.execute(text(f"ANALYZE {', '.join(tables)}"))


def _copy(connection: Connection, statement: str, rows: Iterable[Sequence[object]]) -> None:
    driver: Any = connection.connection.driver_connection  # psycopg's
    dialect: Any = connection.dialect
    errors = dialect.loaded_dbapi
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except errors.Error as error:  # told as SQLAlchemy tells it of its own statements
        if dialect.is_disconnect(error, driver, None):
            connection.invalidate(error)
        raise DBAPIError.instance(
            statement, None, error, errors.Error, hide_parameters=True, dialect=dialect
        ) from error


def release() -> None:
    """Ends the read snapshot, so that no connection is held across a slow outside call.

    Rows loaded before are read anew when they are next looked at, one by one, and that takes a
    connection again: what the outside call needs is kept as plain values beforehand.
    """
    if _depth.get():
        raise RuntimeError("release() inside transaction()")
    db.session.rollback()


def move_state(
    model: type[Base], row_id: object, expected: str | tuple[str, ...], to: str, **values: object
) -> None:
    """Moves a row from an expected state to another one by compare-and-set; `Conflict` if lost."""
    states = (expected,) if isinstance(expected, str) else expected
    table: Any = model  # columns of a mapped class are only known at run time
    result: Any = db.session.execute(
        update(model)
        .where(table.id == row_id, table.state.in_(states))
        .values(state=to, **values)
        .execution_options(synchronize_session="fetch")
    )
    if result.rowcount != 1:
        raise Conflict(LOST_RACE)


def set_rows(model: type[Base], *which: ColumnElement[bool], **values: object) -> None:
    """Every row of which this holds says so from now on, in the open transaction.

    Objects of the session keep what they said.
    """
    db.session.execute(
        update(model).where(*which).values(**values).execution_options(synchronize_session=False)
    )


def guard(table: FromClause, name: str, when: str, condition: str, sentence: str) -> None:
    """The table gets a trigger that refuses `when` (such as `DELETE ON crl`) if `condition`.

    `condition` is SQL over OLD and NEW; empty means always. Migrations make the same one by hand.
    """
    test = condition or "true"
    returns = "OLD" if when.startswith("DELETE") else "NEW"
    for dialect, statement in (
        (
            "sqlite",
            f"CREATE TRIGGER {name} BEFORE {when} WHEN {test} "
            f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END",
        ),
        (
            "postgresql",
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN IF {test} THEN RAISE EXCEPTION '{sentence}'; END IF; "
            f"RETURN {returns}; END $$",
        ),
        (
            "postgresql",
            f"CREATE TRIGGER {name} BEFORE {when} FOR EACH ROW EXECUTE FUNCTION {name}()",
        ),
    ):
        ddl = DDL(statement)  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
        event.listen(table, "after_create", ddl.execute_if(dialect=dialect))


def canonical_json(value: Mapping[str, object]) -> str:
    """One text for one value: sorted keys, no spaces, UTF-8 letters kept (RFC 8785's subset)."""
    return _CANONICAL.encode(value)


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@event.listens_for(Engine, "connect")
def _configure_sqlite(connection: object, _record: ConnectionPoolEntry) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None  # we say BEGIN ourselves, below
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "busy_timeout = 10000",
        "cache_size = -16000",  # kilobytes; with the usual 2,000 a million rows keep the disk busy
        "wal_autocheckpoint = 16000",  # pages: what many commits in a row change is put down once
        "journal_size_limit = 67108864",  # bytes that the log keeps on the disk after a long roster
        "secure_delete = ON",  # a wrapped key that was replaced must not linger in free pages
    ):
        connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def _begin_sqlite(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        immediate = connection.get_execution_options().get("immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def advisory_lock(number: int) -> None:
    """Makes this transaction the only one behind `number` until it ends.

    PostgreSQL only; on SQLite the write lock that `transaction()` holds says the same.
    """
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})
