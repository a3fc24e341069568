"""Coverage as it is kept: everybody's steps, where everybody stands today, and the sums of it all.

Only `Reports` writes these tables, inside the transactions that change what they are made from.
Everything in them can be made anew from the rows of the rooms below.
"""

from sqlalchemy import ForeignKey, Index, LargeBinary, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from signer.db import Base, PathColumn

_ASKED = ("unit_path", "kind", "is_leader", "is_one_stop")


class CoverageSum(Base):
    """What changed on the days of a bucket in one unit alone, for one group of people.

    A bucket of level n has 8**n days. A day's figures are the sums of all buckets before its end:
    at most seven of each level, so that past days, today and days to come cost the same.
    """

    __tablename__ = "coverage_sum"

    facet: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    """The group's place in `timeline.FACETS`."""
    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    bucket: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(
        ForeignKey("org_unit.id"), primary_key=True, autoincrement=False
    )
    persons: Mapped[int]
    pending: Mapped[int]
    token: Mapped[int]
    sim_pki: Mapped[int]
    central: Mapped[int]
    hsm: Mapped[int]
    unknown: Mapped[int]

    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012  # SQLAlchemy's own name


class StandingNow(Base):
    """One person's steps through all days, and what the lists say of the person today.

    Days are numbers (`timeline.day_number`). A person merged into another has an empty row.
    """

    __tablename__ = "standing"

    person_id: Mapped[int] = mapped_column(
        ForeignKey("person.id"), primary_key=True, autoincrement=False
    )
    steps: Mapped[bytes] = mapped_column(LargeBinary)
    sort_key: Mapped[str] = mapped_column(PathColumn)
    unit_path: Mapped[str] = mapped_column(PathColumn)
    kind: Mapped[str | None] = mapped_column(String(20))
    is_leader: Mapped[bool]
    is_one_stop: Mapped[bool]
    standing: Mapped[str | None] = mapped_column(String(10))
    """None: not counted today."""
    carrier: Mapped[str | None] = mapped_column(String(10))
    covered_until: Mapped[int | None]
    """The last day of the certificate that lasts longest."""
    pending_since: Mapped[int | None]
    is_unused: Mapped[bool]
    must_revoke: Mapped[bool]
    last_signed: Mapped[int | None]
    next_on: Mapped[int | None]
    """The day from which the row may be wrong, unless it is counted anew."""

    __table_args__ = (
        # Lists walk the first, the third and the fourth in order and read nothing else; the
        # second finds a small unit, and is not written when somebody gets a certificate.
        Index("ix_standing_walk", "standing", "sort_key", "person_id", *_ASKED, "covered_until"),
        Index("ix_standing_subtree", *_ASKED, "person_id"),
        Index(
            "ix_standing_unused",
            *("sort_key", "person_id", *_ASKED),
            sqlite_where=text("is_unused = 1"),
            postgresql_where=text("is_unused"),
        ),
        Index(
            "ix_standing_must_revoke",
            *("sort_key", "person_id", *_ASKED),
            sqlite_where=text("must_revoke = 1"),
            postgresql_where=text("must_revoke"),
        ),
        # Whose certificate ends soon is somebody whose row changes soon.
        Index("ix_standing_next", "next_on", "covered_until", *_ASKED),
    )
