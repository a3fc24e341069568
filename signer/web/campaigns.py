"""The sprint: campaigns, the board that a leader opens each morning, and the units' tasks."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup

from signer.accounts import Permission
from signer.campaigns.boards import Board, UnitLine
from signer.campaigns.chart import burn_down_chart
from signer.campaigns.kinds import CAUSE_NAMES, TaskState
from signer.campaigns.models import Campaign
from signer.errors import N_, Invalid
from signer.services import services
from signer.web.access import actor
from signer.web.formats import language, say
from signer.web.forms import FormError, choice, day_from
from signer.web.labels import unit_options
from signer.web.pages import Pages, told

blueprint = Pages("campaigns", __name__)
_VIEW, _MANAGE = Permission.REPORT_VIEW, Permission.CAMPAIGN_MANAGE

UNITS_SHOWN = 20
"""A morning's work; a link shows them all."""
ORDERS: dict[str, Callable[[Board], Sequence[UnitLine]]] = {
    "easy": lambda board: board.lines,
    "largest": lambda board: sorted(board.lines, key=lambda line: -line.figures.gap),
    "quick": lambda board: board.quick,
    "late": lambda board: board.late,
}


@blueprint.page("/campaigns", _VIEW)
def index() -> ResponseReturnValue:
    """Every campaign; straight to the board when just one is running, but for ?all=1."""
    found = services().campaigns.campaigns(actor())
    running = [campaign for campaign in found if services().campaigns.is_running(campaign)]
    if len(running) == 1 and "all" not in request.args:
        return redirect(url_for(".board", campaign_id=running[0].id))
    return render_template(
        "campaigns/index.html", campaigns=found, running=running, today=services().clock.today()
    )


@blueprint.page("/campaigns/new", _MANAGE)
def new_page(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The form for a campaign; sixty days from today, as the directive has it."""
    return _form(None, errors)


@blueprint.form("/campaigns", _MANAGE, again=new_page)
def create() -> ResponseReturnValue:
    """The campaign exists, with the usual scoring table."""
    unit_code = request.form.get("unit", "")
    made = services().campaigns.start(actor(), unit_code=unit_code, **_typed())
    flash(_("Đã mở chiến dịch. Việc tiếp theo: giao nhiệm vụ cho các đơn vị."), "ok")
    return redirect(url_for(".board", campaign_id=made))


@blueprint.page("/campaigns/<int:campaign_id>/edit", _MANAGE)
def edit_page(campaign_id: int, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The form with what holds now."""
    return _form(services().campaigns.campaign_of(actor(), campaign_id), errors)


@blueprint.form("/campaigns/<int:campaign_id>/edit", _MANAGE, again=edit_page)
def change(campaign_id: int) -> ResponseReturnValue:
    """The campaign is as the form says."""
    services().campaigns.change(actor(), campaign_id, **_typed())
    return told(_("Đã ghi nhận thay đổi của chiến dịch."), ".board", campaign_id=campaign_id)


@blueprint.form("/campaigns/<int:campaign_id>/close", _MANAGE)
def close(campaign_id: int) -> ResponseReturnValue:
    """The campaign is over."""
    services().campaigns.close(actor(), campaign_id)
    done = _("Chiến dịch đã kết thúc; số liệu vẫn xem được.")
    return told(done, ".board", campaign_id=campaign_id)


@blueprint.page("/campaigns/<int:campaign_id>", _VIEW)
def board(campaign_id: int) -> ResponseReturnValue:
    """Countdown, burn-down, units in the chosen order, tasks, and who is behind."""
    unit_code = request.args.get("unit", "").strip() or None
    drawn = services().campaigns.board(actor(), campaign_id, unit_code=unit_code)
    order = request.args.get("order", "easy")
    order = order if order in ORDERS else "easy"
    return render_template(
        "campaigns/board.html",
        board=drawn,
        campaign=drawn.campaign,
        zoomed=unit_code is not None,
        order=order,
        lines=ORDERS[order](drawn),
        shown=len(drawn.lines) if "all" in request.args else UNITS_SHOWN,
        wide_chart=_chart(drawn, narrow=False),
        narrow_chart=_chart(drawn, narrow=True),
        causes=[(say(CAUSE_NAMES[cause]), count) for cause, count in drawn.causes.items()],
        **_rights(drawn.campaign),
    )


@blueprint.page("/campaigns/<int:campaign_id>/tasks", _VIEW)
def tasks(campaign_id: int, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The tasks by state, and for who leads the campaign the form for another one."""
    campaign = services().campaigns.campaign_of(actor(), campaign_id)
    found = services().campaigns.tasks.listed(actor(), campaign_id)
    state = choice(TaskState, request.args.get("state"))
    units = services().inventory.visible_units(actor(), _MANAGE)
    return render_template(
        "campaigns/tasks.html",
        campaign=campaign,
        tasks=[task for task in found if state in (None, task.state)],
        counts={s: sum(task.state is s for task in found) for s in TaskState},
        total=len(found),
        state=state,
        units=[unit for unit in units if unit.path.startswith(campaign.unit_path)],
        children=sum(unit.parent_id == campaign.unit_id for unit in units),
        errors=errors,
        **_rights(campaign),
    )


@blueprint.form("/campaigns/<int:campaign_id>/tasks", _MANAGE, again=tasks)
def give(campaign_id: int) -> None:
    """The chosen units, or every unit directly below the campaign's own, have the task."""
    campaign = services().campaigns.campaign_of(actor(), campaign_id)
    chosen = request.form.getlist("unit")
    if request.form.get("every_unit"):
        home = services().inventory.units_by_ids([campaign.unit_id])[campaign.unit_id]
        chosen = [unit.code for unit in services().inventory.children(home)]
    made = services().campaigns.tasks.give(
        actor(),
        campaign,
        unit_codes=chosen,
        title=request.form.get("title", ""),
        due_on=day_from(request.form, "due_on"),
    )
    flash(_("Đã giao nhiệm vụ cho %(count)s đơn vị.", count=len(made)), "ok")


@blueprint.page("/tasks/<int:task_id>", _VIEW)
def task(task_id: int, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """One task with all that was said about it, and the form to say how it stands."""
    found = services().campaigns.tasks.task_of(actor(), task_id)
    campaign = services().campaigns.campaign_of(actor(), found.row.campaign_id)
    return render_template(
        "campaigns/task.html",
        task=found,
        campaign=campaign,
        said=services().campaigns.tasks.reports_of(found),
        may_report=actor().can(Permission.TASK_REPORT, found.row.unit_path),
        may_move=actor().can(_MANAGE, found.row.unit_path),
        errors=errors,
    )


@blueprint.form("/tasks/<int:task_id>", Permission.TASK_REPORT, again=task)
def report(task_id: int) -> None:
    """The task stands as its unit says."""
    state = choice(TaskState, request.form.get("state"))
    if state is None:
        raise Invalid(N_("Hãy chọn tình trạng của nhiệm vụ."), field="state")
    services().campaigns.tasks.report(
        actor(),
        task_id,
        state,
        cause=request.form.get("cause", ""),
        fix=request.form.get("fix", ""),
        wished_due_on=day_from(request.form, "wished_due_on"),
    )
    flash(_("Đã ghi nhận báo cáo về nhiệm vụ."), "ok")


@blueprint.form("/tasks/<int:task_id>/due", _MANAGE, again=task)
def move(task_id: int) -> None:
    """The task is due on another day."""
    services().campaigns.tasks.move(actor(), task_id, day_from(request.form, "due_on"))
    flash(_("Đã đổi thời hạn của nhiệm vụ."), "ok")


def _typed() -> dict[str, Any]:
    """The fields that opening and changing a campaign share."""
    return {
        "name": request.form.get("name", ""),
        "target_percent": request.form.get("target_percent", 0, type=int),
        "starts_on": day_from(request.form, "starts_on"),
        "ends_on": day_from(request.form, "ends_on"),
    }


def _form(campaign: Campaign | None, errors: tuple[FormError, ...]) -> ResponseReturnValue:
    units = services().inventory.visible_units(actor(), _MANAGE)
    return render_template(
        "campaigns/form.html",
        campaign=campaign,
        units=unit_options(units, "")[1:],
        today=services().clock.today(),
        ends_on=services().clock.today() + timedelta(days=59),
        errors=errors,
    )


def _rights(campaign: Campaign) -> dict[str, object]:
    return {
        "may_manage": actor().can(_MANAGE, campaign.unit_path),
        "is_running": services().campaigns.is_running(campaign),
        "today": services().clock.today(),
    }


def _chart(drawn: Board, *, narrow: bool) -> Markup:
    """One of the two is shown, by the width of the window; the other one is not read either."""
    svg = burn_down_chart(drawn, say=say, locale=language(), narrow=narrow)
    return Markup(svg)  # noqa: S704  # escaped there
