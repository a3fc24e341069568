"""The scoring table of a campaign: criteria, each unit's a/b, the files that bear them out."""

from flask import Response, flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.campaigns.evidence import EVIDENCE_BYTES
from signer.campaigns.kinds import MEASURE_NAMES, Measure
from signer.errors import N_, Invalid
from signer.services import services
from signer.web.access import actor
from signer.web.formats import say
from signer.web.forms import FormError, choice, numbers_in, required
from signer.web.labels import unit_options
from signer.web.pages import Pages
from signer.web.uploads import clean_name

blueprint = Pages("scoring", __name__)
_VIEW, _MANAGE, _REPORT = Permission.REPORT_VIEW, Permission.CAMPAIGN_MANAGE, Permission.TASK_REPORT


@blueprint.page("/campaigns/<int:campaign_id>/scores", _VIEW)
def scores(campaign_id: int, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The units in the order of their ranks; for who leads the campaign, the criteria as well."""
    campaign = services().campaigns.campaign_of(actor(), campaign_id)
    return render_template(
        "campaigns/scores.html",
        campaign=campaign,
        criteria=services().campaigns.scoring.criteria(campaign),
        rows=services().campaigns.scoring.table(actor(), campaign),
        may_manage=actor().can(_MANAGE, campaign.unit_path),
        measures=[(measure, say(name)) for measure, name in MEASURE_NAMES.items()],
        verifiers=unit_options(services().inventory.units(), _("Không có")),
        errors=errors,
    )


@blueprint.form("/campaigns/<int:campaign_id>/criteria", _MANAGE, again=scores)
def set_criterion(campaign_id: int) -> None:
    """The table has this line, new or instead of the one with the same code."""
    measure = choice(Measure, request.form.get("measure"))
    if measure is None:
        raise Invalid(N_("Hãy chọn cách tính."), field="measure")
    services().campaigns.scoring.add_criterion(
        actor(),
        services().campaigns.campaign_of(actor(), campaign_id),
        code=request.form.get("code", ""),
        title=request.form.get("title", ""),
        most_points=request.form.get("most_points", 0, type=int),
        measure=measure,
        verifier_code=request.form.get("verifier", ""),
    )
    flash(_("Đã ghi tiêu chí."), "ok")


@blueprint.form("/campaigns/<int:campaign_id>/criteria/end", _MANAGE, again=scores)
def end_criterion(campaign_id: int) -> None:
    """The line counts no more."""
    campaign = services().campaigns.campaign_of(actor(), campaign_id)
    services().campaigns.scoring.end_criterion(actor(), campaign, required("code"))
    flash(_("Tiêu chí không còn được tính."), "ok")


@blueprint.page("/campaigns/<int:campaign_id>/scores/<unit_code>", _VIEW)
def unit(
    campaign_id: int, unit_code: str, errors: tuple[FormError, ...] = ()
) -> ResponseReturnValue:
    """One unit's line, criterion by criterion, with the forms to fill it in."""
    campaign = services().campaigns.campaign_of(actor(), campaign_id)
    row = services().campaigns.scoring.unit_score(actor(), campaign, unit_code)
    return render_template(
        "campaigns/score.html",
        campaign=campaign,
        row=row,
        may_report=actor().can(_REPORT, row.unit.path),
        limit=EVIDENCE_BYTES // 1024 // 1024,
        errors=errors,
    )


@blueprint.form("/campaigns/<int:campaign_id>/scores/<unit_code>", _REPORT, again=unit)
def set_score(campaign_id: int, unit_code: str) -> None:
    """a, b and the note of one criterion; a file, if one was chosen, stands beside them."""
    sent = request.files.get("file")
    name = clean_name(sent.filename) if sent is not None and sent.filename else ""
    file = (name, sent.stream.read(EVIDENCE_BYTES + 1)) if sent is not None and name else None
    services().campaigns.scoring.set_score(
        actor(),
        _id_typed("criterion"),
        unit_code,
        a=request.form.get("a", type=int),
        b=request.form.get("b", type=int),
        note=request.form.get("note", ""),
        file=file,
    )
    flash(_("Đã ghi vào bảng chấm điểm."), "ok")


@blueprint.page("/evidence/<int:evidence_id>", _VIEW)
def evidence(evidence_id: int) -> ResponseReturnValue:
    """The file, to be stored and never shown by the browser under our name."""
    found, content = services().campaigns.scoring.open_evidence(actor(), evidence_id)
    answer = Response(content, mimetype=found.media_type)
    answer.headers.set("Content-Disposition", "attachment", filename=found.file_name)
    return answer


@blueprint.form("/campaigns/<int:campaign_id>/scores/<unit_code>/withdraw", _REPORT, again=unit)
def withdraw(campaign_id: int, unit_code: str) -> None:
    """The file bears nothing out any more."""
    services().campaigns.scoring.withdraw_evidence(actor(), _id_typed("evidence"))
    flash(_("Đã rút tài liệu kiểm chứng."), "ok")


def _id_typed(name: str) -> int:
    """The id of a hidden field; 0, which nothing has, for what no page of ours sends."""
    return next(iter(numbers_in(name)), 0)
