"""Reports of a week, a month, a quarter or a year, frozen so that they can be shown again (R57)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import undefer

from signer.accounts import Actor, Permission, visible
from signer.audit import Audit
from signer.clock import Clock
from signer.config import Settings
from signer.db import LOST_RACE, canonical_json, db, transaction
from signer.errors import N_, Conflict, Invalid, NotFound
from signer.outside.kinds import Carrier
from signer.reports.appendix import Appendix
from signer.reports.coverage import Facet, Figures
from signer.reports.decree30 import Paper
from signer.reports.periods import Period, PeriodKind, ended_period
from signer.reports.report_text import ReportText, drafted, paper_of
from signer.reports.scope import scope_of
from signer.reports.service import Reports
from signer.reports.snapshot_models import ReportDraft, SnapshotModel

_LONGEST_REASON = 500
_TAMPERED = N_(
    "Nội dung đã lưu của báo cáo này không khớp với nhật ký: báo cáo có thể đã bị sửa ngoài hệ "
    "thống. Không dùng báo cáo này và hãy báo quản trị hệ thống."
)


@dataclass(frozen=True, kw_only=True)
class SnapshotEntry:
    """A frozen report in a list."""

    id: int
    period: Period
    unit_code: str
    unit_name: str
    version: int
    reason: str
    frozen_by: str
    frozen_at: datetime
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Snapshot(SnapshotEntry):
    """A frozen report with all it says, read from the frozen bytes and nothing else."""

    appendix: Appendix
    facets: Mapping[Facet, Figures]
    text: ReportText
    own_ca_counts: bool

    @property
    def paper(self) -> Paper:
        """The report as it stands on paper."""
        return paper_of(self.text, self.period, self.appendix, own_ca_counts=self.own_ca_counts)


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What a report that is not frozen yet would say."""

    period: Period
    unit_code: str
    unit_name: str
    unit_path: str
    appendix: Appendix
    facets: Mapping[Facet, Figures]
    text: ReportText
    is_drafted: bool
    """Nobody has written on the text yet."""
    newest: SnapshotEntry | None
    """The version that this one would correct."""


class Snapshots:
    """Drafts, freezes and shows the periodic reports; what is frozen is never changed."""

    def __init__(self, settings: Settings, clock: Clock, audit: Audit, reports: Reports) -> None:
        self._settings = settings
        self._clock = clock
        self._audit = audit
        self._reports = reports

    def prepare(
        self,
        actor: Actor,
        kind: PeriodKind,
        on: date,
        *,
        unit_code: str | None = None,
        anew: bool = False,
    ) -> Preparation:
        """The figures of the period the day falls into, as they are known now, and a text.

        The text is the draft, else that of the version to be corrected, else (or when `anew`) one
        drafted from the figures. Raises `Invalid` for a period that is not over.
        """
        period, unit_code, name, path = self._asked(actor, kind, on, unit_code)
        appendix = self._reports.appendix(
            actor, as_of=period.ends_on, since=period.before, unit_code=unit_code
        )
        facets = self._reports.facets(actor, as_of=period.ends_on, unit_code=unit_code)
        newest = _newest(kind, period, unit_code)
        text = None if anew else _kept_text(kind, period, unit_code, newest)
        return Preparation(
            period=period,
            unit_code=unit_code,
            unit_name=name,
            unit_path=path,
            appendix=appendix,
            facets=facets,
            text=text
            or drafted(
                period,
                appendix,
                facets,
                organisation=self._settings.organisation,
                place=self._settings.locality,
            ),
            is_drafted=text is None,
            newest=_entry(newest) if newest else None,
        )

    def save_draft(
        self, actor: Actor, kind: PeriodKind, on: date, text: ReportText, *, unit_code: str | None
    ) -> None:
        """The words are kept for the next time the report is prepared; nothing is frozen."""
        period, code, *_ = self._asked(actor, kind, on, unit_code)
        words = canonical_json(text.checked().to_json())
        with transaction():
            draft = db.session.get(ReportDraft, (code, kind, period.starts_on))
            if draft is None:
                draft = ReportDraft(unit_code=code, kind=kind, starts_on=period.starts_on)
                db.session.add(draft)
            draft.text, draft.updated_by = words, actor.name
            draft.updated_at = self._clock.now()
            subject = f"report:{code}/{kind}/{period.starts_on}"
            self._audit.record(actor.name, "report.drafted", subject)

    def freeze(
        self,
        actor: Actor,
        kind: PeriodKind,
        on: date,
        text: ReportText | None = None,
        *,
        unit_code: str | None = None,
        corrects: int = 0,
        reason: str = "",
    ) -> int:
        """The id of the frozen report: the figures as they are known now, with this text.

        Without a text, the one that `prepare` gives.
        `corrects` is the newest version that the caller saw, 0 for none; a further version needs a
        reason and a difference. `Conflict` when somebody else froze one meanwhile.
        """
        prepared = self.prepare(actor, kind, on, unit_code=unit_code)
        newest = prepared.newest
        if corrects != (newest.version if newest else 0):
            raise Conflict(LOST_RACE)
        reason = " ".join(reason.split())[:_LONGEST_REASON] if newest else ""
        if newest and not reason:
            raise Invalid(
                N_("Hãy ghi lý do lập phiên bản mới; phiên bản cũ vẫn được giữ."), field="reason"
            )
        said = self._said(prepared, (text or prepared.text).checked())
        if newest and _says_the_same(newest.id, said):
            raise Invalid(
                N_("Không có gì khác phiên bản %(version)d nên không lập phiên bản mới."),
                version=newest.version,
            )
        content = canonical_json({**said, "version": corrects + 1, "reason": reason})
        return self._store(actor, prepared, content, version=corrects + 1, reason=reason)

    def list(
        self,
        actor: Actor,
        *,
        kind: PeriodKind | None = None,
        unit_code: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> tuple[SnapshotEntry, ...]:
        """Frozen reports of the actor's units, the newest first; `before` is the last id seen."""
        asked = visible(
            actor, Permission.REPORT_VIEW, select(SnapshotModel), SnapshotModel.unit_path
        )
        if kind is not None:
            asked = asked.where(SnapshotModel.kind == kind)
        if unit_code is not None:
            asked = asked.where(SnapshotModel.unit_code == unit_code)
        if before is not None:
            asked = asked.where(SnapshotModel.id < before)
        rows = db.session.scalars(asked.order_by(SnapshotModel.id.desc()).limit(limit))
        return tuple(map(_entry, rows))

    def get(self, actor: Actor, snapshot_id: int) -> Snapshot:
        """The report as it was frozen; `NotFound` outside the actor's units.

        `Conflict` when the bytes are not those whose hash the row and the audit chain have.
        """
        row = db.session.scalar(
            visible(
                actor,
                Permission.REPORT_VIEW,
                select(SnapshotModel).where(SnapshotModel.id == snapshot_id),
                SnapshotModel.unit_path,
            ).options(undefer(SnapshotModel.content))
        )
        if row is None:
            raise NotFound(N_("Không tìm thấy báo cáo này."))
        recorded = self._audit.events(subject=f"report:{row.id}", limit=1)
        hashes = {json.loads(event.details)["sha256"] for event in recorded} | {row.sha256}
        if hashes != {sha256(row.content.encode()).hexdigest()}:
            raise Conflict(_TAMPERED)
        said = json.loads(row.content)
        return Snapshot(
            **vars(_entry(row)),
            appendix=Appendix.from_json(said["appendix"]),
            facets={Facet(f): _figures_of(kept) for f, kept in said["facets"].items()},
            text=ReportText.from_json(said["text"]),
            own_ca_counts=said["own_ca_counts"],
        )

    def versions(self, actor: Actor, of: SnapshotEntry) -> tuple[SnapshotEntry, ...]:
        """All versions of the same report, the newest first."""
        found = self.list(actor, kind=of.period.kind, unit_code=of.unit_code, limit=1000)
        return tuple(entry for entry in found if entry.period == of.period)

    def sibling(self, actor: Actor, of: SnapshotEntry, snapshot_id: int) -> Snapshot:
        """Another version of the same report; `NotFound` for any other report."""
        found = self.get(actor, snapshot_id)
        if (found.unit_code, found.period) != (of.unit_code, of.period):
            raise NotFound(N_("Báo cáo kia không phải là phiên bản của cùng báo cáo này."))
        return found

    def recomputed(self, actor: Actor, of: SnapshotEntry) -> Appendix:
        """The figures of the same day and units as they are known now: corrections show in it."""
        return self._reports.appendix(
            actor, as_of=of.period.ends_on, since=of.period.before, unit_code=of.unit_code
        )

    def _asked(
        self, actor: Actor, kind: PeriodKind, on: date, unit_code: str | None
    ) -> tuple[Period, str, str, str]:
        """Period, code, name and path of the one unit reported on, which the actor may report."""
        settings, today = self._settings, self._clock.today()
        period = ended_period(kind, on, today, settings.period_closing_day)
        unit = scope_of(actor, period.ends_on, unit_code, Permission.REPORT_FREEZE).single
        if unit is None:
            raise Invalid(N_("Hãy chọn đơn vị lập báo cáo."), field="unit")
        return period, unit.code, unit.name, unit.path

    def _said(self, prepared: Preparation, text: ReportText) -> dict[str, object]:
        return {
            "layout": 1,
            "kind": prepared.period.kind.value,
            "starts_on": prepared.period.starts_on.isoformat(),
            "ends_on": prepared.period.ends_on.isoformat(),
            "unit_code": prepared.unit_code,
            "unit_name": prepared.unit_name,
            "own_ca_counts": self._settings.own_ca_counts,
            "appendix": prepared.appendix.to_json(),
            "facets": {f.value: _kept(figures) for f, figures in prepared.facets.items()},
            "text": text.to_json(),
        }

    def _store(
        self, actor: Actor, prepared: Preparation, content: str, *, version: int, reason: str
    ) -> int:
        row = SnapshotModel(
            kind=prepared.period.kind,
            starts_on=prepared.period.starts_on,
            ends_on=prepared.period.ends_on,
            unit_code=prepared.unit_code,
            unit_name=prepared.unit_name,
            unit_path=prepared.unit_path,
            version=version,
            reason=reason,
            content=content,
            sha256=sha256(content.encode()).hexdigest(),
            frozen_by=actor.name,
            frozen_at=self._clock.now(),
        )
        try:
            with transaction():
                db.session.add(row)
                db.session.flush()
                self._audit.record(
                    actor.name,
                    "report.frozen",
                    f"report:{row.id}",
                    unit=row.unit_code,
                    period=f"{row.kind}/{row.starts_on}",
                    version=version,
                    reason=reason,
                    sha256=row.sha256,
                )
        except IntegrityError as error:  # the same version, frozen in another window just now
            raise Conflict(LOST_RACE) from error
        return row.id


def _newest(kind: PeriodKind, period: Period, unit_code: str) -> SnapshotModel | None:
    return db.session.scalar(
        select(SnapshotModel)
        .where(
            SnapshotModel.unit_code == unit_code,
            SnapshotModel.kind == kind,
            SnapshotModel.starts_on == period.starts_on,
        )
        .order_by(SnapshotModel.version.desc())
        .limit(1)
    )


def _kept_text(
    kind: PeriodKind, period: Period, unit_code: str, newest: SnapshotModel | None
) -> ReportText | None:
    """The draft, unless it went into the newest version; then that version's words."""
    draft = db.session.get(ReportDraft, (unit_code, kind, period.starts_on))
    if draft and (newest is None or draft.updated_at > newest.frozen_at):
        return ReportText.from_json(json.loads(draft.text))
    return ReportText.from_json(json.loads(newest.content)["text"]) if newest else None


def _says_the_same(snapshot_id: int, said: Mapping[str, object]) -> bool:
    content = db.session.scalar(
        select(SnapshotModel.content).where(SnapshotModel.id == snapshot_id)
    )
    frozen = json.loads(content or "{}")
    del frozen["version"], frozen["reason"]
    return bool(frozen == json.loads(canonical_json(said)))


def _entry(row: SnapshotModel) -> SnapshotEntry:
    return SnapshotEntry(
        id=row.id,
        period=Period(kind=row.kind, starts_on=row.starts_on, ends_on=row.ends_on),
        unit_code=row.unit_code,
        unit_name=row.unit_name,
        version=row.version,
        reason=row.reason,
        frozen_by=row.frozen_by,
        frozen_at=row.frozen_at,
        sha256=row.sha256,
    )


def _kept(figures: Figures) -> dict[str, object]:
    return {
        "persons": figures.persons,
        "covered": figures.covered,
        "pending": figures.pending,
        "carriers": {carrier.value: count for carrier, count in figures.carriers.items()},
    }


def _figures_of(kept: Mapping[str, Any]) -> Figures:  # JSON as `_kept` wrote it
    return Figures(
        **{**kept, "carriers": {Carrier(c): count for c, count in kept["carriers"].items()}}
    )
