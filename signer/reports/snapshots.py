"""Reports of a week, a month, a quarter or a year, frozen so that they can be shown again (R57)."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import undefer

from signer.accounts import Actor, Permission, visible
from signer.audit import Audit
from signer.ca.invariants import one_instant
from signer.clock import Clock
from signer.config import Settings
from signer.db import LOST_RACE, canonical_json, db, transaction
from signer.errors import N_, Conflict, Invalid, NotFound
from signer.inventory.names import clean_text
from signer.reports.appendix import Appendix
from signer.reports.comparing import Difference, differences
from signer.reports.coverage import Facet, Figures, UnitOnDay
from signer.reports.periods import Period, PeriodKind, ended_period
from signer.reports.report_text import ReportText, drafted
from signer.reports.scope import scope_of
from signer.reports.service import Reports
from signer.reports.snapshot_models import ReportDraft, Snapshot
from signer.reports.wording import Say, in_vietnamese

_LONGEST_REASON = 500
_TAMPERED = N_(
    "Nội dung đã lưu của báo cáo này không khớp với nhật ký: báo cáo có thể đã bị sửa ngoài hệ "
    "thống. Không dùng báo cáo này và hãy báo quản trị hệ thống."
)


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What a report that is not frozen yet would say."""

    period: Period
    unit: UnitOnDay
    appendix: Appendix
    facets: Mapping[Facet, Figures]
    text: ReportText
    is_drafted: bool
    """Nobody has written on the text yet."""
    draft: str
    """The mark of the words that are saved; empty when none are."""
    newest: Snapshot | None
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
        drafted from the figures. Everything is of one instant: a correction that comes in while
        it is read is in no figure. Raises `Invalid` for a period that is not over.
        """
        with one_instant():
            return self._prepared(actor, kind, on, unit_code, anew)

    def _prepared(
        self, actor: Actor, kind: PeriodKind, on: date, unit_code: str | None, anew: bool
    ) -> Preparation:
        period, unit = self._asked(actor, kind, on, unit_code)
        appendix = self._appendix(actor, period, unit.code)
        facets = self._reports.facets(actor, as_of=period.ends_on, unit_code=unit.code)
        versions = _versions(select(Snapshot), unit.code, period).options(undefer(Snapshot.content))
        newest = db.session.scalar(versions.limit(1))
        draft = db.session.get(ReportDraft, (unit.code, kind, period.starts_on))
        text = None if anew else _kept_text(draft, newest)
        return Preparation(
            period=period,
            unit=unit,
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
            draft=draft.mark if draft else "",
            newest=newest,
        )

    def save_draft(
        self,
        actor: Actor,
        kind: PeriodKind,
        on: date,
        text: ReportText,
        *,
        unit_code: str | None,
        seen: str | None = None,
    ) -> None:
        """The words are kept for the next time the report is prepared; nothing is frozen.

        `seen` is the mark of the draft that the caller saw; `Conflict` when it is another now.
        """
        period, unit = self._asked(actor, kind, on, unit_code)
        words = canonical_json(text.checked().to_json())
        with _alone(), transaction():
            draft = _draft_as_seen(unit.code, period, seen)
            if draft is None:
                draft = ReportDraft(unit_code=unit.code, kind=kind, starts_on=period.starts_on)
                db.session.add(draft)
            draft.text, draft.updated_by = words, actor.name
            draft.updated_at = self._clock.now()
            subject = f"report:{unit.code}/{kind}/{period.starts_on}"
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
        seen: str | None = None,
    ) -> int:
        """The id of the frozen report: the figures as they are known now, with this text.

        Without a text, the one that `prepare` gives.
        `corrects` is the newest version that the caller saw, 0 for none; a further version needs a
        reason and a difference. `Conflict` when somebody else froze one meanwhile, or saved other
        words than those whose mark is `seen`.
        """
        prepared = self.prepare(actor, kind, on, unit_code=unit_code)
        newest, period, unit = prepared.newest, prepared.period, prepared.unit
        if corrects != (newest.version if newest else 0):
            raise Conflict(LOST_RACE)
        row = Snapshot(
            kind=kind,
            starts_on=period.starts_on,
            ends_on=period.ends_on,
            unit_code=unit.code,
            unit_name=unit.name,
            unit_path=unit.path,
            version=corrects + 1,
            reason=_checked_reason(reason) if newest else "",
            frozen_by=actor.name,
            frozen_at=self._clock.now(),
        )
        row.content = canonical_json(
            {
                "layout": 1,
                **row.facts(),
                "own_ca_counts": self._settings.own_ca_counts,
                "appendix": prepared.appendix.to_json(),
                "facets": {f.value: asdict(figures) for f, figures in prepared.facets.items()},
                "text": (text or prepared.text).checked().to_json(),
            }
        )
        row.sha256 = sha256(row.content.encode()).hexdigest()
        if newest and newest.said == {**row.said, "version": corrects, "reason": newest.reason}:
            raise Invalid(
                N_("Không có gì khác phiên bản %(version)d nên không lập phiên bản mới."),
                version=newest.version,
            )
        with _alone(), transaction():
            _draft_as_seen(unit.code, period, seen)
            db.session.add(row)
            db.session.flush()
            self._audit.record(
                actor.name,
                "report.frozen",
                f"report:{row.id}",
                unit=row.unit_code,
                period=f"{row.kind}/{row.starts_on}",
                version=row.version,
                reason=row.reason,
                sha256=row.sha256,
            )
        return row.id

    def list(
        self,
        actor: Actor,
        *,
        kind: PeriodKind | None = None,
        unit_code: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> tuple[Snapshot, ...]:
        """Frozen reports of the actor's units, the newest first; `before` is the last id seen."""
        asked = _visible_to(actor)
        if kind is not None:
            asked = asked.where(Snapshot.kind == kind)
        if unit_code is not None:
            asked = asked.where(Snapshot.unit_code == unit_code)
        if before is not None:
            asked = asked.where(Snapshot.id < before)
        return tuple(db.session.scalars(asked.order_by(Snapshot.id.desc()).limit(limit)))

    def get(self, actor: Actor, snapshot_id: int) -> Snapshot:
        """The report as it was frozen; `NotFound` outside the actor's units.

        `Conflict` unless row, content and audit chain say the same.
        """
        asked = _visible_to(actor).where(Snapshot.id == snapshot_id)
        row = db.session.scalar(asked.options(undefer(Snapshot.content)))
        if row is None:
            raise NotFound(N_("Không tìm thấy báo cáo này."))
        recorded = self._audit.events(subject=f"report:{row.id}", limit=1)
        frozen = {json.loads(event.details)["sha256"] for event in recorded}
        if not frozen == {row.sha256} == {sha256(row.content.encode()).hexdigest()}:
            raise Conflict(_TAMPERED)
        if not row.facts().items() <= row.said.items():
            raise Conflict(_TAMPERED)
        return row

    def versions(self, actor: Actor, of: Snapshot) -> tuple[Snapshot, ...]:
        """All versions of the same report, the newest first."""
        return tuple(db.session.scalars(_versions(_visible_to(actor), of.unit_code, of.period)))

    def compare(
        self,
        actor: Actor,
        snapshot_id: int,
        with_id: int | None = None,
        say: Say = in_vietnamese,
    ) -> tuple[Snapshot, Snapshot | None, tuple[Difference, ...]]:
        """The report, the other version if one is named, and which figures differ.

        Without another version: from the report to the figures of the same day and units as they
        are known now; corrections show in it. `NotFound` when the other is another report.
        """
        found = self.get(actor, snapshot_id)
        if with_id is None:
            with one_instant():
                now = self._appendix(actor, found.period, found.unit_code)
            return found, None, differences(found.appendix, now, say)
        other = self.get(actor, with_id)
        if (other.unit_code, other.period) != (found.unit_code, found.period):
            raise NotFound(N_("Báo cáo kia không phải là phiên bản của cùng báo cáo này."))
        return found, other, differences(other.appendix, found.appendix, say)

    def _appendix(self, actor: Actor, period: Period, unit_code: str) -> Appendix:
        return self._reports.appendix(
            actor, as_of=period.ends_on, since=period.before, unit_code=unit_code
        )

    def _asked(
        self, actor: Actor, kind: PeriodKind, on: date, unit_code: str | None
    ) -> tuple[Period, UnitOnDay]:
        """The period, and the one unit reported on, which the actor may report."""
        settings, today = self._settings, self._clock.today()
        period = ended_period(kind, on, today, settings.period_closing_day)
        unit = scope_of(actor, period.ends_on, unit_code, Permission.REPORT_FREEZE).single
        if unit is None:
            raise Invalid(N_("Hãy chọn đơn vị lập báo cáo."), field="unit")
        return period, unit


def _visible_to(actor: Actor) -> Select[Snapshot]:
    return visible(actor, Permission.REPORT_VIEW, select(Snapshot), Snapshot.unit_path)


def _versions(among: Select[Snapshot], unit_code: str, period: Period) -> Select[Snapshot]:
    """Those of one report, the newest first."""
    return among.where(
        Snapshot.unit_code == unit_code,
        Snapshot.kind == period.kind,
        Snapshot.starts_on == period.starts_on,
    ).order_by(Snapshot.version.desc())


def _kept_text(draft: ReportDraft | None, newest: Snapshot | None) -> ReportText | None:
    """The draft, unless it went into the newest version; then that version's words."""
    if draft and (newest is None or draft.updated_at > newest.frozen_at):
        return ReportText.from_json(json.loads(draft.text))
    return newest.text if newest else None


def _draft_as_seen(unit_code: str, period: Period, seen: str | None) -> ReportDraft | None:
    """The draft, locked until the transaction ends; `Conflict` when its mark is not `seen`."""
    key = (unit_code, period.kind, period.starts_on)
    draft = db.session.get(ReportDraft, key, with_for_update=True)
    if seen is not None and seen != (draft.mark if draft else ""):
        raise Conflict(LOST_RACE)
    return draft


@contextmanager
def _alone() -> Iterator[None]:
    """`Conflict` when the same row was stored in another window just now."""
    try:
        yield
    except IntegrityError as error:
        raise Conflict(LOST_RACE) from error


def _checked_reason(reason: str) -> str:
    reason = clean_text(reason)
    if not reason:
        raise Invalid(
            N_("Hãy ghi lý do lập phiên bản mới; phiên bản cũ vẫn được giữ."), field="reason"
        )
    if len(reason) > _LONGEST_REASON:
        raise Invalid(
            N_("Ô này dài nhất %(longest)d ký tự."), field="reason", longest=_LONGEST_REASON
        )
    return reason
