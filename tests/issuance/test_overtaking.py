"""A key in wrong hands overtakes whatever was ordered or holds before, and nothing undoes it."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from signer.accounts import Actor, Role
from signer.db import db, transaction
from signer.inventory.models import Person
from signer.inventory.states import PersonState
from signer.issuance import ordering
from signer.issuance.grounds import Act, Ground
from signer.issuance.models import Revocation
from signer.issuance.ordering import AT_ONCE
from signer.services import Services
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import City
from tests.issuance.cutting import is_cut_off
from tests.issuance.granting import certificates, order


@pytest.fixture
def clerk(city: City) -> Actor:
    """The HR officer of the ward."""
    return city.actor("hr", Role.HR)


@pytest.fixture
def people(services: Services, city: City) -> list[Person]:
    """So many that what is ordered for them waits as a job."""
    people = city.people(AT_ONCE + 1)
    city.issue(people)
    return people


@both_databases
def test_a_block_overtakes_a_release_that_waits(
    services: Services, clerk: Actor, people: list[Person]
) -> None:
    """The officer who hears of the exposed key must not be told that all is well already."""
    order(services, clerk, people, Act.SUSPEND, Ground.SUSPENDED_FROM_DUTY)
    released = order(services, clerk, people, Act.RELEASE, None)
    assert released.job_id is not None
    blocked = order(services, clerk, people[:1], Act.SUSPEND, Ground.KEY_EXPOSED)
    assert (blocked.done, blocked.refused) == (1, ())
    services.jobs.run(services.job_handlers)
    assert sorted(certificates()) == ["issued"] * AT_ONCE + ["suspended"]
    again = order(services, clerk, people[:1], Act.SUSPEND, Ground.KEY_EXPOSED)
    assert (again.done, len(again.refused)) == (0, 1)


def _is_now(services: Services, person: Person, state: PersonState) -> None:
    assert isinstance(services.clock, StandingClock)
    services.clock.move(timedelta(days=1))
    with transaction():
        db.session.execute(
            update(Person)
            .where(Person.id == person.id)
            .values(
                state=state,
                state_since=services.clock.now().date(),
                updated_at=services.clock.now(),
            )
        )


def test_an_exposure_while_suspended_from_duty_outlives_the_return(
    services: Services, clerk: Actor, people: list[Person]
) -> None:
    """Whoever comes back is not proposed for release: the key may be in wrong hands."""
    revoking = services.issuance.revoking
    _is_now(services, people[0], PersonState.SUSPENDED)
    revoking.sweep()
    order(services, clerk, people[:1], Act.SUSPEND, Ground.SUSPENDED_FROM_DUTY)
    made = order(services, clerk, people[:1], Act.SUSPEND, Ground.KEY_EXPOSED)
    assert (made.done, made.refused) == (1, ())
    _is_now(services, people[0], PersonState.WORKING)
    revoking.sweep()
    assert revoking.drafts(clerk) == []
    assert certificates().count("suspended") == 1


@both_databases
def test_an_order_done_while_it_is_overtaken_breaks_nothing(
    services: Services,
    clerk: Actor,
    people: list[Person],
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worker finishes the suspension in the very moment in which it becomes a revocation."""
    held = order(services, clerk, people, Act.SUSPEND, Ground.SUSPENDED_FROM_DUTY)
    assert held.job_id is None  # urgent: done at once
    released = order(services, clerk, people, Act.RELEASE, None)
    assert released.job_id is not None
    looks: list[threading.Thread] = []
    real = ordering._standing

    def work() -> None:
        with app.app_context():
            services.jobs.run(services.job_handlers)
            db.session.remove()

    def standing(holdings: Any) -> Any:
        found = real(holdings)
        if len(looks) < 2:
            thread = threading.Thread(target=work if looks else lambda: None)
            looks.append(thread)
            thread.start()
            thread.join(3)  # it ends, or it waits for us
        return found

    monkeypatch.setattr(ordering, "_standing", standing)
    made = order(services, clerk, people[:1], Act.REVOKE, Ground.KEY_EXPOSED)
    for thread in looks:
        thread.join()
    assert made.done == 1
    services.issuance.revoking.sweep()
    assert sorted(certificates()) == ["issued"] * AT_ONCE + ["revoked"]
    db.session.rollback()
    assert set(db.session.scalars(select(Revocation.state))) == {"done"}


def test_an_order_given_by_a_clock_that_was_ahead_is_taken_up(
    services: Services, clerk: Actor, people: list[Person], clock: StandingClock
) -> None:
    """What a crash left must not wait until that moment comes again."""
    assert is_cut_off(lambda: order(services, clerk, people[:1], Act.REVOKE, Ground.KEY_EXPOSED), 1)
    revoking = services.issuance.revoking
    assert revoking.resume(given_before=timedelta(seconds=30)) == 0  # its process may be at it
    clock.move(timedelta(days=-1))
    assert revoking.resume(given_before=timedelta(seconds=30)) == 1
    assert certificates().count("revoked") == 1
