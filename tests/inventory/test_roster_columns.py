"""What a clerk may say of a file: its columns, its unit; what is remembered of it."""

from pathlib import Path
from typing import Any

import pytest

from signer.accounts import Actor
from signer.errors import Forbidden, Invalid
from signer.inventory.fields import FIELD_NAMES, Field
from signer.inventory.headings import columns_of
from signer.inventory.importing import ImportView
from signer.inventory.service import Inventory
from tests.inventory.conftest import Apply, Check, clerk, csv_text, person

STRANGE = ("Ký hiệu riêng", "Họ và tên", "Nơi làm việc hiện tại", "Ngày sinh", "Ghi chú")
SAID = {"A": Field.CODE, "B": Field.FULL_NAME, "C": Field.UNIT, "D": Field.BIRTH_DATE}


def strange(number: int) -> dict[str, Any]:
    good = person(number)
    cells = [good["Mã CB"], good["Họ và tên"], good["Đơn vị"], "15/03/1985", "x"]
    return dict(zip(STRANGE, cells, strict=True))


def of_strange(*numbers: int) -> bytes:
    return csv_text([strange(n) for n in numbers], (*STRANGE, "STT", "Chức vụ")).encode()


def test_columns_that_nobody_knows_are_asked_for_and_remembered_for_the_unit(
    inventory: Inventory, check: Check, hr: Actor, apply: Apply
) -> None:
    """Nothing goes in until the clerk has said; the unit's next file is read so at once."""
    first = check(content=of_strange(1, 2))
    assert first.plan.missing == ("Mã cán bộ", "Đơn vị")
    assert (first.plan.rows, first.plan.unknown_headings[0]) == (0, "Ký hiệu riêng")
    with pytest.raises(Exception, match="kiểm tra lại"):
        inventory.rosters.start(hr, first.import_id)
    second = inventory.rosters.recheck(hr, first.import_id, SAID)
    assert (second.plan.missing, second.plan.new) == ((), 2)
    assert apply(second.import_id).new == 2
    assert check(content=of_strange(1, 2, 3)).plan.new == 1
    elsewhere = clerk(inventory.unit_of("00199").path)
    assert check(content=of_strange(3), actor=elsewhere).plan.missing, "another unit's clerk"
    with pytest.raises(Invalid, match="Các cột A, B cùng"):
        inventory.rosters.recheck(hr, first.import_id, {"A": Field.CODE, "B": Field.CODE})
    with pytest.raises(Invalid, match="đã được ghi"):
        inventory.rosters.recheck(hr, second.import_id, SAID)


def test_a_heading_may_be_taken_for_something_else_or_for_nothing(
    inventory: Inventory, check: Check, hr: Actor
) -> None:
    """What the clerk says goes before what the words seem to say."""
    first = check(person(1, **{"Chức vụ": "Phòng Kinh tế", "Phòng": "Trưởng phòng"}))
    said = {h.letter: h.field for h in first.plan.headings}
    letter = {h.heading: h.letter for h in first.plan.headings}
    said[letter["Chức vụ"]], said[letter["Phòng"]] = Field.DIVISION, Field.TITLE
    said[letter["Ngày sinh"]] = None
    inventory.rosters.recheck(hr, first.import_id, said)
    third = check(person(1, **{"Chức vụ": "Phòng Kinh tế", "Phòng": "Trưởng phòng"}))
    fields = {h.heading: h.field for h in third.plan.headings}
    assert fields["Chức vụ"] is Field.DIVISION
    assert fields["Phòng"] is Field.TITLE
    assert fields["Ngày sinh"] is None


def test_a_full_roster_shows_who_is_missing_and_changes_nobody(
    inventory: Inventory, check: Check, stored: Check, hr: Actor, tmp_path: Path
) -> None:
    """A row with errors still names its person; leavers and other units are not missed."""
    stored(
        person(1),
        person(2, **{"Họ và tên": "Trần Thị Hai"}),
        person(3, **{"Họ và tên": "Lê Thị Ba", "Trạng thái công tác": "Nghỉ hưu"}),
        person(4, **{"Họ và tên": "Lê Thị Tư", "Đơn vị": "Phường Giảng Võ"}),
        person(5, **{"Họ và tên": "Lê Thị Năm"}),
    )

    def checked(actor: Actor, unit: str) -> ImportView:
        file = tmp_path / "du.csv"
        file.write_text(csv_text([person(1), person(5, **{"Ngày sinh": "31/02/1980"})]))
        return inventory.rosters.dry_run(actor, file, file.name, full_unit=unit)

    seen = inventory.rosters.view(hr, checked(hr, "00199").import_id)
    assert seen.record.absent == 1
    assert [(p.code, p.full_name) for p in seen.plan.absent] == [("HN000002", "Trần Thị Hai")]
    assert inventory.person_of(hr, "HN000002").unit_id == inventory.unit_of("00199").id
    with pytest.raises(Forbidden):
        checked(clerk(inventory.unit_of("00025").path), "00199")
    file = tmp_path / "la.csv"
    file.write_bytes(of_strange(1))
    unread = inventory.rosters.dry_run(hr, file, file.name, full_unit="00199")
    assert unread.plan.missing, "so nobody can be said to be absent from it"
    assert unread.plan.absent == ()


@pytest.mark.parametrize("field", list(Field))
def test_the_words_of_our_own_workbooks_are_known_headings(field: Field) -> None:
    """A column of refused rows comes back as what it was."""
    columns, _ = columns_of([[FIELD_NAMES[field]]], {}, None)
    assert list(columns) == [field]
