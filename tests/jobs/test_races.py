"""Two workers that finish the last chunks of a job at the same moment."""

import threading
from collections.abc import Sequence

from flask import Flask

from signer.db import db, transaction
from signer.errors import SignerError
from signer.jobs.service import CHUNK
from signer.services import Services
from tests.databases import both_databases


@both_databases
def test_the_last_of_two_workers_closes_the_job(services: Services, app: Flask) -> None:
    """Neither leaves it to the other: the job is done, and recorded as done once."""
    for _ in range(5):
        with transaction():
            job_id = services.jobs.create(
                "thử", [str(n) for n in range(2 * CHUNK)], actor="an", title="Thử"
            )
        both = threading.Barrier(2, timeout=30)

        def handle(keys: Sequence[str], both: threading.Barrier = both) -> dict[str, SignerError]:
            both.wait()
            return {}

        def work() -> None:
            with app.app_context():
                services.jobs.run({"thử": handle})
                db.session.remove()

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        db.session.rollback()
        progress = services.jobs.progress(job_id)
        assert (progress.done, progress.state) == (2 * CHUNK, "done")
    finished = [e for e in services.audit.events(limit=99) if e.action == "job.finished"]
    assert len(finished) == 5
