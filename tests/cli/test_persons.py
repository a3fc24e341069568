"""People by hand, duplicates and the policy as somebody types them."""

import json

from signer.cli.console import _
from tests.cli.conftest import Typed
from tests.factories import WARD, City


def test_a_person_is_added_and_corrected(signer: Typed, city: City) -> None:
    """A dry run stores nothing; what a roster refuses is refused."""
    facts = ("code=X1", "full_name=Lê Văn Bình", f"unit={WARD}")
    signer("person", "add", *facts, "--as", "huong", "--dry-run")
    signer("person", "set", "X1", "title=a", "--as", "huong", code=1)
    signer("person", "add", *facts, "--as", "huong")
    out, _err = signer("person", "set", "X1", "title=Trưởng phòng", "--as", "huong")
    assert "title" in out
    signer("person", "set", "X1", "email=a@gmail.com", "--as", "huong", code=1)
    signer("person", "set", "X1", "title", "--as", "huong", code=1)
    signer("person", "set", "X1", "title=b", "--as", "xa", code=1)


def test_duplicates_from_the_terminal(signer: Typed, city: City) -> None:
    """Listed, merged, and taken back; by somebody who may."""
    first, second = city.people(2)
    signer("person", "set", second.code, f"full_name={first.full_name}", "--as", "huong")
    [pair] = json.loads(signer("duplicate", "list", "--json")[0])
    assert {pair["first"], pair["second"]} == {first.code, second.code}
    signer("duplicate", "merge", first.code, second.code, "--as", "xa", code=1)
    out, _err = signer("duplicate", "merge", first.code, second.code, "--as", "huong")
    assert first.code in out
    assert json.loads(signer("duplicate", "list", "--json")[0]) == []
    signer("duplicate", "take-back", first.code, second.code, "--as", "huong")
    assert first.code in signer("duplicate", "list")[0]
    signer("duplicate", "keep-apart", first.code, second.code, "--as", "huong")
    assert json.loads(signer("duplicate", "list", "--json")[0]) == []


def test_the_policy_from_the_terminal(signer: Typed, city: City) -> None:
    """Only what is named changes."""
    city.actor("quan-tri", "admin", None)  # type: ignore[arg-type]  # a role is its value
    before = json.loads(signer("policy", "list", "--json")[0])
    change = ("policy", "set", "maternity_leave", "--counted", "--as", "quan-tri")
    assert _("Nghỉ thai sản") in signer(*change, "--dry-run")[0]
    assert json.loads(signer("policy", "list", "--json")[0]) == before
    signer(*change)
    after = json.loads(signer("policy", "list", "--json")[0])
    assert after == before | {"maternity_leave": before["maternity_leave"] | {"counted": True}}
    assert _("Nghỉ thai sản") in signer("policy", "list")[0]
    signer("policy", "set", "working", "--not-counted", "--as", "quan-tri", code=1)
    signer(*change[:-1], "huong", code=1)
