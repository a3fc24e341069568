"""Sprints toward full coverage: boards, tasks, scores with their evidence, reasons, reminders."""

from datetime import date
from typing import Any

import marshmallow as ma
from flask import Response
from marshmallow import fields
from werkzeug.datastructures import FileStorage

from signer.accounts import Permission
from signer.api.access import SIGNED_IN, actor, needs
from signer.api.operations import File, Operations, Schema
from signer.api.uploads import saved
from signer.campaigns.boards import Board
from signer.campaigns.kinds import VIEW_WORDS, LackCause, TaskState
from signer.campaigns.models import Campaign
from signer.campaigns.reminding import Reminder
from signer.campaigns.score_table import UnitScore
from signer.campaigns.tasks import Task
from signer.reports.coverage import View
from signer.services import services

campaigns = Operations("campaigns", "Sprints: targets, boards, tasks, scores, reminders")


class CampaignAnswer(Schema):
    """A sprint of a unit's subtree."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    target_percent = fields.Integer(required=True)
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True)
    closed_at = fields.DateTime(required=True, allow_none=True)


class CampaignBody(Schema):
    """What a new campaign needs; the usual scoring table comes with it."""

    name = fields.String(required=True)
    unit = fields.String(required=True)
    target_percent = fields.Integer(required=True, validate=ma.validate.Range(1, 100))
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True)


class Made(Schema):
    """The id of what was made."""

    id = fields.Integer(required=True)


class BoardLineAnswer(Schema):
    """A unit on the board; `behind` and `closed` are persons."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    persons = fields.Integer(attribute="figures.persons", required=True)
    covered = fields.Integer(attribute="figures.covered", required=True)
    pending = fields.Integer(attribute="figures.pending", required=True)
    gap = fields.Integer(attribute="figures.gap", required=True)
    closed = fields.Integer(required=True)
    behind = fields.Integer(required=True)
    ends_on = fields.Date(required=True, allow_none=True)
    is_done = fields.Boolean(required=True)
    is_quick = fields.Boolean(required=True)
    heads = fields.List(fields.String(), required=True)
    late_tasks = fields.Integer(required=True)


class BoardQuery(Schema):
    """Whose board; left out: the caller's own unit's."""

    unit = fields.String()


class BoardAnswer(Schema):
    """The sprint as a unit sees it; the units come with the smallest gap first."""

    unit = fields.String(attribute="unit_code", required=True)
    day = fields.Date(required=True)
    days_left = fields.Integer(required=True)
    persons = fields.Integer(attribute="figures.persons", required=True)
    covered = fields.Integer(attribute="figures.covered", required=True)
    gap = fields.Integer(attribute="figures.gap", required=True)
    behind = fields.Integer(required=True)
    per_day = fields.Float(required=True)
    needed_per_day = fields.Float(required=True, allow_none=True)
    ends_on = fields.Date(required=True, allow_none=True)
    points = fields.Function(
        lambda board: {day.isoformat(): gap for day, gap in board.points},
        required=True,
        metadata={"description": "The gap at the end of each day so far", "type": "object"},
    )
    units = fields.List(fields.Nested(BoardLineAnswer), attribute="lines", required=True)


class TaskAnswer(Schema):
    """A task as its unit last reported it."""

    id = fields.Integer(required=True)
    unit = fields.String(attribute="unit_code", required=True)
    title = fields.String(required=True)
    due_on = fields.Date(required=True)
    state = fields.String(required=True)
    cause = fields.String(required=True)
    fix = fields.String(required=True)
    wished_due_on = fields.Date(required=True, allow_none=True)
    days_late = fields.Integer(required=True)


class TaskBody(Schema):
    """One task for each of the units."""

    units = fields.List(fields.String(), required=True, validate=ma.validate.Length(1, 500))
    title = fields.String(required=True)
    due_on = fields.Date(required=True)


class ReportBody(Schema):
    """How a task stands; what is late or to be adjusted needs a cause and a proposed fix."""

    state = fields.Enum(TaskState, by_value=True, required=True)
    cause = fields.String(load_default="")
    fix = fields.String(load_default="")
    wished_due_on = fields.Date(load_default=None)


class DueBody(Schema):
    """The day that was decided."""

    due_on = fields.Date(required=True)


class PartAnswer(Schema):
    """One criterion of one unit; no points where it does not apply."""

    id = fields.Integer(attribute="criterion.id", required=True)
    code = fields.String(attribute="criterion.code", required=True)
    most_points = fields.Integer(attribute="criterion.most_points", required=True)
    a = fields.Integer(required=True, allow_none=True)
    b = fields.Integer(required=True, allow_none=True)
    points = fields.Float(required=True, allow_none=True)
    verified_by = fields.String(required=True, allow_none=True)


class ScoreAnswer(Schema):
    """One unit's line; `climbed` counts places won in a week."""

    unit = fields.String(attribute="code", required=True)
    name = fields.String(required=True)
    rank = fields.Integer(required=True)
    climbed = fields.Integer(required=True)
    points = fields.Float(required=True)
    most_points = fields.Integer(required=True)
    parts = fields.List(fields.Nested(PartAnswer), required=True)


class ScoreBody(Schema):
    """a of b, for a criterion that is typed by hand."""

    unit = fields.String(required=True)
    a = fields.Integer(load_default=None)
    b = fields.Integer(load_default=None)
    note = fields.String(load_default="")


class EvidenceForm(Schema):
    """A file that bears a score out."""

    unit = fields.String(required=True)
    file = File(required=True)


class LackBody(Schema):
    """Why these people lack a certificate, who sees to it, and by when."""

    persons = fields.List(fields.String(), required=True, validate=ma.validate.Length(1, 500))
    reason = fields.Enum(LackCause, by_value=True, required=True)
    note = fields.String(load_default="")
    owner = fields.String(load_default="")
    due_on = fields.Date(load_default=None)


class Given(Schema):
    """How many people have the reason now."""

    persons = fields.Integer(required=True)


class ReminderBody(Schema):
    """A word to those who look after the unit's certificates."""

    unit = fields.String(required=True)
    view = fields.String(required=True, validate=ma.validate.OneOf(list(VIEW_WORDS)))
    message = fields.String(load_default="")


class ReminderAnswer(Schema):
    """A reminder, and who has seen it."""

    id = fields.Integer(required=True)
    unit = fields.String(attribute="unit_code", required=True)
    view = fields.String(required=True)
    persons = fields.Integer(required=True)
    message = fields.String(required=True)
    sender_name = fields.String(required=True)
    sent_at = fields.DateTime(required=True)
    seen_by = fields.String(required=True, allow_none=True)
    seen_at = fields.DateTime(required=True, allow_none=True)


@campaigns.get("/campaigns", access=needs(Permission.REPORT_VIEW), answer=CampaignAnswer(many=True))
def list_campaigns() -> list[Campaign]:
    """The sprints that concern the caller's units, the running first."""
    return services().campaigns.campaigns(actor())


@campaigns.post(
    "/campaigns",
    access=needs(Permission.CAMPAIGN_MANAGE),
    body=CampaignBody,
    answer=Made(),
    status=201,
)
def start_campaign(unit: str, **values: Any) -> dict[str, int]:
    """Start a sprint over a unit and everything below it."""
    return {"id": services().campaigns.start(actor(), unit_code=unit, **values)}


@campaigns.get(
    "/campaigns/<id:campaign_id>/board",
    access=needs(Permission.REPORT_VIEW),
    query=BoardQuery,
    answer=BoardAnswer(),
)
def get_board(campaign_id: int, unit: str | None = None) -> Board:
    """How far, how fast, who is behind, and where little is left to do."""
    return services().campaigns.board(actor(), campaign_id, unit_code=unit)


@campaigns.get(
    "/campaigns/<id:campaign_id>/tasks",
    access=needs(Permission.REPORT_VIEW),
    answer=TaskAnswer(many=True),
)
def list_tasks(campaign_id: int) -> list[Task]:
    """The tasks of the caller's units, the next due first."""
    services().campaigns.campaign_of(actor(), campaign_id)
    return services().campaigns.tasks.listed(actor(), campaign_id)


@campaigns.post(
    "/campaigns/<id:campaign_id>/tasks",
    access=needs(Permission.CAMPAIGN_MANAGE),
    body=TaskBody,
    answer=Made(many=True),
    status=201,
)
def give_tasks(
    campaign_id: int, units: list[str], title: str, due_on: date
) -> list[dict[str, int]]:
    """Give a task to each of the units."""
    campaign = services().campaigns.campaign_of(actor(), campaign_id)
    made = services().campaigns.tasks.give(
        actor(), campaign, unit_codes=units, title=title, due_on=due_on
    )
    return [{"id": task_id} for task_id in made]


@campaigns.post(
    "/tasks/<id:task_id>/reports",
    access=needs(Permission.TASK_REPORT),
    body=ReportBody,
    answer=TaskAnswer(),
)
def report_task(task_id: int, **said: Any) -> Task:
    """Say how a task of the own units stands."""
    services().campaigns.tasks.report(actor(), task_id, **said)
    return services().campaigns.tasks.task_of(actor(), task_id)


@campaigns.post(
    "/tasks/<id:task_id>/due",
    access=needs(Permission.CAMPAIGN_MANAGE),
    body=DueBody,
    answer=TaskAnswer(),
)
def move_task(task_id: int, due_on: date) -> Task:
    """Decide on another day for a task."""
    services().campaigns.tasks.move(actor(), task_id, due_on)
    return services().campaigns.tasks.task_of(actor(), task_id)


@campaigns.get(
    "/campaigns/<id:campaign_id>/scores",
    access=needs(Permission.REPORT_VIEW),
    answer=ScoreAnswer(many=True),
)
def list_scores(campaign_id: int) -> list[UnitScore]:
    """The scoring table, the best first; criteria that are typed by hand take scores by id."""
    campaign = services().campaigns.campaign_of(actor(), campaign_id)
    return list(services().campaigns.scoring.table(actor(), campaign))


@campaigns.post(
    "/criteria/<id:criterion_id>/scores", access=needs(Permission.TASK_REPORT), body=ScoreBody,
    status=204,
)  # fmt: skip
def set_score(criterion_id: int, unit: str, a: int | None, b: int | None, note: str) -> None:
    """Say what a unit has in a criterion; a word of the verifying unit is taken back."""
    services().campaigns.scoring.set_score(actor(), criterion_id, unit, a=a, b=b, note=note)


@campaigns.post(
    "/criteria/<id:criterion_id>/evidence",
    access=needs(Permission.TASK_REPORT),
    upload=EvidenceForm,
    answer=Made(),
    status=201,
)
def add_evidence(criterion_id: int, unit: str, file: FileStorage) -> dict[str, int]:
    """Put a file beside a score: PDF, PNG, JPEG, DOCX or XLSX without macros, up to 20 MB."""
    with saved([file], "file") as [(name, path)]:
        content = path.read_bytes()
    made = services().campaigns.scoring.add_evidence(
        actor(), criterion_id, unit, file_name=name, content=content
    )
    return {"id": made}


@campaigns.get(
    "/evidence/<id:evidence_id>",
    access=needs(Permission.REPORT_VIEW),
    content_type="application/octet-stream",
)
def get_evidence(evidence_id: int) -> Response:
    """The file."""
    found, content = services().campaigns.scoring.open_evidence(actor(), evidence_id)
    answer = Response(content, mimetype=found.media_type)
    answer.headers.set("Content-Disposition", "attachment", filename=found.file_name)
    return answer


@campaigns.post(
    "/lack-reasons", access=needs(Permission.TASK_REPORT), body=LackBody, answer=Given()
)
def give_reason(persons: list[str], **said: Any) -> dict[str, int]:
    """Say why people lack a certificate; it ends by itself once they have one."""
    known = services().inventory.people_by_codes(
        actor(), persons, permission=Permission.TASK_REPORT
    )
    ids = [person.id for person in known.values()]
    return {"persons": services().campaigns.assign_reason(actor(), ids, **said)}


@campaigns.get("/reminders", access=needs(Permission.REPORT_VIEW), answer=ReminderAnswer(many=True))
def list_reminders() -> list[Reminder]:
    """The newest reminders of the caller's units."""
    return services().campaigns.reminding.listed(actor())


@campaigns.post(
    "/reminders",
    access=needs(Permission.TASK_REPORT),
    body=ReminderBody,
    answer=ReminderAnswer(),
    status=201,
)
def send_reminder(unit: str, view: str, message: str) -> Reminder:
    """Remind those who look after a unit's certificates; no mail is sent."""
    return services().campaigns.remind(actor(), unit, View(view), message)


@campaigns.post("/reminders/<id:reminder_id>/seen", access=SIGNED_IN, status=204)
def acknowledge_reminder(reminder_id: int) -> None:
    """Say that a reminder was seen by whom it was for."""
    services().campaigns.reminding.acknowledge(actor(), reminder_id)
