"""The unit tree as of any day, what bodies are, and the acts that change the tree."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import marshmallow as ma
from marshmallow import fields

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.operations import Operations, Schema
from signer.api.wording import say
from signer.inventory.bodies import BodyFacts, Duty
from signer.inventory.kinds import UnitKind
from signer.inventory.models import OrgUnit, UnitChange
from signer.inventory.structure_plan import ActKind, UnitAct
from signer.inventory.structure_rows import ActPreview
from signer.inventory.tree import predecessors, successors
from signer.issuance.rehoming import certified_in
from signer.services import services

units = Operations("units", "The city's bodies and their divisions, and how they change")
_MANAGE = Permission.UNIT_MANAGE
_VIEW = Permission.UNIT_VIEW


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
    has_legal_status = fields.Boolean(required=True)
    has_seal = fields.Boolean(required=True)
    tax_code = fields.String(required=True, allow_none=True)
    budget_code = fields.String(required=True, allow_none=True)
    electronic_code = fields.String(required=True, allow_none=True)


class Officer(Schema):
    """Somebody's duty in a body."""

    duty = fields.Enum(Duty, by_value=True, required=True)
    code = fields.String(required=True)
    full_name = fields.String(required=True)
    decision = fields.String(required=True)
    valid_from = fields.Date(required=True)
    valid_to = fields.Date(required=True, allow_none=True)


class UnitInFull(Unit):
    """One unit with where it came from and went, and who ever had a duty in it."""

    predecessors = fields.List(fields.Nested(Unit), required=True)
    successors = fields.List(fields.Nested(Unit), required=True)
    officers = fields.List(fields.Nested(Officer), required=True)


class FactsBody(Schema):
    """What a body is in law; a code left out is none."""

    has_legal_status = fields.Boolean(required=True)
    has_seal = fields.Boolean(required=True)
    tax_code = fields.String(load_default=None, allow_none=True)
    budget_code = fields.String(load_default=None, allow_none=True)
    electronic_code = fields.String(load_default=None, allow_none=True)


class OfficerBody(Schema):
    """Who has which duty, on which decision, from when."""

    duty = fields.Enum(Duty, by_value=True, required=True)
    person = fields.String(required=True)
    decision = fields.String(required=True)
    on = fields.Date(load_default=None, metadata={"description": "Left out: today"})


class UnitHeirBody(Schema):
    """A unit that begins, or, by its code alone, an existing one that takes over."""

    code = fields.String(required=True)
    name = fields.String(load_default="")
    kind = fields.Enum(UnitKind, by_value=True, load_default=None, allow_none=True)
    takes = fields.List(
        fields.String(),
        load_default=(),
        metadata={"description": "Of a split: people's codes, divisions, sub-units' codes"},
    )


class UnitActBody(Schema):
    """One act; the code of a renamed or moved unit stays when it is given again."""

    kind = fields.Enum(ActKind, by_value=True, required=True)
    on = fields.Date(required=True, metadata={"description": "The first day of the new tree"})
    decision = fields.String(required=True)
    codes = fields.List(fields.String(), load_default=(), validate=ma.validate.Length(max=100))
    heirs = fields.List(
        fields.Nested(UnitHeirBody), load_default=(), validate=ma.validate.Length(max=100)
    )
    parent_code = fields.String(data_key="parent", load_default=None, allow_none=True)


class UnitLineAnswer(Schema):
    """What becomes of one unit's people, or of some of them."""

    code = fields.String(attribute="unit.code", required=True)
    heir_code = fields.String(attribute="heir.code", required=True)
    heir_name = fields.String(attribute="heir.name", required=True)
    heir_is_new = fields.Function(lambda line: line.heir.id < 0)
    people = fields.Integer(required=True)
    is_written_anew = fields.Boolean(required=True)


class UnitPreviewAnswer(Schema):
    """What an act would do."""

    people = fields.Integer(required=True)
    certificates = fields.Function(
        lambda seen: sum(certified_in(seen.renamed_ids).values()),
        metadata={"description": "People whose certificate names units anew"},
    )
    is_planned = fields.Boolean(required=True)
    is_at_once = fields.Boolean(required=True)
    lines = fields.List(fields.Nested(UnitLineAnswer), required=True)


class UnitChangeAnswer(Schema):
    """An act that was ordered: planned, carrying, done, refused, undoing or undone."""

    id = fields.Integer(required=True)
    kind = fields.String(required=True, validate=ma.validate.OneOf(list(ActKind)))
    state = fields.String(required=True)
    on = fields.Date(attribute="effective_on", required=True)
    decision = fields.String(required=True)
    people = fields.Integer(required=True)
    job_id = fields.Integer(required=True, allow_none=True)
    ended = fields.List(fields.Nested(Unit), required=True)
    begun = fields.List(fields.Nested(Unit), required=True)
    error = fields.Function(
        lambda found: found.refusal and say(found.refusal["sentence"], **found.refusal["values"])
    )


@units.get("/units", _VIEW, query=UnitQuery, answer=Unit(many=True))
def list_units(as_of: date | None = None) -> list[OrgUnit]:
    """The units of the caller's subtrees on a day, in the order of the tree."""
    caller = actor()
    found = services().inventory.units(as_of)
    return [unit for unit in found if caller.can(_VIEW, unit.path)]


@units.get("/units/<code>", _VIEW, query=UnitQuery, answer=UnitInFull())
def get_unit(code: str, as_of: date | None = None) -> dict[str, Any]:
    """The unit that has the code on a day, else the newest that had it."""
    return _in_full(_unit(code, as_of))


@units.post("/units/<code>/facts", _MANAGE, body=FactsBody, answer=UnitInFull())
def set_unit_facts(code: str, **told: Any) -> dict[str, Any]:
    """Legal status, seal and codes of an open unit."""
    services().inventory.bodies.set_facts(actor(), _unit(code).code, BodyFacts(**told))
    return _in_full(_unit(code))


@units.post("/units/<code>/officers", _MANAGE, body=OfficerBody, answer=UnitInFull())
def name_officer(
    code: str, duty: Duty, person: str, decision: str, on: date | None
) -> dict[str, Any]:
    """The person is the body's focal officer or deputy; whoever was, was until then."""
    services().inventory.bodies.name_officer(
        actor(), _unit(code).code, duty, person_code=person, decision=decision, on=on
    )
    return _in_full(_unit(code))


@units.post("/unit-changes/preview", _MANAGE, body=UnitActBody, answer=UnitPreviewAnswer())
def preview_unit_change(**told: Any) -> ActPreview:
    """Who would go where, and how many certificates would need a change; nothing changes."""
    return services().inventory.structure.preview(actor(), UnitAct.of(told))


@units.post("/unit-changes", _MANAGE, body=UnitActBody, answer=UnitChangeAnswer(), status=201)
def change_units(**told: Any) -> UnitChange:
    """The act is done, a job does it (`job_id`), or it waits for its day (`planned`)."""
    return services().inventory.structure.carry_out(actor(), UnitAct.of(told))


@units.get("/unit-changes", _VIEW, answer=UnitChangeAnswer(many=True))
def list_unit_changes() -> Sequence[UnitChange]:
    """The newest acts upon the caller's units."""
    return services().inventory.structure.changes(actor())


@units.get("/unit-changes/<id:change_id>", _VIEW, answer=UnitChangeAnswer())
def get_unit_change(change_id: int) -> UnitChange:
    """One act: how far it is."""
    return services().inventory.structure.change(actor(), change_id)


@units.post("/unit-changes/<id:change_id>/undo", _MANAGE, answer=UnitChangeAnswer())
def undo_unit_change(change_id: int) -> UnitChange:
    """Everything as before the act; 409 says what hangs on it."""
    return services().inventory.structure.undo(actor(), change_id)


def _unit(code: str, day: date | None = None) -> OrgUnit:
    return services().inventory.structure.unit(actor(), code, day)


def _in_full(unit: OrgUnit) -> dict[str, Any]:
    shown = {name: getattr(unit, name) for name in Unit().fields}
    return shown | {
        "predecessors": predecessors(unit.id),
        "successors": successors(unit.id),
        "officers": services().inventory.bodies.duties_of(unit.id),
    }
