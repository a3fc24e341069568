"""Which lists are made anew and when; numbers that only rise; bytes that are let go."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, insert, select, update

from signer.audit import Audit
from signer.ca import Authority, Certificate, CertificateState, ProfileSet, RevocationReason
from signer.ca.models import Crl
from signer.db import db, transaction
from signer.errors import NotFound, Unavailable
from signer.pkcs11 import Hsm
from tests.ca.conftest import Keys
from tests.ca.factory import START, issued, order
from tests.ca.listing import SHARDS, list_authority, number_of, serials_of
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.softhsm import token_away

SUPERSEDED = RevocationReason.SUPERSEDED
ALL = {None, *range(SHARDS)}


@pytest.fixture
def authority(app: Flask, profiles: ProfileSet, clock: StandingClock) -> Authority:
    return list_authority(profiles, clock)


def lists() -> dict[int | None, int]:
    """How many lists of each shard were made."""
    db.session.rollback()
    return {
        row[0]: row[1]
        for row in db.session.execute(select(Crl.shard, func.count()).group_by(Crl.shard))
    }


def made_by_refresh(authority: Authority) -> set[int | None]:
    """The shards whose list this refresh made anew."""
    before = lists()
    made = authority.refresh_crl()
    after = lists()
    changed = {shard for shard in after if after[shard] != before.get(shard, 0)}
    assert made == bool(changed)
    return changed


@both_databases
def test_every_change_is_on_its_shards_list_and_the_complete_one(
    authority: Authority, clock: StandingClock
) -> None:
    """Also a release, which lowers the count, and a revocation of what is on hold already."""
    (one,) = issued(authority.issue_many([order("key-1")], "system"))
    shard = one.serial % SHARDS
    assert made_by_refresh(authority) == ALL
    assert made_by_refresh(authority) == set()
    listed = {one.serial}
    for act, expected in (
        (lambda: authority.suspend(one.serial, "hr"), listed),
        (lambda: authority.release(one.serial, "hr"), set()),
        (lambda: authority.suspend(one.serial, "hr"), listed),
        (lambda: authority.revoke(one.serial, SUPERSEDED, "hr"), listed),
    ):
        clock.move(timedelta(seconds=1))
        act()
        assert made_by_refresh(authority) == {None, shard}
        assert made_by_refresh(authority) == set()
        assert serials_of(authority.current_crl_der(shard)) == expected
        assert serials_of(authority.current_crl_der()) == expected
        assert serials_of(authority.current_crl_der((shard + 1) % SHARDS)) == set()


def test_issuing_alone_makes_no_list(authority: Authority) -> None:
    authority.refresh_crl()
    issued(authority.issue_many([order("key-1")], "system"))
    assert made_by_refresh(authority) == set()


def test_an_abandoned_serial_is_a_change(
    authority: Authority, profiles: ProfileSet, clock: StandingClock
) -> None:
    """What an earlier CA left half-signed goes on the lists, dated when it was reserved."""
    earlier = list_authority(profiles, clock)  # another key, so the name's bytes do not fit
    earlier._issuing._reserve([order("key-1")], {})
    db.session.rollback()
    authority.refresh_crl()
    with transaction():
        row = db.session.scalars(select(Certificate)).one()
        row.not_after = clock.now()
    authority.resume("system")
    row = db.session.scalars(select(Certificate)).one()
    assert row.state == CertificateState.ABANDONED
    shard, serial = row.shard, int(row.serial_hex, 16)
    assert made_by_refresh(authority) == {None, shard}
    assert serials_of(authority.current_crl_der(shard)) == {serial}


@both_databases
def test_all_are_made_anew_at_half_of_their_life(
    authority: Authority, clock: StandingClock, profiles: ProfileSet
) -> None:
    authority.refresh_crl()
    half = timedelta(seconds=profiles.issuing.crl_seconds / 2)
    clock.at = START.replace(microsecond=0) + half - timedelta(seconds=1)
    assert made_by_refresh(authority) == set()
    clock.move(timedelta(seconds=1))
    assert made_by_refresh(authority) == ALL


def fill(count: int) -> None:
    """So many certificates that were revoked long ago, none of them on the last shard."""
    row = {
        "state": "revoked",
        "profile": "personal-signature",
        "subject_cn": "A",
        "subject_email": "a@hanoi.gov.vn",
        "spki_sha256": "",
        "not_before": START,
        "not_after": START,
        "reserved_at": START,
        "issued_at": START,
        "revoked_at": START,
        "revocation_reason": "superseded",
    }
    with transaction():
        db.session.execute(
            insert(Certificate),
            [
                row | {"serial_hex": f"{(1 << 158) + i:x}", "intent": f"old-{i}", "shard": i % 3}
                for i in range(count)
            ],
        )


def test_a_long_complete_list_waits_a_millisecond_a_line_and_its_shards_do_not(
    authority: Authority, clock: StandingClock
) -> None:
    """One revocation does not cost a complete list each time; nothing is missed for it."""
    fill(5000)
    made = issued(authority.issue_many([order(f"key-{i}") for i in range(3)], "system"))
    authority.refresh_crl()
    for one in made:
        clock.move(timedelta(seconds=1))
        authority.revoke(one.serial, SUPERSEDED, "hr")
        assert made_by_refresh(authority) == {one.serial % SHARDS}
        assert len(serials_of(authority.current_crl_der())) == 5000
    clock.at = START.replace(microsecond=0) + timedelta(seconds=5)
    assert made_by_refresh(authority) == {None}
    assert len(serials_of(authority.current_crl_der())) == 5003


def test_the_lists_together_wait_for_nothing(authority: Authority, clock: StandingClock) -> None:
    """Our own verdicts on signatures are never behind the shards."""
    fill(5000)
    made = issued(authority.issue_many([order(f"key-{i}") for i in range(3)], "system"))
    assert len(authority.current_crl_ders()) == 1
    for count, one in enumerate(made, start=1):
        clock.move(timedelta(seconds=1))
        authority.revoke(one.serial, SUPERSEDED, "hr")
        known = set().union(*(serials_of(der) for der in authority.current_crl_ders()))
        assert {one.serial for one in made[:count]} <= known


def test_a_certificate_that_names_the_complete_list_is_on_it_at_once(
    authority: Authority, clock: StandingClock
) -> None:
    """Those of release 0001 name no other one, and no OCSP."""
    fill(5000)
    (made,) = issued(authority.issue_many([order("key-1")], "system"))
    with transaction():
        db.session.execute(
            update(Certificate).where(Certificate.serial_hex == made.serial_hex).values(shard=None)
        )
    authority.refresh_crl()
    clock.move(timedelta(seconds=1))
    authority.revoke(made.serial, SUPERSEDED, "hr")
    assert made_by_refresh(authority) == {None}
    assert made.serial in serials_of(authority.current_crl_der())


def test_the_current_list_knows_of_every_change(authority: Authority) -> None:
    """Whoever asks for it need not wait for the next refresh."""
    (one,) = issued(authority.issue_many([order("key-1")], "system"))
    for shard in (None, one.serial % SHARDS):
        assert serials_of(authority.current_crl_der(shard)) == set()
    authority.revoke(one.serial, SUPERSEDED, "hr")
    for shard in (None, one.serial % SHARDS):
        assert serials_of(authority.current_crl_der(shard)) == {one.serial}
        assert authority.current_crl_der(shard) == authority.current_crl_der(shard)


def test_while_the_hsm_is_away_a_list_serves_until_it_runs_out(
    app: Flask,
    ca_keys: Keys,
    profiles: ProfileSet,
    clock: StandingClock,
    token_home: Path,
    hsm: Hsm,
) -> None:
    authority = list_authority(profiles, clock, key=ca_keys.issuing)  # type: ignore[arg-type]
    (one,) = issued(authority.issue_many([order("key-1")], "system"))
    before = authority.current_crl_der()
    authority.revoke(one.serial, SUPERSEDED, "hr")
    with token_away(token_home, hsm):
        assert authority.current_crl_der() == before
        with pytest.raises(Unavailable):
            authority.refresh_crl()
        clock.move(timedelta(seconds=profiles.issuing.crl_seconds))
        with pytest.raises(Unavailable):
            authority.current_crl_der()
    assert serials_of(authority.current_crl_der()) == {one.serial}


def test_a_shard_that_does_not_exist_has_no_list(authority: Authority) -> None:
    for act in (authority.publish_crl, authority.current_crl_der):
        with pytest.raises(NotFound):
            act(shard=SHARDS)
        with pytest.raises(NotFound):
            act(shard=-1)
    assert lists() == {}


def test_a_shard_of_an_older_profile_keeps_its_list(
    authority: Authority, profiles: ProfileSet, clock: StandingClock
) -> None:
    """Certificates name it as long as they live."""
    made = issued(authority.issue_many([order(f"key-{i}") for i in range(20)], "system"))
    count = max(one.serial % SHARDS for one in made) + 1
    fewer = list_authority(profiles, clock, shards=1)
    assert made_by_refresh(fewer) == {None, *range(count)}


@both_databases
def test_only_the_newest_list_of_a_shard_keeps_its_bytes(
    authority: Authority, audit: Audit
) -> None:
    """The SHA-256 of the others stays, in the row and in the record."""
    published = [authority.publish_crl(shard=shard) for shard in (0, None, 0, 1, None)]
    assert [number_of(der) for der in published] == [1, 2, 3, 4, 5]
    db.session.rollback()
    rows = db.session.execute(select(Crl.number, Crl.der, Crl.sha256).order_by(Crl.number)).all()
    assert [row.der for row in rows] == [None, None, *published[2:]]
    assert all(row.sha256 for row in rows)
    recorded = [e.details for e in audit.events() if e.action == "crl.publish"]
    for row, details in zip(rows, reversed(recorded), strict=True):
        assert row.sha256 in details
    db.session.rollback()


@both_databases
def test_of_many_publishers_at_once_no_higher_number_says_less(
    app: Flask, authority: Authority, audit: Audit
) -> None:
    """While certificates are revoked one by one, every list knows at least what the last did."""
    made = issued(authority.issue_many([order(f"key-{i}") for i in range(8)], "system"))

    def publish(_: int) -> list[bytes]:
        with app.app_context():
            lists = [authority.publish_crl() for _ in range(4)]
            db.session.remove()
            return lists

    def revoke(_: int) -> list[bytes]:
        with app.app_context():
            for one in made:
                authority.revoke(one.serial, SUPERSEDED, "hr")
            db.session.remove()
            return []

    with ThreadPoolExecutor(4) as threads:
        jobs = [threads.submit(act, 0) for act in (publish, revoke, publish, publish)]
        published = sorted((der for job in jobs for der in job.result()), key=number_of)
    assert [number_of(der) for der in published] == list(range(1, 13))
    said = [serials_of(der) for der in published]
    assert all(before <= after for before, after in pairwise(said))
    db.session.rollback()
    kept = db.session.scalars(select(Crl.number).where(Crl.der.is_not(None))).all()
    assert list(kept) == [12]
    assert authority.current_crl_der() is not None
    audit.verify()
