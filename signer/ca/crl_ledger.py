"""The lists' queries and moves; `Publishing` decides, this file reads and writes rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    SQLColumnExpression,
    String,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    insert,
    literal,
    select,
    text,
    update,
    values,
)

from signer.audit.models import AuditEvent
from signer.ca.crl import REASON_NUMBERS, CrlEntries
from signer.ca.models import Certificate, CertificateState, Crl
from signer.db import advisory_lock, db

Shard = int | None
"""One list among those of the CA; None is the complete one."""

LISTED = (CertificateState.SUSPENDED, CertificateState.REVOKED, CertificateState.ABANDONED)
CHANGES = (
    "certificate.revoke",
    "certificate.suspend",
    "certificate.release",
    "certificate.abandon",
)
"""The audit's words for everything that changes a list."""

_LINES = 500
"""How many lines are read and encoded at a time: as many as stay in the processor's cache."""
_CRL_LOCK = 0xC21  # any fixed number: the CRL's place among PostgreSQL's advisory locks


@dataclass(frozen=True, kw_only=True)
class SignedList:
    """The newest signed list of a shard, without its bytes."""

    shard: Shard
    number: int
    this_update: datetime
    next_update: datetime
    entries: int
    audit_seq: int
    """What the audit's newest event was when its lines were read; -1 for lists of old."""
    sha256: str


@dataclass(frozen=True, kw_only=True)
class DrawnList:
    """A number, taken for good, and the lines that stand under it."""

    shard: Shard
    number: int
    this_update: datetime
    next_update: datetime
    entries: CrlEntries


@dataclass(frozen=True, kw_only=True)
class FinishedList:
    """A drawn list, signed."""

    drawn: DrawnList
    der: bytes
    sha256: str


def shards_of(configured: int) -> list[Shard]:
    """Every list there must be: the complete one, those of the profile and of older profiles."""
    largest = db.session.scalar(select(func.max(Certificate.shard)))
    count = max(configured, 0 if largest is None else largest + 1)
    return [None, *range(count)]


def newest_lists(shards: Sequence[Shard]) -> dict[Shard, SignedList]:
    """The newest signed list of each of these shards that has one."""
    numbers = _newest_numbers(shards)
    rows = db.session.execute(
        select(
            Crl.shard,
            Crl.number,
            Crl.this_update,
            Crl.next_update,
            Crl.entries,
            func.coalesce(Crl.audit_seq, -1).label("audit_seq"),
            Crl.sha256,
        ).where(Crl.number.in_(numbers))
    )
    return {row.shard: SignedList(**row._mapping) for row in rows}


def newest_der(shard: Shard) -> bytes | None:
    """The newest signed list of the shard."""
    return db.session.scalar(
        select(Crl.der)
        .where(Crl.shard.is_not_distinct_from(shard), Crl.der.is_not(None))
        .order_by(Crl.number.desc())
        .limit(1)
    )


def newest_changes(since: int) -> dict[Shard, int]:
    """For each shard, the newest audit event after `since` that changed what its list must say.

    The event is stored with the change and numbered under the chain's lock, so whoever reads
    event n sees the changes of all events up to n. A count would not do: releases lower it.
    """
    rows = db.session.execute(
        select(Certificate.shard, func.max(AuditEvent.seq))
        .join(Certificate, Certificate.serial_hex == func.substr(AuditEvent.subject, _AFTER_PREFIX))
        .where(AuditEvent.action.in_(CHANGES), AuditEvent.seq > since)
        .group_by(Certificate.shard)
    )
    return {row[0]: row[1] for row in rows}


_AFTER_PREFIX = len("certificate:") + 1


def draw(shards: Sequence[Shard], this_update: datetime, life: timedelta) -> list[DrawnList]:
    """The next numbers, taken for good in the open transaction, with the lines they will hold.

    Number, position in the audit and lines are read under one lock and in this order, so a
    higher number never says less, and no change is missed for having come between.
    """
    advisory_lock(_CRL_LOCK)
    if db.engine.dialect.name == "postgresql":  # dates come as texts: in this zone, until the end
        db.session.execute(text("SET LOCAL TIME ZONE 'UTC'"))
    seq = db.session.scalar(select(func.max(AuditEvent.seq))) or 0
    last = db.session.scalar(select(func.max(Crl.number))) or 0
    drawn = [
        DrawnList(
            shard=shard,
            number=last + place,
            this_update=this_update,
            next_update=this_update + life,
            entries=_entries(shard),
        )
        for place, shard in enumerate(shards, start=1)
    ]
    db.session.execute(
        insert(Crl),
        [
            {
                "number": one.number,
                "shard": one.shard,
                "this_update": one.this_update,
                "next_update": one.next_update,
                "entries": one.entries.count,
                "audit_seq": seq,
            }
            for one in drawn
        ],
    )
    return drawn


def store(signed: Sequence[FinishedList]) -> None:
    """The signed lists stand under their numbers, in the open transaction.

    The bytes of those they replace are let go; their SHA-256 stays. A list that was overtaken by
    a higher number while it was being signed keeps no bytes from the start.
    """
    advisory_lock(_CRL_LOCK)
    before = newest_lists([one.drawn.shard for one in signed])
    outdated = []
    for one in signed:
        replaced = before.get(one.drawn.shard)
        is_newest = replaced is None or replaced.number < one.drawn.number
        if replaced is not None and is_newest:
            outdated.append(replaced.number)
        db.session.execute(
            update(Crl)
            .where(Crl.number == one.drawn.number)
            .values(sha256=one.sha256, der=one.der if is_newest else None)
            .execution_options(synchronize_session=False)
        )
    db.session.execute(
        update(Crl)
        .where(Crl.number.in_(outdated))
        .values(der=None)
        .execution_options(synchronize_session=False)
    )


def _newest_numbers(shards: Sequence[Shard]) -> list[int]:
    """By one probe of the index for each shard, however many lists were ever made."""
    newest = select(Crl.number).where(Crl.sha256.is_not(None)).order_by(Crl.number.desc()).limit(1)
    found = []
    if None in shards:
        found.append(db.session.scalar(newest.where(Crl.shard.is_(None))))
    numbered = [(shard,) for shard in shards if shard is not None]
    if numbered:
        wanted = values(column("shard", Integer), name="numbered").data(numbered).cte("wanted")
        probe = newest.where(Crl.shard == wanted.c.shard).correlate(wanted).scalar_subquery()
        found += db.session.scalars(select(probe).select_from(wanted))
    return [number for number in found if number is not None]


def _entries(shard: Shard) -> CrlEntries:
    """Every line of the list as the ledger has it now.

    Expired certificates stay on it for ever, so that an old signature can still be judged
    (ETSI EN 319 411-1 clause 6.3.9 allows it). Abandoned serials are on it as well.
    """
    # Written out, so that the partial index `ix_certificate_listed` is seen to fit.
    listed: BindParameter[str] = bindparam("listed", LISTED, expanding=True, literal_execute=True)
    statement = select(_line()).where(Certificate.state.in_(listed))
    if shard is not None:
        statement = statement.where(Certificate.shard == shard)
    entries = CrlEntries()
    streamed = statement.execution_options(yield_per=_LINES)
    for lines in db.session.connection().execute(streamed).scalars().partitions():
        entries.add(lines)
    return entries


def _line() -> ColumnElement[str]:
    """A row of the ledger as `CrlEntries` reads it."""
    at = _second(func.coalesce(Certificate.revoked_at, Certificate.reserved_at))
    codes = {reason.value: f"{number:02}" for reason, number in REASON_NUMBERS.items() if number}
    is_usual = and_(
        func.length(Certificate.serial_hex) == 40,  # 20 octets, and no sign bit: `new_serial`
        Certificate.serial_hex < "8",
        at.between("1950", "2050"),  # a UTCTime, RFC 5280 section 5.1.2.6
        Certificate.revocation_reason.in_(list(codes)),
        Certificate.invalid_since.is_(None),
    )
    usual = Certificate.serial_hex + at + case(codes, value=Certificate.revocation_reason)
    reason = func.coalesce(Certificate.revocation_reason, "")
    since = func.coalesce(_second(Certificate.invalid_since), "")
    other = literal("!") + Certificate.serial_hex + "|" + at + "|" + reason + "|" + since
    return case((is_usual, usual), else_=other)


def _second(moment: SQLColumnExpression[Any]) -> ColumnElement[str]:
    """`2026-03-02 03:04:05`: what both databases write when asked for text, without fractions."""
    return func.substr(cast(moment, String), 1, 19)
