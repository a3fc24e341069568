"""A roster is not taken back from under what rooms above the inventory have made of it."""

import pytest

from signer.accounts import Role
from signer.errors import Conflict
from signer.services import Services
from tests.factories import City


def test_requests_accounts_and_certificates_are_in_the_way(services: Services, city: City) -> None:
    """What rooms above keep of a person is found without knowing those rooms; sums follow back."""
    hr = city.actor("hr", Role.HR, None)
    [one, two] = city.people(2)
    first = services.inventory.rosters.recent(hr)[0].id
    services.issuance.create(hr, person_codes=[one.code], reason="Cấp lần đầu")
    with pytest.raises(Conflict, match=one.code):
        services.inventory.rosters.undo(hr, first)
    [three] = city.people(1)
    second = services.inventory.rosters.recent(hr)[0].id
    city.signer_of(three)
    with pytest.raises(Conflict, match=three.code):
        services.inventory.rosters.undo(hr, second)
    city.people(3)
    third = services.inventory.rosters.recent(hr)[0].id
    figures = services.reports.coverage(hr).persons
    job_id = services.inventory.rosters.undo(hr, third)
    services.jobs.run(services.job_handlers, job_id=job_id)
    assert services.jobs.failures(job_id) == []
    assert services.reports.coverage(hr).persons == figures - 3
    assert services.reports.first_difference() is None
    assert two.code in services.inventory.people_by_codes(hr, [two.code])
