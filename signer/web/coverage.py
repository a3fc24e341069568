"""Who is covered, unit by unit, on any day; and the lists behind the figures, with the next act."""

from collections.abc import Sequence
from datetime import date

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup

from signer.accounts import Permission
from signer.campaigns.kinds import CAUSE_NAMES, LackCause
from signer.errors import N_, Invalid, NotFound
from signer.inventory.kinds import PERSON_KIND_NAMES, PersonKind
from signer.outside.kinds import CARRIER_NAMES, Carrier
from signer.reports.charts import coverage_chart, trend_chart
from signer.reports.coverage import Coverage, DayFigures, Facet, View
from signer.reports.tables import coverage_xlsx
from signer.services import services
from signer.web.access import actor, permission
from signer.web.formats import language, say
from signer.web.forms import FormError, day_from, numbers_in, shown_again_by

blueprint = Blueprint("coverage", __name__)

PAGE_SIZE = 50
TREND_DAYS = 60
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

FACET_NAMES: dict[Facet, str] = {
    Facet.ALL: N_("Tất cả"),
    **{Facet(kind.value): PERSON_KIND_NAMES[kind] for kind in PersonKind},
    Facet.LEADER: N_("Lãnh đạo"),
    Facet.ONE_STOP: N_("Cán bộ một cửa"),
}
VIEW_NAMES: dict[View, str] = {
    View.LACKS: N_("Chưa được cấp"),
    View.PENDING: N_("Đang chờ cấp"),
    View.HAS: N_("Đã được cấp"),
    View.EXPIRING: N_("Sắp hết hạn"),
    View.UNUSED: N_("Đã cấp, chưa dùng"),
    View.MUST_REVOKE: N_("Phải thu hồi"),
}
VIEW_LEADS: dict[View, str] = {
    View.LACKS: N_("Người thuộc diện cấp, không có chứng thư còn hiệu lực và chưa có đề nghị nào."),
    View.PENDING: N_("Người đang có đề nghị: đang chờ ở bước nào, từ bao giờ."),
    View.HAS: N_("Người có ít nhất một chứng thư còn hiệu lực."),
    View.EXPIRING: N_("Chứng thư dùng được lâu nhất của người này cũng sắp hết hạn."),
    View.UNUSED: N_("Có chứng thư nhưng đã lâu không ký lần nào trong hệ thống này."),
    View.MUST_REVOKE: N_("Người không còn công tác mà chứng thư vẫn còn hiệu lực."),
}


@blueprint.get("/coverage")
@permission(Permission.REPORT_VIEW)
def coverage_page(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The figures of the day asked for; a day that is none shows today and says so."""
    facet = _facet()
    try:
        found = _coverage(day_from(request.args, "as_of"), facet)
    except Invalid as error:
        found = _coverage(None, facet)
        errors = (*errors, FormError(field=error.field, error=error))
    reports, today = services().reports, services().clock.today()
    days = reports.trend(
        actor(), until=found.as_of, days=TREND_DAYS, unit_code=found.code, facet=facet
    )
    return render_template(
        "coverage/index.html",
        coverage=found,
        facet=facet,
        facet_names=FACET_NAMES,
        facets=reports.facets(actor(), as_of=found.as_of, unit_code=found.code),
        carriers=[(say(CARRIER_NAMES[c]), n) for c in Carrier if (n := found.carriers.get(c))],
        views=_counts(found.code, facet) if found.as_of == today else None,
        view_names=VIEW_NAMES,
        charts=[_chart(found, narrow=narrow) for narrow in (False, True)],
        trends=[_trend(days, narrow=narrow) for narrow in (False, True)],
        trend=days,
        forecast=reports.forecast(actor(), unit_code=found.code)
        if facet is Facet.ALL and found.as_of == today
        else None,
        today=today,
        errors=errors,
    ), 400 if errors else 200


@blueprint.get("/coverage/<view>")
@permission(Permission.REPORT_VIEW)
def people_page(view: str, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The people behind one figure of today, a page at a time, with what can be done for them."""
    chosen, facet, unit_code = _view(view), _facet(), _unit_code()
    reports = services().reports
    page = reports.people(
        actor(),
        chosen,
        unit_code=unit_code,
        facet=facet,
        after=request.args.get("after") or None,
        limit=PAGE_SIZE,
    )
    unit = services().inventory.unit_of(unit_code) if unit_code else None
    return render_template(
        "coverage/people.html",
        view=chosen,
        view_names=VIEW_NAMES,
        lead=VIEW_LEADS[chosen],
        counts=_counts(unit_code, facet),
        facet=facet,
        facet_names=FACET_NAMES,
        unit=unit,
        page=page,
        reasons=services().campaigns.reasons_of([one.person_id for one in page.items])
        if chosen is View.LACKS
        else {},
        causes=CAUSE_NAMES,
        carrier_names=CARRIER_NAMES,
        filter={"unit": unit_code, "facet": None if facet is Facet.ALL else facet.value},
        today=services().clock.today(),
        errors=errors,
    )


@blueprint.post("/coverage/lacks/reason")
@permission(Permission.TASK_REPORT)
@shown_again_by(lambda **kept: people_page(View.LACKS, **kept))
def assign_reason() -> ResponseReturnValue:
    """The chosen people, or everybody of the filter, lack a certificate for the reason given."""
    facet, unit_code = _facet(), _unit_code()
    everyone = request.form.get("whom") == "everyone"
    ids = (
        list(services().reports.ids(actor(), View.LACKS, unit_code=unit_code, facet=facet))
        if everyone
        else numbers_in("id")
    )
    cause = request.form.get("cause", "")
    if cause not in CAUSE_NAMES:
        raise Invalid(N_("Hãy chọn nguyên nhân."), field="cause")
    given = services().campaigns.assign_reason(
        actor(),
        ids,
        LackCause(cause),
        note=request.form.get("note", ""),
        owner=request.form.get("owner", ""),
        due_on=day_from(request.form, "due_on"),
    )
    flash(
        ngettext(
            "Đã ghi nguyên nhân cho %(num)s người.", "Đã ghi nguyên nhân cho %(num)s người.", given
        ),
        "ok",
    )
    return redirect(_people_url(View.LACKS))


@blueprint.post("/coverage/<view>/reminder")
@permission(Permission.TASK_REPORT)
@shown_again_by(people_page)
def remind(view: str) -> ResponseReturnValue:
    """Those who look after the unit see on their start page how many are waiting in the list."""
    unit_code = _unit_code()
    if unit_code is None:
        raise Invalid(N_("Hãy chọn đơn vị cần nhắc."), field="unit")
    sent = services().campaigns.remind(
        actor(), unit_code, _view(view), request.form.get("message", "")
    )
    flash(
        _(
            "Đã nhắc %(unit)s về %(persons)s người.",
            unit=sent.unit.name,
            persons=sent.persons,
        ),
        "ok",
    )
    return redirect(_people_url(_view(view)))


@blueprint.get("/coverage.xlsx")
@permission(Permission.REPORT_VIEW)
def workbook() -> ResponseReturnValue:
    """The same figures as a workbook."""
    found = _coverage(day_from(request.args, "as_of"), _facet())
    response = Response(coverage_xlsx(found, say=say), mimetype=_XLSX)
    name = "-".join(filter(None, ("bao-phu", found.code, found.as_of.isoformat())))
    response.headers.set("Content-Disposition", "attachment", filename=f"{name}.xlsx")
    return response


def _chart(found: Coverage, *, narrow: bool) -> Markup:
    """One of the two is shown, by the width of the window; the other one is not read either."""
    ident = "coverage-narrow" if narrow else "coverage"
    svg = coverage_chart(found, say=say, locale=language(), ident=ident, narrow=narrow)
    return Markup(svg)  # noqa: S704  # escaped there


def _trend(days: Sequence[DayFigures], *, narrow: bool) -> Markup:
    return Markup(trend_chart(days, say=say, locale=language(), narrow=narrow))  # noqa: S704  # escaped there


def _counts(unit_code: str | None, facet: Facet) -> dict[View, int]:
    count = services().reports.count
    return {view: count(actor(), view, unit_code=unit_code, facet=facet) for view in VIEW_NAMES}


def _coverage(day: date | None, facet: Facet) -> Coverage:
    return services().reports.coverage(actor(), as_of=day, unit_code=_unit_code(), facet=facet)


def _people_url(view: View) -> str:
    facet = _facet()
    asked = None if facet is Facet.ALL else facet.value
    return url_for("coverage.people_page", view=view.value, unit=_unit_code(), facet=asked)


def _view(text: str) -> View:
    if text not in VIEW_NAMES:
        raise NotFound(N_("Không có danh sách nào tên như vậy."))
    return View(text)


def _facet() -> Facet:
    asked = request.values.get("facet", "")
    return next((facet for facet in Facet if facet == asked), Facet.ALL)


def _unit_code() -> str | None:
    return request.values.get("unit", "").strip() or None
