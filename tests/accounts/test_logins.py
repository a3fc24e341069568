"""How an official first gets in."""

import pytest
from sqlalchemy import update

from signer.accounts import SYSTEM, Role
from signer.db import db, transaction
from signer.errors import Conflict, Forbidden, NotFound
from signer.inventory.models import Person
from signer.services import Services
from tests.databases import both_databases
from tests.factories import OTHER_WARD, City


@both_databases
def test_the_clerk_opens_an_account_and_the_official_logs_in(
    services: Services, city: City
) -> None:
    """Under the official e-mail, with a password that must be changed, linked to the person."""
    (person,) = city.people(1)
    clerk = city.actor("hr", Role.HR)
    made = services.logins.open(clerk, person.code)
    assert made.name == person.email
    token = services.accounts.log_in(made.name, made.password, address="127.0.0.1")
    actor = services.accounts.actor_of_session(token)
    assert actor is not None
    assert actor.must_change_password
    assert [grant.role for grant in actor.grants] == [Role.SIGNER]
    assert services.signing.key_of(actor).person_code == person.code
    with pytest.raises(Conflict):
        services.logins.open(clerk, person.code)


def test_a_clerk_of_elsewhere_opens_nothing(services: Services, city: City) -> None:
    """Nor does an approver of the same unit."""
    (person,) = city.people(1)
    for stranger in (city.actor("hr", Role.HR, OTHER_WARD), city.actor("head", Role.APPROVER)):
        with pytest.raises((Forbidden, NotFound)):
            services.logins.open(stranger, person.code)


@both_databases
def test_a_long_address_does_not_make_the_name(services: Services, city: City) -> None:
    """A name has at most 100 letters, an address 254; the person's code does instead."""
    (person,) = city.people(1)
    with transaction():
        db.session.execute(update(Person).values(email=f"{'a' * 120}@hanoi.gov.vn"))
    assert services.logins.open(SYSTEM, person.code).name == person.code.lower()
