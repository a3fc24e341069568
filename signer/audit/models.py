"""The audit table: append-only, each event bound to the one before by its hash."""

from datetime import datetime

from sqlalchemy import DDL, BigInteger, Integer, String, Text, event
from sqlalchemy.orm import Mapped, mapped_column

from signer.db import Base, UTCDateTime


class AuditEvent(Base):
    """One change of state: who did what to what, when, and the hash that chains it."""

    __tablename__ = "audit_event"

    seq: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    actor: Mapped[str] = mapped_column(String(100), index=True)
    action: Mapped[str] = mapped_column(String(60), index=True)
    subject: Mapped[str] = mapped_column(String(200), index=True)
    details: Mapped[str] = mapped_column(Text)
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)


def _ddl(statement: str) -> DDL:
    return DDL(statement)  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


def _refuse_on_sqlite(act: str) -> DDL:
    return _ddl(
        f"CREATE TRIGGER audit_event_no_{act.lower()} BEFORE {act} ON audit_event "
        "BEGIN SELECT RAISE(ABORT, 'audit_event is append-only'); END"
    )


_PG_FUNCTION = _ddl(
    "CREATE OR REPLACE FUNCTION audit_event_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'audit_event is append-only'; END $$"
)
_PG_TRIGGER = _ddl(
    "CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_event_append_only()"
)
for _act in ("UPDATE", "DELETE"):
    event.listen(
        AuditEvent.__table__, "after_create", _refuse_on_sqlite(_act).execute_if(dialect="sqlite")
    )
for _statement in (_PG_FUNCTION, _PG_TRIGGER):
    event.listen(AuditEvent.__table__, "after_create", _statement.execute_if(dialect="postgresql"))
