"""Seals of bodies as pages and the API show them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from signer.ca.models import Certificate
from signer.db import db
from signer.errors import N_
from signer.inventory.models import OrgUnit, Person
from signer.inventory.policy import rules
from signer.inventory.states import PersonState
from signer.issuance.models import Seal, SigningKey

STATE_NAMES = {
    "pending": N_("Chờ duyệt"),
    "approved": N_("Đang cấp"),
    "ready": N_("Đang hiệu lực"),
    "rejected": N_("Không duyệt"),
    "cancelled": N_("Đã rút lại"),
    "ending": N_("Đang thu hồi"),
    "ended": N_("Đã thu hồi"),
}


@dataclass(frozen=True, kw_only=True)
class SealView:
    """One seal as pages show it; the certificate's facts are None before it is issued."""

    id: int
    unit_id: int
    unit_code: str
    unit_name: str
    keeper_id: int
    keeper_code: str
    keeper_name: str
    keeper_state: PersonState
    state: str
    document_ref: str
    reason: str
    requester_id: int
    requested_by: str
    requested_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    note: str | None
    job_id: int | None
    ended_at: datetime | None
    end_document_ref: str | None
    key_state: str | None
    serial_hex: str | None
    not_after: datetime | None

    @property
    def keeper_may_sign(self) -> bool:
        """The keeper is still in a state of service that signs; else the seal is handed over."""
        return rules()[self.keeper_state].may_sign


def seal_rows() -> Select[*tuple[Any, ...]]:
    """One row per seal, its columns the fields of `SealView`."""
    return (
        select(
            Seal.id,
            Seal.unit_id,
            OrgUnit.code.label("unit_code"),
            OrgUnit.name.label("unit_name"),
            Seal.keeper_id,
            Person.code.label("keeper_code"),
            Person.full_name.label("keeper_name"),
            Person.state.label("keeper_state"),
            Seal.state,
            Seal.document_ref,
            Seal.reason,
            Seal.requester_id,
            Seal.requested_by,
            Seal.requested_at,
            Seal.decided_by,
            Seal.decided_at,
            Seal.note,
            Seal.job_id,
            Seal.ended_at,
            Seal.end_document_ref,
            SigningKey.state.label("key_state"),
            Certificate.serial_hex,
            Certificate.not_after,
        )
        .join(OrgUnit, OrgUnit.id == Seal.unit_id)
        .join(Person, Person.id == Seal.keeper_id)
        .outerjoin(SigningKey, SigningKey.seal_id == Seal.id)
        .outerjoin(Certificate, Certificate.id == SigningKey.certificate_id)
    )


def views_of(statement: Select[*tuple[Any, ...]]) -> list[SealView]:
    """What the statement of `seal_rows` finds."""
    return [SealView(**row) for row in db.session.execute(statement).mappings()]
