"""Tasks: given by who leads, reported by the units with cause and fix, moved by decision."""

from datetime import date, timedelta
from typing import Any

import pytest

from signer.campaigns.kinds import TaskState
from signer.campaigns.models import Campaign
from signer.db import db
from signer.errors import Conflict, Forbidden, Invalid, NotFound
from signer.services import Services
from tests.campaigns.sprints import ENDS, STARTS, TODAY, Sprint
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD


def give(services: Services, sprint: Sprint, **spoilt: Any) -> list[int]:
    values: dict[str, Any] = {
        "unit_codes": [WARD, OTHER_WARD],
        "title": "Rà soát thư điện tử công vụ",
        "due_on": TODAY + timedelta(days=5),
    }
    campaign = services.campaigns.campaign_of(sprint.admin, sprint.id)
    return services.campaigns.tasks.give(sprint.admin, campaign, **(values | spoilt))


@both_databases
def test_the_story_of_a_task(services: Services, sprint: Sprint, clock: StandingClock) -> None:
    """Given, to be adjusted, moved by decision, late by itself, done; every word is kept."""
    tasks = services.campaigns.tasks
    mine, _ = give(services, sprint)
    tasks.report(
        sprint.officer,
        mine,
        TaskState.ADJUST,
        cause="Nhân sự đang sắp xếp",
        fix="Xin lùi mười ngày",
        wished_due_on=TODAY + timedelta(days=15),
    )
    board = services.campaigns.board(sprint.auditor, sprint.id)
    assert board.count_tasks(TaskState.ADJUST) == 1
    tasks.move(sprint.admin, mine, TODAY + timedelta(days=15))
    moved = tasks.task_of(sprint.officer, mine)
    assert (moved.state, moved.row.cause, moved.row.wished_due_on) == (TaskState.OPEN, "", None)
    clock.move(timedelta(days=16))
    late = tasks.task_of(sprint.officer, mine)
    assert (late.state, late.days_late) == (TaskState.LATE, 1)
    tasks.report(sprint.officer, mine, TaskState.LATE, cause="Thiếu thư", fix="Cấp thư trong tuần")
    tasks.report(sprint.head, mine, TaskState.DONE, cause="bỏ qua", fix="bỏ qua")
    done = tasks.task_of(sprint.officer, mine)
    assert (done.state, done.row.cause, done.days_late) == (TaskState.DONE, "", 0)
    said = tasks.reports_of(done)
    assert [one.state for one in said] == ["done", "late", "open", "adjust"]
    assert said[0].by == sprint.head.name
    with pytest.raises(Conflict):
        tasks.move(sprint.admin, mine, ENDS)


def test_a_unit_sees_and_reports_its_own_tasks(services: Services, sprint: Sprint) -> None:
    """Another ward's task does not exist; an auditor reads and does not report."""
    mine, other = give(services, sprint)
    tasks = services.campaigns.tasks
    assert [task.row.id for task in tasks.listed(sprint.officer, sprint.id)] == [mine]
    assert [task.row.id for task in tasks.listed(sprint.auditor, sprint.id)] == [mine, other]
    with pytest.raises(NotFound):
        tasks.report(sprint.officer, other, TaskState.DONE)
    with pytest.raises(Forbidden):
        tasks.report(sprint.auditor, mine, TaskState.DONE)
    for actor in (sprint.officer, sprint.head, sprint.city_officer):
        with pytest.raises(Forbidden):
            tasks.move(actor, mine, ENDS)


@pytest.mark.parametrize(
    ("spoilt", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"due_on": None}, "due_on"),
        ({"due_on": STARTS - timedelta(days=1)}, "due_on"),
        ({"due_on": ENDS + timedelta(days=1)}, "due_on"),
        ({"unit_codes": []}, "unit"),
    ],
)
def test_a_task_that_cannot_be_given(
    services: Services, sprint: Sprint, spoilt: dict[str, Any], field: str
) -> None:
    """Each wrong value is named by its field."""
    with pytest.raises(Invalid) as refused:
        give(services, sprint, **spoilt)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("state", "said", "field"),
    [
        (TaskState.LATE, {}, "cause"),
        (TaskState.LATE, {"cause": "Thiếu thư"}, "fix"),
        (TaskState.ADJUST, {"fix": "Xin lùi"}, "cause"),
        (TaskState.LATE, {"cause": "x" * 501, "fix": "y"}, "cause"),
        (
            TaskState.ADJUST,
            {"cause": "a", "fix": "b", "wished_due_on": date(2026, 11, 1)},
            "wished_due_on",
        ),
    ],
)
def test_not_as_planned_needs_a_cause_and_a_fix(
    services: Services, sprint: Sprint, state: TaskState, said: dict[str, Any], field: str
) -> None:
    """Late or to be adjusted: why, and what is proposed (R60)."""
    mine, _ = give(services, sprint)
    with pytest.raises(Invalid) as refused:
        services.campaigns.tasks.report(sprint.officer, mine, state, **said)
    assert refused.value.field == field
    assert services.campaigns.tasks.task_of(sprint.officer, mine).state is TaskState.OPEN


def test_who_gives_tasks_and_where(services: Services, sprint: Sprint, start: Any) -> None:
    """Only who leads campaigns; only units of the campaign; none once it is closed."""
    campaign: Campaign = db.session.get_one(Campaign, sprint.id)
    for actor in (sprint.officer, sprint.head, sprint.auditor):
        with pytest.raises(Forbidden):
            services.campaigns.tasks.give(
                actor, campaign, unit_codes=[WARD], title="x", due_on=TODAY
            )
    ward_only = db.session.get_one(Campaign, start(sprint.admin, unit_code=WARD))
    with pytest.raises(Invalid) as refused:
        services.campaigns.tasks.give(
            sprint.admin, ward_only, unit_codes=[OTHER_WARD], title="x", due_on=TODAY
        )
    assert refused.value.field == "unit"
    services.campaigns.close(sprint.admin, sprint.id)
    with pytest.raises(Conflict):
        give(services, sprint)
