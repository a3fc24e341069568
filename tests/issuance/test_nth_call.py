"""The n-th call fails while a worker issues, of the database and of the HSM: it goes on, once each.

As in tests/ca/test_faults.py, here for the whole way: keys made and wrapped, certified, settled.
"""

import time

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from signer.accounts import Role
from signer.ca.invariants import one_instant
from signer.ca.models import Certificate
from signer.cli.ledger import check_ledger
from signer.db import db
from signer.errors import SignerError, Unavailable
from signer.services import Services
from tests.breaking import calls_of, failing
from tests.factories import City

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    # python-pkcs11 ends a search twice when its start failed, in a __del__ that cannot raise.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_issuing(services: Services, city: City) -> None:
    """Two people of an approved request at each call: two certificates each, no try in vain."""
    clerk, head = city.actor("hr", Role.HR), city.actor("head", Role.APPROVER)

    def approve() -> int:
        codes = [person.code for person in city.people(2)]
        made = services.issuance.create(clerk, person_codes=codes, reason="Lần đầu")
        return services.issuance.approve(head, made.id or 0)

    def work() -> None:
        services.issuance.issuing.resume()
        services.jobs.run(services.job_handlers)

    approve()
    points = calls_of(work)
    for rounds, point in enumerate(points, start=2):
        job_id = approve()
        with failing(point):
            try:
                work()
            except (SignerError, SQLAlchemyError):
                db.session.rollback()
        finish(services, job_id)
        issued = select(func.count()).select_from(Certificate).where(Certificate.state == "issued")
        assert db.session.scalar(issued) == 2 * rounds, point
    assert {name for name, _ in points} >= {"a commit", "a statement", "C_WrapKey", "C_Sign"}
    with one_instant():
        assert list(check_ledger(services)) == []


def finish(services: Services, job_id: int) -> None:
    """The worker comes again, as it does every second, until the job is done."""
    deadline = time.monotonic() + 10
    while True:
        services.jobs.release_leases()
        try:
            services.issuance.issuing.resume()
            services.jobs.run(services.job_handlers)
        except Unavailable:
            db.session.rollback()
            time.sleep(0.02)
        progress = services.jobs.progress(job_id)
        db.session.rollback()
        if progress.failed:  # as an operator would
            services.jobs.retry_failed(job_id, "system")
        if progress.done == 2:
            return
        assert time.monotonic() < deadline, progress
