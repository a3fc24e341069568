"""Where a person stands on the way to a signature, as one state and as SQL."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Integer, Select, and_, exists, func, select, text, type_coerce
from sqlalchemy.orm import InstrumentedAttribute

from signer.ca.models import Certificate
from signer.db import among, db, told
from signer.errors import N_
from signer.inventory.models import Person
from signer.inventory.people import PeopleFilter
from signer.inventory.policy import counted_states
from signer.issuance.models import CertificateRequest, RequestItem, SigningKey


class SigningState(StrEnum):
    """The one word shown beside a person's name."""

    LACKING = "lacking"
    REQUESTED = "requested"
    APPROVED = "approved"
    FAILED = "failed"
    READY = "ready"
    ACTIVE = "active"
    LOCKED = "locked"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    REVOKED = "revoked"


STATE_NAMES: dict[SigningState, str] = {
    SigningState.LACKING: N_("Chưa được cấp"),
    SigningState.REQUESTED: N_("Đang chờ duyệt"),
    SigningState.APPROVED: N_("Đã duyệt, đang chờ cấp"),
    SigningState.FAILED: N_("Cấp không thành công"),
    SigningState.READY: N_("Đã cấp, chờ kích hoạt"),
    SigningState.ACTIVE: N_("Đang hoạt động"),
    SigningState.LOCKED: N_("Bị khóa do nhập sai mã PIN"),
    SigningState.SUSPENDED: N_("Đang tạm dừng"),
    SigningState.EXPIRED: N_("Đã hết hạn"),
    SigningState.REVOKED: N_("Đã thu hồi"),
}


HAS_CERTIFICATE = frozenset(
    {SigningState.READY, SigningState.ACTIVE, SigningState.LOCKED, SigningState.SUSPENDED}
)
"""The states of those who hold a certificate that is neither expired nor revoked."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a person stands, with the certificate behind it, if there is one."""

    state: SigningState
    serial_hex: str | None = None
    not_after: datetime | None = None
    sentence: str | None = None
    """Why issuing failed; a catalogue sentence with its `values`."""
    values: dict[str, object] | None = None


_LACKING = Standing(state=SigningState.LACKING)


def is_covered(person_id: InstrumentedAttribute[int], at: datetime) -> ColumnElement[bool]:
    """SQL: the person holds a certificate that is valid at the instant.

    A suspended one is not: nobody can sign with it.
    """
    return exists(
        select(SigningKey.id)
        .join(Certificate, Certificate.id == SigningKey.certificate_id)
        .where(
            SigningKey.person_id == person_id,
            Certificate.state == "issued",
            Certificate.not_before <= at,
            Certificate.not_after >= at,
        )
    )


def is_pending(person_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """SQL: the person is in a request that is not finished."""
    return exists(
        select(RequestItem.id).where(
            RequestItem.person_id == person_id, RequestItem.state == "open"
        )
    )


def in_state(
    person_id: InstrumentedAttribute[int], state: str, at: datetime
) -> ColumnElement[bool]:
    """SQL for the filters of the people list: covered, pending, lacking, or one SigningState."""
    covered, pending = is_covered(person_id, at), is_pending(person_id)
    if state == "covered":
        return covered
    if state == "pending":
        return and_(~covered, pending)
    if state == SigningState.LACKING:
        return and_(~covered, ~pending)
    if state in (SigningState.READY, SigningState.ACTIVE, SigningState.LOCKED):
        key = select(SigningKey.id).where(
            SigningKey.person_id == person_id, SigningKey.state == state
        )
        return and_(covered, exists(key))
    item = (
        select(RequestItem.id)
        .join(CertificateRequest, CertificateRequest.id == RequestItem.request_id)
        .where(RequestItem.person_id == person_id, RequestItem.state == "open")
    )
    if state == SigningState.REQUESTED:
        return exists(item.where(CertificateRequest.state == "pending"))
    if state == SigningState.APPROVED:
        return exists(item.where(CertificateRequest.state == "approved"))
    if state == SigningState.FAILED:
        return exists(item.where(RequestItem.error.is_not(None)))
    ended = (
        select(SigningKey.id)
        .join(Certificate, Certificate.id == SigningKey.certificate_id)
        .where(SigningKey.person_id == person_id)
    )
    suspended = exists(ended.where(Certificate.state == "suspended", Certificate.not_after >= at))
    if state == SigningState.SUSPENDED:
        return suspended
    if state == SigningState.REVOKED:
        return and_(~covered, ~suspended, exists(ended.where(Certificate.state == "revoked")))
    return and_(~covered, ~suspended, exists(ended.where(Certificate.not_after < at)))


def asked_in(asked: PeopleFilter, state: str | None, at: datetime) -> PeopleFilter:
    """The filter, with that signing state besides; None: any.

    The three words of the coverage report (covered, pending, lacking) list whom the report
    counts, so that its figures and the lists behind them agree.
    """
    if state is None:
        return asked
    where = [*asked.where, in_state(Person.id, state, at)]
    if state in ("covered", "pending", SigningState.LACKING):
        where.append(Person.state.in_(counted_states()))
    return replace(asked, where=tuple(where), among=among_of(state))


def among_of(state: str) -> Select[int] | None:
    """SQL: ids of all people who are in the state, and of some others; None where that is many.

    What an index has of few people: open items, keys that wait or are locked, suspensions.
    """
    items = select(RequestItem.person_id).where(RequestItem.state == "open")
    # The index is found only by its own condition, letter by letter.
    owners = select(type_coerce(SigningKey.person_id, Integer))  # never NULL but for a seal's key
    keys = owners.where(text("signing_key.state IN ('ready', 'locked')"))
    match state:
        case "pending" | SigningState.REQUESTED | SigningState.APPROVED:
            return items
        case SigningState.FAILED:
            return items.where(RequestItem.error.is_not(None))
        case SigningState.READY | SigningState.LOCKED:
            return keys.where(SigningKey.state == state)
        case SigningState.SUSPENDED:
            by_certificate = SigningKey.certificate_id == Certificate.id
            found = owners.join(Certificate, by_certificate)
            return found.where(Certificate.state == "suspended")
    return None


def states_of(person_ids: list[int], at: datetime) -> dict[int, Standing]:
    """The state of each of these people, in three queries whatever their number."""
    states = dict.fromkeys(person_ids, _LACKING)
    _read_certificates(states, at)
    _read_open_items(states)
    return states


def _read_certificates(states: dict[int, Standing], at: datetime) -> None:
    newest = (
        select(func.max(SigningKey.id))
        .where(among(SigningKey.person_id), SigningKey.certificate_id.is_not(None))
        .group_by(SigningKey.person_id)
    )
    # The index of current keys is found only by its own condition, letter by letter. Who has none,
    # or one without a certificate yet, stands where the last one left off.
    current = among(SigningKey.person_id), text("signing_key.state <> 'retired'")
    left = list(states)
    for keys in (current, (SigningKey.id.in_(newest),)):
        rows = db.session.execute(
            select(
                type_coerce(SigningKey.person_id, Integer).label("person_id"),
                SigningKey.state,
                Certificate.state,
                Certificate.serial_hex,
                Certificate.not_after,
            )
            .join(Certificate, Certificate.id == SigningKey.certificate_id)
            .where(*keys),
            told(left),
        ).all()
        for person_id, key_state, certificate_state, serial_hex, not_after in rows:
            state = _state_of(key_state, certificate_state, not_after < at)
            states[person_id] = Standing(state=state, serial_hex=serial_hex, not_after=not_after)
        found = {row.person_id for row in rows}
        left = [person_id for person_id in left if person_id not in found]


def _state_of(key_state: str, certificate_state: str, is_over: bool) -> SigningState:
    if certificate_state == "revoked":
        return SigningState.REVOKED
    if is_over:
        return SigningState.EXPIRED
    if certificate_state == "suspended":
        return SigningState.SUSPENDED
    if key_state == "retired":  # being replaced: locked until the row of the new key follows
        return SigningState.LOCKED
    return SigningState(key_state)


def _read_open_items(states: dict[int, Standing]) -> None:
    rows = db.session.execute(
        select(RequestItem.person_id, RequestItem.error, CertificateRequest.state)
        .join(CertificateRequest, CertificateRequest.id == RequestItem.request_id)
        .where(among(RequestItem.person_id), RequestItem.state == "open"),
        told(states),
    )
    for person_id, error, request_state in rows:
        if states[person_id].state in HAS_CERTIFICATE:
            continue  # it counts whatever else is asked for: a renewal, a change
        if error is not None:
            states[person_id] = Standing(state=SigningState.FAILED, **json.loads(error))
        elif request_state == "approved":
            states[person_id] = Standing(state=SigningState.APPROVED)
        else:
            states[person_id] = Standing(state=SigningState.REQUESTED)
