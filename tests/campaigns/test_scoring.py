"""The scoring table: a/b times the most points, ranks with their trend, evidence, who checks."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update

from signer.accounts import Role
from signer.campaigns.kinds import Measure, TaskState
from signer.campaigns.models import Campaign
from signer.campaigns.score_table import UnitScore
from signer.db import changed, db, transaction
from signer.errors import Forbidden, Invalid, NotFound
from signer.inventory.models import PersonPeriod
from signer.services import Services
from tests.campaigns.sprints import TODAY, Sprint
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD, City

PDF = b"%PDF-1.7\nbang chung"


def campaign_of(sprint: Sprint) -> Campaign:
    return db.session.get_one(Campaign, sprint.id)


def typed(services: Services, sprint: Sprint, **spoilt: Any) -> int:
    """A criterion that is typed by hand and checked by the department of home affairs."""
    values: dict[str, Any] = {
        "code": "TC9",
        "title": "Số buổi tập huấn",
        "most_points": 10,
        "measure": Measure.TYPED,
        "verifier_code": "SNV",
    }
    return services.campaigns.scoring.add_criterion(
        sprint.admin, campaign_of(sprint), **(values | spoilt)
    )


def row(services: Services, sprint: Sprint, unit: str = WARD) -> UnitScore:
    return services.campaigns.scoring.unit_score(sprint.auditor, campaign_of(sprint), unit)


def points(score: UnitScore) -> dict[str, Decimal | None]:
    return {part.criterion.code: part.points for part in score.parts}


@both_databases
def test_figures_become_points_and_ranks(services: Services, sprint: Sprint) -> None:
    """Half of the people covered is half of fifty; nobody leads here, so that is not asked."""
    services.campaigns.tasks.give(
        sprint.admin, campaign_of(sprint), unit_codes=[WARD, OTHER_WARD], title="x", due_on=TODAY
    )
    (mine,) = services.campaigns.tasks.listed(sprint.officer, sprint.id)
    services.campaigns.tasks.report(sprint.officer, mine.row.id, TaskState.DONE)
    table = services.campaigns.scoring.table(sprint.auditor, campaign_of(sprint))
    ward = row(services, sprint)
    assert points(ward) == {"TC1": 25, "TC2": None, "TC3": None, "TC4": 20}
    assert (ward.points, ward.most_points, ward.rank) == (45, 70, 1)
    other = row(services, sprint, OTHER_WARD)
    assert points(other) == {"TC1": 0, "TC2": None, "TC3": None, "TC4": 0}
    assert [(one.unit.code, one.rank, one.climbed) for one in table] == [
        (WARD, 1, 0),
        (OTHER_WARD, 2, 0),
    ]


def test_a_task_done_late_scores_nothing(
    services: Services, sprint: Sprint, clock: StandingClock
) -> None:
    """The criterion asks for tasks done in time; the last minute of the day in Hanoi is in time."""
    tasks = services.campaigns.tasks
    first, second = (
        tasks.give(sprint.admin, campaign_of(sprint), unit_codes=[WARD], title="x", due_on=TODAY)[0]
        for _ in range(2)
    )
    clock.move(timedelta(hours=14, minutes=59))
    tasks.report(sprint.officer, first, TaskState.DONE)
    clock.move(timedelta(minutes=1))
    tasks.report(sprint.officer, second, TaskState.DONE)
    part = row(services, sprint).parts[3]
    assert (part.a, part.b, part.points) == (1, 2, 10)


@both_databases
def test_leaders_have_a_criterion_of_their_own(services: Services, sprint: Sprint) -> None:
    """a/b over the leaders alone (R56)."""
    with transaction():
        db.session.execute(
            update(PersonPeriod)
            .where(PersonPeriod.person_id.in_([sprint.ward[0].id, sprint.ward[11].id]))
            .values(is_leader=True)
        )
        changed("person", [sprint.ward[0].id, sprint.ward[11].id])
    ward = row(services, sprint)
    assert points(ward)["TC2"] == 10
    assert points(row(services, sprint, OTHER_WARD))["TC2"] is None


@both_databases
def test_a_rank_climbs(services: Services, sprint: Sprint, city: City) -> None:
    """Overtaken since last week; the arrow says by how many places."""
    city.issue(sprint.other)
    other, ward = row(services, sprint, OTHER_WARD), row(services, sprint)
    assert (other.rank, other.climbed) == (1, 1)
    assert (ward.rank, ward.climbed) == (2, -1)


@both_databases
def test_a_score_is_typed_and_borne_out(services: Services, sprint: Sprint, city: City) -> None:
    """a and b by the ward, with a file that the verifying unit reads until it is withdrawn."""
    scoring = services.campaigns.scoring
    criterion = typed(services, sprint)
    assert points(row(services, sprint))["TC9"] == 0, "asked for and not delivered"
    scoring.set_score(
        sprint.officer, criterion, WARD, a=3, b=4, note="Ba buổi", file=("bien-ban.pdf", PDF)
    )
    part = row(services, sprint).parts[-1]
    assert (part.a, part.b, part.points, part.note) == (3, 4, Decimal("7.5"), "Ba buổi")
    (file,) = part.evidence
    assert file.file_name == "bien-ban.pdf"
    verifier = city.actor("noivu", Role.HR, "SNV")
    assert scoring.open_evidence(verifier, file.id)[1] == PDF
    assert len(scoring.table(verifier, campaign_of(sprint))) == 2
    scoring.set_score(sprint.officer, criterion, WARD, a=4, b=4)
    part = row(services, sprint).parts[-1]
    assert (part.points, part.note, len(part.evidence)) == (10, "", 1)
    scoring.withdraw_evidence(sprint.officer, file.id)
    assert row(services, sprint).parts[-1].evidence == ()
    with pytest.raises(NotFound):
        scoring.open_evidence(verifier, file.id)


def test_who_types_and_who_reads(services: Services, sprint: Sprint, city: City) -> None:
    """A unit fills in its own line; another ward neither sees nor changes it; auditors read."""
    scoring = services.campaigns.scoring
    criterion = typed(services, sprint)
    stranger = city.actor("xa", Role.HR, OTHER_WARD)
    scoring.set_score(sprint.officer, criterion, WARD, a=1, b=1, file=("a.pdf", PDF))
    (file,) = row(services, sprint).parts[-1].evidence
    assert scoring.open_evidence(sprint.auditor, file.id)[1] == PDF
    for actor, refusal in ((stranger, NotFound), (sprint.auditor, Forbidden)):
        with pytest.raises(refusal):
            scoring.set_score(actor, criterion, WARD, a=1, b=1)
        with pytest.raises(refusal):
            scoring.withdraw_evidence(actor, file.id)
    with pytest.raises(NotFound):
        scoring.open_evidence(stranger, file.id)


def test_a_ward_sees_its_own_line_and_its_rank(services: Services, sprint: Sprint) -> None:
    """The rank is among all; the others' lines are not shown."""
    (mine,) = services.campaigns.scoring.table(sprint.officer, campaign_of(sprint))
    assert (mine.unit.code, mine.rank) == (WARD, 1)
    with pytest.raises(NotFound):
        services.campaigns.scoring.unit_score(sprint.officer, campaign_of(sprint), OTHER_WARD)


@pytest.mark.parametrize(
    ("a", "b"), [(None, 4), (3, None), (-1, 4), (5, 4), (0, 0), (1, 10**9 + 1)]
)
def test_a_share_that_is_none(
    services: Services, sprint: Sprint, a: int | None, b: int | None
) -> None:
    """a of b: two numbers, not negative, a no more than b."""
    criterion = typed(services, sprint)
    with pytest.raises(Invalid) as refused:
        services.campaigns.scoring.set_score(sprint.officer, criterion, WARD, a=a, b=b)
    assert refused.value.field == "a"


@pytest.mark.parametrize(
    ("spoilt", "field"),
    [
        ({"code": ""}, "code"),
        ({"code": "x" * 21}, "code"),
        ({"title": ""}, "title"),
        ({"most_points": 0}, "most_points"),
        ({"most_points": 1001}, "most_points"),
    ],
)
def test_a_criterion_that_cannot_be(
    services: Services, sprint: Sprint, spoilt: dict[str, Any], field: str
) -> None:
    """Each wrong value is named by its field."""
    with pytest.raises(Invalid) as refused:
        typed(services, sprint, **spoilt)
    assert refused.value.field == field


def test_the_table_is_edited(services: Services, sprint: Sprint) -> None:
    """A line of the same code replaces the old one and begins anew; one may be dropped."""
    scoring = services.campaigns.scoring
    first = typed(services, sprint)
    scoring.set_score(sprint.officer, first, WARD, a=1, b=2)
    second = typed(services, sprint, most_points=20)
    assert points(row(services, sprint))["TC9"] == 0
    with pytest.raises(NotFound):
        scoring.set_score(sprint.officer, first, WARD, a=1, b=2)
    scoring.set_score(sprint.officer, second, WARD, a=1, b=2)
    assert points(row(services, sprint))["TC9"] == 10
    scoring.end_criterion(sprint.admin, campaign_of(sprint), "TC9")
    assert "TC9" not in points(row(services, sprint))
    with pytest.raises(NotFound):
        scoring.end_criterion(sprint.admin, campaign_of(sprint), "TC9")
    with pytest.raises(Forbidden):
        scoring.end_criterion(sprint.officer, campaign_of(sprint), "TC1")
