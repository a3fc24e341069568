"""Reports of a period: what is due, the draft, the frozen versions, their files, differences."""

from dataclasses import replace
from datetime import date

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.campaigns.kinds import CAUSE_NAMES
from signer.errors import N_, Invalid
from signer.reports.columns import COLUMNS, SPANS, lines_of, text_of
from signer.reports.formats import MEDIA_TYPES, Format, file_name, rendered
from signer.reports.periods import PERIOD_KIND_NAMES, Period, PeriodKind, periods_before
from signer.reports.report_text import LINES, SECTIONS, ReportText
from signer.reports.snapshots import Preparation
from signer.services import services
from signer.web.access import actor
from signer.web.formats import language, say
from signer.web.forms import FormError, choice, day_from, number_in_query, shown_again_by
from signer.web.labels import unit_options
from signer.web.pages import Pages

blueprint = Pages("reports", __name__)

PAGE_SIZE = 50
_OFFERED = {PeriodKind.WEEK: 4, PeriodKind.MONTH: 3, PeriodKind.QUARTER: 2, PeriodKind.YEAR: 1}
"""How many of the newest periods the page offers; older ones are asked for by a day."""


@blueprint.page("/reports", Permission.REPORT_VIEW)
def index(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """What is due, and what was frozen, the newest first."""
    kind = choice(PeriodKind, request.args.get("kind"))
    found = services().snapshots.list(
        actor(), kind=kind, before=number_in_query("before"), limit=PAGE_SIZE + 1
    )
    may_freeze = actor().can(Permission.REPORT_FREEZE)
    units = services().inventory.visible_units(actor(), Permission.REPORT_FREEZE)
    return render_template(
        "reports/index.html",
        entries=found[:PAGE_SIZE],
        next=found[PAGE_SIZE - 1].id if len(found) > PAGE_SIZE else None,
        kind=kind,
        kind_names=PERIOD_KIND_NAMES,
        periods=_offered() if may_freeze else (),
        unit_options=unit_options(units, _("Toàn bộ phạm vi của tôi")),
        errors=errors,
    )


@blueprint.page("/reports/prepare", Permission.REPORT_FREEZE)
@shown_again_by(index)
def prepare() -> ResponseReturnValue:
    """The figures as they are known now, and the words to write on; nothing is stored."""
    return _prepared(anew="anew" in request.args)


def _prepared(
    *, anew: bool = False, typed: ReportText | None = None, errors: tuple[FormError, ...] = ()
) -> ResponseReturnValue:
    kind, on, unit = _wanted()
    found = services().snapshots.prepare(actor(), kind, on, unit_code=unit, anew=anew)
    text = typed or (_with_causes(found) if found.is_drafted else found.text)
    return render_template(
        "reports/prepare.html",
        found=found,
        text=text,
        total=found.appendix.total,
        rows=[
            row
            for row in found.appendix.rows
            if row.level == 0 and (row.covered < row.persons or row.code in text.remarks)
        ],
        sections=list(zip(SECTIONS, text.sections, strict=True)),
        errors=errors,
    )


def _form_again(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    return _prepared(typed=_typed(lenient=True), errors=errors)


@blueprint.form("/reports/draft", Permission.REPORT_FREEZE, again=_form_again)
def save_draft() -> ResponseReturnValue:
    """The words are kept; the figures stay open."""
    kind, on, unit = _wanted()
    services().snapshots.save_draft(
        actor(), kind, on, _typed(), unit_code=unit, seen=request.form.get("draft")
    )
    flash(_("Đã lưu bản nháp. Số liệu chưa chốt."), "ok")
    return redirect(url_for(".prepare", kind=kind.value, on=on.isoformat(), unit=unit))


@blueprint.form("/reports", Permission.REPORT_FREEZE, again=_form_again)
def freeze() -> ResponseReturnValue:
    """Figures and words are frozen as the next version."""
    kind, on, unit = _wanted()
    made = services().snapshots.freeze(
        actor(),
        kind,
        on,
        _typed(),
        unit_code=unit,
        seen=request.form.get("draft"),
        corrects=request.form.get("corrects", 0, type=int),
        reason=request.form.get("reason", ""),
    )
    flash(_("Đã chốt báo cáo. Từ nay số liệu của phiên bản này không thay đổi."), "ok")
    return redirect(url_for(".show", snapshot_id=made))


@blueprint.page("/reports/<int:snapshot_id>", Permission.REPORT_VIEW)
def show(snapshot_id: int) -> ResponseReturnValue:
    """A frozen report: its figures, its words, its files and its other versions."""
    found = services().snapshots.get(actor(), snapshot_id)
    appendix, text = found.appendix, found.text
    lines = lines_of(appendix, text.remarks, say)
    return render_template(
        "reports/show.html",
        found=found,
        appendix=appendix,
        versions=services().snapshots.versions(actor(), found),
        sections=list(zip(SECTIONS, text.sections, strict=True)),
        columns=COLUMNS,
        spans=SPANS,
        lines=[(line, line.texts(language())) for line in lines],
    )


@blueprint.page("/reports/<int:snapshot_id>/print", Permission.REPORT_VIEW)
def printable(snapshot_id: int) -> ResponseReturnValue:
    """The report as on paper, for the browser's own printer; Vietnamese, as papers are."""
    found = services().snapshots.get(actor(), snapshot_id)
    return render_template(
        "reports/print.html", found=found, paper=found.paper, columns=COLUMNS, spans=SPANS
    )


@blueprint.page(
    "/reports/<int:snapshot_id>/<any(docx, pdf, xlsx, csv):form>", Permission.REPORT_VIEW
)
def download(snapshot_id: int, form: str) -> ResponseReturnValue:
    """The report, or its table, as a file made from the frozen figures."""
    found = services().snapshots.get(actor(), snapshot_id)
    kind = Format(form)
    response = Response(rendered(found, kind), mimetype=MEDIA_TYPES[kind])
    response.headers.set("Content-Disposition", "attachment", filename=file_name(found, kind))
    return response


@blueprint.page("/reports/<int:snapshot_id>/compare", Permission.REPORT_VIEW)
def compare(snapshot_id: int) -> ResponseReturnValue:
    """This version beside an earlier one, or beside the figures as they are known now."""
    found, other, changed = services().snapshots.compare(
        actor(), snapshot_id, number_in_query("with"), say
    )
    lines = [
        {
            "label": one.label,
            "heading": one.column.title(say),
            "before": text_of(one.before, one.column, language()),
            "after": text_of(one.after, one.column, language()),
        }
        for one in changed
    ]
    words = _changed_words(other.text, found.text) if other else []
    return render_template(
        "reports/compare.html", found=found, other=other, lines=lines, words=words
    )


def _changed_words(before: ReportText, after: ReportText) -> list[dict[str, str]]:
    pairs = zip(SECTIONS, before.sections, after.sections, strict=True)
    return [{"label": say(t), "before": b, "after": a} for t, b, a in pairs if b != a]


def _offered() -> list[tuple[str, str]]:
    """The newest periods that are over, for a list box: kind and last day, and the name."""
    today, closing = services().clock.today(), services().settings.period_closing_day
    return [
        (f"{kind}.{period.ends_on}", period_name(period))
        for kind, count in _OFFERED.items()
        for period in periods_before(kind, today, closing, count)
    ]


def period_name(period: Period) -> str:
    """ "Tháng 11 năm 2026 (15/10/2026 – 14/11/2026)"."""
    name = period.title if language() == "vi" else f"{say(PERIOD_KIND_NAMES[period.kind])}"
    return f"{name[:1].upper()}{name[1:]} ({period.starts_on:%d/%m/%Y} – {period.ends_on:%d/%m/%Y})"


blueprint.add_app_template_filter(period_name)


def _wanted() -> tuple[PeriodKind, date, str | None]:
    """Which report a page or a form is about: kind, a day of the period, unit.

    From the address or the form: `period` (kind and day in one) or `kind` and `on`."""
    values = request.values
    kind, _dot, day = values.get("period", "").partition(".")
    found = choice(PeriodKind, kind or values.get("kind"))
    on = day_from({"on": day or values.get("on", "")}, "on")
    if found is None or on is None:
        raise Invalid(N_("Hãy chọn kỳ báo cáo."), field="period")
    return found, on, values.get("unit", "").strip() or None


def _typed(*, lenient: bool = False) -> ReportText:
    """The words of the form; a day that is none is left out when the form is only shown again."""
    form = request.form
    try:
        signed_on = day_from(form, "signed_on")
    except Invalid:
        if not lenient:
            raise
        signed_on = None
    prefix = "remark-"
    return ReportText(
        **{name: form.get(name, "") for name in LINES},
        signed_on=signed_on,
        sections=tuple(form.get(f"section-{n}", "") for n in range(len(SECTIONS))),
        recipients=tuple(form.get("recipients", "").splitlines()),
        remarks={k.removeprefix(prefix): v for k, v in form.items() if k.startswith(prefix)},
    )


def _with_causes(found: Preparation) -> ReportText:
    """The text with what the units themselves gave as reasons, in the last column."""
    rooms = services()
    remarks: dict[str, str] = {}
    rows = {row.code for row in found.appendix.rows if row.level == 0 and not row.is_direct}
    for unit in rooms.inventory.units(within=found.unit.path):
        if unit.code in rows:
            causes = rooms.campaigns.lacks.counts(unit.path)[0]
            told = (f"{CAUSE_NAMES[cause]}: {count} người" for cause, count in causes.items())
            remarks[unit.code] = "; ".join(told)
    return replace(found.text, remarks=remarks)
