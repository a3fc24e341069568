"""The house for tests: real SQLite or PostgreSQL, a real SoftHSM token, only the clock replaced."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from signer.app import create_app, create_rooms
from signer.cli import CreateApp
from signer.clock import Clock
from signer.config import Settings
from signer.db import db
from signer.pkcs11 import Hsm, Vault
from signer.pkcs11.keys import generate_ca_key
from signer.role_signers import ensure_role_signers
from signer.services import Services
from tests.ca.hierarchies import build_hierarchy
from tests.clocks import StandingClock
from tests.factories import City
from tests.tampering import TAMPERED

pytest_plugins = [
    "tests.softhsm",
    "tests.databases",
    "tests.chromium",
    "tests.campaigns.sprints",
]

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")


@pytest.fixture
def clock() -> StandingClock:
    """A working day in November 2026, nine in the morning in Hanoi."""
    return StandingClock()


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory, hsm: Hsm, root_hsm: Hsm, vault: Vault) -> Path:
    """root.pem and issuing.pem of a hierarchy whose keys are in the session's tokens."""
    folder = tmp_path_factory.mktemp("pki")
    build_hierarchy(
        root_key=generate_ca_key(root_hsm, "root-ca", "p384"),
        issuing_key=generate_ca_key(hsm, "issuing-ca", "p256"),
        organisation="Thành phố thử nghiệm",
        base_url="http://127.0.0.1:8080",
        at=datetime(2026, 1, 1, tzinfo=UTC),
    ).write(folder)
    return folder


def installed(
    folder: Path, token_home: Path, pki: Path, database_url: str, **changes: Any
) -> Settings:
    """Settings of a fresh installation in the folder, on these tokens, with some changes."""
    shutil.copytree(pki, folder / "pki")
    secret = folder / "secret.key"
    secret.touch(mode=0o600)
    secret.write_text(secrets.token_hex(32))
    return Settings(
        home=folder,
        database_url=database_url,
        pkcs11_module=MODULE,
        token_pin_file=token_home / "signer-issuing.pin",
        hsm_wait_seconds=2.0,
        # What is no test of levels needs neither an OCSP signer nor a TSA.
        **({"signature_level": "b-b"} | changes),
    )


@contextmanager
def running(settings: Settings, clock: Clock, create: CreateApp = create_app) -> Iterator[Flask]:
    """The application on an empty database, in its context."""
    made = create(settings, clock)
    made.testing = True
    with made.app_context():
        db.create_all()
        yield made
        db.session.remove()
        db.engine.dispose()
        made.extensions["signer"].hsm.close()


@pytest.fixture
def settings(tmp_path: Path, token_home: Path, pki: Path, database_url: str) -> Settings:
    """Settings of a fresh installation in this test's folder, on the session's tokens."""
    return installed(tmp_path, token_home, pki, database_url)


_BEHIND_DOORS = ("web", "api")
"""Folders whose tests ask pages and addresses; another test that does is marked `doors`."""


@pytest.fixture
def create(request: pytest.FixtureRequest) -> CreateApp:
    """A server's application where a test asks it, else the services alone: half the time."""
    asks = request.path.parent.name in _BEHIND_DOORS or request.node.get_closest_marker("doors")
    return create_app if asks else create_rooms


@pytest.fixture
def app(settings: Settings, clock: StandingClock, create: CreateApp) -> Iterator[Flask]:
    """The application on an empty database, in its context."""
    with running(settings, clock, create) as made:
        yield made


@pytest.fixture
def services(app: Flask, clock: Clock) -> Iterator[Services]:
    """All rooms; afterwards the kept figures of coverage are what the rows say.

    So no room can forget to tell of what it changed.
    """
    found: Services = app.extensions["signer"]
    yield found
    db.session.rollback()
    if isinstance(clock, StandingClock):
        clock.at = max(clock.at, clock.latest)  # figures know the day that was, and no way back
    assert TAMPERED in app.extensions or found.reports.first_difference() is None


@pytest.fixture
def role_signers(services: Services) -> list[Path]:
    """pki/ocsp.pem and pki/tsa.pem stand in this test's ledger; their keys are on the token."""
    return ensure_role_signers(services)


@pytest.fixture
def city(services: Services, tmp_path: Path) -> City:
    """The units of Hanoi, and makers of people, accounts and documents in them."""
    return City(services, tmp_path)
