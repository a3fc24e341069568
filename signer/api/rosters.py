"""Roster files: checked in a dry run first, then the valid rows are stored."""

from typing import Any

from marshmallow import fields
from werkzeug.datastructures import FileStorage

from signer.accounts import Permission
from signer.api.access import actor, needs
from signer.api.operations import File, Operations, Schema
from signer.api.uploads import saved
from signer.api.wording import Said
from signer.services import services

rosters = Operations("roster-imports", "Lists of people as HR has them: check, then apply")


class RosterForm(Schema):
    """An .xlsx or .csv file."""

    file = File(required=True)


class FindingAnswer(Schema):
    """What is wrong in one cell: an error keeps the row out, a warning does not."""

    row = fields.Integer(required=True)
    column = fields.String(required=True)
    value = fields.String(required=True)
    message = Said(attribute="sentence", required=True)
    hint = Said(attribute="hint_sentence", required=True)


class DryRun(Schema):
    """What applying the file would do; nothing but the file itself is stored yet."""

    id = fields.Integer(required=True)
    rows = fields.Integer(required=True)
    new = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    same = fields.Integer(required=True)
    errors = fields.List(fields.Nested(FindingAnswer), required=True)
    warnings = fields.List(fields.Nested(FindingAnswer), required=True)


class Receipt(Schema):
    """What was stored; applying the same file again stores nothing."""

    id = fields.Integer(required=True)
    new = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    same = fields.Integer(required=True)


@rosters.post(
    "/roster-imports",
    access=needs(Permission.ROSTER_IMPORT),
    upload=RosterForm,
    limit="roster_limit_bytes",
    answer=DryRun(),
    status=201,
)
def check_roster(file: FileStorage) -> Any:
    """Check a file: what it would add and change, and every error by row and column."""
    with saved([file], "file") as [(name, path)]:
        return services().inventory.dry_run(actor(), path, name)


@rosters.post(
    "/roster-imports/<int:import_id>/apply",
    access=needs(Permission.ROSTER_IMPORT),
    answer=Receipt(),
)
def apply_roster(import_id: int) -> Any:
    """Store the valid rows of a checked file."""
    return services().inventory.apply(actor(), import_id)
