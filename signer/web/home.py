"""The start page, the short guide, and the choices of language and of light or dark."""

from dataclasses import dataclass
from datetime import date

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from signer.accounts import Actor, Permission
from signer.accounts.permissions import ROLE_NAMES
from signer.campaigns.models import Campaign, SentReminder
from signer.dossiers.views import DocumentView
from signer.jobs import Progress
from signer.services import services
from signer.signing.service import KeyState
from signer.web.access import actor, public, safe_next, signed_in

blueprint = Blueprint("home", __name__, template_folder="templates")

_YEAR = 365 * 24 * 3600
_JOBS_SHOWN = 5
_SOON_DAYS = 60


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """What waits for one person; None where the person has nothing to do with it."""

    requests: int | None
    documents: tuple[DocumentView, ...] | None
    key: KeyState | None
    counts: dict[str, int] | None
    drafts: int | None
    expiring: tuple[int, int] | None
    """(days, certificates that run out within them)."""
    jobs: tuple[Progress, ...]
    reminders: tuple[SentReminder, ...]
    sprint: Campaign | None
    today: date


@blueprint.get("/")
@signed_in
def start() -> ResponseReturnValue:
    """What waits for the visitor, and the ways to it."""
    roles = {grant.role: ROLE_NAMES[grant.role] for grant in actor().grants}
    return render_template("home/start.html", waiting=_waiting_for(actor()), roles=roles)


@blueprint.get("/help")
@public
def guide() -> ResponseReturnValue:
    """How each role does its work, in a few steps."""
    return render_template("home/help.html")


@blueprint.get("/language/<any(vi, en):code>")
@public
def choose_language(code: str) -> ResponseReturnValue:
    """The visitor goes on reading in that language."""
    return _remembered("lang", code)


@blueprint.get("/theme/<any(light, dark):theme>")
@public
def choose_theme(theme: str) -> ResponseReturnValue:
    """The visitor goes on reading on that ground; app.js does the same without a request."""
    return _remembered("theme", theme)


def _waiting_for(visitor: Actor) -> Waiting:
    house = services()
    signs = visitor.can(Permission.DOCUMENT_SIGN)
    person = house.inventory.person_of_account(visitor.account_id)
    approves = visitor.can(Permission.REQUEST_APPROVE)
    return Waiting(
        requests=house.issuance.count_pending(visitor) if approves else None,
        documents=tuple(house.dossiers.inbox(visitor)) if signs else None,
        key=house.signing.key_of_person(person) if signs and person else None,
        counts=house.issuance.counts(visitor) if visitor.can(Permission.PERSON_VIEW) else None,
        drafts=_count_drafts(visitor),
        expiring=_count_expiring(visitor),
        jobs=_running_jobs(visitor),
        reminders=tuple(house.campaigns.reminders_for(visitor)),
        sprint=_running_sprint(visitor),
        today=house.clock.today(),
    )


def _running_sprint(visitor: Actor) -> Campaign | None:
    """The campaign that concerns the visitor and runs today, the newest of several."""
    rooms = services().campaigns
    return next((one for one in rooms.campaigns(visitor) if rooms.is_running(one)), None)


def _count_drafts(visitor: Actor) -> int | None:
    revokes = visitor.can(Permission.CERTIFICATE_REVOKE)
    return services().issuance.revoking.count_drafts(visitor) if revokes else None


def _count_expiring(visitor: Actor) -> tuple[int, int] | None:
    """How many run out soon: within `_SOON_DAYS`, or the nearest of the lists there are (R19)."""
    if not visitor.can(Permission.PERSON_VIEW):
        return None
    counts = services().issuance.count_expiring(visitor)
    days = min(counts, key=lambda listed: abs(listed - _SOON_DAYS))
    return days, counts[days]


def _running_jobs(visitor: Actor) -> tuple[Progress, ...]:
    """The jobs of the newest approved requests that are not finished yet."""
    if not visitor.can(Permission.JOB_VIEW):
        return ()
    approved = services().issuance.requests(visitor, state="approved", limit=_JOBS_SHOWN)
    jobs = (services().jobs.progress(r.job_id) for r in approved if r.job_id is not None)
    return tuple(job for job in jobs if job.state in ("running", "paused"))


def _remembered(name: str, value: str) -> ResponseReturnValue:
    answer = redirect(safe_next(request.args.get("next")))
    answer.set_cookie(name, value, max_age=_YEAR, samesite="Lax", path="/")
    return answer
