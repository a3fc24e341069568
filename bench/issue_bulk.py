"""Issuing in bulk: the whole path against key + wrap + CA signature alone, in the same run.

The path is what a worker does with an approved request: items claimed from the queue, keys made
and wrapped, certificates drafted, linted, signed and stored, items settled, everything recorded.
"""

import os
import secrets
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from sqlalchemy import event

from signer.accounts import SYSTEM, Role
from signer.app import create_rooms
from signer.ca.certificate import (
    Addresses,
    Issuer,
    draft_certificate,
    last_second,
    new_serial,
    whole_second,
)
from signer.ca.lint import require_clean
from signer.ca.names import SubjectFacts
from signer.ca.profiles import load_profiles
from signer.ca.schemes import scheme_for
from signer.cli.ceremony import hold_ceremony
from signer.clock import Clock
from signer.config import Settings
from signer.db import Base, db
from signer.inventory.facts import PersonFacts
from signer.jobs.service import CHUNK
from signer.pkcs11.keys import private_key_of
from signer.services import Services

ROUNDS = 12  # of path and floor in turn, so that both meet the same noise; the best of each counts
WARD = "00004"


def measure() -> dict[str, Any]:
    """Certificates per second through one process, and the floor under them."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.pop("SOFTHSM2_CONF", None)
        settings = Settings(home=Path(folder))
        hold_ceremony(settings, Clock().now())
        secret = settings.below_home(settings.secret_key_file)
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_hex(32))
        app = create_rooms(settings)
        rooms: Services = app.extensions["signer"]
        with app.app_context():
            Base.metadata.create_all(db.engine)
            rooms.inventory.load_units()
            for name, role in (("hr", Role.HR), ("head", Role.APPROVER)):
                rooms.accounts.create(SYSTEM, name=name, role=role, scope_path="")
            key = private_key_of(rooms.hsm, settings.issuing_key_label)
            _path(rooms, 0)  # the first chunk loads pkilint and warms every cache
            commits = _counted_commits()
            seconds = [(_path(rooms, turn), _floor(rooms, key)) for turn in range(1, ROUNDS + 1)]
            lint_seconds = min(_lint(rooms) for _ in range(ROUNDS))
            db.session.remove()
            db.engine.dispose()
        rooms.hsm.close()
    value = CHUNK / min(path for path, _ in seconds)
    floor = CHUNK / min(alone for _, alone in seconds)
    return {
        "name": "issue-bulk",
        "value": round(value, 1),
        "unit": "certificates/s",
        "floor": round(floor, 1),
        "ratio": round(value / floor, 3),
        "conditions": {
            "path": "queue, wrapped key, lint, ledger, SQLite with fsync, SoftHSM, audit chain",
            "floor": "P-256 key + wrap in SoftHSM, then one CA signature",
            "chunk": CHUNK,
            "rounds": ROUNDS,
            "keys": "P-256 CA, P-256 personal",
            "processes": 1,
            "commits per certificate": round(len(commits) / ROUNDS / CHUNK, 3),
            "lint, ms per certificate": round(lint_seconds / CHUNK * 1000, 3),
        },
    }


def _path(rooms: Services, turn: int) -> float:
    """Seconds a worker needs for an approved request of as many people as it takes at a time."""
    unit = rooms.inventory.unit_of(WARD)
    people = [
        PersonFacts(
            code=f"B{turn}{index:04d}",
            full_name="Nguyễn Thị Ánh",
            unit_id=unit.id,
            unit_path=unit.path,
            email=f"canbo{turn}.{index}@hoankiem.hanoi.gov.vn",
        )
        for index in range(CHUNK)
    ]
    rooms.inventory.add_people(SYSTEM, people, rooms.clock.today(), source="bench:people")
    made = rooms.issuance.create(
        rooms.accounts.actor_of("hr"), unit_code=WARD, lacking=True, reason="bench"
    )
    job_id = rooms.issuance.approve(rooms.accounts.actor_of("head"), made.id or 0)
    _is_counting.set()
    begin = time.perf_counter()
    rooms.jobs.run(rooms.job_handlers)
    seconds = time.perf_counter() - begin
    _is_counting.clear()
    progress = rooms.jobs.progress(job_id)
    if (progress.done, progress.failed) != (CHUNK, 0):
        raise RuntimeError(f"the bench's own job went wrong: {progress}")
    return seconds


_is_counting = threading.Event()


def _counted_commits() -> list[str]:
    """Grows by one with every commit that is made while a path is measured."""
    commits: list[str] = []

    def note(_connection: object) -> None:
        if _is_counting.is_set():
            commits.append("commit")

    event.listen(db.engine, "commit", note)
    return commits


def _lint(rooms: Services) -> float:
    """Seconds for our own rules and pkilint's share over as many drafts, in a warm process."""
    profiles, certificate = load_profiles(), rooms.authority.certificate
    profile = profiles.profile_of("personal-signature")
    issuer = Issuer(
        certificate=certificate,
        addresses=Addresses(base_url="http://ca.example"),
        scheme=scheme_for(certificate.public_key()),
        crl_shards=profiles.issuing.crl_shards,
    )
    at = whole_second(Clock().now())
    specimens = [
        draft_certificate(
            issuer=issuer,
            profile=profile,
            subject=SubjectFacts(
                common_name="Nguyễn Thị Ánh",
                organisation="ỦY BAN NHÂN DÂN THÀNH PHỐ HÀ NỘI",
                units=("ỦY BAN NHÂN DÂN PHƯỜNG HOÀN KIẾM",),
                locality="Hà Nội",
                email=f"canbo{number}@hanoi.gov.vn",
            ),
            public_key_der=wrapped.public_key_der,
            serial=new_serial(),
            not_before=at,
            not_after=last_second(at, profile.validity_days),
        ).specimen_der
        for number, wrapped in enumerate(rooms.vault.generate_many(CHUNK))
    ]
    begin = time.perf_counter()
    for specimen_der in specimens:
        require_clean(specimen_der, issuer, profile)
    return time.perf_counter() - begin


def _floor(rooms: Services, key: Any) -> float:
    """Seconds for as many keys, wrappings and CA signatures and nothing else."""
    algorithm = ec.ECDSA(SHA256())
    begin = time.perf_counter()
    made = rooms.vault.generate_many(CHUNK)
    with key.held() as held:
        held.sign_many([wrapped.public_key_der for wrapped in made], algorithm)
    return time.perf_counter() - begin
