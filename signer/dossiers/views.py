"""Dossiers and documents as pages and the API show them."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, kw_only=True)
class VersionView:
    """One version of a document; number 0 is the original."""

    number: int
    sha256: str
    size_bytes: int
    file_name: str
    created_at: datetime
    created_by: str


@dataclass(frozen=True, kw_only=True)
class StepView:
    """One signature wanted; `state` is blocked, waiting, signed or returned."""

    id: int
    position: int
    person_id: int
    person_code: str
    person_name: str
    state: str
    signed_at: datetime | None
    note: str | None


@dataclass(frozen=True, kw_only=True)
class DocumentView:
    """One document with all its versions and steps; `sha256` is the newest version's."""

    id: int
    dossier_id: int
    dossier_code: str
    dossier_title: str
    file_name: str
    sha256: str
    size_bytes: int
    pages: int
    state: str
    due_on: date | None
    versions: tuple[VersionView, ...]
    steps: tuple[StepView, ...]
    my_turn: bool


@dataclass(frozen=True, kw_only=True)
class DossierView:
    """One dossier; `documents` is empty in lists, which show `documents_count` only."""

    id: int
    code: str
    title: str
    unit_code: str
    unit_name: str
    state: str
    due_on: date | None
    created_by: str
    created_at: datetime
    documents_count: int
    documents_signed: int
    documents: tuple[DocumentView, ...] = ()
