"""Acts upon the tree: who goes where, what every day before still says, and the way back."""

import json
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

import signer.inventory.structure as structure_module
from signer.accounts import SYSTEM, Accounts, Permission, Role
from signer.audit import Audit
from signer.clock import Clock
from signer.config import Settings
from signer.db import db, release, transaction
from signer.errors import Conflict, Forbidden, Invalid, NotFound, SignerError
from signer.inventory.bodies import Duty
from signer.inventory.facts import PersonFacts
from signer.inventory.models import OrgUnit, Person, PersonPeriod, UnitKind
from signer.inventory.service import Inventory
from signer.inventory.states import PersonState
from signer.inventory.structure import STRUCTURE_JOB_KIND
from signer.inventory.structure_plan import ActKind, Heir, UnitAct
from signer.inventory.tree import open_homes, predecessors, successors
from signer.jobs import Jobs
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.inventory.conftest import clerk

A, B, C = "00004", "00008", "00025"
"""Three wards: Ba Đình, Ngọc Hà, Giảng Võ."""
START = date(2025, 7, 1)
DAY = date(2026, 3, 1)
EVE = DAY - timedelta(days=1)

AddPeople = Callable[..., None]


@pytest.fixture
def add(inventory: Inventory) -> AddPeople:
    """Puts people with these codes into a unit, or changes them, from a day on."""

    def put(*codes: str, unit: str = A, on: date = START, **facts: object) -> None:
        where = inventory.unit_of(unit)
        people = [
            PersonFacts(
                code=code,
                full_name=f"Nguyễn Thị {code}",
                unit_id=where.id,
                unit_path=where.path,
                **facts,  # type: ignore[arg-type]  # whatever the test says
            )
            for code in codes
        ]
        inventory.add_people(SYSTEM, people, on, source="test:people")

    return put


@pytest.fixture
def offices(inventory: Inventory) -> None:
    """Ward A has an economy office and an archive; ward B an economy office too."""
    inventory.add_unit(f"{A}-KT", "Phòng Kinh tế", UnitKind.DIVISION, A, START)
    inventory.add_unit(f"{A}-LT", "Phòng Lưu trữ", UnitKind.DIVISION, A, START)
    inventory.add_unit(f"{B}-KT", "Phòng Kinh tế", UnitKind.DIVISION, B, START)


def act(
    kind: ActKind, *codes: str, on: date = DAY, parent: str | None = None, **heirs: str
) -> UnitAct:
    """An act whose heirs are named code=name; an underscore before a code of digits goes."""
    return UnitAct(
        kind=kind,
        on=on,
        decision="12/QĐ-UBND",
        codes=codes,
        heirs=tuple(Heir(code=code.lstrip("_"), name=name) for code, name in heirs.items()),
        parent_code=parent,
    )


def where(code: str, day: date) -> str:
    """The code and the name of the unit in which the person is on that day."""
    found = db.session.execute(
        select(OrgUnit.code, OrgUnit.name, OrgUnit.path, PersonPeriod.unit_path)
        .join(PersonPeriod, PersonPeriod.unit_id == OrgUnit.id)
        .join(Person, Person.id == PersonPeriod.person_id)
        .where(
            Person.code == code,
            PersonPeriod.valid_from <= day,
            (PersonPeriod.valid_to.is_(None)) | (PersonPeriod.valid_to >= day),
        )
    ).one()
    assert found.path == found.unit_path
    return f"{found.code} {found.name}"


def everything() -> tuple[object, ...]:
    """Who is where on the days around the act, and which units there are."""
    release()
    days = (START, EVE, DAY, date(2026, 11, 23))
    people = db.session.scalars(select(Person).order_by(Person.code)).all()
    return (
        [(p.code, p.unit_id, p.unit_path, [where(p.code, d) for d in days]) for p in people],
        sorted(
            (p.person_id, p.unit_id, p.state, p.valid_from, p.valid_to or date.max)
            for p in db.session.scalars(select(PersonPeriod))
        ),
        [
            (u.code, u.name, u.path)
            for u in db.session.scalars(select(OrgUnit).order_by(OrgUnit.path))
            if not u.is_undone and u.valid_to is None
        ],
    )


@both_databases
def test_a_renamed_unit_keeps_its_code_and_its_past_its_old_name(
    inventory: Inventory, add: AddPeople
) -> None:
    """Close and open in one act: as of the eve the old name, from the day the new one."""
    add("P1", "P2")
    old = inventory.unit_of(A)
    done = inventory.structure.carry_out(SYSTEM, act(ActKind.RENAME, A, _00004="UBND phường Mới"))
    assert (done.state, done.people) == ("done", 2)
    release()
    new = inventory.unit_of(A)
    assert new.id != old.id
    assert new.name == "UBND phường Mới"
    assert inventory.unit_of(A, EVE).id == old.id
    assert where("P1", EVE) == f"{A} {old.name}"
    assert where("P1", DAY) == f"{A} UBND phường Mới"
    person = inventory.person_of(SYSTEM, "P1")
    assert (person.unit_id, person.unit_path) == (new.id, new.path)
    assert [u.name for u in inventory.units(EVE) if u.code == A] == [old.name]
    assert [u.name for u in inventory.units(DAY) if u.code == A] == ["UBND phường Mới"]
    assert successors(old.id) == [new]
    assert predecessors(new.id) == [old]
    assert (new.has_legal_status, new.has_seal) == (True, True)
    assert inventory.load_units() == 0  # the act is newer than the file


@both_databases
def test_what_is_below_follows(inventory: Inventory, add: AddPeople, offices: None) -> None:
    """A moved unit stands under the other one with all its offices and their people."""
    add("P1", unit=f"{A}-KT")
    inventory.structure.carry_out(SYSTEM, act(ActKind.MOVE, A, parent="SNV", _00004=""))
    release()
    moved = inventory.unit_of(A)
    assert moved.path.startswith(inventory.unit_of("SNV").path)
    assert inventory.unit_of(f"{A}-KT").parent_id == moved.id
    assert where("P1", EVE) == where("P1", DAY) == f"{A}-KT Phòng Kinh tế"
    assert inventory.person_of(SYSTEM, "P1").unit_path.startswith(moved.path)


@both_databases
def test_a_merger_joins_offices_of_one_name(
    inventory: Inventory, add: AddPeople, offices: None
) -> None:
    """Two economy offices under one roof are one; the archive goes along."""
    add("P1")
    add("P2", unit=f"{A}-KT")
    add("P3", unit=f"{B}-KT")
    add("P4", unit=B)
    done = inventory.structure.carry_out(
        SYSTEM, act(ActKind.MERGE, A, B, _00004="UBND phường Chung")
    )
    assert [unit.code for unit in done.begun] == [A, f"{A}-KT", f"{A}-LT"]
    assert [where(p, DAY) for p in ("P1", "P2", "P3", "P4")] == [
        f"{A} UBND phường Chung",
        f"{A}-KT Phòng Kinh tế",
        f"{A}-KT Phòng Kinh tế",
        f"{A} UBND phường Chung",
    ]
    release()
    assert inventory.unit_of(B).valid_to == EVE
    assert successors(inventory.unit_of(B).id) == [inventory.unit_of(A)]


def test_a_unit_that_takes_over_stays_what_it_is(inventory: Inventory, add: AddPeople) -> None:
    """Its own people are not touched; closing into it is the same act."""
    add("P1")
    add("P2", unit=B)
    before = inventory.unit_of(B).id
    done = inventory.structure.carry_out(SYSTEM, act(ActKind.CLOSE, A, _00008=""))
    assert (done.people, done.begun) == (1, [])
    release()
    assert inventory.unit_of(B).id == before
    assert where("P1", DAY).startswith(B)
    assert len(inventory.history_of(inventory.person_of(SYSTEM, "P2").id)) == 1


def split_of(*heirs: Heir) -> UnitAct:
    return UnitAct(kind=ActKind.SPLIT, on=DAY, decision="13/QĐ", codes=(A,), heirs=heirs)


@both_databases
def test_a_split_goes_by_codes_divisions_and_offices(
    inventory: Inventory, add: AddPeople, offices: None
) -> None:
    """Who is named goes there; the rest to the first; an existing unit may be one of them."""
    add("P1", "P2")
    add("P3", division="Đội trật tự")
    add("P4", unit=f"{A}-LT")
    add("P5", unit=f"{A}-KT")
    wanted = split_of(
        Heir(code=A, name="UBND phường Một"),
        Heir(code="N2", name="UBND phường Hai", takes=("p2", "đội trật tự", "Phòng Lưu trữ")),
        Heir(code=B, takes=("P5",)),
    )
    seen = inventory.structure.preview(SYSTEM, wanted)
    assert seen.people == 5
    assert {
        (line.unit.code, line.heir.code): line.people for line in seen.lines if line.people
    } == {
        (A, A): 1,
        (A, "N2"): 2,
        (f"{A}-LT", f"{A}-LT"): 1,
        (f"{A}-KT", B): 1,
    }
    inventory.structure.carry_out(SYSTEM, wanted)
    assert [where(p, DAY)[:5].strip() for p in ("P1", "P2", "P3", "P5")] == [A, "N2 UB", "N2 UB", B]
    release()
    assert inventory.unit_of(f"{A}-LT").path.startswith(inventory.unit_of("N2").path)
    with pytest.raises(Invalid) as refused:
        inventory.structure.preview(
            SYSTEM,
            UnitAct(
                kind=ActKind.SPLIT,
                on=DAY + timedelta(days=1),
                decision="14",
                codes=(A,),
                heirs=(Heir(code="X1", name="Một"), Heir(code="X2", name="Hai", takes=("Nhầm",))),
            ),
        )
    assert refused.value.values["word"] == "Nhầm"


def test_people_left_in_a_district_go_on(inventory: Inventory, add: AddPeople) -> None:
    """A unit that the file closed on the eve is split into those there are: R2's night."""
    add("P1", "P2", unit="Q-BaDinh", on=date(2024, 1, 1))
    inventory.structure.carry_out(
        SYSTEM,
        UnitAct(
            kind=ActKind.SPLIT,
            on=START,
            decision="Nghị quyết 1656",
            codes=("Q-BaDinh",),
            heirs=(Heir(code=A), Heir(code=B, takes=("P2",))),
        ),
    )
    assert where("P1", date(2025, 6, 30)).startswith("Q-BaDinh")
    assert where("P1", START).startswith(A)
    assert where("P2", START).startswith(B)
    assert {unit.code for unit in successors(inventory.unit_of("Q-BaDinh").id)} == {A, B}


@both_databases
def test_a_day_in_the_past_changes_all_that_came_after(
    inventory: Inventory, add: AddPeople
) -> None:
    """A period that began before is cut, one that began since is corrected, also ended ones."""
    add("P1", "P2", "P3")
    add("P1", on=date(2026, 5, 1), state=PersonState.MATERNITY_LEAVE)
    add("P2", unit=C, on=date(2026, 6, 1))
    add("P3", on=DAY, title="Trưởng phòng", state=PersonState.SECONDED)
    inventory.structure.carry_out(SYSTEM, act(ActKind.RENAME, A, _00004="UBND phường Mới"))
    old, new = f"{A} {inventory.unit_of(A, EVE).name}", f"{A} UBND phường Mới"
    release()
    for person, days in {
        "P1": {START: old, EVE: old, DAY: new, date(2026, 5, 1): new},
        "P2": {EVE: old, DAY: new, date(2026, 5, 31): new},
        "P3": {EVE: old, DAY: new},
    }.items():
        assert {day: where(person, day) for day in days} == days
    assert where("P2", date(2026, 6, 1)).startswith(C)
    assert inventory.person_of(SYSTEM, "P2").unit_id == inventory.unit_of(C).id
    assert [p.state for p in inventory.history_of(inventory.person_of(SYSTEM, "P1").id)] == [
        PersonState.WORKING,
        PersonState.WORKING,
        PersonState.MATERNITY_LEAVE,
    ]


REFUSED: dict[str, tuple[UnitAct, type[SignerError]]] = {
    "people left": (act(ActKind.CLOSE, A), Conflict),
    "offices left": (act(ActKind.CLOSE, B), Conflict),
    "no such unit": (act(ActKind.RENAME, "không", _x="Tên"), NotFound),
    "closed already": (act(ActKind.RENAME, "Q-BaDinh", _x="Tên"), NotFound),
    "before it began": (act(ActKind.RENAME, A, on=START, _00004="Tên"), Conflict),
    "another's code": (act(ActKind.RENAME, A, _00008="UBND phường Ngọc Hà"), Conflict),
    "another's code and name": (act(ActKind.MERGE, A, _00008="Tên khác"), Conflict),
    "into nothing": (act(ActKind.CLOSE, A, _x="Tên"), NotFound),
    "below itself": (act(ActKind.MOVE, A, parent=f"{A}-KT", _00004=""), Invalid),
    "no decision": (
        UnitAct(kind=ActKind.CLOSE, on=DAY, decision=" ", codes=(C,)),
        Invalid,
    ),
    "too few": (act(ActKind.SPLIT, A, _x="Tên"), Invalid),
    "too many": (act(ActKind.RENAME, A, B, _x="Tên"), Invalid),
    "inside another": (act(ActKind.MERGE, A, f"{A}-KT", _x="Tên"), Invalid),
    "opened nowhere": (act(ActKind.OPEN, x="Tên"), Invalid),
    "no kind": (act(ActKind.OPEN, x="Tên", parent="HN"), Invalid),
    "one word for two": (
        split_of(
            Heir(code="x", name="Một", takes=("P1",)), Heir(code="y", name="Hai", takes=("p1",))
        ),
        Invalid,
    ),
    "a code twice": (split_of(Heir(code="x", name="Một"), Heir(code="x", name="Hai")), Invalid),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_an_act_that_cannot_be_is_refused(
    inventory: Inventory, add: AddPeople, offices: None, name: str
) -> None:
    """Before anything is stored, by preview and by deed."""
    add("P1")
    before = everything()
    wanted, error = REFUSED[name]
    for deed in (inventory.structure.preview, inventory.structure.carry_out):
        with pytest.raises(error):
            deed(SYSTEM, wanted)
    assert everything() == before


def test_an_act_needs_the_permission_over_all_it_touches(inventory: Inventory) -> None:
    """The units that end, those that take over, and what is above new ones."""
    path_a, path_b = inventory.unit_of(A).path, inventory.unit_of(B).path
    for actor in (
        clerk(""),
        clerk(path_a, role=Role.ADMIN),
        clerk(path_a, path_b, role=Role.ADMIN),
    ):
        with pytest.raises(Forbidden):
            inventory.structure.carry_out(actor, act(ActKind.RENAME, A, _00004="Tên"))
    inventory.structure.carry_out(
        clerk(path_a, path_b, role=Role.ADMIN), act(ActKind.CLOSE, A, _00008="")
    )
    outsider = clerk(inventory.unit_of(C).path, role=Role.ADMIN)
    assert inventory.structure.changes(outsider) == []


@both_databases
def test_a_planned_act_waits_for_its_day(
    inventory: Inventory, add: AddPeople, clock: StandingClock
) -> None:
    """The worker carries it out; what cannot be any more says why; one that waits can go."""
    add("P1")
    later = clock.today() + timedelta(days=10)
    planned = inventory.structure.carry_out(
        SYSTEM, act(ActKind.RENAME, A, on=later, _00004="UBND phường Mới")
    )
    doomed = inventory.structure.carry_out(SYSTEM, act(ActKind.RENAME, A, on=later, _00004="Khác"))
    gone = inventory.structure.carry_out(SYSTEM, act(ActKind.RENAME, B, on=later, _00008="Khác"))
    assert planned.state == doomed.state == gone.state == "planned"
    assert inventory.structure.undo(SYSTEM, gone.id).state == "undone"
    assert inventory.structure.carry_due() == 0
    clock.move(timedelta(days=10))
    assert inventory.structure.carry_due() == 2
    assert inventory.structure.carry_due() == 0
    assert inventory.structure.change(SYSTEM, planned.id).state == "done"
    refused = inventory.structure.change(SYSTEM, doomed.id)
    assert refused.state == "refused"
    assert refused.error
    assert where("P1", later) == f"{A} UBND phường Mới"


ACTS = {
    "rename": act(ActKind.RENAME, A, _00004="UBND phường Mới"),
    "move": act(ActKind.MOVE, A, parent="SNV", _00004=""),
    "merge": act(ActKind.MERGE, A, B, _00004="UBND phường Chung"),
    "close into": act(ActKind.CLOSE, A, _00008=""),
    "split": split_of(Heir(code="N1", name="Một"), Heir(code=B, takes=("P2",))),
    "open": UnitAct(
        kind=ActKind.OPEN,
        on=DAY,
        decision="1",
        heirs=(Heir(code="N", name="Mới", kind=UnitKind.SERVICE_UNIT),),
        parent_code=A,
    ),
}


@both_databases
@pytest.mark.parametrize("at_once", [2000, 1], ids=["at once", "as a job"])
@pytest.mark.parametrize("name", list(ACTS))
def test_undone_is_as_before(
    inventory: Inventory,
    add: AddPeople,
    offices: None,
    jobs: Jobs,
    audit: Audit,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    at_once: int,
) -> None:
    """Tree and people of every day; and the act can be done again."""
    monkeypatch.setattr(structure_module, "AT_ONCE", at_once)
    monkeypatch.setattr(structure_module, "_RANGE", 1)
    add("P1", "P2")
    add("P3", unit=f"{A}-KT")
    add("P4", unit=B)
    add("P2", on=date(2026, 5, 1), state=PersonState.MATERNITY_LEAVE)
    handlers = {STRUCTURE_JOB_KIND: inventory.structure.carry_items}
    before = everything()
    done = inventory.structure.carry_out(SYSTEM, ACTS[name])
    jobs.run(handlers)
    assert inventory.structure.change(SYSTEM, done.id).state == "done"
    after = everything()
    assert after != before
    inventory.structure.undo(SYSTEM, done.id)
    jobs.run(handlers)
    assert inventory.structure.change(SYSTEM, done.id).state == "undone"
    assert everything() == before
    inventory.structure.carry_out(SYSTEM, ACTS[name])
    jobs.run(handlers)
    assert [row[3] for row in everything()[0]] == [row[3] for row in after[0]]  # type: ignore[attr-defined]
    audit.verify()


def test_a_job_goes_on_where_it_stood(
    inventory: Inventory,
    add: AddPeople,
    jobs: Jobs,
    clock: StandingClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed between two items, and people changed meanwhile: everybody arrives, once."""
    monkeypatch.setattr(structure_module, "AT_ONCE", 1)
    monkeypatch.setattr(structure_module, "_RANGE", 2)
    add(*(f"P{n}" for n in range(6)))
    done = inventory.structure.carry_out(SYSTEM, ACTS["rename"])
    assert (done.state, done.people) == ("carrying", 6)
    assert done.job_id is not None
    with pytest.raises(Conflict):
        inventory.structure.undo(SYSTEM, done.id)
    finished: list[int] = []
    handlers = {STRUCTURE_JOB_KIND: inventory.structure.carry_items}
    jobs.run(handlers, on_progress=finished.append, stop=lambda: bool(finished))
    assert where("P0", DAY).endswith("phường Mới")
    assert not where("P5", DAY).endswith("phường Mới")
    release()
    row = inventory.person_of(SYSTEM, "P5")
    inventory.add_people(
        SYSTEM,
        [
            PersonFacts(
                code="P5",
                full_name=row.full_name,
                unit_id=row.unit_id,
                unit_path=row.unit_path,
                state=PersonState.MATERNITY_LEAVE,
            )
        ],
        date(2026, 6, 1),
        source="test:people",
    )
    keys = [f"{done.id}:1:1000000"]
    jobs.run(handlers)
    assert inventory.structure.carry_items(keys) == {}  # done twice is done once
    assert inventory.structure.change(SYSTEM, done.id).state == "done"
    assert {where(f"P{n}", DAY) for n in range(6)} == {f"{A} UBND phường Mới"}
    assert where("P5", date(2026, 6, 1)) == f"{A} UBND phường Mới"


def test_what_hangs_on_an_act_keeps_it(
    inventory: Inventory, add: AddPeople, clock: Clock, audit: Audit, settings: Settings
) -> None:
    """A person who changed, came or has a duty; a unit below; an account: each is named."""
    add("P1", "P2")
    inventory.bodies.name_officer(SYSTEM, A, Duty.FOCAL, person_code="P1", decision="1")

    def later_change() -> None:
        add("P2", on=date(2026, 4, 1), state=PersonState.MATERNITY_LEAVE)

    def newcomer() -> None:
        add("P9", on=date(2026, 4, 1))

    def office() -> None:
        inventory.add_unit(f"{A}-X", "Phòng X", UnitKind.DIVISION, A, DAY)

    def officer() -> None:
        inventory.bodies.name_officer(SYSTEM, A, Duty.DEPUTY, person_code="P2", decision="2")

    def account() -> None:
        Accounts(settings, clock, audit).create(
            SYSTEM, name="moi", role=Role.HR, scope_path=inventory.unit_of(A).path
        )

    def another_act() -> None:
        inventory.structure.carry_out(
            SYSTEM, act(ActKind.RENAME, A, on=date(2026, 4, 1), _00004="UBND phường Nữa")
        )

    for number, later in enumerate((office, account, officer, newcomer, later_change, another_act)):
        day = DAY + timedelta(days=number)
        done = inventory.structure.carry_out(
            SYSTEM, act(ActKind.RENAME, A, on=day, _00004=f"UBND phường Tên {number}")
        )
        later()
        with pytest.raises(Conflict):
            inventory.structure.undo(SYSTEM, done.id)
        release()
        assert inventory.structure.change(SYSTEM, done.id).state == "done"


@both_databases
def test_roles_follow_and_the_old_ones_stay(
    inventory: Inventory,
    add: AddPeople,
    offices: None,
    clock: Clock,
    audit: Audit,
    settings: Settings,
) -> None:
    """Over every heir; of a split unit's own people, over the heir they go to; taken back again."""
    accounts = Accounts(settings, clock, audit)
    add("P1", "P2")
    path = inventory.unit_of(A).path
    office = inventory.unit_of(f"{A}-KT").path
    for name, scope in (("a", path), ("b", path), ("kt", office), ("city", "")):
        made = accounts.create(SYSTEM, name=name, role=Role.HR, scope_path=scope)
        if name == "b":
            inventory.link_account(SYSTEM, inventory.person_of(SYSTEM, "P2").id, made.id)

    def sees(name: str) -> set[str]:
        release()
        return set(accounts.actor_of(name).scopes(Permission.PERSON_VIEW))

    done = inventory.structure.carry_out(SYSTEM, ACTS["split"])
    one, two = inventory.unit_of("N1").path, inventory.unit_of(B).path
    assert sees("a") == {path, one, two}
    assert sees("b") == {path, two}
    assert sees("kt") == {office, inventory.unit_of(f"{A}-KT").path}
    assert sees("city") == {""}
    inventory.structure.undo(SYSTEM, done.id)
    assert [sees(name) for name in ("a", "b", "kt")] == [{path}, {path}, {office}]


def test_open_work_finds_its_home(inventory: Inventory, add: AddPeople) -> None:
    """Through several acts, back from an undone one, and up when nobody took over."""
    first = inventory.unit_of(A)
    inventory.structure.carry_out(SYSTEM, act(ActKind.RENAME, A, _00004="UBND phường Mới"))
    second = inventory.structure.carry_out(
        SYSTEM, act(ActKind.MERGE, A, B, on=date(2026, 4, 1), N="UBND phường Chung")
    )
    release()
    assert [unit.code for unit in open_homes(first)] == ["N"]
    merged = inventory.unit_of("N")
    inventory.structure.undo(SYSTEM, second.id)
    release()
    homes = open_homes(db.session.get_one(OrgUnit, merged.id))
    assert {unit.name for unit in homes} == {"UBND phường Mới", inventory.unit_of(B).name}
    inventory.structure.carry_out(SYSTEM, act(ActKind.CLOSE, C))
    release()
    assert [unit.code for unit in open_homes(inventory.unit_of(C))] == ["HN"]


def test_a_broken_tree_is_refused(inventory: Inventory, add: AddPeople, offices: None) -> None:
    """What would stand below a closed unit, or share a code on one day, or have no address."""
    inventory.structure.carry_out(SYSTEM, act(ActKind.CLOSE, C, on=date(2026, 6, 1)))
    new = {"kind": UnitKind.DIVISION}
    for wanted, error in (
        (opening(C, "UBND phường Trùng mã"), Conflict),
        (opening("a/b", "Phòng A", **new), Invalid),
        (opening("a b", "Phòng A", **new), Invalid),
    ):
        with pytest.raises(error):
            inventory.structure.carry_out(SYSTEM, wanted)
    district = inventory.unit_of("Q-BaDinh")
    inventory.add_unit("Q-VP", "Văn phòng", UnitKind.DIVISION, "Q-BaDinh", None)
    with transaction():
        office = db.session.get_one(OrgUnit, inventory.unit_of("Q-VP").id)
        office.valid_to = district.valid_to
    with pytest.raises(NotFound):
        inventory.structure.carry_out(
            SYSTEM, act(ActKind.RENAME, "Q-VP", on=START, x="Văn phòng mới")
        )


def opening(code: str, name: str, *, kind: UnitKind = UnitKind.WARD) -> UnitAct:
    heir = Heir(code=code, name=name, kind=kind)
    return UnitAct(kind=ActKind.OPEN, on=DAY, decision="1", heirs=(heir,), parent_code="HN")


def test_a_namesake_that_begins_later_is_joined_by_nobody(
    inventory: Inventory, add: AddPeople, offices: None
) -> None:
    """Else people would stand in a unit before its first day."""
    later = Heir(code="X-KT", name="Phòng Kinh tế", kind=UnitKind.DIVISION)
    inventory.structure.carry_out(
        SYSTEM,
        UnitAct(
            kind=ActKind.OPEN,
            on=date(2026, 5, 1),
            decision="1",
            heirs=(later,),
            parent_code=C,
        ),
    )
    add("P1", unit=f"{A}-KT")
    inventory.structure.carry_out(SYSTEM, act(ActKind.CLOSE, A, _00025=""))
    assert where("P1", DAY).startswith(f"{A}-KT")


@both_databases
def test_what_ended_comes_back_only_to_its_place(inventory: Inventory, offices: None) -> None:
    """Not while another unit has its code, nor below a unit that ended meanwhile."""
    closed = inventory.structure.carry_out(SYSTEM, act(ActKind.CLOSE, C))
    office = inventory.structure.carry_out(SYSTEM, act(ActKind.CLOSE, f"{A}-LT"))
    inventory.structure.carry_out(SYSTEM, opening(C, "UBND phường Khác"))
    inventory.structure.carry_out(
        SYSTEM, act(ActKind.RENAME, A, on=date(2026, 4, 1), _00004="UBND phường Mới")
    )
    for change in (closed, office):
        with pytest.raises(Conflict):
            inventory.structure.undo(SYSTEM, change.id)


@both_databases
def test_an_act_waits_for_the_people_of_another(
    inventory: Inventory,
    add: AddPeople,
    jobs: Jobs,
    clock: StandingClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While a job carries them; also who came to the closed unit meanwhile is carried."""
    monkeypatch.setattr(structure_module, "AT_ONCE", 1)
    monkeypatch.setattr(structure_module, "_RANGE", 1)
    add("P1", "P2")
    old = inventory.unit_of(A)
    tomorrow = clock.today() + timedelta(days=1)
    planned = inventory.structure.carry_out(
        SYSTEM, act(ActKind.RENAME, A, on=tomorrow, _00004="UBND phường Nữa")
    )
    done = inventory.structure.carry_out(SYSTEM, ACTS["rename"])
    with pytest.raises(Conflict):
        inventory.structure.carry_out(
            SYSTEM, act(ActKind.RENAME, A, on=date(2026, 4, 1), _00004="Khác")
        )
    clock.move(timedelta(days=1))
    inventory.structure.carry_due()
    assert inventory.structure.change(SYSTEM, planned.id).state == "planned"
    facts = PersonFacts(code="P0", full_name="Lê Thị Đến", unit_id=old.id, unit_path=old.path)
    inventory.add_people(SYSTEM, [facts], DAY, source="test:people")
    handlers = {STRUCTURE_JOB_KIND: inventory.structure.carry_items}
    jobs.run(handlers)
    assert inventory.structure.change(SYSTEM, done.id).state == "done"
    inventory.structure.carry_due()
    jobs.run(handlers)
    assert inventory.structure.change(SYSTEM, planned.id).state == "done"
    assert {where(p, tomorrow) for p in ("P0", "P1", "P2")} == {f"{A} UBND phường Nữa"}


def test_the_record_says_what_was_ordered(
    inventory: Inventory, audit: Audit, clock: StandingClock
) -> None:
    """Also of an act that only waits; with the unit that stays and takes over."""
    inventory.structure.carry_out(SYSTEM, act(ActKind.CLOSE, A, on=clock.today(), _00008=""))
    inventory.structure.carry_out(
        SYSTEM, act(ActKind.CLOSE, C, on=clock.today() + timedelta(days=1), _00008="")
    )
    for event, code in zip(audit.events(), (C, A), strict=False):
        ordered = json.loads(event.details)["ordered"]
        assert ordered["codes"] == [code]
        assert [heir["code"] for heir in ordered["heirs"]] == [B]


_CODES = st.sampled_from([A, B, C, "SNV", f"{A}-KT", "N1", "N2"])
_ACT = st.builds(
    lambda kind, codes, heirs, parent, month: UnitAct(
        kind=kind,
        on=date(2026, month, 1),
        decision="1",
        codes=tuple(codes),
        heirs=tuple(Heir(code=code, name=name, kind=UnitKind.WARD) for code, name in heirs),
        parent_code=parent,
    ),
    st.sampled_from(ActKind),
    st.lists(_CODES, max_size=2),
    st.lists(st.tuples(_CODES, st.sampled_from(["", "Một", "Hai"])), max_size=2),
    st.none() | _CODES,
    st.integers(1, 10),
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(_ACT, st.booleans()), min_size=1, max_size=5))
def test_whatever_is_done_everybody_is_in_a_unit_of_the_day(
    app: Flask, inventory: Inventory, drawn: list[tuple[UnitAct, bool]]
) -> None:
    """Random acts, some undone: each person is every day in exactly one unit valid that day, and
    an open code is one unit's."""
    assert app
    known = {p.code for p in db.session.scalars(select(Person))}
    for number, code in enumerate((A, B, C, "SNV")):
        if f"H{number}" not in known:
            unit = inventory.unit_of(code)
            inventory.add_people(
                SYSTEM,
                [
                    PersonFacts(
                        code=f"H{number}",
                        full_name="Lê Văn An",
                        unit_id=unit.id,
                        unit_path=unit.path,
                    )
                ],
                START,
                source="test:people",
            )
    for wanted, is_undone in drawn:
        try:
            done = inventory.structure.carry_out(SYSTEM, wanted)
            if is_undone:
                inventory.structure.undo(SYSTEM, done.id)
        except SignerError:
            continue
        finally:
            release()
    for day in [date(2026, month, 1) for month in range(1, 12)]:
        rows = db.session.execute(
            select(Person.code, OrgUnit)
            .join(PersonPeriod, PersonPeriod.person_id == Person.id)
            .join(OrgUnit, OrgUnit.id == PersonPeriod.unit_id)
            .where(
                PersonPeriod.valid_from <= day,
                (PersonPeriod.valid_to.is_(None)) | (PersonPeriod.valid_to >= day),
            )
        ).all()
        assert sorted(code for code, _ in rows) == ["H0", "H1", "H2", "H3"]
        assert all(unit.is_valid_on(day) for _, unit in rows)
    for person in db.session.scalars(select(Person)):
        unit = db.session.get_one(OrgUnit, person.unit_id)
        assert unit.valid_to is None
        assert unit.path == person.unit_path
