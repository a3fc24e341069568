"""Who gets in, for how long, and who does not."""

from datetime import timedelta

import pytest

from signer.accounts import SYSTEM, Role
from signer.errors import Conflict, Forbidden, Invalid, NotFound
from signer.services import Services
from tests.clocks import StandingClock


def _make(services: Services, name: str = "an") -> str:
    made = services.accounts.create(SYSTEM, name=name, role=Role.HR, scope_path="0001.")
    assert made.password not in repr(made)
    return made.password


def test_the_right_password_opens_a_session(services: Services) -> None:
    """And the session says who is there, with which grants."""
    password = _make(services)
    token = services.accounts.log_in("AN ", password, address="127.0.0.1")
    actor = services.accounts.actor_of_session(token)
    assert actor is not None
    assert actor.name == "an"
    assert actor.must_change_password
    assert [(g.role, g.scope_path) for g in actor.grants] == [(Role.HR, "0001.")]


def test_a_wrong_name_and_a_wrong_password_sound_alike(services: Services) -> None:
    """Nobody learns which names exist."""
    _make(services)
    with pytest.raises(Forbidden) as wrong_password:
        services.accounts.log_in("an", "sai", address="127.0.0.1")
    with pytest.raises(Forbidden) as wrong_name:
        services.accounts.log_in("binh", "sai", address="127.0.0.1")
    assert str(wrong_password.value) == str(wrong_name.value)


def test_ten_wrong_passwords_close_the_name_for_a_quarter_of_an_hour(
    services: Services, clock: StandingClock
) -> None:
    """The right password does not help before the time is over."""
    password = _make(services)
    for _ in range(10):
        with pytest.raises(Forbidden):
            services.accounts.log_in("an", "sai", address="127.0.0.1")
    with pytest.raises(Forbidden, match="15 phút"):
        services.accounts.log_in("an", password, address="127.0.0.1")
    clock.move(timedelta(minutes=16))
    assert services.accounts.log_in("an", password, address="127.0.0.1")


@pytest.mark.parametrize("idle", [True, False])
def test_a_session_ends_when_idle_and_at_the_end_of_the_day(
    services: Services, clock: StandingClock, idle: bool
) -> None:
    """30 minutes without a request, or 12 hours with them."""
    token = services.accounts.log_in("an", _make(services), address="127.0.0.1")
    if idle:
        clock.move(timedelta(minutes=31))
    else:
        for _ in range(25):
            clock.move(timedelta(minutes=29))
            services.accounts.actor_of_session(token)
    assert services.accounts.actor_of_session(token) is None


def test_logging_out_ends_the_session(services: Services) -> None:
    """The cookie is worthless afterwards."""
    token = services.accounts.log_in("an", _make(services), address="127.0.0.1")
    services.accounts.log_out(token)
    assert services.accounts.actor_of_session(token) is None
    assert services.accounts.actor_of_session("made up") is None


def test_a_new_password_ends_the_other_sessions(services: Services) -> None:
    """The one that changed it goes on."""
    password = _make(services)
    mine = services.accounts.log_in("an", password, address="127.0.0.1")
    other = services.accounts.log_in("an", password, address="127.0.0.1")
    actor = services.accounts.actor_of("an")
    services.accounts.change_password(actor, password, "một mật khẩu dài", keep=mine)
    assert services.accounts.actor_of_session(mine) is not None
    assert services.accounts.actor_of_session(other) is None
    assert not services.accounts.actor_of("an").must_change_password
    services.accounts.log_in("an", "một mật khẩu dài", address="127.0.0.1")


@pytest.mark.parametrize("new", ["ngắn", "aaaaaaaaaaaaaaaa", "an-1234567890"])
def test_a_poor_password_is_refused(services: Services, new: str) -> None:
    """Short, all the same, or with the name in it."""
    password = _make(services)
    with pytest.raises(Invalid):
        services.accounts.change_password(services.accounts.actor_of("an"), password, new)


def test_a_name_is_given_once(services: Services) -> None:
    """Upper case does not make it another one."""
    _make(services)
    with pytest.raises(Conflict):
        _make(services, "AN")
    with pytest.raises(NotFound):
        services.accounts.actor_of("binh")


def test_nobody_is_called_system(services: Services) -> None:
    """The record's word for the server itself, whose imports its namesake could open, too."""
    for name in ("system", " System "):
        with pytest.raises(Conflict):
            services.accounts.create(SYSTEM, name=name, role=Role.ADMIN, scope_path="")
