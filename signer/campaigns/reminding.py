"""Reminders: one unit's word to another about a list of people, on the start page, not by mail."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import false, or_, select

from signer.accounts import Actor, Permission, in_subtree, visible
from signer.audit import Audit
from signer.campaigns.kinds import VIEW_WORDS, text_within
from signer.campaigns.models import SentReminder
from signer.clock import Clock
from signer.db import db, transaction
from signer.errors import N_, Invalid, NotFound
from signer.inventory.models import UnitDuty
from signer.inventory.service import Inventory
from signer.reports.coverage import View
from signer.reports.service import Reports

_NEWEST = select(SentReminder).order_by(SentReminder.id.desc()).limit(50)
_PATH: Any = SentReminder.unit_path  # a column of the mapped class


class Reminding:
    """Sends reminders and shows them to whom they are for; the only writer of `reminder`."""

    def __init__(self, clock: Clock, audit: Audit, inventory: Inventory, reports: Reports) -> None:
        self._clock = clock
        self._audit = audit
        self._inventory = inventory
        self._reports = reports

    def remind(self, actor: Actor, unit_code: str, view: View, message: str) -> SentReminder:
        """Those who look after the unit's certificates are reminded of its people in that view.

        `Forbidden` outside the units whose tasks the actor reports; `Invalid` when the view is
        empty there, or the message too long.
        """
        unit = self._inventory.unit_of(unit_code)
        actor.require(Permission.TASK_REPORT, unit.path)
        if view not in VIEW_WORDS:
            raise Invalid(N_("Không có gì để nhắc về danh sách này."), field="view")
        message = text_within(message, "message", 500)
        persons = self._reports.count(actor, view, unit_code=unit_code)
        if not persons:
            raise Invalid(
                N_("%(unit)s không còn ai trong danh sách này, nên không cần nhắc."),
                unit=unit.name,
            )
        with transaction():
            sent = SentReminder(
                unit=unit,
                unit_path=unit.path,
                view=view,
                persons=persons,
                message=message,
                sent_by=actor.name,
                sender_name=actor.display_name,
                sent_at=self._clock.now(),
            )
            db.session.add(sent)
            self._audit.record(
                actor.name, "reminder.sent", f"unit:{unit.code}", view=view, persons=persons
            )
        return sent

    def unseen(self, actor: Actor) -> Sequence[SentReminder]:
        """What nobody has acknowledged yet and is for this actor, the newest first.

        A reminder is for who files requests for the unit by a role over it or a unit above it,
        though not over the whole city, and for its focal officer and deputy.
        """
        waiting = _NEWEST.where(SentReminder.seen_at.is_(None), self._is_for(actor))
        return db.session.scalars(waiting).all()

    def listed(self, actor: Actor) -> Sequence[SentReminder]:
        """The newest reminders of the units whose reports the actor sees, and who saw them."""
        return db.session.scalars(visible(actor, Permission.REPORT_VIEW, _NEWEST, _PATH)).all()

    def acknowledge(self, actor: Actor, reminder_id: int) -> None:
        """The reminder was seen by this actor, for whom it is; again: nothing happens."""
        mine = select(SentReminder).where(SentReminder.id == reminder_id, self._is_for(actor))
        with transaction():
            found = db.session.scalar(mine.with_for_update(of=SentReminder))
            if found is None:
                raise NotFound(N_("Không có lời nhắc này."))
            if found.seen_at is None:
                found.seen_by, found.seen_at = actor.name, self._clock.now()
                self._audit.record(actor.name, "reminder.seen", f"reminder:{reminder_id}")

    def _is_for(self, actor: Actor) -> Any:  # SQLAlchemy's ColumnElement[bool]
        scopes = [path for path in actor.scopes(Permission.REQUEST_CREATE) if path]
        ways = [in_subtree(_PATH, path) for path in scopes]
        person = self._inventory.person_of_account(actor.account_id)
        if person is not None:
            today = self._clock.today()
            on_duty = select(UnitDuty.unit_id).where(
                UnitDuty.person_id == person.id,
                UnitDuty.valid_from <= today,
                or_(UnitDuty.valid_to.is_(None), UnitDuty.valid_to >= today),
            )
            ways.append(SentReminder.unit_id.in_(on_duty))
        return or_(false(), *ways)
