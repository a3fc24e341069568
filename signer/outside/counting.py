"""Which certificates from outside count toward coverage, for many people at once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from signer.db import db
from signer.outside.kinds import Carrier
from signer.outside.models import OutsideCertificate

_CHUNK = 5000
"""People asked for in one question; SQLite takes up to 32,766 values."""


@dataclass(frozen=True, kw_only=True)
class CountedCertificate:
    """A person has a certificate from outside, from one instant to another, both included."""

    person_id: int
    from_at: datetime
    until_at: datetime
    revoked_at: datetime | None
    """Revoked or suspended since then."""
    carrier: Carrier


def counting(person_ids: Iterable[int]) -> Iterator[CountedCertificate]:
    """The certificates of these people that count: theirs for certain or as confirmed, of an
    issuer that counts. Those that ran out or were revoked are there too, for days gone by."""
    ids = list(person_ids)
    row = OutsideCertificate
    for start in range(0, len(ids), _CHUNK):
        found = db.session.execute(
            select(row.person_id, row.not_before, row.counted_until, row.revoked_at, row.carrier)
            .where(
                row.person_id.in_(ids[start : start + _CHUNK]),
                row.counted_until.is_not(None),
            )
            .order_by(row.person_id, row.id)
        )
        for person_id, from_at, until_at, revoked_at, carrier in found:
            assert person_id is not None  # as asked
            assert until_at is not None
            yield CountedCertificate(
                person_id=person_id,
                from_at=from_at,
                until_at=until_at,
                revoked_at=revoked_at,
                carrier=carrier,
            )
