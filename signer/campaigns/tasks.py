"""Tasks of a campaign: given to units, reported on with cause and proposed fix, never forgotten."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, select

from signer.accounts import Actor, Permission, in_subtree, visible
from signer.audit import Audit
from signer.campaigns.kinds import TaskState
from signer.campaigns.models import Campaign, CampaignTask, TaskReport
from signer.clock import Clock
from signer.db import db, transaction
from signer.errors import N_, Conflict, Invalid, NotFound
from signer.inventory.models import OrgUnit
from signer.inventory.names import clean_text
from signer.inventory.service import Inventory

TITLE_LENGTH = 300
TEXT_LENGTH = 500


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task as its unit last reported it; `state` is `late` once its day is over, too."""

    id: int
    campaign_id: int
    unit_code: str
    unit_name: str
    unit_path: str
    title: str
    due_on: date
    state: TaskState
    cause: str
    fix: str
    wished_due_on: date | None
    reported_by: str | None
    reported_at: datetime | None
    days_late: int


class Tasks:
    """Gives tasks and takes reports; the only writer of `campaign_task` and `task_report`."""

    def __init__(self, clock: Clock, audit: Audit, inventory: Inventory) -> None:
        self._clock = clock
        self._audit = audit
        self._inventory = inventory

    def give(
        self,
        actor: Actor,
        campaign: Campaign,
        *,
        unit_codes: Iterable[str],
        title: str,
        due_on: date | None,
    ) -> list[int]:
        """One task for each of the units, in the order of their codes.

        `Forbidden` unless the actor manages campaigns there; `Invalid` for units outside the
        campaign and for a day outside it.
        """
        title = clean_text(title)
        if not title or len(title) > TITLE_LENGTH:
            raise Invalid(
                N_("Hãy ghi nội dung nhiệm vụ, tối đa %(limit)d ký tự."),
                field="title",
                limit=TITLE_LENGTH,
            )
        due_on = _day_within(due_on, campaign)
        units = [self._inventory.unit_of(code) for code in sorted(set(unit_codes))]
        if not units:
            raise Invalid(N_("Hãy chọn ít nhất một đơn vị."), field="unit")
        for unit in units:
            actor.require(Permission.CAMPAIGN_MANAGE, unit.path)
            if not unit.path.startswith(campaign.unit_path):
                raise Invalid(
                    N_("%(unit)s không thuộc phạm vi của chiến dịch."), field="unit", unit=unit.name
                )
        if campaign.closed_at is not None:
            raise Conflict(N_("Chiến dịch đã kết thúc."))
        with transaction():
            made = [
                CampaignTask(
                    campaign_id=campaign.id,
                    unit_id=unit.id,
                    unit_path=unit.path,
                    title=title,
                    due_on=due_on,
                    state=TaskState.OPEN,
                    cause="",
                    fix="",
                    created_by=actor.name,
                    created_at=self._clock.now(),
                )
                for unit in units
            ]
            db.session.add_all(made)
            db.session.flush()
            for task, unit in zip(made, units, strict=True):
                self._audit.record(
                    actor.name, "task.given", f"task:{task.id}", unit=unit.code, title=title
                )
        return [task.id for task in made]

    def report(
        self,
        actor: Actor,
        task_id: int,
        state: TaskState,
        *,
        cause: str = "",
        fix: str = "",
        wished_due_on: date | None = None,
    ) -> None:
        """The task stands so, as its unit says; the report is kept beside those before.

        `Invalid` for a task that is late or to be adjusted without a cause and a proposed fix,
        and for a wish that is no later day.
        """
        task = self._row(actor, task_id, Permission.TASK_REPORT)
        cause, fix = clean_text(cause), clean_text(fix)
        if state in (TaskState.LATE, TaskState.ADJUST):
            for name, text in (("cause", cause), ("fix", fix)):
                if not text or len(text) > TEXT_LENGTH:
                    raise Invalid(
                        N_("Việc chậm hoặc cần điều chỉnh phải có nguyên nhân và đề xuất."),
                        field=name,
                    )
        else:
            cause = fix = ""
        if state is not TaskState.ADJUST:
            wished_due_on = None
        elif wished_due_on is not None and wished_due_on <= task.due_on:
            raise Invalid(N_("Thời hạn đề nghị phải sau thời hạn đang có."), field="wished_due_on")
        self._write(actor, task, "task.reported", state, task.due_on, cause, fix, wished_due_on)

    def move(self, actor: Actor, task_id: int, due_on: date | None) -> None:
        """The task is due on another day of its campaign and goes on; the manager's decision."""
        task = self._row(actor, task_id, Permission.CAMPAIGN_MANAGE)
        if task.state == TaskState.DONE:
            raise Conflict(N_("Nhiệm vụ này đã hoàn thành."))
        due_on = _day_within(due_on, db.session.get_one(Campaign, task.campaign_id))
        self._write(actor, task, "task.moved", TaskState.OPEN, due_on, "", "", None)

    def task_of(self, actor: Actor, task_id: int) -> Task:
        """The task; `NotFound` when there is none in the units whose reports the actor sees."""
        self._row(actor, task_id, Permission.REPORT_VIEW)
        return self._told(db.session.execute(_joined().where(CampaignTask.id == task_id)).one())

    def reports_of(self, task: Task) -> Sequence[TaskReport]:
        """Everything that was said about the task, the newest first."""
        said = select(TaskReport).where(TaskReport.task_id == task.id)
        return db.session.scalars(said.order_by(TaskReport.id.desc())).all()

    def listed(
        self, actor: Actor, campaign_id: int, *, within: str = "", state: TaskState | None = None
    ) -> list[Task]:
        """The campaign's tasks in the units whose reports the actor sees, the next due first."""
        statement = visible(actor, Permission.REPORT_VIEW, _joined(), _path()).where(
            CampaignTask.campaign_id == campaign_id, in_subtree(_path(), within)
        )
        tasks = [self._told(row) for row in db.session.execute(statement)]
        return [task for task in tasks if state is None or task.state is state]

    def _write(
        self,
        actor: Actor,
        task: CampaignTask,
        action: str,
        state: TaskState,
        due_on: date,
        cause: str,
        fix: str,
        wished_due_on: date | None,
    ) -> None:
        now = self._clock.now()
        with transaction():
            row = db.session.get_one(CampaignTask, task.id, with_for_update=True)
            row.state, row.cause, row.fix = state, cause, fix
            row.due_on, row.wished_due_on = due_on, wished_due_on
            row.reported_by, row.reported_at = actor.name, now
            db.session.add(
                TaskReport(
                    task_id=task.id,
                    state=state,
                    cause=cause,
                    fix=fix,
                    due_on=due_on,
                    wished_due_on=wished_due_on,
                    by=actor.name,
                    at=now,
                )
            )
            self._audit.record(
                actor.name, action, f"task:{task.id}", state=state, due_on=due_on.isoformat()
            )

    def _row(self, actor: Actor, task_id: int, needed: Permission) -> CampaignTask:
        """`NotFound` outside the units whose reports the actor sees, `Forbidden` inside them."""
        task = db.session.get(CampaignTask, task_id)
        if task is None or not actor.can(Permission.REPORT_VIEW, task.unit_path):
            raise NotFound(N_("Không có nhiệm vụ này."))
        actor.require(needed, task.unit_path)
        return task

    def _told(self, row: Any) -> Task:  # a row of `_joined`
        task, code, name = row
        today = self._clock.today()
        state = TaskState(task.state)
        days_late = (today - task.due_on).days if state is not TaskState.DONE else 0
        if days_late > 0 and state is TaskState.OPEN:
            state = TaskState.LATE
        return Task(
            id=task.id,
            campaign_id=task.campaign_id,
            unit_code=code,
            unit_name=name,
            unit_path=task.unit_path,
            title=task.title,
            due_on=task.due_on,
            state=state,
            cause=task.cause,
            fix=task.fix,
            wished_due_on=task.wished_due_on,
            reported_by=task.reported_by,
            reported_at=task.reported_at,
            days_late=max(days_late, 0),
        )


def _joined() -> Select[CampaignTask, str, str]:
    return (
        select(CampaignTask, OrgUnit.code, OrgUnit.name)
        .join(OrgUnit, OrgUnit.id == CampaignTask.unit_id)
        .order_by(CampaignTask.due_on, CampaignTask.id)
    )


def _day_within(day: date | None, campaign: Campaign) -> date:
    if day is None or not campaign.starts_on <= day <= campaign.ends_on:
        raise Invalid(
            N_("Thời hạn phải nằm trong thời gian của chiến dịch, từ %(first)s đến %(last)s."),
            field="due_on",
            first=f"{campaign.starts_on:%d/%m/%Y}",
            last=f"{campaign.ends_on:%d/%m/%Y}",
        )
    return day


def _path() -> Any:  # a column of the mapped class
    return CampaignTask.unit_path
