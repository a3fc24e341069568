"""Issuing while the machine breaks: killed anywhere, HSM gone; nothing lost, nothing twice."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from flask import Flask
from sqlalchemy import func, select

from signer.accounts import Role
from signer.ca.invariants import one_instant
from signer.ca.models import Certificate, CertificateBytes
from signer.cli.ledger import check_ledger
from signer.config import Settings
from signer.db import db
from signer.errors import Conflict, Unavailable
from signer.issuance.models import SigningKey
from signer.services import Services
from signer.worker import start_thread
from tests.at_once import all_at_once
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import WARD, City
from tests.waiting import until

_WORKER = """
import sys
from datetime import datetime
from pathlib import Path
from signer.app import create_rooms
from signer.config import Settings
from tests.clocks import StandingClock

home, database, pin_file, at = sys.argv[1:]
settings = Settings(home=Path(home), database_url=database, token_pin_file=Path(pin_file))
app = create_rooms(settings, StandingClock(datetime.fromisoformat(at)))
with app.app_context():
    rooms = app.extensions["signer"]
    rooms.issuance.issuing.resume()
    print("begun", flush=True)
    rooms.jobs.run(rooms.job_handlers)
    print("done", flush=True)
"""


def _approved(services: Services, city: City, count: int) -> int:
    city.people(count)
    clerk, head = city.actor("hr", Role.HR), city.actor("head", Role.APPROVER)
    made = services.issuance.create(clerk, unit_code=WARD, lacking=True, reason="Lần đầu")
    assert made.persons == count
    return services.issuance.approve(head, made.id or 0)


def _start_worker(settings: Settings, clock: StandingClock) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            _WORKER,
            str(settings.home),
            settings.database_url,
            str(settings.token_pin_file),
            clock.now().isoformat(),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )


def _issued() -> int:
    db.session.rollback()
    return (
        db.session.scalar(select(func.count(Certificate.id)).where(Certificate.state == "issued"))
        or 0
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_kill_9_while_issuing_450_certificates(
    services: Services, city: City, settings: Settings, clock: StandingClock
) -> None:
    """Killed three times at different depths, then left alone: 450 people, 450 certificates."""
    job_id = _approved(services, city, 450)
    for reached in (1, 201, 401):  # in each of the three chunks that a worker takes
        process = _start_worker(settings, clock)
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        _kill_once_issued(process, reached)
        process.stdout.close()
        _end_leases(job_id)
    last = _start_worker(settings, clock)
    out, _ = last.communicate(timeout=120)
    assert out.splitlines() == ["begun", "done"]
    assert services.jobs.progress(job_id).done == 450

    db.session.rollback()
    certificates = db.session.execute(
        select(Certificate.serial_hex, CertificateBytes.tbs_der, CertificateBytes.certificate_der)
        .join(CertificateBytes, CertificateBytes.certificate_id == Certificate.id)
        .where(Certificate.state == "issued")
    ).all()
    assert len(certificates) == 450
    assert len({row.serial_hex for row in certificates}) == 450
    for serial_hex, tbs_der, der in certificates:
        certificate = x509.load_der_x509_certificate(der)
        assert certificate.tbs_certificate_bytes == tbs_der
        assert certificate.serial_number == int(serial_hex, 16)
    left_over = db.session.scalar(
        select(func.count(Certificate.id)).where(Certificate.state == "reserved")
    )
    assert left_over == 0
    per_person = db.session.execute(
        select(SigningKey.person_id, func.count())
        .where(SigningKey.certificate_id.is_not(None))
        .group_by(SigningKey.person_id)
    ).all()
    assert {count for _, count in per_person} == {1}
    assert len(per_person) == 450
    assert services.audit.verify() > 450


def _kill_once_issued(worker: "subprocess.Popen[str]", count: int) -> None:
    until(lambda: _issued() >= count or worker.poll() is not None)
    assert worker.poll() is None, "the worker ended by itself"
    worker.send_signal(signal.SIGKILL)
    worker.wait()


def _end_leases(job_id: int) -> None:
    """The killed worker's lease is over, as it would be a minute later."""
    from datetime import UTC, datetime

    from sqlalchemy import update

    from signer.db import transaction
    from signer.jobs.models import JobItem

    with transaction():
        db.session.execute(
            update(JobItem)
            .where(JobItem.job_id == job_id, JobItem.state == "leased")
            .values(leased_until=datetime(2000, 1, 1, tzinfo=UTC))
        )


@pytest.mark.slow
@both_databases
def test_fifty_parallel_requests_for_one_person(app: Flask, services: Services, city: City) -> None:
    """All file, decide and issue at once: one request is made, one certificate, one key."""
    (person,) = city.people(1)
    code, person_id = person.code, person.id
    clerk, head = city.actor("hr", Role.HR), city.actor("head", Role.APPROVER)

    def ask(_place: int) -> object:
        made = services.issuance.create(clerk, person_codes=[code], reason="Lần đầu")
        if made.id is not None:
            services.issuance.approve(head, made.id)
        services.jobs.run(services.job_handlers)
        return made.persons

    outcomes = all_at_once(app, ask)
    assert {o for o in outcomes if isinstance(o, int)} <= {0, 1}
    assert outcomes.count(1) == 1, outcomes
    refused = [o for o in outcomes if not isinstance(o, int)]
    assert all(isinstance(o, Conflict | Unavailable) for o in refused), refused
    services.jobs.release_leases()
    services.jobs.run(services.job_handlers)
    db.session.rollback()
    assert db.session.scalars(select(Certificate.state)).all() == ["issued"]
    assert db.session.scalars(select(SigningKey.state)).all() == ["ready"]
    assert services.issuance.states_of([person_id])[person_id].state == "ready"
    with one_instant():
        assert list(check_ledger(services)) == []


def test_the_queue_waits_while_the_token_is_gone(
    services: Services, city: City, token_home: Path
) -> None:
    """The chunk goes back unharmed; when the token is back the same process issues it."""
    job_id = _approved(services, city, 3)
    services.vault.generate()  # the HSM is open and well
    tokens, away = token_home / "tokens", token_home / "away"
    tokens.rename(away)
    try:
        with pytest.raises(Unavailable) as told:
            services.jobs.run(services.job_handlers)
        assert told.value.retry_after_seconds > 0
        progress = services.jobs.progress(job_id)
        assert (progress.state, progress.done, progress.failed) == ("running", 0, 0)
    finally:
        away.rename(tokens)

    def is_done() -> bool:
        with contextlib.suppress(Unavailable):  # it is not asked again for a moment after a failure
            services.jobs.run(services.job_handlers)
        return services.jobs.progress(job_id).done == 3

    until(is_done, 5)


def test_the_worker_thread_outlives_a_token_that_was_gone(
    services: Services, city: City, token_home: Path
) -> None:
    """No restart: the thread that met the fault finishes the job."""
    from flask import current_app

    app = current_app._get_current_object()  # type: ignore[attr-defined]  # a LocalProxy
    job_id = _approved(services, city, 2)
    services.vault.generate()
    tokens, away = token_home / "tokens", token_home / "away"
    tokens.rename(away)
    end = start_thread(app)
    try:
        until(lambda: services.jobs.progress(job_id).waiting == 2)
        away.rename(tokens)
        until(lambda: services.jobs.progress(job_id).done == 2)
    finally:
        if away.exists():
            away.rename(tokens)
        end()
    assert services.jobs.progress(job_id).done == 2
