"""kill -9 at every boundary of the CA's acts: what was signed is in the ledger, nothing twice.

A first run that nobody disturbs counts the boundaries (commits from both sides, signatures from
both sides, files about to be replaced); then each of them is died at, in a copy of its own.
"""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from flask import Flask
from sqlalchemy import select

from signer.audit import Audit
from signer.audit.models import AuditEvent
from signer.ca import Authority, Certificate, IssueOrder
from signer.ca.models import CertificateBytes
from signer.db import db
from tests.ca import killed_child
from tests.ca.checked import findings
from tests.ca.conftest import Keys
from tests.ca.factory import (
    authority_of,
    facts,
    issued,
    ledger_app,
    public_key_der,
)
from tests.ca.hierarchies import Hierarchy
from tests.clocks import StandingClock
from tests.databases import both_databases, copy_of
from tests.killing import Mortals

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CHUNK = 3


class Room:
    """The CA's room with its folder; `killed` is the same room after a death in it."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        token_home: Path,
        keys: Keys,
        hierarchy: Hierarchy,
        clock: StandingClock,
        mortals: Mortals,
    ) -> None:
        self._mortals = mortals
        self._folder, self._database_url, self._token_home = folder, database_url, token_home
        self.copy = folder / "copy"
        self._hierarchy, self._keys, self.clock = hierarchy, keys, clock
        self.published = folder / "published"
        self.audit = Audit(clock)
        self.authority = self._authority(self.published)

    def _authority(self, published: Path) -> Authority:
        return authority_of(
            self._keys.issuing,
            self._hierarchy,
            killed_child.few_shards(),
            self.clock,
            self.audit,
            published=published,
        )

    def boundaries(self, act: str, **facts: Any) -> list[tuple[str, int]]:
        """Every point that the act comes past when nobody disturbs it."""
        with self._copy() as (database_url, published):
            return self._mortals.seen(self._plan(act, database_url, published, facts))

    @contextmanager
    def killed(self, act: str, point: tuple[str, int], **facts: Any) -> Iterator[Authority]:
        """The act died there; inside, the context is that of the next start."""
        with self._copy() as (database_url, published):
            self._mortals.kill(self._plan(act, database_url, published, facts), point)
            try:
                with ledger_app(database_url).app_context():
                    try:
                        yield self._authority(published)
                        at_once = timedelta()
                        self.clock.move(timedelta(microseconds=1))
                        found = findings(
                            self.authority, self.audit, self.clock, published, patience=at_once
                        )
                        assert found == []
                    finally:
                        db.session.remove()
                        db.engine.dispose()
            except BaseException as error:
                error.add_note(f"killed {point}")
                raise

    @contextmanager
    def _copy(self) -> Iterator[tuple[str, Path]]:
        db.session.remove()
        db.engine.dispose()
        self.copy.mkdir()
        if self.published.exists():
            shutil.copytree(self.published, self.copy / "published")
        yield copy_of(self._database_url, self.copy), self.copy / "published"
        shutil.rmtree(self.copy)

    def _plan(
        self, act: str, database_url: str, published: Path, facts: dict[str, Any]
    ) -> dict[str, Any]:
        (self._folder / "signatures.log").write_text("")
        chain = (self._hierarchy.root, self._hierarchy.issuing)
        return facts | {
            "act": act,
            "token_home": str(self._token_home),
            "database": database_url,
            "published": str(published),
            "log": str(self._folder / "signatures.log"),
            "chain": [c.public_bytes(Encoding.PEM).decode() for c in chain],
            "key_label": "ca-tests-issuing",
            "at": self.clock.now().isoformat(),
        }

    def signed_by_the_dead(self) -> list[str]:
        """SHA-256 of every TBS that the CA signed before it died."""
        return (self._folder / "signatures.log").read_text().split()


@pytest.fixture(scope="module")
def mortals(token_home: Path) -> Iterator[Mortals]:
    made = Mortals("tests.ca.killed_child")
    yield made
    made.close()


@pytest.fixture
def room(
    app: Flask,
    tmp_path: Path,
    database_url: str,
    token_home: Path,
    ca_keys: Keys,
    hierarchy: Hierarchy,
    clock: StandingClock,
    mortals: Mortals,
) -> Room:
    return Room(tmp_path, database_url, token_home, ca_keys, hierarchy, clock, mortals)


def orders(count: int) -> list[IssueOrder]:
    return [
        IssueOrder(intent=f"signing-key-{i}", subject=facts(), public_key_der=public_key_der())
        for i in range(count)
    ]


def as_facts(wanted: Sequence[IssueOrder]) -> list[list[str]]:
    return [[order.intent, order.public_key_der.hex()] for order in wanted]


def states() -> Counter[str]:
    found = Counter(db.session.scalars(select(Certificate.state)))
    db.session.rollback()
    return found


def count_events(action: str) -> int:
    return len(db.session.scalars(select(AuditEvent.seq).where(AuditEvent.action == action)).all())


@both_databases
def test_issuing(room: Room) -> None:
    """Stored bytes are finished, never a second TBS under one serial; the rest is done again."""
    wanted = orders(2 * CHUNK)
    act = {"orders": as_facts(wanted), "chunk": CHUNK}
    points = room.boundaries("issue", **act)
    assert Counter(name for name, _ in points) == {
        "before commit": 4,  # each chunk commits twice
        "after commit": 4,
        "before signature": 2 * CHUNK,
        "after signature": 2 * CHUNK,
    }
    for point in points:
        with room.killed("issue", point, **act) as authority:
            rows = select(Certificate.intent, Certificate.serial_hex)
            reserved = dict(db.session.execute(rows).all())  # type: ignore[arg-type]  # pairs
            db.session.rollback()
            authority.resume("system")
            certificates = issued(authority.issue_many(wanted, "system"))
            assert authority.resume("system") == 0
            assert {c.intent for c in certificates} == {order.intent for order in wanted}
            assert all(reserved.get(c.intent, c.serial_hex) == c.serial_hex for c in certificates)
            assert states() == {"issued": 2 * CHUNK}
            stored = db.session.scalars(select(CertificateBytes.tbs_der))
            in_ledger = {hashlib.sha256(tbs_der).hexdigest() for tbs_der in stored}
            assert set(room.signed_by_the_dead()) <= in_ledger
            assert count_events("certificate.issue") == 2 * CHUNK


@both_databases
def test_revoking(room: Room) -> None:
    """Each act is done or not begun; asked again, it is done once."""
    certificates = issued(room.authority.issue_many(orders(6), "system"))
    serials = [certificate.serial for certificate in certificates]
    for serial in serials[4:]:
        room.authority.suspend(serial, "clerk")
    act = {"serials": serials}
    points = room.boundaries("revoke", **act)
    assert Counter(name for name, _ in points) == {"before commit": 4, "after commit": 4}
    for point in points:
        with room.killed("revoke", point, **act) as authority:
            authority.refresh_crl()  # lists of the ledger as the dead one left it
            killed_child.revoke(authority, act)
            assert states() == {"revoked": 4, "suspended": 1, "issued": 1}
            assert count_events("certificate.revoke") == 4
            assert count_events("certificate.suspend") == 3
            assert count_events("certificate.release") == 1
            authority.refresh_crl()


@both_databases
def test_publishing(room: Room) -> None:
    """The next refresh makes what is missing; no file and no number ever goes back."""
    certificates = issued(room.authority.issue_many(orders(3), "system"))
    room.authority.refresh_crl()
    for certificate in certificates:
        room.authority.suspend(certificate.serial, "clerk")
    room.clock.move(timedelta(hours=13))
    points = room.boundaries("publish")
    seen = Counter(name for name, _ in points)
    assert seen == {
        "before commit": 2,
        "after commit": 2,
        "before signature": 3,  # the complete list and two shards
        "after signature": 3,
        "before a file is replaced": 3,
    }
    before = numbers(room.published)
    for point in points:
        with room.killed("publish", point) as authority:
            between = numbers(room.copy / "published")
            authority.refresh_crl()
            after = numbers(room.copy / "published")
            assert all(before[name] <= between[name] <= after[name] for name in before)
            assert all(before[name] < after[name] for name in before)


def numbers(published: Path) -> dict[str, int]:
    """The CRL number in each published file; a file that is no whole list ends the test."""
    return {
        file.name: x509.load_der_x509_crl(file.read_bytes())
        .extensions.get_extension_for_class(x509.CRLNumber)
        .value.crl_number
        for file in published.rglob("*.crl")
    }
