"""The ledger's queries and moves; `Authority` decides, this file reads and writes rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from sqlalchemy import func, insert, select, update

from signer.ca.crl import RevocationReason, RevokedSerial
from signer.ca.models import Certificate, CertificateBytes, CertificateState, Crl
from signer.db import advisory_lock, db

_CHUNK = 500  # bound variables per statement stay far below SQLite's 32,766


@dataclass(frozen=True, kw_only=True)
class IssuedCertificate:
    """A certificate of the ledger that was issued, revoked since or not."""

    id: int
    serial: int
    serial_hex: str
    intent: str
    state: CertificateState
    der: bytes
    email: str
    profile: str
    spki_sha256: str
    not_before: datetime
    not_after: datetime
    issued_at: datetime

    @property
    def subject(self) -> str:
        """RFC 4514 text of the whole name."""
        return x509.load_der_x509_certificate(self.der).subject.rfc4514_string()


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """A serial in the ledger whose certificate is to be signed."""

    id: int
    serial_hex: str
    intent: str
    not_after: datetime
    tbs_der: bytes


@dataclass(frozen=True, kw_only=True)
class NewSerial:
    """What is stored before the HSM is touched."""

    intent: str
    serial: int
    profile: str
    common_name: str
    email: str
    spki_sha256: str
    not_before: datetime
    not_after: datetime
    tbs_der: bytes


def serial_hex(serial: int) -> str:
    """The serial as the ledger writes it: small hexadecimal digits."""
    return f"{serial:x}"


def reserve(new: Sequence[NewSerial], at: datetime) -> None:
    """Stores serials and their TBS in the open transaction.

    SQLAlchemy's `IntegrityError` when an intent or serial is taken already.
    """
    db.session.execute(
        insert(Certificate),
        [
            {
                "serial_hex": serial_hex(entry.serial),
                "intent": entry.intent,
                "state": CertificateState.RESERVED.value,
                "profile": entry.profile,
                "subject_cn": entry.common_name,
                "subject_email": entry.email,
                "spki_sha256": entry.spki_sha256,
                "not_before": entry.not_before,
                "not_after": entry.not_after,
                "reserved_at": at,
            }
            for entry in new
        ],
    )
    ids = _ids_of([entry.intent for entry in new])
    db.session.execute(
        insert(CertificateBytes),
        [{"certificate_id": ids[entry.intent], "tbs_der": entry.tbs_der} for entry in new],
    )


def store(
    signed: Sequence[tuple[Reservation, bytes]], issued_at: datetime
) -> list[tuple[Reservation, bytes]]:
    """Writes certificates into their reserved rows, in the open transaction.

    Returns those that were written; the others were finished or abandoned by somebody else.
    """
    ids = [reservation.id for reservation, _ in signed]
    mine = set(
        db.session.scalars(
            select(Certificate.id)
            .where(Certificate.id.in_(ids), Certificate.state == CertificateState.RESERVED)
            .with_for_update()
        )
    )
    won = [(reservation, der) for reservation, der in signed if reservation.id in mine]
    if won:
        db.session.execute(
            update(Certificate)
            .where(Certificate.id.in_(mine))
            .values(state=CertificateState.ISSUED.value, issued_at=issued_at)
            .execution_options(synchronize_session=False)
        )
        db.session.execute(
            update(CertificateBytes),
            [{"certificate_id": r.id, "certificate_der": der} for r, der in won],
        )
    return won


def known_intents(intents: Iterable[str]) -> dict[str, CertificateState]:
    """The state of each of these intents that is in the ledger."""
    found: dict[str, CertificateState] = {}
    for part in _chunks(list(intents)):
        rows = db.session.execute(
            select(Certificate.intent, Certificate.state).where(Certificate.intent.in_(part))
        )
        found |= {intent: CertificateState(state) for intent, state in rows}
    return found


def reservations(intents: Sequence[str] | None = None) -> list[Reservation]:
    """Half-done issues, of these intents or all of them, the oldest first."""
    statement = (
        select(
            Certificate.id,
            Certificate.serial_hex,
            Certificate.intent,
            Certificate.not_after,
            CertificateBytes.tbs_der,
        )
        .join(CertificateBytes, CertificateBytes.certificate_id == Certificate.id)
        .where(Certificate.state == CertificateState.RESERVED)
        .order_by(Certificate.id)
    )
    parts = [None] if intents is None else _chunks(list(intents))
    return [
        Reservation(
            id=row.id,
            serial_hex=row.serial_hex,
            intent=row.intent,
            not_after=row.not_after,
            tbs_der=row.tbs_der,
        )
        for part in parts
        for row in db.session.execute(
            statement if part is None else statement.where(Certificate.intent.in_(part))
        )
    ]


def issued(
    *, intents: Sequence[str] | None = None, serial: int | None = None
) -> list[IssuedCertificate]:
    """Certificates that exist, by intent or serial."""
    statement = (
        select(Certificate, CertificateBytes.certificate_der)
        .join(CertificateBytes, CertificateBytes.certificate_id == Certificate.id)
        .where(Certificate.state.in_((CertificateState.ISSUED, CertificateState.REVOKED)))
    )
    if serial is not None:
        statement = statement.where(Certificate.serial_hex == serial_hex(serial))
    parts = [None] if intents is None else _chunks(list(intents))
    return [
        _issued(row, der)
        for part in parts
        for row, der in db.session.execute(
            statement if part is None else statement.where(Certificate.intent.in_(part))
        )
    ]


def row_of(serial: int) -> Certificate | None:
    """The ledger's row, without the bytes."""
    return db.session.scalar(
        select(Certificate)
        .where(Certificate.serial_hex == serial_hex(serial))
        .execution_options(populate_existing=True)
    )


def count_revoked() -> int:
    """How many lines a complete CRL has now."""
    listed = (CertificateState.REVOKED, CertificateState.ABANDONED)
    return (
        db.session.scalar(
            select(func.count()).select_from(Certificate).where(Certificate.state.in_(listed))
        )
        or 0
    )


def revoked_serials() -> list[RevokedSerial]:
    """Every line of a complete CRL, in the order of the ledger.

    Expired certificates stay on it for ever, so that an old signature can still be judged
    (ETSI EN 319 411-1 clause 6.3.9 allows it). Abandoned serials are on it as well.
    """
    rows = db.session.execute(
        select(
            Certificate.serial_hex,
            func.coalesce(Certificate.revoked_at, Certificate.reserved_at),
            Certificate.revocation_reason,
        )
        .where(Certificate.state.in_((CertificateState.REVOKED, CertificateState.ABANDONED)))
        .order_by(Certificate.id)
    )
    return [
        RevokedSerial(
            serial=int(hexadecimal, 16), at=at, reason=RevocationReason(reason or "unspecified")
        )
        for hexadecimal, at, reason in rows
    ]


def reserve_crl(this_update: datetime, next_update: datetime) -> tuple[int, list[RevokedSerial]]:
    """The next CRL number, taken for good in the open transaction, and the lines it will hold.

    Number and lines are read under one lock, so a higher number never says less.
    """
    advisory_lock(_CRL_LOCK)
    number = (db.session.scalar(select(func.max(Crl.number))) or 0) + 1
    lines = revoked_serials()
    db.session.add(
        Crl(number=number, this_update=this_update, next_update=next_update, entries=len(lines))
    )
    db.session.flush()
    return number, lines


def store_crl(number: int, der: bytes) -> None:
    """The signed list stands under its number, in the open transaction."""
    db.session.execute(update(Crl).where(Crl.number == number).values(der=der))


def newest_crl() -> tuple[Crl, bytes] | None:
    """The newest list that was signed, with its bytes."""
    row = db.session.execute(
        select(Crl, Crl.der).where(Crl.der.is_not(None)).order_by(Crl.number.desc()).limit(1)
    ).first()
    return None if row is None or row[1] is None else (row[0], row[1])


_CRL_LOCK = 0xC21  # any fixed number: the CRL's place among PostgreSQL's advisory locks


def _ids_of(intents: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in _chunks(intents):
        rows = db.session.execute(
            select(Certificate.intent, Certificate.id).where(Certificate.intent.in_(part))
        )
        found |= {row.intent: row.id for row in rows}
    return found


def _issued(row: Certificate, der: bytes | None) -> IssuedCertificate:
    if der is None or row.issued_at is None:
        raise RuntimeError(f"certificate {row.id} is issued without its bytes")
    return IssuedCertificate(
        id=row.id,
        serial=int(row.serial_hex, 16),
        serial_hex=row.serial_hex,
        intent=row.intent,
        state=CertificateState(row.state),
        der=der,
        email=row.subject_email,
        profile=row.profile,
        spki_sha256=row.spki_sha256,
        not_before=row.not_before,
        not_after=row.not_after,
        issued_at=row.issued_at,
    )


def _chunks(items: list[str]) -> list[list[str]]:
    return [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]
