"""Requests for certificates, the decisions on them, and the wrapped keys made for people."""

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from signer.db import Base, PathColumn, UTCDateTime


class CertificateRequest(Base):
    """One request of a body for first certificates of a number of its people."""

    __tablename__ = "certificate_request"

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(20), index=True)
    reason: Mapped[str] = mapped_column(Text)
    unit_id: Mapped[int] = mapped_column(ForeignKey("org_unit.id"))
    unit_path: Mapped[str] = mapped_column(PathColumn, index=True)
    requester_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    requested_by: Mapped[str] = mapped_column(String(200))
    requested_at: Mapped[datetime] = mapped_column(UTCDateTime)
    persons: Mapped[int]
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))

    __table_args__ = (
        CheckConstraint("state IN ('pending', 'approved', 'rejected', 'cancelled')", name="state"),
        UniqueConstraint("id", "requester_id"),  # what a decision points to, see there
    )


class RequestItem(Base):
    """One person of a request; a person has at most one open item in the whole city."""

    __tablename__ = "request_item"

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("certificate_request.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    state: Mapped[str] = mapped_column(String(20))
    error: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        CheckConstraint("state IN ('open', 'issued', 'closed')", name="state"),
        Index(
            "uq_request_item_open_person",
            "person_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )


class Decision(Base):
    """The one decision on a request. The table itself refuses a second one and a self-approval."""

    __tablename__ = "decision"

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(unique=True)
    requester_id: Mapped[int]
    approver_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    decided_by: Mapped[str] = mapped_column(String(200))
    decided_at: Mapped[datetime] = mapped_column(UTCDateTime)
    outcome: Mapped[str] = mapped_column(String(20))
    note: Mapped[str] = mapped_column(Text)

    __table_args__ = (
        CheckConstraint("approver_id <> requester_id", name="not_own_request"),
        CheckConstraint("outcome IN ('approved', 'rejected')", name="outcome"),
        ForeignKeyConstraint(
            ["request_id", "requester_id"],
            ["certificate_request.id", "certificate_request.requester_id"],
        ),
    )


class SigningKey(Base):
    """A person's key pair: the private half wrapped by the HSM, the public half, its certificate.

    `wrapped` is there from making until activation; then the PIN envelope (activation table)
    is the only copy and this column is emptied.
    """

    __tablename__ = "signing_key"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    request_item_id: Mapped[int] = mapped_column(ForeignKey("request_item.id"))
    generation: Mapped[int]
    """1 for the first key of a request; one more each time a locked key is replaced."""
    state: Mapped[str] = mapped_column(String(20))
    wrapped: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    kek: Mapped[str] = mapped_column(String(60))
    public_key_der: Mapped[bytes] = mapped_column(LargeBinary)
    certificate_id: Mapped[int | None] = mapped_column(ForeignKey("certificate.id"), unique=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (
        UniqueConstraint("request_item_id", "generation"),
        CheckConstraint("state IN ('new', 'ready', 'active', 'locked', 'retired')", name="state"),
        Index(
            "uq_signing_key_current_person",
            "person_id",
            unique=True,
            sqlite_where=text("state <> 'retired'"),
            postgresql_where=text("state <> 'retired'"),
        ),
    )
