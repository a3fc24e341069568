"""The people of the caller's units, each with where the own signature stands."""

import marshmallow as ma
from marshmallow import fields

from signer.accounts import Permission
from signer.api.access import actor, needs
from signer.api.operations import Operations, Schema
from signer.api.wording import Said
from signer.inventory.models import OrgUnit, Person
from signer.inventory.people import PeopleFilter
from signer.issuance.states import SigningState, Standing
from signer.services import services

people = Operations("persons", "The people of the caller's units and their signing state")

_STATES = ["covered", "pending", *(state.value for state in SigningState)]


class PersonQuery(Schema):
    """Which people, and from where on."""

    unit = fields.String(metadata={"description": "Unit code; with everything below it"})
    state = fields.String(validate=ma.validate.OneOf(_STATES))
    search = fields.String(
        validate=ma.validate.Length(max=100),
        metadata={"description": "Part of a name or a code; diacritics do not matter"},
    )
    after = fields.String(metadata={"description": "`next` of the page before"})
    limit = fields.Integer(load_default=50, validate=ma.validate.Range(1, 200))


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
    next = fields.String(required=True, allow_none=True)


class PersonDetail(PersonAnswer):
    """A person with what only the own page shows; the ID number is masked."""

    birth_date = fields.Date(required=True, allow_none=True)
    sex = fields.String(required=True, allow_none=True)
    kind = fields.String(required=True, allow_none=True)
    mobile = fields.String(required=True, allow_none=True)
    id_number = fields.String(required=True, allow_none=True)


class IdNumber(Schema):
    """A full personal identity number; reading it was recorded."""

    id_number = fields.String(required=True, allow_none=True)


@people.get(
    "/persons", access=needs(Permission.PERSON_VIEW), query=PersonQuery, answer=PersonPage()
)
def list_persons(
    limit: int,
    unit: str | None = None,
    state: str | None = None,
    search: str | None = None,
    after: str | None = None,
) -> dict[str, object]:
    """A page of the people the caller may see, by given name.

    `state` is one signing state, or `covered` (a valid certificate), `pending` (an open request)
    or `lacking` (neither).
    """
    page, standings = services().issuance.people(
        actor(),
        PeopleFilter(
            unit_path=services().inventory.unit_of(unit).path if unit else None, search=search
        ),
        state=state,
        after=after,
        limit=limit,
    )
    units = services().inventory.units_by_ids({person.unit_id for person in page.items})
    shown = [_shown(p, units[p.unit_id], standings[p.id]) for p in page.items]
    return {"persons": shown, "next": page.next}


@people.get("/persons/<code>", access=needs(Permission.PERSON_VIEW), answer=PersonDetail())
def get_person(code: str) -> dict[str, object]:
    """One person."""
    return _detail(code)


@people.post("/persons/<code>/id-number", access=needs(Permission.PERSON_REVEAL), answer=IdNumber())
def reveal_id_number(code: str) -> dict[str, object]:
    """The full ID number; that it was read, by whom and when, is recorded."""
    return {"id_number": services().inventory.reveal_id(actor(), code)}


@people.post(
    "/persons/<code>/reactivation",
    access=needs(Permission.CERTIFICATE_REVOKE),
    answer=PersonDetail(),
)
def allow_reactivation(code: str) -> dict[str, object]:
    """Replace a locked key: the old certificate is revoked, a new key waits for its PIN."""
    services().issuance.allow_reactivation(actor(), code)
    return _detail(code)


def _detail(code: str) -> dict[str, object]:
    person = services().inventory.person_of(actor(), code)
    unit = services().inventory.units_by_ids([person.unit_id])[person.unit_id]
    standing = services().issuance.states_of([person.id])[person.id]
    return {
        **_shown(person, unit, standing),
        "birth_date": person.birth_date,
        "sex": person.sex,
        "kind": person.kind,
        "mobile": person.mobile,
        "id_number": masked(person.id_number),
    }


def _shown(person: Person, unit: OrgUnit, standing: Standing) -> dict[str, object]:
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


def masked(id_number: str | None) -> str | None:
    """The first three and the last three digits (requirement R5)."""
    if id_number is None:
        return None
    return id_number[:3] + "•" * (len(id_number) - 6) + id_number[-3:]
