"""Ending, holding and releasing certificates, and what the roster asks of them."""

import marshmallow as ma
from marshmallow import fields

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.operations import BEFORE, ID, LIMIT, Operations, Schema
from signer.api.requests import ReasonBody, RefusedPerson
from signer.api.wording import Said
from signer.issuance.grounds import Act, Ground, grounds_for
from signer.issuance.ordering import MOST
from signer.issuance.revocation_views import DraftView, Ordered, Preview, RevocationView
from signer.services import services

revocations = Operations(
    "revocations", "Revoking, suspending and releasing certificates, on the decree's grounds"
)
_REVOKE = Permission.CERTIFICATE_REVOKE

_ACTS = (Act.REVOKE, Act.SUSPEND, Act.RELEASE)
_ON_A_GROUND = (Act.REVOKE, Act.SUSPEND)


class PageQuery(Schema):
    """From where on."""

    before = BEFORE
    limit = LIMIT


class PreviewBody(Schema):
    """What would be done, and to whom."""

    act = fields.String(required=True, validate=ma.validate.OneOf([act.value for act in _ACTS]))
    persons = fields.List(
        fields.String(),
        required=True,
        validate=ma.validate.Length(min=1, max=MOST),
        metadata={"description": "Codes or official e-mail addresses"},
    )
    ground = fields.Enum(
        Ground,
        by_value=True,
        allow_none=True,
        load_default=None,
        metadata={"description": "One of GET /revocation-grounds; a release has none"},
    )


class PaperBody(Schema):
    """On what paper; the ground says whether one is needed."""

    document_ref = fields.String(load_default="")
    note = fields.String(load_default="")


class OrderBody(PreviewBody, PaperBody):
    """What is to be done, to whom, on what ground and paper."""


class CarryOutBody(PaperBody):
    """The drafts that become orders on one ground."""

    drafts = fields.List(
        fields.Integer(validate=ID), required=True, validate=ma.validate.Length(min=1, max=500)
    )
    ground = fields.Enum(Ground, by_value=True, allow_none=True, load_default=None)


class GroundAnswer(Schema):
    """A line of the closed lists (Decree 68/2024/NĐ-CP), with what it allows and asks for."""

    code = fields.String(required=True)
    label = Said(required=True)
    source = Said(required=True)
    acts = fields.List(fields.String(), required=True)
    reason = fields.String(
        required=True, metadata={"description": "RFC 5280, 5.3.1; a suspension is always a hold"}
    )
    needs_document = fields.Boolean(required=True)
    is_urgent = fields.Boolean(
        required=True, metadata={"description": "Done before the answer is there, however many"}
    )


class PreviewLineAnswer(Schema):
    """What one person has, and what becomes of it."""

    code = fields.String(required=True)
    name = fields.String(attribute="full_name", required=True)
    unit_name = fields.String(required=True)
    title = fields.String(required=True)
    certificate = fields.String(attribute="serial_hex", required=True)
    not_after = fields.DateTime(required=True)
    key_state = fields.String(required=True)
    certificates = fields.Integer(
        required=True, metadata={"description": "Certificates of this key that still count"}
    )
    becomes = fields.String(required=True)


class PreviewAnswer(Schema):
    """What the order would do; nothing has been changed."""

    act = fields.String(required=True)
    effect = Said(required=True)
    can_be_undone = fields.Boolean(required=True)
    is_at_once = fields.Boolean(required=True, metadata={"description": "False: a job will do it"})
    persons = fields.List(fields.Nested(PreviewLineAnswer), attribute="lines", required=True)
    refused = fields.List(fields.Nested(RefusedPerson), required=True)


class OrderMade(Schema):
    """What became of the order."""

    done = fields.Integer(
        required=True, metadata={"description": "People for whom it is in force now"}
    )
    job_id = fields.Integer(required=True, allow_none=True)
    refused = fields.List(fields.Nested(RefusedPerson), required=True)


class ActAnswer(Schema):
    """An act that was ordered, done or dismissed."""

    id = fields.Integer(required=True)
    act = fields.String(required=True)
    state = fields.String(required=True)
    ground = fields.String(required=True, allow_none=True)
    cause = fields.String(required=True, allow_none=True)
    code = fields.String(required=True)
    name = fields.String(attribute="full_name", required=True)
    unit_name = fields.String(required=True)
    certificate = fields.String(attribute="serial_hex", required=True)
    document_ref = fields.String(required=True)
    note = fields.String(required=True)
    opened_at = fields.DateTime(required=True)
    opened_by = fields.String(required=True)
    decided_at = fields.DateTime(required=True, allow_none=True)
    decided_by = fields.String(required=True, allow_none=True)
    done_at = fields.DateTime(required=True, allow_none=True)
    job_id = fields.Integer(required=True, allow_none=True)
    error = Said(required=True, allow_none=True)


class DraftAnswer(Schema):
    """What the roster asks of a certificate; `ground` is a proposal."""

    id = fields.Integer(required=True)
    act = fields.String(required=True)
    cause = fields.String(required=True)
    cause_name = Said(required=True)
    found = fields.String(required=True)
    ground = fields.String(required=True, allow_none=True)
    code = fields.String(required=True)
    name = fields.String(attribute="full_name", required=True)
    unit_name = fields.String(required=True)
    title = fields.String(required=True)
    working_state = fields.String(attribute="person_state", required=True)
    certificate = fields.String(attribute="serial_hex", required=True)
    not_after = fields.DateTime(required=True)
    opened_at = fields.DateTime(required=True)


@revocations.get("/revocation-grounds", _REVOKE, answer=GroundAnswer(many=True))
def list_grounds() -> list[dict[str, object]]:
    """The grounds on which a person's certificate can be revoked or suspended."""
    rules = {rule.code: rule for act in _ON_A_GROUND for rule in grounds_for(act)}
    return [
        {
            "acts": [act for act in _ON_A_GROUND if act in rule.acts],
            **{name: getattr(rule, name) for name in GroundAnswer().fields if name != "acts"},
        }
        for rule in rules.values()
    ]


@revocations.post("/revocations/preview", _REVOKE, body=PreviewBody, answer=PreviewAnswer())
def preview_revocation(act: str, persons: list[str], ground: Ground | None) -> Preview:
    """What the same order would do to each of these people; changes nothing."""
    return services().issuance.revoking.preview(
        actor(), act=Act(act), person_codes=persons, ground=ground
    )


@revocations.post("/revocations", _REVOKE, body=OrderBody, answer=OrderMade())
def order_revocation(
    act: str, persons: list[str], ground: Ground | None, document_ref: str, note: str
) -> Ordered | tuple[Ordered, int]:
    """Revoke, suspend or release.

    People to whom it cannot be done are listed as refused, and the others go on. Up to 20 people,
    or any number on an urgent ground, are done in the answer; otherwise it is 202 with a job.
    """
    return _answered(
        services().issuance.revoking.order(
            actor(),
            act=Act(act),
            person_codes=persons,
            ground=ground,
            document_ref=document_ref,
            note=note,
        )
    )


@revocations.get("/revocations", _REVOKE, query=PageQuery, answer=ActAnswer(many=True))
def list_revocations(limit: int, before: int | None = None) -> list[RevocationView]:
    """What was ordered, done and dismissed in the caller's units, newest first."""
    return services().issuance.revoking.history(actor(), before=before, limit=limit)


@revocations.get("/revocation-drafts", _REVOKE, query=PageQuery, answer=DraftAnswer(many=True))
def list_drafts(limit: int, before: int | None = None) -> list[DraftView]:
    """What the roster asks of certificates in the caller's units, newest first."""
    return services().issuance.revoking.drafts(actor(), before=before, limit=limit)


@revocations.post("/revocation-drafts/carry-out", _REVOKE, body=CarryOutBody, answer=OrderMade())
def carry_out_drafts(
    drafts: list[int], ground: Ground | None, document_ref: str, note: str
) -> Ordered | tuple[Ordered, int]:
    """Turn drafts into orders on one ground; those that it does not fit are refused."""
    return _answered(
        services().issuance.revoking.carry_out(
            actor(), drafts, ground=ground, document_ref=document_ref, note=note
        )
    )


@revocations.post("/revocation-drafts/<id:draft_id>/dismiss", _REVOKE, body=ReasonBody, status=204)
def dismiss_draft(draft_id: int, reason: str) -> None:
    """Pass a draft over, with a reason; the same finding does not open another one."""
    services().issuance.revoking.dismiss(actor(), draft_id, reason)


def _answered(made: Ordered) -> Ordered | tuple[Ordered, int]:
    """RFC 9110, 15.3.3: what a worker has still to do is accepted, not done."""
    return made if made.job_id is None else (made, 202)
