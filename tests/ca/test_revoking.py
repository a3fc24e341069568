"""Revoking, suspending, releasing: what may follow what, in one commit, with its record."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from cryptography import x509
from flask import Flask
from sqlalchemy import event, func, insert, select

from signer.audit import Audit
from signer.ca import (
    Authority,
    Certificate,
    CertificateState,
    CertificateStatus,
    RevocationOrder,
    RevocationReason,
)
from signer.ca.models import OcspAnswer
from signer.db import db, transaction
from signer.errors import Conflict, Invalid, NotFound, SignerError
from tests.ca.factory import START, issued, order
from tests.clocks import StandingClock
from tests.databases import both_databases

SECOND = START.replace(microsecond=0)
HOLD = RevocationReason.CERTIFICATE_HOLD
SUPERSEDED = RevocationReason.SUPERSEDED


def serials(authority: Authority, count: int) -> list[int]:
    """So many new certificates."""
    wanted = [order(f"key-{i}") for i in range(count)]
    return [one.serial for one in issued(authority.issue_many(wanted, "system"))]


def row_of(serial: int) -> Certificate:
    db.session.rollback()
    return db.session.scalars(
        select(Certificate).where(Certificate.serial_hex == f"{serial:x}")
    ).one()


def events_of(audit: Audit, serial: int) -> list[tuple[str, dict[str, object]]]:
    """What the audit says of a certificate after its issue, oldest first."""
    found = audit.events(subject=f"certificate:{serial:x}")
    return [(e.action, json.loads(e.details)) for e in reversed(found)][1:]


Act = Callable[[Authority, int], None]
ACTS: dict[str, Act] = {
    "revoke": lambda authority, serial: authority.revoke(serial, SUPERSEDED, "hr"),
    "suspend": lambda authority, serial: authority.suspend(serial, "hr"),
    "release": lambda authority, serial: authority.release(serial, "hr"),
}
ISSUED, SUSPENDED, REVOKED = (
    CertificateState.ISSUED,
    CertificateState.SUSPENDED,
    CertificateState.REVOKED,
)
WAYS: dict[tuple[str, ...], list[CertificateState | type[SignerError]]] = {
    ("revoke", "revoke"): [REVOKED, Conflict],
    ("revoke", "suspend"): [REVOKED, Conflict],
    ("revoke", "release"): [REVOKED, Conflict],
    ("release",): [Conflict],
    ("suspend", "suspend"): [SUSPENDED, Conflict],
    ("suspend", "release", "release"): [SUSPENDED, ISSUED, Conflict],
    ("suspend", "release", "suspend"): [SUSPENDED, ISSUED, SUSPENDED],
    ("suspend", "release", "revoke"): [SUSPENDED, ISSUED, REVOKED],
    ("suspend", "revoke", "release"): [SUSPENDED, REVOKED, Conflict],
}


@pytest.mark.parametrize("way", WAYS, ids="-".join)
@both_databases
def test_only_a_suspension_ever_goes_back(
    authority: Authority, audit: Audit, way: tuple[str, ...]
) -> None:
    """A refused act leaves state, record and number of events as they were."""
    (serial,) = serials(authority, 1)
    state, done = ISSUED, 0
    for act, outcome in zip(way, WAYS[way], strict=True):
        if isinstance(outcome, CertificateState):
            ACTS[act](authority, serial)
            state, done = outcome, done + 1
        else:
            with pytest.raises(outcome):
                ACTS[act](authority, serial)
        assert row_of(serial).state == state
        assert len(events_of(audit, serial)) == done
    assert audit.verify() == done + 1


@both_databases
def test_each_order_of_many_has_its_own_outcome(authority: Authority, audit: Audit) -> None:
    good, gone, held, twice = serials(authority, 4)
    authority.revoke(gone, SUPERSEDED, "hr")
    authority.suspend(held, "hr")
    reserved = authority._issuing
    reserved._reserve([order("reserved")], {})
    half_done = int(
        db.session.scalars(
            select(Certificate.serial_hex).where(Certificate.state == CertificateState.RESERVED)
        ).one(),
        16,
    )
    db.session.rollback()
    wanted: list[tuple[int, RevocationReason, type[SignerError] | None]] = [
        (good, SUPERSEDED, None),
        (gone, SUPERSEDED, Conflict),
        (held, HOLD, Conflict),
        (held, RevocationReason.KEY_COMPROMISE, None),
        (1, SUPERSEDED, NotFound),
        (half_done, SUPERSEDED, NotFound),
        (twice, HOLD, None),
        (twice, SUPERSEDED, Conflict),
    ]
    orders = [RevocationOrder(serial=serial, reason=reason) for serial, reason, _ in wanted]
    outcomes = authority.revoke_many(orders, "hr")
    assert [o and type(o) for o in outcomes] == [expected for _, _, expected in wanted]
    assert [row_of(s).state for s in (good, held, twice)] == [REVOKED, REVOKED, SUSPENDED]
    outcomes = authority.release_many([twice, good, 1], "hr")
    assert [o and type(o) for o in outcomes] == [None, Conflict, NotFound]
    audit.verify()


def test_the_revocation_date_is_the_act_and_the_exposure_stands_beside_it(
    authority: Authority, clock: StandingClock, audit: Audit
) -> None:
    """RFC 5280 5.3.2: lists that came between would otherwise have lied."""
    first, second, third = serials(authority, 3)
    clock.move(timedelta(days=9))
    now, exposed = SECOND + timedelta(days=9), SECOND + timedelta(days=2)
    compromise = RevocationReason.KEY_COMPROMISE
    authority.revoke(first, compromise, "hr", at=exposed, details={"ground": "key_exposed"})
    assert (row_of(first).revoked_at, row_of(first).invalid_since) == (now, exposed)
    assert events_of(audit, first) == [
        (
            "certificate.revoke",
            {
                "ground": "key_exposed",
                "reason": "key_compromise",
                "revoked_at": now.isoformat(),
                "invalid_since": exposed.isoformat(),
            },
        )
    ]
    authority.revoke(second, compromise, "hr", at=now)
    assert (row_of(second).revoked_at, row_of(second).invalid_since) == (now, None)
    with pytest.raises(Invalid) as refused:
        authority.revoke(third, compromise, "hr", at=now + timedelta(seconds=1))
    assert refused.value.field == "at"
    entry = x509.load_der_x509_crl(
        authority.publish_crl()
    ).get_revoked_certificate_by_serial_number(first)
    assert entry is not None
    assert entry.revocation_date_utc == now
    dated = entry.extensions.get_extension_for_class(x509.InvalidityDate)
    assert dated.value.invalidity_date_utc == exposed


def test_what_was_on_hold_is_revoked_since_then_or_was_never_on_hold(
    authority: Authority, clock: StandingClock
) -> None:
    kept, lost = serials(authority, 2)
    for serial in (kept, lost):
        authority.suspend(serial, "hr")
        assert authority.status_of(serial, START) is CertificateStatus.SUSPENDED
        before = START - timedelta(seconds=1)
        assert authority.status_of(serial, before) is CertificateStatus.NOT_YET
    crl = x509.load_der_x509_crl(authority.publish_crl())
    held = {
        entry.serial_number: entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
        for entry in crl
    }
    assert held == dict.fromkeys((kept, lost), x509.ReasonFlags.certificate_hold)
    clock.move(timedelta(days=1))
    authority.release(kept, "hr")
    authority.revoke(lost, RevocationReason.AFFILIATION_CHANGED, "hr")
    assert authority.status_of(kept, clock.now()) is CertificateStatus.GOOD
    assert authority.status_of(lost, START) is CertificateStatus.REVOKED
    row = row_of(kept)
    assert (row.revoked_at, row.revocation_reason, row.invalid_since) == (None, None, None)
    clock.move(timedelta(days=1))
    (entry,) = x509.load_der_x509_crl(authority.publish_crl())
    assert (entry.serial_number, entry.revocation_date_utc) == (lost, SECOND)


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements and commits of the block."""
    seen: list[str] = []

    def statement(_c: object, _k: object, sql: str, *_: object) -> None:
        seen.append(sql.split()[0])

    def commit(_c: object) -> None:
        seen.append("COMMIT")

    event.listen(db.engine, "before_cursor_execute", statement)
    event.listen(db.engine, "commit", commit)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", statement)
        event.remove(db.engine, "commit", commit)


@both_databases
def test_two_hundred_are_one_commit_of_a_few_statements(authority: Authority) -> None:
    """Mixed reasons too; what OCSP answered about them is forgotten in the same commit."""
    all_of_them = serials(authority, 200)
    ids = db.session.scalars(select(Certificate.id)).all()
    db.session.rollback()
    answer = {"cert_id": b"x", "der": b"x", "this_update": START, "next_update": START}
    with transaction():
        db.session.execute(insert(OcspAnswer), [{"certificate_id": i, **answer} for i in ids])
    reasons = [HOLD, SUPERSEDED, RevocationReason.KEY_COMPROMISE]
    orders = [
        RevocationOrder(serial=serial, reason=reasons[place % 3])
        for place, serial in enumerate(all_of_them[:-1])
    ]
    with counted() as seen:
        assert not any(authority.revoke_many(orders, "hr"))
    assert seen.count("COMMIT") == 1
    assert len(seen) <= 16
    assert db.session.scalar(select(func.count()).select_from(OcspAnswer)) == 1


@both_databases
def test_of_many_at_once_each_certificate_is_revoked_by_one(
    app: Flask, authority: Authority, audit: Audit
) -> None:
    """Bulk orders in opposite directions neither wait for each other for ever nor win twice."""
    wanted = serials(authority, 12)
    directions = [wanted, wanted[::-1], wanted[6:] + wanted[:6], wanted]

    def work(these: list[int]) -> int:
        with app.app_context():
            orders = [RevocationOrder(serial=serial, reason=SUPERSEDED) for serial in these]
            outcomes = authority.revoke_many(orders, "hr")
            db.session.remove()
            assert all(outcome is None or isinstance(outcome, Conflict) for outcome in outcomes)
            return outcomes.count(None)

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(work, directions)) == 12
    assert audit.verify() == 24
