"""A body's seal as it is typed: asked for, approved, issued, readied, handed over, ended."""

import json
from pathlib import Path

import pytest

from signer.inventory.models import Person
from signer.services import Services
from tests.cli.conftest import Typed
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD, City
from tests.sealing import SEAL_MM, SEAL_PIN, seal_png

PAPER = ("--document", "01/GĐN-UBND")


@pytest.fixture
def people(city: City) -> list[Person]:
    """Two who can keep the ward's seal."""
    return city.people(2)


def _asked(signer: Typed, keeper: Person) -> int:
    words = ("seal", "create", "--unit", WARD, "--keeper", keeper.code, *PAPER)
    made: int = json.loads(signer(*words, "--as", "huong", "--json")[0])["id"]
    return made


def _states(signer: Typed) -> list[tuple[str, str]]:
    rows = json.loads(signer("seal", "list", "--unit", WARD, "--json")[0])
    return [(row["keeper_code"], row["state"]) for row in rows]


@both_databases
def test_from_the_wish_to_the_end(
    signer: Typed, people: list[Person], services: Services, tmp_path: Path
) -> None:
    """The second keeper's seal takes the place of the first one's; the end needs a yes."""
    first, second = people
    seal_id = _asked(signer, first)
    signer("seal", "approve", seal_id, "--as", "huong", code=1)  # not one's own
    signer("seal", "approve", seal_id, "--as", "lanh-dao")
    signer("issue")
    assert _states(signer) == [(first.code, "ready")]

    pin_file, image = tmp_path / "pin", tmp_path / "dau.png"
    pin_file.write_text(SEAL_PIN)
    pin_file.chmod(0o600)
    image.write_bytes(seal_png())
    signer("seal", "activate", "--unit", WARD, "--pin-file", pin_file)
    signer("seal", "activate", "--unit", WARD, "--pin-file", pin_file, code=1)  # it has one
    signer("seal", "activate", "--unit", OTHER_WARD, "--pin-file", pin_file, code=1)
    size = ("--width", SEAL_MM, "--height", SEAL_MM)
    signer("seal", "image", image, "--unit", WARD, *size)
    signer("seal", "image", image, "--unit", WARD, "--width", 36, "--height", 20, code=1)
    stored = services.signing.seal_images.find_of(services.inventory.unit_of(WARD).id)
    assert stored is not None
    assert (stored.width_mm, stored.height_mm) == (SEAL_MM, SEAL_MM)

    wish = ("seal", "hand-over", seal_id, "--keeper", second.code, *PAPER, "--as", "huong")
    next_id = json.loads(signer(*wish, "--json")[0])["id"]
    signer("seal", "approve", next_id, "--as", "lanh-dao")
    signer("issue")
    assert _states(signer) == [(second.code, "ready"), (first.code, "ended")]

    ending = ("seal", "end", next_id, "--ground", "body_merged", *PAPER, "--as", "huong")
    signer(*ending, code=130, answer="n\n")
    assert _states(signer)[0] == (second.code, "ready")
    signer(*ending, "--yes")
    assert _states(signer)[0] == (second.code, "ended")
    signer(*ending, "--yes", code=1)


def test_refused_and_taken_back(signer: Typed, people: list[Person]) -> None:
    """Either ends the request; only its requester takes it back."""
    first = _asked(signer, people[0])
    signer("seal", "reject", first, "--reason", "Thiếu văn bản", "--as", "lanh-dao")
    second = _asked(signer, people[0])
    signer("seal", "cancel", second, "--as", "xa", code=1)
    signer("seal", "cancel", second, "--as", "huong")
    assert [state for _, state in _states(signer)] == ["cancelled", "rejected"]
    shown, _err = signer("seal", "list")
    assert people[0].full_name in shown
