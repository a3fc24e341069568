"""The policy of states: what the city decides about counting, signing and certificates (R11)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from signer.accounts import Actor, Role
from signer.audit import Audit
from signer.db import db, release
from signer.errors import Conflict, Forbidden, Invalid
from signer.inventory import policy_change
from signer.inventory.policy import counted_states, rules
from signer.inventory.policy_change import POLICY_JOB_KIND
from signer.inventory.service import Inventory, people_on
from signer.inventory.states import STATE_RULES, Consequence, PersonState
from signer.jobs import Jobs
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.inventory.conftest import Check, clerk, person

ADMIN = clerk("", role=Role.ADMIN)
MATERNITY, WORKING, RETIRED = (
    PersonState.MATERNITY_LEAVE,
    PersonState.WORKING,
    PersonState.RETIRED,
)


def counted(day: date) -> set[int]:
    """Who was in the denominator on that day."""
    release()
    rows = db.session.execute(people_on(day))
    return {person_id for person_id, _, _, _, is_counted in rows if is_counted}


def with_(state: PersonState, **changed: object) -> dict[PersonState, object]:
    """Today's policy with one rule changed."""
    return {**rules(), state: replace(rules()[state], **changed)}


@both_databases
def test_the_denominator_changes_from_the_day_of_the_decision(
    inventory: Inventory, stored: Check, clock: StandingClock, audit: Audit
) -> None:
    """Days before keep what was counted then; the other states are untouched."""
    stored(
        person(1, **{"Trạng thái công tác": "Nghỉ thai sản"}), person(2), effective_on=clock.today()
    )
    (mother,) = {p.id for p in inventory.people(ADMIN).items if p.code == "HN000001"}
    before = clock.today()
    clock.move(timedelta(days=10))
    (line,) = inventory.policy.preview(ADMIN, with_(MATERNITY, counted=True))
    assert (line.state, line.people, line.moves) == (MATERNITY, 1, 1)
    assert inventory.policy.change(ADMIN, with_(MATERNITY, counted=True)) is None
    assert mother in counted(clock.today())
    assert mother not in counted(clock.today() - timedelta(days=1))
    assert mother not in counted(before)
    assert len(counted(clock.today())) == 2
    event = next(e for e in audit.events() if e.action == "policy.changed")
    assert event.subject == f"state:{MATERNITY}"
    assert [p.counted for p in inventory.history_of(mother)] == [False, True]
    inventory.policy.change(ADMIN, with_(MATERNITY, counted=False))
    assert mother not in counted(clock.today())
    assert [p.counted for p in inventory.history_of(mother)] == [False, False]


def test_people_stored_later_are_counted_as_the_policy_says(
    inventory: Inventory, stored: Check, clock: StandingClock
) -> None:
    """A roster asks the policy and not the constants."""
    inventory.policy.change(ADMIN, with_(MATERNITY, counted=True))
    stored(person(1, **{"Trạng thái công tác": "Nghỉ thai sản"}))
    assert len(counted(clock.today())) == 1


def test_many_people_are_moved_by_a_job(
    inventory: Inventory,
    stored: Check,
    clock: StandingClock,
    jobs: Jobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Chunk by chunk, from the day of the decision even when the job ends the day after."""
    monkeypatch.setattr(policy_change, "CHUNK_PEOPLE", 2)
    stored(*(person(n, **{"Trạng thái công tác": "Nghỉ thai sản"}) for n in range(1, 6)))
    clock.move(timedelta(days=1))
    decided = clock.today()
    job_id = inventory.policy.change(ADMIN, with_(MATERNITY, counted=True))
    assert job_id is not None
    assert counted(decided) == set()
    clock.move(timedelta(days=1))
    handlers = {POLICY_JOB_KIND: inventory.policy.count_items}
    assert jobs.run(handlers) == 3
    assert len(counted(decided)) == 5
    assert counted(decided - timedelta(days=1)) == set()
    jobs.retry_failed(job_id, ADMIN.name)
    assert inventory.policy.count_items([f"{decided.isoformat()}/1/99"]) == {}
    assert len(counted(decided)) == 5, "done again it changes nothing"


@both_databases
def test_whoever_moves_before_the_job_comes_is_counted_from_the_same_day(
    inventory: Inventory,
    stored: Check,
    clock: StandingClock,
    jobs: Jobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Past midnight there are days between the decision and the job: they are the policy's too."""
    monkeypatch.setattr(policy_change, "CHUNK_PEOPLE", 2)
    away = {"Trạng thái công tác": "Nghỉ thai sản"}
    stored(*(person(n, **away) for n in range(1, 6)), effective_on=clock.today())
    clock.move(timedelta(days=1))
    decided = clock.today()
    inventory.policy.change(ADMIN, with_(MATERNITY, counted=True))
    clock.move(timedelta(days=1))
    moved = person(1, **away, **{"Đơn vị": "UBND phường Ba Đình"})
    stored(moved, effective_on=clock.today())
    jobs.run({POLICY_JOB_KIND: inventory.policy.count_items})
    assert [len(counted(decided + timedelta(days=n))) for n in (-1, 0, 1)] == [0, 5, 5]


def test_a_policy_is_not_changed_while_that_of_another_day_is_carried_out(
    inventory: Inventory,
    stored: Check,
    clock: StandingClock,
    jobs: Jobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The job of yesterday would date today's decision back; on the same day it may be undone."""
    monkeypatch.setattr(policy_change, "CHUNK_PEOPLE", 2)
    stored(*(person(n, **{"Trạng thái công tác": "Nghỉ thai sản"}) for n in range(1, 6)))
    decided = clock.today()
    inventory.policy.change(ADMIN, with_(MATERNITY, counted=True))
    inventory.policy.change(ADMIN, with_(MATERNITY, counted=False))
    inventory.policy.change(ADMIN, with_(MATERNITY, counted=True))
    clock.move(timedelta(days=1))
    with pytest.raises(Conflict, match="lần đổi chính sách trước"):
        inventory.policy.change(ADMIN, with_(MATERNITY, counted=False))
    jobs.run({POLICY_JOB_KIND: inventory.policy.count_items})
    assert inventory.policy.change(ADMIN, with_(MATERNITY, counted=False))
    jobs.run({POLICY_JOB_KIND: inventory.policy.count_items})
    assert [len(counted(decided + timedelta(days=n))) for n in (0, 1)] == [5, 0]


def test_rules_are_read_once_a_transaction_and_anew_in_the_next(inventory: Inventory) -> None:
    """A decision is seen by the next transaction of every session."""
    assert rules() is rules()
    assert MATERNITY not in counted_states()
    inventory.policy.change(ADMIN, with_(MATERNITY, counted=True, may_sign=False))
    assert MATERNITY in counted_states()
    assert not rules()[MATERNITY].may_sign
    assert rules()[MATERNITY].label == STATE_RULES[MATERNITY].label


@pytest.mark.parametrize(
    ("state", "changed", "sentence"),
    [
        (WORKING, {"counted": False}, "luôn được tính"),
        (WORKING, {"may_sign": False}, "luôn được tính"),
        (RETIRED, {"counted": True}, "đã rời cơ quan"),
        (RETIRED, {"may_sign": True}, "đã rời cơ quan"),
        (RETIRED, {"consequence": Consequence.NONE}, "đã rời cơ quan"),
        (MATERNITY, {"consequence": Consequence.REVOKE}, "vừa được ký số"),
        (MATERNITY, {"consequence": Consequence.SUSPEND_USE}, "vừa được ký số"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(
    inventory: Inventory, state: PersonState, changed: dict[str, object], sentence: str
) -> None:
    """Nobody can hide people from the rate, or let leavers sign."""
    with pytest.raises(Invalid, match=sentence) as refused:
        inventory.policy.change(ADMIN, with_(state, **changed))
    assert refused.value.field == state
    assert rules() == STATE_RULES


@pytest.mark.parametrize("actor", [clerk(""), clerk("0001.", role=Role.ADMIN)], ids=["hr", "part"])
def test_the_policy_is_the_citys(inventory: Inventory, actor: Actor) -> None:
    """Neither HR nor an administrator of a part of the city decides for all."""
    with pytest.raises(Forbidden):
        inventory.policy.preview(actor, with_(MATERNITY, counted=True))
    with pytest.raises(Forbidden):
        inventory.policy.change(actor, with_(MATERNITY, counted=True))
