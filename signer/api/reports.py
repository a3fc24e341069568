"""Frozen reports of a week, a month, a quarter or a year: figures, words, files, differences."""

from datetime import date
from decimal import Decimal

import marshmallow as ma
from flask import Response
from marshmallow import fields

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.operations import ID, LIMIT, Operations, Schema
from signer.api.wording import say
from signer.doors import LARGEST_ID
from signer.reports.columns import Cell
from signer.reports.comparing import Difference
from signer.reports.formats import MEDIA_TYPES, Format, file_name, rendered
from signer.reports.periods import PeriodKind
from signer.reports.snapshot_models import Snapshot
from signer.services import services

reports = Operations("reports", "Frozen reports of a period; a correction is a new version")
_VIEW = Permission.REPORT_VIEW


class ReportsQuery(Schema):
    """Which reports, the newest first."""

    kind = fields.Enum(PeriodKind, by_value=True)
    unit = fields.String(metadata={"description": "Unit code"})
    before = fields.Integer(validate=ID, metadata={"description": "The last id seen"})
    limit = LIMIT


class FreezeBody(Schema):
    """The report of the period that the day falls into; its draft's words, if there is a draft."""

    kind = fields.Enum(PeriodKind, by_value=True, required=True)
    on = fields.Date(required=True)
    unit = fields.String(metadata={"description": "Unit code; left out: the caller's own unit"})
    corrects = fields.Integer(
        load_default=0,
        validate=ma.validate.Range(0, LARGEST_ID),
        metadata={"description": "The newest version there is; 0 for none"},
    )
    reason = fields.String(load_default="", validate=ma.validate.Length(max=500))


class ReportEntry(Schema):
    """One version of a report."""

    id = fields.Integer(required=True)
    kind = fields.Enum(PeriodKind, by_value=True, required=True)
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True)
    unit = fields.String(attribute="unit_code", required=True)
    unit_name = fields.String(required=True)
    version = fields.Integer(required=True)
    reason = fields.String(required=True)
    frozen_by = fields.String(required=True)
    frozen_at = fields.DateTime(required=True)
    sha256 = fields.String(required=True)


class FrozenReport(ReportEntry):
    """A report with what it says; one that the audit chain does not know so is a conflict."""

    appendix = fields.Dict(attribute="said.appendix", required=True)
    text = fields.Dict(attribute="said.text", required=True)


class FormatQuery(Schema):
    """Which kind of file."""

    format = fields.Enum(Format, by_value=True, required=True)


class WithQuery(Schema):
    """What to compare with."""

    other = fields.Integer(
        data_key="with",
        validate=ID,
        metadata={"description": "An earlier version's id; left out: the figures known now"},
    )


class Figure(fields.Raw):
    """A count, or a rate: it survives as a float exactly as it is printed."""

    def _serialize(self, value: Cell, *_: object, **__: object) -> object:
        return float(value) if isinstance(value, Decimal) else value


class ReportDifference(Schema):
    """One figure of one line; empty where a table has no such line, null for a rate of nobody."""

    unit = fields.String(attribute="label", required=True)
    figure = fields.String(attribute="column.key", required=True)
    before = Figure(required=True, allow_none=True)
    after = Figure(required=True, allow_none=True)


@reports.get("/reports", _VIEW, query=ReportsQuery, answer=ReportEntry(many=True))
def list_reports(
    limit: int, kind: PeriodKind | None = None, unit: str | None = None, before: int | None = None
) -> list[Snapshot]:
    """The frozen reports of the caller's units."""
    found = services().snapshots.list(
        actor(), kind=kind, unit_code=unit, before=before, limit=limit
    )
    return list(found)


@reports.post(
    "/reports", Permission.REPORT_FREEZE, body=FreezeBody, answer=FrozenReport(), status=201
)
def freeze_report(
    kind: PeriodKind, on: date, corrects: int, reason: str, unit: str | None = None
) -> Snapshot:
    """The figures of a period that is over, frozen as the next version."""
    made = services().snapshots.freeze(
        actor(), kind, on, unit_code=unit, corrects=corrects, reason=reason
    )
    return services().snapshots.get(actor(), made)


@reports.get("/reports/<id:snapshot_id>", _VIEW, answer=FrozenReport())
def get_report(snapshot_id: int) -> Snapshot:
    """One frozen report."""
    return services().snapshots.get(actor(), snapshot_id)


@reports.get(
    "/reports/<id:snapshot_id>/file",
    _VIEW,
    query=FormatQuery,
    content_type="application/octet-stream",
)
def download_report(snapshot_id: int, format: Format) -> Response:
    """The paper (.docx, .pdf) or its table (.xlsx, .csv), made from the frozen figures."""
    found = services().snapshots.get(actor(), snapshot_id)
    answer = Response(rendered(found, format), mimetype=MEDIA_TYPES[format])
    name = file_name(found, format)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


@reports.get(
    "/reports/<id:snapshot_id>/differences",
    _VIEW,
    query=WithQuery,
    answer=ReportDifference(many=True),
)
def compare_reports(snapshot_id: int, other: int | None = None) -> list[Difference]:
    """What changed from another version, or what has been corrected since the freeze."""
    return list(services().snapshots.compare(actor(), snapshot_id, other, say)[-1])
