"""When units change: drafts for certificates that name old ones; open work moves on."""

from datetime import date, timedelta
from pathlib import Path

import pytest

import signer.inventory.structure as structure_module
from signer.accounts import SYSTEM, Role
from signer.db import db, release, transaction
from signer.dossiers.models import Dossier
from signer.errors import Conflict, NotFound
from signer.inventory.structure_plan import ActKind, Heir, UnitAct
from signer.issuance.grounds import Act
from signer.issuance.rehoming import certified_in
from signer.services import Services
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD, City

DAY = date(2026, 11, 20)
DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"


def merger(*codes: str, into: Heir, on: date = DAY) -> UnitAct:
    return UnitAct(kind=ActKind.MERGE, on=on, decision="9/NQ-HĐND", codes=codes, heirs=(into,))


NEW = Heir(code="MOI", name="UBND phường Mới")


def test_a_merger_asks_for_a_change_of_every_certificate_that_names_an_old_unit(
    services: Services, city: City, clock: StandingClock
) -> None:
    """R27: the preview counts them, the sweep opens a draft for each; undone, they go."""
    people = [*city.certified(2), *city.certified(1, unit=OTHER_WARD)]
    city.people(1)
    ids = [services.inventory.unit_of(code).id for code in (WARD, OTHER_WARD)]
    assert certified_in(ids) == {ids[0]: 2, ids[1]: 1}
    clock.move(timedelta(minutes=1))
    done = services.inventory.structure.carry_out(SYSTEM, merger(WARD, OTHER_WARD, into=NEW))
    assert services.issuance.revoking.sweep() == 3
    drafts = services.issuance.revoking.drafts(SYSTEM)
    assert {draft.code for draft in drafts} == {person.code for person in people}
    assert {(draft.act, draft.cause, draft.found) for draft in drafts} == {
        (Act.CHANGE, "unit", "UBND PHƯỜNG MỚI")
    }
    services.inventory.structure.undo(SYSTEM, done.id)
    assert services.issuance.revoking.sweep() == 3
    assert services.issuance.revoking.drafts(SYSTEM) == []


def test_a_name_that_stays_asks_for_nothing(
    services: Services, city: City, clock: StandingClock
) -> None:
    """Two bodies become one that is called like the first: only the other's people change."""
    city.certified(1)
    other = city.certified(1, unit=OTHER_WARD)
    clock.move(timedelta(minutes=1))
    name = services.inventory.unit_of(WARD).name
    services.inventory.structure.carry_out(
        SYSTEM, merger(WARD, OTHER_WARD, into=Heir(code=WARD, name=name))
    )
    services.issuance.revoking.sweep()
    assert [d.code for d in services.issuance.revoking.drafts(SYSTEM)] == [other[0].code]


@both_databases
def test_an_open_request_is_finished_by_the_successors_officers(
    services: Services, city: City
) -> None:
    """Filed before, approved after by somebody who has a role over the new unit alone."""
    people = city.people(2)
    clerk, old_head = city.actor("clerk", Role.HR), city.actor("old", Role.APPROVER)
    made = services.issuance.create(
        clerk, reason="Cấp lần đầu", person_codes=[person.code for person in people]
    )
    assert made.id is not None
    done = services.inventory.structure.carry_out(SYSTEM, merger(WARD, OTHER_WARD, into=NEW))
    head = city.actor("head", Role.APPROVER, "MOI")
    assert services.issuance.request_of(head, made.id).unit_code == "MOI"
    with pytest.raises(NotFound):  # an actor as he was before the act knows the old path only
        services.issuance.request_of(old_head, made.id)
    services.issuance.request_of(services.accounts.actor_of("old"), made.id)
    job_id = services.issuance.approve(head, made.id)
    assert services.jobs.job_of(job_id).scope_path == services.inventory.unit_of("MOI").path
    second = services.inventory.structure.carry_out(
        SYSTEM,
        UnitAct(
            kind=ActKind.RENAME,
            on=date(2026, 11, 21),
            decision="10",
            codes=("MOI",),
            heirs=(Heir(code="MOI", name="UBND phường Mới Nữa"),),
        ),
    )
    release()
    assert services.jobs.job_of(job_id).scope_path == services.inventory.unit_of("MOI").path
    services.jobs.run(services.job_handlers)
    assert services.issuance.revoking.sweep() == 0  # issued in the name of the newest unit
    with pytest.raises(Conflict):
        services.inventory.structure.undo(SYSTEM, second.id)
    with pytest.raises(Conflict):
        services.inventory.structure.undo(SYSTEM, done.id)


@pytest.mark.parametrize("at_once", [2000, 1], ids=["at once", "as a job"])
def test_an_open_request_comes_back_when_the_act_is_undone(
    services: Services, city: City, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """As if there had been no act; of a split, each request goes with its people."""
    monkeypatch.setattr(structure_module, "AT_ONCE", at_once)
    monkeypatch.setattr(structure_module, "_RANGE", 1)
    people = city.people(2)
    clerk = city.actor("clerk", Role.HR)
    made = [
        services.issuance.create(clerk, reason="Cấp", person_codes=[person.code]).id
        for person in people
    ]
    act = UnitAct(
        kind=ActKind.SPLIT,
        on=DAY,
        decision="1",
        codes=(WARD,),
        heirs=(NEW, Heir(code=OTHER_WARD, takes=(people[1].code,))),
    )
    done = services.inventory.structure.carry_out(SYSTEM, act)
    services.jobs.run(services.job_handlers)
    units = [services.issuance.request_of(SYSTEM, one or 0).unit_code for one in made]
    assert units == ["MOI", OTHER_WARD]
    # the two units' roles were given to the clerk of the old one
    clerk = services.accounts.actor_of("clerk")
    assert {request.id for request in services.issuance.requests(clerk)} == set(made)
    services.inventory.structure.undo(SYSTEM, done.id)
    services.jobs.run(services.job_handlers)
    assert services.inventory.structure.change(SYSTEM, done.id).state == "undone"
    assert {services.issuance.request_of(SYSTEM, one or 0).unit_code for one in made} == {WARD}


def test_an_open_dossier_goes_to_where_its_drafter_is(services: Services, city: City) -> None:
    """Of a split, to the drafter's new unit; a finished one stays in the archive of the old."""
    drafter, signer = city.certified(2)
    clerk = city.actor("drafter", Role.HR)
    assert clerk.account_id is not None
    services.inventory.link_account(SYSTEM, drafter.id, clerk.account_id)
    made = [
        services.dossiers.create(
            clerk,
            title="Quyết định",
            unit_code=WARD,
            due_on=None,
            files=[("QD.pdf", DECISION)],
            signers=[signer.code],
        )
        for _ in range(2)
    ]
    release()
    with transaction():
        db.session.get_one(Dossier, made[1]).state = "done"
    act = UnitAct(
        kind=ActKind.SPLIT,
        on=DAY,
        decision="1",
        codes=(WARD,),
        heirs=(NEW, Heir(code=OTHER_WARD, takes=(drafter.code,))),
    )
    done = services.inventory.structure.carry_out(SYSTEM, act)
    clerk = services.accounts.actor_of("drafter")
    assert [services.dossiers.dossier_of(clerk, one).unit_code for one in made] == [
        OTHER_WARD,
        WARD,
    ]
    services.inventory.structure.undo(SYSTEM, done.id)
    assert {services.dossiers.dossier_of(SYSTEM, one).unit_code for one in made} == {WARD}
