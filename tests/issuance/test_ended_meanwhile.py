"""A certificate in place of another, and the old one ended in the narrowest moments of it."""

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from signer.accounts import Actor
from signer.ca.authority import Authority
from signer.db import db, transaction
from signer.errors import Conflict, Unavailable
from signer.inventory.models import Person
from signer.inventory.states import PersonState
from signer.issuance.grounds import Act, Ground
from signer.issuance.kinds import RequestKind
from signer.issuance.models import RequestItem, SigningKey
from signer.issuance.states import SigningState
from signer.services import Services
from tests.clocks import StandingClock
from tests.issuance.granting import approved, certificates, grant, order
from tests.issuance.test_renewal import IN_THE_WINDOW


def _expose(services: Services, clerk: Actor, person: Person, act: Act) -> None:
    assert order(services, clerk, [person], act, Ground.KEY_EXPOSED, "").done == 1


def _at_issue(
    monkeypatch: pytest.MonkeyPatch, services: Services, act: Callable[[], None], *, after: bool
) -> None:
    """The act falls right before, or right after, the CA's next work."""
    real = Authority.issue_many

    def issue_many(self: Authority, *arguments: object, **named: object) -> object:
        monkeypatch.setattr(Authority, "issue_many", real)
        if not after:
            act()
        made = real(self, *arguments, **named)  # type: ignore[arg-type]  # handed on as they came
        if after:
            act()
        return made

    monkeypatch.setattr(Authority, "issue_many", issue_many)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("act", [Act.REVOKE, Act.SUSPEND])
@pytest.mark.parametrize("kind", [RequestKind.RENEW, RequestKind.REKEY])
def test_an_item_never_stays_open_without_a_reason(
    services: Services,
    person: Person,
    clerk: Actor,
    head: Actor,
    clock: StandingClock,
    monkeypatch: pytest.MonkeyPatch,
    kind: RequestKind,
    act: Act,
    after: bool,
) -> None:
    """Ended while the CA signs: no successor counts, the job says so, others may be asked for."""
    clock.move(IN_THE_WINDOW)
    job_id = approved(services, clerk, head, [person], kind)
    _at_issue(monkeypatch, services, lambda: _expose(services, clerk, person, act), after=after)
    services.jobs.run(services.job_handlers)
    assert "issued" not in certificates()
    assert len(services.jobs.failures(job_id)) == 1
    assert db.session.scalars(select(RequestItem.state)).all() == ["issued", "closed"]
    if act is Act.SUSPEND:
        made = services.issuance.revoking.order(
            clerk, act=Act.RELEASE, person_codes=[person.code], ground=None, document_ref=""
        )
        assert made.done == 1
        assert certificates().count("issued") == 1
    services.issuance.issuing.resume()
    assert db.session.scalars(select(RequestItem.state)).all() == ["issued", "closed"]
    again = RequestKind.ISSUE if act is Act.REVOKE else RequestKind.REKEY
    grant(services, clerk, head, [person], again)
    assert services.issuance.states_of([person.id])[person.id].state is SigningState.READY
    assert certificates().count("issued") == 1


def test_a_new_key_that_was_put_away_is_no_success(
    services: Services,
    person: Person,
    clerk: Actor,
    head: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The HSM went away after the new key was stored, and the person was revoked meanwhile."""
    job_id = approved(services, clerk, head, [person], RequestKind.REKEY)

    def away(*_arguments: object, **_named: object) -> None:
        raise Unavailable("HSM")

    with monkeypatch.context() as patch:
        patch.setattr(Authority, "issue_many", away)
        with pytest.raises(Unavailable):
            services.jobs.run(services.job_handlers)
    _expose(services, clerk, person, Act.REVOKE)
    services.jobs.run(services.job_handlers)
    assert certificates() == ["revoked"]
    assert len(services.jobs.failures(job_id)) == 1
    grant(services, clerk, head, [person], RequestKind.ISSUE)
    assert services.issuance.states_of([person.id])[person.id].state is SigningState.READY


def _leaves(person: Person) -> None:
    with transaction():
        db.session.execute(
            update(Person).where(Person.id == person.id).values(state=PersonState.RETIRED)
        )


def test_a_leaver_gets_no_new_key_for_a_locked_one(
    services: Services, person: Person, clerk: Actor
) -> None:
    """Nor does the next start finish what was begun before they left."""
    with transaction():
        db.session.execute(update(SigningKey).values(state="locked"))
    _leaves(person)
    with pytest.raises(Conflict):
        services.issuance.allow_reactivation(clerk, person.code)
    assert certificates() == ["issued"]


def test_a_replacement_is_not_finished_for_somebody_who_left_meanwhile(
    services: Services, person: Person, clerk: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction():
        db.session.execute(update(SigningKey).values(state="locked"))

    def away(*_arguments: object, **_named: object) -> None:
        raise Unavailable("HSM")

    with monkeypatch.context() as patch:
        patch.setattr(Authority, "issue_many", away)
        with pytest.raises(Unavailable):
            services.issuance.allow_reactivation(clerk, person.code)
    _leaves(person)
    services.issuance.issuing.resume()
    assert certificates() == ["issued"]
