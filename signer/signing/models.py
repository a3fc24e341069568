"""PIN envelopes around personal keys, and every use of a key."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from signer.db import Base, UTCDateTime


class Activation(Base):
    """A signing key sealed under its owner's PIN; the only copy of the wrapped key there is."""

    __tablename__ = "activation"

    signing_key_id: Mapped[int] = mapped_column(ForeignKey("signing_key.id"), primary_key=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    envelope: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    attempts_left: Mapped[int]
    activated_at: Mapped[datetime] = mapped_column(UTCDateTime)

    __table_args__ = (CheckConstraint("attempts_left >= 0", name="attempts"),)


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

    __table_args__ = (
        Index("ix_signature_person", "person_id", "signed_at"),
        CheckConstraint("state IN ('intent', 'done')", name="state"),
        CheckConstraint(
            "(state = 'done') = (output_sha256 IS NOT NULL AND signed_at IS NOT NULL)",
            name="done_has_output",
        ),
    )
