"""A job that was called off: what is done stays, and nobody of the rest is stuck."""

from signer.accounts import Role
from signer.issuance.states import SigningState
from signer.services import Services
from tests.databases import both_databases
from tests.factories import WARD, City


@both_databases
def test_people_of_a_cancelled_job_may_be_asked_for_again(services: Services, city: City) -> None:
    """Their places in the request are closed together with the job."""
    people = city.people(2)
    clerk, head = city.actor("hr", Role.HR), city.actor("head", Role.APPROVER)
    made = services.issuance.create(clerk, unit_code=WARD, lacking=True, reason="Lần đầu")
    job_id = services.issuance.approve(head, made.id or 0)
    services.issuance.cancel_job(head, job_id)
    assert services.jobs.run(services.job_handlers) == 0
    states = services.issuance.states_of([person.id for person in people])
    assert {standing.state for standing in states.values()} == {SigningState.LACKING}
    again = services.issuance.create(clerk, unit_code=WARD, lacking=True, reason="Lần hai")
    assert again.persons == 2
    services.issuance.approve(head, again.id or 0)
    assert services.jobs.run(services.job_handlers) == 2
    states = services.issuance.states_of([person.id for person in people])
    assert {standing.state for standing in states.values()} == {SigningState.READY}
