"""Asking, approving and ordering, for people who have an account of each kind already."""

from collections.abc import Sequence

from sqlalchemy import select

from signer.accounts import Actor
from signer.ca.models import Certificate
from signer.db import db
from signer.inventory.models import Person
from signer.issuance.grounds import Act, Ground
from signer.issuance.kinds import RequestKind
from signer.issuance.revocation_views import Ordered
from signer.issuance.states import SigningState
from signer.issuance.views import CreatedRequest
from signer.services import Services

PIN = "2468-lotus"
PAPER = "12/QĐ-UBND"


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


def order(
    services: Services,
    clerk: Actor,
    people: Sequence[Person],
    act: Act = Act.REVOKE,
    ground: Ground | None = Ground.RETIRED,
    paper: str = PAPER,
) -> Ordered:
    """What became of an order upon these people's certificates."""
    return services.issuance.revoking.order(
        clerk,
        act=act,
        person_codes=[person.code for person in people],
        ground=ground,
        document_ref=paper,
    )


def state_of(services: Services, person: Person) -> SigningState:
    """Where the person stands now."""
    db.session.rollback()
    return services.issuance.states_of([person.id])[person.id].state


def certificates() -> list[str]:
    """The state of each, the oldest first."""
    db.session.rollback()
    return list(db.session.scalars(select(Certificate.state).order_by(Certificate.id)))
