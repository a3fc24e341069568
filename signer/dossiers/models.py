"""Dossiers, their documents in every version, and who signs them in which order."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from signer.db import Base, PathColumn, UTCDateTime


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

    `stamping`: signed, and the time stamp that its level asks for is still to come.
    """

    __tablename__ = "step"

    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"))
    position: Mapped[int]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    state: Mapped[str] = mapped_column(String(20))
    note: Mapped[str | None] = mapped_column(Text)
    acted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        UniqueConstraint("document_id", "position"),
        UniqueConstraint("document_id", "person_id"),
        CheckConstraint(
            "state IN ('blocked', 'waiting', 'stamping', 'signed', 'returned')", name="state"
        ),
    )


class DocumentShowing(Base):
    """A person had these very bytes of a document on the screen."""

    __tablename__ = "document_showing"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    shown_at: Mapped[datetime] = mapped_column(UTCDateTime)
