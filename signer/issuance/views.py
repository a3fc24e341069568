"""Requests as pages, the API and the command line show them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from signer.inventory.models import OrgUnit
from signer.issuance.models import CertificateRequest, Decision
from signer.issuance.states import Standing


@dataclass(frozen=True, kw_only=True)
class RequestView:
    """A request as lists and pages show it."""

    id: int
    kind: str
    """A `RequestKind`."""
    state: str
    reason: str
    unit_code: str
    unit_name: str
    unit_path: str
    persons: int
    requested_by: str
    requester_id: int
    requested_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    note: str | None
    job_id: int | None


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A person left out of a request, with the reason to show."""

    code: str
    name: str
    sentence: str

    @classmethod
    def of(cls, person: Any, sentence: str) -> "Refused":  # whatever has a code and a full name
        """The person, for this reason."""
        return cls(code=person.code, name=person.full_name, sentence=sentence)


@dataclass(frozen=True, kw_only=True)
class CreatedRequest:
    """What became of a wish: the request, unless everybody was refused (`id` is then None)."""

    id: int | None
    persons: int
    refused: tuple[Refused, ...]


@dataclass(frozen=True, kw_only=True)
class RequestPerson:
    """One person of a request, with how far this person's certificate is."""

    item_id: int
    person_id: int
    code: str
    full_name: str
    unit_name: str
    title: str
    email: str | None
    state: Standing


def request_rows() -> Select[*tuple[Any, ...]]:
    """One row per request, its columns the fields of `RequestView`."""
    return (
        select(
            CertificateRequest.id,
            CertificateRequest.kind,
            CertificateRequest.state,
            CertificateRequest.reason,
            CertificateRequest.unit_path,
            CertificateRequest.persons,
            CertificateRequest.requested_by,
            CertificateRequest.requester_id,
            CertificateRequest.requested_at,
            CertificateRequest.job_id,
            OrgUnit.code.label("unit_code"),
            OrgUnit.name.label("unit_name"),
            Decision.decided_by,
            Decision.decided_at,
            Decision.note,
        )
        .join(OrgUnit, OrgUnit.id == CertificateRequest.unit_id)
        .outerjoin(Decision, Decision.request_id == CertificateRequest.id)
    )
