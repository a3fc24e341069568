"""Reads what coverage is made from, for many people at once: periods, certificates, requests."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    cast,
    extract,
    func,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute, aliased

from signer.ca.models import Certificate
from signer.db import db
from signer.inventory.models import Person, PersonPeriod
from signer.inventory.states import LEFT_STATES
from signer.issuance.models import CertificateRequest, Decision, RequestItem, SigningKey
from signer.outside.counting import counting
from signer.outside.kinds import Carrier
from signer.reports.timeline import (
    LAST_DAY,
    Cover,
    History,
    Period,
    day_at,
    day_number,
    last_covered,
)
from signer.signing.models import Signature

_HANOI_SECONDS = 7 * 3600
_DAYS_TO_2000 = 10_957
"""From 01/01/1970, which databases count seconds from."""
_NEWEST = aliased(Certificate)


def histories(head_of: Mapping[int, int], *, own_ca_counts: bool) -> dict[int, History]:
    """What is known of everybody who counts, by what is known of all who are one with them.

    `head_of` has each person with the one that counts (`inventory.duplicates.families`). Half a
    dozen queries, whatever their number.
    """
    heads = set(head_of.values())
    found = _people(heads, head_of)
    _read_periods(found, head_of)
    _read_own(found, head_of, counts=own_ca_counts)
    for cover in counting(head_of):
        found[head_of[cover.person_id]].covers.append(
            Cover(
                first=day_at(cover.from_at),
                last=_until(
                    last_covered(cover.until_at),
                    None if cover.revoked_at is None else day_at(cover.revoked_at),
                ),
                carrier=cover.carrier,
                counts=True,
                is_own=False,
            )
        )
    _read_waits(found, head_of)
    return found


def certified(certificate_ids: Collection[int]) -> set[int]:
    """The persons with a key that one of these certificates of our own CA is about."""
    return set(
        db.session.scalars(
            select(SigningKey.person_id)
            .join(_NEWEST, _NEWEST.id == SigningKey.certificate_id)
            .join(Certificate, Certificate.spki_sha256 == _NEWEST.spki_sha256)
            .where(Certificate.id.in_(certificate_ids))
        )
    )


def _people(heads: Collection[int], head_of: Mapping[int, int]) -> dict[int, History]:
    # The newest signature is the end of one index, and not a walk over all of them.
    signed = (
        select(func.max(Signature.signed_at))
        .where(Signature.person_id == Person.id)
        .scalar_subquery()
    )
    rows = db.session.execute(
        select(Person.id, Person.sort_key, Person.unit_path, _day(signed)).where(
            Person.id.in_(head_of)
        )
    ).all()
    found = {row[0]: History(sort_key=row[1], unit_path=row[2]) for row in rows if row[0] in heads}
    for person_id, _, _, day in rows:
        if day is not None:
            history = found[head_of[person_id]]
            history.last_signed = max(history.last_signed or 0, day)
    return found


def _read_periods(found: Mapping[int, History], head_of: Mapping[int, int]) -> None:
    """Periods of whoever was merged hold for the time before the other one was on the roster."""
    row = PersonPeriod
    rows = db.session.execute(
        select(
            *(row.person_id, row.unit_id, row.unit_path, row.kind, row.is_leader, row.is_one_stop),
            *(row.counted, row.state, row.valid_from, row.valid_to),
        )
        .where(row.person_id.in_(head_of))
        .order_by(row.valid_from)
    ).all()
    merged = []
    for one in rows:
        if head_of[one.person_id] == one.person_id:
            found[one.person_id].periods.append(_period(one))
        else:
            merged.append(one)
    for one in reversed(merged):
        periods = found[head_of[one.person_id]].periods
        before = _period(one, until=periods[0].first - 1 if periods else LAST_DAY)
        if before.first <= before.last:
            periods.insert(0, before)


def _period(row: Any, until: int = LAST_DAY) -> Period:  # a row of the query above
    last = LAST_DAY if row.valid_to is None else day_number(row.valid_to)
    return Period(
        first=day_number(row.valid_from),
        last=min(last, until),
        unit_id=row.unit_id,
        unit_path=row.unit_path,
        kind=row.kind,
        is_leader=row.is_leader,
        is_one_stop=row.is_one_stop,
        is_counted=row.counted,
        has_left=row.state in LEFT_STATES,
    )


def _read_own(found: Mapping[int, History], head_of: Mapping[int, int], *, counts: bool) -> None:
    """Certificates of our own CA: a renewed or changed key had earlier ones, which count too."""
    rows = db.session.execute(
        _by_key(
            SigningKey.person_id,
            _day(Certificate.issued_at),
            _day(Certificate.not_after, 1) - 1,
            _day(Certificate.revoked_at),
        ).where(SigningKey.person_id.in_(head_of), Certificate.issued_at.is_not(None))
    )
    for person_id, first, last, revoked in rows:
        found[head_of[person_id]].covers.append(
            Cover(
                first=max(first, 0),
                last=_until(min(last, LAST_DAY), revoked),
                carrier=Carrier.CENTRAL,
                counts=counts,
                is_own=True,
            )
        )


def _until(last: int, revoked: int | None) -> int:
    """The last day covered: the day of revocation or suspension is none, for it ends without."""
    return last if revoked is None else min(last, revoked - 1)


def _read_waits(found: Mapping[int, History], head_of: Mapping[int, int]) -> None:
    """When a request for the person was open.

    A rejection ends the wait when it is decided, an issue when the certificate is there; a
    renewal or a change is for a key that an earlier item is named by. A request that was taken
    back keeps no date of its own and is left out.
    """
    issued = (
        _by_key(func.min(Certificate.issued_at))
        .where(SigningKey.request_item_id == RequestItem.id, Certificate.issued_at.is_not(None))
        .correlate(RequestItem)
        .scalar_subquery()
    )
    rows = db.session.execute(
        select(
            RequestItem.person_id,
            RequestItem.state,
            _day(CertificateRequest.requested_at),
            _day(issued),
            _day(Decision.decided_at),
        )
        .join(CertificateRequest, CertificateRequest.id == RequestItem.request_id)
        .outerjoin(Decision, Decision.request_id == CertificateRequest.id)
        .where(
            RequestItem.person_id.in_(head_of),
            or_(
                RequestItem.state == "open",
                and_(
                    RequestItem.state == "issued", CertificateRequest.kind.in_(("issue", "rekey"))
                ),
                and_(RequestItem.state == "closed", Decision.outcome == "rejected"),
            ),
        )
    )
    for person_id, state, asked, certified_on, decided in rows:
        ended = {"open": None, "issued": certified_on, "closed": decided}[state]
        last = LAST_DAY if ended is None else ended - 1
        if asked <= last:
            found[head_of[person_id]].waits.append((asked, last))


def _by_key(*columns: Any) -> Select[*tuple[Any, ...]]:  # columns of several types
    return (
        select(*columns)
        .select_from(SigningKey)
        .join(_NEWEST, _NEWEST.id == SigningKey.certificate_id)
        .join(Certificate, Certificate.spki_sha256 == _NEWEST.spki_sha256)
    )


def _day(
    instant: InstrumentedAttribute[Any] | ColumnElement[Any], seconds_later: int = 0
) -> ColumnElement[int]:
    """SQL: the number of the day it is in Hanoi then; in Python ten million would take minutes."""
    seconds: ColumnElement[Any] = extract("epoch", instant)
    if db.engine.dialect.name == "postgresql":  # where it has a fraction
        seconds = func.floor(seconds)
    whole: ColumnElement[int] = cast(seconds, BigInteger) + (_HANOI_SECONDS + seconds_later)
    return whole // 86_400 - _DAYS_TO_2000
