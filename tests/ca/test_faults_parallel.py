"""Fifty at once: whoever asks for the same thing gets the same certificate, and there is one."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from signer.audit import Audit
from signer.ca import Authority, Certificate, RevocationReason
from signer.db import db
from signer.errors import Conflict, SignerError, Unavailable
from tests.at_once import ASKERS, all_at_once
from tests.ca.checked import findings
from tests.ca.factory import order
from tests.clocks import StandingClock
from tests.databases import both_databases


@both_databases
def test_one_intent_asked_fifty_times(
    app: Flask, authority: Authority, audit: Audit, clock: StandingClock, tmp_path: Path
) -> None:
    """One certificate, and everybody who was not told to come back has that one."""
    wanted = order("signing-key-1")

    def ask(_place: int) -> object:
        (outcome,) = authority.issue_many([wanted], "system")
        return outcome.serial_hex if not isinstance(outcome, SignerError) else outcome

    outcomes = all_at_once(app, ask)
    serials = {outcome for outcome in outcomes if isinstance(outcome, str)}
    refused = [outcome for outcome in outcomes if not isinstance(outcome, str)]
    assert all(isinstance(outcome, Conflict | Unavailable) for outcome in refused), refused
    assert set(db.session.scalars(select(Certificate.serial_hex))) == serials
    assert len(serials) == 1
    assert [event.action for event in audit.events(limit=9)] == ["certificate.issue"]
    assert findings(authority, audit, clock, tmp_path, patience=timedelta(0)) == []


@both_databases
def test_one_certificate_revoked_fifty_times(
    app: Flask, authority: Authority, audit: Audit, clock: StandingClock, tmp_path: Path
) -> None:
    """One of them did it, the others are told that it is done; suspensions lose or come first."""
    (made,) = authority.issue_many([order("signing-key-1")], "system")
    assert not isinstance(made, SignerError)
    serial = made.serial

    def ask(place: int) -> object:
        if place % 2:
            authority.suspend(serial, "clerk")
        else:
            authority.revoke(serial, RevocationReason.SUPERSEDED, "clerk")
        return "done"

    outcomes = all_at_once(app, ask)
    assert all(o == "done" or isinstance(o, Conflict | Unavailable) for o in outcomes), outcomes
    actions = Counter(event.action for event in audit.events(limit=9))
    assert actions["certificate.revoke"] == 1
    assert actions["certificate.suspend"] <= 1
    assert Counter(outcomes)["done"] == 1 + actions["certificate.suspend"]
    assert findings(authority, audit, clock, tmp_path, patience=timedelta(0)) == []


@pytest.mark.slow
@both_databases
def test_fifty_lists_at_once(
    app: Flask, authority: Authority, audit: Audit, clock: StandingClock, tmp_path: Path
) -> None:
    """Every number once, and the newest list is whole."""
    (made,) = authority.issue_many([order("signing-key-1")], "system")
    assert not isinstance(made, SignerError)
    authority.revoke(made.serial, RevocationReason.SUPERSEDED, "clerk")
    outcomes = all_at_once(app, lambda _: authority.publish_crl())
    lists = {outcome for outcome in outcomes if isinstance(outcome, bytes)}
    refused = [outcome for outcome in outcomes if not isinstance(outcome, bytes)]
    assert all(isinstance(outcome, Unavailable) for outcome in refused), refused
    assert len(lists) == ASKERS - len(refused)
    assert findings(authority, audit, clock, tmp_path, patience=timedelta(0)) == []
