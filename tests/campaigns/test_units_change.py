"""What a sprint expects of a unit that is renamed or merged is expected of its successor."""

from datetime import date, timedelta

from signer.accounts import SYSTEM, Role
from signer.campaigns.kinds import Measure, TaskState
from signer.inventory.structure_plan import ActKind, Heir, UnitAct
from signer.reports.coverage import View
from signer.services import Services
from tests.campaigns.sprints import ENDS, STARTS, TODAY, Sprint
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD, City


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
    assert tasks.task_of(officer, open_).row.unit.code == "MOI"
    assert [reminder.id for reminder in services.campaigns.reminders_for(officer)] == [sent.id]
    assert tasks.task_of(sprint.admin, finished).row.unit.code == WARD
    services.inventory.structure.undo(SYSTEM, merged.id)
    assert tasks.task_of(sprint.officer, open_).row.unit.code == WARD
    assert [one.id for one in services.campaigns.reminders_for(sprint.officer)] == [sent.id]


def renamed(services: Services, code: str, on: date) -> None:
    heirs = (Heir(code=code, name="Tên mới"),)
    act = UnitAct(kind=ActKind.RENAME, on=on, decision="1", codes=(code,), heirs=heirs)
    services.inventory.structure.carry_out(SYSTEM, act)


@both_databases
def test_a_renamed_unit_keeps_its_head_its_tasks_and_its_scores(
    services: Services, sprint: Sprint, city: City
) -> None:
    """The code has two rows now; heads, late tasks, typed scores and files are the open one's."""
    rooms = services.campaigns
    campaign = rooms.campaign_of(sprint.admin, sprint.id)
    rooms.tasks.give(sprint.admin, campaign, unit_codes=[WARD], title="x", due_on=STARTS)
    criterion = rooms.scoring.add_criterion(
        sprint.admin,
        campaign,
        code="TC9",
        title="x",
        most_points=10,
        measure=Measure.TYPED,
        verifier_code="SNV",
    )
    rooms.scoring.set_score(sprint.officer, criterion, WARD, a=1, b=2, file=("a.pdf", b"%PDF-1.7"))
    city.actor("noivu", Role.HR, "SNV")
    for code in (WARD, "SNV"):
        renamed(services, code, TODAY)
    line = next(one for one in rooms.board(sprint.auditor, sprint.id).lines if one.code == WARD)
    assert (line.name, line.heads) == ("Tên mới", [sprint.head.display_name])
    assert line.late_tasks == 1
    part = rooms.scoring.unit_score(sprint.auditor, campaign, WARD).parts[-1]
    assert (part.points, len(part.evidence)) == (5, 1)
    verifier = services.accounts.actor_of("noivu")
    assert rooms.scoring.open_evidence(verifier, part.evidence[0].id)[1] == b"%PDF-1.7"


def test_a_board_of_a_unit_renamed_after_the_last_day(
    services: Services, sprint: Sprint, clock: StandingClock
) -> None:
    """It shows how things stood on the last day, without a line to be measured by."""
    clock.move(timedelta(days=50))
    renamed(services, WARD, TODAY + timedelta(days=50))
    board = services.campaigns.board(services.accounts.actor_of("huong"), sprint.id)
    assert (board.day, board.figures.gap) == (ENDS, 6)
    assert board.points == ((ENDS, 6),)
    assert board.goal.ideal_on(ENDS) == 0
    assert services.campaigns.board(sprint.auditor, sprint.id).lines[1].code == WARD
