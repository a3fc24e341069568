"""A CRL of a million lines: from the ledger's rows to the signed list, stored and in its file.

The floor is what nobody can do without: the same rows fetched from the same database and thrown
away, a SHA-256 over as many bytes, one signature.
"""

import hashlib
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from flask import Flask
from sqlalchemy import func, select

from signer.audit import Audit
from signer.ca import (
    Authority,
    Certificate,
    RevocationOrder,
    RevocationReason,
    load_profiles,
)
from signer.ca.certificate import last_second, new_serial, sign_tbs, whole_second
from signer.ca.hierarchy import CaFacts, ca_tbs, spki
from signer.ca.models import Crl
from signer.ca.names import ca_name
from signer.ca.schemes import scheme_for
from signer.clock import Clock
from signer.db import Base, db

MILLION = 1_000_000
ROUNDS = 3  # the best counts: other work on the machine only ever adds to a time


def measure() -> dict[str, Any]:
    """Seconds for the complete list of a million and of two, and for a million in shards."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "signer.sqlite3"
        flask = Flask("bench")
        flask.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{database}"
        db.init_app(flask)
        with flask.app_context():
            Base.metadata.create_all(db.engine)
            authority, shards = _authority(Path(folder) / "published")
            _fill(database, "revoked", MILLION)
            base = _peak_from_now_on()
            authority.publish_crl()  # warms every cache, and takes the memory it needs
            growth = _peak_bytes() - base
            once, processor = _best(authority.publish_crl)
            size = len(authority.current_crl_der())
            floor, _ = _best(lambda: _floor(database, size))
            spread = _spread(authority, database, shards)
            _fill(database, "revoked", MILLION)
            twice, twice_processor = _best(authority.publish_crl)
            db.session.remove()
            db.engine.dispose()
    return {
        "name": "crl-million",
        "value": round(once, 2),
        "unit": "s",
        "floor": round(floor, 2),
        "ratio": round(floor / once, 3),
        "conditions": {
            "path": "rows, numbers, DER, signature, database with fsync, file with fsync",
            "floor": "the same rows fetched and thrown away, SHA-256, one signature",
            "lines": MILLION,
            "bytes": size,
            "processor_s": round(processor, 2),
            "peak_memory_mb": round(growth / 1e6),
            "twice_the_lines_s": round(twice, 2),
            "twice_ratio": round(twice / once, 2),
            "twice_processor_ratio": round(twice_processor / processor, 2),
            "shards": shards,
            "all_shards_s": round(spread, 2),
            "rounds": ROUNDS,
            "key": "P-256 in memory",
        },
    }


def _authority(published: Path) -> tuple[Authority, int]:
    """An issuing CA with keys in memory, and into how many shards its lists are spread."""
    clock, profiles = Clock(), load_profiles()
    key = ec.generate_private_key(ec.SECP256R1())
    not_before = whole_second(clock.now())
    name = ca_name(country="VN", organisation="bench", common_name="CA")
    facts = CaFacts(
        subject_der=name.public_bytes(),
        public_key_der=spki(key.public_key()),
        not_before=not_before,
        not_after=last_second(not_before, 3650),
        path_length=0,
        scheme=scheme_for(key.public_key()),
    )
    tbs = ca_tbs(facts, new_serial())
    certificate = x509.load_der_x509_certificate(sign_tbs(key, tbs, key.public_key()))
    authority = Authority(
        key=key,
        certificate=certificate,
        chain=[certificate],
        profiles=profiles,
        clock=clock,
        audit=Audit(clock),
        base_url="http://ca.example",
        published=published,
    )
    return authority, profiles.issuing.crl_shards


def _fill(database: Path, state: str, count: int) -> list[int]:
    """So many more certificates of that state, evenly over the shards; their ids.

    Revoked ones each at a second of their own, for every reason in turn.
    """
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA cache_size = -1000000")  # random serials: all pages stay at hand
    connection.execute("PRAGMA synchronous = OFF")
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM certificate").fetchone()
    revoked_at = "strftime('%Y-%m-%d %H:%M:%S.000000', '2026-01-01', '+' || i || ' seconds')"
    reasons = "'superseded', 'key_compromise', 'affiliation_changed', 'cessation_of_operation'"
    connection.execute(
        f"""
        INSERT INTO certificate (id, serial_hex, intent, state, profile, subject_cn, subject_email,
            spki_sha256, shard, not_before, not_after, reserved_at, issued_at, revoked_at,
            revocation_reason)
        WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last),
            t(at) AS (SELECT '2026-01-01 00:00:00.000000')
        SELECT i, printf('%x', 64 + abs(random()) % 64) || lower(hex(randomblob(19))),
            'signing-key-' || i, :state, 'personal-signature', 'Nguyễn Thị Ánh',
            'canbo' || i || '@hanoi.gov.vn', lower(hex(randomblob(32))), i % 128, at,
            '2031-01-01 00:00:00.000000', at, at,
            CASE :state WHEN 'revoked' THEN {revoked_at} END,
            CASE :state WHEN 'revoked' THEN
                json_extract(json_array({reasons}), '$[' || (i % 4) || ']') END
        FROM n, t
        """,
        {"first": last + 1, "last": last + count, "state": state},
    )
    connection.commit()
    connection.close()
    return list(range(last + 1, last + count + 1))


def _spread(authority: Authority, database: Path, shards: int) -> float:
    """Seconds until every shard's list is made anew because one of its certificates was revoked."""
    authority.refresh_crl()  # the first lists of all
    seconds = []
    for _ in range(ROUNDS):
        ids = _fill(database, "issued", shards)
        rows = db.session.execute(select(Certificate.serial_hex).where(Certificate.id.in_(ids)))
        orders = [
            RevocationOrder(serial=int(serial, 16), reason=RevocationReason.KEY_COMPROMISE)
            for (serial,) in rows
        ]
        if any(authority.revoke_many(orders, "bench")):
            raise RuntimeError("the bench's own certificates cannot be revoked")
        begin = time.perf_counter()
        authority.refresh_crl()
        seconds.append(time.perf_counter() - begin)
    made = db.session.scalar(select(func.count()).select_from(Crl).where(Crl.shard.is_not(None)))
    if made != shards * (ROUNDS + 1):
        raise RuntimeError(f"{made} lists were made of {shards} shards")
    return min(seconds)


def _floor(database: Path, size: int) -> None:
    connection = sqlite3.connect(database)
    rows = connection.execute(
        "SELECT serial_hex, revoked_at, revocation_reason, invalid_since FROM certificate "
        "WHERE state IN ('suspended', 'revoked', 'abandoned')"
    )
    while rows.fetchmany(20_000):
        pass
    connection.close()
    hashlib.sha256(bytes(size)).digest()
    ec.generate_private_key(ec.SECP256R1()).sign(b"list", ec.ECDSA(SHA256()))


def _best(work: Callable[[], object]) -> tuple[float, float]:
    """The least seconds by the clock, and the least of processor time."""
    clock, processor = [], []
    for _ in range(ROUNDS):
        begin, begun = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - begin)
        processor.append(time.process_time() - begun)
    return min(clock), min(processor)


def _peak_from_now_on() -> int:
    """The peak of this process' memory counts anew; bytes it holds now (Linux, proc(5))."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status_bytes("VmRSS")


def _peak_bytes() -> int:
    return _status_bytes("VmHWM")


def _status_bytes(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {name}")
