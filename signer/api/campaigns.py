"""Sprints toward full coverage: boards, reasons, reminders; tasks and scores are for people."""

from typing import Any

import marshmallow as ma
from marshmallow import fields

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.operations import Operations, Schema
from signer.campaigns.boards import Board
from signer.campaigns.kinds import VIEW_WORDS, LackCause
from signer.campaigns.models import Campaign, SentReminder
from signer.reports.coverage import View
from signer.services import services

campaigns = Operations("campaigns", "Sprints: targets, boards, reasons, reminders")


class CampaignAnswer(Schema):
    """A sprint of a unit's subtree."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    target_percent = fields.Integer(required=True)
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True)
    closed_at = fields.DateTime(required=True, allow_none=True)


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

    unit = fields.String(attribute="unit.code", required=True)
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


class LackBody(Schema):
    """Why these people lack a certificate, who sees to it, and by when."""

    persons = fields.List(fields.String(), required=True, validate=ma.validate.Length(1, 500))
    reason = fields.Enum(LackCause, by_value=True, required=True)
    note = fields.String(load_default="")
    owner = fields.String(load_default="")
    due_on = fields.Date(load_default=None)


class Given(Schema):
    """How many people have the reason now, or the reminder is about."""

    persons = fields.Integer(required=True)


class ReminderBody(Schema):
    """A word to those who look after the unit's certificates."""

    unit = fields.String(required=True)
    view = fields.String(required=True, validate=ma.validate.OneOf(list(VIEW_WORDS)))
    message = fields.String(load_default="")


@campaigns.get("/campaigns", Permission.REPORT_VIEW, answer=CampaignAnswer(many=True))
def list_campaigns() -> list[Campaign]:
    """The sprints that concern the caller's units, the running first."""
    return services().campaigns.campaigns(actor())


@campaigns.get(
    "/campaigns/<id:campaign_id>/board",
    Permission.REPORT_VIEW,
    query=BoardQuery,
    answer=BoardAnswer(),
)
def get_board(campaign_id: int, unit: str | None = None) -> Board:
    """How far, how fast, who is behind, and where little is left to do."""
    return services().campaigns.board(actor(), campaign_id, unit_code=unit)


@campaigns.post("/lack-reasons", Permission.TASK_REPORT, body=LackBody, answer=Given())
def give_reason(persons: list[str], **said: Any) -> dict[str, int]:
    """Say why people lack a certificate; it ends by itself once they have one."""
    known = services().inventory.people_by_codes(
        actor(), persons, permission=Permission.TASK_REPORT
    )
    ids = [person.id for person in known.values()]
    return {"persons": services().campaigns.assign_reason(actor(), ids, **said)}


@campaigns.post("/reminders", Permission.TASK_REPORT, body=ReminderBody, answer=Given())
def send_reminder(unit: str, view: str, message: str) -> SentReminder:
    """Remind those who look after a unit's certificates; no mail is sent."""
    return services().campaigns.remind(actor(), unit, View(view), message)
