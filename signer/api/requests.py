"""Requests for certificates: filing one, deciding on it, and whose certificates run out."""

import marshmallow as ma
from marshmallow import fields

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.operations import AFTER, BEFORE, LIMIT, NEXT, UNIT_BELOW, Operations, Schema
from signer.api.wording import Said
from signer.inventory.paging import Page
from signer.issuance.expiring import ExpiringView
from signer.issuance.kinds import RequestKind
from signer.issuance.views import CreatedRequest, RequestPerson, RequestView
from signer.services import services

requests = Operations("requests", "Requests for certificates and the decisions on them")
_VIEW = Permission.REQUEST_VIEW

PEOPLE_AT_ONCE = 5000


class RequestQuery(Schema):
    """Which requests, and from where on."""

    state = fields.String(
        validate=ma.validate.OneOf(["pending", "approved", "rejected", "cancelled"])
    )
    before = BEFORE
    limit = LIMIT


class RequestBody(Schema):
    """Everybody who lacks a certificate in a unit's subtree, or named people; never both.

    Everything but a first issue is asked for named people, by code or official e-mail address.
    """

    kind = fields.Enum(
        RequestKind,
        by_value=True,
        load_default=RequestKind.ISSUE,
        metadata={
            "description": "issue: a first certificate; renew: the same key for longer; change: "
            "other data for the same key and end; rekey: a new key"
        },
    )
    reason = fields.String(required=True)
    unit = fields.String(allow_none=True)
    lacking = fields.Boolean(load_default=False)
    persons = fields.List(
        fields.String(), load_default=list, validate=ma.validate.Length(max=PEOPLE_AT_ONCE)
    )


class NoteBody(Schema):
    """A remark that goes with an approval."""

    note = fields.String(load_default="", validate=ma.validate.Length(max=500))


class ReasonBody(Schema):
    """Why not."""

    reason = fields.String(required=True, validate=ma.validate.Length(min=1, max=500))


class RefusedPerson(Schema):
    """Somebody left out of the request, and why."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    reason = Said(attribute="sentence", required=True)


class RequestMade(Schema):
    """What became of the wish; `id` is null when everybody was refused."""

    id = fields.Integer(required=True, allow_none=True)
    persons = fields.Integer(required=True)
    refused = fields.List(fields.Nested(RefusedPerson), required=True)


class Request(Schema):
    """A request with its decision, if there is one."""

    id = fields.Integer(required=True)
    kind = fields.String(required=True)
    state = fields.String(required=True)
    reason = fields.String(required=True)
    unit_code = fields.String(required=True)
    unit_name = fields.String(required=True)
    persons = fields.Integer(required=True)
    requested_by = fields.String(required=True)
    requested_at = fields.DateTime(required=True)
    decided_by = fields.String(required=True, allow_none=True)
    decided_at = fields.DateTime(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)
    job_id = fields.Integer(required=True, allow_none=True)


class RequestedPerson(Schema):
    """One person of a request, with how far this person's certificate is."""

    code = fields.String(required=True)
    name = fields.String(attribute="full_name", required=True)
    unit_name = fields.String(required=True)
    title = fields.String(required=True)
    email = fields.String(required=True, allow_none=True)
    state = fields.String(attribute="state.state", required=True)
    certificate = fields.String(attribute="state.serial_hex", required=True, allow_none=True)
    error = Said(attribute="state.sentence", values="state.values", required=True, allow_none=True)


class Approval(Schema):
    """The job that issues the certificates."""

    job_id = fields.Integer(required=True)


@requests.post(
    "/requests", Permission.REQUEST_CREATE, body=RequestBody, answer=RequestMade(), status=201
)
def create_request(
    reason: str, kind: RequestKind, lacking: bool, persons: list[str], unit: str | None = None
) -> CreatedRequest | tuple[CreatedRequest, int]:
    """File a request.

    People who cannot be asked for are listed as refused, and the others go on; when nobody is
    left, nothing is stored and the answer is 200 instead of 201.
    """
    made = services().issuance.create(
        actor(), unit_code=unit, lacking=lacking, person_codes=persons, reason=reason, kind=kind
    )
    return made if made.id is not None else (made, 200)


@requests.get("/requests", _VIEW, query=RequestQuery, answer=Request(many=True))
def list_requests(
    limit: int, state: str | None = None, before: int | None = None
) -> list[RequestView]:
    """The newest requests of the caller's units first."""
    return services().issuance.requests(actor(), state=state, before=before, limit=limit)


@requests.get("/requests/<id:request_id>", _VIEW, answer=Request())
def get_request(request_id: int) -> RequestView:
    """One request."""
    return services().issuance.request_of(actor(), request_id)


@requests.get("/requests/<id:request_id>/persons", _VIEW, answer=RequestedPerson(many=True))
def list_request_persons(request_id: int) -> list[RequestPerson]:
    """The people of a request, in the order of the roster."""
    return services().issuance.people_of(actor(), request_id)


@requests.post(
    "/requests/<id:request_id>/approve",
    Permission.REQUEST_APPROVE,
    body=NoteBody,
    answer=Approval(),
)
def approve_request(request_id: int, note: str) -> dict[str, int]:
    """Approve; never one's own request. A worker then issues the certificates as a job."""
    return {"job_id": services().issuance.approve(actor(), request_id, note)}


@requests.post(
    "/requests/<id:request_id>/reject",
    Permission.REQUEST_APPROVE,
    body=ReasonBody,
    answer=Request(),
)
def reject_request(request_id: int, reason: str) -> RequestView:
    """Reject with a reason; the people may be asked for again."""
    services().issuance.reject(actor(), request_id, reason)
    return services().issuance.request_of(actor(), request_id)


@requests.post("/requests/<id:request_id>/cancel", Permission.REQUEST_CREATE, answer=Request())
def cancel_request(request_id: int) -> RequestView:
    """Take one's own request back before anybody decided on it."""
    services().issuance.cancel(actor(), request_id)
    return services().issuance.request_of(actor(), request_id)


expiring = Operations("expiring", "Certificates that run out, and who may have another one")

_MOST_DAYS = 3650
"""Twice the longest life of a person's certificate."""


class ExpiringQuery(Schema):
    """Which certificates, and from where on."""

    within_days = fields.Integer(
        validate=ma.validate.Range(1, _MOST_DAYS),
        metadata={"description": "Left out: the longest of the reported lists"},
    )
    unit = UNIT_BELOW
    after = AFTER
    limit = LIMIT


class ExpiringAnswer(Schema):
    """Somebody whose certificate runs out; `why_not` says why it may not be renewed."""

    code = fields.String(required=True)
    name = fields.String(attribute="full_name", required=True)
    unit_name = fields.String(required=True)
    email = fields.String(required=True, allow_none=True)
    certificate = fields.String(attribute="serial_hex", required=True)
    not_after = fields.DateTime(required=True)
    days_left = fields.Integer(required=True)
    may_renew = fields.Boolean(required=True)
    why_not = Said(required=True, allow_none=True)


class ExpiringPage(Schema):
    """One page, the soonest first; `next` is null on the last."""

    persons = fields.List(fields.Nested(ExpiringAnswer), attribute="items", required=True)
    next = NEXT


class ExpiringCount(Schema):
    """How many people's certificates run out within so many days."""

    within_days = fields.Integer(required=True)
    persons = fields.Integer(required=True)


@expiring.get("/expiring", Permission.PERSON_VIEW, query=ExpiringQuery, answer=ExpiringPage())
def list_expiring(
    limit: int, within_days: int | None = None, unit: str | None = None, after: str | None = None
) -> Page[ExpiringView]:
    """A page of the people whose certificates run out; renew them with POST /requests."""
    return services().issuance.expiring(
        actor(),
        within_days=within_days or max(services().settings.expiry_alert_days),
        unit_code=unit,
        after=after,
        limit=limit,
    )


@expiring.get("/expiring/counts", Permission.PERSON_VIEW, answer=ExpiringCount(many=True))
def count_expiring() -> list[dict[str, int]]:
    """The figures of the reported lists: 180, 90, 60 and 30 days unless set otherwise."""
    counts = services().issuance.count_expiring(actor())
    return [{"within_days": days, "persons": persons} for days, persons in counts.items()]
