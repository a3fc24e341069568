"""Issuing in bulk: the whole path against key + wrap + CA signature alone, in the same run."""

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from flask import Flask

from signer.audit import Audit
from signer.ca import Authority, IssueOrder, SubjectFacts, build_hierarchy, load_profiles
from signer.clock import Clock
from signer.config import Settings
from signer.db import Base, db
from signer.jobs.service import CHUNK
from signer.pkcs11 import Hsm, Vault, configure_softhsm, ensure_ca_key, ensure_token

ROUNDS = 6  # of path and floor in turn, so that both meet the same noise; the best of each counts
BASE_URL = "http://ca.example"


def measure() -> dict[str, Any]:
    """Certificates per second through one process, and the floor under them."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ.pop("SOFTHSM2_CONF", None)
        configure_softhsm(home)
        settings = Settings(home=home)
        ensure_token(settings.pkcs11_module, "bench", home / "bench.pin")
        hsm = Hsm(settings.pkcs11_module, "bench", home / "bench.pin")
        vault = Vault(hsm)
        vault.prepare()
        key = ensure_ca_key(hsm, "ca")
        app = Flask("bench")
        app.config["SQLALCHEMY_DATABASE_URI"] = settings.database
        db.init_app(app)
        with app.app_context():
            Base.metadata.create_all(db.engine)
            authority = _authority(hsm, key)
            _path(authority, vault, 0)  # the first chunk loads pkilint and warms every cache
            seconds = [
                (_path(authority, vault, turn), _floor(vault, key)) for turn in range(1, ROUNDS + 1)
            ]
            db.session.remove()
            db.engine.dispose()
        hsm.close()
    value = CHUNK / min(path for path, _ in seconds)
    floor = CHUNK / min(alone for _, alone in seconds)
    return {
        "name": "issue-bulk",
        "value": round(value, 1),
        "unit": "certificates/s",
        "floor": round(floor, 1),
        "ratio": round(value / floor, 3),
        "conditions": {
            "path": "wrapped key, lint, SQLite with fsync, SoftHSM, audit chain",
            "floor": "P-256 key + wrap in SoftHSM, then one CA signature",
            "chunk": CHUNK,
            "rounds": ROUNDS,
            "keys": "P-256 CA, P-256 personal",
            "processes": 1,
        },
    }


def _path(authority: Authority, vault: Vault, turn: int) -> float:
    """Seconds for one chunk: keys made and wrapped, certificates issued and stored."""
    begin = time.perf_counter()
    orders = [
        IssueOrder(
            intent=f"bench-{turn}-{index}",
            subject=_facts(turn, index),
            public_key_der=wrapped.public_key_der,
        )
        for index, wrapped in enumerate(vault.generate_many(CHUNK))
    ]
    outcomes = authority.issue_many(orders, "system")
    seconds = time.perf_counter() - begin
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    return seconds


def _floor(vault: Vault, key: Any) -> float:
    """Seconds for as many keys, wrappings and CA signatures and nothing else."""
    algorithm = ec.ECDSA(SHA256())
    begin = time.perf_counter()
    made = vault.generate_many(CHUNK)
    with key.held() as held:
        for wrapped in made:
            held.sign(wrapped.public_key_der, algorithm)
    return time.perf_counter() - begin


def _authority(hsm: Hsm, key: Any) -> Authority:
    clock, profiles = Clock(), load_profiles()
    hierarchy = build_hierarchy(
        root_key=ensure_ca_key(hsm, "root", profiles.root.key),
        issuing_key=key,
        organisation="ỦY BAN NHÂN DÂN THÀNH PHỐ HÀ NỘI",
        base_url=BASE_URL,
        profiles=profiles,
        at=clock.now(),
    )
    return Authority(
        key=key,
        certificate=hierarchy.issuing,
        chain=[hierarchy.root],
        profiles=profiles,
        clock=clock,
        audit=Audit(clock),
        base_url=BASE_URL,
    )


def _facts(turn: int, index: int) -> SubjectFacts:
    return SubjectFacts(
        common_name="Nguyễn Thị Ánh",
        organisation="ỦY BAN NHÂN DÂN THÀNH PHỐ HÀ NỘI",
        units=("Ủy ban nhân dân phường Hoàn Kiếm", "Phòng Văn hóa - Xã hội"),
        locality="Hà Nội",
        email=f"canbo{turn}.{index}@hoankiem.hanoi.gov.vn",
    )
