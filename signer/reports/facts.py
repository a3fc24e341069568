"""Reads what coverage is made from, for many people at once: periods, certificates, requests."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    String,
    and_,
    cast,
    extract,
    func,
    or_,
    select,
    type_coerce,
)

from signer.ca.models import Certificate
from signer.db import Base, among, db, told
from signer.inventory.models import Person, PersonPeriod
from signer.inventory.states import LEFT_STATES
from signer.issuance.models import CertificateRequest, Decision, RequestItem, SigningKey
from signer.outside.counting import counting
from signer.outside.kinds import Carrier
from signer.reports.timeline import LAST_DAY, Cover, History, Period, day_at, last_covered
from signer.signing.models import Signature

_HANOI_SECONDS = 7 * 3600
_DAYS_TO_2000 = 10_957
"""From 01/01/1970, which databases count seconds from."""
_PERSON, _PERIOD, _KEY, _EACH, _SIGNATURE, _ITEM, _REQUEST, _DECISION = (
    Base.metadata.tables[model.__tablename__].c
    for model in (
        *(Person, PersonPeriod, SigningKey, Certificate, Signature),
        *(RequestItem, CertificateRequest, Decision),
    )
)
"""The tables' columns: what the ORM adds to a question costs as much as its answer."""
_NEWEST = Base.metadata.tables[Certificate.__tablename__].alias("newest")


def histories(head_of: Mapping[int, int], *, own_ca_counts: bool) -> dict[int, History]:
    """What is known of each person; all of it is said of the one that counts for several.

    `head_of` has each person with the one that counts (`inventory.duplicates.families`). Half a
    dozen queries, whatever their number.
    """
    found = _people(head_of)
    _read_periods(found, head_of)
    covers = [
        (one, Cover(max(first, 0), _until(last, revoked), Carrier.CENTRAL, own_ca_counts, True))
        for one, first, last, revoked in _asked("own", head_of)
    ]
    for one in counting(head_of):
        revoked = None if one.revoked_at is None else day_at(one.revoked_at)
        until = _until(last_covered(one.until_at), revoked)
        covers.append((one.person_id, Cover(day_at(one.from_at), until, one.carrier, True, False)))
    for person_id, cover in covers:
        found[head_of[person_id]].covers.append(cover)
    _read_waits(found, head_of)
    return found


def certified(certificate_ids: Collection[int]) -> set[int]:
    """The persons with a key that one of these certificates of our own CA is about."""
    return {row[0] for row in _asked("certified", certificate_ids)}


@cache
def _statements_of(dialect: str) -> Mapping[str, Select[*tuple[Any, ...]]]:
    """The questions, put together once: they are asked in every transaction about a person."""

    # In Python the days of ten million certificates would take minutes.
    def day(instant: Any, seconds_later: int = 0) -> Any:  # any column or expression
        seconds: ColumnElement[Any] = extract("epoch", instant)
        if dialect == "postgresql":  # where it has a fraction
            seconds = func.floor(seconds)
        whole = cast(seconds, BigInteger) + (_HANOI_SECONDS + seconds_later)
        return whole // 86_400 - _DAYS_TO_2000

    def date_day(column: Any) -> Any:
        return cast(extract("epoch", column), BigInteger) // 86_400 - _DAYS_TO_2000

    # The newest signature is the end of one index, and not a walk over all of them.
    signed = select(func.max(_SIGNATURE.signed_at)).where(_SIGNATURE.person_id == _PERSON.id)
    issued = (
        _by_key(func.min(_EACH.issued_at))
        .where(_KEY.request_item_id == _ITEM.id, _EACH.issued_at.is_not(None))
        .correlate(Base.metadata.tables["request_item"])
    )
    return {
        "people": select(
            *(_PERSON.id, _PERSON.sort_key, _PERSON.unit_path, day(signed.scalar_subquery()))
        ).where(among(_PERSON.id)),
        "periods": select(
            *(_PERIOD.person_id, date_day(_PERIOD.valid_from), date_day(_PERIOD.valid_to)),
            *(_PERIOD.unit_id, _PERIOD.unit_path, type_coerce(_PERIOD.kind, String)),
            *(_PERIOD.is_leader, _PERIOD.is_one_stop, _PERIOD.counted),
            _PERIOD.state.in_(LEFT_STATES),
        )
        .where(among(_PERIOD.person_id))
        .order_by(_PERIOD.valid_from),
        # A renewed or changed key had earlier certificates, which count too.
        "own": _by_key(
            _KEY.person_id,
            day(_EACH.issued_at),
            day(_EACH.not_after, 1) - 1,
            day(_EACH.revoked_at),
        ).where(among(_KEY.person_id), _EACH.issued_at.is_not(None)),
        "waits": select(
            _ITEM.person_id,
            _ITEM.state,
            day(_REQUEST.requested_at),
            day(issued.scalar_subquery()),
            day(_DECISION.decided_at),
        )
        .select_from(Base.metadata.tables["request_item"])
        .join(Base.metadata.tables["certificate_request"], _REQUEST.id == _ITEM.request_id)
        .outerjoin(Base.metadata.tables["decision"], _DECISION.request_id == _REQUEST.id)
        .where(
            among(_ITEM.person_id),
            or_(
                _ITEM.state == "open",
                and_(_ITEM.state == "issued", _REQUEST.kind.in_(("issue", "rekey"))),
                and_(_ITEM.state == "closed", _DECISION.outcome == "rejected"),
            ),
        ),
        "certified": _by_key(_KEY.person_id).where(among(_EACH.id)),
    }


def _asked(question: str, ids: Collection[int]) -> Sequence[Row[*tuple[Any, ...]]]:
    statement = _statements_of(db.engine.dialect.name)[question]
    return db.session.execute(statement, told(ids)).all()


def _by_key(*columns: Any) -> Select[*tuple[Any, ...]]:  # columns of several types
    """Of the certificates of each key: the newest one names the key, and the key all of them."""
    return (
        select(*columns)
        .select_from(Base.metadata.tables["signing_key"])
        .join(_NEWEST, _NEWEST.c.id == _KEY.certificate_id)
        .join(Base.metadata.tables["certificate"], _EACH.spki_sha256 == _NEWEST.c.spki_sha256)
    )


def _people(head_of: Mapping[int, int]) -> dict[int, History]:
    rows = _asked("people", head_of)
    found = {row[0]: History(sort_key=row[1], unit_path=row[2]) for row in rows}
    for person_id, _, _, day in rows:
        if day is not None:
            history = found[head_of[person_id]]
            history.last_signed = max(history.last_signed or 0, day)
    return found


def _read_periods(found: Mapping[int, History], head_of: Mapping[int, int]) -> None:
    """Periods of whoever was merged hold for the time before the other one was on the roster."""
    merged: list[tuple[int, Period]] = []
    for person_id, first, last, *facts in _asked("periods", head_of):
        period = Period(max(first, 0), LAST_DAY if last is None else min(last, LAST_DAY), *facts)
        if (head := head_of[person_id]) == person_id:
            found[person_id].periods.append(period)
        else:
            merged.append((head, period))
    for head, period in reversed(merged):
        periods = found[head].periods
        until = min(period.last, periods[0].first - 1 if periods else LAST_DAY)
        if period.first <= until:
            periods.insert(0, period._replace(last=until))


def _until(last: int, revoked: int | None) -> int:
    """The last day covered: the day of revocation or suspension is none, for it ends without."""
    return min(last, LAST_DAY if revoked is None else revoked - 1)


def _read_waits(found: Mapping[int, History], head_of: Mapping[int, int]) -> None:
    """When a request for the person was open.

    A rejection ends the wait when it is decided, an issue when the certificate is there; a
    renewal or a change is for a key that an earlier item is named by. A request that was taken
    back keeps no date of its own and is left out.
    """
    for person_id, state, asked, certified_on, decided in _asked("waits", head_of):
        ended = {"open": None, "issued": certified_on, "closed": decided}[state]
        last = LAST_DAY if ended is None else ended - 1
        if asked <= last:
            found[head_of[person_id]].waits.append((asked, last))
