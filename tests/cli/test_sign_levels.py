"""`signer sign --level` and `--certify`: what is asked for is in the file, and others see it."""

import json
import subprocess
from pathlib import Path

import pikepdf
import pytest

from signer.inventory.models import Person
from signer.services import Services
from signer.signing.levels import Level
from tests.cli.conftest import ROOT, Typed
from tests.factories import City

DECISION = ROOT / "tests" / "data" / "pdf" / "quyet_dinh.pdf"
PIN = "2468-lotus"

pytestmark = pytest.mark.usefixtures("role_signers")


@pytest.fixture
def people(services: Services, city: City) -> list[Person]:
    """Two whose keys are active."""
    people = city.certified(2)
    for person in people:
        services.signing.activate(city.signer_of(person), PIN)
    return people


@pytest.fixture
def pin_file(tmp_path: Path) -> Path:
    """A PIN only its owner may read."""
    file = tmp_path / "pin"
    file.touch(mode=0o600)
    file.write_text(PIN + "\n", encoding="utf-8")
    return file


def _seen_by_poppler(file: Path) -> str:
    done = subprocess.run(["pdfsig", "-nocert", file], capture_output=True, text=True, check=True)
    return done.stdout


def test_each_level(signer: Typed, people: list[Person], pin_file: Path, tmp_path: Path) -> None:
    """Poppler finds it valid, our own verification at the level asked for."""
    for level in Level:
        out = tmp_path / f"{level.value}.pdf"
        words = ("--person", people[0].code, "--pin-file", pin_file, "--out", out)
        signer("sign", DECISION, *words, "--level", level.value)
        told, _ = signer("verify", out, "--json")
        (found,) = (one for one in json.loads(told)["signatures"] if one["kind"] == "signature")
        assert found["level"].lower() == level.value
        seen = _seen_by_poppler(out)
        assert "Signature is Valid." in seen
        assert "Invalid" not in seen
        with pikepdf.open(out) as pdf:
            assert "/Perms" not in pdf.Root


def test_a_level_there_is_not(
    signer: Typed, people: list[Person], pin_file: Path, tmp_path: Path
) -> None:
    """A mistake in typing; nothing is signed."""
    out = tmp_path / "out.pdf"
    words = ("--person", people[0].code, "--pin-file", pin_file, "--out", out)
    signer("sign", DECISION, *words, "--level", "b-x", code=64)
    assert not out.exists()


def test_certified(signer: Typed, people: list[Person], pin_file: Path, tmp_path: Path) -> None:
    """Also when the same file was signed without before: that was another act."""
    plain, out = tmp_path / "plain.pdf", tmp_path / "certified.pdf"
    words = ("--person", people[0].code, "--pin-file", pin_file, "--out")
    signer("sign", DECISION, *words, plain)
    signer("sign", DECISION, *words, out, "--certify")
    with pikepdf.open(out) as pdf:
        (reference,) = pdf.Root.Perms.DocMDP.Reference
        # ISO 32000-2, 12.8.2.2: 2 allows filling in and signing, nothing else.
        assert (reference.TransformMethod, reference.TransformParams.P) == ("/DocMDP", 2)
    assert "Signature is Valid." in _seen_by_poppler(out)
    told, _ = signer("verify", out, "--json")
    (found,) = json.loads(told)["signatures"]
    assert found["certified"] is True
    told, _ = signer("verify", plain, "--json")
    (found,) = json.loads(told)["signatures"]
    assert found["certified"] is False

    # A further signer needs a field that was there when the author certified.
    more = tmp_path / "more.pdf"
    words = ("--person", people[1].code, "--pin-file", pin_file, "--out", more)
    _, said = signer("sign", out, *words, "--page", 1, "--box", "300,120,500,180", code=1)
    assert "không còn ô nào trống cho bạn" in said
    assert not more.exists()
