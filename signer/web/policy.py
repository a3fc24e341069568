"""What each state of service means: counted, may sign, what it asks of a certificate (R11)."""

from collections.abc import Mapping
from dataclasses import replace

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.errors import N_
from signer.inventory.policy import rules
from signer.inventory.states import Consequence, PersonState, StateRule
from signer.services import services
from signer.web.access import actor
from signer.web.forms import FormError
from signer.web.pages import Pages

blueprint = Pages("policy", __name__)

CONSEQUENCES = {
    Consequence.NONE: N_("Không đòi hỏi gì"),
    Consequence.CHANGE_OR_REVOKE: N_("Thay đổi hoặc thu hồi"),
    Consequence.SUSPEND_USE: N_("Tạm dừng"),
    Consequence.REVOKE: N_("Thu hồi"),
}


@blueprint.page("/policy", Permission.POLICY_MANAGE)
def index(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The policy of every state, to be changed; with what was typed before, if anything was."""
    actor().require(Permission.POLICY_MANAGE, "")
    return render_template(
        "policy/index.html",
        rules={**rules(), **_wanted()},
        consequences=CONSEQUENCES,
        errors=errors,
    )


@blueprint.form("/policy", Permission.POLICY_MANAGE, again=index)
def change() -> ResponseReturnValue:
    """First who would move in and out of the count; confirmed, it holds from today on."""
    if "again" in request.form:
        return index()
    policy, wanted = services().inventory.policy, _wanted()
    if "confirmed" in request.form:
        job_id = policy.change(actor(), wanted)
        flash(_("Chính sách mới có hiệu lực từ hôm nay."), "ok")
        return redirect(
            url_for(".index") if job_id is None else url_for("jobs.show", job_id=job_id)
        )
    lines = policy.preview(actor(), wanted)
    if not lines:
        flash(_("Không có gì thay đổi."), "info")
        return redirect(url_for(".index"))
    return render_template("policy/confirm.html", lines=lines, consequences=CONSEQUENCES)


def _wanted() -> Mapping[PersonState, StateRule]:
    """The rules of the states that the form names; a box that is not ticked sends nothing."""
    form = request.form
    return {
        state: replace(
            rule,
            counted=f"counted_{state}" in form,
            may_sign=f"may_sign_{state}" in form,
            consequence=Consequence(form[f"consequence_{state}"]),
        )
        for state, rule in rules().items()
        if form.get(f"consequence_{state}") in list(Consequence)
    }
