"""Passwords guessed from many connections at once, and the tenth try that is right."""

import threading

import pytest
from flask import Flask
from sqlalchemy import select

from signer.accounts import SYSTEM, Role
from signer.accounts.models import Account
from signer.db import db
from signer.errors import Forbidden, SignerError
from signer.services import Services
from tests.databases import both_databases


def _make(services: Services) -> str:
    made = services.accounts.create(SYSTEM, name="an", role=Role.HR, scope_path="", one_time=False)
    return made.password


@both_databases
def test_guesses_at_once_are_all_counted(services: Services, app: Flask) -> None:
    """Eight connections are eight tries, not one."""
    _make(services)
    start = threading.Barrier(8)

    def guess() -> None:
        with app.app_context():
            start.wait()
            with pytest.raises(SignerError):
                services.accounts.log_in("an", "sai", address="127.0.0.1")
            db.session.remove()

    threads = [threading.Thread(target=guess) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    assert db.session.scalar(select(Account.failed_attempts)) == 8


def test_a_tenth_try_that_is_right_closes_nothing(services: Services) -> None:
    """Who proves the password by changing it can log in at once."""
    password = _make(services)
    for _ in range(9):
        with pytest.raises(Forbidden):
            services.accounts.log_in("an", "sai", address="127.0.0.1")
    actor = services.accounts.actor_of("an")
    services.accounts.change_password(actor, password, "một mật khẩu dài")
    assert services.accounts.log_in("an", "một mật khẩu dài", address="127.0.0.1")


@both_databases
def test_a_name_taken_at_the_same_moment_is_a_conflict(services: Services, app: Flask) -> None:
    """Of two administrators one is told; never an error nobody expected."""
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def make() -> None:
        with app.app_context():
            start.wait()
            try:
                _make(services)
                outcomes.append("made")
            except SignerError as error:
                outcomes.append(type(error).__name__)
            db.session.remove()

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["Conflict", "made"]
