"""`signer unit`: the tree, the acts with their preview, officers, the way back."""

import json

import pytest

import signer.inventory.structure as structure_module
from signer.accounts import SYSTEM, Role
from signer.db import release
from signer.services import Services
from tests.cli.conftest import Typed
from tests.factories import OTHER_WARD, WARD, City

PAPER = ("--on", "2026-11-01", "--decision", "12/NQ", "--as", "quantri")


@pytest.fixture(autouse=True)
def admin(city: City) -> None:
    city.actor("quantri", Role.ADMIN, None)


def test_the_tree_of_a_day(signer: Typed) -> None:
    """30 districts on the eve, none on the day; below one unit only what is there."""
    before = json.loads(signer("unit", "tree", "--as-of", "2025-06-30", "--json")[0])
    assert sum(one["kind"] == "district" for one in before) == 30
    shown, _err = signer("unit", "tree", "--as-of", "01/07/2025")
    assert "Q-BaDinh" not in shown
    assert WARD in shown
    assert json.loads(signer("unit", "tree", "--unit", WARD, "--json")[0])[0]["code"] == WARD


def test_each_act_is_shown_and_done(
    signer: Typed, city: City, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Open, rename, move, merge, split and close; a large one is worked off here and now."""
    one, two = city.people(2)
    seen, _err = signer("unit", "rename", WARD, "UBND phường Mới", *PAPER, "--dry-run")
    assert "UBND phường Mới" in seen
    signer("unit", "rename", WARD, "UBND phường Mới", *PAPER, code=130, answer="n\n")
    signer(
        "unit",
        "open",
        "N1",
        "Trạm y tế",
        "--kind",
        "service_unit",
        "--parent",
        WARD,
        *PAPER,
        "--yes",
    )
    monkeypatch.setattr(structure_module, "AT_ONCE", 1)
    on = ("--decision", "13/NQ", "--as", "quantri", "--yes", "--json", "--on")
    told = json.loads(signer("unit", "rename", WARD, "UBND phường Mới", *on, "2026-11-02")[0])
    assert (told["state"], told["people"]) == ("done", 2)
    signer("unit", "move", "N1", "SYT", *on, "2026-11-03")
    signer(
        "unit",
        "merge",
        WARD,
        OTHER_WARD,
        "--into",
        "M",
        "--name",
        "UBND phường Chung",
        *on,
        "2026-11-04",
    )
    signer(
        "unit",
        "split",
        "M",
        "--into",
        "S1=UBND phường Một",
        "--into",
        "S2=UBND phường Hai",
        "--take",
        f"S2={two.code}",
        *on,
        "2026-11-05",
    )
    last = json.loads(signer("unit", "close", "S1", "--into", "S2", *on, "2026-11-06")[0])
    release()
    home = services.inventory.unit_of("S2")
    people = services.inventory.people_by_codes(SYSTEM, [one.code, two.code])
    assert {person.unit_id for person in people.values()} == {home.id}
    told = json.loads(signer("unit", "show", "S2")[0])
    assert {unit["code"] for unit in told["predecessors"]} == {"M", "S1"}
    signer("unit", "undo", last["id"], "--as", "quantri")
    assert json.loads(signer("unit", "show", "S1")[0])["valid_to"] is None
    signer("unit", "undo", last["id"], "--as", "quantri", code=1)


def test_what_cannot_be_is_said(signer: Typed, city: City) -> None:
    """A stray part of a split, people left behind, no right to."""
    person = city.people(1)[0]
    signer("unit", "split", WARD, "--into", "a=A", "--into", "b=B", "--take", "c=X", *PAPER, code=1)
    _out, error = signer("unit", "close", WARD, *PAPER, "--yes", code=1)
    assert "1 người" in error
    hr = ("--on", "2026-11-01", "--decision", "1", "--as", "huong")
    signer("unit", "rename", WARD, "Tên", *hr, "--yes", code=1)
    duty = ("unit", "duty", WARD, person.code.lower(), "--decision", "7/QĐ", "--as")
    signer(*duty, "huong", code=1)
    assert person.code in signer(*duty, "quantri", "--on", "2026-11-01")[0]
    assert json.loads(signer("unit", "show", WARD)[0])["officers"] == {"focal": person.code}
