"""Two workers with the same people, and people who were served meanwhile."""

import pytest
from flask import Flask
from sqlalchemy import insert, select, update

from signer.accounts import Role
from signer.ca.models import Certificate
from signer.db import changed, db, transaction
from signer.errors import Conflict
from signer.inventory.models import Person
from signer.issuance.models import CertificateRequest, RequestItem, SigningKey
from signer.services import Services
from tests.at_once import all_at_once
from tests.databases import both_databases
from tests.factories import WARD, City


def _approved(services: Services, city: City) -> list[str]:
    """The items of an approved request for everybody, as the job names them."""
    clerk, head = city.actor("hr", Role.HR), city.actor("head", Role.APPROVER)
    made = services.issuance.create(clerk, unit_code=WARD, lacking=True, reason="Lần đầu")
    services.issuance.approve(head, made.id or 0)
    return [str(item_id) for item_id in db.session.scalars(select(RequestItem.id))]


@both_databases
@pytest.mark.parametrize("count", [3, 40])
def test_two_workers_with_the_same_chunk(
    services: Services, city: City, app: Flask, count: int
) -> None:
    """A lease ran out though its worker lived: one key, one certificate, one record each."""
    city.people(count)
    items = _approved(services, city)
    outcomes = all_at_once(app, lambda _: services.issuance.issuing.issue_items(items), askers=3)
    db.session.rollback()
    assert outcomes == [{}, {}, {}]
    assert list(db.session.scalars(select(Certificate.state))) == ["issued"] * count
    assert list(db.session.scalars(select(SigningKey.state))) == ["ready"] * count
    assert list(db.session.scalars(select(RequestItem.state))) == ["issued"] * count
    actions = [event.action for event in services.audit.events(limit=500)]
    assert actions.count("person.certified") == count
    assert actions.count("certificate.issue") == count
    services.audit.verify()


def test_a_certificate_that_counts_is_never_pushed_aside(services: Services, city: City) -> None:
    """A second item of somebody who has a valid certificate fails; the key stays as it was."""
    (person,) = city.people(1)
    (item,) = _approved(services, city)
    services.jobs.run(services.job_handlers)
    with transaction():
        request_id = db.session.scalar(select(CertificateRequest.id))
        db.session.execute(
            insert(RequestItem),
            [{"request_id": request_id, "person_id": person.id, "state": "open"}],
        )
    second = str(db.session.scalar(select(RequestItem.id).where(RequestItem.state == "open")))
    failures = services.issuance.issuing.issue_items([item, second])
    assert {key: type(error) for key, error in failures.items()} == {second: Conflict}
    assert list(db.session.scalars(select(SigningKey.state))) == ["ready"]
    assert services.issuance.states_of([person.id])[person.id].state == "ready"


def test_a_replacement_that_cannot_be_finished_stops_no_worker(
    services: Services, city: City
) -> None:
    """Its person lost the address meanwhile; the others' replacements are finished at the start."""
    people = city.certified(2)
    with transaction():
        db.session.execute(
            update(SigningKey).values(state="new", generation=2, certificate_id=None)
        )
        db.session.execute(
            update(Certificate).values(
                intent=Certificate.intent + "-before",
                state="revoked",
                revoked_at=services.clock.now(),
            )
        )
        db.session.execute(update(Person).where(Person.id == people[0].id).values(email=None))
        changed("person", [person.id for person in people])
    assert services.issuance.issuing.resume() == 1
    states = services.issuance.states_of([people[1].id])
    assert states[people[1].id].state == "ready"
