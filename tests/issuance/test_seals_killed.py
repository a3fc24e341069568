"""kill -9 while a body's seal is made, handed over or ended: one key, one keeper, always."""

import pytest
from sqlalchemy import select

from signer.accounts import Role
from signer.db import db
from signer.inventory.models import Person
from signer.issuance.models import Seal, SigningKey
from signer.services import Services
from tests.databases import both_databases
from tests.factories import WARD, City
from tests.issuance.house import House, certificate_states, commits, count_events, start_again
from tests.sealing import kept

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def _approved(services: Services, city: City, keeper: Person, name: str) -> int:
    clerk, head = city.actor(f"hr-{name}", Role.HR), city.actor(f"head-{name}", Role.APPROVER)
    seal_id = services.issuance.seals.create(
        clerk, unit_code=WARD, keeper_code=keeper.code, document_ref="1/GĐN", reason=""
    )
    services.issuance.seals.approve(head, seal_id)
    return seal_id


def _seals() -> list[tuple[str, str]]:
    """State and state of the key of each seal, in order."""
    db.session.rollback()
    rows = db.session.execute(
        select(Seal.state, SigningKey.state.label("key_state"))
        .join(SigningKey, SigningKey.seal_id == Seal.id)
        .order_by(Seal.id)
    ).all()
    return [(row.state, row.key_state) for row in rows]


@both_databases
def test_issuing(house: House, services: Services, city: City) -> None:
    """One approved seal: one key, one certificate, on record once."""
    (keeper,) = city.people(1)
    keeper_id = keeper.id
    _approved(services, city, keeper, "a")
    points = house.boundaries("work")
    assert commits(points) >= 5  # claim, key, serial, certificate, settled
    for point in points:
        with house.killed("work", point) as rooms:
            rooms.issuance.seals.seals_kept_by(keeper_id)  # readable in between
            start_again(rooms)
            assert _seals() == [("ready", "ready")]
            assert certificate_states() == {"issued": 1}
            assert count_events("seal.certified") == 1
            assert len(rooms.issuance.seals.seals_kept_by(keeper_id)) == 1


@both_databases
def test_handing_over(house: House, services: Services, city: City) -> None:
    """The next keeper has a seal of their own, the former one's is revoked: never two, never
    none."""
    former, present = city.people(2)
    former_id, present_id = former.id, present.id
    kept(services, city, former)
    _approved(services, city, present, "b")
    for point in house.boundaries("work"):
        with house.killed("work", point) as rooms:
            in_force = [state for state, _ in _seals()].count("ready")
            assert in_force == 1
            start_again(rooms)
            assert _seals() == [("ended", "retired"), ("ready", "ready")]
            assert certificate_states() == {"issued": 1, "revoked": 1}
            assert rooms.issuance.seals.seals_kept_by(former_id) == []
            assert len(rooms.issuance.seals.seals_kept_by(present_id)) == 1


@both_databases
def test_ending(house: House, services: Services, city: City) -> None:
    """The order is stored first; whoever comes next finishes it."""
    (keeper,) = city.people(1)
    kept(services, city, keeper)
    city.actor("revoker", Role.HR)
    (seal,) = services.issuance.seals.seals_kept_by(keeper.id)
    facts = {"clerk": "revoker", "seal_id": seal.id}
    points = house.boundaries("end_seal", **facts)
    assert commits(points) >= 3  # the order, the revocation, the end
    for point in points:
        with house.killed("end_seal", point, **facts) as rooms:
            was_ordered = _seals()[0][0] != "ready"
            start_again(rooms)
            ended = ([("ended", "retired")], {"revoked": 1})
            before = ([("ready", "ready")], {"issued": 1})
            assert (_seals(), certificate_states()) == (ended if was_ordered else before)
