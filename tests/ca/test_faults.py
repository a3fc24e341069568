"""The n-th call fails, of the database, the HSM and the files: nothing is lost, and it goes on.

An undisturbed run counts the calls that an act makes; then each of them fails once, and the act
is asked again until it is done. Afterwards `signer ledger check` must find nothing.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from signer.audit import Audit
from signer.ca import Authority, Certificate, RevocationReason
from signer.ca.models import Crl
from signer.ca.revoking import RevocationOrder
from signer.db import db
from signer.errors import Conflict, SignerError, Unavailable
from tests.breaking import Point, calls_of, failing
from tests.ca.checked import findings
from tests.ca.conftest import Keys
from tests.ca.factory import authority_of, issued, order
from tests.ca.hierarchies import Hierarchy
from tests.ca.killed_child import few_shards
from tests.clocks import StandingClock
from tests.databases import both_databases

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    # python-pkcs11 ends a search twice when its start failed, in a __del__ that cannot raise.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Room:
    """The CA's room on one ledger that lives through every fault."""

    def __init__(self, authority: Authority, audit: Audit, clock: StandingClock, files: Path):
        self.authority, self._clock = authority, clock
        self._findings = partial(findings, authority, audit, clock, files)
        self._issued = 0

    def survives(self, prepare: Callable[[], Callable[[], None]]) -> Counter[str]:
        """Every call fails once; returns how many there were of each, all of them survived.

        `prepare` makes ready and returns the act, which raises while it is not done.
        """
        points = calls_of(prepare())
        for point in points:
            act = prepare()
            try:
                self._survive(point, act)
            except BaseException as error:
                error.add_note(f"failed at {point}")
                raise
        return Counter(name for name, _ in points)

    def _survive(self, point: Point, act: Callable[[], None]) -> None:
        with failing(point):
            try:
                act()
            except (SignerError, SQLAlchemyError):
                db.session.rollback()
        insist(act)
        self._clock.move(timedelta(seconds=1))
        assert self._findings(patience=timedelta()) == []

    def orders(self, count: int) -> list[object]:
        self._issued += count
        return [order(f"key-{self._issued - number}") for number in range(count)]


def insist(act: Callable[[], None], seconds: float = 5) -> None:
    """The act is done within the time in which a device that is back must be used again."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            act()
        except Unavailable:
            db.session.rollback()
            assert time.monotonic() < deadline, "it does not go on"
            time.sleep(0.02)
        else:
            return


@pytest.fixture
def room(
    app: Flask,
    ca_keys: Keys,
    hierarchy: Hierarchy,
    clock: StandingClock,
    audit: Audit,
    tmp_path: Path,
) -> Room:
    authority = authority_of(
        ca_keys.issuing, hierarchy, few_shards(), clock, audit, published=tmp_path / "published"
    )
    return Room(authority, audit, clock, tmp_path / "published")


@both_databases
def test_issuing(room: Room) -> None:
    """Each order gets one certificate, however often it is asked."""

    def prepare() -> Callable[[], None]:
        wanted = room.orders(3)

        def act() -> None:
            made = issued(room.authority.issue_many(wanted, "system"))
            assert len({certificate.serial for certificate in made}) == 3

        return act

    calls = room.survives(prepare)
    assert calls["a commit"] == calls["the answer to a commit"] == 2
    assert calls["a statement"] > 4
    assert calls["C_Sign"] >= 3
    rows = db.session.execute(select(Certificate.intent, Certificate.state)).all()
    assert {state for _, state in rows} == {"issued"}
    assert len(rows) == 3 * (1 + sum(calls.values()))


def _unless_done(refusals: Sequence[SignerError | None]) -> None:
    for refusal in refusals:
        if refusal is not None and not isinstance(refusal, Conflict):
            raise refusal


@both_databases
def test_revoking(room: Room) -> None:
    """Revoked, held and released, all in one commit or none."""

    def prepare() -> Callable[[], None]:
        made = issued(room.authority.issue_many(room.orders(3), "system"))
        serials = [certificate.serial for certificate in made]
        reasons = (RevocationReason.KEY_COMPROMISE, RevocationReason.CERTIFICATE_HOLD)
        ordered = [
            RevocationOrder(serial=serial, reason=reason)
            for serial, reason in zip(serials, reasons, strict=False)
        ]
        room.authority.suspend(serials[2], "clerk")

        def act() -> None:
            _unless_done(room.authority.revoke_many(ordered, "clerk"))
            _unless_done(room.authority.release_many(serials[2:], "clerk"))

        return act

    calls = room.survives(prepare)
    assert calls["a commit"] == calls["the answer to a commit"] == 2
    rounds = 1 + sum(calls.values())
    states = Counter(db.session.scalars(select(Certificate.state)))
    assert states == {"revoked": rounds, "suspended": rounds, "issued": rounds}


@both_databases
def test_publishing(room: Room, clock: StandingClock) -> None:
    """Every list is made, stored and in its file, under a number that was never used before."""

    def prepare() -> Callable[[], None]:
        (made,) = issued(room.authority.issue_many(room.orders(1), "system"))
        room.authority.revoke(made.serial, RevocationReason.SUPERSEDED, "clerk")
        clock.move(timedelta(hours=13))

        def act() -> None:
            room.authority.refresh_crl()

        return act

    calls = room.survives(prepare)
    assert calls["a commit"] == calls["the answer to a commit"] == 2
    assert calls["C_Sign"] >= 3
    assert calls["a file replaced"] >= 3
    numbers = db.session.scalars(select(Crl.number).order_by(Crl.number)).all()
    assert numbers == list(range(1, len(numbers) + 1))
