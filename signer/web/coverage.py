"""Who is covered, unit by unit, on any day; and the lists behind the figures, with the next act."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup

from signer.accounts import Permission
from signer.campaigns.kinds import CAUSE_NAMES, LackCause
from signer.errors import N_, Invalid, NotFound
from signer.inventory.kinds import PERSON_KIND_NAMES, PersonKind
from signer.inventory.paging import Page
from signer.outside.kinds import CARRIER_NAMES, Carrier
from signer.reports.charts import coverage_chart, trend_chart
from signer.reports.coverage import Coverage, DayFigures, Facet, Listed, View
from signer.reports.tables import coverage_xlsx
from signer.services import services
from signer.web.access import actor
from signer.web.formats import language, say
from signer.web.forms import FormError, day_from, numbers_in
from signer.web.pages import Pages, told

blueprint = Pages("coverage", __name__)

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


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The people that an address, or a form, is about."""

    unit_code: str | None
    facet: Facet

    @property
    def address(self) -> dict[str, str]:
        """The same as the names and values of an address."""
        facet = None if self.facet is Facet.ALL else self.facet.value
        named = {"unit": self.unit_code, "facet": facet}
        return {name: value for name, value in named.items() if value}

    def page(self, view: View, after: str | None, limit: int) -> Page[Listed]:
        """A page of those in the view, in the order of given names."""
        return services().reports.people(
            actor(), view, unit_code=self.unit_code, facet=self.facet, after=after, limit=limit
        )

    def count(self, view: View) -> int:
        """How many are in the view."""
        return services().reports.count(actor(), view, unit_code=self.unit_code, facet=self.facet)

    def coverage(self, day: date | None) -> Coverage:
        """Their figures on a day, today when None."""
        return services().reports.coverage(
            actor(), as_of=day, unit_code=self.unit_code, facet=self.facet
        )


def asked() -> Asked:
    """What the address or the form asks for; a group that nobody knows is everybody."""
    facet = request.values.get("facet", "")
    return Asked(
        unit_code=request.values.get("unit", "").strip() or None,
        facet=Facet(facet) if facet in set(Facet) else Facet.ALL,
    )


def view_of(text: str) -> View:
    """The view of that name; raises `NotFound`."""
    if text not in VIEW_NAMES:
        raise NotFound(N_("Không có danh sách nào tên như vậy."))
    return View(text)


@blueprint.page("/coverage", Permission.REPORT_VIEW)
def coverage_page(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The figures of the day asked for; a day that is none shows today and says so."""
    wanted = asked()
    try:
        found = wanted.coverage(day_from(request.args, "as_of"))
    except Invalid as error:
        found = wanted.coverage(None)
        errors = (*errors, FormError(field=error.field, error=error))
    reports, today = services().reports, services().clock.today()
    days = reports.trend(
        actor(), until=found.as_of, days=TREND_DAYS, unit_code=found.code, facet=wanted.facet
    )
    return render_template(
        "coverage/index.html",
        coverage=found,
        facet=wanted.facet,
        facet_names=FACET_NAMES,
        facets=reports.facets(actor(), as_of=found.as_of, unit_code=found.code),
        carriers=[(say(CARRIER_NAMES[c]), n) for c in Carrier if (n := found.carriers.get(c))],
        views={view: wanted.count(view) for view in VIEW_NAMES} if found.as_of == today else None,
        view_names=VIEW_NAMES,
        charts=[_chart(found, narrow=narrow) for narrow in (False, True)],
        trends=[_trend(days, narrow=narrow) for narrow in (False, True)],
        trend=days,
        forecast=reports.forecast(actor(), unit_code=found.code)
        if wanted.facet is Facet.ALL and found.as_of == today
        else None,
        today=today,
        errors=errors,
    ), 400 if errors else 200


@blueprint.page("/coverage/<view>", Permission.REPORT_VIEW)
def people_page(view: str, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The people behind one figure of today, a page at a time, with what can be done for them."""
    chosen, wanted = view_of(view), asked()
    code = wanted.unit_code
    page = wanted.page(chosen, request.args.get("after") or None, PAGE_SIZE)
    return render_template(
        "coverage/people.html",
        view=chosen,
        view_names=VIEW_NAMES,
        lead=VIEW_LEADS[chosen],
        counts={each: wanted.count(each) for each in VIEW_NAMES},
        facet=wanted.facet,
        facet_names=FACET_NAMES,
        unit=services().inventory.unit_of(code) if code else None,
        page=page,
        reasons=services().campaigns.reasons_of([one.person_id for one in page.items])
        if chosen is View.LACKS
        else {},
        causes=CAUSE_NAMES,
        carrier_names=CARRIER_NAMES,
        filter=wanted.address,
        today=services().clock.today(),
        errors=errors,
    )


@blueprint.form(
    "/coverage/lacks/reason",
    Permission.TASK_REPORT,
    again=lambda errors: people_page(View.LACKS, errors),
)
def assign_reason() -> ResponseReturnValue:
    """The chosen people, or everybody of the filter, lack a certificate for the reason given."""
    wanted, ids = asked(), numbers_in("id")
    if request.form.get("whom") == "everyone":
        ids = list(
            services().reports.ids(
                actor(), View.LACKS, unit_code=wanted.unit_code, facet=wanted.facet
            )
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
    sentence = ngettext(
        "Đã ghi nguyên nhân cho %(num)s người.", "Đã ghi nguyên nhân cho %(num)s người.", given
    )
    return told(sentence, ".people_page", view=View.LACKS.value, **wanted.address)


@blueprint.form("/coverage/<view>/reminder", Permission.TASK_REPORT, again=people_page)
def remind(view: str) -> ResponseReturnValue:
    """Those who look after the unit see on their start page how many are waiting in the list."""
    wanted = asked()
    if wanted.unit_code is None:
        raise Invalid(N_("Hãy chọn đơn vị cần nhắc."), field="unit")
    sent = services().campaigns.remind(
        actor(), wanted.unit_code, view_of(view), request.form.get("message", "")
    )
    sentence = _(
        "Đã nhắc %(unit)s về %(persons)s người.", unit=sent.unit.name, persons=sent.persons
    )
    return told(sentence, ".people_page", view=view, **wanted.address)


@blueprint.page("/coverage.xlsx", Permission.REPORT_VIEW)
def workbook() -> ResponseReturnValue:
    """The same figures as a workbook."""
    found = asked().coverage(day_from(request.args, "as_of"))
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
