"""How many persons hold a valid certificate, by unit and day."""

from datetime import date

from flask import Response
from marshmallow import fields

from signer.accounts import Permission
from signer.api.access import actor, needs
from signer.api.operations import Operations, Schema
from signer.api.wording import say
from signer.reports.coverage import Coverage
from signer.reports.export import coverage_xlsx
from signer.services import services

coverage = Operations("coverage", "Persons with a valid certificate, by unit and day")

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class CoverageQuery(Schema):
    """Which day and which unit."""

    as_of = fields.Date(metadata={"description": "Left out: now"})
    unit = fields.String(metadata={"description": "Unit code; left out: all the caller's units"})


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


@coverage.get(
    "/coverage",
    access=needs(Permission.REPORT_VIEW),
    query=CoverageQuery,
    answer=CoverageAnswer(),
)
def get_coverage(as_of: date | None = None, unit: str | None = None) -> dict[str, object]:
    """Coverage on a day, in all and for each unit directly below."""
    return _coverage(as_of, unit).to_json()


@coverage.get(
    "/coverage.xlsx",
    access=needs(Permission.REPORT_VIEW),
    query=CoverageQuery,
    content_type=_XLSX,
)
def download_coverage(as_of: date | None = None, unit: str | None = None) -> Response:
    """The same figures as a workbook, in the language asked for."""
    found = _coverage(as_of, unit)
    answer = Response(coverage_xlsx(found, say=say), mimetype=_XLSX)
    name = "-".join(filter(None, ("bao-phu", found.code, found.as_of.isoformat())))
    answer.headers.set("Content-Disposition", "attachment", filename=f"{name}.xlsx")
    return answer


def _coverage(as_of: date | None, unit: str | None) -> Coverage:
    return services().reports.coverage(actor(), as_of=as_of, unit_code=unit)
