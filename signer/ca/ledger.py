"""The ledger's queries and moves; `Authority` decides, this file reads and writes rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from sqlalchemy import insert, select, update

from signer.ca.models import Certificate, CertificateBytes, CertificateState
from signer.db import db

EXISTING = (CertificateState.ISSUED, CertificateState.SUSPENDED, CertificateState.REVOKED)
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
        .where(Certificate.state.in_(EXISTING))
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
