"""Two people at the same thing: what one decided in between is not written over."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from signer.audit.events import _LOCK
from signer.campaigns.kinds import LackCause, Measure
from signer.campaigns.models import Campaign
from signer.db import db, release
from signer.services import Services
from tests.at_once import ASKERS, all_at_once
from tests.campaigns.sprints import Sprint
from tests.factories import WARD

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def overtaken(app: Flask, act: Callable[[], object], locked: str, then: str) -> list[object]:
    """What the act gave that another transaction made wait, after that one did `then`."""
    given: list[object] = []

    def run() -> None:
        with app.app_context():
            given.append(act())
            db.session.remove()

    release()
    with db.engine.connect() as other:
        other.execute(text(locked))
        thread = threading.Thread(target=run)
        thread.start()
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as looking:
            while thread.is_alive() and not looking.scalar(text(waits)):
                pass
        other.execute(text(then))
        other.commit()
        thread.join()
    return given


def test_who_is_covered_meanwhile_gets_no_reason(
    app: Flask, services: Services, sprint: Sprint
) -> None:
    """A certificate that is being issued in the same moment leaves nothing to explain."""
    person = sprint.ward[6].id
    given = overtaken(
        app,
        lambda: services.campaigns.assign_reason(sprint.officer, [person], LackCause.NO_EMAIL),
        f"SELECT pg_advisory_xact_lock({_LOCK})",  # as whoever has written to the record
        f"UPDATE standing SET standing = 'covered' WHERE person_id = {person}",
    )
    with db.engine.begin() as other:  # as it was, for whoever recounts
        other.execute(text(f"UPDATE standing SET standing = 'lacking' WHERE person_id = {person}"))
    assert given == [0]


def test_fifty_enter_the_first_score_at_once(
    app: Flask, services: Services, sprint: Sprint
) -> None:
    """All of them are taken, one after the other."""
    criterion = services.campaigns.scoring.add_criterion(
        sprint.admin,
        db.session.get_one(Campaign, sprint.id),
        code="TC9",
        title="x",
        most_points=5,
        measure=Measure.TYPED,
    )
    release()

    def enter(place: int) -> Any:
        services.campaigns.scoring.set_score(sprint.officer, criterion, WARD, a=place, b=ASKERS)
        return True

    assert all_at_once(app, enter) == [True] * ASKERS
