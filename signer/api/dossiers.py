"""Dossiers: made with their papers and steps, listed, shown."""

from datetime import date

import marshmallow as ma
from marshmallow import fields
from werkzeug.datastructures import FileStorage

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.documents import Document
from signer.api.operations import BEFORE, LIMIT, File, Operations, Schema
from signer.doors import saved
from signer.dossiers.models import StepKind
from signer.dossiers.sealing import AGENCY_KINDS, SealWish
from signer.dossiers.views import DossierView
from signer.errors import N_, Invalid
from signer.services import services

dossiers = Operations("dossiers", "Papers that wait for signatures")


class DossierQuery(Schema):
    """Which dossiers, and from where on."""

    state = fields.String(validate=ma.validate.OneOf(["open", "done", "returned"]))
    before = BEFORE
    limit = LIMIT


class DossierForm(Schema):
    """A dossier with its papers; every signer signs every paper, in the order given.

    Who initials comes before the signers, a body's seal after them. A copy, or a paper that came
    in, may have no signers.
    """

    title = fields.String(required=True, validate=ma.validate.Length(min=1, max=300))
    unit = fields.String(required=True)
    due_on = fields.Date()
    signers = fields.List(
        fields.String(),
        load_default=list,
        metadata={"description": "Person codes, one field each"},
    )
    initials = fields.List(
        fields.String(),
        load_default=list,
        metadata={"description": "Codes of those who initial, one field each"},
    )
    seal_kind = fields.String(
        validate=ma.validate.OneOf(sorted(AGENCY_KINDS - {StepKind.APPENDIX})),
        metadata={"description": "What a body does at the end, with its seal"},
    )
    seal_unit = fields.String(metadata={"description": "Code of that body"})
    place_fields = fields.Boolean(
        load_default=False,
        metadata={"description": "Give every signer an empty field where it is proposed"},
    )
    appendices: fields.List[FileStorage] = fields.List(
        File(),
        load_default=list,
        validate=ma.validate.Length(max=20),
        metadata={"description": "PDF files that get the body's signature alone, after the seal"},
    )
    files: fields.List[FileStorage] = fields.List(
        File(),
        required=True,
        validate=ma.validate.Length(min=1, max=20),
        metadata={"description": "PDF files, one part each"},
    )


class Dossier(Schema):
    """A dossier as lists show it."""

    id = fields.Integer(required=True)
    code = fields.String(required=True)
    title = fields.String(required=True)
    unit_code = fields.String(required=True)
    unit_name = fields.String(required=True)
    state = fields.String(required=True)
    due_on = fields.Date(required=True, allow_none=True)
    created_by = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    documents_count = fields.Integer(required=True)
    documents_signed = fields.Integer(required=True)


class DossierWithDocuments(Dossier):
    """A dossier with its papers."""

    documents = fields.List(fields.Nested(Document), required=True)


@dossiers.post(
    "/dossiers",
    Permission.DOSSIER_CREATE,
    upload=DossierForm,
    answer=DossierWithDocuments(),
    status=201,
)
def create_dossier(
    title: str,
    unit: str,
    signers: list[str],
    initials: list[str],
    files: list[FileStorage],
    appendices: list[FileStorage],
    place_fields: bool,
    due_on: date | None = None,
    seal_kind: str | None = None,
    seal_unit: str | None = None,
) -> DossierView:
    """Make a dossier; it goes to its first signer at once."""
    seal = None
    if seal_kind is not None:
        if seal_unit is None:
            raise Invalid(N_("Hãy chọn cơ quan có con dấu."), field="seal_unit")
        seal = SealWish(unit_code=seal_unit, kind=StepKind(seal_kind))
    with saved(files, "files") as papers, saved(appendices, "appendices") as attached:
        dossier_id = services().dossiers.create(
            actor(),
            title=title,
            unit_code=unit,
            due_on=due_on,
            files=papers,
            signers=signers,
            initials=initials,
            seal=seal,
            appendices=attached,
        )
    if place_fields:
        services().preparing.place_all(actor(), dossier_id)
    return services().dossiers.dossier_of(actor(), dossier_id)


@dossiers.get("/dossiers", Permission.DOSSIER_VIEW, query=DossierQuery, answer=Dossier(many=True))
def list_dossiers(
    limit: int, state: str | None = None, before: int | None = None
) -> list[DossierView]:
    """The newest dossiers the caller may see first."""
    return services().dossiers.dossiers(actor(), state=state, before=before, limit=limit)


@dossiers.get("/dossiers/<id:dossier_id>", Permission.DOSSIER_VIEW, answer=DossierWithDocuments())
def get_dossier(dossier_id: int) -> DossierView:
    """One dossier with its papers, their versions and signing steps."""
    return services().dossiers.dossier_of(actor(), dossier_id)
