"""The ledger's queries and moves; `Authority` decides, this file reads and writes rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from sqlalchemy import bindparam, insert, select, update

from signer.ca.crl import RevocationReason
from signer.ca.models import Certificate, CertificateBytes, CertificateState
from signer.db import Base, changed, db

EXISTING = (CertificateState.ISSUED, CertificateState.SUSPENDED, CertificateState.REVOKED)
# Tables, not classes: what the ORM adds to a bulk statement costs as much as the statement.
_CERTIFICATES = Base.metadata.tables[Certificate.__tablename__]
_BYTES = Base.metadata.tables[CertificateBytes.__tablename__]
_T = TypeVar("_T")
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
    profile: str
    email: str
    spki_sha256: str
    not_before: datetime
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
    shard: int | None
    predecessor_id: int | None
    not_before: datetime
    not_after: datetime
    tbs_der: bytes


def serial_hex(serial: int) -> str:
    """The serial as the ledger writes it: small hexadecimal digits."""
    return f"{serial:x}"


def reserve(new: Sequence[NewSerial], at: datetime) -> list[Reservation]:
    """Stores serials and their TBS in the open transaction; what is to be signed now.

    SQLAlchemy's `IntegrityError` when an intent or serial is taken already.
    """
    db.session.execute(
        insert(_CERTIFICATES),
        [
            {
                "serial_hex": serial_hex(entry.serial),
                "intent": entry.intent,
                "state": CertificateState.RESERVED.value,
                "profile": entry.profile,
                "subject_cn": entry.common_name,
                "subject_email": entry.email,
                "spki_sha256": entry.spki_sha256,
                "shard": entry.shard,
                "predecessor_id": entry.predecessor_id,
                "not_before": entry.not_before,
                "not_after": entry.not_after,
                "reserved_at": at,
            }
            for entry in new
        ],
    )
    ids = _ids_of([entry.intent for entry in new])
    db.session.execute(
        insert(_BYTES),
        [{"certificate_id": ids[entry.intent], "tbs_der": entry.tbs_der} for entry in new],
    )
    return [
        Reservation(
            id=ids[entry.intent],
            serial_hex=serial_hex(entry.serial),
            intent=entry.intent,
            profile=entry.profile,
            email=entry.email,
            spki_sha256=entry.spki_sha256,
            not_before=entry.not_before,
            not_after=entry.not_after,
            tbs_der=entry.tbs_der,
        )
        for entry in new
    ]


def store(
    signed: Sequence[tuple[Reservation, bytes]], issued_at: datetime
) -> list[IssuedCertificate]:
    """Writes certificates into their reserved rows, in the open transaction.

    Returns those that were written; the others were finished or abandoned by somebody else.
    """
    mine: set[int] = set()
    for part in _chunks([reservation.id for reservation, _ in signed]):
        mine |= set(
            db.session.scalars(
                select(_CERTIFICATES.c.id)
                .where(
                    _CERTIFICATES.c.id.in_(part),
                    _CERTIFICATES.c.state == CertificateState.RESERVED.value,
                )
                .with_for_update()
            )
        )
        db.session.execute(
            update(_CERTIFICATES)
            .where(_CERTIFICATES.c.id.in_(mine.intersection(part)))
            .values(state=CertificateState.ISSUED.value, issued_at=issued_at)
        )
    changed("certificate", mine)
    won = [(reservation, der) for reservation, der in signed if reservation.id in mine]
    if won:
        db.session.execute(
            update(_BYTES)
            .where(_BYTES.c.certificate_id == bindparam("row"))
            .values(certificate_der=bindparam("der")),
            [{"row": reservation.id, "der": der} for reservation, der in won],
        )
    return [
        IssuedCertificate(
            id=reservation.id,
            serial=int(reservation.serial_hex, 16),
            serial_hex=reservation.serial_hex,
            intent=reservation.intent,
            state=CertificateState.ISSUED,
            der=der,
            email=reservation.email,
            profile=reservation.profile,
            spki_sha256=reservation.spki_sha256,
            not_before=reservation.not_before,
            not_after=reservation.not_after,
            issued_at=issued_at,
        )
        for reservation, der in won
    ]


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
            Certificate.profile,
            Certificate.subject_email,
            Certificate.spki_sha256,
            Certificate.not_before,
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
            profile=row.profile,
            email=row.subject_email,
            spki_sha256=row.spki_sha256,
            not_before=row.not_before,
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


def oldest_in_force(at: datetime) -> tuple[int, bytes] | None:
    """Shard and DER of the first certificate that has not run out and names a list, if any."""
    row = db.session.execute(
        select(Certificate.shard, CertificateBytes.certificate_der)
        .join(CertificateBytes, CertificateBytes.certificate_id == Certificate.id)
        .where(
            Certificate.state.in_(EXISTING),
            Certificate.shard.is_not(None),
            Certificate.not_after >= at,
        )
        .order_by(Certificate.id)
        .limit(1)
    ).first()
    return None if row is None else (row.shard, row.certificate_der)


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


def existing_ids(ids: Iterable[int]) -> set[int]:
    """Those of the ids that are rows of certificates which were issued."""
    if not (wanted := set(ids)):
        return set()
    return set(
        db.session.scalars(
            select(Certificate.id).where(
                Certificate.id.in_(wanted), Certificate.state.in_(EXISTING)
            )
        )
    )


def exposed_keys(spki_sha256: Iterable[str]) -> set[str]:
    """Those of the keys of which a certificate was revoked because the key was in wrong hands."""
    found: set[str] = set()
    for part in _chunks(sorted(set(spki_sha256))):
        found |= set(
            db.session.scalars(
                select(_CERTIFICATES.c.spki_sha256).where(
                    _CERTIFICATES.c.spki_sha256.in_(part),
                    _CERTIFICATES.c.revocation_reason == RevocationReason.KEY_COMPROMISE.value,
                )
            )
        )
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


def _chunks(items: list[_T]) -> list[list[_T]]:
    return [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]
