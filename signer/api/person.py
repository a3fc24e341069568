"""One person: the facts, corrections by hand, and whether two entries are one person."""

from datetime import date, datetime

import marshmallow as ma
from marshmallow import fields

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.operations import AFTER, LIMIT, NEXT, Operations, Schema
from signer.api.people import PersonAnswer, people, shown
from signer.api.wording import Said
from signer.inventory.duplicates import PairView
from signer.inventory.fields import Field
from signer.inventory.identity import mask
from signer.inventory.paging import Page
from signer.inventory.persons import FIELDS, Correction
from signer.services import services

__all__ = ["duplicates", "people"]

duplicates = Operations("duplicates", "Entries that look like one person")
_EDIT = Permission.PERSON_EDIT


class PersonDetail(PersonAnswer):
    """A person with what only the own page shows; the ID number is masked."""

    birth_date = fields.Date(required=True, allow_none=True)
    sex = fields.String(required=True, allow_none=True)
    kind = fields.String(required=True, allow_none=True)
    mobile = fields.String(required=True, allow_none=True)
    id_number = fields.String(required=True, allow_none=True)
    id_issued_on = fields.Date(required=True, allow_none=True)
    id_issued_by = fields.String(required=True, allow_none=True)
    rank_code = fields.String(required=True, allow_none=True)
    signing_roles = fields.List(fields.String(), required=True, allow_none=True)
    wants_sim_pki = fields.Boolean(required=True, allow_none=True)
    mobile_network = fields.String(required=True, allow_none=True)
    state_since = fields.Date(required=True)
    state_decision = fields.String(required=True, allow_none=True)
    updated_at = fields.DateTime(required=True, metadata={"description": "Send it back as `seen`"})
    merged_into = fields.String(
        required=True, allow_none=True, metadata={"description": "Who counts for this entry"}
    )


class PurposeBody(Schema):
    """What the number is needed for; recorded with who asked."""

    purpose = fields.String(required=True, validate=ma.validate.Length(min=1, max=200))


class IdNumber(Schema):
    """A full personal identity number; reading it was recorded."""

    id_number = fields.String(required=True, allow_none=True)


class PersonCorrectionBody(Schema):
    """What is told of a person, as a roster's cells would; what is absent stays as it is."""

    facts = fields.Dict(
        keys=fields.String(validate=ma.validate.OneOf([field.value for field in FIELDS])),
        values=fields.String(allow_none=True, validate=ma.validate.Length(max=250)),
        required=True,
        metadata={"description": "An empty text or null empties a field"},
    )
    effective_on = fields.Date(
        load_default=None,
        metadata={"description": "From when unit, state, kind and roles hold; today if absent"},
    )
    seen = fields.AwareDateTime(
        load_default=None, metadata={"description": "`updated_at` as it was read; else 409"}
    )
    dry_run = fields.Boolean(load_default=False, metadata={"description": "Only say what it does"})


class PersonRemark(Schema):
    """Something doubtful that was stored all the same."""

    field = fields.String(attribute="column", required=True)
    detail = Said(attribute="sentence", required=True)


class PersonCorrectionAnswer(Schema):
    """What changed, or would; what the new state asks of the person's certificate."""

    changes = fields.List(fields.String(), required=True)
    warnings = fields.List(fields.Nested(PersonRemark), required=True)
    asks = fields.String(required=True)
    alters_certificate = fields.Boolean(required=True)


class PairQuery(Schema):
    """Which pairs, and from where on."""

    decided = fields.Boolean(load_default=False)
    after = AFTER
    limit = LIMIT


class PairBody(Schema):
    """Two persons that nothing proposed."""

    first = fields.String(required=True, validate=ma.validate.Length(max=20))
    second = fields.String(required=True, validate=ma.validate.Length(max=20))


class PairDecisionBody(Schema):
    """`survivor` is the code of the entry that stays, for a merger."""

    outcome = fields.String(
        required=True, validate=ma.validate.OneOf(["merge", "keep_apart", "take_back"])
    )
    survivor = fields.String(load_default="", validate=ma.validate.Length(max=20))


class PairAnswer(Schema):
    """Two entries, why they look like one person, and what was decided."""

    id = fields.Integer(required=True)
    first = fields.Pluck(PersonAnswer, "code", required=True)
    second = fields.Pluck(PersonAnswer, "code", required=True)
    likenesses = fields.List(fields.String(), required=True)
    has_other_number = fields.Boolean(required=True)
    state = fields.String(required=True)
    survivor = fields.Pluck(PersonAnswer, "code", required=True, allow_none=True)
    decided_by = fields.String(required=True, allow_none=True)
    decided_at = fields.DateTime(required=True, allow_none=True)


class PairPageAnswer(Schema):
    """One page, the surest first; `next` is null on the last."""

    pairs = fields.List(fields.Nested(PairAnswer), attribute="items", required=True)
    next = NEXT


@people.get("/persons/<code>", Permission.PERSON_VIEW, answer=PersonDetail())
def get_person(code: str) -> dict[str, object]:
    """One person."""
    return _detail(code)


@people.post(
    "/persons/<code>/id-number", Permission.PERSON_REVEAL, body=PurposeBody, answer=IdNumber()
)
def reveal_id_number(code: str, purpose: str) -> dict[str, object]:
    """The full ID number; that it was read, by whom, when and what for, is recorded."""
    return {"id_number": services().inventory.persons.reveal_id(actor(), code, purpose)}


@people.post("/persons/<code>/reactivation", Permission.CERTIFICATE_REVOKE, answer=PersonDetail())
def allow_reactivation(code: str) -> dict[str, object]:
    """Replace a locked key: the old certificate is revoked, a new key waits for its PIN."""
    services().issuance.allow_reactivation(actor(), code)
    return _detail(code)


@people.post("/persons", _EDIT, body=PersonCorrectionBody, answer=PersonCorrectionAnswer())
def add_person(
    facts: dict[str, str | None], effective_on: date | None, seen: datetime | None, dry_run: bool
) -> Correction:
    """Add one person, with the checks and sentences of a roster."""
    return correct_person(None, facts, effective_on, seen, dry_run)


@people.post(
    "/persons/<code>/correction", _EDIT, body=PersonCorrectionBody, answer=PersonCorrectionAnswer()
)
def correct_person(
    code: str | None,
    facts: dict[str, str | None],
    effective_on: date | None,
    seen: datetime | None,
    dry_run: bool,
) -> Correction:
    """Correct one person, with the checks and sentences of a roster."""
    persons = services().inventory.persons
    cells = {Field(name): value or "" for name, value in facts.items()}
    if dry_run:
        found = persons.check(actor(), cells, code=code, effective_on=effective_on)
        return found.accepted()
    return persons.store(actor(), cells, code=code, effective_on=effective_on, seen=seen)


@duplicates.get("/duplicates", _EDIT, query=PairQuery, answer=PairPageAnswer())
def list_duplicates(decided: bool, limit: int, after: str | None = None) -> Page[PairView]:
    """Pairs in the caller's units that wait for a decision, or that were decided."""
    room = services().inventory.duplicates
    return room.pairs(actor(), are_decided=decided, after=after, limit=limit)


@duplicates.post("/duplicates", _EDIT, body=PairBody, answer=PairAnswer())
def pair_persons(first: str, second: str) -> PairView:
    """The pair of two persons, to be decided on."""
    return services().inventory.duplicates.pair_with(actor(), first, second)


@duplicates.post(
    "/duplicates/<id:pair_id>/decision", _EDIT, body=PairDecisionBody, answer=PairAnswer()
)
def decide_on_pair(pair_id: int, outcome: str, survivor: str) -> PairView:
    """Merge the two into one entry, keep them apart, or take such a decision back."""
    room = services().inventory.duplicates
    if outcome == "merge":
        return room.merge(actor(), pair_id, survivor)
    act = room.keep_apart if outcome == "keep_apart" else room.take_back
    return act(actor(), pair_id)


def _detail(code: str) -> dict[str, object]:
    inventory = services().inventory
    person = inventory.person_of(actor(), code)
    unit = inventory.units_by_ids([person.unit_id])[person.unit_id]
    standing = services().issuance.states_of([person.id])[person.id]
    survivor = inventory.duplicates.survivor_of(person)
    facts = set(PersonDetail().fields) - set(PersonAnswer().fields) - {"id_number", "merged_into"}
    return {
        **shown(person, unit, standing),
        **{name: getattr(person, name) for name in facts},
        "id_number": mask(person.id_number) or None,
        "merged_into": survivor.code if survivor else None,
    }
