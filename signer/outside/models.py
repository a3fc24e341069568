"""Certificates that another authority issued, whose they are, and what is known of their status.

Only `Outside` writes these tables. A certificate known from a list alone has no bytes; when its
file comes later, the same row learns the rest.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    Enum,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from signer.db import Base, PathColumn, UTCDateTime
from signer.outside.kinds import (
    Carrier,
    CertificateStatus,
    Generation,
    ImportKind,
    ImportState,
    Match,
    Owner,
)


def _enum(values: type[StrEnum]) -> Enum:
    """A column that holds the lower-case values and reads them back as members."""
    return Enum(
        values,
        native_enum=False,
        length=12,
        values_callable=lambda e: [member.value for member in e],
    )


class OutsideImport(Base):
    """One uploaded file: what the dry run found in it, and how far it is stored."""

    __tablename__ = "outside_import"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[ImportKind] = mapped_column(_enum(ImportKind))
    sha256: Mapped[str] = mapped_column(String(64))
    """The uploaded file in the document store."""
    report_sha256: Mapped[str] = mapped_column(String(64))
    """What the dry run read and found, in the document store."""
    file_name: Mapped[str] = mapped_column(String(200))
    scopes: Mapped[str] = mapped_column(String(2000))
    """Paths of the units whose people may be matched, one a line: the importer's own units."""
    imported_by: Mapped[str] = mapped_column(String(100), index=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    state: Mapped[ImportState] = mapped_column(_enum(ImportState))
    entries: Mapped[int]
    refused: Mapped[int]
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))
    applied_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (CheckConstraint("state IN ('checked', 'applied')", name="state"),)


class OutsideCertificate(Base):
    """One certificate (R12); issuer and serial number name it (RFC 5280 section 4.1.2.2)."""

    __tablename__ = "outside_certificate"

    id: Mapped[int] = mapped_column(primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("outside_import.id"), index=True)
    issuer_der: Mapped[bytes] = mapped_column(LargeBinary)
    serial_hex: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Of the certificate's bytes; None while it is known from a list only."""
    issuer_name: Mapped[str] = mapped_column(String(200))
    anchor: Mapped[str | None] = mapped_column(String(100), index=True)
    """The configured issuer that its path leads to; None: not an official-duty one (R16)."""
    generation: Mapped[Generation] = mapped_column(_enum(Generation))
    subject_der: Mapped[bytes | None] = mapped_column(LargeBinary)
    """As signed, byte for byte."""
    subject: Mapped[str] = mapped_column(String(2000))
    """For reading, in the order of the RDNs."""
    common_name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(String(200), index=True)
    """The common name without markers, folded for comparison."""
    units: Mapped[str] = mapped_column(String(1000))
    """OU and O, one a line, in their order."""
    title: Mapped[str | None] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(254), index=True)
    """Lower case."""
    owner: Mapped[Owner] = mapped_column(_enum(Owner))
    not_before: Mapped[datetime] = mapped_column(UTCDateTime)
    not_after: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    key_usage: Mapped[str | None] = mapped_column(String(200))
    algorithm: Mapped[str | None] = mapped_column(String(60))
    """Key and signature in words, such as `RSA 2048, sha256`."""
    carrier: Mapped[Carrier] = mapped_column(_enum(Carrier))
    device_number: Mapped[str | None] = mapped_column(String(60))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    """Whose it is, for certain or as somebody confirmed."""
    proposed_person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    match: Mapped[Match] = mapped_column(_enum(Match))
    match_reason: Mapped[str | None] = mapped_column(String(20))
    decided_by: Mapped[str | None] = mapped_column(String(100))
    decided_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    status: Mapped[CertificateStatus] = mapped_column(_enum(CertificateStatus))
    """What its issuer said last. That it has expired is a question to `not_after`."""
    status_source: Mapped[str | None] = mapped_column(String(200))
    status_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    status_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """The source's nextUpdate: afterwards what it said is not known any more (R18)."""
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revocation_reason: Mapped[str | None] = mapped_column(String(30))
    counted_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """Until then it counts toward coverage, if not revoked; None: it does not count."""
    scope_path: Mapped[str] = mapped_column(PathColumn)
    """While it is nobody's, those see it who look after this unit."""
    imported_by: Mapped[str] = mapped_column(String(100))
    imported_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (
        UniqueConstraint("serial_hex", "issuer_der"),
        Index("ix_outside_certificate_match", "match", "id"),
        CheckConstraint("(match IN ('certain', 'confirmed')) = (person_id IS NOT NULL)", "person"),
        CheckConstraint("person_id IS NULL OR owner = 'person'", "owner"),
        CheckConstraint("match != 'proposed' OR proposed_person_id IS NOT NULL", "proposed"),
        CheckConstraint("(status IN ('revoked', 'held')) = (revoked_at IS NOT NULL)", "revoked"),
    )

    @property
    def is_official(self) -> bool:
        """False: "không phải chuyên dùng công vụ"; it never counts (R16)."""
        return self.anchor is not None

    @property
    def counts(self) -> bool:
        """It covers its owner, unless it is revoked or over."""
        return self.counted_until is not None

    @property
    def is_proven(self) -> bool:
        """False: known from a list only, its bytes were never seen."""
        return self.sha256 is not None

    @property
    def unit_names(self) -> tuple[str, ...]:
        """OU and O in their order."""
        return tuple(filter(None, self.units.split("\n")))


class OutsideCertificateBytes(Base):
    """The certificate itself, apart from the rows that lists read."""

    __tablename__ = "outside_certificate_bytes"

    certificate_id: Mapped[int] = mapped_column(
        ForeignKey("outside_certificate.id"), primary_key=True
    )
    certificate_der: Mapped[bytes] = mapped_column(LargeBinary)


class OutsideCrl(Base):
    """A revocation list that somebody brought; its bytes are in the document store."""

    __tablename__ = "outside_crl"

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    anchor: Mapped[str] = mapped_column(String(100), index=True)
    number: Mapped[str | None] = mapped_column(String(40))
    """CRLNumber; up to 20 octets, so it is text (RFC 5280 section 5.2.3)."""
    this_update: Mapped[datetime] = mapped_column(UTCDateTime)
    next_update: Mapped[datetime] = mapped_column(UTCDateTime)
    entries: Mapped[int]
    imported_by: Mapped[str] = mapped_column(String(100))
    imported_at: Mapped[datetime] = mapped_column(UTCDateTime)
