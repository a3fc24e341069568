"""What OCSP reads in the ledger and what it keeps there: states, the newest change, answers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.dialects import postgresql, sqlite

from signer.audit.models import AuditEvent
from signer.ca.crl import RevocationReason
from signer.ca.crl_ledger import CHANGES
from signer.ca.ledger import serial_hex
from signer.ca.models import Certificate, CertificateState, OcspAnswer
from signer.ca.ocsp import UNKNOWN, CertId, CertStatus
from signer.db import db, transaction

MANY_CHANGES = 5000
"""More at once are not told one by one."""
_CHUNK = 500  # bound variables per statement stay far below SQLite's 32,766


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What the audit chain tells since an earlier event."""

    newest: int
    """The last event that was looked at."""
    serials: frozenset[int] | None
    """Certificates whose state moved; None when there are too many to name."""
    newest_list: int
    """The last event that changed or published a revocation list; 0 when there was none."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """A certificate that has a status, as the ledger has it now."""

    certificate_id: int
    status: CertStatus


@dataclass(frozen=True, kw_only=True)
class KeptAnswer:
    """A signed answer as it stands, or is to stand, in the ledger."""

    certificate_id: int
    cert_id: bytes
    der: bytes
    this_update: datetime
    next_update: datetime


def newest_event() -> int:
    """The number of the last audit event.

    Events are numbered in the order of their commits (`Audit.record_many` holds a lock until
    then). So whoever asks this first and reads a state afterwards knows: a change that the state
    does not show yet will have a higher number.
    """
    return db.session.scalar(select(func.max(AuditEvent.seq))) or 0


def first_changes() -> Changes:
    """For a process that remembers nothing yet: everything may have moved."""
    newest = newest_event()
    return Changes(newest=newest, serials=None, newest_list=newest)


def changes_after(seq: int) -> Changes:
    """What moved after that event, up to the newest."""
    newest = newest_event()
    told = and_(AuditEvent.seq > seq, AuditEvent.seq <= newest)
    moved = db.session.scalars(
        select(AuditEvent.subject)
        .where(told, AuditEvent.action.in_(CHANGES))
        .limit(MANY_CHANGES + 1)
    ).all()
    lists = select(func.max(AuditEvent.seq)).where(
        told, AuditEvent.action.in_((*CHANGES, "crl.publish"))
    )
    serials = frozenset(int(subject.partition(":")[2], 16) for subject in moved)
    return Changes(
        newest=newest,
        serials=serials if len(moved) <= MANY_CHANGES else None,
        newest_list=db.session.scalar(lists) or 0,
    )


def known(serials: Collection[int]) -> dict[int, Known]:
    """Those of the serials that have a status; what is only reserved has none."""
    wanted = [serial_hex(serial) for serial in serials if serial > 0]
    return {
        int(row.serial_hex, 16): Known(certificate_id=row.id, status=status)
        for start in range(0, len(wanted), _CHUNK)
        for row in db.session.execute(
            _STATES.where(Certificate.serial_hex.in_(wanted[start : start + _CHUNK]))
        )
        if (status := _status(row)).is_known
    }


def found(cert_id: CertId) -> tuple[Known, KeptAnswer | None] | None:
    """The certificate's status and the answer stored for this CertID; None without a status."""
    row = db.session.execute(
        _ANSWERS.outerjoin(
            OcspAnswer,
            and_(OcspAnswer.certificate_id == Certificate.id, OcspAnswer.cert_id == cert_id.der),
        ).where(Certificate.serial_hex == serial_hex(cert_id.serial))
    ).first()
    if row is None or not (status := _status(row)).is_known:
        return None
    known = Known(certificate_id=row.id, status=status)
    return known, None if row.der is None else _kept(row)


def kept_before(certificate_id: int, limit: int) -> list[tuple[int, CertStatus, KeptAnswer]]:
    """Stored answers, those about the newest certificates below this one first.

    Each with its serial and what the ledger says of it now.
    """
    rows = db.session.execute(
        _ANSWERS.join(OcspAnswer, OcspAnswer.certificate_id == Certificate.id)
        .where(OcspAnswer.certificate_id < certificate_id)
        .order_by(OcspAnswer.certificate_id.desc())
        .limit(limit)
    )
    return [(int(row.serial_hex, 16), _status(row), _kept(row)) for row in rows]


def keep(answers: Sequence[tuple[KeptAnswer, CertStatus]]) -> int:
    """Stores, in one commit, those answers whose certificate is still as they say; their number.

    A certificate that somebody is changing at this moment is passed over. One that is changed
    afterwards takes its answers along: whoever changes it has to wait for this commit first.
    """
    if not answers:
        return 0
    ids = sorted({answer.certificate_id for answer, _ in answers})
    with transaction():
        now = {
            row.id: _status(row)
            for start in range(0, len(ids), _CHUNK)
            for row in db.session.execute(
                _STATES.where(Certificate.id.in_(ids[start : start + _CHUNK]))
                .order_by(Certificate.id)
                .with_for_update(read=True, skip_locked=True)  # SQLite's writer is alone anyway
            )
        }
        fit = {
            (answer.certificate_id, answer.cert_id): answer
            for answer, status in answers
            if now.get(answer.certificate_id) == status
        }
        if fit:
            rows = [vars(fit[key]) for key in sorted(fit)]  # one order for all: no deadlock
            db.session.execute(_upsert(), rows)
    return len(fit)


_STATES = select(
    Certificate.id,
    Certificate.serial_hex,
    Certificate.state,
    Certificate.reserved_at,
    Certificate.revoked_at,
    Certificate.revocation_reason,
    Certificate.invalid_since,
)


_ANSWERS = _STATES.add_columns(
    OcspAnswer.cert_id, OcspAnswer.der, OcspAnswer.this_update, OcspAnswer.next_update
)


def _kept(row: Any) -> KeptAnswer:  # a row of _ANSWERS
    return KeptAnswer(
        certificate_id=row.id,
        cert_id=row.cert_id,
        der=row.der,
        this_update=row.this_update,
        next_update=row.next_update,
    )


def _status(row: Any) -> CertStatus:  # a row of _STATES; SQLAlchemy's Row is invariant
    if row.state == CertificateState.RESERVED:
        return UNKNOWN
    if row.state == CertificateState.ISSUED:
        return CertStatus(is_known=True)
    return CertStatus(
        is_known=True,
        revoked_at=row.revoked_at or row.reserved_at,  # abandoned: as on the CRL
        reason=RevocationReason(row.revocation_reason or "unspecified"),
        invalid_since=row.invalid_since,
    )


def _upsert() -> Any:  # the two dialects' statements share no type that has these methods
    dialect = sqlite if db.engine.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(OcspAnswer)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[OcspAnswer.certificate_id, OcspAnswer.cert_id],
        set_={"der": new.der, "this_update": new.this_update, "next_update": new.next_update},
        where=new.this_update >= OcspAnswer.this_update,
    )
