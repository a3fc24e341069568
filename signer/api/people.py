"""The people of the caller's units, each with where the own signature stands."""

import marshmallow as ma
from marshmallow import fields

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.operations import AFTER, LIMIT, NEXT, UNIT_BELOW, Operations, Schema
from signer.api.wording import Said
from signer.inventory.models import OrgUnit, Person, PersonKind, SigningRole
from signer.inventory.people import PeopleFilter
from signer.inventory.states import PersonState
from signer.issuance.states import SigningState, Standing
from signer.services import services

people = Operations("persons", "The people of the caller's units and their signing state")

_STATES = ["covered", "pending", *(state.value for state in SigningState)]


class PersonQuery(Schema):
    """Which people, and from where on."""

    unit = UNIT_BELOW
    state = fields.String(validate=ma.validate.OneOf(_STATES))
    search = fields.String(
        validate=ma.validate.Length(max=100),
        metadata={
            "description": "Starts of words of a name, diacritics do not matter; or the start of "
            "a code or an e-mail address: the list is then by that"
        },
    )
    kind = fields.Enum(PersonKind, by_value=True)
    role = fields.Enum(SigningRole, by_value=True)
    working_state = fields.Enum(PersonState, by_value=True)
    after = AFTER
    limit = LIMIT


class PersonAnswer(Schema):
    """A person and the state of the own certificate; the ID number stays out."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    unit = fields.String(required=True)
    unit_name = fields.String(required=True)
    division = fields.String(required=True, allow_none=True)
    title = fields.String(required=True, allow_none=True)
    email = fields.String(required=True, allow_none=True)
    working_state = fields.String(required=True)
    state = fields.String(required=True)
    certificate = fields.String(required=True, allow_none=True)
    not_after = fields.DateTime(required=True, allow_none=True)
    error = Said(values="error_values", required=True, allow_none=True)


class PersonPage(Schema):
    """One page in the order of a Vietnamese name list; `next` is null on the last."""

    persons = fields.List(fields.Nested(PersonAnswer), required=True)
    next = NEXT


@people.get("/persons", Permission.PERSON_VIEW, query=PersonQuery, answer=PersonPage())
def list_persons(
    limit: int,
    unit: str | None = None,
    state: str | None = None,
    search: str | None = None,
    kind: PersonKind | None = None,
    role: SigningRole | None = None,
    working_state: PersonState | None = None,
    after: str | None = None,
) -> dict[str, object]:
    """A page of the people the caller may see, by given name.

    `state` is one signing state, or `covered` (a valid certificate), `pending` (an open request)
    or `lacking` (neither).
    """
    page, standings = services().issuance.people(
        actor(),
        PeopleFilter(
            unit_path=services().inventory.unit_of(unit).path if unit else None,
            search=search,
            kind=kind,
            role=role,
            state=working_state,
        ),
        state=state,
        after=after,
        limit=limit,
    )
    units = services().inventory.units_by_ids({person.unit_id for person in page.items})
    found = [shown(p, units[p.unit_id], standings[p.id]) for p in page.items]
    return {"persons": found, "next": page.next}


def shown(person: Person, unit: OrgUnit, standing: Standing) -> dict[str, object]:
    """A person as `PersonAnswer` says it."""
    return {
        "code": person.code,
        "name": person.full_name,
        "unit": unit.code,
        "unit_name": unit.name,
        "division": person.division,
        "title": person.title,
        "email": person.email,
        "working_state": person.state,
        "state": standing.state,
        "certificate": standing.serial_hex,
        "not_after": standing.not_after,
        "error": standing.sentence,
        "error_values": standing.values,
    }
