"""Requests for certificates: filing one, looking at it, deciding on it."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.errors import N_, Invalid
from signer.issuance.kinds import KIND_NAMES, RequestKind
from signer.issuance.views import RequestView
from signer.services import services
from signer.web.access import actor
from signer.web.forms import FormError, choice, number_in_query, numbers_in
from signer.web.pages import Pages
from signer.web.people import asked_for

blueprint = Pages("requests", __name__)

STATES = {
    "pending": N_("Chờ duyệt"),
    "approved": N_("Đã duyệt"),
    "rejected": N_("Không được duyệt"),
    "cancelled": N_("Đã rút lại"),
}
KIND_TITLES = {
    RequestKind.ISSUE: N_("Lập đề nghị cấp chứng thư"),
    RequestKind.RENEW: N_("Lập đề nghị gia hạn chứng thư"),
    RequestKind.CHANGE: N_("Lập đề nghị thay đổi thông tin chứng thư"),
    RequestKind.REKEY: N_("Lập đề nghị cấp lại khóa"),
}
KIND_EFFECTS = {
    RequestKind.RENEW: N_(
        "Sau khi duyệt, mỗi người có chứng thư mới với khóa và mã PIN cũ. Chứng thư cũ dùng được "
        "đến hết hạn."
    ),
    RequestKind.CHANGE: N_(
        "Sau khi duyệt, mỗi người có chứng thư mang thông tin mới, khóa, mã PIN và ngày hết hạn "
        "như cũ. Chứng thư cũ bị thu hồi."
    ),
    RequestKind.REKEY: N_(
        "Sau khi duyệt, mỗi người có khóa và chứng thư mới và phải đặt mã PIN mới. Chứng thư cũ "
        "bị thu hồi."
    ),
}
PAGE_SIZE = 50


@blueprint.page("/requests", Permission.REQUEST_VIEW)
def index() -> ResponseReturnValue:
    """The newest requests first, a page at a time."""
    state = request.args.get("state", "")
    found = services().issuance.requests(
        actor(),
        state=state if state in STATES else None,
        before=number_in_query("before"),
        limit=PAGE_SIZE,
    )
    return render_template(
        "requests/index.html",
        requests=found,
        states=STATES,
        kinds=KIND_NAMES,
        state=state,
        oldest=found[-1].id if len(found) == PAGE_SIZE else None,
    )


@blueprint.page("/requests/new", Permission.REQUEST_CREATE)
def new_page(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """Who it is for, and the reason; chosen people come as `person`, a unit as `unit`.

    People whose data changed come as the drafts of the roster that say so; a list of people comes
    as its filter.
    """
    asked = asked_for(request.values)
    unit, kind = asked.unit, _kind()
    drafts = services().issuance.revoking.drafts_of(actor(), numbers_in("draft"))
    codes = request.values.getlist("person") + [draft.code for draft in drafts]
    known = services().inventory.people_by_codes(actor(), codes)
    people = sorted(known.values(), key=lambda person: person.sort_key)
    unit_code = unit.code if unit else None
    is_first = kind is RequestKind.ISSUE
    if codes or not is_first:
        lacking = 0
    elif asked.is_narrow:
        lacking = services().issuance.count_lacking(actor(), asked.filter)
    else:
        lacking = services().reports.coverage(actor(), unit_code=unit_code).lacking
    return render_template(
        "requests/new.html",
        people=people,
        asked=asked,
        lacking=lacking,
        kind=kind,
        title=KIND_TITLES[kind],
        effect=KIND_EFFECTS.get(kind, ""),
        errors=errors,
    )


@blueprint.form("/requests", Permission.REQUEST_CREATE, again=new_page)
def create() -> ResponseReturnValue:
    """One pending request; people left out of it are listed with the reason."""
    codes = request.form.getlist("person")
    kind, asked = _kind(), asked_for(request.form)
    created = services().issuance.create(
        actor(),
        unit_code=asked.unit.code if asked.unit and not codes else None,
        asked=asked.filter,
        lacking=not codes and kind is RequestKind.ISSUE,
        person_codes=codes,
        reason=request.form.get("reason", ""),
        kind=kind,
    )
    if created.refused or created.id is None:
        return render_template("requests/created.html", created=created)
    flash(_("Đã lập đề nghị cho %(persons)s người.", persons=created.persons), "ok")
    return redirect(url_for(".show", request_id=created.id))


@blueprint.page("/requests/<int:request_id>", Permission.REQUEST_VIEW)
def show(request_id: int, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The request with its people and, for somebody who may decide, the decision form."""
    found = services().issuance.request_of(actor(), request_id)
    job_id = found.job_id
    return render_template(
        "requests/show.html",
        item=found,
        people=services().issuance.people_of(actor(), request_id),
        states=STATES,
        kinds=KIND_NAMES,
        job=services().jobs.progress(job_id) if job_id is not None else None,
        is_own=found.requester_id == actor().account_id,
        may_decide=_may_decide(found),
        errors=errors,
    )


@blueprint.form("/requests/<int:request_id>/decision", Permission.REQUEST_APPROVE, again=show)
def decide(request_id: int) -> ResponseReturnValue | None:
    """Approved, and its job waits for the worker; or rejected with a reason."""
    note = request.form.get("note", "")
    outcome = request.form.get("outcome")
    if outcome == "approve":
        job_id = services().issuance.approve(actor(), request_id, note)
        flash(_("Đã duyệt. Việc cấp chứng thư đang được thực hiện."), "ok")
        return redirect(url_for("jobs.show", job_id=job_id))
    if outcome != "reject":
        raise Invalid(N_("Hãy chọn duyệt hoặc không duyệt."))
    services().issuance.reject(actor(), request_id, note)
    flash(_("Đã ghi nhận không duyệt đề nghị này."), "ok")
    return None


@blueprint.form("/requests/<int:request_id>/cancel", Permission.REQUEST_CREATE, again=show)
def cancel(request_id: int) -> None:
    """The requester took the request back."""
    services().issuance.cancel(actor(), request_id)
    flash(_("Đã rút lại đề nghị."), "ok")


def _kind() -> RequestKind:
    """What is asked for; a first certificate when the page does not say."""
    return choice(RequestKind, request.values.get("kind")) or RequestKind.ISSUE


def _may_decide(found: RequestView) -> bool:
    return (
        found.state == "pending"
        and found.requester_id != actor().account_id
        and actor().can(Permission.REQUEST_APPROVE, found.unit_path)
    )
