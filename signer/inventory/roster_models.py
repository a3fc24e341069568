"""The parts of a roster import, and what clerks said of headings."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from signer.db import Base, PathColumn, UTCDateTime


class RosterChunk(Base):
    """Some rows of an import: stored in one transaction, done once, taken back in one."""

    __tablename__ = "roster_chunk"

    id: Mapped[int] = mapped_column(primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("roster_import.id"))
    number: Mapped[int]
    begins: Mapped[int]
    length: Mapped[int]
    """Where the rows are in the file of rows, in bytes."""
    stored_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    overtaken: Mapped[str] = mapped_column(Text, default="[]", server_default="[]")
    """What kept rows out that the check had found valid: findings (JSON)."""
    before: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """Whom the chunk added, and how whom it changed were before (packed JSON)."""

    __table_args__ = (UniqueConstraint("import_id", "number"),)


class RosterMapping(Base):
    """What a unit's clerk said that a heading means; the next file of that unit is read so."""

    __tablename__ = "roster_mapping"

    scope_path: Mapped[str] = mapped_column(PathColumn, primary_key=True)
    heading: Mapped[str] = mapped_column(String(200), primary_key=True)
    """The folded words of the heading."""
    field: Mapped[str | None] = mapped_column(String(30))
    """None: the column is not used."""
