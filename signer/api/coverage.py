"""How many persons hold a valid certificate, by unit and day."""

from datetime import date

import marshmallow as ma
from flask import Response
from marshmallow import fields

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.operations import AFTER, LIMIT, NEXT, Operations, Schema
from signer.api.wording import say
from signer.errors import N_, NotFound
from signer.inventory.paging import Page
from signer.outside.kinds import Carrier
from signer.reports.coverage import Coverage, Facet, Forecast, Listed, View, figures_json
from signer.reports.tables import coverage_xlsx
from signer.services import services

coverage = Operations("coverage", "Persons with a valid certificate, by unit and day")
_VIEW = Permission.REPORT_VIEW

_MOST_DAYS = 3660
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class CoverageQuery(Schema):
    """Which day and which unit."""

    as_of = fields.Date(metadata={"description": "Left out: now"})
    unit = fields.String(metadata={"description": "Unit code; left out: all the caller's units"})
    facet = fields.Enum(Facet, by_value=True, metadata={"description": "Whom to count"})


class UnitQuery(Schema):
    """Which unit."""

    unit = fields.String(metadata={"description": "Unit code; left out: all the caller's units"})


class TrendQuery(UnitQuery):
    """Which unit, whom, and how many days back from today."""

    facet = fields.Enum(Facet, by_value=True, load_default=Facet.ALL)
    days = fields.Integer(load_default=60, validate=ma.validate.Range(1, _MOST_DAYS))


class ListQuery(UnitQuery):
    """Which unit, whom, and from where on."""

    facet = fields.Enum(Facet, by_value=True, load_default=Facet.ALL)
    after = AFTER
    limit = LIMIT


class FiguresAnswer(Schema):
    """Persons, never certificates; `lacking` have neither a certificate nor an open request."""

    persons = fields.Integer(required=True)
    covered = fields.Integer(required=True)
    pending = fields.Integer(required=True)
    lacking = fields.Integer(required=True)
    rate = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Percent to one decimal; 100 means everybody, null nobody"},
    )


class UnitCoverageAnswer(FiguresAnswer):
    """One unit with everything below it."""

    code = fields.String(required=True)
    name = fields.String(required=True)


class CoverageAnswer(FiguresAnswer):
    """The figures of one day; the units come with the largest gap first."""

    as_of = fields.String(required=True, metadata={"format": "date"})
    unit = fields.String(required=True, allow_none=True)
    units = fields.List(fields.Nested(UnitCoverageAnswer), required=True)


@coverage.get("/coverage", _VIEW, query=CoverageQuery, answer=CoverageAnswer())
def get_coverage(
    as_of: date | None = None, unit: str | None = None, facet: Facet = Facet.ALL
) -> dict[str, object]:
    """Coverage on a day, in all and for each unit directly below."""
    return _coverage(as_of, unit, facet).to_json()


class FacetAnswer(FiguresAnswer):
    """One group of people."""

    facet = fields.Enum(Facet, by_value=True, required=True)


class DayAnswer(FiguresAnswer):
    """The end of one day."""

    day = fields.Date(required=True)


class ForecastAnswer(Schema):
    """Where the pace of the last 14 days leads; `ends_on` is null when the gap does not shrink."""

    per_day = fields.Float(required=True)
    ends_on = fields.Date(required=True, allow_none=True)
    gap = fields.Integer(required=True)


class WaitingAnswer(Schema):
    """The open request of somebody who is pending."""

    request = fields.Integer(attribute="request_id", required=True)
    state = fields.String(required=True)
    requested_by = fields.String(required=True)


class ListedAnswer(Schema):
    """One person of a list behind the figures."""

    code = fields.String(required=True)
    name = fields.String(attribute="full_name", required=True)
    unit = fields.String(attribute="unit_code", required=True)
    unit_name = fields.String(required=True)
    title = fields.String(required=True, allow_none=True)
    carrier = fields.Enum(Carrier, by_value=True, required=True, allow_none=True)
    covered_until = fields.Date(required=True, allow_none=True)
    pending_since = fields.Date(required=True, allow_none=True)
    waiting = fields.Nested(WaitingAnswer, required=True, allow_none=True)


class ListedPage(Schema):
    """One page in the order of a Vietnamese name list; `next` is null on the last."""

    persons = fields.List(fields.Nested(ListedAnswer), attribute="items", required=True)
    next = NEXT


@coverage.get("/coverage/facets", _VIEW, query=CoverageQuery, answer=FacetAnswer(many=True))
def get_facets(
    as_of: date | None = None, unit: str | None = None, facet: Facet | None = None
) -> list[dict[str, object]]:
    """The figures of each group of people on a day; of one when `facet` names it."""
    found = services().reports.facets(actor(), as_of=as_of, unit_code=unit)
    return [
        {"facet": one, **figures_json(figures)}
        for one, figures in found.items()
        if facet in (None, one)
    ]


@coverage.get("/coverage/trend", _VIEW, query=TrendQuery, answer=DayAnswer(many=True))
def get_trend(facet: Facet, days: int, unit: str | None = None) -> list[dict[str, object]]:
    """The figures of each of the last days, the oldest first."""
    found = services().reports.trend(actor(), days=days, unit_code=unit, facet=facet)
    return [{"day": one.day, **figures_json(one.figures)} for one in found]


@coverage.get("/coverage/forecast", _VIEW, query=UnitQuery, answer=ForecastAnswer())
def get_forecast(unit: str | None = None) -> Forecast:
    """When the gap closes at the pace of the last 14 days."""
    return services().reports.forecast(actor(), unit_code=unit)


@coverage.get("/coverage/people/<view>", _VIEW, query=ListQuery, answer=ListedPage())
def list_people(
    view: str, facet: Facet, limit: int, unit: str | None = None, after: str | None = None
) -> Page[Listed]:
    """Today's people behind a figure: has, lacks, pending, expiring, unused or must_revoke."""
    if view not in list(View):
        raise NotFound(N_("Không có danh sách nào tên như vậy."))
    return services().reports.people(
        actor(), View(view), unit_code=unit, facet=facet, after=after, limit=limit
    )


@coverage.get("/coverage.xlsx", _VIEW, query=CoverageQuery, content_type=_XLSX)
def download_coverage(
    as_of: date | None = None, unit: str | None = None, facet: Facet = Facet.ALL
) -> Response:
    """The same figures as a workbook, in the language asked for."""
    found = _coverage(as_of, unit, facet)
    answer = Response(coverage_xlsx(found, say=say), mimetype=_XLSX)
    name = "-".join(filter(None, ("bao-phu", found.code, found.as_of.isoformat())))
    answer.headers.set("Content-Disposition", "attachment", filename=f"{name}.xlsx")
    return answer


def _coverage(as_of: date | None, unit: str | None, facet: Facet) -> Coverage:
    return services().reports.coverage(actor(), as_of=as_of, unit_code=unit, facet=facet)
