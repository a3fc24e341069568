"""A long piece of work: how far it is, what failed, and the switches that steer it."""

from collections.abc import Callable

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from signer.accounts import Permission
from signer.issuance.revocation_views import RevocationView
from signer.issuance.revoking import REVOKE_JOB_KIND
from signer.issuance.service import CANCELLED_JOBS
from signer.issuance.views import RequestPerson, RequestView
from signer.jobs import Jobs
from signer.services import services
from signer.web.access import actor
from signer.web.forms import FormError
from signer.web.pages import Pages

blueprint = Pages("jobs", __name__)
_VIEW = Permission.JOB_VIEW

_ACTS: dict[str, Callable[[Jobs, int, str], object]] = {
    "pause": Jobs.pause,
    "resume": Jobs.resume,
    "retry": Jobs.retry_failed,
}


@blueprint.page("/jobs/<int:job_id>", _VIEW)
def show(job_id: int, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """Progress, switches and failures; the script renews the first part, a link all of it."""
    return _rendered("jobs/show.html", job_id, errors)


@blueprint.page("/jobs/<int:job_id>/progress", _VIEW)
def progress(job_id: int) -> ResponseReturnValue:
    """Only the part of the page that changes while the job runs."""
    return _rendered("jobs/_progress.html", job_id, ())


@blueprint.form("/jobs/<int:job_id>/<any(pause, resume, cancel, retry):act>", _VIEW, again=show)
def steer(job_id: int, act: str) -> ResponseReturnValue:
    """The job goes on, rests, ends, or tries its failures again."""
    job = services().jobs.job_of(job_id)
    actor().require(services().steering(job.kind), job.scope_path)
    if act == "cancel":
        services().issuance.cancel_job(actor(), job_id)
    else:
        _ACTS[act](services().jobs, job_id, actor().name)
    return redirect(url_for(".show", job_id=job_id))


def _rendered(template: str, job_id: int, errors: tuple[FormError, ...]) -> ResponseReturnValue:
    jobs = services().jobs
    job = jobs.job_of(job_id)
    actor().require(_VIEW, job.scope_path)
    source = services().issuance.find_request_of_job(actor(), job_id)
    failures = jobs.failures(job_id)
    return render_template(
        template,
        job=jobs.progress(job_id),
        failures=failures,
        person_of=_people_of(job.kind, source, [failure.key for failure in failures]),
        source=source,
        may_steer=actor().can(services().steering(job.kind), job.scope_path),
        may_cancel=job.kind in CANCELLED_JOBS,
        is_order=job.kind == REVOKE_JOB_KIND,
        errors=errors,
    )


def _people_of(
    kind: str, source: RequestView | None, keys: list[str]
) -> dict[str, RequestPerson | RevocationView]:
    """The people behind these items of a job, as far as the visitor may see them."""
    if source is not None:
        people = services().issuance.people_of(actor(), source.id)
        return {str(person.item_id): person for person in people}
    if kind != REVOKE_JOB_KIND or not keys:
        return {}
    acts = services().issuance.revoking.history(
        actor(), ids=[int(key) for key in keys], limit=len(keys)
    )
    return {str(act.id): act for act in acts}
