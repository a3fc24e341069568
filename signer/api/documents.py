"""The papers of a dossier: reading, signing, a body's seal, sending back."""

from typing import Any

import marshmallow as ma
from flask import Response, send_file
from marshmallow import fields

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.operations import Operations, Schema
from signer.api.wording import Said, say
from signer.doors import LARGEST_ID
from signer.dossiers.approving import Offer, Wanted
from signer.dossiers.models import StepKind
from signer.dossiers.sealing import AGENCY_KINDS
from signer.dossiers.views import DocumentView
from signer.errors import N_, Invalid
from signer.services import services
from signer.signing.appearance import COPY_FORMS
from signer.signing.approvals import PasskeyFactor, PinFactor
from signer.signing.geometry import Box
from signer.signing.placement import Placement

documents = Operations("documents", "The papers of a dossier and their signatures")
_SIGN = Permission.DOCUMENT_SIGN

_PDF = "application/pdf"
_FACT = ma.validate.Length(max=100)
_MOST_PAGES = 100_000
_FARTHEST = 20_000
"""In points; the largest page of a PDF measures 14,400 (ISO 32000-1, annex C.2)."""


class Version(Schema):
    """The file as it was after one step; 0 is the paper as it was handed in."""

    number = fields.Integer(required=True)
    sha256 = fields.String(required=True)
    size_bytes = fields.Integer(required=True)
    file_name = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    created_by = fields.String(required=True)


class Step(Schema):
    """What is wanted of whom, and what came of it; `unit` is the body whose seal is used."""

    id = fields.Integer(required=True)
    position = fields.Integer(required=True)
    kind = fields.String(required=True, validate=ma.validate.OneOf(list(StepKind)))
    person_code = fields.String(required=True)
    person_name = fields.String(required=True)
    unit_code = fields.String(required=True, allow_none=True)
    unit_name = fields.String(required=True, allow_none=True)
    state = fields.String(required=True)
    signed_at = fields.DateTime(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)


class Document(Schema):
    """A paper; `sha256` is the hash of its newest version."""

    id = fields.Integer(required=True)
    dossier_id = fields.Integer(required=True)
    dossier_code = fields.String(required=True)
    dossier_title = fields.String(required=True)
    file_name = fields.String(required=True)
    sha256 = fields.String(required=True)
    size_bytes = fields.Integer(required=True)
    pages = fields.Integer(required=True)
    state = fields.String(required=True)
    due_on = fields.Date(required=True, allow_none=True)
    my_turn = fields.Boolean(required=True)
    versions = fields.List(fields.Nested(Version), required=True)
    steps = fields.List(fields.Nested(Step), required=True)


class BoxAnswer(Schema):
    """A rectangle in points on the page as displayed, the origin at its lower left corner."""

    x0 = fields.Float(required=True)
    y0 = fields.Float(required=True)
    x1 = fields.Float(required=True)
    y1 = fields.Float(required=True)


class Proposal(Schema):
    """Where the caller's signature belongs, and why; `field` names an empty field of the file."""

    page = fields.Integer(required=True)
    box = fields.Nested(BoxAnswer, required=True)
    field = fields.String(attribute="field_name", required=True, allow_none=True)
    reason = Said(attribute="sentence", required=True)


class Facts(Schema):
    """What a body's mark shows besides its name and the time; left out for other steps."""

    number = fields.String(
        load_default="",
        validate=_FACT,
        metadata={"description": "Of the main document (appendix), or of those that came in"},
    )
    copy_form = fields.String(
        load_default="",
        validate=ma.validate.OneOf(["", *COPY_FORMS]),
        metadata={"description": "For a copy"},
    )
    forwarded_to = fields.String(load_default="", validate=_FACT)
    file_symbol = fields.String(load_default="", validate=_FACT)


class SignBody(Facts):
    """The PIN, the place, and the hash of the version that was looked at."""

    pin = fields.String(
        required=True, validate=ma.validate.Length(max=100), metadata={"format": "password"}
    )
    page = fields.Integer(required=True, validate=ma.validate.Range(1, _MOST_PAGES))
    box = fields.List(
        fields.Float(validate=ma.validate.Range(-_FARTHEST, _FARTHEST)),
        allow_none=True,
        validate=ma.validate.Length(equal=4),
        metadata={"description": "x0, y0, x1, y1 in points; left out only with `field`"},
    )
    field = fields.String(allow_none=True)
    shown_sha256 = fields.String(required=True)
    unseen = fields.Boolean(
        load_default=False,
        metadata={"description": "Sign expressly without having fetched the file"},
    )


class WantedBody(Facts):
    """One paper of a list; without `page` the signature goes where it is proposed."""

    document_id = fields.Integer(required=True, validate=ma.validate.Range(1, LARGEST_ID))
    shown_sha256 = fields.String(required=True)
    page = fields.Integer(validate=ma.validate.Range(1, _MOST_PAGES))
    box = fields.List(
        fields.Float(validate=ma.validate.Range(-_FARTHEST, _FARTHEST)),
        validate=ma.validate.Length(equal=4),
    )
    field = fields.String()
    unseen = fields.Boolean(load_default=False)


class OfferBody(Schema):
    """The papers to be signed with one approval."""

    documents = fields.List(
        fields.Nested(WantedBody), required=True, validate=ma.validate.Length(min=1, max=1000)
    )


class OfferAnswer(Schema):
    """The list as it will be approved; `passkey` is WebAuthn's request options."""

    activation_id = fields.Integer(required=True)
    list_sha256 = fields.String(required=True)
    expires_at = fields.DateTime(required=True)
    passkey = fields.Dict(keys=fields.String(), required=True, allow_none=True)


class ApproveBody(Schema):
    """One factor for the whole list: the PIN, or what the authenticator answered."""

    pin = fields.String(validate=ma.validate.Length(max=100), metadata={"format": "password"})
    passkey = fields.Dict(keys=fields.String())


class Signed(Schema):
    """What came of one paper: the hash of its new version, or why there is none."""

    document_id = fields.Integer(required=True)
    sha256 = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)


class ReturnBody(Schema):
    """Why the paper goes back."""

    reason = fields.String(required=True, validate=ma.validate.Length(min=1, max=500))


class AgencyBody(Schema):
    """What a body is to do with its seal after all other steps, and which body."""

    kind = fields.String(required=True, validate=ma.validate.OneOf(sorted(AGENCY_KINDS)))
    unit = fields.String(required=True)


class FileQuery(Schema):
    """Which version."""

    version = fields.Integer(
        validate=ma.validate.Range(0, LARGEST_ID), metadata={"description": "Newest when left out"}
    )


@documents.get("/me/documents", _SIGN, answer=Document(many=True))
def list_waiting_documents() -> list[DocumentView]:
    """The papers that wait for the caller's signature, the most urgent first."""
    return services().dossiers.inbox(actor())


@documents.get("/documents/<id:document_id>", Permission.DOSSIER_VIEW, answer=Document())
def get_document(document_id: int) -> DocumentView:
    """One paper with its versions and signing steps."""
    return services().dossiers.document_of(actor(), document_id)


@documents.get("/documents/<id:document_id>/proposal", _SIGN, query=Facts, answer=Proposal())
def propose_place(
    document_id: int, number: str, copy_form: str, forwarded_to: str, file_symbol: str
) -> Placement:
    """Where the mark of the caller's step belongs in the newest version."""
    document = services().dossiers.document_of(actor(), document_id)
    return services().dossiers.place_of(
        actor(),
        Wanted(
            document_id=document_id,
            shown_sha256=document.sha256,
            number=number,
            copy_form=copy_form,
            forwarded_to=forwarded_to,
            file_symbol=file_symbol,
        ),
    )


@documents.post(
    "/documents/<id:document_id>/agency-steps",
    Permission.DOSSIER_CREATE,
    body=AgencyBody,
    answer=Document(),
    status=201,
)
def add_agency_step(document_id: int, kind: str, unit: str) -> DocumentView:
    """Hand the paper to whoever keeps the body's seal, after all its other steps."""
    services().dossiers.sealing.add(actor(), document_id, StepKind(kind), unit)
    return services().dossiers.document_of(actor(), document_id)


@documents.post(
    "/documents/<id:document_id>/agency-steps/<id:step_id>/take-back",
    Permission.DOSSIER_CREATE,
    answer=Document(),
)
def take_back_agency_step(document_id: int, step_id: int) -> DocumentView:
    """Take the paper back from the body; 409 once the seal was used."""
    services().dossiers.sealing.take_back(actor(), document_id, step_id)
    return services().dossiers.document_of(actor(), document_id)


@documents.post("/documents/<id:document_id>/sign", _SIGN, body=SignBody, answer=Document())
def sign_document(
    document_id: int,
    pin: str,
    page: int,
    shown_sha256: str,
    unseen: bool,
    number: str,
    copy_form: str,
    forwarded_to: str,
    file_symbol: str,
    box: list[float] | None = None,
    field: str | None = None,
) -> DocumentView:
    """Sign the version that was looked at; asked again after a lost answer, nothing is repeated.

    409 when the paper has changed meanwhile or the key is locked; 422 on `pin` says how many
    attempts are left.
    """
    return services().dossiers.sign(
        actor(),
        document_id,
        pin=pin,
        page=page,
        box=_box(box, field),
        shown_sha256=shown_sha256,
        field_name=field,
        unseen=unseen,
        number=number,
        copy_form=copy_form,
        forwarded_to=forwarded_to,
        file_symbol=file_symbol,
    )


@documents.post("/me/approvals", _SIGN, body=OfferBody, answer=OfferAnswer(), status=201)
def offer_documents(documents: list[dict[str, Any]]) -> Offer:
    """Put together the list that one PIN or passkey approves; it holds for some minutes."""
    return services().dossiers.offer(actor(), [_wanted(**one) for one in documents])


@documents.post(
    "/me/approvals/<id:activation_id>/sign", _SIGN, body=ApproveBody, answer=Signed(many=True)
)
def sign_documents(
    activation_id: int, pin: str | None = None, passkey: dict[str, Any] | None = None
) -> list[dict[str, object]]:
    """Sign every paper of the list; used once, and asked again it says what came of it."""
    if (pin is None) == (passkey is None):
        raise Invalid(N_("Hãy dùng mã PIN hoặc khóa truy cập (passkey), một trong hai."))
    factor = PasskeyFactor(response=passkey) if passkey is not None else PinFactor(pin=pin or "")
    outcome = services().dossiers.sign_batch(actor(), activation_id, factor)
    return [
        {
            "document_id": document_id,
            "sha256": sha256,
            "reason": None if error is None else say(error.sentence, **error.values),
        }
        for document_id, sha256, error in outcome.results
    ]


@documents.post("/documents/<id:document_id>/return", _SIGN, body=ReturnBody, answer=Document())
def return_document(document_id: int, reason: str) -> DocumentView:
    """Refuse to sign, with a reason; the paper goes back to whoever drafted it."""
    services().dossiers.send_back(actor(), document_id, reason)
    return services().dossiers.document_of(actor(), document_id)


@documents.get(
    "/documents/<id:document_id>/file", Permission.DOSSIER_VIEW, query=FileQuery, content_type=_PDF
)
def download_document(document_id: int, version: int | None = None) -> Response:
    """A version of the paper, byte for byte."""
    name, sha256 = services().dossiers.file_of(actor(), document_id, version)
    if services().dossiers.document_of(actor(), document_id).my_turn:
        services().dossiers.note_shown(actor(), document_id, sha256)
    with services().files.path(sha256) as path:
        # Opened here and read later, so the file may lose its name meanwhile.
        return send_file(path.open("rb"), _PDF, as_attachment=True, download_name=name)


def _wanted(
    document_id: int,
    shown_sha256: str,
    unseen: bool,
    number: str,
    copy_form: str,
    forwarded_to: str,
    file_symbol: str,
    page: int | None = None,
    box: list[float] | None = None,
    field: str | None = None,
) -> Wanted:
    if page is None and (box is not None or field is not None):
        raise Invalid(N_("Hãy cho biết vị trí khung chữ ký."), field="page")
    return Wanted(
        document_id=document_id,
        shown_sha256=shown_sha256,
        page=page,
        box=None if page is None else _box(box, field),
        field_name=field,
        unseen=unseen,
        number=number,
        copy_form=copy_form,
        forwarded_to=forwarded_to,
        file_symbol=file_symbol,
    )


def _box(corners: list[float] | None, field: str | None) -> Box | None:
    if corners is None:
        if field is None:
            raise Invalid(N_("Hãy cho biết vị trí khung chữ ký."), field="box")
        return None
    x0, y0, x1, y1 = corners
    if not (x0 < x1 and y0 < y1):
        raise Invalid(N_("Khung chữ ký phải có chiều rộng và chiều cao dương."), field="box")
    return Box(x0=x0, y0=y0, x1=x1, y1=y1)
