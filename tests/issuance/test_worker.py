"""What a worker does in which order: whoever is to lose a certificate waits for nobody."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from signer import worker
from signer.accounts import Actor, Role
from signer.ca.authority import Authority
from signer.db import db
from signer.issuance.carrying import Carrying
from signer.issuance.grounds import Act, Ground
from signer.issuance.issuing import Issuing
from signer.issuance.kinds import RequestKind
from signer.issuance.models import Revocation
from signer.issuance.ordering import AT_ONCE
from signer.services import Services
from tests import tampering
from tests.clocks import StandingClock
from tests.factories import City
from tests.issuance.cutting import CutOff
from tests.issuance.granting import approved
from tests.softhsm import token_away
from tests.waiting import until


@pytest.fixture
def clerk(city: City) -> Actor:
    """The HR officer of the ward."""
    return city.actor("hr", Role.HR)


@pytest.fixture
def at_work(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Starts the worker's thread, whose ten seconds are next to none; it is ended with the test."""
    monkeypatch.setattr(worker, "CRL_SECONDS", 0.01)
    ends: list[Callable[[], None]] = []
    yield lambda: ends.append(worker.start_thread(app))
    for end in ends:
        end()


def _all_done() -> bool:
    return set(db.session.scalars(select(Revocation.state))) == {"done"}


def test_revocations_go_on_while_the_hsm_is_away(
    services: Services,
    city: City,
    clerk: Actor,
    token_home: Path,
    at_work: Callable[[], None],
) -> None:
    """They need none, though lists are due and an older job waits for it; drafts appear too."""
    people = city.people(AT_ONCE + 2)
    city.issue(people[1:])
    head = city.actor("head", Role.APPROVER)
    waiting = approved(services, clerk, head, people[:1], RequestKind.ISSUE)
    made = services.issuance.revoking.order(
        clerk,
        act=Act.REVOKE,
        person_codes=[person.code for person in people[1:]],
        ground=Ground.RETIRED,
        document_ref="12/QĐ-UBND",
    )
    assert made.job_id is not None
    with token_away(token_home, services.hsm):
        at_work()
        until(_all_done)
        assert services.jobs.progress(waiting).waiting == 1
    until(lambda: services.jobs.progress(waiting).done == 1)


def test_an_order_that_a_killed_server_left_waits_seconds(
    services: Services,
    city: City,
    clerk: Actor,
    clock: StandingClock,
    monkeypatch: pytest.MonkeyPatch,
    at_work: Callable[[], None],
) -> None:
    """The worker is another process and has swept already; it does not wait for its next sweep."""
    people = city.certified(1)
    at_work()
    lists = services.audit.count()
    until(lambda: services.audit.count() > lists)  # it is at work: lists were published
    carry_out = Carrying.carry_out

    def killed(self: Carrying, row_ids: list[int], actor: str) -> object:
        if actor == "hr":
            raise CutOff
        return carry_out(self, row_ids, actor)

    monkeypatch.setattr(Carrying, "carry_out", killed)
    with pytest.raises(CutOff):
        services.issuance.revoking.order(
            clerk,
            act=Act.REVOKE,
            person_codes=[people[0].code],
            ground=Ground.KEY_EXPOSED,
            document_ref="",
        )
    clock.move(timedelta(minutes=1))
    until(_all_done)


def test_lists_are_looked_after_in_the_middle_of_a_long_job(
    services: Services,
    city: City,
    clerk: Actor,
    monkeypatch: pytest.MonkeyPatch,
    at_work: Callable[[], None],
) -> None:
    """A job of a whole city keeps no revocation off the lists until it is over."""
    create = partial(services.jobs.create, at_once=1)
    monkeypatch.setattr(services.jobs, "create", create)
    happened: list[str] = []
    refresh, issue = Authority.refresh_crl, Issuing.issue_items

    def refresh_crl(self: Authority) -> bool:
        happened.append("lists")
        return refresh(self)

    def issue_items(self: Issuing, keys: list[str]) -> object:
        happened.append("issued")
        return issue(self, keys)

    monkeypatch.setattr(Authority, "refresh_crl", refresh_crl)
    monkeypatch.setattr(Issuing, "issue_items", issue_items)
    people = city.people(8)
    job = approved(services, clerk, city.actor("head", Role.APPROVER), people, RequestKind.ISSUE)
    at_work()
    until(lambda: services.jobs.progress(job).done == 8)
    first, *_, last = (place for place, what in enumerate(happened) if what == "issued")
    assert "lists" in happened[first:last]


@pytest.mark.parametrize("is_sound", [True, False])
def test_a_night_ends_in_a_recount(
    services: Services,
    city: City,
    clock: StandingClock,
    at_work: Callable[[], None],
    is_sound: bool,
) -> None:
    """Whether the kept figures are what the rows say is on record, with the first difference."""
    city.people(2)
    if not is_sound:
        tampering.do("UPDATE coverage_sum SET persons = persons + 1")
    lists = services.audit.count()
    at_work()
    until(lambda: services.audit.count() > lists)  # it is at work: lists were published
    clock.move(timedelta(hours=14))  # nearly midnight: not yet
    assert _compared(services) == []
    clock.move(timedelta(hours=2))
    until(lambda: len(_compared(services)) == 1)
    (told,) = _compared(services)
    assert told["difference"] is None if is_sound else told["difference"]["figure"] == "persons"


def _compared(services: Services) -> list[dict[str, Any]]:
    found = services.audit.events(subject="coverage")
    return [json.loads(event.details) for event in found if event.action == "coverage.compared"]
