"""Long work as rows: a job and one item per thing to do. The rows are the truth."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from signer.db import Base, UTCDateTime


class Job(Base):
    """A long piece of work somebody asked for."""

    __tablename__ = "job"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(30))
    title: Mapped[str] = mapped_column(String(200))
    scope_path: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20))
    at_once: Mapped[int] = mapped_column(server_default="200")
    """Items that a worker claims together: about a second of work."""
    created_by: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint("state IN ('running', 'paused', 'cancelled', 'done')", name="state"),
    )


class JobItem(Base):
    """One person or document of a job; done alone, retried alone, with its own error."""

    __tablename__ = "job_item"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"))
    key: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(20))
    attempts: Mapped[int] = mapped_column(default=0)
    leased_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    error: Mapped[str | None] = mapped_column(Text)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        UniqueConstraint("job_id", "key"),
        CheckConstraint("state IN ('waiting', 'leased', 'done', 'failed')", name="state"),
        Index("ix_job_item_state_job_id", "state", "job_id"),
    )
