"""One transaction at a time, stored whole or not at all, and nothing slow inside it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select

from signer.accounts.models import Account
from signer.db import db, in_transaction, move_state, transaction
from signer.errors import Conflict
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
