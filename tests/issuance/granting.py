"""Asking, approving and working off, for people who have an account of each kind already."""

from collections.abc import Sequence

from signer.accounts import Actor
from signer.inventory.models import Person
from signer.issuance.kinds import RequestKind
from signer.issuance.views import CreatedRequest
from signer.services import Services


def ask(
    services: Services, clerk: Actor, people: Sequence[Person], kind: RequestKind
) -> CreatedRequest:
    """A request of that kind for these people, or the refusals."""
    return services.issuance.create(
        clerk, person_codes=[person.code for person in people], reason="Theo kế hoạch", kind=kind
    )


def approved(
    services: Services, clerk: Actor, head: Actor, people: Sequence[Person], kind: RequestKind
) -> int:
    """The job of such a request, approved and waiting for a worker."""
    made = ask(services, clerk, people, kind)
    assert made.id is not None, made.refused
    return services.issuance.approve(head, made.id)


def grant(
    services: Services, clerk: Actor, head: Actor, people: Sequence[Person], kind: RequestKind
) -> None:
    """The request is approved and worked off without a failure."""
    job_id = approved(services, clerk, head, people, kind)
    services.jobs.run(services.job_handlers)
    assert services.jobs.failures(job_id) == []
