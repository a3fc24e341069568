"""Long work: how far it is, and the switches that steer it."""

from collections.abc import Callable

from marshmallow import fields

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.operations import Operations, Schema
from signer.api.wording import Said
from signer.jobs import Failure, Progress
from signer.services import services

jobs = Operations("jobs", "Long work, item by item")
_VIEW = Permission.JOB_VIEW


class JobAnswer(Schema):
    """How far the job is; `waiting` includes what a worker is busy with."""

    id = fields.Integer(required=True)
    kind = fields.String(required=True)
    title = Said(required=True)
    state = fields.String(required=True)
    total = fields.Integer(required=True)
    done = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    waiting = fields.Integer(required=True)
    percent = fields.Integer(required=True)
    created_by = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    finished_at = fields.DateTime(required=True, allow_none=True)


class FailureAnswer(Schema):
    """One item that failed, and why."""

    key = fields.String(required=True)
    reason = Said(attribute="sentence", required=True)
    attempts = fields.Integer(required=True)


@jobs.get("/jobs/<id:job_id>", _VIEW, answer=JobAnswer())
def get_job(job_id: int) -> Progress:
    """How far a job is."""
    _require(_VIEW, job_id)
    return services().jobs.progress(job_id)


@jobs.get("/jobs/<id:job_id>/failures", _VIEW, answer=FailureAnswer(many=True))
def list_failures(job_id: int) -> list[Failure]:
    """The items that failed, oldest first, at most 200."""
    _require(_VIEW, job_id)
    return services().jobs.failures(job_id)


@jobs.post("/jobs/<id:job_id>/pause", _VIEW, answer=JobAnswer())
def pause_job(job_id: int) -> Progress:
    """Begin no further items; those under way are finished."""
    return _steer(job_id, services().jobs.pause)


@jobs.post("/jobs/<id:job_id>/resume", _VIEW, answer=JobAnswer())
def resume_job(job_id: int) -> Progress:
    """Let a paused job go on."""
    return _steer(job_id, services().jobs.resume)


@jobs.post("/jobs/<id:job_id>/cancel", _VIEW, answer=JobAnswer())
def cancel_job(job_id: int) -> Progress:
    """End the job; what is done stays done."""
    services().issuance.cancel_job(actor(), job_id)
    return services().jobs.progress(job_id)


@jobs.post("/jobs/<id:job_id>/retry-failed", _VIEW, answer=JobAnswer())
def retry_failed_items(job_id: int) -> Progress:
    """Let the items that failed wait for another try."""
    return _steer(job_id, services().jobs.retry_failed)


def _steer(job_id: int, act: Callable[[int, str], object]) -> Progress:
    """Whoever may do what the job does may steer it."""
    _require(services().steering(services().jobs.job_of(job_id).kind), job_id)
    act(job_id, actor().name)
    return services().jobs.progress(job_id)


def _require(permission: Permission, job_id: int) -> None:
    actor().require(permission, services().jobs.job_of(job_id).scope_path)
