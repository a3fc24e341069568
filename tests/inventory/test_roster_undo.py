"""Taking an import back: exactly, within a day, and never under anything that rests on it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from signer.accounts import SYSTEM, Actor
from signer.audit import Audit
from signer.db import Base, db, release, transaction
from signer.errors import Conflict
from signer.inventory.applying import ROSTER_JOB_KIND
from signer.inventory.models import ImportState, Person
from signer.inventory.policy import rules
from signer.inventory.service import Inventory
from signer.inventory.states import PersonState
from signer.inventory.structure_plan import ActKind, Heir, UnitAct
from signer.jobs import Jobs
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.inventory.conftest import Check, person

_FOLLOWING = ("person", "person_period", "person_word")

Undo = Callable[[int], None]


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """All rows about people."""
    tables = [Base.metadata.tables[name] for name in _FOLLOWING]
    found = {
        table.name: sorted(map(tuple, db.session.execute(select(table))), key=repr)
        for table in tables
    }
    release()
    return found


@pytest.fixture
def undo(inventory: Inventory, jobs: Jobs, hr: Actor) -> Undo:
    def run(import_id: int) -> None:
        job_id = inventory.rosters.undo(hr, import_id)
        jobs.run({ROSTER_JOB_KIND: inventory.rosters.applying.do_items}, job_id=job_id)
        assert not jobs.failures(job_id)

    return run


@both_databases
def test_everything_is_as_before(
    inventory: Inventory, stored: Check, clock: StandingClock, undo: Undo, hr: Actor, audit: Audit
) -> None:
    """New people gone, names, facts, units and days of others restored to the letter."""
    stored(person(1), person(2, **{"Họ và tên": "Trần Thị Hai"}), person(3))
    clock.move(timedelta(days=5))
    stored(person(3, **{"Đơn vị": "Phường Giảng Võ"}))
    before = everything()
    wrong = stored(
        person(1, **{"Họ và tên": "Nguyễn Thị Ảnh", "Trạng thái công tác": "Nghỉ hưu"}),
        person(2, **{"Họ và tên": "Trần Thị Hai", "Đơn vị": "Phường Giảng Võ", "Loại": ""}),
        person(3, **{"Đơn vị": "Phường Ba Đình", "Chức vụ": "Chủ tịch"}),
        person(4, **{"Họ và tên": "Lê Thị Tư"}),
    )
    assert everything() != before
    undo(wrong.import_id)
    assert everything() == before
    assert inventory.rosters.view(hr, wrong.import_id).record.state is ImportState.UNDONE
    events = {e.action: e for e in audit.events(limit=4)}
    assert events["roster.undone"].subject == f"roster_import:{wrong.import_id}"
    assert json.loads(events["people.taken_back"].details) == {
        "removed": ["HN000004"],
        "restored": ["HN000001", "HN000002", "HN000003"],
    }
    audit.verify()
    with pytest.raises(Conflict, match="đã được hoàn tác"):
        inventory.rosters.start(hr, wrong.import_id)


def test_it_is_possible_for_a_day(
    inventory: Inventory, stored: Check, clock: StandingClock, hr: Actor
) -> None:
    """And not before the import is stored."""
    made = stored(person(1))
    clock.at += timedelta(hours=24, seconds=1)
    with pytest.raises(Conflict, match="24 giờ"):
        inventory.rosters.undo(hr, made.import_id)


def test_a_later_change_is_in_the_way(
    inventory: Inventory, stored: Check, clock: StandingClock, hr: Actor
) -> None:
    """The first person is named; the later import has to be undone first."""
    made = stored(person(1), person(2, **{"Họ và tên": "Trần Thị Hai"}))
    clock.at += timedelta(minutes=5)
    later = stored(person(2, **{"Họ và tên": "Trần Thị Hai", "Chức vụ": "Trưởng phòng"}))
    with pytest.raises(Conflict, match=r"Trần Thị Hai \(mã HN000002\) đã được sửa"):
        inventory.rosters.undo(hr, made.import_id)
    assert inventory.rosters.undo(hr, later.import_id)


def test_a_policy_decided_since_is_in_the_way(
    inventory: Inventory, stored: Check, clock: StandingClock, hr: Actor
) -> None:
    """The denominator was cut at its day, across the periods that undoing would join."""
    two = {"Họ và tên": "Lê Thị Hai"}
    stored(person(1), person(2, **two))
    clock.move(timedelta(days=1))
    moved = stored(person(1, **{"Trạng thái công tác": "Nghỉ không lương"}))
    named = stored(person(2, **two, **{"Chức vụ": "Tổ trưởng"}))
    clock.at += timedelta(hours=1)
    rule = rules()[PersonState.UNPAID_LEAVE]
    inventory.policy.change(
        SYSTEM, {PersonState.UNPAID_LEAVE: replace(rule, counted=not rule.counted)}
    )
    assert inventory.rosters.undo(hr, named.import_id), "who was not moved is not concerned"
    with pytest.raises(Conflict, match="chính sách"):
        inventory.rosters.undo(hr, moved.import_id)


def test_an_act_upon_the_past_is_in_the_way(
    inventory: Inventory, stored: Check, clock: StandingClock, hr: Actor
) -> None:
    """It cut a period that undoing would open again, of somebody who has left that unit."""
    stored(person(1), effective_on=date(2026, 1, 1))
    made = stored(person(1, **{"Đơn vị": "Phường Giảng Võ"}))
    clock.at += timedelta(hours=1)
    act = UnitAct(
        kind=ActKind.CLOSE,
        on=date(2026, 3, 1),
        decision="12/QĐ-UBND",
        codes=("00199",),
        heirs=(Heir(code="00004"),),
    )
    inventory.structure.carry_out(SYSTEM, act)
    with pytest.raises(Conflict, match="HN000001"):
        inventory.rosters.undo(hr, made.import_id)


def test_what_comes_to_rest_on_it_meanwhile_keeps_its_chunk(
    inventory: Inventory, stored: Check, jobs: Jobs, hr: Actor, clock: StandingClock
) -> None:
    """The job says why, and nothing of that chunk is half undone."""
    made = stored(person(1), person(2, **{"Họ và tên": "Trần Thị Hai"}))
    job_id = inventory.rosters.undo(hr, made.import_id)
    with transaction():
        db.session.execute(
            update(Person)
            .where(Person.code == "HN000002")
            .values(updated_at=clock.at + timedelta(seconds=1))
        )
    before = everything()
    jobs.run({ROSTER_JOB_KIND: inventory.rosters.applying.do_items}, job_id=job_id)
    [failure] = jobs.failures(job_id)
    assert failure.values["code"] == "HN000002"
    assert everything() == before
    assert inventory.rosters.view(hr, made.import_id).record.state is ImportState.UNDOING
