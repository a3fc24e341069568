"""The start page, reminders, the short guide, and the choices of language and of light or dark."""

from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Actor, Permission
from signer.accounts.permissions import ROLE_NAMES
from signer.doors import PUBLIC, SIGNED_IN
from signer.jobs import Progress
from signer.services import services
from signer.web.access import actor, safe_next
from signer.web.pages import Pages

blueprint = Pages("home", __name__, template_folder="templates")
reminders = Pages("reminders", __name__)

_YEAR = 365 * 24 * 3600
_JOBS_SHOWN = 5
_SOON_DAYS = 60


@blueprint.page("/", SIGNED_IN)
def start() -> ResponseReturnValue:
    """What waits for the visitor, and the ways to it."""
    roles = {grant.role: ROLE_NAMES[grant.role] for grant in actor().grants}
    return render_template("home/start.html", waiting=_waiting_for(actor()), roles=roles)


@blueprint.page("/help", PUBLIC)
def guide() -> ResponseReturnValue:
    """How each role does its work, in a few steps."""
    return render_template("home/help.html")


@blueprint.page("/language/<any(vi, en):code>", PUBLIC)
def choose_language(code: str) -> ResponseReturnValue:
    """The visitor goes on reading in that language."""
    return _remembered("lang", code)


@blueprint.page("/theme/<any(light, dark):theme>", PUBLIC)
def choose_theme(theme: str) -> ResponseReturnValue:
    """The visitor goes on reading on that ground; app.js does the same without a request."""
    return _remembered("theme", theme)


@reminders.page("/reminders", Permission.REPORT_VIEW)
def index() -> ResponseReturnValue:
    """The newest reminders of the visitor's units, and who has seen them."""
    return render_template(
        "campaigns/reminders.html",
        reminders=services().campaigns.reminding.listed(actor()),
        mine={reminder.id for reminder in services().campaigns.reminders_for(actor())},
    )


@reminders.form("/reminders/<int:reminder_id>/seen", SIGNED_IN)
def acknowledge(reminder_id: int) -> ResponseReturnValue:
    """The reminder leaves the start page; its sender sees who has seen it."""
    services().campaigns.reminding.acknowledge(actor(), reminder_id)
    flash(_("Đã đánh dấu lời nhắc là đã xem."), "ok")
    return redirect(safe_next(request.form.get("next")))


def _waiting_for(visitor: Actor) -> dict[str, object]:
    """What waits for one person; None where the person has nothing to do with it."""
    house, may = services(), visitor.can
    signs, counts = may(Permission.DOCUMENT_SIGN), may(Permission.PERSON_VIEW)
    person = house.inventory.person_of_account(visitor.account_id)
    sprints = house.campaigns.campaigns(visitor)
    revoking = house.issuance.revoking
    return {
        "requests": house.issuance.count_pending(visitor)
        if may(Permission.REQUEST_APPROVE)
        else None,
        "documents": house.dossiers.inbox(visitor) if signs else None,
        "key": house.signing.key_of_person(person) if signs and person else None,
        "counts": house.issuance.counts(visitor) if counts else None,
        "drafts": revoking.count_drafts(visitor) if may(Permission.CERTIFICATE_REVOKE) else None,
        "expiring": _soonest_expiring(visitor) if counts else None,
        "jobs": _running_jobs(visitor) if may(Permission.JOB_VIEW) else (),
        "reminders": house.campaigns.reminders_for(visitor),
        "sprint": next((one for one in sprints if house.campaigns.is_running(one)), None),
        "today": house.clock.today(),
    }


def _soonest_expiring(visitor: Actor) -> tuple[int, int]:
    """Days, and how many run out within them: `_SOON_DAYS`, or the nearest list there is (R19)."""
    counts = services().issuance.count_expiring(visitor)
    days = min(counts, key=lambda listed: abs(listed - _SOON_DAYS))
    return days, counts[days]


def _running_jobs(visitor: Actor) -> list[Progress]:
    """The jobs of the newest approved requests that are not finished yet."""
    approved = services().issuance.requests(visitor, state="approved", limit=_JOBS_SHOWN)
    jobs = (services().jobs.progress(r.job_id) for r in approved if r.job_id is not None)
    return [job for job in jobs if job.state in ("running", "paused")]


def _remembered(name: str, value: str) -> ResponseReturnValue:
    answer = redirect(safe_next(request.args.get("next")))
    answer.set_cookie(name, value, max_age=_YEAR, samesite="Lax", path="/")
    return answer
