"""Requests: filed by one, decided by another, once."""

from collections.abc import Sequence

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from signer.accounts import Role
from signer.db import db, transaction
from signer.errors import Conflict, Forbidden, Invalid, SignerError
from signer.inventory.models import Person, UnitKind
from signer.issuance.models import Decision
from signer.issuance.requesting import Requesting
from signer.services import Services
from tests.at_once import all_at_once
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD, City


@both_databases
def test_a_unit_asks_and_a_second_person_approves(services: Services, city: City) -> None:
    """Everybody lacking of the subtree gets a certificate."""
    people = city.people(3)
    clerk, head = city.actor("hr", Role.HR), city.actor("head", Role.APPROVER)
    made = services.issuance.create(clerk, unit_code=WARD, lacking=True, reason="Cấp lần đầu")
    assert (made.persons, made.refused) == (3, ())
    assert made.id is not None
    job_id = services.issuance.approve(head, made.id, "Đồng ý")
    assert services.jobs.run(services.job_handlers) == 3
    assert services.jobs.progress(job_id).failed == 0
    states = services.issuance.states_of([p.id for p in people])
    assert {s.state for s in states.values()} == {"ready"}
    assert len({s.serial_hex for s in states.values()}) == 3
    assert services.audit.verify() > 0


def test_who_cannot_be_asked_for_is_listed_and_the_rest_goes_on(
    services: Services, city: City
) -> None:
    """No e-mail, already in a request."""
    (without,) = city.people(1, email=False)
    (busy, free) = city.people(2)
    clerk = city.actor("hr", Role.HR)
    services.issuance.create(clerk, person_codes=[busy.code], reason="Lần đầu")
    made = services.issuance.create(
        clerk, person_codes=[without.code, busy.code, free.code], reason="Lần đầu"
    )
    assert made.persons == 1
    refused = {r.code: r.sentence for r in made.refused}
    assert "thư điện tử" in refused[without.code]
    assert "đề nghị khác" in refused[busy.code]


def test_nobody_approves_the_own_request(services: Services, city: City) -> None:
    """Refused by the service, and by the table itself if the service were wrong."""
    city.people(1)
    both = city.actor("both", Role.HR)
    made = services.issuance.create(both, unit_code=WARD, lacking=True, reason="Lần đầu")
    head = city.actor("head", Role.APPROVER)
    with pytest.raises(Forbidden):
        services.issuance.approve(both, made.id or 0)
    request = services.issuance.request_of(head, made.id or 0)
    with pytest.raises(IntegrityError), transaction():
        db.session.add(
            Decision(
                request_id=request.id,
                requester_id=request.requester_id,
                approver_id=request.requester_id,
                decided_by="both",
                decided_at=services.clock.now(),
                outcome="approved",
                note="",
            )
        )
        db.session.flush()


def test_the_requester_who_also_approves_elsewhere_is_still_refused(
    services: Services, city: City
) -> None:
    """An approver's account that filed the request itself, by whatever way."""
    city.people(1)
    clerk = city.actor("hr", Role.HR)
    made = services.issuance.create(clerk, unit_code=WARD, lacking=True, reason="Lần đầu")
    other_head = city.actor("other-head", Role.APPROVER, OTHER_WARD)
    with pytest.raises(SignerError):
        services.issuance.approve(other_head, made.id or 0)


@both_databases
def test_of_two_approvers_at_once_one_is_told(services: Services, city: City, app: Flask) -> None:
    """One decision, one job."""
    city.people(2)
    clerk = city.actor("hr", Role.HR)
    heads = [city.actor(f"head{n}", Role.APPROVER) for n in range(2)]
    made = services.issuance.create(clerk, unit_code=WARD, lacking=True, reason="Lần đầu")
    outcomes = all_at_once(
        app, lambda n: services.issuance.approve(heads[n], made.id or 0), askers=2
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "int"]
    assert len(db.session.scalars(select(Decision)).all()) == 1


def test_a_rejected_request_frees_its_people(services: Services, city: City) -> None:
    """They may be asked for again; the reason is kept."""
    (person,) = city.people(1)
    clerk, head = city.actor("hr", Role.HR), city.actor("head", Role.APPROVER)
    made = services.issuance.create(clerk, person_codes=[person.code], reason="Lần đầu")
    with pytest.raises(Invalid):
        services.issuance.reject(head, made.id or 0, "  ")
    services.issuance.reject(head, made.id or 0, "Sai đơn vị")
    assert services.issuance.request_of(clerk, made.id or 0).note == "Sai đơn vị"
    again = services.issuance.create(clerk, person_codes=[person.code], reason="Lần hai")
    assert again.persons == 1


def test_a_request_reaches_no_further_than_the_clerks_units(services: Services, city: City) -> None:
    """Somebody of another ward is refused; that ward's requests are not seen."""
    (other,) = city.people(1, unit=OTHER_WARD)
    clerk = city.actor("hr", Role.HR)
    with pytest.raises(Forbidden):
        services.issuance.create(clerk, person_codes=[other.code], reason="Lần đầu")
    with pytest.raises(Forbidden):
        services.issuance.create(clerk, unit_code=OTHER_WARD, lacking=True, reason="Lần đầu")
    other_clerk = city.actor("hr2", Role.HR, OTHER_WARD)
    services.issuance.create(other_clerk, person_codes=[other.code], reason="Lần đầu")
    assert services.issuance.requests(clerk) == []
    assert len(services.issuance.requests(other_clerk)) == 1


@both_databases
def test_who_was_served_while_the_list_was_read_is_not_asked_for_again(
    services: Services, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another clerk's request was filed, approved and worked off between look and commit."""
    (person,) = city.people(1)
    clerk = city.actor("hr", Role.HR)
    sift = Requesting._sift

    def slowly(self: Requesting, people: Sequence[Person]) -> object:
        monkeypatch.setattr(Requesting, "_sift", sift)
        found = sift(self, people)
        city.issue([person])
        return found

    monkeypatch.setattr(Requesting, "_sift", slowly)
    with pytest.raises(Conflict):
        services.issuance.create(clerk, person_codes=[person.code], reason="Lần đầu")
    assert len(services.issuance.requests(clerk)) == 1


@both_databases
def test_only_a_body_with_legal_status_and_seal_requests(services: Services, city: City) -> None:
    """R22: people of a division roll up to its body; the division's own clerk is told which."""
    services.inventory.add_unit("KT", "Phòng Kinh tế", UnitKind.DIVISION, WARD, None)
    body, apart = services.inventory.unit_of(WARD), services.inventory.unit_of(OTHER_WARD)
    (person,) = city.people(1, unit="KT")
    (other,) = city.people(1, unit=OTHER_WARD)
    of_division, of_body = city.actor("kt", Role.HR, "KT"), city.actor("hr", Role.HR)
    for asked in ({"person_codes": [person.code]}, {"unit_code": "KT", "lacking": True}):
        with pytest.raises(Forbidden, match=f"với những người này, đó là {body.name}\\."):
            services.issuance.create(of_division, reason="Lần đầu", **asked)
    made = services.issuance.create(of_body, unit_code="KT", lacking=True, reason="Lần đầu")
    request = services.issuance.request_of(of_body, made.id or 0)
    assert (request.unit_name, request.unit_path) == (body.name, body.path)
    with transaction():
        apart.has_seal = False
    of_apart, of_city = city.actor("hr2", Role.HR, OTHER_WARD), city.actor("hn", Role.HR, None)
    with pytest.raises(Forbidden, match="đó là Ủy ban nhân dân thành phố Hà Nội"):
        services.issuance.create(of_apart, person_codes=[other.code], reason="Lần đầu")
    with transaction():
        services.inventory.unit_of("HN").has_legal_status = False
    with pytest.raises(Invalid, match=f"Từ {apart.name} trở lên chưa có cơ quan nào"):
        services.issuance.create(of_city, person_codes=[other.code], reason="Lần đầu")
