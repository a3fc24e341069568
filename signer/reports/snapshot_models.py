"""What was reported stays as it was reported: frozen figures, and the text being written on."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from functools import cached_property
from hashlib import sha256
from typing import Any

from sqlalchemy import CheckConstraint, Enum, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from signer.db import Base, PathColumn, UTCDateTime, guard
from signer.reports.appendix import Appendix
from signer.reports.decree30 import Paper
from signer.reports.periods import Period, PeriodKind
from signer.reports.report_text import ReportText, paper_of

_KIND = Enum(
    PeriodKind, native_enum=False, length=20, values_callable=lambda e: [m.value for m in e]
)


class Snapshot(Base):
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

    @property
    def period(self) -> Period:
        """Which days it covers."""
        return Period(kind=self.kind, starts_on=self.starts_on, ends_on=self.ends_on)

    def facts(self) -> dict[str, object]:
        """What the row says of the report; the frozen content says the same."""
        return {
            "kind": self.kind.value,
            "starts_on": self.starts_on.isoformat(),
            "ends_on": self.ends_on.isoformat(),
            "unit_code": self.unit_code,
            "unit_name": self.unit_name,
            "version": self.version,
            "reason": self.reason,
        }

    @cached_property
    def said(self) -> Mapping[str, Any]:  # JSON as `Snapshots.freeze` wrote it
        """All that was frozen."""
        said: Mapping[str, Any] = json.loads(self.content)
        return said

    @property
    def appendix(self) -> Appendix:
        """The frozen figures."""
        return Appendix.from_json(self.said["appendix"])

    @property
    def text(self) -> ReportText:
        """The frozen words."""
        return ReportText.from_json(self.said["text"])

    @property
    def own_ca_counts(self) -> bool:
        """Certificates of the internal CA are in the figures."""
        return bool(self.said["own_ca_counts"])

    @property
    def paper(self) -> Paper:
        """The report as it stands on paper."""
        return paper_of(self.text, self.period, self.appendix, own_ca_counts=self.own_ca_counts)


class ReportDraft(Base):
    """The words of a report that is not frozen yet; the figures are always made anew."""

    __tablename__ = "report_draft"

    unit_code: Mapped[str] = mapped_column(String(35), primary_key=True)
    kind: Mapped[PeriodKind] = mapped_column(_KIND, primary_key=True)
    starts_on: Mapped[date] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    updated_by: Mapped[str] = mapped_column(String(100))
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)

    @property
    def mark(self) -> str:
        """Tells these words from any others."""
        return sha256(self.text.encode()).hexdigest()


for _act in ("UPDATE", "DELETE"):
    guard(
        Base.metadata.tables["report_snapshot"],
        f"report_snapshot_no_{_act.lower()}",
        f"{_act} ON report_snapshot",
        "",
        "report_snapshot is append-only",
    )
