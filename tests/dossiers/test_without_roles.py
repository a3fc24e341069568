"""Officials sign while our own TSA or OCSP signer is away: what lasts is added when it is back."""

from pathlib import Path

import pytest
from sqlalchemy import select

from signer.config import Settings
from signer.db import db
from signer.role_signers import ensure_role_signers
from signer.services import Services
from signer.signing.models import Signature
from signer.signing.validation import VerdictClass
from tests.conftest import installed
from tests.dossiers.test_stamping import House
from tests.factories import City


@pytest.fixture
def settings(
    tmp_path: Path,
    token_home: Path,
    pki: Path,
    database_url: str,
    request: pytest.FixtureRequest,
) -> Settings:
    """An installation that archives, and whose roles have no certificates yet."""
    return installed(
        *(tmp_path, token_home, pki, database_url),
        signature_level="b-lta",
        tsa_failure=request.param,
    )


@pytest.fixture
def house(services: Services, city: City, tmp_path: Path) -> House:
    return House(services, city, tmp_path)


@pytest.mark.parametrize("settings", ["refuse"], indirect=True)
def test_the_document_waits_and_then_lasts(services: Services, house: House) -> None:
    """No signature is refused and none is made twice; the next signer waits for the stamp."""
    document_id = house.file(2)
    assert [step.state for step in house.sign(document_id).steps] == ["stamping", "blocked"]
    assert not services.document_stamps.stamp(document_id)
    ensure_role_signers(services)
    assert services.document_stamps.stamp(document_id)
    document = house.document(document_id)
    assert [step.state for step in document.steps] == ["signed", "waiting"]
    verdict = house.verdict(document_id)
    assert verdict.verdict is VerdictClass.VALID, verdict.to_json()
    (signature,) = [one for one in verdict.signatures if one.kind == "signature"]
    assert signature.level == "B-LTA"


@pytest.mark.parametrize("settings", ["sign_without"], indirect=True)
def test_by_policy_it_goes_on_without(services: Services, house: House) -> None:
    """B-B, on record as such, and the next signer has a turn."""
    document_id = house.file(2)
    house.sign(document_id)
    assert services.document_stamps.stamp(document_id)
    assert [s.state for s in house.document(document_id).steps] == ["signed", "waiting"]
    (row,) = db.session.scalars(select(Signature)).all()
    assert (row.level, row.wanted_level) == ("b-b", "b-lta")
    actions = [event.action for event in services.audit.events(limit=50)]
    assert "document.unstamped" in actions
