"""The people of one's own units: who has a certificate, who lacks one, and each person's page."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import NewAccount, Permission
from signer.errors import N_
from signer.inventory.models import OrgUnit
from signer.inventory.people import PeopleFilter
from signer.services import services
from signer.web.access import actor, permission
from signer.web.audit import ACTION_NAMES
from signer.web.forms import FormError, shown_again_by
from signer.web.labels import unit_options

blueprint = Blueprint("people", __name__)

PAGE_SIZE = 50
_EVENTS_SHOWN = 20
_ACTS_SHOWN = 20
ACT_STATES = {
    "ordered": N_("Đang thực hiện"),
    "done": N_("Đã thực hiện"),
    "dismissed": N_("Đã bỏ qua"),
}
"""How far an act upon a certificate is."""
FILTERS = {
    "lacking": N_("Chưa được cấp"),
    "pending": N_("Đang chờ duyệt hoặc cấp"),
    "covered": N_("Có chứng thư còn hiệu lực"),
    "ready": N_("Đã cấp, chờ kích hoạt"),
    "active": N_("Đang hoạt động"),
    "locked": N_("Bị khóa do nhập sai mã PIN"),
    "suspended": N_("Đang tạm dừng"),
    "failed": N_("Cấp không thành công"),
    "expired": N_("Đã hết hạn"),
    "revoked": N_("Đã thu hồi"),
}


@blueprint.get("/people")
@permission(Permission.PERSON_VIEW)
def index() -> ResponseReturnValue:
    """A page of people, in the order of their given names."""
    state = request.args.get("state", "")
    unit = find_unit(request.args.get("unit", ""))
    page, standings = services().issuance.people(
        actor(),
        PeopleFilter(
            unit_path=unit.path if unit else None, search=request.args.get("q", "").strip() or None
        ),
        state=state if state in FILTERS else None,
        after=request.args.get("after") or None,
        limit=PAGE_SIZE,
    )
    return render_template(
        "people/index.html",
        page=page,
        standings=standings,
        unit=unit,
        state=state,
        unit_options=unit_options(
            services().inventory.visible_units(actor(), Permission.PERSON_VIEW),
            _("Tất cả đơn vị của tôi"),
        ),
        units=services().inventory.units_by_ids(person.unit_id for person in page.items),
        filters=FILTERS,
    )


@blueprint.get("/people/<code>")
@permission(Permission.PERSON_VIEW)
def show(code: str, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """One person: the facts, the certificate, and what happened to both."""
    return _page(code, errors=errors)


@blueprint.post("/people/<code>/id-number")
@permission(Permission.PERSON_REVEAL)
def reveal(code: str) -> ResponseReturnValue:
    """The full identity number on this one page; the look at it is recorded (R5)."""
    return _page(code, id_number=services().inventory.reveal_id(actor(), code))


@blueprint.post("/people/<code>/reactivation")
@permission(Permission.CERTIFICATE_REVOKE)
@shown_again_by(show)
def reactivate(code: str) -> ResponseReturnValue:
    """A locked key is replaced; the person sets a PIN again."""
    services().issuance.allow_reactivation(actor(), code)
    flash(_("Đã cấp lại khóa ký. Người này cần đăng nhập và đặt mã PIN mới."), "ok")
    return redirect(url_for("people.show", code=code))


@blueprint.post("/people/<code>/account")
@permission(Permission.ACCOUNT_OPEN)
@shown_again_by(show)
def open_account(code: str) -> ResponseReturnValue:
    """The person has a log-in; its one-time password is on this one page and nowhere else."""
    made = services().logins.open(actor(), code)
    return _page(code, account=made)


def find_unit(code: str) -> OrgUnit | None:
    """The unit of that code; None for no code. Raises `NotFound` for an unknown one."""
    return services().inventory.unit_of(code.strip()) if code.strip() else None


def _page(
    code: str,
    *,
    id_number: str | None = None,
    account: NewAccount | None = None,
    errors: tuple[FormError, ...] = (),
) -> ResponseReturnValue:
    person = services().inventory.person_of(actor(), code)
    unit = services().inventory.units_by_ids([person.unit_id])[person.unit_id]
    sees_record = actor().can(Permission.AUDIT_VIEW, person.unit_path)
    subject = f"person:{person.code}"
    may_revoke = actor().can(Permission.CERTIFICATE_REVOKE, person.unit_path)
    revoking = services().issuance.revoking
    return render_template(
        "people/show.html",
        person=person,
        unit=unit,
        standing=services().issuance.states_of([person.id])[person.id],
        id_number=id_number,
        account=account,
        errors=errors,
        names=ACTION_NAMES,
        may_revoke=may_revoke,
        act_states=ACT_STATES,
        acts=revoking.history(actor(), person_id=person.id, limit=_ACTS_SHOWN)
        if may_revoke
        else (),
        events=services().audit.events(subject=subject, limit=_EVENTS_SHOWN) if sees_record else (),
    )
