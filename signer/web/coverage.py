"""Who is covered, unit by unit, on any day: chart, table, drill-down and workbook."""

from datetime import date

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from signer.accounts import Permission
from signer.errors import Invalid
from signer.reports.charts import coverage_chart
from signer.reports.coverage import Coverage
from signer.reports.export import coverage_xlsx
from signer.services import services
from signer.web.access import actor, permission
from signer.web.formats import language, say
from signer.web.forms import FormError, day_from

blueprint = Blueprint("coverage", __name__)

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@blueprint.get("/coverage")
@permission(Permission.REPORT_VIEW)
def coverage_page() -> ResponseReturnValue:
    """The figures of the day asked for; a day that is none shows today and says so."""
    errors: tuple[FormError, ...] = ()
    try:
        found = _coverage(day_from(request.args, "as_of"))
    except Invalid as error:
        found, errors = _coverage(None), (FormError(field=error.field, error=error),)
    return render_template(
        "coverage/index.html",
        coverage=found,
        wide_chart=_chart(found, narrow=False),
        narrow_chart=_chart(found, narrow=True),
        today=services().clock.today(),
        errors=errors,
    ), 400 if errors else 200


def _chart(found: Coverage, *, narrow: bool) -> Markup:
    """One of the two is shown, by the width of the window; the other one is not read either."""
    ident = "coverage-narrow" if narrow else "coverage"
    svg = coverage_chart(found, say=say, locale=language(), ident=ident, narrow=narrow)
    return Markup(svg)  # noqa: S704  # escaped there


@blueprint.get("/coverage.xlsx")
@permission(Permission.REPORT_VIEW)
def workbook() -> ResponseReturnValue:
    """The same figures as a workbook."""
    found = _coverage(day_from(request.args, "as_of"))
    response = Response(coverage_xlsx(found, say=say), mimetype=_XLSX)
    name = "-".join(filter(None, ("bao-phu", found.code, found.as_of.isoformat())))
    response.headers.set("Content-Disposition", "attachment", filename=f"{name}.xlsx")
    return response


def _coverage(day: date | None) -> Coverage:
    unit_code = request.args.get("unit", "").strip() or None
    return services().reports.coverage(actor(), as_of=day, unit_code=unit_code)
