"""Envelopes around personal keys, approvals of lists of documents, and every use of a key."""

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from signer.db import Base, UTCDateTime, guard


class KeyEnvelope(Base):
    """A signing key sealed under one factor of its owner: a PIN, or a passkey beside it.

    The envelopes of a key are the only copies of the wrapped key there are.
    """

    __tablename__ = "key_envelope"

    id: Mapped[int] = mapped_column(primary_key=True)
    signing_key_id: Mapped[int] = mapped_column(ForeignKey("signing_key.id"), index=True)
    factor: Mapped[str] = mapped_column(String(10))
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    envelope: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    credential_id: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    credential_public_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    sign_count: Mapped[int | None]
    label: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        Index(
            "uq_key_envelope_pin",
            "signing_key_id",
            unique=True,
            sqlite_where=text("factor = 'pin' AND retired_at IS NULL"),
            postgresql_where=text("factor = 'pin' AND retired_at IS NULL"),
        ),
        CheckConstraint("factor IN ('pin', 'passkey')", name="factor"),
        CheckConstraint(
            "(factor = 'passkey') = (credential_id IS NOT NULL"
            " AND credential_public_key IS NOT NULL AND sign_count IS NOT NULL)",
            name="passkey_has_credential",
        ),
    )


class KeyGuard(Base):
    """How many wrong PINs a key still forgives; the record says how many it may be at most."""

    __tablename__ = "key_guard"

    signing_key_id: Mapped[int] = mapped_column(ForeignKey("signing_key.id"), primary_key=True)
    attempts_left: Mapped[int]

    __table_args__ = (CheckConstraint("attempts_left >= 0", name="attempts"),)


class Activation(Base):
    """One approval of an exact list of documents: offered, used once within minutes, then kept.

    `documents` is the list as canonical JSON, `list_sha256` its hash and, with a passkey, the
    challenge; `evidence` is what the factor left behind. A settled row never changes again.
    """

    __tablename__ = "activation"

    id: Mapped[int] = mapped_column(primary_key=True)
    signing_key_id: Mapped[int] = mapped_column(ForeignKey("signing_key.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    factor: Mapped[str | None] = mapped_column(String(10))
    list_sha256: Mapped[str] = mapped_column(String(64))
    documents: Mapped[str] = mapped_column(Text, deferred=True)
    state: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    evidence: Mapped[str | None] = mapped_column(Text, deferred=True)

    __table_args__ = (
        CheckConstraint("state IN ('open', 'used', 'void')", name="state"),
        CheckConstraint("factor IN ('pin', 'passkey')", name="factor"),
        CheckConstraint(
            "(state = 'used') = (used_at IS NOT NULL AND factor IS NOT NULL"
            " AND evidence IS NOT NULL)",
            name="used_has_evidence",
        ),
    )


guard(
    Activation.__table__,
    "activation_settled",
    "UPDATE ON activation",
    "OLD.state <> 'open' OR NEW.list_sha256 <> OLD.list_sha256 OR NEW.documents <> OLD.documents"
    " OR NEW.person_id <> OLD.person_id OR NEW.signing_key_id <> OLD.signing_key_id"
    " OR NEW.expires_at <> OLD.expires_at",
    "an activation is used once",
)
guard(Activation.__table__, "activation_kept", "DELETE ON activation", "", "evidence is kept")


class Signature(Base):
    """One use of a key: what was to be signed, and what came of it.

    The row is there before the key is touched (state `intent`) and is completed together with
    the audit event. `intent` is unique: a retry of the same act finds the first one's result.
    """

    __tablename__ = "signature"

    id: Mapped[int] = mapped_column(primary_key=True)
    intent: Mapped[str] = mapped_column(String(200), unique=True)
    state: Mapped[str] = mapped_column(String(10))
    signing_key_id: Mapped[int] = mapped_column(ForeignKey("signing_key.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    input_sha256: Mapped[str] = mapped_column(String(64))
    output_sha256: Mapped[str | None] = mapped_column(String(64))
    field_name: Mapped[str | None] = mapped_column(String(100))
    page: Mapped[int]
    begun_at: Mapped[datetime] = mapped_column(UTCDateTime)
    signed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    activation_id: Mapped[int | None] = mapped_column(ForeignKey("activation.id"), index=True)
    level: Mapped[str | None] = mapped_column(String(5))
    wanted_level: Mapped[str | None] = mapped_column(String(5))
    unseen: Mapped[bool] = mapped_column(server_default=false())

    __table_args__ = (
        Index("ix_signature_person", "person_id", "signed_at"),
        CheckConstraint("state IN ('intent', 'done')", name="state"),
        CheckConstraint(
            "(state = 'done') = (output_sha256 IS NOT NULL AND signed_at IS NOT NULL)",
            name="done_has_output",
        ),
    )


class PdfRevision(Base):
    """A revision that this very service added to a file: recognised by hash, not judged again."""

    __tablename__ = "pdf_revision"

    output_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    input_sha256: Mapped[str] = mapped_column(String(64), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint("kind IN ('sign', 'stamp', 'fields', 'repair')", name="kind"),
    )


class SignatureImage(Base):
    """The image of a person's own signature, which the personal appearance shows."""

    __tablename__ = "signature_image"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    width_px: Mapped[int]
    height_px: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)


class SealImage(Base):
    """The image of a body's seal with its real size, at which it is always shown (R41)."""

    __tablename__ = "seal_image"

    unit_id: Mapped[int] = mapped_column(ForeignKey("org_unit.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    width_px: Mapped[int]
    height_px: Mapped[int]
    width_mm: Mapped[float]
    height_mm: Mapped[float]
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)
