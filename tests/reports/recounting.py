"""Coverage counted once more, in plain SQL and in another way: a day's people, one by one.

The product keeps steps and sums; this asks the raw rows about a single day, in words
that SQLite and PostgreSQL read alike.
"""

from datetime import date, datetime, timedelta, timezone

from sqlalchemy import Date, bindparam, text

from signer.db import UTCDateTime, db

_OF_DAY = text("""
WITH certificate_of (person_id, carrier) AS (
    SELECT k.person_id, 2 FROM signing_key k
    JOIN certificate present ON present.id = k.certificate_id
    JOIN certificate c ON c.spki_sha256 = present.spki_sha256
    WHERE c.issued_at < :next AND c.not_after >= :last_second
      AND (c.revoked_at IS NULL OR c.revoked_at >= :next)
    UNION ALL
    SELECT o.person_id,
           CASE o.carrier WHEN 'token' THEN 0 WHEN 'sim_pki' THEN 1 WHEN 'central' THEN 2
                          WHEN 'hsm' THEN 3 ELSE 4 END
    FROM outside_certificate o
    WHERE o.person_id IS NOT NULL AND o.not_before < :next AND o.counted_until >= :last_second
      AND (o.revoked_at IS NULL OR o.revoked_at >= :next)
), waiting (person_id) AS (
    SELECT i.person_id FROM request_item i
    JOIN certificate_request r ON r.id = i.request_id
    LEFT JOIN decision d ON d.request_id = r.id
    WHERE r.requested_at < :next AND (
        i.state = 'open'
        OR (i.state = 'closed' AND d.outcome = 'rejected' AND d.decided_at >= :next)
        OR (i.state = 'issued' AND r.kind IN ('issue', 'rekey') AND NOT EXISTS (
            SELECT 1 FROM signing_key k
            JOIN certificate present ON present.id = k.certificate_id
            JOIN certificate c ON c.spki_sha256 = present.spki_sha256
            WHERE k.request_item_id = i.id AND c.issued_at < :next)))
)
SELECT u.code, p.kind, p.is_leader, p.is_one_stop,
       (SELECT min(c.carrier) FROM certificate_of c WHERE c.person_id = p.person_id),
       EXISTS (SELECT 1 FROM waiting w WHERE w.person_id = p.person_id)
FROM person_period p JOIN org_unit u ON u.id = p.unit_id
WHERE p.counted AND p.valid_from <= :day AND (p.valid_to IS NULL OR p.valid_to >= :day)
""").bindparams(
    bindparam("day", type_=Date),
    bindparam("next", type_=UTCDateTime),
    bindparam("last_second", type_=UTCDateTime),
)
_CARRIERS = ("token", "sim_pki", "central", "hsm", "unknown")
Counts = dict[tuple[str, str], dict[str, int]]


def recounted(day: date) -> Counts:
    """By unit and group: how many persons, pending, and covered by each carrier; only what is."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=timezone(timedelta(hours=7)))
    values = {
        "day": day,
        "next": midnight + timedelta(days=1),
        "last_second": midnight + timedelta(days=1, seconds=-1),
    }
    found: Counts = {}
    for unit, kind, is_leader, is_one_stop, carrier, is_waiting in db.session.execute(
        _OF_DAY, values
    ):
        groups = ["all", kind, *["leader"] * is_leader, *["one_stop"] * is_one_stop]
        for group in filter(None, groups):
            counts = found.setdefault((unit, group), {})
            what = _CARRIERS[carrier] if carrier is not None else "pending" if is_waiting else None
            for name in filter(None, ("persons", what)):
                counts[name] = counts.get(name, 0) + 1
    return found
