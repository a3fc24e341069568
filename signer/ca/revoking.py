"""Revoking, suspending and releasing: many orders decided one by one, stored in one commit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Row, delete, select, update

from signer.audit import Audit, Happening
from signer.ca.certificate import whole_second
from signer.ca.crl import RevocationReason
from signer.ca.ledger import EXISTING, serial_hex
from signer.ca.models import Certificate, CertificateState, OcspAnswer
from signer.clock import Clock
from signer.db import LOST_RACE, changed, db, transaction
from signer.errors import N_, Conflict, Invalid, NotFound, SignerError

_CHUNK = 500  # bound variables per statement stay far below SQLite's 32,766

NO_SUCH = N_("Không có chứng thư nào mang số hiệu %(serial)s.")
_REVOKED_ALREADY = N_("Chứng thư %(serial)s đã bị thu hồi từ trước.")
_SUSPENDED_ALREADY = N_("Chứng thư %(serial)s đang tạm dừng rồi.")
_NOT_SUSPENDED = N_(
    "Chứng thư %(serial)s không ở trạng thái tạm dừng nên không có gì để cho dùng lại."
)
_NAMED_TWICE = N_("Chứng thư %(serial)s được nêu hai lần trong cùng một lệnh.")
_IN_THE_FUTURE = N_("Thời điểm khóa bị lộ không được muộn hơn hiện tại.")


@dataclass(frozen=True, kw_only=True)
class RevocationOrder:
    """One certificate that is to count no longer, or (certificate_hold) not for now."""

    serial: int
    reason: RevocationReason
    at: datetime | None = None
    """Since when the key is thought to have been exposed, if that is earlier than now."""
    details: Mapping[str, object] = field(default_factory=dict)
    """What the audit event says beside the reason: ground, document…"""


class Revoking:
    """The part of an `Authority` that revokes; use it through that."""

    def __init__(self, *, clock: Clock, audit: Audit) -> None:
        self._clock = clock
        self._audit = audit

    def order_many(self, orders: Sequence[RevocationOrder], actor: str) -> list[SignerError | None]:
        """What became of each order, in their order: None, or why it was refused.

        All good ones are stored in one commit with their audit events. `NotFound` for a serial
        that was never issued, `Conflict` for one that is revoked (or suspended) already,
        `Invalid` for an exposure that lies ahead.
        """
        return self._decide([(o.serial, partial(_ordered, o)) for o in orders], actor)

    def release_many(
        self, serials: Sequence[int], actor: str, details: Mapping[str, object]
    ) -> list[SignerError | None]:
        """What became of each: None, `NotFound`, or `Conflict` when it is not suspended."""
        return self._decide([(serial, partial(_released, details)) for serial in serials], actor)

    def _decide(
        self, orders: Sequence[tuple[int, "_Rule"]], actor: str
    ) -> list[SignerError | None]:
        """Reads the rows under lock, asks each order's rule, and stores all moves together."""
        refusals: list[SignerError | None] = [None] * len(orders)
        moves: dict[int, _Move] = {}
        with transaction():
            rows = _locked_rows([serial_hex(serial) for serial, _ in orders])
            # The time of the act is read once nobody else can move these rows: a list that was
            # published before it does not have them (RFC 5280 section 5.3.2).
            now = whole_second(self._clock.now())
            for place, (serial, rule) in enumerate(orders):
                row = rows.get(serial_hex(serial))
                try:
                    if row is None:
                        raise NotFound(NO_SUCH, serial=serial_hex(serial))
                    if row.id in moves:
                        raise Conflict(_NAMED_TWICE, serial=row.serial_hex)
                    moves[row.id] = rule(row, now)
                except SignerError as refusal:
                    refusals[place] = refusal
            if moves:
                _store(moves)
                self._audit.record_many(actor, [_event(move) for move in moves.values()])
        return refusals


@dataclass(frozen=True, kw_only=True)
class _Move:
    """One row's way from a state to another."""

    serial_hex: str
    expected: str
    to: CertificateState
    changes: Mapping[str, object]
    """The other columns that get a value."""
    action: str
    details: Mapping[str, object]


_Rule = Callable[[Row[Any], datetime], _Move]


def _ordered(order: RevocationOrder, row: Row[Any], now: datetime) -> _Move:
    """Issued goes to suspended or revoked, suspended to revoked; nothing else goes anywhere."""
    if row.state == CertificateState.REVOKED:
        raise Conflict(_REVOKED_ALREADY, serial=row.serial_hex)
    is_hold = order.reason is RevocationReason.CERTIFICATE_HOLD
    if is_hold and row.state == CertificateState.SUSPENDED:
        raise Conflict(_SUSPENDED_ALREADY, serial=row.serial_hex)
    exposed = None if order.at is None else whole_second(order.at)
    if exposed is not None and exposed > now:
        raise Invalid(_IN_THE_FUTURE, field="at")
    # ITU-T X.509 on certificateHold: revoked for good, it is so since the day of the hold.
    revoked_at = row.revoked_at or now
    # RFC 5280 section 5.3.2: revocationDate is when the CA acted and must not be moved back
    # before lists that did not have it; an earlier exposure is what invalidityDate is for.
    invalid_since = exposed if exposed is not None and exposed < revoked_at else row.invalid_since
    dates = {"revoked_at": revoked_at.isoformat()}
    if invalid_since is not None:
        dates["invalid_since"] = invalid_since.isoformat()
    return _Move(
        serial_hex=row.serial_hex,
        expected=row.state,
        to=CertificateState.SUSPENDED if is_hold else CertificateState.REVOKED,
        changes={
            "revoked_at": revoked_at,
            "revocation_reason": order.reason.value,
            "invalid_since": invalid_since,
        },
        action="certificate.suspend" if is_hold else "certificate.revoke",
        details={**order.details, "reason": order.reason.value, **dates},
    )


def _released(details: Mapping[str, object], row: Row[Any], now: datetime) -> _Move:
    """Suspended goes back to issued, as if nothing had been; the audit remembers."""
    if row.state == CertificateState.REVOKED:
        raise Conflict(_REVOKED_ALREADY, serial=row.serial_hex)
    if row.state != CertificateState.SUSPENDED:
        raise Conflict(_NOT_SUSPENDED, serial=row.serial_hex)
    return _Move(
        serial_hex=row.serial_hex,
        expected=row.state,
        to=CertificateState.ISSUED,
        changes={"revoked_at": None, "revocation_reason": None, "invalid_since": None},
        action="certificate.release",
        details=details,
    )


def _locked_rows(serials: Sequence[str]) -> dict[str, Row[Any]]:
    """The rows of certificates that exist, which nobody else can move until the commit.

    Locked in one order everywhere, so that two bulk orders never wait for each other's rows.
    """
    found: dict[str, Row[Any]] = {}
    wanted = sorted(set(serials))
    for start in range(0, len(wanted), _CHUNK):
        rows = db.session.execute(
            select(
                Certificate.id,
                Certificate.serial_hex,
                Certificate.state,
                Certificate.revoked_at,
                Certificate.invalid_since,
            )
            .where(
                Certificate.serial_hex.in_(wanted[start : start + _CHUNK]),
                Certificate.state.in_(EXISTING),
            )
            .order_by(Certificate.serial_hex)
            .with_for_update()
        )
        found |= {row.serial_hex: row for row in rows}
    return found


def _store(moves: Mapping[int, _Move]) -> None:
    """The rows are moved by compare-and-set, those that move alike by one statement.

    What OCSP answered about them until now is forgotten with the same commit.
    """
    alike: dict[tuple[object, ...], list[int]] = {}
    for row_id, move in moves.items():
        alike.setdefault((move.expected, move.to, *move.changes.items()), []).append(row_id)
    for ids in alike.values():
        move = moves[ids[0]]
        for start in range(0, len(ids), _CHUNK):
            part = ids[start : start + _CHUNK]
            result: Any = db.session.execute(
                update(Certificate)
                .where(Certificate.id.in_(part), Certificate.state == move.expected)
                .values(state=move.to.value, **move.changes)
                .execution_options(synchronize_session=False)
            )
            if result.rowcount != len(part):
                raise Conflict(LOST_RACE)
            db.session.execute(delete(OcspAnswer).where(OcspAnswer.certificate_id.in_(part)))
    changed("certificate", moves)


def _event(move: _Move) -> Happening:
    return Happening(
        action=move.action, subject=f"certificate:{move.serial_hex}", details=dict(move.details)
    )
