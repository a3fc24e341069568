"""A PIN guessed from several processes at once: five tries in all, however many hands there are."""

import multiprocessing
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from signer.accounts import SYSTEM, Role
from signer.app import create_rooms
from signer.config import Settings
from signer.db import db, release
from signer.dossiers.approving import Wanted
from signer.errors import Conflict, Invalid
from signer.services import Services
from signer.signing.approvals import PinFactor
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import WARD, City

DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"
PIN = "2468-lotus"
PROCESSES, GUESSES = 3, 6


def guess(settings: Settings, at: datetime, name: str, first: int) -> list[str]:
    """What this process is told of each of its guesses, each with a list of its own."""
    app = create_rooms(settings, StandingClock(at))
    services: Services = app.extensions["signer"]
    told = []
    with app.app_context():
        actor = services.accounts.actor_of(name)
        for number in range(first, first + GUESSES):
            (document,) = services.dossiers.inbox(actor)
            wanted = Wanted(document_id=document.id, shown_sha256=document.sha256, unseen=True)
            try:
                offer = services.dossiers.offer(actor, [wanted])
                factor = PinFactor(pin=f"{number:06d}")
                services.dossiers.sign_batch(actor, offer.activation_id, factor)
                told.append("signed")
            except (Invalid, Conflict) as error:
                told.append(type(error).__name__)
        db.session.remove()
        db.engine.dispose()
    services.hsm.close()
    return told


@pytest.mark.timeout(240)
@both_databases
def test_five_tries_in_all(
    services: Services, settings: Settings, city: City, clock: StandingClock
) -> None:
    """Four are told how many are left, every other that the key is locked; nothing is signed."""
    (person,) = city.certified(1)
    actor = city.signer_of(person)
    services.signing.activate(actor, PIN)
    services.dossiers.create(
        city.actor("clerk", Role.HR),
        title="Quyết định thử nghiệm",
        unit_code=WARD,
        due_on=None,
        files=[("QD.pdf", DECISION)],
        signers=[person.code],
    )
    release()
    services.hsm.close()
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        plans = [(settings, clock.now(), actor.name, 100 * n) for n in range(PROCESSES)]
        told = Counter(word for words in pool.starmap(guess, plans) for word in words)
    tries = services.settings.pin_attempts
    assert told == {"Invalid": tries - 1, "Conflict": PROCESSES * GUESSES - tries + 1}
    release()
    assert services.signing.key_of(actor).state == "locked"
    assert services.dossiers.document_of(SYSTEM, 1).state == "waiting"
