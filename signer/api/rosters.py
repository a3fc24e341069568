"""Roster files: checked in a dry run first, then the valid rows are stored by a job."""

from datetime import date

from flask import Response
from marshmallow import fields
from marshmallow.validate import OneOf
from werkzeug.datastructures import FileStorage

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.operations import File, Operations, Schema
from signer.api.wording import Said
from signer.doors import saved
from signer.inventory.fields import Field
from signer.inventory.importing import ImportView
from signer.services import services

rosters = Operations("roster-imports", "Lists of people as HR has them: check, then apply")

_IMPORT = Permission.ROSTER_IMPORT
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class RosterForm(Schema):
    """An .xlsx, .xls, .ods or .csv file."""

    file = File(required=True)
    effective_on = fields.Date(
        metadata={"description": "The day the list speaks of; left out: today, never later"}
    )
    full_unit = fields.String(
        metadata={"description": "Code of a unit everybody of which the file names"}
    )


class ColumnsBody(Schema):
    """What the columns hold, by their letters; columns left out are not used."""

    columns = fields.Dict(
        keys=fields.String(),
        values=fields.String(validate=OneOf(list(Field))),
        required=True,
        metadata={"example": {"B": "code", "C": "full_name", "H": "unit"}},
    )


class FindingAnswer(Schema):
    """What is wrong in one cell: an error keeps the row out, a warning does not."""

    row = fields.Integer(required=True)
    column = fields.String(required=True)
    heading = fields.String(required=True)
    value = fields.String(required=True)
    message = Said(attribute="sentence", required=True)
    hint = Said(attribute="hint_sentence", required=True)


class ColumnAnswer(Schema):
    """One column of the file and what it is taken for; null: it is not used."""

    letter = fields.String(required=True)
    heading = fields.String(required=True)
    field = fields.String(required=True, allow_none=True)


class AbsentAnswer(Schema):
    """Somebody of the unit whom its full list does not name."""

    code = fields.String(required=True)
    full_name = fields.String(required=True)
    unit = fields.String(required=True)


class RosterImport(Schema):
    """What applying the file does or did: counts of rows, and the first thousand findings."""

    id = fields.Integer(attribute="record.id", required=True)
    state = fields.String(attribute="record.state", required=True)
    job_id = fields.Integer(attribute="record.job_id", required=True, allow_none=True)
    file_name = fields.String(attribute="record.file_name", required=True)
    effective_on = fields.Date(attribute="record.effective_on", required=True)
    rows = fields.Integer(attribute="record.rows", required=True)
    new = fields.Integer(attribute="record.new", required=True)
    changed = fields.Integer(attribute="record.changed", required=True)
    same = fields.Integer(attribute="record.same", required=True)
    error_rows = fields.Integer(attribute="record.error_rows", required=True)
    stored_new = fields.Integer(attribute="record.applied_new", required=True)
    stored_changed = fields.Integer(attribute="record.applied_changed", required=True)
    overtaken_rows = fields.Integer(attribute="record.overtaken", required=True)
    errors = fields.List(fields.Nested(FindingAnswer), attribute="plan.errors", required=True)
    warnings = fields.List(fields.Nested(FindingAnswer), attribute="plan.warnings", required=True)
    overtaken = fields.List(fields.Nested(FindingAnswer), required=True)
    columns = fields.List(fields.Nested(ColumnAnswer), attribute="plan.headings", required=True)
    missing_columns = fields.List(fields.String(), attribute="plan.missing", required=True)
    absent_count = fields.Integer(attribute="record.absent", required=True, allow_none=True)
    absent = fields.List(fields.Nested(AbsentAnswer), attribute="plan.absent", required=True)
    ignored_rows = fields.List(fields.Integer(), attribute="plan.ignored_rows", required=True)
    unknown_headings = fields.List(
        fields.String(), attribute="plan.unknown_headings", required=True
    )


@rosters.post(
    "/roster-imports",
    _IMPORT,
    upload=RosterForm,
    limit="roster_limit_bytes",
    answer=RosterImport(),
    status=201,
)
def check_roster(
    file: FileStorage, effective_on: date | None = None, full_unit: str | None = None
) -> ImportView:
    """Check a file: what it would add and change, and every error by row and column.

    The file and its findings are kept; no person is touched before it is applied.
    """
    with saved([file], "file") as [(name, path)]:
        return services().inventory.rosters.dry_run(
            actor(), path, name, effective_on, full_unit=full_unit
        )


@rosters.get("/roster-imports/<id:import_id>", _IMPORT, answer=RosterImport())
def get_roster(import_id: int) -> ImportView:
    """A file that was checked, with its findings and how far it is stored."""
    return services().inventory.rosters.view(actor(), import_id)


@rosters.post(
    "/roster-imports/<id:import_id>/columns",
    _IMPORT,
    body=ColumnsBody,
    answer=RosterImport(),
    status=201,
)
def check_roster_again(import_id: int, columns: dict[str, str]) -> ImportView:
    """Check the same file with other meanings of its columns; they are remembered for the unit."""
    said = {letter.upper(): Field(name) for letter, name in columns.items()}
    return services().inventory.rosters.recheck(actor(), import_id, said)


@rosters.post("/roster-imports/<id:import_id>/apply", _IMPORT, answer=RosterImport())
def apply_roster(import_id: int) -> ImportView:
    """Store the valid rows of a checked file: a job does it; asking again begins nothing anew."""
    services().inventory.rosters.start(actor(), import_id)
    return services().inventory.rosters.view(actor(), import_id)


@rosters.post("/roster-imports/<id:import_id>/undo", _IMPORT, answer=RosterImport())
def undo_roster(import_id: int) -> ImportView:
    """Take an import back within 24 hours, while nothing hangs on it; a job does it."""
    services().inventory.rosters.undo(actor(), import_id)
    return services().inventory.rosters.view(actor(), import_id)


@rosters.get("/roster-imports/<id:import_id>/errors.xlsx", _IMPORT, content_type=_XLSX)
def get_roster_errors(import_id: int) -> Response:
    """The refused rows as a spreadsheet: to correct and send again."""
    answer = Response(services().inventory.rosters.corrections(actor(), import_id), mimetype=_XLSX)
    answer.headers.set("Content-Disposition", "attachment", filename=f"dong-loi-{import_id}.xlsx")
    return answer
