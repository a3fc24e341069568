"""Dossiers, their documents in every version, and who signs them in which order."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from signer.db import Base, PathColumn, UTCDateTime
from signer.errors import N_


class StepKind(StrEnum):
    """What is wanted of whoever's turn it is; all but the first two are done with a body's seal."""

    SIGN = "sign"
    INITIAL = "initial"
    SEAL = "seal"
    COPY = "copy"
    APPENDIX = "appendix"
    INCOMING = "incoming"


STEP_NAMES: dict[StepKind, str] = {
    StepKind.SIGN: N_("Ký"),
    StepKind.INITIAL: N_("Ký nháy"),
    StepKind.SEAL: N_("Đóng dấu"),
    StepKind.COPY: N_("Sao y"),
    StepKind.APPENDIX: N_("Đóng dấu phụ lục"),
    StepKind.INCOMING: N_("Đóng dấu đến"),
}


class Dossier(Base):
    """One file of a procedure, kept by a unit until its day."""

    __tablename__ = "dossier"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    title: Mapped[str] = mapped_column(String(300))
    unit_id: Mapped[int] = mapped_column(ForeignKey("org_unit.id"))
    unit_path: Mapped[str] = mapped_column(PathColumn, index=True)
    state: Mapped[str] = mapped_column(String(20), index=True)
    due_on: Mapped[date | None]
    creator_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    created_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (CheckConstraint("state IN ('open', 'done', 'returned')", name="state"),)


class Document(Base):
    """One PDF of a dossier; its bytes are the newest version's."""

    __tablename__ = "document"

    id: Mapped[int] = mapped_column(primary_key=True)
    dossier_id: Mapped[int] = mapped_column(ForeignKey("dossier.id"), index=True)
    file_name: Mapped[str] = mapped_column(String(200))
    pages: Mapped[int]
    state: Mapped[str] = mapped_column(String(20), index=True)
    protected_until: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)
    """When the certificate of its newest archive stamp ends."""

    __table_args__ = (CheckConstraint("state IN ('waiting', 'signed', 'returned')", name="state"),)


class DocumentVersion(Base):
    """The bytes a document had; number 0 is the original, kept as it came (R48)."""

    __tablename__ = "document_version"

    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"))
    number: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size_bytes: Mapped[int]
    file_name: Mapped[str] = mapped_column(String(250))
    created_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (UniqueConstraint("document_id", "number"),)


class Step(Base):
    """One signature wanted on a document; steps go in the order of their position.

    `unit_id`: of which body's seal, for all kinds but a person's own (sign, initial);
    `person_id` is then the seal's keeper.

    `stamping`: signed, and the time stamp that its level asks for is still to come; `withdrawn`:
    an agency's step that was taken back before its turn was used.
    """

    __tablename__ = "step"

    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"))
    position: Mapped[int]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    kind: Mapped[str] = mapped_column(String(10), server_default="sign")
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("org_unit.id"), index=True)
    state: Mapped[str] = mapped_column(String(20))
    note: Mapped[str | None] = mapped_column(Text)
    acted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        UniqueConstraint("document_id", "position"),
        # Each signs once and initials once; one keeper may keep the seals of several bodies.
        Index(
            "uq_step_person",
            *("document_id", "person_id", "kind"),
            unique=True,
            sqlite_where=text("unit_id IS NULL"),
            postgresql_where=text("unit_id IS NULL"),
        ),
        Index(
            "uq_step_seal",
            *("document_id", "unit_id", "kind"),
            unique=True,
            sqlite_where=text("state <> 'withdrawn'"),
            postgresql_where=text("state <> 'withdrawn'"),
        ),
        CheckConstraint(
            "kind IN ('sign', 'initial', 'seal', 'copy', 'appendix', 'incoming')", name="kind"
        ),
        CheckConstraint(
            "(unit_id IS NULL) = (kind IN ('sign', 'initial'))", name="agency_has_unit"
        ),
        CheckConstraint(
            "state IN ('blocked', 'waiting', 'stamping', 'signed', 'returned', 'withdrawn')",
            name="state",
        ),
    )


class DocumentShowing(Base):
    """A person had these very bytes of a document on the screen."""

    __tablename__ = "document_showing"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    shown_at: Mapped[datetime] = mapped_column(UTCDateTime)
