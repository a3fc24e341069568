"""Long work: done once, retried alone, paused, resumed, never lost."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from signer.db import transaction
from signer.errors import Conflict, Invalid, SignerError, Unavailable
from signer.jobs.service import CHUNK, LEASE
from signer.services import Services
from tests.clocks import StandingClock
from tests.databases import both_databases


def _job(services: Services, count: int) -> int:
    with transaction():
        return services.jobs.create("thử", [str(n) for n in range(count)], actor="an", title="Thử")


class Worker:
    """A handler that remembers, and fails the keys it is told to."""

    def __init__(self, *failing: str) -> None:
        self.done: list[str] = []
        self.failing = set(failing)

    def __call__(self, keys: Sequence[str]) -> dict[str, SignerError]:
        self.done += keys
        return {key: Invalid("hỏng %(key)s", key=key) for key in keys if key in self.failing}


@both_databases
def test_every_item_is_done_once(services: Services) -> None:
    """More than one chunk, and then the job is done."""
    job_id, worker = _job(services, CHUNK + 7), Worker()
    assert services.jobs.run({"thử": worker}) == CHUNK + 7
    assert worker.done == [str(n) for n in range(CHUNK + 7)]
    progress = services.jobs.progress(job_id)
    assert (progress.state, progress.done, progress.percent) == ("done", CHUNK + 7, 100)
    assert services.jobs.run({"thử": worker}) == 0


def test_failed_items_keep_their_reason_and_are_tried_again(services: Services) -> None:
    """The rest is not disturbed."""
    job_id, worker = _job(services, 5), Worker("1", "3")
    services.jobs.run({"thử": worker})
    failures = services.jobs.failures(job_id)
    assert [(f.key, f.sentence % f.values) for f in failures] == [("1", "hỏng 1"), ("3", "hỏng 3")]
    worker.failing.clear()
    assert services.jobs.retry_failed(job_id, "an") == 2
    services.jobs.run({"thử": worker})
    assert worker.done[5:] == ["1", "3"]
    assert services.jobs.progress(job_id).failed == 0


def test_a_paused_job_waits(services: Services) -> None:
    """Until it is resumed; a finished one cannot be paused."""
    job_id, worker = _job(services, 3), Worker()
    services.jobs.pause(job_id, "an")
    assert services.jobs.run({"thử": worker}) == 0
    services.jobs.resume(job_id, "an")
    assert services.jobs.run({"thử": worker}) == 3
    with pytest.raises(Conflict):
        services.jobs.pause(job_id, "an")


def test_unavailable_puts_the_chunk_back(services: Services) -> None:
    """The queue waits; nothing counts as tried or failed."""
    job_id = _job(services, 3)

    def away(keys: Sequence[str]) -> dict[str, SignerError]:
        raise Unavailable("đi vắng")

    with pytest.raises(Unavailable):
        services.jobs.run({"thử": away})
    worker = Worker()
    assert services.jobs.run({"thử": worker}) == 3
    assert services.jobs.progress(job_id).failed == 0


def test_what_a_killed_worker_held_is_taken_over_after_its_lease(
    services: Services, clock: StandingClock
) -> None:
    """A worker that died in a handler never finishes its chunk; another one does."""
    _job(services, 3)

    class Killed(BaseException):
        """Stands for the death of the process."""

    def dies(keys: Sequence[str]) -> dict[str, SignerError]:
        raise Killed

    with pytest.raises(Killed):
        services.jobs.run({"thử": dies})
    worker = Worker()
    assert services.jobs.run({"thử": worker}) == 0
    clock.move(LEASE + timedelta(seconds=1))
    assert services.jobs.run({"thử": worker}) == 3


def test_the_only_worker_takes_up_at_once_what_its_killed_predecessor_held(
    services: Services,
) -> None:
    """Restarted, the embedded server goes on without waiting for the lease to run out."""
    _job(services, 3)

    class Killed(BaseException):
        """Stands for the death of the process."""

    def dies(keys: Sequence[str]) -> dict[str, SignerError]:
        raise Killed

    with pytest.raises(Killed):
        services.jobs.run({"thử": dies})
    assert services.jobs.release_leases() == 3
    assert services.jobs.run({"thử": Worker()}) == 3


def test_an_item_that_breaks_the_handler_fails_alone(services: Services) -> None:
    """A fault nobody expected: the neighbours are done, the job ends, the item can be retried."""
    job_id, worker = _job(services, 5), Worker()

    def breaks(keys: Sequence[str]) -> dict[str, SignerError]:
        if "2" in keys:
            raise ZeroDivisionError
        return worker(keys)

    services.jobs.run({"thử": breaks})
    progress = services.jobs.progress(job_id)
    assert (progress.state, progress.done, progress.failed) == ("done", 4, 1)
    (failure,) = services.jobs.failures(job_id)
    assert failure.key == "2"
    assert "Lỗi ngoài dự kiến" in failure.sentence


def test_a_job_paused_during_its_last_chunk_is_done(services: Services) -> None:
    """Nothing is left that could be resumed."""
    job_id, worker = _job(services, 3), Worker()

    def paused_meanwhile(keys: Sequence[str]) -> dict[str, SignerError]:
        services.jobs.pause(job_id, "an")
        return worker(keys)

    services.jobs.run({"thử": paused_meanwhile})
    assert services.jobs.progress(job_id).state == "done"


def test_a_worker_too_late_does_not_undo_what_another_one_did(
    services: Services, clock: StandingClock
) -> None:
    """Its lease ran out, another worker did the items: done stays done."""
    job_id = _job(services, 2)

    def slow(keys: Sequence[str]) -> dict[str, SignerError]:
        clock.move(LEASE + timedelta(seconds=1))
        services.jobs.run({"thử": Worker()})
        return dict.fromkeys(keys, Invalid("quá muộn"))

    services.jobs.run({"thử": slow})
    progress = services.jobs.progress(job_id)
    assert (progress.state, progress.done, progress.failed) == ("done", 2, 0)
