"""Dossiers and documents as pages and the API show them."""

from dataclasses import dataclass
from datetime import date, datetime

from signer.dossiers.models import StepKind


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
    """One signature wanted; `state` is blocked, waiting, stamping, signed, returned or withdrawn.

    The unit is the body whose seal is wanted, None for a person's own signature.
    """

    id: int
    position: int
    kind: StepKind
    person_id: int
    person_code: str
    person_name: str
    state: str
    signed_at: datetime | None
    note: str | None
    unit_id: int | None = None
    unit_code: str | None = None
    unit_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class DocumentView:
    """One document with all its versions and steps; `sha256` is the newest version's.

    `my_step` is the one that waits for whoever asked.
    """

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
    my_step: StepView | None = None

    @property
    def my_turn(self) -> bool:
        """Something of whoever asked is wanted now."""
        return self.my_step is not None


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
