"""Reminders: what came, and who has seen what was sent; the lists of people send them."""

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.services import services
from signer.web.access import actor, permission, safe_next, signed_in

blueprint = Blueprint("reminders", __name__)


@blueprint.get("/reminders")
@permission(Permission.REPORT_VIEW)
def index() -> ResponseReturnValue:
    """The newest reminders of the visitor's units, and who has seen them."""
    mine = {reminder.id for reminder in services().campaigns.reminders_for(actor())}
    return render_template(
        "campaigns/reminders.html",
        reminders=services().campaigns.reminding.listed(actor()),
        mine=mine,
    )


@blueprint.post("/reminders/<int:reminder_id>/seen")
@signed_in
def acknowledge(reminder_id: int) -> ResponseReturnValue:
    """The reminder leaves the start page; its sender sees who has seen it."""
    services().campaigns.reminding.acknowledge(actor(), reminder_id)
    flash(_("Đã đánh dấu lời nhắc là đã xem."), "ok")
    return redirect(safe_next(request.form.get("next")))
