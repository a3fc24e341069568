"""Files of strangers are checked apart from the work of officials."""

import os
import signal
import threading
from pathlib import Path

import pytest
from flask import Flask

from signer.db import db
from signer.errors import Unavailable
from signer.services import Services
from signer.signing.approvals import Place
from signer.signing.geometry import Box
from signer.signing.sandbox import public_sandbox
from tests.factories import City

DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"
PIN = "2468-lotus"


def test_a_strangers_file_keeps_no_official_waiting(
    services: Services, city: City, app: Flask
) -> None:
    """While one hangs for its minute, the next stranger comes back later and officials sign."""
    (person,) = city.certified(1)
    actor = city.signer_of(person)
    services.signing.activate(actor, PIN)
    services.signing.verify(DECISION)
    child = public_sandbox()._slots.queue[-1]
    assert child is not None

    def check() -> None:
        with app.app_context():
            services.signing.verify(DECISION)
            db.session.remove()

    os.kill(child.process.pid, signal.SIGSTOP)
    hanging = threading.Thread(target=check)
    hanging.start()
    try:
        while public_sandbox()._slots.qsize():
            threading.Event().wait(0.01)
        with pytest.raises(Unavailable):
            services.signing.verify(DECISION)
        place = Place(page=1, box=Box(x0=300, y0=120, x1=500, y1=180))
        sha256 = services.files.put(DECISION)
        assert services.signing.sign(actor, intent="thử", input_sha256=sha256, pin=PIN, place=place)
    finally:
        os.kill(child.process.pid, signal.SIGCONT)
        hanging.join()
