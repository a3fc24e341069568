"""Roster files: checked in a dry run first, then the valid rows are stored."""

from datetime import date

from marshmallow import fields
from werkzeug.datastructures import FileStorage

from signer.accounts import Permission
from signer.api.access import actor, needs
from signer.api.operations import File, Operations, Schema
from signer.api.uploads import saved
from signer.api.wording import Said
from signer.inventory.importing import ImportView, RosterReceipt
from signer.services import services

rosters = Operations("roster-imports", "Lists of people as HR has them: check, then apply")


class RosterForm(Schema):
    """An .xlsx or .csv file."""

    file = File(required=True)
    effective_on = fields.Date(
        metadata={"description": "The day the list speaks of; left out: today, never later"}
    )


class FindingAnswer(Schema):
    """What is wrong in one cell: an error keeps the row out, a warning does not."""

    row = fields.Integer(required=True)
    column = fields.String(required=True)
    heading = fields.String(required=True)
    value = fields.String(required=True)
    message = Said(attribute="sentence", required=True)
    hint = Said(attribute="hint_sentence", required=True)


class RosterImport(Schema):
    """What applying the file does or did: counts of rows, and every finding."""

    id = fields.Integer(attribute="record.id", required=True)
    state = fields.String(attribute="record.state", required=True)
    file_name = fields.String(attribute="record.file_name", required=True)
    effective_on = fields.Date(attribute="record.effective_on", required=True)
    rows = fields.Integer(attribute="record.rows", required=True)
    new = fields.Integer(attribute="record.new", required=True)
    changed = fields.Integer(attribute="record.changed", required=True)
    same = fields.Integer(attribute="record.same", required=True)
    error_rows = fields.Integer(attribute="record.error_rows", required=True)
    errors = fields.List(fields.Nested(FindingAnswer), required=True)
    warnings = fields.List(fields.Nested(FindingAnswer), required=True)
    ignored_rows = fields.List(fields.Integer(), required=True)
    unknown_headings = fields.List(fields.String(), required=True)


class Receipt(Schema):
    """What the import stored in all; applying the same file again stores nothing."""

    id = fields.Integer(attribute="import_id", required=True)
    new = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    same = fields.Integer(required=True)
    refused = fields.Integer(required=True)


@rosters.post(
    "/roster-imports",
    access=needs(Permission.ROSTER_IMPORT),
    upload=RosterForm,
    limit="roster_limit_bytes",
    answer=RosterImport(),
    status=201,
)
def check_roster(file: FileStorage, effective_on: date | None = None) -> ImportView:
    """Check a file: what it would add and change, and every error by row and column.

    The file and its findings are kept; no person is touched before it is applied.
    """
    with saved([file], "file") as [(name, path)]:
        checked = services().inventory.dry_run(actor(), path, name, effective_on)
    return services().inventory.import_of(actor(), checked.import_id)


@rosters.get(
    "/roster-imports/<id:import_id>",
    access=needs(Permission.ROSTER_IMPORT),
    answer=RosterImport(),
)
def get_roster(import_id: int) -> ImportView:
    """A file that was checked, with its findings and how far it is stored."""
    return services().inventory.import_of(actor(), import_id)


@rosters.post(
    "/roster-imports/<id:import_id>/apply",
    access=needs(Permission.ROSTER_IMPORT),
    answer=Receipt(),
)
def apply_roster(import_id: int) -> RosterReceipt:
    """Store the valid rows of a checked file; an apply that was cut off goes on."""
    return services().inventory.apply(actor(), import_id)
