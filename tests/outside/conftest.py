"""A city that trusts the fake hierarchies, with people to whom certificates can belong."""

from dataclasses import replace
from pathlib import Path

import pytest

from signer.config import Settings
from tests.conftest import installed
from tests.outside.fake_vgca import Generation, fake_g1, fake_g2, write_anchors


@pytest.fixture(scope="session")
def g1() -> Generation:
    return fake_g1()


@pytest.fixture
def g2() -> Generation:
    """Its own for each test, since tests revoke; the keys are the session's."""
    return fake_g2()


@pytest.fixture
def anchors_extra() -> str:
    """What stands at the top of anchors.toml; a test overrides it."""
    return ""


@pytest.fixture
def settings(
    tmp_path: Path,
    token_home: Path,
    pki: Path,
    database_url: str,
    g1: Generation,
    g2: Generation,
    anchors_extra: str,
) -> Settings:
    """A fresh installation that trusts both generations, and whose own CA does not count."""
    made = replace(installed(tmp_path, token_home, pki, database_url), own_ca_counts=False)
    write_anchors(made.home / "trust", g2=g2, g1=g1, extra=anchors_extra)
    return made
