"""The seals of bodies: who keeps them, and asking for, approving, handing over and ending one."""

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.errors import N_, Invalid
from signer.issuance.grounds import BODY_GROUNDS, GROUNDS, Ground
from signer.issuance.seal_views import STATE_NAMES
from signer.services import services
from signer.web.access import actor
from signer.web.formats import say
from signer.web.forms import FormError, choice, number_in_query, required
from signer.web.labels import unit_options
from signer.web.pages import Pages, told

blueprint = Pages("seals", __name__)
_PAGE = 50
_TONES = {
    "pending": "wait", "approved": "wait", "ready": "ok", "rejected": "bad",
    "cancelled": "mute", "ending": "wait", "ended": "mute",
}  # fmt: skip
STATES = {state: (_TONES[state], name) for state, name in STATE_NAMES.items()}


@blueprint.page("/seals", Permission.REQUEST_VIEW)
def index() -> ResponseReturnValue:
    """The seals of the visitor's units, the newest first, a page at a time."""
    found = services().issuance.seals.page(actor(), before=number_in_query("before"), limit=_PAGE)
    return render_template("seals/index.html", seals=found, states=STATES, full=len(found) == _PAGE)


@blueprint.page("/seals/new", Permission.REQUEST_CREATE)
def new_page(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The form that asks for a body's seal."""
    units = services().inventory.visible_units(actor(), Permission.REQUEST_CREATE)
    bodies = [unit for unit in units if unit.has_legal_status and unit.has_seal]
    return render_template(
        "seals/new.html", choices=unit_options(bodies, _("Chọn cơ quan")), errors=errors
    )


@blueprint.form("/seals/new", Permission.REQUEST_CREATE, again=new_page)
def create() -> ResponseReturnValue:
    """The request waits for a second person."""
    seal_id = services().issuance.seals.create(
        actor(),
        unit_code=required("unit_code", N_("Hãy chọn cơ quan.")),
        keeper_code=required("keeper_code", N_("Hãy ghi mã cán bộ của người giữ con dấu.")),
        document_ref=required("document_ref", N_("Hãy ghi số, ký hiệu văn bản làm căn cứ.")),
        reason=request.form.get("reason", ""),
    )
    return told(_("Đã lập đề nghị. Một người khác phải duyệt."), ".show", seal_id=seal_id)


@blueprint.page("/seals/<int:seal_id>", Permission.REQUEST_VIEW)
def show(seal_id: int, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """One seal, and what the visitor can do about it."""
    return render_template(
        "seals/show.html",
        seal=services().issuance.seals.view_of(actor(), seal_id),
        states=STATES,
        grounds=[(ground.value, say(GROUNDS[ground].label)) for ground in BODY_GROUNDS],
        errors=errors,
    )


@blueprint.form("/seals/<int:seal_id>/approve", Permission.REQUEST_APPROVE, again=show)
def approve(seal_id: int) -> ResponseReturnValue:
    """The seal is issued in the background."""
    services().issuance.seals.approve(actor(), seal_id, request.form.get("note", ""))
    return told(_("Đã duyệt. Con dấu số đang được cấp."), ".show", seal_id=seal_id)


@blueprint.form("/seals/<int:seal_id>/reject", Permission.REQUEST_APPROVE, again=show)
def reject(seal_id: int) -> ResponseReturnValue:
    """The request is over."""
    services().issuance.seals.reject(actor(), seal_id, request.form.get("note", ""))
    return told(_("Đã từ chối đề nghị."), ".show", seal_id=seal_id)


@blueprint.form("/seals/<int:seal_id>/cancel", Permission.REQUEST_CREATE, again=show)
def cancel(seal_id: int) -> ResponseReturnValue:
    """The requester takes it back."""
    services().issuance.seals.cancel(actor(), seal_id)
    return told(_("Đã rút lại đề nghị."), ".show", seal_id=seal_id)


@blueprint.form("/seals/<int:seal_id>/hand-over", Permission.REQUEST_CREATE, again=show)
def hand_over(seal_id: int) -> ResponseReturnValue:
    """A request for another keeper; the present one keeps it until that is approved."""
    number = services().issuance.seals.hand_over(
        actor(),
        seal_id,
        required("keeper_code", N_("Hãy ghi mã cán bộ của người giữ con dấu.")),
        required("document_ref", N_("Hãy ghi số, ký hiệu văn bản làm căn cứ.")),
    )
    return told(_("Đã lập đề nghị bàn giao. Một người khác phải duyệt."), ".show", seal_id=number)


@blueprint.form("/seals/<int:seal_id>/end", Permission.CERTIFICATE_REVOKE, again=show)
def end(seal_id: int) -> ResponseReturnValue:
    """The certificate is revoked for good."""
    ground = choice(Ground, request.form.get("ground"))
    if ground is None:
        raise Invalid(N_("Hãy chọn lý do thu hồi."), field="ground")
    services().issuance.seals.end(
        actor(), seal_id, ground=ground, document_ref=request.form.get("end_document_ref", "")
    )
    return told(_("Đã thu hồi con dấu số."), ".show", seal_id=seal_id)
