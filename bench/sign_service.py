"""The whole signing service in two processes: activation, intent, HSM, stamps, files, record.

Each process is an official with a wrapped P-256 key in SoftHSM who chooses a hundred one-page
documents of dossiers and approves them with a PIN: list offered, try counted, key unwrapped once,
every output judged by our own validation and stored with fsync, steps, versions and audit events
committed. Making the dossiers is not measured.
"""

import multiprocessing
import os
import secrets
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from signer.accounts import SYSTEM
from signer.app import create_rooms
from signer.cli.ceremony import hold_ceremony
from signer.clock import Clock
from signer.config import Settings
from signer.db import Base, db
from signer.dossiers.approving import Wanted
from signer.pkcs11 import configure_softhsm
from signer.role_signers import ensure_role_signers
from signer.services import Services
from signer.signing.approvals import PinFactor
from signer.signing.geometry import Box
from signer.signing.levels import Level

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.factories import WARD, City

FLOORS = {Level.B_B: 250, Level.B_LT: 120, Level.B_LTA: 60}
PROCESSES = 2
PIN = "2468-lotus"
DOCUMENT = Path(__file__).parent.parent / "tests" / "data" / "pdf" / "quyet_dinh.pdf"
BOX = Box(x0=300, y0=120, x1=500, y1=180)
LIST, IN_A_DOSSIER = 100, 20
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
            "path": "dossiers, PIN, SoftHSM, own TSA and OCSP, own validation, fsync, audit",
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
    app = create_rooms(settings)
    rooms: Services = app.extensions["signer"]
    with app.app_context():
        Base.metadata.create_all(db.engine)
        ensure_role_signers(rooms)
        city = City(rooms, settings.home)
        people = city.certified(PROCESSES)
        for person in people:
            rooms.signing.activate(city.signer_of(person), PIN)
        told.put([person.code for person in people])


def _rate(settings: Settings, people: list[str], level: Level) -> float:
    """The best round: all processes begin together, and it lasts until the last has ended."""
    child = multiprocessing.get_context("spawn")
    start = child.Barrier(PROCESSES + 1)
    told: Any = child.Queue()
    workers = [
        child.Process(
            target=_official,
            args=(replace(settings, signature_level=level.value), code, start, told),
        )
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


def _official(settings: Settings, code: str, start: Any, told: Any) -> None:
    configure_softhsm(settings.home)
    app = create_rooms(settings)
    rooms: Services = app.extensions["signer"]
    with app.app_context():
        made = _approve(rooms, code, _dossiers(rooms, code))
        for _ in range(ROUNDS):
            wanted = _dossiers(rooms, code)
            start.wait()
            made += _approve(rooms, code, wanted)
            start.wait()
        told.put(made)


def _dossiers(rooms: Services, code: str) -> list[Wanted]:
    """A hundred documents that wait for this official."""
    for _ in range(LIST // IN_A_DOSSIER):
        rooms.dossiers.create(
            SYSTEM,
            title="Trình ký",
            unit_code=WARD,
            due_on=None,
            files=[(f"{n}.pdf", DOCUMENT) for n in range(IN_A_DOSSIER)],
            signers=[code],
        )
    waiting = rooms.dossiers.inbox(rooms.accounts.actor_of(code.lower()), limit=LIST)
    return [
        Wanted(document_id=one.id, shown_sha256=one.sha256, page=1, box=BOX, unseen=True)
        for one in waiting
    ]


def _approve(rooms: Services, code: str, wanted: list[Wanted]) -> int:
    actor = rooms.accounts.actor_of(code.lower())
    offer = rooms.dossiers.offer(actor, wanted)
    outcome = rooms.dossiers.sign_batch(actor, offer.activation_id, PinFactor(pin=PIN))
    for _, _, error in outcome.results:
        if error is not None:
            raise error
    return len(outcome.results)
