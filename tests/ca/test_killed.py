"""kill -9 at every boundary of issuing: what was signed is in the ledger, nothing twice."""

import hashlib
import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from flask import Flask
from sqlalchemy import select

from signer.audit import Audit
from signer.ca import Authority, Certificate, CertificateState, Hierarchy, IssueOrder
from signer.ca.models import CertificateBytes
from signer.db import db
from tests.ca.factory import facts, issued, public_key_der

CHUNK, ORDERS = 5, 15

POINTS = [
    (name, count)
    for name in ("before commit", "after commit")
    for count in range(1, 2 * ORDERS // CHUNK + 1)  # each chunk commits twice
] + [(name, count) for name in ("before signature", "after signature") for count in (1, 3, 8, 15)]


@pytest.mark.parametrize(("point", "count"), POINTS)
def test_a_killed_issuing_goes_on_where_it_was(
    point: str,
    count: int,
    app: Flask,
    authority: Authority,
    audit: Audit,
    hierarchy: Hierarchy,
    token_home: Path,
    database_url: str,
    tmp_path: Path,
) -> None:
    orders = [
        IssueOrder(intent=f"signing-key-{i}", subject=facts(), public_key_der=public_key_der())
        for i in range(ORDERS)
    ]
    log = tmp_path / "signatures.log"
    log.touch()
    plan = {
        "token_home": str(token_home),
        "database": database_url,
        "log": str(log),
        "chain": [
            c.public_bytes(Encoding.PEM).decode() for c in (hierarchy.root, hierarchy.issuing)
        ],
        "key_label": "ca-tests-issuing",
        "orders": [[order.intent, order.public_key_der.hex()] for order in orders],
        "chunk": CHUNK,
        "point": point,
        "count": count,
    }
    plan_file = tmp_path / "plan.json"
    plan_file.write_text(json.dumps(plan))
    done = subprocess.run(
        [sys.executable, "-m", "tests.ca.killed_child", str(plan_file)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr

    reserved = dict(db.session.execute(select(Certificate.intent, Certificate.serial_hex)).all())
    db.session.rollback()
    authority.resume("system")
    certificates = issued(authority.issue_many(orders, "system"))

    assert authority.resume("system") == 0
    assert {c.intent for c in certificates} == {order.intent for order in orders}
    assert len({c.serial for c in certificates}) == ORDERS
    assert all(reserved.get(c.intent, c.serial_hex) == c.serial_hex for c in certificates)
    rows = db.session.scalars(select(Certificate)).all()
    assert Counter(row.state for row in rows) == {CertificateState.ISSUED: ORDERS}
    in_ledger = {
        hashlib.sha256(stored.tbs_der).hexdigest(): stored.certificate_der
        for stored in db.session.scalars(select(CertificateBytes))
    }
    for signed in log.read_text().split():
        der = in_ledger[signed]
        assert der is not None
        tbs = x509.load_der_x509_certificate(der).tbs_certificate_bytes
        assert hashlib.sha256(tbs).hexdigest() == signed
    assert audit.verify() == ORDERS
