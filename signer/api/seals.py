"""The seals of bodies: asked for, decided, handed over and ended; and those the caller keeps."""

from typing import Any

import marshmallow as ma
from flask import Response
from marshmallow import fields
from werkzeug.datastructures import FileStorage

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.accounts import Key, PinBody
from signer.api.operations import BEFORE, LIMIT, File, Operations, Schema
from signer.api.requests import Approval, NoteBody, ReasonBody
from signer.api.signature_image import StoredAnswer
from signer.issuance.grounds import BODY_GROUNDS, Ground
from signer.issuance.seal_views import SealView
from signer.services import services
from signer.signing.images import LIMIT_BYTES
from signer.signing.own_keys import KeyState
from signer.signing.seal_images import LEAST_MM, MOST_MM

seals = Operations("seals", "The digital seals of bodies, and who keeps them")
_VIEW, _SIGN = Permission.REQUEST_VIEW, Permission.DOCUMENT_SIGN
_PAPER = fields.String(
    required=True, metadata={"description": "Number and symbol of the paper it rests on"}
)
_IMAGE = "/me/seals/<code>/image"


class PageQuery(Schema):
    """From where on."""

    before = BEFORE
    limit = LIMIT


class HandOverBody(Schema):
    """To whom, and on what paper."""

    keeper = fields.String(
        required=True, metadata={"description": "Code of a person of that very body"}
    )
    document_ref = _PAPER


class SealBody(HandOverBody):
    """Which body's seal; the body needs legal status and a seal of its own."""

    unit = fields.String(required=True)
    reason = fields.String(load_default="")


class EndBody(Schema):
    """On what ground the seal ends, and on what paper."""

    ground = fields.Enum(
        Ground,
        by_value=True,
        required=True,
        metadata={"description": ", ".join(BODY_GROUNDS)},
    )
    document_ref = _PAPER


class SealAnswer(Schema):
    """A body's seal; the certificate's facts are null before it is issued.

    `state` is pending, approved, ready, rejected, cancelled, ending or ended.
    """

    id = fields.Integer(required=True)
    state = fields.String(required=True)
    unit_code = fields.String(required=True)
    unit_name = fields.String(required=True)
    keeper_code = fields.String(required=True)
    keeper_name = fields.String(required=True)
    keeper_may_sign = fields.Boolean(
        required=True, metadata={"description": "False: it should be handed over"}
    )
    document_ref = fields.String(required=True)
    reason = fields.String(required=True)
    requested_by = fields.String(required=True)
    requested_at = fields.DateTime(required=True)
    decided_by = fields.String(required=True, allow_none=True)
    decided_at = fields.DateTime(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)
    job_id = fields.Integer(required=True, allow_none=True)
    certificate = fields.String(attribute="serial_hex", required=True, allow_none=True)
    not_after = fields.DateTime(required=True, allow_none=True)
    ended_at = fields.DateTime(required=True, allow_none=True)
    end_document_ref = fields.String(required=True, allow_none=True)


class KeptSeal(Key):
    """A seal that the caller keeps, and whether it can sign."""

    unit_code = fields.String(required=True)


class SealImageForm(Schema):
    """A PNG of the red seal, and how large the seal itself is; it is never scaled."""

    image = File(required=True)
    width_mm = fields.Float(required=True, validate=ma.validate.Range(LEAST_MM, MOST_MM))
    height_mm = fields.Float(required=True, validate=ma.validate.Range(LEAST_MM, MOST_MM))


class StoredSealAnswer(StoredAnswer):
    """What is kept, and what should still be looked at."""

    width_mm = fields.Float(required=True)
    height_mm = fields.Float(required=True)


# Asked for, decided, ended ------------------------------------------------------------------------


@seals.get("/seals", _VIEW, query=PageQuery, answer=SealAnswer(many=True))
def list_seals(limit: int, before: int | None = None) -> list[SealView]:
    """The newest seals of the caller's units first."""
    return services().issuance.seals.page(actor(), before=before, limit=limit)


@seals.get("/seals/<id:seal_id>", _VIEW, answer=SealAnswer())
def get_seal(seal_id: int) -> SealView:
    """One seal."""
    return services().issuance.seals.view_of(actor(), seal_id)


@seals.post("/seals", Permission.REQUEST_CREATE, body=SealBody, answer=SealAnswer(), status=201)
def create_seal(unit: str, keeper: str, document_ref: str, reason: str) -> SealView:
    """Ask for a body's seal; another person decides. With one in force, it is a hand-over."""
    seal_id = services().issuance.seals.create(
        actor(), unit_code=unit, keeper_code=keeper, document_ref=document_ref, reason=reason
    )
    return get_seal(seal_id)


@seals.post(
    "/seals/<id:seal_id>/approve", Permission.REQUEST_APPROVE, body=NoteBody, answer=Approval()
)
def approve_seal(seal_id: int, note: str) -> dict[str, int]:
    """Approve; never one's own request. A worker then makes the key and the certificate."""
    return {"job_id": services().issuance.seals.approve(actor(), seal_id, note)}


@seals.post(
    "/seals/<id:seal_id>/reject", Permission.REQUEST_APPROVE, body=ReasonBody, answer=SealAnswer()
)
def reject_seal(seal_id: int, reason: str) -> SealView:
    """Reject with a reason."""
    services().issuance.seals.reject(actor(), seal_id, reason)
    return get_seal(seal_id)


@seals.post("/seals/<id:seal_id>/cancel", Permission.REQUEST_CREATE, answer=SealAnswer())
def cancel_seal(seal_id: int) -> SealView:
    """Take one's own request back before anybody decided on it."""
    services().issuance.seals.cancel(actor(), seal_id)
    return get_seal(seal_id)


@seals.post(
    "/seals/<id:seal_id>/hand-over",
    Permission.REQUEST_CREATE,
    body=HandOverBody,
    answer=SealAnswer(),
    status=201,
)
def hand_over_seal(seal_id: int, keeper: str, document_ref: str) -> SealView:
    """Ask that another person keeps it; the answer is the new seal, with a key of its own."""
    made = services().issuance.seals.hand_over(actor(), seal_id, keeper, document_ref)
    return get_seal(made)


@seals.post(
    "/seals/<id:seal_id>/end",
    Permission.CERTIFICATE_REVOKE,
    body=EndBody,
    answer=SealAnswer(),
)
def end_seal(seal_id: int, ground: Ground, document_ref: str) -> SealView:
    """Revoke its certificate for good; what it signed before stays valid."""
    services().issuance.seals.end(actor(), seal_id, ground=ground, document_ref=document_ref)
    return get_seal(seal_id)


# Kept ---------------------------------------------------------------------------------------------


@seals.get("/me/seals", _SIGN, answer=KeptSeal(many=True))
def list_my_seals() -> list[KeyState]:
    """The seals that the caller keeps."""
    return list(services().signing.seal_states(actor()))


@seals.post("/me/seals/<code>/activate", _SIGN, body=PinBody, answer=KeptSeal())
def activate_my_seal(code: str, pin: str) -> KeyState:
    """Seal the body's key under a PIN of its own; it can sign from then on."""
    unit_id = services().inventory.unit_of(code).id
    services().signing.activate_seal(actor(), unit_id, pin)
    return services().signing.seal_state(actor(), unit_id)


@seals.get(f"{_IMAGE}/file", _SIGN, content_type="image/png")
def get_seal_image_file(code: str) -> Response:
    """The image itself."""
    return Response(services().signing.seal_images.png(actor(), code), mimetype="image/png")


@seals.post(_IMAGE, _SIGN, upload=SealImageForm, answer=StoredSealAnswer())
def set_seal_image(
    code: str, image: FileStorage, width_mm: float, height_mm: float
) -> dict[str, Any]:
    """The body's seals look like this from now on, in exactly this size."""
    images = services().signing.seal_images
    png = image.stream.read(LIMIT_BYTES + 1)
    remarks = images.store(actor(), code, png, width_mm, height_mm)
    found = images.find_of(services().inventory.unit_of(code).id)
    return vars(found) | {"remarks": remarks}
