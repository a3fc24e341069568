"""Reminders: one unit's word to another about a list of people, on the start page, not by mail."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, or_, select, update

from signer.accounts import Actor, Permission, in_subtree, visible
from signer.audit import Audit
from signer.campaigns.kinds import VIEW_WORDS
from signer.campaigns.models import SentReminder
from signer.clock import Clock
from signer.db import db, transaction
from signer.errors import N_, Invalid, NotFound
from signer.inventory.models import OrgUnit, UnitDuty
from signer.inventory.names import clean_text
from signer.inventory.service import Inventory
from signer.reports.coverage import View
from signer.reports.service import Reports

MESSAGE_LENGTH = 500
_LISTED = 50


@dataclass(frozen=True, kw_only=True)
class Reminder:
    """A reminder with the unit it went to; `persons` is how many it was about when it was sent."""

    id: int
    unit_code: str
    unit_name: str
    view: str
    persons: int
    message: str
    sender_name: str
    sent_at: datetime
    seen_by: str | None
    seen_at: datetime | None


class Reminding:
    """Sends reminders and shows them to whom they are for; the only writer of `reminder`."""

    def __init__(self, clock: Clock, audit: Audit, inventory: Inventory, reports: Reports) -> None:
        self._clock = clock
        self._audit = audit
        self._inventory = inventory
        self._reports = reports

    def remind(self, actor: Actor, unit_code: str, view: View, message: str) -> Reminder:
        """Those who look after the unit's certificates are reminded of its people in that view.

        `Forbidden` outside the units whose tasks the actor reports; `Invalid` when the view is
        empty there, or the message too long.
        """
        unit = self._inventory.unit_of(unit_code)
        actor.require(Permission.TASK_REPORT, unit.path)
        if view not in VIEW_WORDS:
            raise Invalid(N_("Không có gì để nhắc về danh sách này."), field="view")
        message = clean_text(message)
        if len(message) > MESSAGE_LENGTH:
            raise Invalid(
                N_("Nội dung dài quá %(limit)d ký tự."), field="message", limit=MESSAGE_LENGTH
            )
        persons = self._reports.count(actor, view, unit_code=unit_code)
        if not persons:
            raise Invalid(
                N_("%(unit)s không còn ai trong danh sách này, nên không cần nhắc."),
                unit=unit.name,
            )
        with transaction():
            sent = SentReminder(
                unit_id=unit.id,
                unit_path=unit.path,
                view=view,
                persons=persons,
                message=message,
                sent_by=actor.name,
                sender_name=actor.display_name,
                sent_at=self._clock.now(),
            )
            db.session.add(sent)
            db.session.flush()
            self._audit.record(
                actor.name, "reminder.sent", f"unit:{unit.code}", view=view, persons=persons
            )
        return self._one(sent.id)

    def unseen(self, actor: Actor) -> list[Reminder]:
        """What nobody has acknowledged yet and is for this actor, the newest first.

        A reminder is for who files requests for the unit by a role over it or a unit above it,
        though not over the whole city, and for its focal officer and deputy.
        """
        mine = self._for(actor)
        if mine is None:
            return []
        unseen = _listed().where(SentReminder.seen_at.is_(None), mine)
        return [_told(row) for row in db.session.execute(unseen)]

    def listed(self, actor: Actor) -> list[Reminder]:
        """The newest reminders of the units whose reports the actor sees, and who saw them."""
        statement = visible(actor, Permission.REPORT_VIEW, _listed(), _path())
        return [_told(row) for row in db.session.execute(statement)]

    def acknowledge(self, actor: Actor, reminder_id: int) -> None:
        """The reminder was seen by this actor, for whom it is; again: nothing happens."""
        mine = self._for(actor)
        found = None
        if mine is not None:
            found = db.session.execute(
                _listed().where(SentReminder.id == reminder_id, mine)
            ).one_or_none()
        if found is None:
            raise NotFound(N_("Không có lời nhắc này."))
        with transaction():
            done: Any = db.session.execute(
                update(SentReminder)
                .where(SentReminder.id == reminder_id, SentReminder.seen_at.is_(None))
                .values(seen_by=actor.name, seen_at=self._clock.now())
            )
            if done.rowcount:
                self._audit.record(actor.name, "reminder.seen", f"reminder:{reminder_id}")

    def _for(self, actor: Actor) -> Any:  # SQLAlchemy's ColumnElement[bool], or None
        scopes = [path for path in actor.scopes(Permission.REQUEST_CREATE) if path]
        ways = [in_subtree(_path(), path) for path in scopes]
        person = self._inventory.person_of_account(actor.account_id)
        if person is not None:
            today = self._clock.today()
            on_duty = select(UnitDuty.unit_id).where(
                UnitDuty.person_id == person.id,
                UnitDuty.valid_from <= today,
                or_(UnitDuty.valid_to.is_(None), UnitDuty.valid_to >= today),
            )
            ways.append(SentReminder.unit_id.in_(on_duty))
        return or_(*ways) if ways else None

    def _one(self, reminder_id: int) -> Reminder:
        return _told(db.session.execute(_listed().where(SentReminder.id == reminder_id)).one())


def _listed() -> Select[SentReminder, str, str]:
    return (
        select(SentReminder, OrgUnit.code, OrgUnit.name)
        .join(OrgUnit, OrgUnit.id == SentReminder.unit_id)
        .order_by(SentReminder.id.desc())
        .limit(_LISTED)
    )


def _told(row: Any) -> Reminder:  # a row of `_listed`
    sent, code, name = row
    return Reminder(
        id=sent.id,
        unit_code=code,
        unit_name=name,
        view=sent.view,
        persons=sent.persons,
        message=sent.message,
        sender_name=sent.sender_name,
        sent_at=sent.sent_at,
        seen_by=sent.seen_by,
        seen_at=sent.seen_at,
    )


def _path() -> Any:  # a column of the mapped class
    return SentReminder.unit_path
