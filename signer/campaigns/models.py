"""Campaigns with their tasks and scores, reminders, and why somebody still lacks a certificate.

Only the rooms of this package write here. Nothing is deleted: a row ends and keeps its dates.
"""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from signer.db import Base, PathColumn, UTCDateTime
from signer.inventory.models import OrgUnit


class LackReason(Base):
    """Why a person lacks a certificate, who sees to it and by when; one that holds at a time."""

    __tablename__ = "lack_reason"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    cause: Mapped[str] = mapped_column(String(20))
    note: Mapped[str] = mapped_column(String(500))
    owner: Mapped[str] = mapped_column(String(200))
    """Who sees to it, as the office calls them; need not have an account."""
    due_on: Mapped[date | None]
    set_by: Mapped[str] = mapped_column(String(100))
    set_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """The person was covered, or another reason was given, or it was taken back."""

    __table_args__ = (
        Index(
            "uq_lack_reason_person",
            "person_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )


class SentReminder(Base):
    """A word to those who look after a unit's certificates, shown on their start page."""

    __tablename__ = "reminder"

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("org_unit.id"))
    unit_path: Mapped[str] = mapped_column(PathColumn)
    view: Mapped[str] = mapped_column(String(20))
    """The list of people that it is about, as the coverage pages call it."""
    persons: Mapped[int]
    """How many they were when the reminder was sent."""
    message: Mapped[str] = mapped_column(String(500))
    sent_by: Mapped[str] = mapped_column(String(100))
    sender_name: Mapped[str] = mapped_column(String(200))
    sent_at: Mapped[datetime] = mapped_column(UTCDateTime)
    seen_by: Mapped[str | None] = mapped_column(String(100))
    seen_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    unit: Mapped[OrgUnit] = relationship(lazy="joined", innerjoin=True)

    __table_args__ = (
        Index(
            "ix_reminder_unseen",
            "unit_path",
            sqlite_where=text("seen_at IS NULL"),
            postgresql_where=text("seen_at IS NULL"),
        ),
        CheckConstraint("(seen_at IS NULL) = (seen_by IS NULL)", name="seen"),
    )


class Campaign(Base):
    """A sprint: so many per cent of a unit's people have a certificate by a day."""

    __tablename__ = "campaign"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    unit_id: Mapped[int] = mapped_column(ForeignKey("org_unit.id"))
    unit_path: Mapped[str] = mapped_column(PathColumn)
    target_percent: Mapped[int]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    """Its last day."""
    created_by: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint("ends_on > starts_on", name="order"),
        CheckConstraint("target_percent BETWEEN 1 AND 100", name="target"),
    )


class CampaignTask(Base):
    """Something a unit is to do by a day; the newest report says how it stands."""

    __tablename__ = "campaign_task"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("org_unit.id"))
    unit_path: Mapped[str] = mapped_column(PathColumn)
    title: Mapped[str] = mapped_column(String(300))
    due_on: Mapped[date]
    state: Mapped[str] = mapped_column(String(10))
    cause: Mapped[str] = mapped_column(String(500))
    fix: Mapped[str] = mapped_column(String(500))
    wished_due_on: Mapped[date | None]
    """The later day that its unit asks for; whoever leads the campaign decides."""
    reported_by: Mapped[str | None] = mapped_column(String(100))
    reported_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_by: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    unit: Mapped[OrgUnit] = relationship(lazy="joined", innerjoin=True)

    __table_args__ = (
        CheckConstraint("state IN ('open', 'done', 'late', 'adjust')", name="state"),
        # A cause and a proposed fix for whatever is not as planned (R60).
        CheckConstraint("state IN ('open', 'done') OR (cause <> '' AND fix <> '')", name="said"),
    )


class TaskReport(Base):
    """One word about a task: what its unit said, or the new day it was given."""

    __tablename__ = "task_report"

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("campaign_task.id"), index=True)
    state: Mapped[str] = mapped_column(String(10))
    cause: Mapped[str] = mapped_column(String(500))
    fix: Mapped[str] = mapped_column(String(500))
    due_on: Mapped[date]
    """The day that holds from this report on."""
    wished_due_on: Mapped[date | None]
    by: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime] = mapped_column(UTCDateTime)


class Criterion(Base):
    """A line of the scoring table: a of b gives that share of the most points."""

    __tablename__ = "criterion"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    code: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(300))
    most_points: Mapped[int]
    measure: Mapped[str] = mapped_column(String(20))
    verifier_id: Mapped[int | None] = mapped_column(ForeignKey("org_unit.id"))
    """The unit that looks at the evidence."""
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    verifier: Mapped[OrgUnit | None] = relationship(lazy="joined")

    __table_args__ = (
        CheckConstraint("most_points BETWEEN 1 AND 1000", name="points"),
        Index(
            "uq_criterion_code",
            "campaign_id",
            "code",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )


class Score(Base):
    """What a unit has in a criterion: a and b where they are typed, and a note."""

    __tablename__ = "score"

    criterion_id: Mapped[int] = mapped_column(ForeignKey("criterion.id"), primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("org_unit.id"), primary_key=True)
    a: Mapped[int | None]
    b: Mapped[int | None]
    note: Mapped[str] = mapped_column(Text)
    set_by: Mapped[str] = mapped_column(String(100))
    set_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (CheckConstraint("a IS NULL OR (a >= 0 AND b > 0 AND a <= b)", name="share"),)


class Evidence(Base):
    """A file in the document store that bears out a score."""

    __tablename__ = "evidence"

    id: Mapped[int] = mapped_column(primary_key=True)
    criterion_id: Mapped[int] = mapped_column(ForeignKey("criterion.id"), index=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("org_unit.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    file_name: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(100))
    size_bytes: Mapped[int]
    added_by: Mapped[str] = mapped_column(String(100))
    added_at: Mapped[datetime] = mapped_column(UTCDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
