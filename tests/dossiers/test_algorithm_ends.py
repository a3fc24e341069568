"""What is archived is stamped again before an algorithm ends, as the city's settings have it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from signer.app import create_rooms
from signer.config import Settings
from signer.errors import ConfigError, Conflict
from signer.services import Services
from tests.clocks import StandingClock
from tests.conftest import installed
from tests.dossiers.test_stamping import House, _protected_until
from tests.factories import City

LAST_DAY = date(2027, 12, 31)
OVER = datetime(2027, 12, 31, 17, tzinfo=UTC)
"""Midnight in Hanoi."""


@pytest.fixture
def settings(tmp_path: Path, token_home: Path, pki: Path, database_url: str) -> Settings:
    """P-256, which our TSA signs with, ends on that day; another algorithm does not matter."""
    return installed(
        *(tmp_path, token_home, pki, database_url),
        signature_level="b-lta",
        algorithm_ends=(f"p256 {LAST_DAY}", "rsa2048 2020-01-01"),
    )


def test_an_algorithm_ends_before_the_certificate(
    services: Services,
    settings: Settings,
    city: City,
    role_signers: object,
    clock: StandingClock,
    tmp_path: Path,
) -> None:
    """Nothing is gained by another stamp of the same kind, and the doctor says so; once the TSA
    has another key, the archive is stamped again in time."""
    house = House(services, city, tmp_path)
    document_id = house.file(1)
    house.sign(document_id)
    assert services.timestamps.certificate().not_valid_after_utc > OVER
    assert _protected_until(document_id) == OVER
    assert services.document_stamps.prove_lasting() == OVER
    clock.at = clock.latest = OVER - timedelta(days=100)
    assert services.document_stamps.renew() is None
    with pytest.raises(Conflict) as refused:
        services.document_stamps.prove_lasting()
    assert refused.value.values == {"algorithm": "p256", "day": "31/12/2027"}

    later = create_rooms(replace(settings, algorithm_ends=("p521 2030-12-31",)), clock)
    rooms: Services = later.extensions["signer"]
    with later.app_context():
        job_id = rooms.document_stamps.renew()
        assert job_id is not None
        rooms.jobs.run(rooms.job_handlers, job_id=job_id)
        assert rooms.jobs.failures(job_id) == []
    rooms.hsm.close()
    assert _protected_until(document_id) == services.timestamps.certificate().not_valid_after_utc


@pytest.mark.parametrize("told", ["p256", "p256 2027", "p256 31/12/2027", "2027-12-31"])
def test_what_is_no_day_is_refused_at_the_start(tmp_path: Path, told: str) -> None:
    """With the setting's name and what stands there."""
    with pytest.raises(ConfigError) as refused:
        Settings(home=tmp_path, algorithm_ends=(told,))
    assert refused.value.values == {"key": "algorithm_ends", "value": told}
