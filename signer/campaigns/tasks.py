"""Tasks of a campaign: given to units, reported on with cause and proposed fix, never forgotten."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select

from signer.accounts import Actor, Permission, in_subtree, visible
from signer.audit import Audit
from signer.campaigns.kinds import TaskState, text_within
from signer.campaigns.models import Campaign, CampaignTask, TaskReport
from signer.clock import Clock
from signer.db import db, transaction
from signer.errors import N_, Conflict, Invalid, NotFound
from signer.inventory.models import OrgUnit
from signer.inventory.service import Inventory


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task as its unit last reported it; `state` is `late` once its day is over, too."""

    row: CampaignTask
    state: TaskState
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
        needed = N_("Hãy ghi nội dung nhiệm vụ, tối đa %(limit)d ký tự.")
        title = text_within(title, "title", 300, least=1, sentence=needed)
        due_on = _day_within(due_on, campaign)
        units = [self._inventory.unit_of(code) for code in sorted(set(unit_codes))]
        if not units:
            raise Invalid(N_("Hãy chọn ít nhất một đơn vị."), field="unit")
        for unit in units:
            actor.require(Permission.CAMPAIGN_MANAGE, unit.path)
            require_inside(campaign, unit)
        with transaction():
            open_campaign(campaign.id)
            return [self._give(actor, campaign, unit, title, due_on) for unit in units]

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
        if state in (TaskState.LATE, TaskState.ADJUST):
            needed = N_("Việc chậm hoặc cần điều chỉnh phải có nguyên nhân và đề xuất.")
            cause = text_within(cause, "cause", 500, least=1, sentence=needed)
            fix = text_within(fix, "fix", 500, least=1, sentence=needed)
        else:
            cause = fix = ""
        with transaction():
            task = _locked(actor, task_id, Permission.TASK_REPORT)
            if state is not TaskState.ADJUST:
                wished_due_on = None
            elif wished_due_on is not None and wished_due_on <= task.due_on:
                raise Invalid(
                    N_("Thời hạn đề nghị phải sau thời hạn đang có."), field="wished_due_on"
                )
            task.state, task.cause, task.fix = state, cause, fix
            task.wished_due_on = wished_due_on
            self._keep(actor, task, "task.reported")

    def move(self, actor: Actor, task_id: int, due_on: date | None) -> None:
        """The task is due on another day of its campaign and goes on; the manager's decision."""
        with transaction():
            task = _locked(actor, task_id, Permission.CAMPAIGN_MANAGE)
            if task.state == TaskState.DONE:
                raise Conflict(N_("Nhiệm vụ này đã hoàn thành."))
            task.due_on = _day_within(due_on, db.session.get_one(Campaign, task.campaign_id))
            task.state, task.cause, task.fix = TaskState.OPEN, "", ""
            task.wished_due_on = None
            self._keep(actor, task, "task.moved")

    def task_of(self, actor: Actor, task_id: int) -> Task:
        """The task; `NotFound` when there is none in the units whose reports the actor sees."""
        return self._told(_seen(actor, db.session.get(CampaignTask, task_id)))

    def reports_of(self, task: Task) -> Sequence[TaskReport]:
        """Everything that was said about the task, the newest first."""
        said = select(TaskReport).where(TaskReport.task_id == task.row.id)
        return db.session.scalars(said.order_by(TaskReport.id.desc())).all()

    def listed(self, actor: Actor, campaign_id: int, *, within: str = "") -> list[Task]:
        """The campaign's tasks in the units whose reports the actor sees, the next due first."""
        path: Any = CampaignTask.unit_path  # a column of the mapped class
        mine = visible(actor, Permission.REPORT_VIEW, select(CampaignTask), path)
        mine = mine.where(CampaignTask.campaign_id == campaign_id, in_subtree(path, within))
        rows = db.session.scalars(mine.order_by(CampaignTask.due_on, CampaignTask.id))
        return [self._told(row) for row in rows]

    def _give(
        self, actor: Actor, campaign: Campaign, unit: OrgUnit, title: str, due_on: date
    ) -> int:
        made = CampaignTask(
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
        db.session.add(made)
        db.session.flush()
        self._audit.record(actor.name, "task.given", f"task:{made.id}", unit=unit.code, title=title)
        return made.id

    def _keep(self, actor: Actor, task: CampaignTask, action: str) -> None:
        task.reported_by, task.reported_at = actor.name, self._clock.now()
        db.session.add(
            TaskReport(
                task_id=task.id,
                state=task.state,
                cause=task.cause,
                fix=task.fix,
                due_on=task.due_on,
                wished_due_on=task.wished_due_on,
                by=task.reported_by,
                at=task.reported_at,
            )
        )
        due_on = task.due_on.isoformat()
        self._audit.record(actor.name, action, f"task:{task.id}", state=task.state, due_on=due_on)

    def _told(self, row: CampaignTask) -> Task:
        state = TaskState(row.state)
        overdue = (self._clock.today() - row.due_on).days if state is not TaskState.DONE else 0
        if overdue > 0 and state is TaskState.OPEN:
            state = TaskState.LATE
        return Task(row=row, state=state, days_late=max(overdue, 0))


def open_campaign(campaign_id: int) -> Campaign:
    """The campaign, which nobody else changes before this transaction ends; `Conflict` if over."""
    row = db.session.get_one(Campaign, campaign_id, with_for_update=True)
    if row.closed_at is not None:
        raise Conflict(N_("Chiến dịch đã kết thúc."))
    return row


def require_inside(campaign: Campaign, unit: OrgUnit) -> None:
    """`Invalid` for a unit that does not take part."""
    if not unit.path.startswith(campaign.unit_path):
        raise Invalid(
            N_("%(unit)s không thuộc phạm vi của chiến dịch."), field="unit", unit=unit.name
        )


def _locked(actor: Actor, task_id: int, needed: Permission) -> CampaignTask:
    """The task as it is now, until this transaction ends; `Forbidden` without what is needed."""
    lock: Any = {"of": CampaignTask}  # not its unit
    task = _seen(actor, db.session.get(CampaignTask, task_id, with_for_update=lock))
    actor.require(needed, task.unit_path)
    return task


def _seen(actor: Actor, task: CampaignTask | None) -> CampaignTask:
    if task is None or not actor.can(Permission.REPORT_VIEW, task.unit_path):
        raise NotFound(N_("Không có nhiệm vụ này."))
    return task


def _day_within(day: date | None, campaign: Campaign) -> date:
    if day is None or not campaign.starts_on <= day <= campaign.ends_on:
        raise Invalid(
            N_("Thời hạn phải nằm trong thời gian của chiến dịch, từ %(first)s đến %(last)s."),
            field="due_on",
            first=f"{campaign.starts_on:%d/%m/%Y}",
            last=f"{campaign.ends_on:%d/%m/%Y}",
        )
    return day
