"""Running long work from its rows, so that a killed worker loses nothing and does nothing twice."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import func, insert, or_, select, update

from signer.clock import Clock
from signer.db import advisory_lock, canonical_json, db, move_state, release, transaction
from signer.errors import N_, Conflict, NotFound, SignerError, Unavailable
from signer.jobs.models import Job, JobItem

CHUNK = 200
"""Small items claimed together: few commits in bulk, a second or two lost with a worker."""
LEASE = timedelta(seconds=60)
"""After this long without an answer another worker may take the item; handlers are idempotent."""
_FINISH_LOCK = 0x10B5  # any fixed number: who closes jobs, among PostgreSQL's advisory locks

_log = structlog.get_logger(__name__)

Failures = Mapping[str, SignerError]
Handler = Callable[[Sequence[str]], Failures]
"""Does a chunk of items, named by their keys, and returns those that failed with the reason.

Idempotent. Raises `Unavailable` when nothing can go on now: the chunk then waits, uncounted.
"""


class Record(Protocol):
    """Writes one audit event into the open transaction."""

    def __call__(self, actor: str, action: str, subject: str, **details: object) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a job is; `waiting` includes items a worker is busy with."""

    id: int
    kind: str
    title: str
    state: str
    total: int
    done: int
    failed: int
    created_by: str
    created_at: datetime
    finished_at: datetime | None

    @property
    def waiting(self) -> int:
        """Items not yet tried, or being tried."""
        return self.total - self.done - self.failed

    @property
    def percent(self) -> int:
        """Whole percent of items finished either way, rounded down."""
        return 100 if not self.total else (self.done + self.failed) * 100 // self.total


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An item that failed, with the sentence to show and the values in it."""

    key: str
    sentence: str
    values: dict[str, object]
    attempts: int


class Jobs:
    """Creates, steers and runs jobs. Any number of workers may call `run` at once."""

    def __init__(self, clock: Clock, record: Record) -> None:
        """`record` is `Audit.record`: rooms of one floor do not import each other."""
        self._clock = clock
        self._record = record

    def create(
        self,
        kind: str,
        keys: Sequence[str],
        *,
        actor: str,
        title: str,
        scope_path: str = "",
        at_once: int = CHUNK,
    ) -> int:
        """The id of a new job, one waiting item per key; inside the caller's transaction.

        `at_once` items are claimed together; progress moves and a pause holds between claims.
        """
        job = Job(
            kind=kind,
            title=title,
            scope_path=scope_path,
            state="running",
            at_once=at_once,
            created_by=actor,
            created_at=self._clock.now(),
        )
        db.session.add(job)
        db.session.flush()
        db.session.execute(
            insert(JobItem), [{"job_id": job.id, "key": k, "state": "waiting"} for k in keys]
        )
        self._record(actor, "job.created", f"job:{job.id}", kind=kind, items=len(keys))
        return job.id

    def rescope(self, job_id: int, scope_path: str) -> None:
        """The job belongs to the unit at that path; inside the caller's transaction."""
        db.session.execute(update(Job).where(Job.id == job_id).values(scope_path=scope_path))

    def job_of(self, job_id: int) -> Job:
        """The job's row; raises `NotFound`."""
        job = db.session.get(Job, job_id)
        if job is None:
            raise NotFound(N_("Không tìm thấy công việc số %(id)d."), id=job_id)
        return job

    def progress(self, job_id: int) -> Progress:
        """How far the job is now."""
        job = self.job_of(job_id)
        by_state = (
            select(JobItem.state, func.count())
            .where(JobItem.job_id == job_id)
            .group_by(JobItem.state)
        )
        counts: dict[str, int] = {row[0]: row[1] for row in db.session.execute(by_state)}
        return Progress(
            id=job.id,
            kind=job.kind,
            title=job.title,
            state=job.state,
            total=sum(counts.values()),
            done=counts.get("done", 0),
            failed=counts.get("failed", 0),
            created_by=job.created_by,
            created_at=job.created_at,
            finished_at=job.finished_at,
        )

    def failures(self, job_id: int, *, limit: int = 200) -> list[Failure]:
        """The items that failed, oldest first."""
        rows = db.session.scalars(
            select(JobItem)
            .where(JobItem.job_id == job_id, JobItem.state == "failed")
            .order_by(JobItem.id)
            .limit(limit)
        )
        return [_failure_of(row) for row in rows]

    def pause(self, job_id: int, actor: str) -> None:
        """No further chunk is begun; the one under way is finished."""
        self._steer(job_id, "running", "paused", actor)

    def resume(self, job_id: int, actor: str) -> None:
        """A paused job goes on."""
        self._steer(job_id, "paused", "running", actor)

    def cancel(
        self, job_id: int, actor: str, *, in_same_commit: Callable[[], None] = lambda: None
    ) -> None:
        """What is done stays done; the rest is left, and `in_same_commit` frees what it held."""
        self._steer(job_id, ("running", "paused"), "cancelled", actor, in_same_commit)

    def retry_failed(self, job_id: int, actor: str) -> int:
        """How many failed items wait again; the job runs again if there are any."""
        with transaction():
            result = db.session.execute(
                update(JobItem)
                .where(JobItem.job_id == job_id, JobItem.state == "failed")
                .values(state="waiting", error=None, finished_at=None)
            )
            count = int(getattr(result, "rowcount", 0))
            if count:
                move_state(Job, job_id, ("done", "running", "paused"), "running", finished_at=None)
                self._record(actor, "job.retried", f"job:{job_id}", items=count)
        return count

    def waiting(self) -> int:
        """Items that a worker could take now."""
        return (
            db.session.scalar(
                select(func.count())
                .select_from(JobItem)
                .join(Job, Job.id == JobItem.job_id)
                .where(Job.state == "running", JobItem.state.in_(("waiting", "leased")))
            )
            or 0
        )

    def release_leases(self) -> int:
        """How many items a killed worker held; they wait again before its leases end.

        For a worker that is the only one, at its start. If there was another one after all, the
        two do the same items: wasted work, not wrong work.
        """
        with transaction():
            result = db.session.execute(
                update(JobItem)
                .where(JobItem.state == "leased")
                .values(state="waiting", leased_until=None)
            )
        return int(getattr(result, "rowcount", 0))

    def run(
        self,
        handlers: Mapping[str, Handler],
        *,
        job_id: int | None = None,
        on_progress: Callable[[int], None] | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> int:
        """Works off what waits until nothing does; returns how many items were finished.

        Raises `Unavailable` when a handler does; the chunk then waits again, untouched.
        """
        finished = 0
        while not stop() and (claimed := self._claim(handlers, job_id)):
            kind, items = claimed
            release()
            try:
                failures = _handle(handlers[kind], list(items))
            except Unavailable:
                self._put_back(items.values())
                raise
            self._finish(items, failures)
            finished += len(items)
            if on_progress is not None:
                on_progress(len(items))
        return finished

    def _claim(
        self, handlers: Mapping[str, Handler], job_id: int | None
    ) -> tuple[str, dict[str, int]] | None:
        now = self._clock.now()
        free = or_(
            JobItem.state == "waiting", (JobItem.state == "leased") & (JobItem.leased_until < now)
        )
        with transaction():
            oldest = (
                select(Job.id, Job.kind, Job.at_once)
                .join(JobItem, JobItem.job_id == Job.id)
                .where(Job.state == "running", Job.kind.in_(list(handlers)), free)
                .order_by(Job.id)
                .limit(1)
            )
            if job_id is not None:
                oldest = oldest.where(Job.id == job_id)
            job = db.session.execute(oldest).first()
            if job is None:
                return None
            rows = db.session.execute(
                select(JobItem.id, JobItem.key)
                .where(JobItem.job_id == job.id, free)
                .order_by(JobItem.id)
                .limit(job.at_once)
                .with_for_update(skip_locked=True)
            ).all()
            db.session.execute(
                update(JobItem)
                .where(JobItem.id.in_([row.id for row in rows]))
                .values(state="leased", leased_until=now + LEASE, attempts=JobItem.attempts + 1)
            )
        return (job.kind, {row.key: row.id for row in rows}) if rows else None

    def _put_back(self, item_ids: Iterable[int]) -> None:
        with transaction():
            db.session.execute(
                update(JobItem)
                .where(JobItem.id.in_(list(item_ids)), JobItem.state == "leased")
                .values(state="waiting", leased_until=None, attempts=JobItem.attempts - 1)
            )

    def _finish(self, items: Mapping[str, int], failures: Failures) -> None:
        now = self._clock.now()
        done = [item_id for key, item_id in items.items() if key not in failures]
        with transaction():
            advisory_lock(_FINISH_LOCK)  # or the last two workers would each wait for the other
            db.session.execute(
                update(JobItem)
                .where(JobItem.id.in_(done))
                .values(state="done", leased_until=None, error=None, finished_at=now)
            )
            for key, error in failures.items():
                text = canonical_json({"sentence": error.sentence, "values": error.values})
                db.session.execute(
                    update(JobItem)
                    .where(JobItem.id == items[key], JobItem.state == "leased")
                    .values(state="failed", leased_until=None, error=text, finished_at=now)
                )
            self._close_finished_jobs(now)

    def _close_finished_jobs(self, now: datetime) -> None:
        """A job is over with its last item, also when it was paused meanwhile."""
        open_items = select(JobItem.job_id).where(JobItem.state.in_(("waiting", "leased")))
        finished = db.session.scalars(
            select(Job.id)
            .where(Job.state.in_(("running", "paused")), Job.id.not_in(open_items))
            .with_for_update()
        ).all()
        for job_id in finished:
            move_state(Job, job_id, ("running", "paused"), "done", finished_at=now)
            self._record("system", "job.finished", f"job:{job_id}")

    def _steer(
        self,
        job_id: int,
        expected: str | tuple[str, ...],
        to: str,
        actor: str,
        in_same_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self.job_of(job_id)
        with transaction():
            try:
                move_state(Job, job_id, expected, to)
            except Conflict as error:
                raise Conflict(N_("Công việc này đã kết thúc hoặc đã đổi trạng thái.")) from error
            in_same_commit()
            self._record(actor, f"job.{to}", f"job:{job_id}")


def _handle(handler: Handler, keys: Sequence[str]) -> Failures:
    """The failures of the chunk; what breaks the handler itself fails alone, not its neighbours."""
    try:
        return handler(keys)
    except Unavailable:
        raise
    except SignerError as error:
        return dict.fromkeys(keys, error)
    except Exception:  # noqa: BLE001  # the fault of one item must not stop the queue for ever
        if len(keys) == 1:
            _log.exception("an item failed", key=keys[0])
            return {keys[0]: SignerError(_BROKEN)}
    failures: dict[str, SignerError] = {}
    for key in keys:
        release()
        failures |= _handle(handler, [key])
    return failures


_BROKEN = N_("Lỗi ngoài dự kiến; chi tiết có trong nhật ký của máy chủ. Có thể thử lại việc này.")


def _failure_of(row: JobItem) -> Failure:
    error = json.loads(row.error or "{}")
    return Failure(
        key=row.key,
        sentence=error.get("sentence", ""),
        values=error.get("values", {}),
        attempts=row.attempts,
    )
