"""Real SoftHSM tokens for tests; `tests/conftest.py` names this module in `pytest_plugins`."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from signer.errors import Unavailable
from signer.pkcs11 import Hsm, Vault, configure_softhsm, ensure_token
from tests.waiting import until

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")


@pytest.fixture(scope="session")
def token_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with SoftHSM's configuration and the tokens of this test process."""
    home = tmp_path_factory.mktemp("softhsm")
    before = os.environ.pop("SOFTHSM2_CONF", None)
    configure_softhsm(home)
    yield home
    os.environ.pop("SOFTHSM2_CONF", None)
    if before is not None:
        os.environ["SOFTHSM2_CONF"] = before


@pytest.fixture(scope="session")
def hsm(token_home: Path) -> Iterator[Hsm]:
    """The token `signer-issuing`, empty but for what tests put there."""
    opened = open_token(token_home, "signer-issuing")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def root_hsm(token_home: Path) -> Iterator[Hsm]:
    """The token `signer-root`."""
    opened = open_token(token_home, "signer-root")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def vault(hsm: Hsm) -> Vault:
    """A vault with its keys in place."""
    made = Vault(hsm)
    made.prepare()
    return made


@contextmanager
def token_away(home: Path, *affected: Hsm) -> Iterator[None]:
    """The tokens' directory is gone inside the block, as after a network HSM lost its line.

    Afterwards it is back, and the affected tokens answer again: within five seconds, or it fails.
    """
    shutil.move(home / "tokens", home / "elsewhere")
    try:
        yield
    finally:
        shutil.move(home / "elsewhere", home / "tokens")
    for hsm in affected:
        until(partial(_answers, hsm), 5)


def _answers(hsm: Hsm) -> bool:
    try:
        hsm.status()
    except Unavailable:
        return False
    return True


def open_token(home: Path, label: str, **options: object) -> Hsm:
    """The token of this label below `home`, made if it is not there."""
    pin_file = home / f"{label}.pin"
    ensure_token(MODULE, label, pin_file)
    return Hsm(MODULE, label, pin_file, **options)  # type: ignore[arg-type]  # sessions, wait_seconds
