"""The demo's campaign: sixty days, some of them gone, with tasks, reasons, evidence, a reminder."""

from collections.abc import Mapping
from datetime import timedelta
from io import BytesIO

from PIL import Image

from signer.accounts import SYSTEM, Actor
from signer.campaigns.kinds import LackCause, Measure, TaskState
from signer.campaigns.models import Campaign
from signer.campaigns.scoring import Scoring
from signer.cli.demo.people import INVENTED
from signer.inventory.bodies import Duty
from signer.reports.coverage import View
from signer.services import Services

_GONE_DAYS, _DAYS = 24, 60
_CAUSES = (LackCause.NO_EMAIL, LackCause.NEW_STAFF, LackCause.ID_MISMATCH, LackCause.LONG_LEAVE)


def make_sprint(rooms: Services, leader: Actor, clerk: Actor, offices: Mapping[str, str]) -> None:
    """A running campaign of the whole city; the offices have its tasks, the first one everything.

    `offices` names by its unit code the person of each who becomes the focal officer.
    """
    bodies, campaigns, today = rooms.inventory.bodies, rooms.campaigns, rooms.clock.today()
    for number, (unit_code, person_code) in enumerate(offices.items(), start=11):
        decision = f"{number}/QĐ-UBND"
        bodies.name_officer(
            leader, unit_code, Duty.FOCAL, person_code=person_code, decision=decision
        )
    campaign_id = campaigns.start(
        leader,
        name="60 ngày đêm phủ chữ ký số cá nhân",
        unit_code="HN",
        target_percent=100,
        starts_on=today - timedelta(days=_GONE_DAYS),
        ends_on=today + timedelta(days=_DAYS - _GONE_DAYS - 1),
    )
    campaign, tasks = campaigns.campaign_of(leader, campaign_id), campaigns.tasks
    for title, days, told, cause, fix in INVENTED["tasks"]:
        state = TaskState(told)
        due_on = today + timedelta(days=days)
        task_id, *_others = tasks.give(
            leader, campaign, unit_codes=offices, title=title, due_on=due_on
        )
        if state is not TaskState.OPEN:
            wish = due_on + timedelta(days=7) if state is TaskState.ADJUST else None
            tasks.report(clerk, task_id, state, cause=cause, fix=fix, wished_due_on=wish)
    first = next(iter(offices))
    _score(campaigns.scoring, campaigns.campaign_of(leader, campaign_id), leader, clerk, first)
    lacking = list(rooms.reports.ids(SYSTEM, View.LACKS, unit_code=first))
    due_on = today + timedelta(days=10)
    for place, lack in enumerate(_CAUSES):  # half of them have a reason, an owner and a day
        if people := lacking[place::8]:
            owner = "Văn phòng HĐND và UBND"
            campaigns.assign_reason(clerk, people, lack, owner=owner, due_on=due_on)
    campaigns.remind(clerk, first, View.LACKS, "Đề nghị lập đề nghị cấp trong tuần này.")


def _score(scoring: Scoring, campaign: Campaign, leader: Actor, clerk: Actor, office: str) -> None:
    criterion = scoring.add_criterion(
        leader,
        campaign,
        code="TC5",
        title="Văn bản đi được ký số trên tổng số văn bản đi",
        most_points=10,
        measure=Measure.TYPED,
        verifier_code="SNV",
    )
    page = BytesIO()
    Image.new("L", (420, 594), 255).save(page, "PNG")  # an empty sheet: the demo proves nothing
    evidence = ("so-van-ban-di.png", page.getvalue())
    note = "Theo sổ văn bản đi."
    scoring.set_score(clerk, criterion, office, a=412, b=480, note=note, file=evidence)
