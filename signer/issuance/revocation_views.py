"""Revocations as pages, the API and the command line show them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, func, select

from signer.ca.models import Certificate
from signer.errors import N_
from signer.inventory.models import OrgUnit, Person
from signer.inventory.states import STATE_RULES, PersonState
from signer.issuance.grounds import Act, Ground, GroundRule
from signer.issuance.models import Revocation
from signer.issuance.states import SigningState
from signer.issuance.views import Refused

ACT_NAMES: dict[Act, str] = {
    Act.REVOKE: N_("Thu hồi"),
    Act.SUSPEND: N_("Tạm dừng"),
    Act.RELEASE: N_("Cho dùng lại"),
    Act.CHANGE: N_("Thay đổi hoặc thu hồi"),
}

EFFECTS: dict[Act, str] = {
    Act.REVOKE: N_(
        "Không ký số được nữa. Việc thu hồi không thể hoàn tác; muốn ký lại phải được cấp khóa và "
        "chứng thư mới. Chữ ký đã tạo từ trước vẫn kiểm tra được."
    ),
    Act.SUSPEND: N_(
        "Không ký số được cho đến khi có người cho dùng lại. Khóa và mã PIN được giữ nguyên."
    ),
    Act.RELEASE: N_("Ký số lại được ngay bằng khóa và mã PIN cũ."),
}

CAUSE_NAMES: dict[str, str] = {
    **{state.value: STATE_RULES[state].label for state in PersonState},
    "unit": N_("Đơn vị khác với chứng thư"),
    "email": N_("Thư điện tử khác với chứng thư"),
    "returned": N_("Đã trở lại công tác"),
}
"""What the sweep found, by `revocation.cause`."""


@dataclass(frozen=True, kw_only=True)
class PreviewLine:
    """What one person has and what becomes of it."""

    code: str
    full_name: str
    unit_name: str
    title: str
    serial_hex: str
    not_after: datetime
    key_state: str
    """ready (not activated yet), active, locked or retired (being replaced)."""
    certificates: int
    """How many certificates of this key still count; a renewed one leaves its predecessor."""
    becomes: SigningState


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What an order would do, before it is given."""

    act: Act
    ground: GroundRule | None
    lines: tuple[PreviewLine, ...]
    refused: tuple[Refused, ...]
    is_at_once: bool
    """Done before the answer is there; otherwise a worker does it as a job."""

    @property
    def effect(self) -> str:
        """What each of these people can and cannot do afterwards; a catalogue sentence."""
        return EFFECTS[self.act]

    @property
    def can_be_undone(self) -> bool:
        """False for a revocation: a revoked certificate never counts again."""
        return self.act is not Act.REVOKE


@dataclass(frozen=True, kw_only=True)
class Ordered:
    """What became of an order."""

    done: int
    """People for whom it is in force now."""
    job_id: int | None
    """The job that does it, when it was too many to do at once."""
    refused: tuple[Refused, ...]


@dataclass(frozen=True, kw_only=True)
class RevocationView:
    """An act that was ordered, done or dismissed."""

    id: int
    act: Act
    state: str
    """draft, ordered, done or dismissed."""
    ground: Ground | None
    cause: str | None
    person_id: int
    code: str
    full_name: str
    unit_name: str
    title: str
    person_state: PersonState
    serial_hex: str
    not_after: datetime
    document_ref: str
    note: str
    opened_at: datetime
    opened_by: str
    decided_at: datetime | None
    decided_by: str | None
    done_at: datetime | None
    job_id: int | None
    error: str | None
    """Why it was dismissed; a catalogue sentence or the words of the clerk."""


@dataclass(frozen=True, kw_only=True)
class DraftView(RevocationView):
    """What the roster asks of a certificate, waiting for a clerk's word."""

    cause: str

    @property
    def found(self) -> str:
        """What the sweep saw: since when, which unit, which address."""
        return self.note

    @property
    def cause_name(self) -> str:
        """The cause in the words of the office; a catalogue sentence."""
        return CAUSE_NAMES[self.cause]


def revocation_rows() -> Select[*tuple[Any, ...]]:
    """One row per act that is no draft, see `typed`."""
    return _ROWS.where(Revocation.state != "draft")


def draft_rows() -> Select[*tuple[Any, ...]]:
    """One row per open draft whose certificate still counts, see `typed`."""
    return _ROWS.where(Revocation.state == "draft", Certificate.state.in_(("issued", "suspended")))


_ROWS = (
    select(
        Revocation.id,
        Revocation.kind.label("act"),
        *(Revocation.state, Revocation.ground, Revocation.cause, Revocation.person_id),
        *(Person.code, Person.full_name, OrgUnit.name.label("unit_name")),
        func.coalesce(Person.title, "").label("title"),
        Person.state.label("person_state"),
        *(Certificate.serial_hex, Certificate.not_after),
        *(Revocation.document_ref, Revocation.note, Revocation.opened_at, Revocation.opened_by),
        *(Revocation.decided_at, Revocation.decided_by, Revocation.done_at),
        *(Revocation.job_id, Revocation.error),
    )
    .join(Person, Person.id == Revocation.person_id)
    .join(OrgUnit, OrgUnit.id == Person.unit_id)
    .join(Certificate, Certificate.id == Revocation.certificate_id)
)


def typed(row: RowMapping) -> dict[str, Any]:
    """The fields of a `RevocationView` or a `DraftView`."""
    ground = Ground(row["ground"]) if row["ground"] else None
    return {**row, "act": Act(row["act"]), "ground": ground}
