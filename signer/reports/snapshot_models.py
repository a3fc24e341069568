"""What was reported stays as it was reported: frozen figures, and the text being written on."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Enum, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from signer.db import Base, PathColumn, UTCDateTime, guard
from signer.reports.periods import PeriodKind

_KIND = Enum(
    PeriodKind, native_enum=False, length=20, values_callable=lambda e: [m.value for m in e]
)


class SnapshotModel(Base):
    """One version of a period's report; never changed, a correction is the next version (R57)."""

    __tablename__ = "report_snapshot"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[PeriodKind] = mapped_column(_KIND)
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    unit_code: Mapped[str] = mapped_column(String(35))
    unit_name: Mapped[str] = mapped_column(String(200))
    unit_path: Mapped[str] = mapped_column(PathColumn, index=True)
    """As on the last day of the period; who may see it is decided by it."""
    version: Mapped[int]
    reason: Mapped[str] = mapped_column(String(500))
    content: Mapped[str] = mapped_column(Text, deferred=True)
    """Canonical JSON of all that the papers show; lists do not read it."""
    sha256: Mapped[str] = mapped_column(String(64))
    """Of `content`; the audit event of the act has it too."""
    frozen_by: Mapped[str] = mapped_column(String(100))
    frozen_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (
        UniqueConstraint("unit_code", "kind", "starts_on", "version"),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("version = 1 OR reason <> ''", name="reason"),
    )


class ReportDraft(Base):
    """The words of a report that is not frozen yet; the figures are always made anew."""

    __tablename__ = "report_draft"

    unit_code: Mapped[str] = mapped_column(String(35), primary_key=True)
    kind: Mapped[PeriodKind] = mapped_column(_KIND, primary_key=True)
    starts_on: Mapped[date] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    updated_by: Mapped[str] = mapped_column(String(100))
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)


for _act in ("UPDATE", "DELETE"):
    guard(
        Base.metadata.tables["report_snapshot"],
        f"report_snapshot_no_{_act.lower()}",
        f"{_act} ON report_snapshot",
        "",
        "report_snapshot is append-only",
    )
