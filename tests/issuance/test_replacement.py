"""A locked key is replaced: cut off half-way, asked for twice at once, asked for again."""

import pytest
from flask import Flask
from sqlalchemy import update

from signer.accounts import SYSTEM
from signer.db import db, transaction
from signer.errors import Conflict
from signer.inventory.models import Person
from signer.issuance.models import SigningKey
from signer.issuance.states import SigningState
from signer.services import Services
from tests.at_once import all_at_once
from tests.databases import both_databases
from tests.factories import City
from tests.issuance.cutting import is_cut_off
from tests.issuance.granting import PIN, certificates, state_of


@pytest.fixture
def locked(services: Services, city: City) -> Person:
    """Somebody whose key is locked."""
    (person,) = city.certified(1)
    services.signing.activate(city.signer_of(person), PIN)
    with transaction():
        db.session.execute(update(SigningKey).values(state="locked"))
    return person


_COMMITS = range(1, 5)
"""After the key, the bytes to be signed, the certificate, the settling; then the revocation."""


@pytest.mark.parametrize("commits", _COMMITS)
def test_the_next_start_finishes_what_was_cut_off(
    services: Services, locked: Person, commits: int
) -> None:
    """The person can be looked at meanwhile, and the old certificate does not stay valid."""
    assert is_cut_off(lambda: services.issuance.allow_reactivation(SYSTEM, locked.code), commits)
    assert state_of(services, locked) in (SigningState.LOCKED, SigningState.READY)
    assert services.issuance.issuing.resume() > 0
    assert state_of(services, locked) is SigningState.READY
    assert sorted(certificates()) == ["issued", "revoked"]
    assert services.issuance.issuing.resume() == 0


@pytest.mark.parametrize("commits", _COMMITS)
def test_the_clerk_may_ask_again_after_a_fault(
    services: Services, locked: Person, commits: int
) -> None:
    """No restart is needed: the same act goes on where it stopped, and then is over."""
    assert is_cut_off(lambda: services.issuance.allow_reactivation(SYSTEM, locked.code), commits)
    services.issuance.allow_reactivation(SYSTEM, locked.code)
    assert state_of(services, locked) is SigningState.READY
    assert sorted(certificates()) == ["issued", "revoked"]
    with pytest.raises(Conflict):
        services.issuance.allow_reactivation(SYSTEM, locked.code)
    assert services.issuance.issuing.resume() == 0


@both_databases
def test_of_two_clerks_at_once_one_is_told(services: Services, locked: Person, app: Flask) -> None:
    """One new key, one new certificate; never an error nobody expected."""
    code = locked.code  # read here: the row belongs to this thread's session

    def ask(_: int) -> str:
        services.issuance.allow_reactivation(SYSTEM, code)
        return "done"

    outcomes = all_at_once(app, ask, askers=2)
    assert "done" in outcomes
    assert all(outcome == "done" or isinstance(outcome, Conflict) for outcome in outcomes)
    assert sorted(certificates()) == ["issued", "revoked"]
