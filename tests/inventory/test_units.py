"""The unit tree of Hanoi, and finding a unit however its name was written."""

from datetime import date
from pathlib import Path

import pytest

from signer.accounts import Actor, Permission, Role
from signer.audit import Audit
from signer.errors import Conflict, Forbidden, Invalid, NotFound
from signer.inventory.models import UnitKind
from signer.inventory.service import Inventory
from signer.inventory.storage import known_units
from signer.inventory.tree import HANOI_UNITS
from signer.inventory.units import MatchProblem, UnitIndex
from tests.inventory.conftest import clerk

BEFORE = date(2025, 6, 30)
AFTER = date(2025, 7, 1)


def test_the_city_has_30_districts_before_and_126_communes_after(inventory: Inventory) -> None:
    """R1 and R2: another tree on the two sides of the night of 30/06/2025."""
    kinds_before = [unit.kind for unit in inventory.units(BEFORE)]
    kinds_after = [unit.kind for unit in inventory.units(AFTER)]
    assert kinds_before.count(UnitKind.DISTRICT) == 30
    assert kinds_before.count(UnitKind.WARD) == 0
    assert kinds_after.count(UnitKind.DISTRICT) == 0
    assert kinds_after.count(UnitKind.WARD) == 51
    assert kinds_after.count(UnitKind.COMMUNE) == 75
    assert inventory.units()[0].code == "HN"


def test_loading_again_changes_nothing_and_a_corrected_name_changes_one(
    inventory: Inventory, audit: Audit, tmp_path: Path
) -> None:
    """The load is idempotent; what differs is brought up to date and recorded."""
    events = audit.count()
    assert inventory.load_units() == 0
    assert audit.count() == events
    corrected = tmp_path / "units.csv"
    corrected.write_text(
        HANOI_UNITS.read_text("utf-8").replace("Sở Du lịch", "Sở Du lịch và Lễ hội"), "utf-8"
    )
    assert inventory.load_units(corrected) == 1
    assert inventory.unit_of("SDL").name == "Sở Du lịch và Lễ hội"
    assert audit.events()[0].subject == "unit:SDL"
    audit.verify()


def test_paths_hold_four_digit_ordinals_below_the_parent(inventory: Inventory) -> None:
    """A child's path is its parent's and an ordinal of its own."""
    ward = inventory.unit_of("00004")
    office = inventory.add_unit(
        "00004-KT", "Phòng Kinh tế", UnitKind.DIVISION, "00004", date(2025, 7, 1)
    )
    second = inventory.add_unit("00004-VP", "Văn phòng", UnitKind.DIVISION, "00004", None)
    assert inventory.unit_of("HN").path == "0001."
    assert ward.path.startswith("0001.")
    assert office.path == f"{ward.path}0001."
    assert second.path == f"{ward.path}0002."
    assert [u.code for u in inventory.children(ward)] == ["00004-KT", "00004-VP"]
    assert [u.code for u in inventory.units(within=ward.path)] == ["00004", "00004-KT", "00004-VP"]


def test_a_unit_never_moves_to_another_parent(inventory: Inventory) -> None:
    """Its path stands in the history of its people."""
    inventory.add_unit("X", "Phòng X", UnitKind.DIVISION, "00004", None)
    with pytest.raises(Conflict):
        inventory.add_unit("X", "Phòng X", UnitKind.DIVISION, "00008", None)
    with pytest.raises(NotFound):
        inventory.add_unit("Y", "Phòng Y", UnitKind.DIVISION, "không có", None)


def test_only_who_manages_the_whole_city_changes_units(inventory: Inventory, hr: Actor) -> None:
    """Deny by default."""
    local = clerk(inventory.unit_of("00004").path, role=Role.ADMIN)
    for actor in (hr, local):
        with pytest.raises(Forbidden):
            inventory.add_unit("X", "Phòng X", UnitKind.DIVISION, "HN", None, actor=actor)


def test_an_officer_sees_the_own_subtree_of_units(inventory: Inventory) -> None:
    """A list is limited to the subtree in the query itself."""
    officer = clerk(inventory.unit_of("00004").path)
    assert [u.code for u in inventory.visible_units(officer, Permission.UNIT_VIEW)] == ["00004"]


@pytest.mark.parametrize(
    "spoiled", ["code,name\nA,B\n", "{head}\nA,B,sở,,,\n", "{head}\n,B,ward,,,\n"]
)
def test_a_file_of_units_that_is_amiss_is_refused(
    inventory: Inventory, tmp_path: Path, spoiled: str
) -> None:
    """Wrong columns, an unknown kind, a unit without a code."""
    file = tmp_path / "units.csv"
    file.write_text(spoiled.format(head=HANOI_UNITS.read_text("utf-8").splitlines()[0]))
    with pytest.raises(Invalid):
        inventory.load_units(file)


@pytest.fixture
def index(inventory: Inventory) -> UnitIndex:
    assert inventory
    return UnitIndex(known_units(), AFTER)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("Ủy ban nhân dân phường Láng", "00199"),
        ("UBND phường Láng", "00199"),
        ("ỦY BAN NHÂN DÂN PHƯỜNG LÁNG", "00199"),
        ("Uỷ ban nhân dân  phường Láng\u200b", "00199"),
        ("Phường Láng", "00199"),
        ("P. Láng", "00199"),
        ("UBND p.Láng, TP Hà Nội", "00199"),
        ("00199", "00199"),
        ("199", "00199"),
        ("UBND xã Hòa Lạc", "09988"),
        ("UBND xã Hoà Lạc", "09988"),
        ("UBND phường Văn Miếu – Quốc Tử Giám", "00226"),
        ("Văn phòng UBND Thành phố", "VP"),
        ("SỞ KHOA HỌC VÀ CÔNG NGHỆ", "SKHCN"),
        ("Sở KH&CN", "SKHCN"),
        ("Sở GD&ĐT Hà Nội", "SGDDT"),
        ("UBND TP Hà Nội", "HN"),
        ("snv", "SNV"),
    ],
)
def test_a_unit_is_found_however_its_name_is_written(
    index: UnitIndex, written: str, code: str
) -> None:
    """Abbreviations, capitals, tone placement, dashes, the city's name behind, the code itself."""
    match = index.match(written)
    assert match.unit is not None
    assert match.unit.code == code
    assert not match.without_marks


@pytest.mark.parametrize(
    ("day", "code"), [(BEFORE, "Q-BaDinh"), (AFTER, "00004")], ids=["30/06/2025", "01/07/2025"]
)
def test_a_name_two_units_share_means_the_one_valid_that_day(
    inventory: Inventory, day: date, code: str
) -> None:
    """The closed district and today's ward are both called Ba Đình."""
    assert inventory
    match = UnitIndex(known_units(), day).match("Ba Đình")
    assert match.unit is not None
    assert match.unit.code == code


def test_every_unit_of_today_is_found_by_its_own_name(index: UnitIndex) -> None:
    """No two of the names collide, also in capitals and without marks."""
    for unit in known_units():
        if unit.is_valid_on(AFTER):
            assert index.match(unit.name.upper()).unit == unit


def test_a_closed_unit_is_named_with_its_successor_of_the_same_name(index: UnitIndex) -> None:
    """A hint, never a guess: the row is refused."""
    match = index.match("UBND quận Ba Đình")
    assert match.problem is MatchProblem.NOT_VALID
    assert [unit.code for unit in match.candidates] == ["Q-BaDinh", "00004"]


def test_a_misspelt_name_suggests_the_nearest_and_nonsense_suggests_nothing(
    index: UnitIndex,
) -> None:
    """The nearest known unit comes first."""
    match = index.match("UBND xã Hoà Lạk")
    assert match.problem is MatchProblem.UNKNOWN
    assert match.candidates[0].code == "09988"
    assert index.match("Phòng không tồn tại").candidates == ()


def test_a_name_that_several_valid_units_share_is_not_guessed(inventory: Inventory) -> None:
    """Each ward has an office; alone, that name means none of them."""
    for ward in ("00004", "00008"):
        inventory.add_unit(f"{ward}-VP", "Văn phòng HĐND và UBND", UnitKind.DIVISION, ward, None)
    match = UnitIndex(known_units(), AFTER).match("Văn phòng HĐND và UBND")
    assert match.problem is MatchProblem.AMBIGUOUS
    assert len(match.candidates) == 2


def test_marks_are_ignored_only_when_nothing_else_fits(index: UnitIndex) -> None:
    """And the match says so, for a warning."""
    match = index.match("UBND phuong Lang")
    assert match.unit is not None
    assert match.unit.code == "00199"
    assert match.without_marks
