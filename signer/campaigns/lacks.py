"""Why people still lack a certificate: said for one or for many, over by itself once covered."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import exists, func, insert, select

from signer.accounts import Actor, Permission, in_subtree, visible
from signer.audit import Audit
from signer.campaigns.kinds import LackCause, text_within
from signer.campaigns.models import LackReason
from signer.clock import Clock
from signer.db import Changes, among, db, set_rows, told, transaction
from signer.errors import N_, Invalid, NotFound
from signer.inventory.models import Person
from signer.inventory.storage import in_chunks
from signer.reports.coverage import Standing
from signer.reports.facts import certified
from signer.reports.models import StandingNow

_AT_ONCE = 500
"""Persons of one audit event."""
_PATH: Any = Person.unit_path  # columns of mapped classes
_PERSON: Any = LackReason.person_id
_LACKS = StandingNow.standing.in_((Standing.LACKING, Standing.PENDING))
"""SQL: counted today, without a certificate that counts."""


class Lacks:
    """Keeps the reasons; the only writer of `lack_reason`."""

    def __init__(self, clock: Clock, audit: Audit) -> None:
        self._clock = clock
        self._audit = audit

    def assign(
        self,
        actor: Actor,
        person_ids: Iterable[int],
        reason: LackCause,
        *,
        note: str = "",
        owner: str = "",
        due_on: date | None = None,
    ) -> int:
        """The number of these persons for whom this reason now holds, instead of any before.

        Who is covered or not counted by now needs no reason and is left out. `NotFound`, and
        nobody gets one, when somebody is outside the units whose tasks the actor reports;
        `Invalid` for "another reason" without a note, and for a day that is over.
        """
        note, owner = text_within(note, "note", 500), text_within(owner, "owner", 200)
        if reason is LackCause.OTHER and not note:
            raise Invalid(N_("Hãy ghi rõ nguyên nhân khác là gì."), field="note")
        if due_on is not None and due_on < self._clock.today():
            raise Invalid(N_("Hạn giải quyết phải từ hôm nay trở đi."), field="due_on")
        ids = sorted(set(person_ids))
        if not ids:
            raise Invalid(N_("Hãy chọn ít nhất một người."), field="person")
        said = {"cause": reason.value, "note": note, "owner": owner, "due_on": due_on}
        now, given = self._clock.now(), 0
        with transaction():
            # Takes the chain's lock: who is being certified just now, or given another reason, is
            # waited for before anybody looks who is lacking.
            self._audit.record_many(actor.name, [])
            for chunk in in_chunks(ids, _AT_ONCE):
                codes = _own(actor, chunk)
                counted = select(StandingNow.person_id).where(among(StandingNow.person_id), _LACKS)
                lacking = db.session.scalars(counted, told(chunk)).all()
                if not lacking:
                    continue
                self._end(lacking)
                db.session.execute(
                    insert(LackReason),
                    [said | {"person_id": i, "set_by": actor.name, "set_at": now} for i in lacking],
                )
                given += len(lacking)
                named = [codes[i] for i in lacking]
                self._audit.record(
                    actor.name,
                    "lack.reason_given",
                    f"person:{named[0]}" if len(named) == 1 else "lack:several",
                    persons=named,
                    reason=reason,
                    due_on=due_on.isoformat() if due_on else None,
                )
        return given

    def follow(self, changes: Changes) -> None:
        """The reasons of whoever is covered, or counted no more, are over in the same commit.

        Runs after `Reports.follow`, which says where people stand.
        """
        people = changes.get("person", frozenset())
        if certificates := changes.get("certificate"):
            people |= certified(certificates)
        if not people:
            return
        lacks = exists().where(StandingNow.person_id == _PERSON, _LACKS)
        over = select(_PERSON).where(among(_PERSON), LackReason.ended_at.is_(None), ~lacks)
        if ids := db.session.scalars(over, told(people)).all():
            self._end(ids)

    def of(self, person_ids: Iterable[int]) -> Mapping[int, LackReason]:
        """The reason that holds now for each of these persons who has one.

        The caller has found the persons in a list that the actor may see.
        """
        holding = select(LackReason).where(LackReason.ended_at.is_(None), among(_PERSON))
        return {one.person_id: one for one in db.session.scalars(holding, told(person_ids))}

    def counts(self, unit_path: str) -> tuple[Mapping[LackCause, int], int]:
        """How many of a subtree lack a certificate for which reason, the most first; and how
        many of these were to be settled by a day that is over."""
        overdue = func.count().filter(LackReason.due_on < self._clock.today())
        here = (
            select(LackReason.cause, func.count(), overdue)
            .join(Person, Person.id == LackReason.person_id)
            .where(LackReason.ended_at.is_(None), in_subtree(_PATH, unit_path))
            .group_by(LackReason.cause)
            .order_by(func.count().desc(), LackReason.cause)
        )
        rows = db.session.execute(here).all()
        return {LackCause(cause): n for cause, n, _ in rows}, sum(late for _, _, late in rows)

    def _end(self, person_ids: Sequence[int]) -> None:
        set_rows(
            LackReason,
            LackReason.person_id.in_(person_ids),
            LackReason.ended_at.is_(None),
            ended_at=self._clock.now(),
        )


def _own(actor: Actor, person_ids: Sequence[int]) -> Mapping[int, str]:
    """The codes of these persons; `NotFound` unless the actor reports for all their units."""
    statement = select(Person.id, Person.code).where(Person.id.in_(person_ids))
    found = db.session.execute(visible(actor, Permission.TASK_REPORT, statement, _PATH)).all()
    if len(found) < len(person_ids):
        raise NotFound(N_("Có người không thuộc đơn vị mà bạn được báo cáo."))
    return {row.id: row.code for row in found}
