"""FrozenReport reports of a week, a month, a quarter or a year: figures, words, files, differences."""

from datetime import date

import marshmallow as ma
from flask import Response
from marshmallow import fields

from signer.accounts import Permission
from signer.api.access import actor, needs
from signer.api.operations import LARGEST_ID, Operations, Schema
from signer.api.wording import say
from signer.reports.columns import Cell
from signer.reports.comparing import differences
from signer.reports.formats import MEDIA_TYPES, Format, file_name, rendered
from signer.reports.periods import PeriodKind
from signer.reports.snapshots import Snapshot, SnapshotEntry
from signer.services import services

reports = Operations("reports", "FrozenReport reports of a period; a correction is a new version")


class ReportsQuery(Schema):
    """Which reports, the newest first."""

    kind = fields.Enum(PeriodKind, by_value=True)
    unit = fields.String(metadata={"description": "Unit code"})
    before = fields.Integer(
        validate=ma.validate.Range(1, LARGEST_ID), metadata={"description": "The last id seen"}
    )
    limit = fields.Integer(load_default=50, validate=ma.validate.Range(1, 200))


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
    kind = fields.String(attribute="period.kind", required=True)
    starts_on = fields.Date(attribute="period.starts_on", required=True)
    ends_on = fields.Date(attribute="period.ends_on", required=True)
    unit = fields.String(attribute="unit_code", required=True)
    unit_name = fields.String(required=True)
    version = fields.Integer(required=True)
    reason = fields.String(required=True)
    frozen_by = fields.String(required=True)
    frozen_at = fields.DateTime(required=True)
    sha256 = fields.String(required=True)


class ReportEntries(Schema):
    """Some reports."""

    reports = fields.List(fields.Nested(ReportEntry), required=True)


class FrozenReport(ReportEntry):
    """A report with what it says; one that the audit chain does not know so is a conflict."""

    appendix = fields.Dict(required=True)
    text = fields.Dict(required=True)


class FormatQuery(Schema):
    """Which kind of file."""

    format = fields.Enum(Format, by_value=True, required=True)


class WithQuery(Schema):
    """What to compare with."""

    other = fields.Integer(
        data_key="with",
        validate=ma.validate.Range(1, LARGEST_ID),
        metadata={"description": "An earlier version's id; left out: the figures known now"},
    )


class ReportDifference(Schema):
    """One figure of one line; empty where a table has no such line."""

    unit = fields.String(required=True)
    figure = fields.String(required=True)
    before = fields.Raw(required=True, allow_none=True)
    after = fields.Raw(required=True, allow_none=True)


class ReportDifferences(Schema):
    """Every figure that is not the same."""

    differences = fields.List(fields.Nested(ReportDifference), required=True)


@reports.get(
    "/reports", access=needs(Permission.REPORT_VIEW), query=ReportsQuery, answer=ReportEntries()
)
def list_reports(
    limit: int,
    kind: PeriodKind | None = None,
    unit: str | None = None,
    before: int | None = None,
) -> dict[str, tuple[SnapshotEntry, ...]]:
    """The frozen reports of the caller's units."""
    found = services().snapshots.list(
        actor(), kind=kind, unit_code=unit, before=before, limit=limit
    )
    return {"reports": found}


@reports.post(
    "/reports",
    access=needs(Permission.REPORT_FREEZE),
    body=FreezeBody,
    answer=FrozenReport(),
    status=201,
)
def freeze_report(
    kind: PeriodKind, on: date, corrects: int, reason: str, unit: str | None = None
) -> dict[str, object]:
    """The figures of a period that is over, frozen as the next version."""
    made = services().snapshots.freeze(
        actor(), kind, on, unit_code=unit, corrects=corrects, reason=reason
    )
    return _told(services().snapshots.get(actor(), made))


@reports.get(
    "/reports/<id:snapshot_id>", access=needs(Permission.REPORT_VIEW), answer=FrozenReport()
)
def get_report(snapshot_id: int) -> dict[str, object]:
    """One frozen report."""
    return _told(services().snapshots.get(actor(), snapshot_id))


@reports.get(
    "/reports/<id:snapshot_id>/file",
    access=needs(Permission.REPORT_VIEW),
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
    access=needs(Permission.REPORT_VIEW),
    query=WithQuery,
    answer=ReportDifferences(),
)
def compare_reports(snapshot_id: int, other: int | None = None) -> dict[str, object]:
    """What changed from another version, or what has been corrected since the freeze."""
    snapshots = services().snapshots
    found = snapshots.get(actor(), snapshot_id)
    if other is None:
        tables = (found.appendix, snapshots.recomputed(actor(), found))
    else:
        tables = (snapshots.sibling(actor(), found, other).appendix, found.appendix)
    return {
        "differences": [
            {
                "unit": one.label,
                "figure": one.column.key,
                "before": _plain(one.before),
                "after": _plain(one.after),
            }
            for one in differences(*tables, say)
        ]
    }


def _told(found: Snapshot) -> dict[str, object]:
    return {**vars(found), "appendix": found.appendix.to_json(), "text": found.text.to_json()}


def _plain(cell: Cell) -> object:
    """A rate survives as a float exactly as it is printed."""
    return cell if isinstance(cell, int | str) or cell is None else float(cell)
