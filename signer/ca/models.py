"""The ledger: every serial ever reserved, what was to be signed under it, what came of it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from signer.db import Base, UTCDateTime, guard


class CertificateState(StrEnum):
    """How far a serial has come; only a suspended certificate ever goes back."""

    RESERVED = "reserved"
    """The bytes to be signed are stored; whether the HSM signed them is not known here."""
    ISSUED = "issued"
    SUSPENDED = "suspended"
    """On the CRL as certificateHold: it may be released again (RFC 5280 section 5.3.1)."""
    REVOKED = "revoked"
    ABANDONED = "abandoned"
    """Never to be finished; on the CRL, because the HSM may have signed it."""


_LISTED = "state IN ('suspended', 'revoked', 'abandoned')"


class Certificate(Base):
    """One serial number and the certificate that stands, or was to stand, under it."""

    __tablename__ = "certificate"
    __table_args__ = (
        CheckConstraint(
            "state IN ('reserved', 'issued', 'suspended', 'revoked', 'abandoned')",
            name="state_known",
        ),
        CheckConstraint(
            "(state IN ('issued', 'suspended', 'revoked')) = (issued_at IS NOT NULL)",
            name="issued_has_date",
        ),
        CheckConstraint(
            "(state IN ('suspended', 'revoked')) = (revoked_at IS NOT NULL)",
            name="revoked_has_date",
        ),
        Index("ix_certificate_shard_state", "shard", "state"),
        # All that a CRL says, so that making one reads nothing else (`crl_ledger`); it holds
        # only what is listed, and so costs nothing when a certificate is issued.
        Index(
            "ix_certificate_listed",
            *("state", "shard", "serial_hex", "revoked_at", "reserved_at"),
            *("revocation_reason", "invalid_since"),
            sqlite_where=text(_LISTED),
            postgresql_where=text(_LISTED),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    serial_hex: Mapped[str] = mapped_column(String(40), unique=True)
    intent: Mapped[str] = mapped_column(String(100), unique=True)
    state: Mapped[str] = mapped_column(String(10), index=True)
    profile: Mapped[str] = mapped_column(String(60))
    subject_cn: Mapped[str] = mapped_column(String(64))
    subject_email: Mapped[str] = mapped_column(String(255), index=True)
    spki_sha256: Mapped[str] = mapped_column(String(64), index=True)
    shard: Mapped[int | None]
    """The CRL its distribution point names; None for those that name the complete one."""
    predecessor_id: Mapped[int | None] = mapped_column(ForeignKey("certificate.id"), index=True)
    """The certificate it takes the place of: renewed, re-keyed or changed."""
    not_before: Mapped[datetime] = mapped_column(UTCDateTime)
    not_after: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    """The last second in which it is valid."""
    reserved_at: Mapped[datetime] = mapped_column(UTCDateTime)
    issued_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When that was decided; a suspension that ends in revocation keeps its date."""
    revocation_reason: Mapped[str | None] = mapped_column(String(30))
    invalid_since: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """When its key is thought to have been exposed, if that was before `revoked_at`: the
    invalidityDate (RFC 5280 section 5.3.2)."""


class CertificateBytes(Base):
    """The encodings of one certificate, apart from the rows that lists read."""

    __tablename__ = "certificate_bytes"

    certificate_id: Mapped[int] = mapped_column(ForeignKey("certificate.id"), primary_key=True)
    tbs_der: Mapped[bytes] = mapped_column(LargeBinary)
    """What the HSM is asked to sign, and nothing else under this serial."""
    certificate_der: Mapped[bytes | None] = mapped_column(LargeBinary)


class Crl(Base):
    """One published (or, without `sha256`, attempted) revocation list of the issuing CA."""

    __tablename__ = "crl"
    __table_args__ = (Index("ix_crl_shard_number", "shard", "number"),)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """One sequence for all lists of the CA, so it also rises within each (RFC 5280 5.2.3)."""
    shard: Mapped[int | None]
    """None for the complete list."""
    this_update: Mapped[datetime] = mapped_column(UTCDateTime)
    next_update: Mapped[datetime] = mapped_column(UTCDateTime)
    entries: Mapped[int]
    audit_seq: Mapped[int | None] = mapped_column(BigInteger)
    """The newest audit event whose change its lines know; what came later, it misses."""
    sha256: Mapped[str | None] = mapped_column(String(64))
    """Of the signed list; stays when the bytes of an outdated list are let go."""
    der: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)


class OcspAnswer(Base):
    """The signed answer about one certificate, kept until its state changes or it runs out.

    A cache: whoever moves a certificate's state deletes its rows in the same transaction.
    """

    __tablename__ = "ocsp_answer"

    certificate_id: Mapped[int] = mapped_column(ForeignKey("certificate.id"), primary_key=True)
    cert_id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """The CertID it repeats: one may ask by SHA-1 or by SHA-256 (RFC 6960 section 4.1.1)."""
    der: Mapped[bytes] = mapped_column(LargeBinary)
    this_update: Mapped[datetime] = mapped_column(UTCDateTime)
    next_update: Mapped[datetime] = mapped_column(UTCDateTime)


# What must hold even against a statement typed by hand: (table, trigger, when, SQLite's and
# PostgreSQL's condition, sentence). `signer ledger check` finds what was done past them.
for _name, _when, _condition, _sentence in (
    ("certificate_no_delete", "DELETE ON certificate", "", "a serial is never deleted"),
    ("certificate_keeps_serial", "UPDATE OF serial_hex ON certificate", "", "a serial is fixed"),
    (
        "certificate_is_final",
        "UPDATE OF state ON certificate",
        "OLD.state IN ('revoked', 'abandoned') AND NEW.state <> OLD.state",
        "revoked and abandoned are final",
    ),
    ("certificate_bytes_no_delete", "DELETE ON certificate_bytes", "", "bytes are never deleted"),
    (
        "certificate_bytes_keep_tbs",
        "UPDATE OF tbs_der ON certificate_bytes",
        "",
        "a serial has one TBS",
    ),
    (
        "certificate_bytes_keep_der",
        "UPDATE OF certificate_der ON certificate_bytes",
        "OLD.certificate_der IS NOT NULL",
        "a certificate is fixed",
    ),
    ("crl_no_delete", "DELETE ON crl", "", "a CRL number is never deleted"),
    ("crl_keeps_number", "UPDATE OF number ON crl", "", "a CRL number is fixed"),
):
    guard(Base.metadata.tables[_when.split(" ON ")[1]], _name, _when, _condition, _sentence)
guard(
    Base.metadata.tables["crl"],
    "crl_number_rises",
    "INSERT ON crl",
    "NEW.number <= (SELECT max(number) FROM crl)",
    "CRL numbers rise (RFC 5280 section 5.2.3)",
)
