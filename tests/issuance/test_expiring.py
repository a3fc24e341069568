"""The lists of what runs out, and what a renewal does to the figures of past days."""

from datetime import timedelta

import pytest

from signer.accounts import Role
from signer.errors import Invalid
from signer.issuance.kinds import RequestKind
from signer.services import Services
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD, City
from tests.issuance.granting import ask, grant


@both_databases
def test_the_soonest_first_in_pages_of_the_own_units(
    services: Services, city: City, clock: StandingClock
) -> None:
    """Nobody twice, nobody left out, also where many end in the same second."""
    here, elsewhere = city.people(5), city.people(1, unit=OTHER_WARD)
    city.issue(here)
    clock.move(timedelta(days=1))
    city.issue(elsewhere)
    whole = city.actor("hr-city", Role.HR, None)
    ward = city.actor("hr-ward", Role.HR)
    clock.move(timedelta(days=5 * 365 - 61))
    assert services.issuance.count_expiring(whole) == {180: 6, 90: 6, 60: 5, 30: 0}
    assert services.issuance.count_expiring(ward) == {180: 5, 90: 5, 60: 5, 30: 0}
    seen: list[str] = []
    after: str | None = None
    while True:
        page = services.issuance.expiring(whole, within_days=180, after=after, limit=2)
        seen += [row.code for row in page.items]
        if page.next is None:
            break
        after = page.next
    assert sorted(seen) == sorted(person.code for person in [*here, *elsewhere])
    assert seen[-1] == elsewhere[0].code
    assert services.issuance.expiring(whole, within_days=30).items == ()
    in_ward = services.issuance.expiring(whole, within_days=180, unit_code=WARD).items
    assert {row.code for row in in_ward} == {person.code for person in here}
    assert {(row.days_left, row.may_renew, row.why_not) for row in in_ward} == {(59, True, None)}
    ask(services, whole, here[:1], RequestKind.RENEW)
    rows = {r.code: r for r in services.issuance.expiring(ward, within_days=180).items}
    assert not rows[here[0].code].may_renew
    with pytest.raises(Invalid):
        services.issuance.expiring(whole, within_days=180, after="nowhere")


def test_a_renewal_changes_no_past_figure(
    services: Services, city: City, clock: StandingClock
) -> None:
    """Whoever was covered on a day stays covered on that day, and nobody waits for ever."""
    (person,) = city.certified(1)
    clock.move(timedelta(days=1))
    first_day = clock.today()
    clerk, head = city.actor("hr", Role.HR, None), city.actor("head", Role.APPROVER, None)
    before = services.reports.coverage(clerk, as_of=first_day)
    clock.move(timedelta(days=5 * 365 - 100))
    grant(services, clerk, head, [person], RequestKind.RENEW)
    assert services.reports.coverage(clerk, as_of=first_day) == before
    assert (before.covered, before.pending) == (1, 0)
    assert services.issuance.expiring(clerk, within_days=180).items == ()
