"""`signer inventory check` and `recount`: the first difference is named, and mended."""

import json

from signer.db import db, transaction
from tests.cli.conftest import Typed
from tests.factories import City


def test_figures_that_agree_are_said_to_agree(signer: Typed, city: City) -> None:
    """0, in words and for a machine."""
    city.people(2)
    assert "khớp" in signer("inventory", "check")[0]
    assert json.loads(signer("inventory", "check", "--json")[0]) == {
        "sound": True,
        "difference": None,
    }


def test_the_first_difference_is_named_and_mended(signer: Typed, city: City) -> None:
    """1, with unit, day and figure; counted anew there is none."""
    city.people(2)
    with transaction():
        db.session.execute(db.text("UPDATE coverage_sum SET persons = 7 WHERE level = 0"))
    said, hint = signer("inventory", "check", code=1)
    assert "đơn vị 00004, ngày 23/11/2026, nhóm all, persons" in said
    assert "đang lưu 7, tính lại là 2" in said
    assert "signer inventory recount" in hint
    told = json.loads(signer("inventory", "check", "--json", code=1)[0])
    assert (told["sound"], told["difference"]["kept"]) == (False, "7")
    assert signer("inventory", "recount")[0]
    signer("inventory", "check")
