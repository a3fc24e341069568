"""Somebody who leaves between the approval and the issuing."""

from sqlalchemy import func, select, update

from signer.accounts import Role
from signer.ca.models import Certificate
from signer.db import db, transaction
from signer.inventory.models import Person
from signer.inventory.states import PersonState
from signer.issuance.states import SigningState
from signer.services import Services
from tests.factories import WARD, City


def test_a_leaver_gets_no_certificate(services: Services, city: City) -> None:
    """The item says why, and nothing was certified."""
    (person,) = city.people(1)
    clerk, head = city.actor("hr", Role.HR), city.actor("head", Role.APPROVER)
    made = services.issuance.create(clerk, unit_code=WARD, lacking=True, reason="Lần đầu")
    services.issuance.approve(head, made.id or 0)
    with transaction():
        db.session.execute(update(Person).values(state=PersonState.RESIGNED))
    services.jobs.run(services.job_handlers)
    standing = services.issuance.states_of([person.id])[person.id]
    assert standing.state is SigningState.FAILED
    assert standing.sentence is not None
    assert "trạng thái công tác" in standing.sentence
    assert db.session.scalar(select(func.count(Certificate.id))) == 0
