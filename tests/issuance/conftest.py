"""Who asks, who approves, and somebody who signs."""

import pytest

from signer.accounts import Actor, Role
from signer.inventory.models import Person
from signer.services import Services
from tests.factories import City
from tests.issuance.granting import PIN


@pytest.fixture
def clerk(city: City) -> Actor:
    """An HR officer of the city, whose people may be of any unit."""
    return city.actor("hr", Role.HR, None)


@pytest.fixture
def head(city: City) -> Actor:
    """The approver."""
    return city.actor("head", Role.APPROVER, None)


@pytest.fixture
def person(services: Services, city: City) -> Person:
    """Somebody with an active key."""
    (person,) = city.certified(1)
    services.signing.activate(city.signer_of(person), PIN)
    return person
