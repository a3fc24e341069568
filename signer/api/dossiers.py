"""Dossiers: papers that wait for signatures."""

from datetime import date

import marshmallow as ma
from marshmallow import fields
from werkzeug.datastructures import FileStorage

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.documents import Document
from signer.api.operations import BEFORE, LIMIT, File, Operations, Schema
from signer.api.uploads import saved
from signer.dossiers.views import DossierView
from signer.services import services

dossiers = Operations("dossiers", "Papers that wait for signatures")


class DossierQuery(Schema):
    """Which dossiers, and from where on."""

    state = fields.String(validate=ma.validate.OneOf(["open", "done", "returned"]))
    before = BEFORE
    limit = LIMIT


class DossierForm(Schema):
    """A dossier with its papers; every signer signs every paper, in the order given."""

    title = fields.String(required=True, validate=ma.validate.Length(min=1, max=300))
    unit = fields.String(required=True)
    due_on = fields.Date()
    signers = fields.List(
        fields.String(),
        required=True,
        validate=ma.validate.Length(min=1),
        metadata={"description": "Person codes, one field each"},
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
    title: str, unit: str, signers: list[str], files: list[FileStorage], due_on: date | None = None
) -> DossierView:
    """Make a dossier; it goes to its first signer at once."""
    with saved(files, "files") as papers:
        dossier_id = services().dossiers.create(
            actor(), title=title, unit_code=unit, due_on=due_on, files=papers, signers=signers
        )
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
