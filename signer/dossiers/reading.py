"""Dossiers and documents read from their tables, in a few queries whatever their number."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select

from signer.db import db
from signer.dossiers.models import Document, DocumentVersion, Dossier, Step, StepKind
from signer.dossiers.views import DocumentView, StepView, VersionView
from signer.inventory.models import OrgUnit, Person


def dossier_rows() -> Select[*tuple[Any, ...]]:
    """One row per dossier, its columns the fields of `DossierView`."""
    documents = select(func.count(Document.id)).where(Document.dossier_id == Dossier.id)
    return select(
        Dossier.id,
        Dossier.code,
        Dossier.title,
        Dossier.state,
        Dossier.due_on,
        Dossier.created_by,
        Dossier.created_at,
        OrgUnit.code.label("unit_code"),
        OrgUnit.name.label("unit_name"),
        documents.scalar_subquery().label("documents_count"),
        documents.where(Document.state == "signed").scalar_subquery().label("documents_signed"),
    ).join(OrgUnit, OrgUnit.id == Dossier.unit_id)


def documents_of(ids: Sequence[int], person_id: int | None) -> list[DocumentView]:
    """The documents in the order of their ids; `person_id` is whose turn is asked about."""
    rows = db.session.execute(
        select(Document, Dossier)
        .join(Dossier, Dossier.id == Document.dossier_id)
        .where(Document.id.in_(ids))
        .execution_options(populate_existing=True)
    ).all()
    versions: dict[int, list[VersionView]] = {document_id: [] for document_id in ids}
    for version in db.session.scalars(
        select(DocumentVersion)
        .where(DocumentVersion.document_id.in_(ids))
        .order_by(DocumentVersion.number)
    ):
        versions[version.document_id].append(_version_view(version))
    steps: dict[int, list[StepView]] = {document_id: [] for document_id in ids}
    for step, person, unit in db.session.execute(
        select(Step, Person, OrgUnit)
        .join(Person, Person.id == Step.person_id)
        .outerjoin(OrgUnit, OrgUnit.id == Step.unit_id)
        .where(Step.document_id.in_(ids))
        .order_by(Step.position)
        .execution_options(populate_existing=True)
    ):
        steps[step.document_id].append(_step_view(step, person, unit))
    views = {
        document.id: DocumentView(
            id=document.id,
            dossier_id=dossier.id,
            dossier_code=dossier.code,
            dossier_title=dossier.title,
            file_name=document.file_name,
            sha256=versions[document.id][-1].sha256,
            size_bytes=versions[document.id][-1].size_bytes,
            pages=document.pages,
            state=document.state,
            due_on=dossier.due_on,
            versions=tuple(versions[document.id]),
            steps=tuple(steps[document.id]),
            my_step=next(
                (
                    step
                    for step in steps[document.id]
                    if step.state == "waiting" and step.person_id == person_id
                ),
                None,
            ),
        )
        for document, dossier in rows
    }
    return [views[document_id] for document_id in ids]


def _version_view(row: DocumentVersion) -> VersionView:
    return VersionView(
        number=row.number,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        file_name=row.file_name,
        created_at=row.created_at,
        created_by=row.created_by,
    )


def _step_view(step: Step, person: Person, unit: OrgUnit | None) -> StepView:
    return StepView(
        id=step.id,
        position=step.position,
        kind=StepKind(step.kind),
        person_id=person.id,
        person_code=person.code,
        person_name=person.full_name,
        state=step.state,
        signed_at=step.acted_at if step.state == "signed" else None,
        note=step.note,
        unit_id=step.unit_id,
        unit_code=unit.code if unit else None,
        unit_name=unit.name if unit else None,
    )
