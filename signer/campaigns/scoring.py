"""Keeping the scoring table: criteria, what is typed for a unit, and the files."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import update

from signer.accounts import Actor, Permission
from signer.audit import Audit
from signer.campaigns.evidence import media_type_of
from signer.campaigns.kinds import Measure, text_within
from signer.campaigns.models import Campaign, Criterion, Evidence, Score
from signer.campaigns.score_table import UnitScore, criteria_of, draw_table, verifies
from signer.campaigns.tasks import open_campaign
from signer.clock import Clock
from signer.db import db, release, transaction
from signer.errors import N_, Conflict, Invalid, NotFound
from signer.files import Files
from signer.inventory.models import OrgUnit
from signer.inventory.service import Inventory
from signer.reports.service import Reports

_MOST = 10**9
_NEEDED = N_("Ô này phải có từ 1 đến %(limit)d ký tự.")


class Scoring:
    """Keeps the scoring tables; the only writer of `criterion`, `score` and `evidence`."""

    def __init__(
        self, clock: Clock, audit: Audit, files: Files, inventory: Inventory, reports: Reports
    ) -> None:
        self._clock = clock
        self._audit = audit
        self._files = files
        self._inventory = inventory
        self._reports = reports

    def criteria(self, campaign: Campaign) -> Sequence[Criterion]:
        """The lines of the table that hold, in the order of their codes."""
        return criteria_of(campaign)

    def table(self, actor: Actor, campaign: Campaign) -> tuple[UnitScore, ...]:
        """See `draw_table`."""
        return draw_table(actor, campaign, self._clock.today(), self._inventory, self._reports)

    def unit_score(self, actor: Actor, campaign: Campaign, unit_code: str) -> UnitScore:
        """One line of the table; `NotFound` when it has none that the actor may see."""
        for row in self.table(actor, campaign):
            if row.unit.code == unit_code:
                return row
        raise NotFound(N_("Bảng chấm điểm không có đơn vị %(code)s."), code=unit_code)

    def add_criterion(
        self,
        actor: Actor,
        campaign: Campaign,
        *,
        code: str,
        title: str,
        most_points: int,
        measure: Measure,
        verifier_code: str = "",
    ) -> int:
        """The table has another line, or a line of that code says this from now on.

        A line that was changed begins anew: what was typed for it stays with the old line.
        """
        actor.require(Permission.CAMPAIGN_MANAGE, campaign.unit_path)
        code = text_within(code, "code", 20, least=1, sentence=_NEEDED)
        title = text_within(title, "title", 300, least=1, sentence=_NEEDED)
        if not 1 <= most_points <= 1000:
            raise Invalid(N_("Điểm tối đa phải từ 1 đến 1.000."), field="most_points")
        verifier = self._inventory.unit_of(verifier_code) if verifier_code else None
        with transaction():
            open_campaign(campaign.id)
            self._end(campaign.id, code)
            made = Criterion(
                campaign_id=campaign.id,
                code=code,
                title=title,
                most_points=most_points,
                measure=measure,
                verifier_id=verifier.id if verifier else None,
            )
            db.session.add(made)
            db.session.flush()
            self._audit.record(
                actor.name,
                "criterion.set",
                f"campaign:{campaign.id}",
                code=code,
                title=title,
                most_points=most_points,
                measure=measure,
            )
        return made.id

    def end_criterion(self, actor: Actor, campaign: Campaign, code: str) -> None:
        """The line counts no more; what was typed for it is kept."""
        actor.require(Permission.CAMPAIGN_MANAGE, campaign.unit_path)
        with transaction():
            open_campaign(campaign.id)
            if not self._end(campaign.id, code):
                raise NotFound(N_("Bảng chấm điểm không có tiêu chí %(code)s."), code=code)
            self._audit.record(actor.name, "criterion.ended", f"campaign:{campaign.id}", code=code)

    def set_score(
        self,
        actor: Actor,
        criterion_id: int,
        unit_code: str,
        *,
        a: int | None = None,
        b: int | None = None,
        note: str = "",
        file: tuple[str, bytes] | None = None,
    ) -> None:
        """The unit has a of b in this criterion, and the file, (name, bytes), bears it out.

        a and b are for criteria typed by hand; the others are counted and take the rest only. A
        file of another type or too large is `Invalid`, and nothing is stored.
        """
        criterion, unit = self._at(actor, criterion_id, unit_code)
        if criterion.measure != Measure.TYPED:
            a = b = None
        elif a is None or b is None or not (0 <= a <= b and 0 < b <= _MOST):
            raise Invalid(N_("Cần hai số: a từ 0 trở lên và không lớn hơn b."), field="a")
        note = text_within(note, "note", 500)
        media_type = media_type_of(*file) if file else ""
        unit_id, code = unit.id, unit.code
        release()
        sha256 = self._files.put(file[1]) if file else None
        now = self._clock.now()
        with transaction():
            # Locked: the first entries of two clerks come one after the other.
            criterion = db.session.get_one(
                Criterion, criterion_id, with_for_update={"of": Criterion}
            )
            if criterion.ended_at is not None:
                raise Conflict(N_("Tiêu chí vừa được thay hoặc bỏ; hãy tải lại bảng chấm điểm."))
            db.session.merge(
                Score(
                    criterion_id=criterion_id,
                    unit_id=unit_id,
                    a=a,
                    b=b,
                    note=note,
                    set_by=actor.name,
                    set_at=now,
                )
            )
            if file and sha256:
                db.session.add(
                    Evidence(
                        criterion_id=criterion_id,
                        unit_id=unit_id,
                        sha256=sha256,
                        file_name=file[0][-200:],
                        media_type=media_type,
                        size_bytes=len(file[1]),
                        added_by=actor.name,
                        added_at=now,
                    )
                )
            self._audit.record(
                actor.name,
                "score.set",
                f"unit:{code}",
                criterion=criterion.code,
                a=a,
                b=b,
                sha256=sha256,
            )

    def withdraw_evidence(self, actor: Actor, evidence_id: int) -> None:
        """The file no longer counts; it stays in the store, and the record says who withdrew it."""
        _, unit = self._evidence(actor, evidence_id)
        actor.require(Permission.TASK_REPORT, unit.path)
        code = unit.code
        with transaction():
            found = db.session.get_one(Evidence, evidence_id, with_for_update=True)
            if found.withdrawn_at is None:
                found.withdrawn_at = self._clock.now()
                self._audit.record(
                    actor.name, "evidence.withdrawn", f"unit:{code}", sha256=found.sha256
                )

    def open_evidence(self, actor: Actor, evidence_id: int) -> tuple[Evidence, bytes]:
        """The file and its bytes; `NotFound` outside the units whose reports the actor sees."""
        found, _ = self._evidence(actor, evidence_id)
        sha256 = found.sha256
        release()
        return found, self._files.get(sha256)

    def _at(self, actor: Actor, criterion_id: int, unit_code: str) -> tuple[Criterion, OrgUnit]:
        """A line and a unit of the same campaign, which the actor reports for."""
        criterion = db.session.get(Criterion, criterion_id)
        unit = self._inventory.unit_of(unit_code)
        if (
            criterion is None
            or criterion.ended_at is not None
            or not actor.can(Permission.REPORT_VIEW, unit.path)
        ):
            raise NotFound(N_("Bảng chấm điểm không có dòng này."))
        actor.require(Permission.TASK_REPORT, unit.path)
        if unit.parent_id != db.session.get_one(Campaign, criterion.campaign_id).unit_id:
            raise Invalid(
                N_("%(unit)s không thuộc phạm vi của chiến dịch."), field="unit", unit=unit.name
            )
        return criterion, unit

    def _evidence(self, actor: Actor, evidence_id: int) -> tuple[Evidence, OrgUnit]:
        found = db.session.get(Evidence, evidence_id)
        if found is not None and found.withdrawn_at is None:
            unit = db.session.get_one(OrgUnit, found.unit_id)
            criterion = db.session.get_one(Criterion, found.criterion_id)
            if actor.can(Permission.REPORT_VIEW, unit.path) or verifies(actor, criterion):
                return found, unit
        raise NotFound(N_("Không tìm thấy tài liệu này."))

    def _end(self, campaign_id: int, code: str) -> bool:
        ended: Any = db.session.execute(
            update(Criterion)
            .where(
                Criterion.campaign_id == campaign_id,
                Criterion.code == code,
                Criterion.ended_at.is_(None),
            )
            .values(ended_at=self._clock.now())
        )
        return bool(ended.rowcount)
