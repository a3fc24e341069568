"""Tokens of their own for tests that take one away."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from signer.pkcs11 import Hsm, Vault
from tests.softhsm import open_token

ROOT = Path(__file__).parents[2]


@pytest.fixture
def fragile(token_home: Path) -> Iterator[Vault]:
    """A vault on a token with two sessions and a short wait; the others stay out of its way."""
    hsm = open_token(token_home, "signer-fragile", sessions=2, wait_seconds=0.3)
    vault = Vault(hsm)
    vault.prepare()
    yield vault
    hsm.close()


@pytest.fixture
def fragile_hsm(fragile: Vault) -> Hsm:
    """The same token without its vault."""
    return fragile._hsm


@pytest.fixture
def in_child(token_home: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Runs a Python text in a process of its own, with the same tokens."""

    def run(text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", text, str(token_home)],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=ROOT,
            check=False,
        )

    return run
