"""What the roster asks of certificates: drafts that open, close, and are asked once (R27)."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from signer.accounts import Actor, Role
from signer.db import db, transaction
from signer.errors import Conflict, Invalid, NotFound
from signer.inventory.models import Person
from signer.inventory.states import PersonState
from signer.issuance.grounds import Act, Ground
from signer.issuance.kinds import RequestKind
from signer.issuance.models import Revocation
from signer.issuance.states import SigningState
from signer.services import Services
from tests.at_once import all_at_once
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import OTHER_WARD, City
from tests.issuance.granting import PAPER, grant, state_of


@pytest.fixture
def person(city: City, clock: StandingClock) -> Person:
    """Somebody with a certificate, a day ago."""
    (person,) = city.certified(1)
    clock.move(timedelta(days=1))
    return person


def _becomes(services: Services, person: Person, **facts: object) -> None:
    """The roster says something else of the person from today on."""
    now = services.clock.now()
    if "state" in facts:
        facts["state_since"] = now.date()
    with transaction():
        db.session.execute(
            update(Person).where(Person.id == person.id).values(updated_at=now, **facts)
        )


def _moves(services: Services, person: Person, unit_code: str) -> None:
    unit = services.inventory.unit_of(unit_code)
    _becomes(services, person, unit_id=unit.id, unit_path=unit.path)


@both_databases
@pytest.mark.parametrize(
    ("state", "act", "ground"),
    [
        (PersonState.RETIRED, Act.REVOKE, Ground.RETIRED),
        (PersonState.RESIGNED, Act.REVOKE, Ground.RESIGNED),
        (PersonState.DISMISSED, Act.REVOKE, Ground.RESIGNED),
        (PersonState.DECEASED, Act.REVOKE, Ground.DECEASED),
        (PersonState.TRANSFERRED, Act.CHANGE, Ground.NEW_POSITION),
        (PersonState.ROTATED, Act.CHANGE, Ground.NEW_POSITION),
        (PersonState.SUSPENDED, Act.SUSPEND, Ground.SUSPENDED_FROM_DUTY),
        (PersonState.MATERNITY_LEAVE, None, None),
        (PersonState.SECONDED, None, None),
    ],
)
def test_a_state_asks_for_its_act(
    services: Services,
    person: Person,
    clerk: Actor,
    state: PersonState,
    act: Act | None,
    ground: Ground | None,
) -> None:
    """One draft, however often it is looked; gone again when the roster was mistaken."""
    revoking = services.issuance.revoking
    assert revoking.sweep() == 0
    _becomes(services, person, state=state)
    assert revoking.sweep() == (0 if act is None else 1)
    assert revoking.sweep() == 0
    assert revoking.count_drafts(clerk) == (0 if act is None else 1)
    for draft in revoking.drafts(clerk):
        assert (draft.act, draft.ground, draft.cause) == (act, ground, state)
        assert draft.found == services.clock.now().date().isoformat()
        assert draft.cause_name
    _becomes(services, person, state=PersonState.WORKING)
    revoking.sweep()
    assert revoking.drafts(clerk) == []
    assert {(row.state, row.decided_by) for row in revoking.history(clerk)} <= {
        ("dismissed", "system")
    }
    services.audit.verify()


@both_databases
def test_a_unit_or_an_address_is_compared_with_the_certificate(
    services: Services, person: Person, clerk: Actor, city: City
) -> None:
    """Not with the roster of the day before; the draft ends when the certificate says the same."""
    revoking = services.issuance.revoking
    _becomes(services, person, mobile="0999999999", title="Trưởng phòng")
    assert revoking.sweep() == 0
    _moves(services, person, OTHER_WARD)
    assert revoking.sweep() == 1
    (draft,) = revoking.drafts(clerk)
    assert (draft.act, draft.cause, draft.ground) == (Act.CHANGE, "unit", Ground.CHANGED_BODY)
    assert "NGỌC HÀ" in draft.found
    head = city.actor("head", Role.APPROVER, None)
    grant(services, clerk, head, [person], RequestKind.CHANGE)
    assert revoking.drafts(clerk) == []  # at once, though no sweep came by
    assert revoking.sweep() == 1
    assert revoking.sweep() == 0
    address = person.email or ""
    _becomes(services, person, email="Khac@hanoi.gov.vn")
    assert revoking.sweep() == 1
    assert [draft.cause for draft in revoking.drafts(clerk)] == ["email"]
    _becomes(services, person, email=address.upper())
    revoking.sweep()
    assert revoking.drafts(clerk) == []


def test_drafts_are_carried_out_on_a_ground(
    services: Services, city: City, clerk: Actor, clock: StandingClock
) -> None:
    """Those the ground fits; a change draft is a revocation when the clerk revokes."""
    people = city.certified(3)
    clock.move(timedelta(days=1))
    gone, moved, held = people
    _becomes(services, gone, state=PersonState.RETIRED)
    _becomes(services, moved, state=PersonState.TRANSFERRED)
    _becomes(services, held, state=PersonState.SUSPENDED)
    revoking = services.issuance.revoking
    assert revoking.sweep() == 3
    ids = [draft.id for draft in revoking.drafts(clerk)]
    with pytest.raises(Invalid):
        revoking.carry_out(clerk, ids, ground=Ground.RETIRED, document_ref="")
    done = revoking.carry_out(clerk, ids, ground=Ground.NEW_POSITION, document_ref=PAPER)
    assert (done.done, [refused.code for refused in done.refused]) == (2, [held.code])
    assert state_of(services, moved) is SigningState.REVOKED
    (left,) = revoking.drafts(clerk)
    done = revoking.carry_out(
        clerk, [left.id], ground=Ground.SUSPENDED_FROM_DUTY, document_ref=PAPER
    )
    assert done.done == 1
    assert state_of(services, held) is SigningState.SUSPENDED
    with pytest.raises(NotFound):
        revoking.carry_out(clerk, ids, ground=Ground.RETIRED, document_ref=PAPER)
    assert revoking.sweep() == 0


def test_who_comes_back_is_released_and_who_leaves_is_revoked(
    services: Services, person: Person, clerk: Actor
) -> None:
    """Only when the suspension was for duty; a suspected key is never drafted back."""
    revoking = services.issuance.revoking

    def suspend(ground: Ground) -> None:
        revoking.order(
            clerk,
            act=Act.SUSPEND,
            person_codes=[person.code],
            ground=ground,
            document_ref=PAPER,
        )

    _becomes(services, person, state=PersonState.SUSPENDED)
    suspend(Ground.SUSPENDED_FROM_DUTY)
    assert revoking.sweep() == 0
    _becomes(services, person, state=PersonState.WORKING)
    assert revoking.sweep() == 1
    (draft,) = revoking.drafts(clerk)
    assert (draft.act, draft.cause, draft.ground) == (Act.RELEASE, "returned", None)
    _becomes(services, person, state=PersonState.RESIGNED)
    assert revoking.sweep() == 2  # the release is off, a revocation is asked for
    assert [draft.act for draft in revoking.drafts(clerk)] == [Act.REVOKE]
    _becomes(services, person, state=PersonState.WORKING)
    revoking.sweep()
    (draft,) = revoking.drafts(clerk)
    assert revoking.carry_out(clerk, [draft.id], ground=None, document_ref="").done == 1
    assert state_of(services, person) is SigningState.READY
    suspend(Ground.KEY_EXPOSED)
    assert revoking.sweep() == 0


def test_a_dismissed_draft_is_not_opened_again_for_the_same_finding(
    services: Services, person: Person, clerk: Actor, clock: StandingClock
) -> None:
    """Another move is another finding; a dismissal has its reason and happens once."""
    revoking = services.issuance.revoking
    _moves(services, person, OTHER_WARD)
    revoking.sweep()
    (draft,) = revoking.drafts(clerk)
    with pytest.raises(Invalid):
        revoking.dismiss(clerk, draft.id, "  ")
    revoking.dismiss(clerk, draft.id, "Biệt phái ngắn hạn")
    with pytest.raises(NotFound):
        revoking.dismiss(clerk, draft.id, "Biệt phái ngắn hạn")
    assert revoking.sweep() == 0
    (row,) = revoking.history(clerk)
    assert (row.state, row.error, row.decided_by) == ("dismissed", "Biệt phái ngắn hạn", "hr")
    clock.move(timedelta(days=1))
    _moves(services, person, "00025")
    assert revoking.sweep() == 1


def test_a_clerk_sees_drafts_of_the_own_units_only(
    services: Services, person: Person, city: City
) -> None:
    """And nobody without the right to revoke sees any."""
    _becomes(services, person, state=PersonState.RETIRED)
    revoking = services.issuance.revoking
    revoking.sweep()
    (row,) = db.session.scalars(select(Revocation)).all()
    other = city.actor("hr-other", Role.HR, OTHER_WARD)
    assert revoking.drafts(other) == []
    with pytest.raises(NotFound):
        revoking.dismiss(other, row.id, "Không phải của tôi")
    mine = city.actor("hr-mine", Role.HR)
    assert [draft.id for draft in revoking.drafts(mine)] == [row.id]
    assert revoking.drafts(mine, before=row.id) == []
    assert revoking.count_drafts(city.actor("auditor", Role.AUDITOR)) == 0


@both_databases
def test_two_processes_sweep_at_once(
    services: Services, city: City, clock: StandingClock, app: Flask
) -> None:
    """One draft a person, and neither is told of an error."""
    people = city.certified(5)
    clock.move(timedelta(days=1))
    for person in people:
        _becomes(services, person, state=PersonState.RETIRED)
    outcomes = all_at_once(app, lambda _: services.issuance.revoking.sweep(), askers=2)
    assert sorted(str(outcome) for outcome in outcomes) == ["0", "5"]
    db.session.rollback()
    assert list(db.session.scalars(select(Revocation.state))) == ["draft"] * 5


def test_a_draft_somebody_else_took_is_a_conflict(
    services: Services, person: Person, clerk: Actor
) -> None:
    """Dismissed while the page was open: the order is refused for that person only."""
    _becomes(services, person, state=PersonState.RETIRED)
    revoking = services.issuance.revoking
    revoking.sweep()
    (draft,) = revoking.drafts(clerk)
    done = revoking.carry_out(clerk, [draft.id], ground=Ground.RETIRED, document_ref=PAPER)
    assert done.done == 1
    with pytest.raises((Conflict, NotFound)):
        revoking.dismiss(clerk, draft.id, "Muộn rồi")
