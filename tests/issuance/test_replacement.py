"""A locked key is replaced: cut off half-way, asked for twice at once, asked for again."""

import threading

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from signer.accounts import SYSTEM
from signer.ca.models import Certificate
from signer.db import db, transaction
from signer.errors import Conflict, SignerError
from signer.inventory.models import Person
from signer.issuance.models import SigningKey
from signer.issuance.states import SigningState
from signer.services import Services
from tests.databases import both_databases
from tests.factories import City

PIN = "2468-lotus"


@pytest.fixture
def locked(services: Services, city: City) -> Person:
    """Somebody whose key is locked."""
    (person,) = city.people(1)
    city.issue([person])
    services.signing.activate(city.signer_of(person), PIN)
    with transaction():
        db.session.execute(update(SigningKey).values(state="locked"))
    return person


def _state(services: Services, person: Person) -> SigningState:
    db.session.rollback()
    return services.issuance.states_of([person.id])[person.id].state


def _cut_off_before_the_revocation(services: Services, person: Person) -> str:
    """What a replacement leaves that was killed just before its last commit; the old serial."""
    services.issuance.allow_reactivation(SYSTEM, person.code)
    serial = db.session.scalar(select(Certificate.serial_hex).where(Certificate.state == "revoked"))
    assert serial is not None
    with transaction():
        db.session.execute(
            update(Certificate)
            .where(Certificate.serial_hex == serial)
            .values(state="issued", revoked_at=None, revocation_reason=None)
        )
    return serial


def _cut_off_before_the_certificate(services: Services, person: Person) -> None:
    """What is left when the new key is stored and the HSM goes away."""
    _cut_off_before_the_revocation(services, person)
    with transaction():
        db.session.execute(
            update(SigningKey)
            .where(SigningKey.state == "ready")
            .values(state="new", certificate_id=None)
        )


def _states_of_certificates() -> list[str]:
    db.session.rollback()
    return sorted(db.session.scalars(select(Certificate.state)))


def test_the_next_start_revokes_what_a_killed_replacement_left(
    services: Services, locked: Person
) -> None:
    """The person can be looked at meanwhile, and the old certificate does not stay valid."""
    _cut_off_before_the_revocation(services, locked)
    assert _state(services, locked) is SigningState.READY
    assert services.issuance.issuing.resume() == 1
    assert _states_of_certificates() == ["issued", "revoked"]
    assert services.issuance.issuing.resume() == 0


def test_the_clerk_may_ask_again_after_a_fault(services: Services, locked: Person) -> None:
    """No restart is needed: the same act goes on where it stopped, and then is over."""
    _cut_off_before_the_certificate(services, locked)
    assert _state(services, locked) is SigningState.LOCKED
    services.issuance.allow_reactivation(SYSTEM, locked.code)
    assert _state(services, locked) is SigningState.READY
    assert _states_of_certificates() == ["issued", "revoked"]
    with pytest.raises(Conflict):
        services.issuance.allow_reactivation(SYSTEM, locked.code)


@both_databases
def test_of_two_clerks_at_once_one_is_told(services: Services, locked: Person, app: Flask) -> None:
    """One new key, one new certificate; never an error nobody expected."""
    outcomes: list[object] = []
    start = threading.Barrier(2)

    def ask() -> None:
        with app.app_context():
            start.wait()
            try:
                services.issuance.allow_reactivation(SYSTEM, locked.code)
                outcomes.append("done")
            except (SignerError, SQLAlchemyError) as error:
                outcomes.append(type(error).__name__)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(outcomes) <= {"done", "Conflict"}
    assert "done" in outcomes
    assert _states_of_certificates() == ["issued", "revoked"]
