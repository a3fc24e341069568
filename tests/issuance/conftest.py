"""Who asks, who approves, somebody who signs, and a house in which acts are killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from signer.accounts import Actor, Role
from signer.config import Settings
from signer.inventory.models import Person
from signer.services import Services
from tests.clocks import StandingClock
from tests.factories import City
from tests.issuance.granting import PIN
from tests.issuance.house import House
from tests.killing import Mortals


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


@pytest.fixture(scope="module")
def mortals(token_home: Path) -> Iterator[Mortals]:
    made = Mortals("tests.issuance.killed_child")
    yield made
    made.close()


@pytest.fixture
def house(app: Flask, settings: Settings, clock: StandingClock, mortals: Mortals) -> House:
    return House(settings, clock, mortals)
