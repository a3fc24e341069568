"""The demo's campaign: sixty days, some of them gone, with tasks, reasons, evidence, a reminder."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from io import BytesIO

from PIL import Image

from signer.accounts import SYSTEM, Actor
from signer.campaigns.kinds import LackCause, Measure, TaskState
from signer.inventory.bodies import Duty
from signer.reports.coverage import View
from signer.services import Services

GONE_DAYS = 24
_DAYS = 60
_NAME = "60 ngày đêm phủ chữ ký số cá nhân"
_TASKS: Sequence[tuple[str, int, TaskState, str, str]] = (
    (
        "Rà soát danh sách, thư điện tử công vụ của mọi cán bộ, công chức",
        -10,
        TaskState.DONE,
        "",
        "",
    ),
    (
        "Lập đề nghị cấp chữ ký số cho người còn thiếu",
        -2,
        TaskState.LATE,
        "Một số người chưa có thư điện tử công vụ.",
        "Đề nghị cấp thư điện tử công vụ trong tuần này, lập đề nghị ngay sau đó.",
    ),
    (
        "Tập huấn ký số cho lãnh đạo và bộ phận một cửa",
        6,
        TaskState.ADJUST,
        "Phòng họp đã kín lịch đến hết tháng.",
        "Xin tập huấn trực tuyến vào đầu tháng sau.",
    ),
    ("Đối chiếu người đã rời cơ quan với chứng thư còn hiệu lực", 12, TaskState.OPEN, "", ""),
)
_CAUSES = (LackCause.NO_EMAIL, LackCause.NEW_STAFF, LackCause.ID_MISMATCH, LackCause.LONG_LEAVE)


def make_sprint(rooms: Services, leader: Actor, clerk: Actor, offices: Mapping[str, str]) -> None:
    """A running campaign of the whole city; the offices have its tasks, the first one everything.

    `offices` names by its unit code the person of each who becomes the focal officer.
    """
    for number, (unit_code, person_code) in enumerate(offices.items(), start=11):
        rooms.inventory.bodies.name_officer(
            leader,
            unit_code,
            Duty.FOCAL,
            person_code=person_code,
            decision=f"{number}/QĐ-UBND",
        )
    first = next(iter(offices))
    today = rooms.clock.today()
    campaigns = rooms.campaigns
    made = campaigns.start(
        leader,
        name=_NAME,
        unit_code="HN",
        target_percent=100,
        starts_on=today - timedelta(days=GONE_DAYS),
        ends_on=today + timedelta(days=_DAYS - GONE_DAYS - 1),
    )
    campaign = campaigns.campaign_of(leader, made)
    for title, days, state, cause, fix in _TASKS:
        due_on = today + timedelta(days=days)
        tasks = campaigns.tasks.give(
            leader, campaign, unit_codes=offices, title=title, due_on=due_on
        )
        if state is not TaskState.OPEN:
            wished = due_on + timedelta(days=7) if state is TaskState.ADJUST else None
            campaigns.tasks.report(
                clerk, tasks[0], state, cause=cause, fix=fix, wished_due_on=wished
            )
    _score(rooms, leader, clerk, made, first)
    _explain(rooms, clerk, first)
    campaigns.remind(clerk, first, View.LACKS, "Đề nghị lập đề nghị cấp trong tuần này.")


def _score(rooms: Services, leader: Actor, clerk: Actor, campaign_id: int, office: str) -> None:
    scoring = rooms.campaigns.scoring
    criterion = scoring.add_criterion(
        leader,
        rooms.campaigns.campaign_of(leader, campaign_id),
        code="TC5",
        title="Văn bản đi được ký số trên tổng số văn bản đi",
        most_points=10,
        measure=Measure.TYPED,
        verifier_code="SNV",
    )
    page = BytesIO()
    Image.new("L", (420, 594), 255).save(page, "PNG")  # an empty sheet: the demo proves nothing
    scoring.set_score(
        clerk,
        criterion,
        office,
        a=412,
        b=480,
        note="Theo sổ văn bản đi.",
        file=("so-van-ban-di.png", page.getvalue()),
    )


def _explain(rooms: Services, clerk: Actor, office: str) -> None:
    """Half of those who lack a certificate in the office have a reason, an owner and a day."""
    lacking = list(rooms.reports.ids(SYSTEM, View.LACKS, unit_code=office))
    due_on = rooms.clock.today() + timedelta(days=10)
    shares: Mapping[LackCause, list[int]] = {
        cause: lacking[place::8] for place, cause in enumerate(_CAUSES)
    }
    for cause, people in shares.items():
        if people:
            rooms.campaigns.assign_reason(
                clerk, people, cause, owner="Văn phòng HĐND và UBND", due_on=due_on
            )
