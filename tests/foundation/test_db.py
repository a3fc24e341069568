"""One transaction at a time, stored whole or not at all, and nothing slow inside it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from signer.accounts.models import Account
from signer.db import db, in_transaction, insert_many, move_state, transaction
from signer.errors import Conflict, Unavailable
from signer.jobs.models import Job
from signer.services import Services
from tests.databases import both_databases


def _account(name: str, at: datetime) -> Account:
    return Account(
        name=name,
        display_name=name,
        password_hash="-",
        must_change_password=False,
        failed_attempts=0,
        created_at=at,
    )


@both_databases
def test_a_transaction_is_stored_whole_or_not_at_all(services: Services) -> None:
    """An exception inside leaves no trace of what was written before it."""
    with pytest.raises(KeyError), transaction():
        db.session.add(_account("an", datetime.now(UTC)))
        db.session.flush()
        raise KeyError
    assert not in_transaction()
    assert db.session.scalars(select(Account)).all() == []


def test_a_transaction_does_not_nest(services: Services) -> None:
    """The second one is a mistake of the program, said at once."""
    with pytest.raises(RuntimeError), transaction(), transaction():
        pass


def test_nothing_slow_happens_inside_a_transaction(services: Services) -> None:
    """The HSM and the files refuse to be touched while the write lock is held."""
    with transaction(), pytest.raises(RuntimeError):
        services.vault.generate()
    with transaction(), pytest.raises(RuntimeError):
        services.files.put(b"x")


@both_databases
def test_a_state_is_moved_once(services: Services) -> None:
    """Of two that expect the same state the second is told so."""
    with transaction():
        job_id = services.jobs.create("issue", ["1"], actor="an", title="thử")
    with transaction():
        move_state(Job, job_id, "running", "paused")
    with pytest.raises(Conflict), transaction():
        move_state(Job, job_id, "running", "paused")


@both_databases
def test_an_instant_comes_back_in_utc_whatever_zone_it_had(services: Services) -> None:
    """R66: stored in UTC, aware on both databases."""
    at = datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=timezone(timedelta(hours=7)))
    with transaction():
        db.session.add(_account("an", at))
    db.session.expire_all()
    stored = db.session.scalars(select(Account)).one().created_at
    assert stored == at
    assert stored.utcoffset() == timedelta(0)


_NAMES = ("name", "display_name", "password_hash", "must_change_password", "failed_attempts")


def _insert(*names: str) -> None:
    rows = [(name, 'Đỗ\t"An"\n\\N, {}', "-", False, 0, datetime.now(UTC)) for name in names]
    insert_many(db.session.connection(), Account.__table__, (*_NAMES, "created_at"), rows)


@both_databases
def test_many_rows_come_back_as_they_were_given(services: Services) -> None:
    """No sign that a database's own format of rows means something by is lost or means it."""
    with transaction():
        _insert("an", "bình")
    found = db.session.scalars(select(Account).order_by(Account.id)).all()
    assert [one.name for one in found] == ["an", "bình"]
    assert {one.display_name for one in found} == {'Đỗ\t"An"\n\\N, {}'}
    assert not any(one.must_change_password or one.created_at.tzinfo is None for one in found)


@both_databases
def test_many_rows_of_which_one_may_not_be_are_none(services: Services) -> None:
    with pytest.raises(IntegrityError), transaction():
        _insert("an", "bình", "an")
    assert db.session.scalars(select(Account)).all() == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_connection_lost_under_many_rows_is_said_as_unavailable(services: Services) -> None:
    """Nothing is stored, and the next transaction has a connection that lives."""
    with pytest.raises(Unavailable), transaction():
        own = db.session.scalar(text("SELECT pg_backend_pid()"))
        with db.engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:own)"), {"own": own})
        _insert("an")
    with transaction():
        _insert("bình")
    assert db.session.scalars(select(Account.name)).all() == ["bình"]
