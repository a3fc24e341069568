"""A city with a campaign of sixty days that began twenty days ago."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from signer.accounts import Actor, Role
from signer.inventory.models import Person
from signer.services import Services
from tests.clocks import StandingClock
from tests.factories import OTHER_WARD, WARD, City

TODAY = date(2026, 11, 23)
STARTS, ENDS = TODAY - timedelta(days=20), TODAY + timedelta(days=39)


@dataclass(frozen=True, kw_only=True)
class Sprint:
    """The people of two wards, those who lead, and the campaign."""

    id: int
    ward: list[Person]
    """Twelve: four covered from the start, two since yesterday."""
    other: list[Person]
    """Three, nobody covered."""
    admin: Actor
    city_officer: Actor
    officer: Actor
    """Works for the ward."""
    head: Actor
    """Approves for the ward."""
    auditor: Actor


@pytest.fixture
def start(services: Services) -> Callable[..., int]:
    """Makes a good campaign; a test spoils one value."""

    def made(actor: Actor, **spoilt: object) -> int:
        values: dict[str, object] = {
            "name": "60 ngày đêm phủ chữ ký số",
            "unit_code": "HN",
            "target_percent": 100,
            "starts_on": STARTS,
            "ends_on": ENDS,
        }
        return services.campaigns.start(actor, **(values | spoilt))  # type: ignore[arg-type]

    return made


@pytest.fixture
def sprint(
    services: Services, city: City, clock: StandingClock, start: Callable[..., int]
) -> Sprint:
    """As the docstrings of `Sprint` say."""
    clock.move(timedelta(days=-30))
    ward, other = city.people(12), city.people(3, unit=OTHER_WARD)
    city.issue(ward[:4])
    clock.move(timedelta(days=29))
    city.issue(ward[4:6])
    clock.move(timedelta(days=1))
    admin = city.actor("quantri", Role.ADMIN, None)
    return Sprint(
        id=start(admin),
        ward=ward,
        other=other,
        admin=admin,
        city_officer=city.actor("thanhpho", Role.HR, None),
        officer=city.actor("huong", Role.HR, WARD),
        head=city.actor("truong", Role.APPROVER, WARD),
        auditor=city.actor("kiemtra", Role.AUDITOR, None),
    )
