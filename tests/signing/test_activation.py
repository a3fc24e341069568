"""Counting tries: a right PIN never costs one, however many are looked at together."""

import threading
from pathlib import Path

import pytest
from flask import Flask

from signer.db import db
from signer.errors import ConfigError, Invalid, SignerError
from signer.issuance import keys
from signer.pkcs11 import Hsm, Vault
from signer.services import Services
from signer.signing.activation import Activations
from signer.signing.envelopes import Envelopes
from tests.databases import both_databases
from tests.factories import City
from tests.softhsm import MODULE

PIN = "2468-lotus"


def _activated(services: Services, city: City) -> int:
    """The id of somebody's activated key."""
    (person,) = city.certified(1)
    services.signing.activate(city.signer_of(person), PIN)
    key = keys.find_current_key(person.id)
    assert key is not None
    return key.id


@both_databases
def test_many_right_pins_at_once_lock_nothing(services: Services, city: City, app: Flask) -> None:
    """More documents signed at the same moment than there are tries."""
    key_id = _activated(services, city)
    activations = Activations(services.clock, services.audit, Envelopes(services.vault), 5)
    outcomes: list[object] = []
    start = threading.Barrier(8, timeout=30)

    def sign() -> None:
        with app.app_context():
            start.wait()
            try:
                outcomes.append(len(activations.open(key_id, PIN, "an").wrapped))
            except SignerError as error:
                outcomes.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=sign) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(outcomes)) == 1, outcomes
    assert activations.attempts_left(key_id) == 5


def test_a_fault_of_the_hsm_costs_no_try(services: Services, city: City, tmp_path: Path) -> None:
    """Whatever the fault: here a PIN file of the HSM that nobody can use."""
    key_id = _activated(services, city)
    ill = Vault(Hsm(MODULE, "signer-issuing", tmp_path / "nowhere.pin"))
    activations = Activations(services.clock, services.audit, Envelopes(ill), 5)
    for _ in range(6):
        with pytest.raises(ConfigError):
            activations.open(key_id, PIN, "an")
    assert activations.attempts_left(key_id) == 5
    well = Activations(services.clock, services.audit, Envelopes(services.vault), 5)
    with pytest.raises(Invalid):
        well.open(key_id, "wrong-pin", "an")
    assert well.attempts_left(key_id) == 4
