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
    """One request of a body for certificates of a number of its people."""

    __tablename__ = "certificate_request"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), server_default="issue")
    """issue: a first one; renew: the same key for longer; change: other data, the same key and
    end; rekey: a new key and certificate."""
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
        CheckConstraint("kind IN ('issue', 'renew', 'change', 'rekey')", name="kind"),
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


class Seal(Base):
    """One certificate in a body's own name: asked for, decided, kept by one person, ended.

    The keeper signs with it under a PIN of their own. Another keeper is another row, key and
    certificate: nobody opens what somebody else has sealed (Decree 30/2020, article 32).
    """

    __tablename__ = "seal"

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("org_unit.id"), index=True)
    unit_path: Mapped[str] = mapped_column(PathColumn, index=True)
    keeper_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    state: Mapped[str] = mapped_column(String(10), index=True)
    document_ref: Mapped[str] = mapped_column(String(100))
    """Number and sign of the paper that asks for it (Form 02) or hands it over."""
    reason: Mapped[str] = mapped_column(Text)
    requester_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    requested_by: Mapped[str] = mapped_column(String(200))
    requested_at: Mapped[datetime] = mapped_column(UTCDateTime)
    approver_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    decided_by: Mapped[str | None] = mapped_column(String(200))
    decided_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    note: Mapped[str | None] = mapped_column(Text)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))
    error: Mapped[str | None] = mapped_column(Text)
    end_ground: Mapped[str | None] = mapped_column(String(40))
    """A code of the closed list in grounds.py (R25)."""
    end_document_ref: Mapped[str | None] = mapped_column(String(100))
    ended_by: Mapped[str | None] = mapped_column(String(200))
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint(
            "state IN ('pending', 'approved', 'ready', 'rejected', 'cancelled', 'ending', 'ended')",
            name="state",
        ),
        CheckConstraint("approver_id <> requester_id", name="not_own_request"),
        CheckConstraint(
            "state IN ('pending', 'cancelled') OR approver_id IS NOT NULL", name="decided"
        ),
        Index(
            "uq_seal_open_unit",
            "unit_id",
            unique=True,
            sqlite_where=text("state IN ('pending', 'approved')"),
            postgresql_where=text("state IN ('pending', 'approved')"),
        ),
        Index(
            "uq_seal_live_unit",
            "unit_id",
            unique=True,
            sqlite_where=text("state = 'ready'"),
            postgresql_where=text("state = 'ready'"),
        ),
    )


class SigningKey(Base):
    """A key pair: the private half wrapped by the HSM, the public half, its certificate.

    It is a person's, or a body's seal; never both, so that what is asked of a person's keys never
    finds a seal.

    `wrapped` is there from making until activation; then the PIN envelope (activation table)
    is the only copy and this column is emptied.
    """

    __tablename__ = "signing_key"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    request_item_id: Mapped[int | None] = mapped_column(ForeignKey("request_item.id"))
    seal_id: Mapped[int | None] = mapped_column(ForeignKey("seal.id"), unique=True)
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
        CheckConstraint(
            "(seal_id IS NULL) = (person_id IS NOT NULL)"
            " AND (person_id IS NULL) = (request_item_id IS NULL)",
            name="one_owner",
        ),
        CheckConstraint("state IN ('new', 'ready', 'active', 'locked', 'retired')", name="state"),
        # The keys that wait for their owner: few, and lists ask for them.
        Index(
            "ix_signing_key_waiting",
            *("state", "person_id"),
            sqlite_where=text("state IN ('ready', 'locked')"),
            postgresql_where=text("state IN ('ready', 'locked')"),
        ),
        Index(
            "uq_signing_key_current_person",
            "person_id",
            unique=True,
            sqlite_where=text("state <> 'retired'"),
            postgresql_where=text("state <> 'retired'"),
        ),
    )


class Revocation(Base):
    """One act upon one person's certificate: drafted, ordered, done, or dismissed.

    Drafts come from the inventory (leavers, changed units and addresses, R27); a clerk's order is
    stored before the CA is asked, so it is carried out also after a crash.
    """

    __tablename__ = "revocation"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    """revoke, suspend or release; change: a draft that leaves the choice to the clerk."""
    state: Mapped[str] = mapped_column(String(10), index=True)
    certificate_id: Mapped[int] = mapped_column(ForeignKey("certificate.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    unit_path: Mapped[str] = mapped_column(PathColumn, index=True)
    ground: Mapped[str | None] = mapped_column(String(40))
    """A code of the closed list in grounds.py (R25)."""
    document_ref: Mapped[str] = mapped_column(String(100))
    """Number and sign of the paper it rests on."""
    note: Mapped[str] = mapped_column(Text)
    cause: Mapped[str | None] = mapped_column(String(40))
    """What the sweep found: a person's state, `unit` or `email`; None for a clerk's own order."""
    opened_at: Mapped[datetime] = mapped_column(UTCDateTime)
    opened_by: Mapped[str] = mapped_column(String(200))
    decided_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    decided_by: Mapped[str | None] = mapped_column(String(200))
    done_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"), index=True)
    error: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        CheckConstraint("kind IN ('revoke', 'suspend', 'release', 'change')", name="kind"),
        CheckConstraint("state IN ('draft', 'ordered', 'done', 'dismissed')", name="state"),
        CheckConstraint("(state = 'done') = (done_at IS NOT NULL)", name="done_has_date"),
        Index(
            "uq_revocation_open_certificate",
            "certificate_id",
            unique=True,
            sqlite_where=text("state IN ('draft', 'ordered')"),
            postgresql_where=text("state IN ('draft', 'ordered')"),
        ),
    )
