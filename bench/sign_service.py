"""The whole signing service in two processes: activation, intent, HSM, stamps, files, record.

Each process is an official with a wrapped P-256 key in SoftHSM who approves lists of a hundred
one-page documents with a PIN: try counted, key unwrapped once, every output judged by our own
validation and stored with fsync, versions and audit events committed.
"""

import multiprocessing
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from signer.accounts import SYSTEM
from signer.app import create_app
from signer.cli.ceremony import hold_ceremony
from signer.clock import Clock
from signer.config import Settings
from signer.db import Base, db
from signer.pkcs11 import configure_softhsm
from signer.role_signers import ensure_role_signers
from signer.services import Services
from signer.signing.approvals import PinFactor, Place, Wish
from signer.signing.geometry import Box
from signer.signing.levels import Level

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.factories import City

FLOORS = {Level.B_B: 250, Level.B_LT: 120, Level.B_LTA: 60}
PROCESSES = 2
PIN = "2468-lotus"
DOCUMENT = Path(__file__).parent.parent / "tests" / "data" / "pdf" / "quyet_dinh.pdf"
PLACE = Place(page=1, box=Box(x0=300, y0=120, x1=500, y1=180))
LIST = 100
ROUNDS = int(os.environ.get("ROUNDS", "3"))


def measure(postgresql: bool = False) -> dict[str, Any]:
    """Signatures per second through two processes, at three levels."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.pop("SOFTHSM2_CONF", None)
        database = os.environ["BENCH_DATABASE"] if postgresql else ""
        settings = Settings(home=Path(folder) / "home", database_url=database)
        settings.home.mkdir()
        people = _house(settings)
        rates = {level: _rate(settings, people, level) for level in FLOORS}
    value = rates[Level.B_LTA]
    return {
        "name": "sign-service",
        "value": round(value, 1),
        "unit": "B-LTA signatures/s",
        "floor": FLOORS[Level.B_LTA],
        "ratio": round(value / FLOORS[Level.B_LTA], 2),
        "conditions": {
            level.value: f"{rates[level]:.1f}/s, wanted {floor}" for level, floor in FLOORS.items()
        }
        | {
            "path": "PIN, intent, SoftHSM, own TSA and OCSP, own validation, fsync, audit",
            "processes": PROCESSES,
            "list": LIST,
            "rounds": f"best of {ROUNDS}",
        },
    }


def _house(settings: Settings) -> list[str]:
    """A city with an official for each process; the application is gone when this returns."""
    child = multiprocessing.get_context("spawn")
    told: Any = child.Queue()
    process = child.Process(target=_found, args=(settings, told))
    process.start()
    people: list[str] = told.get(timeout=300)
    process.join()
    return people


def _found(settings: Settings, told: Any) -> None:
    hold_ceremony(settings, Clock().now())
    secret = settings.below_home(settings.secret_key_file)
    secret.touch(mode=0o600)
    secret.write_text(secrets.token_hex(32))
    app = create_app(settings)
    rooms: Services = app.extensions["signer"]
    with app.app_context():
        Base.metadata.create_all(db.engine)
        ensure_role_signers(rooms)
        city = City(rooms, settings.home)
        people = city.certified(PROCESSES)
        for person in people:
            rooms.signing.activate(city.signer_of(person), PIN)
        rooms.files.put(DOCUMENT)
        told.put([person.code for person in people])


def _rate(settings: Settings, people: list[str], level: Level) -> float:
    """The best round: all processes begin together, and it lasts until the last has ended."""
    child = multiprocessing.get_context("spawn")
    start = child.Barrier(PROCESSES + 1)
    told: Any = child.Queue()
    workers = [
        child.Process(target=_official, args=(settings, code, level, start, told))
        for code in people
    ]
    for worker in workers:
        worker.start()
    best = 0.0
    for _ in range(ROUNDS):
        start.wait()
        begun = time.perf_counter()
        start.wait()
        best = max(best, PROCESSES * LIST / (time.perf_counter() - begun))
    for worker in workers:
        worker.join()
    for _ in workers:
        made = told.get()
        if made != (ROUNDS + 1) * LIST:
            raise RuntimeError(f"{made} signatures of {(ROUNDS + 1) * LIST}")
    return best


def _official(settings: Settings, code: str, level: Level, start: Any, told: Any) -> None:
    configure_softhsm(settings.home)
    app = create_app(settings)
    rooms: Services = app.extensions["signer"]
    with app.app_context():
        made = _approve(rooms, code, level, "warm")
        for number in range(ROUNDS):
            start.wait()
            made += _approve(rooms, code, level, str(number))
            start.wait()
        told.put(made)


def _approve(rooms: Services, code: str, level: Level, turn: str) -> int:
    person = rooms.inventory.person_of(SYSTEM, code)
    source = rooms.files.put(DOCUMENT)
    wishes = [
        Wish(intent=f"{code}-{level}-{turn}-{n}", input_sha256=source, place=PLACE)
        for n in range(LIST)
    ]
    approval, _ = rooms.signing.offer(person, code, wishes)
    outcomes = rooms.signing.sign_list(person, code, approval.id, PinFactor(pin=PIN), level=level)
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
    return len(outcomes)
