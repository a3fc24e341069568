"""Reminders: writing one, reading what came, and who has seen what was sent."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.campaigns.kinds import VIEW_WORDS
from signer.reports.coverage import View
from signer.services import services
from signer.web.access import actor, permission, safe_next, signed_in
from signer.web.forms import FormError, required, shown_again_by

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


@blueprint.get("/reminders/new")
@permission(Permission.TASK_REPORT)
def new_page(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The form: to which unit, about which list of people, and how many they are now."""
    unit = services().inventory.unit_of(request.values.get("unit", ""))
    asked = request.values.get("view", "")
    view = View(asked) if asked in VIEW_WORDS else View.LACKS
    return render_template(
        "campaigns/remind.html",
        unit=unit,
        view=view,
        persons=services().campaigns.reminding.count(actor(), unit.code, view),
        errors=errors,
    )


@blueprint.post("/reminders")
@permission(Permission.TASK_REPORT)
@shown_again_by(new_page)
def send() -> ResponseReturnValue:
    """The reminder stands on the start page of those who look after the unit."""
    view = request.form.get("view", "")
    sent = services().campaigns.remind(
        actor(),
        required("unit"),
        View(view) if view in VIEW_WORDS else View.LACKS,
        request.form.get("message", ""),
    )
    flash(_("Đã nhắc %(unit)s.", unit=sent.unit_name), "ok")
    return redirect(url_for("reminders.index"))


@blueprint.post("/reminders/<int:reminder_id>/seen")
@signed_in
def acknowledge(reminder_id: int) -> ResponseReturnValue:
    """The reminder leaves the start page; its sender sees who has seen it."""
    services().campaigns.reminding.acknowledge(actor(), reminder_id)
    flash(_("Đã đánh dấu lời nhắc là đã xem."), "ok")
    return redirect(safe_next(request.form.get("next")))
