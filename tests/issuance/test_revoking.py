"""Revoking, suspending and releasing: what is shown before, what is stored, what is left after."""

import pytest
from flask import Flask
from sqlalchemy import select, update

from signer.accounts import Actor, Role
from signer.ca.authority import CertificateStatus
from signer.ca.crl import RevocationReason
from signer.ca.models import Certificate
from signer.db import db, transaction
from signer.errors import Conflict, Forbidden, Invalid, NotFound
from signer.inventory.models import Person
from signer.issuance.grounds import Act, Ground
from signer.issuance.keys import find_current_key
from signer.issuance.kinds import RequestKind
from signer.issuance.models import Revocation, SigningKey
from signer.issuance.ordering import AT_ONCE, AT_ONCE_IF_URGENT
from signer.issuance.revocation_views import Ordered
from signer.issuance.states import SigningState, is_covered
from signer.services import Services
from tests.at_once import all_at_once
from tests.databases import both_databases
from tests.factories import OTHER_WARD, City
from tests.issuance.cutting import is_cut_off
from tests.issuance.granting import PAPER, PIN, grant, order, state_of


@pytest.fixture
def clerk(city: City) -> Actor:
    """The HR officer of the ward."""
    return city.actor("hr", Role.HR)


def _reasons() -> list[str | None]:
    db.session.rollback()
    return list(db.session.scalars(select(Certificate.revocation_reason).order_by(Certificate.id)))


@both_databases
def test_a_revocation_is_shown_before_and_final_after(
    services: Services, city: City, clerk: Actor
) -> None:
    """Certificate, key and history say so; nothing brings it back but a new issue."""
    (person,) = city.certified(1)
    revoking = services.issuance.revoking
    preview = revoking.preview(
        clerk, act=Act.REVOKE, person_codes=[person.code], ground=Ground.RETIRED
    )
    (line,) = preview.lines
    assert (line.code, line.key_state, line.becomes) == (person.code, "ready", "revoked")
    assert (preview.can_be_undone, preview.is_at_once, line.certificates) == (False, True, 1)
    assert state_of(services, person) is SigningState.READY

    assert order(services, clerk, [person]) == Ordered(done=1, job_id=None, refused=())
    assert state_of(services, person) is SigningState.REVOKED
    assert _reasons() == ["cessation_of_operation"]
    key = db.session.scalars(select(SigningKey)).one()
    assert (key.state, key.wrapped) == ("retired", None)
    (done,) = revoking.history(clerk)
    assert (done.state, done.ground, done.document_ref) == ("done", Ground.RETIRED, PAPER)
    assert done.done_at is not None
    assert done.opened_at <= done.done_at
    for act in (Act.REVOKE, Act.SUSPEND, Act.RELEASE):
        with_ground = None if act is Act.RELEASE else Ground.KEY_EXPOSED
        again = order(services, clerk, [person], act=act, ground=with_ground)
        assert (again.done, len(again.refused)) == (0, 1)
    actions = {event.action for event in services.audit.events(limit=50)}
    assert {"revocation.ordered", "certificate.revoke", "person.revoked"} <= actions
    services.audit.verify()

    grant(services, clerk, city.actor("head", Role.APPROVER), [person], RequestKind.ISSUE)
    assert state_of(services, person) is SigningState.READY


def test_who_was_revoked_is_told_so_when_signing(
    services: Services, city: City, clerk: Actor
) -> None:
    """And not that there never was a certificate; the envelope is never opened again."""
    (person,) = city.certified(1)
    services.signing.activate(city.signer_of(person), PIN)
    order(services, clerk, [person], ground=Ground.KEY_EXPOSED, paper="")
    key = find_current_key(person.id)
    assert key is not None
    assert (key.state, key.certificate_state) == ("retired", "revoked")
    assert services.signing.key_of_person(person).state == "none"
    status = services.authority.status_of(int(key.serial_hex, 16), services.clock.now())
    assert status is CertificateStatus.REVOKED


@both_databases
def test_a_suspension_holds_and_a_release_gives_back(
    services: Services, city: City, clerk: Actor
) -> None:
    """The key and its PIN stay; a suspended certificate covers nobody."""
    (person,) = city.certified(1)
    services.signing.activate(city.signer_of(person), PIN)
    held = order(services, clerk, [person], act=Act.SUSPEND, ground=Ground.SUSPENDED_FROM_DUTY)
    assert held.done == 1
    assert state_of(services, person) is SigningState.SUSPENDED
    covered = select(Person.id).where(is_covered(Person.id, services.clock.now()))
    assert db.session.scalars(covered).all() == []
    page, _ = services.issuance.people(clerk, state="suspended")
    assert [found.code for found in page.items] == [person.code]
    for state in ("revoked", "expired", "active"):
        page, _ = services.issuance.people(clerk, state=state)
        assert page.items == ()
    (line,) = services.issuance.revoking.preview(
        clerk, act=Act.RELEASE, person_codes=[person.code]
    ).lines
    assert line.becomes is SigningState.ACTIVE
    assert order(services, clerk, [person], act=Act.RELEASE, ground=None, paper="").done == 1
    assert state_of(services, person) is SigningState.ACTIVE
    assert _reasons() == [None]


def test_what_is_suspended_may_be_revoked_for_good(
    services: Services, city: City, clerk: Actor
) -> None:
    """The suspicion was confirmed."""
    (person,) = city.certified(1)
    order(services, clerk, [person], act=Act.SUSPEND, ground=Ground.KEY_EXPOSED, paper="")
    assert order(services, clerk, [person], ground=Ground.KEY_EXPOSED, paper="").done == 1
    assert state_of(services, person) is SigningState.REVOKED
    assert _reasons() == ["key_compromise"]


@pytest.mark.parametrize(
    ("act", "ground", "paper", "field"),
    [
        (Act.REVOKE, None, PAPER, "ground"),
        (Act.REVOKE, Ground.SUSPENDED_FROM_DUTY, PAPER, "ground"),
        (Act.REVOKE, Ground.BODY_MERGED, PAPER, "ground"),
        (Act.REVOKE, Ground.CHANGED_EMAIL, PAPER, "ground"),
        (Act.SUSPEND, Ground.RETIRED, PAPER, "ground"),
        (Act.CHANGE, Ground.CHANGED_BODY, PAPER, "ground"),
        (Act.REVOKE, Ground.RETIRED, "  ", "document_ref"),
        (Act.REVOKE, Ground.RETIRED, "x" * 101, "document_ref"),
    ],
)
def test_an_order_without_its_ground_or_paper_is_refused(
    services: Services,
    city: City,
    clerk: Actor,
    act: Act,
    ground: Ground | None,
    paper: str,
    field: str,
) -> None:
    """The closed lists are closed; only urgent grounds go ahead of their paper."""
    (person,) = city.certified(1)
    with pytest.raises(Invalid) as refused:
        order(services, clerk, [person], act=act, ground=ground, paper=paper)
    assert refused.value.field == field
    assert state_of(services, person) is SigningState.READY


def test_one_bad_line_does_not_lose_the_rest(services: Services, city: City, clerk: Actor) -> None:
    """Codes or addresses in any case, twice, of nobody, of another ward, without certificate."""
    (good, by_mail, without) = city.people(3)
    (other,) = city.certified(1, unit=OTHER_WARD)
    city.issue([good, by_mail])
    assert by_mail.email is not None
    done = services.issuance.revoking.order(
        clerk,
        act=Act.REVOKE,
        person_codes=[
            good.code.lower(),
            f" {good.code} ",
            by_mail.email.upper(),
            by_mail.code,
            "",
            "X99999",
            other.code,
            without.code,
        ],
        ground=Ground.RESIGNED,
        document_ref=PAPER,
    )
    assert done.done == 2
    assert {refused.code for refused in done.refused} == {"X99999", other.code, without.code}
    sentences = {refused.code: refused.sentence for refused in done.refused}
    assert sentences[other.code] == sentences["X99999"]  # whether it exists is not told
    assert state_of(services, other) is SigningState.READY


def test_who_may_not_revoke_cannot(services: Services, city: City) -> None:
    """An approver neither orders nor looks."""
    (person,) = city.certified(1)
    head = city.actor("head", Role.APPROVER)
    with pytest.raises(Forbidden):
        order(services, head, [person])
    assert services.issuance.revoking.history(head) == []
    assert services.issuance.revoking.drafts(head) == []


@both_databases
def test_many_people_are_a_job(services: Services, city: City, clerk: Actor) -> None:
    """More than twenty; signing goes on until the worker is there, and a job can be cancelled."""
    people = city.people(AT_ONCE + 1)
    city.issue(people)
    ordered = order(services, clerk, people)
    assert (ordered.done, ordered.refused) == (0, ())
    assert ordered.job_id is not None
    again = order(services, clerk, people[:1])
    assert [refused.code for refused in again.refused] == [people[0].code]
    services.issuance.cancel_job(clerk, ordered.job_id)
    assert services.jobs.run(services.job_handlers) == 0
    assert {row.state for row in services.issuance.revoking.history(clerk)} == {"dismissed"}

    ordered = order(services, clerk, people)
    assert ordered.job_id is not None
    assert services.jobs.run(services.job_handlers) == len(people)
    assert services.jobs.progress(ordered.job_id).failed == 0
    db.session.rollback()
    assert set(db.session.scalars(select(Certificate.state))) == {"revoked"}
    assert set(db.session.scalars(select(SigningKey.state))) == {"retired"}


def test_a_key_in_wrong_hands_waits_for_no_queue(
    services: Services, city: City, clerk: Actor
) -> None:
    """Whatever the number, and over an order that still waits for its worker (R28)."""
    people = city.people(AT_ONCE + 1)
    city.issue(people)
    waiting = order(services, clerk, people)
    assert waiting.job_id is not None
    urgent = order(services, clerk, people, ground=Ground.KEY_EXPOSED, paper="")
    assert (urgent.done, urgent.job_id) == (len(people), None)
    assert set(_reasons()) == {"key_compromise"}
    services.jobs.run(services.job_handlers)
    assert services.jobs.progress(waiting.job_id).failed == 0
    rows = services.issuance.revoking.history(clerk, limit=100)
    assert {(row.state, row.ground) for row in rows} == {("done", Ground.KEY_EXPOSED)}
    assert len(rows) == len(people)


def test_a_list_over_the_limit_is_refused(services: Services, clerk: Actor) -> None:
    """Before anybody is looked up."""
    with pytest.raises(Invalid):
        services.issuance.revoking.order(
            clerk,
            act=Act.REVOKE,
            person_codes=[f"X{number}" for number in range(AT_ONCE_IF_URGENT + 1)],
            ground=Ground.KEY_EXPOSED,
            document_ref="",
        )


@both_databases
def test_of_two_clerks_with_the_same_person_one_is_told(
    services: Services, city: City, clerk: Actor, app: Flask
) -> None:
    """One order, one revocation, one record; never an error nobody expected."""
    people = city.certified(3)
    assert all(person.code for person in people)
    db.session.expunge_all()  # two threads must not read anew the rows of this one's session
    outcomes = all_at_once(app, lambda _: order(services, clerk, people).done, askers=2)
    assert sum(outcome for outcome in outcomes if isinstance(outcome, int)) == 3
    assert all(isinstance(outcome, int) for outcome in outcomes)
    db.session.rollback()
    assert list(db.session.scalars(select(Revocation.state))) == ["done"] * 3
    actions = [event.action for event in services.audit.events(limit=200)]
    assert actions.count("certificate.revoke") == actions.count("person.revoked") == 3


@pytest.mark.parametrize("commits", range(3))
@pytest.mark.parametrize("act", [Act.REVOKE, Act.SUSPEND])
def test_an_order_cut_off_anywhere_is_finished_by_the_sweep(
    services: Services, city: City, clerk: Actor, act: Act, commits: int
) -> None:
    """Nothing, or everything: after the order, after the CA, after both."""
    (person,) = city.certified(1)
    assert is_cut_off(
        lambda: order(services, clerk, [person], act=act, ground=Ground.KEY_EXPOSED, paper=""),
        commits,
    )
    assert services.issuance.revoking.sweep() == (1 if commits else 0)
    assert services.issuance.revoking.sweep() == 0
    wanted = {Act.REVOKE: SigningState.REVOKED, Act.SUSPEND: SigningState.SUSPENDED}[act]
    assert state_of(services, person) is (wanted if commits else SigningState.READY)
    keys = list(db.session.scalars(select(SigningKey.state)))
    assert keys == (["retired"] if commits and act is Act.REVOKE else ["ready"])


def test_an_act_that_came_too_late_is_dismissed_with_the_reason(
    services: Services, city: City, clerk: Actor
) -> None:
    """A release was ordered, and the certificate revoked before it was carried out."""
    (person,) = city.certified(1)
    order(services, clerk, [person], act=Act.SUSPEND, ground=Ground.KEY_EXPOSED, paper="")
    assert is_cut_off(
        lambda: order(services, clerk, [person], act=Act.RELEASE, ground=None, paper=""), 1
    )
    serial = db.session.scalars(select(Certificate.serial_hex)).one()
    services.authority.revoke(int(serial, 16), RevocationReason.KEY_COMPROMISE, "system")
    services.issuance.revoking.sweep()
    newest = services.issuance.revoking.history(clerk)[0]
    assert (newest.act, newest.state) == (Act.RELEASE, "dismissed")
    assert newest.error is not None
    assert state_of(services, person) is SigningState.REVOKED


def test_a_key_of_somebody_suspended_is_not_replaced(
    services: Services, city: City, clerk: Actor
) -> None:
    """A locked key and a suspended certificate: the new one would undo the suspension."""
    (person,) = city.certified(1)
    with transaction():
        db.session.execute(update(SigningKey).values(state="locked"))
    order(services, clerk, [person], act=Act.SUSPEND, ground=Ground.KEY_EXPOSED, paper="")
    with pytest.raises(Conflict):
        services.issuance.allow_reactivation(clerk, person.code)
    with pytest.raises(NotFound):
        services.issuance.allow_reactivation(clerk, "X99999")
