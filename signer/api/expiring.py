"""Certificates that are about to run out."""

import marshmallow as ma
from marshmallow import fields

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.operations import AFTER, LIMIT, NEXT, UNIT_BELOW, Operations, Schema
from signer.api.wording import Said
from signer.inventory.paging import Page
from signer.issuance.expiring import ExpiringView
from signer.services import services

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
