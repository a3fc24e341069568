"""What happened between the check of a roster and its storing, or its undoing, is respected."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from signer.accounts import SYSTEM, Actor
from signer.inventory.fields import Field
from signer.inventory.service import Inventory
from signer.inventory.structure_plan import ActKind, Heir, UnitAct
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.inventory.conftest import Apply, Check, clerk, person

LANG, GIANG_VO = "00199", "00025"
TODAY = date(2026, 11, 23)


@pytest.fixture
def end_lang(inventory: Inventory) -> Callable[[], None]:
    """The ward Láng is merged into Giảng Võ today."""

    def carry_out() -> None:
        act = UnitAct(
            kind=ActKind.CLOSE,
            on=TODAY,
            decision="12/QĐ-UBND",
            codes=(LANG,),
            heirs=(Heir(code=GIANG_VO),),
        )
        inventory.structure.carry_out(SYSTEM, act)

    return carry_out


@both_databases
@pytest.mark.parametrize("effective_on", [TODAY, TODAY - timedelta(days=9)], ids=str)
def test_nobody_is_stored_in_a_unit_that_ended_since_the_check(
    inventory: Inventory,
    check: Check,
    stored: Check,
    apply: Apply,
    hr: Actor,
    end_lang: Callable[[], None],
    effective_on: date,
) -> None:
    """Also when the list is of a day on which it was there: its people were carried on already."""
    stored(person(1), effective_on=date(2026, 1, 1))
    checked = check(
        person(1, **{"Chức vụ": "Chủ tịch"}),
        person(2, **{"Họ và tên": "Lê Thị Hai"}),
        person(3, **{"Họ và tên": "Lê Thị Ba", "Đơn vị": "Phường Giảng Võ"}),
        effective_on=effective_on,
    )
    assert checked.plan.errors == ()
    end_lang()
    receipt = apply(checked.import_id)
    assert (receipt.new, receipt.changed, receipt.refused) == (1, 0, 2)
    told = inventory.rosters.view(hr, checked.import_id).overtaken
    assert {(f.row, f.heading) for f in told} >= {(2, "Đơn vị"), (3, "Đơn vị")}
    assert "“Ủy ban nhân dân phường Láng” đã kết thúc" in told[0].message
    assert {p.code for p in inventory.people(hr).items} == {"HN000001", "HN000003"}
    assert {p.unit_id for p in inventory.people(hr).items} == {inventory.unit_of(GIANG_VO).id}


def test_a_list_of_before_an_act_brings_nobody_into_the_ended_unit(
    check: Check, end_lang: Callable[[], None]
) -> None:
    """The check says so at once."""
    end_lang()
    found = check(person(1), effective_on=TODAY - timedelta(days=9))
    assert [(f.row, f.heading) for f in found.plan.errors] == [(2, "Đơn vị")]


@both_databases
def test_what_somebody_corrected_since_the_check_is_not_overwritten(
    inventory: Inventory,
    check: Check,
    stored: Check,
    apply: Apply,
    hr: Actor,
    clock: StandingClock,
) -> None:
    """That row is left out by name; people whom nobody touched get what the roster says."""
    rows = [person(1), person(2, **{"Họ và tên": "Lê Thị Hai"})]
    stored(*rows)
    clock.at += timedelta(minutes=5)
    checked = check(
        *(row | {"Chức vụ": "Trưởng phòng"} for row in rows),
        person(3, **{"Họ và tên": "Lê Thị Ba", "Chức vụ": "Trưởng phòng"}),
    )
    clock.at += timedelta(minutes=5)
    inventory.persons.store(SYSTEM, {Field.TITLE: "Chủ tịch"}, code="HN000001")
    stored(person(3, **{"Họ và tên": "Lê Thị Ba", "Chức vụ": "Chủ tịch"}))
    receipt = apply(checked.import_id)
    assert (receipt.new, receipt.changed, receipt.refused) == (0, 1, 2)
    titles = {p.code: p.title for p in inventory.people(hr).items}
    assert titles == {"HN000001": "Chủ tịch", "HN000002": "Trưởng phòng", "HN000003": "Chủ tịch"}
    told = inventory.rosters.view(hr, checked.import_id).overtaken
    assert [(f.row, f.heading) for f in told] == [(2, "Mã CB"), (4, "Mã CB")]


def test_who_lost_a_unit_since_the_check_stores_nobody_there(
    inventory: Inventory, check: Check, apply: Apply
) -> None:
    """The scope of whoever stores counts, for new people as for those who are there."""
    everywhere, lang = clerk(""), clerk(inventory.unit_of(LANG).path)
    checked = check(
        person(1),
        person(2, **{"Họ và tên": "Lê Thị Hai", "Đơn vị": "Phường Giảng Võ"}),
        actor=everywhere,
    )
    fewer = Actor(account_id=None, name=everywhere.name, display_name="HR", grants=lang.grants)
    receipt = apply(checked.import_id, fewer)
    assert (receipt.new, receipt.refused) == (1, 1)
