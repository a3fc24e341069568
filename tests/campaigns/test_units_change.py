"""What a sprint expects of a unit that is renamed or merged is expected of its successor."""

from datetime import date

from signer.accounts import SYSTEM
from signer.campaigns.kinds import TaskState
from signer.inventory.structure_plan import ActKind, Heir, UnitAct
from signer.reports.coverage import View
from signer.services import Services
from tests.campaigns.conftest import TODAY, Sprint
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD


@both_databases
def test_open_tasks_and_unread_reminders_go_along(services: Services, sprint: Sprint) -> None:
    """The officer, whose role goes along, sees them there; what was done stays; undone, back."""
    tasks = services.campaigns.tasks
    campaign = services.campaigns.campaign_of(sprint.admin, sprint.id)
    open_, finished = (
        tasks.give(sprint.admin, campaign, title=title, unit_codes=[WARD], due_on=TODAY)[0]
        for title in ("Rà soát", "Tập huấn")
    )
    tasks.report(sprint.officer, finished, TaskState.DONE, cause="", fix="")
    sent = services.campaigns.remind(sprint.city_officer, WARD, View.LACKS, "Còn thiếu người")
    act = UnitAct(
        kind=ActKind.MERGE,
        on=date(2026, 11, 20),
        decision="1",
        codes=(WARD, OTHER_WARD),
        heirs=(Heir(code="MOI", name="UBND phường Mới"),),
    )
    merged = services.inventory.structure.carry_out(SYSTEM, act)
    officer = services.accounts.actor_of("huong")
    assert tasks.task_of(officer, open_).unit_code == "MOI"
    assert [reminder.id for reminder in services.campaigns.reminders_for(officer)] == [sent.id]
    assert tasks.task_of(sprint.admin, finished).unit_code == WARD
    services.inventory.structure.undo(SYSTEM, merged.id)
    assert tasks.task_of(sprint.officer, open_).unit_code == WARD
    assert [one.id for one in services.campaigns.reminders_for(sprint.officer)] == [sent.id]
