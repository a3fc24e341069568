"""The ledger: every serial ever reserved, what was to be signed under it, what came of it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from signer.db import Base, UTCDateTime


class CertificateState(StrEnum):
    """How far a serial has come; it never goes back."""

    RESERVED = "reserved"
    """The bytes to be signed are stored; whether the HSM signed them is not known here."""
    ISSUED = "issued"
    REVOKED = "revoked"
    ABANDONED = "abandoned"
    """Never to be finished; on the CRL, because the HSM may have signed it."""


class Certificate(Base):
    """One serial number and the certificate that stands, or was to stand, under it."""

    __tablename__ = "certificate"
    __table_args__ = (
        CheckConstraint(
            "state IN ('reserved', 'issued', 'revoked', 'abandoned')", name="state_known"
        ),
        CheckConstraint(
            "(state IN ('issued', 'revoked')) = (issued_at IS NOT NULL)", name="issued_has_date"
        ),
        CheckConstraint("(state = 'revoked') = (revoked_at IS NOT NULL)", name="revoked_has_date"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    serial_hex: Mapped[str] = mapped_column(String(40), unique=True)
    intent: Mapped[str] = mapped_column(String(100), unique=True)
    state: Mapped[str] = mapped_column(String(10), index=True)
    profile: Mapped[str] = mapped_column(String(60))
    subject_cn: Mapped[str] = mapped_column(String(64))
    subject_email: Mapped[str] = mapped_column(String(255), index=True)
    spki_sha256: Mapped[str] = mapped_column(String(64), index=True)
    not_before: Mapped[datetime] = mapped_column(UTCDateTime)
    not_after: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    """The last second in which it is valid."""
    reserved_at: Mapped[datetime] = mapped_column(UTCDateTime)
    issued_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revocation_reason: Mapped[str | None] = mapped_column(String(30))


class CertificateBytes(Base):
    """The encodings of one certificate, apart from the rows that lists read."""

    __tablename__ = "certificate_bytes"

    certificate_id: Mapped[int] = mapped_column(ForeignKey("certificate.id"), primary_key=True)
    tbs_der: Mapped[bytes] = mapped_column(LargeBinary)
    """What the HSM is asked to sign, and nothing else under this serial."""
    certificate_der: Mapped[bytes | None] = mapped_column(LargeBinary)


class Crl(Base):
    """One published (or, without `der`, attempted) revocation list of the issuing CA."""

    __tablename__ = "crl"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    this_update: Mapped[datetime] = mapped_column(UTCDateTime)
    next_update: Mapped[datetime] = mapped_column(UTCDateTime)
    entries: Mapped[int]
    der: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
