"""What a body is, under which codes it is known, and who speaks for it: one officer, one deputy."""

from datetime import date

import pytest

from signer.accounts import SYSTEM, Role
from signer.audit import Audit
from signer.db import release
from signer.errors import Conflict, Forbidden, Invalid, NotFound, SignerError
from signer.inventory.bodies import BodyFacts, Duty
from signer.inventory.facts import PersonFacts
from signer.inventory.models import UnitKind
from signer.inventory.service import Inventory
from signer.inventory.states import PersonState
from signer.inventory.structure_plan import ActKind, Heir, UnitAct
from tests.databases import both_databases
from tests.inventory.conftest import clerk

A, B = "00004", "00008"
ON = date(2026, 1, 5)


@pytest.fixture(autouse=True)
def people(inventory: Inventory) -> None:
    """P1 to P3 work in ward A, P4 has left it, P5 works in ward B."""
    for code, unit, state in (
        ("P1", A, None),
        ("P2", A, None),
        ("P3", A, None),
        ("P4", A, PersonState.RETIRED),
        ("P5", B, None),
    ):
        where = inventory.unit_of(unit)
        facts = PersonFacts(
            code=code,
            full_name=f"Lê Văn {code}",
            unit_id=where.id,
            unit_path=where.path,
            state=state,
        )
        inventory.add_people(SYSTEM, [facts], date(2025, 7, 1), source="test:people")
    inventory.add_unit("X", "Phòng X", UnitKind.DIVISION, A, None)


def name(inventory: Inventory, duty: Duty, code: str, on: date = ON, unit: str = A) -> None:
    inventory.bodies.name_officer(SYSTEM, unit, duty, person_code=code, decision="7/QĐ", on=on)


def officers(inventory: Inventory, unit: str = A) -> dict[str, str]:
    release()
    found = inventory.bodies.duties_of(inventory.unit_of(unit).id)
    return {view.duty.value: view.code for view in found if view.valid_to is None}


@both_databases
def test_one_officer_and_one_deputy_at_a_time(inventory: Inventory, audit: Audit) -> None:
    """The next one ends the one before on the eve; each is in the history and in the record."""
    name(inventory, Duty.FOCAL, "P1")
    name(inventory, Duty.DEPUTY, "P2")
    name(inventory, Duty.FOCAL, "P3", date(2026, 6, 1))
    assert officers(inventory) == {"focal": "P3", "deputy": "P2"}
    history = inventory.bodies.duties_of(inventory.unit_of(A).id)
    assert [(d.code, d.valid_from, d.valid_to) for d in history if d.duty is Duty.FOCAL] == [
        ("P3", date(2026, 6, 1), None),
        ("P1", ON, date(2026, 5, 31)),
    ]
    inventory.bodies.end_officer(SYSTEM, A, Duty.DEPUTY)
    assert officers(inventory) == {"focal": "P3"}
    with pytest.raises(NotFound):
        inventory.bodies.end_officer(SYSTEM, A, Duty.DEPUTY)
    assert [event.action for event in audit.events()[:2]] == [
        "unit.deputy_named",
        "unit.focal_named",
    ]
    audit.verify()


@pytest.mark.parametrize(
    ("unit", "person", "error"),
    [
        (A, "P1", Conflict),  # is the officer already
        (A, "P4", Invalid),  # has left
        (A, "P5", Invalid),  # works elsewhere
        (A, "P9", Invalid),  # is nobody
        ("X", "P2", Conflict),  # a division has no seal
        ("Q-BaDinh", "P2", Conflict),  # is closed
        ("không", "P2", NotFound),
    ],
)
def test_who_cannot_be_named(
    inventory: Inventory, unit: str, person: str, error: type[SignerError]
) -> None:
    """Each is refused, and the officer stays."""
    name(inventory, Duty.FOCAL, "P1")
    with pytest.raises(error):
        name(inventory, Duty.DEPUTY, person, unit=unit)
    assert officers(inventory) == {"focal": "P1"}


@pytest.mark.parametrize("on", [date(2026, 1, 4), date(2026, 11, 24)])
def test_a_duty_begins_neither_before_the_last_one_nor_in_the_future(
    inventory: Inventory, on: date
) -> None:
    """On no day are there two of them, and who has a duty now has it today."""
    name(inventory, Duty.FOCAL, "P1")
    inventory.bodies.end_officer(SYSTEM, A, Duty.FOCAL)
    for code in ("P2", "P3"):
        with pytest.raises(Invalid) as refused:
            name(inventory, Duty.FOCAL, code, on)
        assert refused.value.field == "on"
    name(inventory, Duty.FOCAL, "P2", date(2026, 10, 1))
    history = inventory.bodies.duties_of(inventory.unit_of(A).id)
    assert [(d.code, d.valid_to) for d in history] == [("P2", None), ("P1", date(2026, 9, 30))]


def test_only_who_manages_the_unit_names_officers(inventory: Inventory) -> None:
    """And says what it is."""
    for actor in (clerk(""), clerk(inventory.unit_of(B).path, role=Role.ADMIN)):
        with pytest.raises(Forbidden):
            inventory.bodies.name_officer(actor, A, Duty.FOCAL, person_code="P1", decision="1")
        with pytest.raises(Forbidden):
            inventory.bodies.set_facts(actor, A, BodyFacts(has_legal_status=True, has_seal=True))


@pytest.mark.parametrize(
    ("field", "written", "kept"),
    [
        ("tax_code", "0100109106", "0100109106"),
        ("tax_code", " 0100109106-001 ", "0100109106-001"),
        ("tax_code", "010010910", None),
        ("tax_code", "0100109106001", None),
        ("tax_code", "0100109106-01", None),
        ("budget_code", "1234567", "1234567"),
        ("budget_code", "123456", None),
        ("budget_code", "12345678", None),
        ("budget_code", "123456a", None),
        ("electronic_code", "H26.1.15", "H26.1.15"),
        ("electronic_code", "h26", "H26"),
        ("electronic_code", "H" * 35, "H" * 35),
        ("electronic_code", "H" * 36, None),
        ("electronic_code", "H26..15", None),
        ("electronic_code", "H26.Đ", None),
    ],
)
def test_codes_of_bodies_are_checked(
    inventory: Inventory, field: str, written: str, kept: str | None
) -> None:
    """domain.md 4.1: tax code 10 or 10-3 digits, budget code 7, electronic code up to 35."""
    facts = BodyFacts(has_legal_status=True, has_seal=True, **{field: written})  # type: ignore[arg-type]  # one of three texts
    if kept is None:
        with pytest.raises(Invalid) as refused:
            inventory.bodies.set_facts(SYSTEM, A, facts)
        assert refused.value.field == field
        return
    inventory.bodies.set_facts(SYSTEM, A, facts)
    release()
    assert getattr(inventory.unit_of(A), field) == kept


@both_databases
def test_duties_codes_and_seal_go_along_with_the_unit(inventory: Inventory) -> None:
    """A renamed body is the same body; a merged one has the first officer; undone, as before."""
    inventory.bodies.set_facts(
        SYSTEM, A, BodyFacts(has_legal_status=True, has_seal=True, budget_code="1234567")
    )
    name(inventory, Duty.FOCAL, "P1")
    name(inventory, Duty.DEPUTY, "P2")
    name(inventory, Duty.FOCAL, "P5", unit=B)
    done = inventory.structure.carry_out(
        SYSTEM,
        UnitAct(
            kind=ActKind.MERGE,
            on=date(2026, 3, 1),
            decision="1",
            codes=(A, B),
            heirs=(Heir(code=A, name="UBND phường Chung"),),
        ),
    )
    assert officers(inventory) == {"focal": "P1", "deputy": "P2"}
    assert inventory.unit_of(A).budget_code == "1234567"
    inventory.structure.undo(SYSTEM, done.id)
    assert officers(inventory) == {"focal": "P1", "deputy": "P2"}
    assert officers(inventory, B) == {"focal": "P5"}
