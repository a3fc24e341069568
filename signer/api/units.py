"""The unit tree, as of any day."""

from datetime import date

from marshmallow import fields

from signer.accounts import Permission
from signer.api.access import actor, needs
from signer.api.operations import Operations, Schema
from signer.inventory.models import OrgUnit
from signer.services import services

units = Operations("units", "The city's bodies and their divisions")


class UnitQuery(Schema):
    """Which day's tree."""

    as_of = fields.Date(metadata={"description": "Left out: today"})


class Unit(Schema):
    """One unit; `valid_to` is its last day."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True)
    path = fields.String(required=True)
    valid_from = fields.Date(required=True, allow_none=True)
    valid_to = fields.Date(required=True, allow_none=True)


@units.get("/units", access=needs(Permission.UNIT_VIEW), query=UnitQuery, answer=Unit(many=True))
def list_units(as_of: date | None = None) -> list[OrgUnit]:
    """The units of the caller's subtrees on a day, in the order of the tree."""
    caller = actor()
    found = services().inventory.units(as_of)
    return [unit for unit in found if caller.can(Permission.UNIT_VIEW, unit.path)]
