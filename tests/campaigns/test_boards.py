"""The sprint board: countdown, burn-down, who is behind, and what to do first."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from signer.accounts import Actor, Role
from signer.campaigns.kinds import TaskState
from signer.errors import Conflict, Forbidden, Invalid, NotFound
from signer.services import Services
from tests.campaigns.sprints import ENDS, STARTS, TODAY, Sprint
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD, City


@both_databases
def test_the_city_sees_how_far_and_how_fast(services: Services, sprint: Sprint) -> None:
    """Countdown, gap against the line, pace of the last fourteen days, and the day it ends."""
    board = services.campaigns.board(sprint.auditor, sprint.id)
    assert (board.day_number, board.days, board.days_left) == (21, 60, 40)
    assert (board.figures.persons, board.figures.covered, board.figures.gap) == (15, 6, 9)
    # Eleven were missing on the evening before; after 21 of 60 days the line allows 7.15.
    assert board.goal.first_gap == 11
    assert board.goal.ideal_on(TODAY) == Decimal("7.2")
    assert board.behind == 1
    assert board.per_day == Decimal("0.1")
    assert board.needed_per_day == Decimal("0.3")
    assert board.ends_on == TODAY + timedelta(days=63)
    assert len(board.points) == 22
    assert board.points[0] == (STARTS - timedelta(days=1), 11)
    assert [gap for _, gap in board.points[-3:]] == [11, 9, 9]


@both_databases
def test_small_gaps_come_first(services: Services, sprint: Sprint, city: City) -> None:
    """Easy before hard: units by remaining gap, the finished last; quick wins are named."""
    done = city.people(1, unit="00025")
    city.issue(done)
    city.people(20, unit="00070")
    board = services.campaigns.board(sprint.auditor, sprint.id)
    assert [(line.code, line.figures.gap) for line in board.lines] == [
        (OTHER_WARD, 3),
        (WARD, 6),
        ("00070", 20),
        ("00025", 0),
    ]
    assert [line.code for line in board.quick] == [OTHER_WARD, WARD]
    assert [line.code for line in board.done] == ["00025"]
    ward = board.lines[1]
    assert ward.closed == 2
    assert ward.heads == [sprint.head.display_name]
    assert board.lines[0].ends_on is None, "nothing happened there"


@both_databases
def test_late_heads_are_named(services: Services, sprint: Sprint) -> None:
    """A unit is late when its gap is above its line, or a task is over its day."""
    campaign = services.campaigns.campaign_of(sprint.admin, sprint.id)
    services.campaigns.tasks.give(
        sprint.admin,
        campaign,
        unit_codes=[WARD],
        title="Rà soát thư công vụ",
        due_on=TODAY - timedelta(days=3),
    )
    board = services.campaigns.board(sprint.admin, sprint.id)
    late = {line.code: (line.behind, line.late_tasks) for line in board.late}
    assert late == {OTHER_WARD: (1, 0), WARD: (0, 1)}
    assert board.count_tasks("late") == board.count_tasks(TaskState.LATE) == 1
    assert board.tasks[0].days_late == 3


@both_databases
def test_a_ward_sees_its_own_board(services: Services, sprint: Sprint) -> None:
    """The city's campaign, the ward's figures; another ward's board is forbidden."""
    board = services.campaigns.board(sprint.officer, sprint.id)
    assert (board.unit.code, board.figures.persons, board.figures.gap) == (WARD, 12, 6)
    assert [c.id for c in services.campaigns.campaigns(sprint.officer)] == [sprint.id]
    with pytest.raises(Forbidden):
        services.campaigns.board(sprint.officer, sprint.id, unit_code=OTHER_WARD)


def test_a_campaign_elsewhere_is_not_found(
    services: Services, sprint: Sprint, start: Callable[..., int]
) -> None:
    """A campaign of another ward does not exist for this one; a board stays in its subtree."""
    other = start(sprint.admin, unit_code=OTHER_WARD)
    assert [c.id for c in services.campaigns.campaigns(sprint.officer)] == [sprint.id]
    with pytest.raises(NotFound):
        services.campaigns.board(sprint.officer, other)
    with pytest.raises(Invalid):
        services.campaigns.board(sprint.auditor, other, unit_code=WARD)


def test_before_and_after_its_days(
    services: Services, sprint: Sprint, clock: StandingClock, start: Callable[..., int]
) -> None:
    """A campaign to come has a board without a past; one that is over stays at its last day."""
    coming = start(
        sprint.admin, starts_on=TODAY + timedelta(days=10), ends_on=TODAY + timedelta(days=69)
    )
    board = services.campaigns.board(sprint.auditor, coming)
    assert board.day_number == -9
    assert board.days_left == 60
    assert board.points == ((TODAY, 9),)
    assert board.behind == 0
    clock.move(timedelta(days=100))
    over = services.campaigns.board(sprint.auditor, sprint.id)
    assert (over.day, over.days_left, over.needed_per_day) == (ENDS, 0, None)
    assert len(over.points) == 61
    assert over.behind == 9


def test_a_campaign_closed_early_stays_at_that_day(
    services: Services, sprint: Sprint, clock: StandingClock, city: City
) -> None:
    """What happens afterwards is no business of it; no day is left."""
    services.campaigns.close(sprint.admin, sprint.id)
    clock.move(timedelta(days=2))
    city.issue(sprint.other)
    board = services.campaigns.board(sprint.auditor, sprint.id)
    assert (board.day, board.days_left, board.figures.gap) == (TODAY, 0, 9)
    assert board.needed_per_day is None
    table = services.campaigns.scoring.table(sprint.auditor, board.campaign)
    assert [row.points for row in table] == [25, 0]


@pytest.mark.parametrize(
    ("spoilt", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"target_percent": 0}, "target_percent"),
        ({"target_percent": 101}, "target_percent"),
        ({"ends_on": STARTS}, "ends_on"),
        ({"ends_on": None}, "ends_on"),
        ({"ends_on": STARTS + timedelta(days=400)}, "ends_on"),
    ],
)
def test_a_campaign_that_cannot_be(
    services: Services,
    city: City,
    start: Callable[..., int],
    spoilt: dict[str, object],
    field: str,
) -> None:
    """Each wrong value is named by its field."""
    with pytest.raises(Invalid) as refused:
        start(city.actor("quantri", Role.ADMIN, None), **spoilt)
    assert refused.value.field == field


def test_who_leads_a_campaign(
    services: Services, sprint: Sprint, start: Callable[..., int]
) -> None:
    """Only who manages campaigns starts, changes and closes one; a closed one does not move."""
    change = {
        "name": "Mới",
        "target_percent": 95,
        "starts_on": STARTS,
        "ends_on": ENDS + timedelta(days=7),
    }
    for actor in (sprint.officer, sprint.head, sprint.auditor, sprint.city_officer):
        with pytest.raises(Forbidden):
            start(actor)
        with pytest.raises(Forbidden):
            services.campaigns.change(actor, sprint.id, **change)  # type: ignore[arg-type]
        with pytest.raises(Forbidden):
            services.campaigns.close(actor, sprint.id)
    services.campaigns.change(sprint.admin, sprint.id, **change)  # type: ignore[arg-type]
    board = services.campaigns.board(sprint.auditor, sprint.id)
    assert (board.campaign.name, board.days, board.goal.last_gap) == ("Mới", 67, 0)
    services.campaigns.close(sprint.admin, sprint.id)
    services.campaigns.close(sprint.admin, sprint.id)
    with pytest.raises(Conflict):
        services.campaigns.change(sprint.admin, sprint.id, **change)  # type: ignore[arg-type]
    actions = [event.action for event in services.audit.events(subject=f"campaign:{sprint.id}")]
    assert actions == ["campaign.closed", "campaign.changed", "campaign.started"]


def test_nobody_without_reports_sees_a_campaign(
    services: Services, sprint: Sprint, city: City
) -> None:
    """A signer has no board."""
    signer: Actor = city.signer_of(sprint.ward[0])
    assert services.campaigns.campaigns(signer) == []
    with pytest.raises(NotFound):
        services.campaigns.board(signer, sprint.id)
