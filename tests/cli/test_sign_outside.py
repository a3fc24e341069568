"""`signer sign` with an outside time-stamp authority: its stamp, a refusal, or a loud B-B."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from signer.config import Settings
from signer.services import Services
from signer.signing import tsa_client
from tests.cli.conftest import ROOT, Typed
from tests.clocks import StandingClock
from tests.conftest import installed
from tests.factories import City
from tests.signing.outside_tsa import Desk, hang_up, serving

DECISION = ROOT / "tests" / "data" / "pdf" / "quyet_dinh.pdf"
PIN = "2468-lotus"

pytestmark = pytest.mark.usefixtures("role_signers")


@pytest.fixture
def desk(clock: StandingClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(tsa_client, "_FIRST_PAUSE_SECONDS", 0.01)
    with serving(clock) as desk:
        yield desk


@pytest.fixture
def settings(
    tmp_path: Path,
    token_home: Path,
    pki: Path,
    database_url: str,
    desk: Desk,
    request: pytest.FixtureRequest,
) -> Settings:
    """An installation that archives with another's stamps; the policy is the test's."""
    asked = {"tsa_url": desk.url, "tsa_failure": request.param, "tsa_seconds": 20}
    made = installed(tmp_path, token_home, pki, database_url, signature_level="b-lta", **asked)
    desk.write_chain(made.pki)
    return made


@pytest.mark.parametrize("settings", ["refuse", "sign_without"], indirect=True)
def test_a_missing_stamp_is_never_passed_over(
    settings: Settings,
    services: Services,
    city: City,
    signer: Typed,
    desk: Desk,
    tmp_path: Path,
) -> None:
    """No file, or a loud one; once the authority answers, the same signature has its stamp."""
    (person,) = city.certified(1)
    services.signing.activate(city.signer_of(person), PIN)
    pin_file, out = tmp_path / "pin", tmp_path / "out.pdf"
    pin_file.touch(mode=0o600)
    pin_file.write_text(PIN + "\n", encoding="utf-8")
    words = ("sign", DECISION, "--person", person.code, "--pin-file", pin_file, "--out", out)
    goes_without = settings.tsa_failure == "sign_without"

    def levels() -> list[str]:
        told, _ = signer("verify", out, "--json")
        found = json.loads(told)["signatures"]
        return [one["level"] for one in found if one["kind"] == "signature"]

    desk.faults.extend([hang_up] * 3)
    _, said = signer(*words, code=0 if goes_without else 1)
    assert out.exists() == goes_without
    assert ("B-B" in said) == goes_without
    if goes_without:
        assert levels() == ["B-B"]
    signer(*words)
    assert levels() == ["B-LTA"]
    complete = out.read_bytes()
    signer(*words)
    assert out.read_bytes() == complete  # asked once more, it is the same file
