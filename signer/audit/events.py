"""The record nobody can rewrite unseen: every change of state, hash-chained, in its transaction."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select

from signer.audit.models import AuditEvent
from signer.clock import Clock
from signer.db import Base, advisory_lock, canonical_json, db, in_transaction, transaction
from signer.errors import N_, Conflict

GENESIS = "0" * 64
# The table, not the class: the ORM's part of a bulk insert costs as much as the insert.
_EVENTS = Base.metadata.tables[AuditEvent.__tablename__]
_LOCK = 0x51A0D17  # any fixed number: the chain's place among PostgreSQL's advisory locks


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One event to be recorded: what was done to which thing, with JSON details."""

    action: str
    subject: str
    details: dict[str, object]


class Audit:
    """Appends events inside the caller's transaction; if the record fails, so does the act."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def record(self, actor: str, action: str, subject: str, **details: object) -> None:
        """Adds one event to the open transaction.

        `actor` is an account name or `system`; `subject` is `kind:key`, such as
        `person:HN000001`; details are JSON values and never secrets or ID numbers.
        """
        self.record_many(actor, [Happening(action=action, subject=subject, details=details)])

    def record_many(self, actor: str, happenings: Sequence[Happening]) -> None:
        """Adds the events in their order; the chain's head is read once."""
        if not in_transaction():
            raise RuntimeError("an audit event belongs to the transaction of its change")
        advisory_lock(_LOCK)
        db.session.flush()  # earlier events of this same transaction come first
        last = db.session.execute(
            select(AuditEvent.seq, AuditEvent.hash).order_by(AuditEvent.seq.desc()).limit(1)
        ).first()
        seq, head = (last.seq, last.hash) if last else (0, GENESIS)
        at = self._clock.now()
        rows: list[dict[str, object]] = []
        for happening in happenings:
            seq += 1
            details = canonical_json(happening.details)
            digest = event_hash(head, seq, at, actor, happening.action, happening.subject, details)
            rows.append(
                {
                    "seq": seq,
                    "at": at,
                    "actor": actor,
                    "action": happening.action,
                    "subject": happening.subject,
                    "details": details,
                    "previous_hash": head,
                    "hash": digest,
                }
            )
            head = digest
        if rows:
            db.session.execute(insert(_EVENTS), rows)

    def exported(
        self, actor: str, listed: str, *, rows: int, filters: Mapping[str, str], file: str
    ) -> None:
        """It is on record who takes so many rows of a list away; a transaction of its own.

        Whoever keeps personal data must be able to say who has them (Law 91/2025/QH15).
        """
        subject = f"list:{listed}"
        self.alone(actor, "list.exported", subject, rows=rows, filters=dict(filters), file=file)

    def alone(self, actor: str, action: str, subject: str, **details: object) -> None:
        """The event is on record, in a transaction of its own."""
        with transaction():
            self.record(actor, action, subject, **details)

    def events(
        self, *, subject: str | None = None, before: int | None = None, limit: int = 50
    ) -> list[AuditEvent]:
        """The newest events first; `before` is the last `seq` of the page above."""
        statement = select(AuditEvent).order_by(AuditEvent.seq.desc()).limit(limit)
        if subject is not None:
            statement = statement.where(AuditEvent.subject == subject)
        if before is not None:
            statement = statement.where(AuditEvent.seq < before)
        return list(db.session.scalars(statement))

    def verify(self) -> int:
        """The number of events, all of them found in order and unchanged.

        Raises `Conflict` that names the first event that is missing, moved or altered.
        """
        seq, head = 0, GENESIS
        statement = select(AuditEvent).order_by(AuditEvent.seq)
        found = db.session.scalars(statement.execution_options(yield_per=1000))
        with closing(found) as rows:  # PostgreSQL's cursor too, when a broken link ends it early
            for row in rows:
                expected = event_hash(
                    head, seq + 1, row.at, row.actor, row.action, row.subject, row.details
                )
                if row.seq != seq + 1 or row.previous_hash != head or row.hash != expected:
                    raise Conflict(
                        N_("Nhật ký không còn nguyên vẹn từ sự kiện số %(seq)d."), seq=seq + 1
                    )
                seq, head = row.seq, row.hash
        return seq

    def count(self) -> int:
        """How many events there are."""
        return db.session.scalar(select(func.count()).select_from(AuditEvent)) or 0


def event_hash(
    previous: str, seq: int, at: datetime, actor: str, action: str, subject: str, details: str
) -> str:
    """SHA-256, in hex, over the canonical JSON of the event and the hash before it."""
    text = canonical_json(
        {
            "previous": previous,
            "seq": seq,
            "at": at.isoformat(timespec="microseconds"),
            "actor": actor,
            "action": action,
            "subject": subject,
            "details": details,
        }
    )
    return hashlib.sha256(text.encode()).hexdigest()
