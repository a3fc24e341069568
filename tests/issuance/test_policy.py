"""What the city decides about a state is what certificates and requests go by (R11, R27)."""

from dataclasses import replace

import pytest

from signer.accounts import SYSTEM, Role
from signer.db import release
from signer.inventory.policy import rules
from signer.inventory.states import Consequence, PersonState
from signer.issuance.grounds import Act, Ground
from signer.services import Services
from tests.factories import City


@pytest.mark.parametrize(
    ("state", "consequence", "act", "ground"),
    [
        (PersonState.UNPAID_LEAVE, Consequence.SUSPEND_USE, Act.SUSPEND, None),
        (PersonState.UNPAID_LEAVE, Consequence.REVOKE, Act.REVOKE, None),
        (PersonState.SUSPENDED, Consequence.REVOKE, Act.REVOKE, None),
        (PersonState.SUSPENDED, Consequence.SUSPEND_USE, Act.SUSPEND, Ground.SUSPENDED_FROM_DUTY),
        (PersonState.SUSPENDED, Consequence.NONE, None, None),
    ],
)
def test_a_draft_asks_what_the_policy_says(
    services: Services,
    city: City,
    state: PersonState,
    consequence: Consequence,
    act: Act | None,
    ground: Ground | None,
) -> None:
    """With the decree's ground only where it allows the act; else the clerk picks one."""
    (person,) = city.certified(1)
    hr = city.actor("hr-all", Role.HR, None)
    wanted = {state: replace(rules()[state], consequence=consequence)}
    services.inventory.policy.change(SYSTEM, wanted)
    cells = {"state": state.value}
    services.inventory.persons.store(hr, cells, code=person.code)  # type: ignore[arg-type]  # a field is its value
    services.issuance.revoking.sweep()
    release()
    drafts = services.issuance.revoking.drafts(hr)
    assert [(draft.act, draft.ground) for draft in drafts] == ([(act, ground)] if act else [])


def test_who_may_not_sign_by_policy_gets_no_certificate(services: Services, city: City) -> None:
    """From the moment of the decision, and again when it is taken back."""
    (person,) = city.people(1)
    hr = city.actor("hr-all", Role.HR, None)
    services.inventory.persons.store(hr, {"state": "maternity_leave"}, code=person.code)  # type: ignore[dict-item]  # a field is its value
    for may_sign in (False, True):
        rule = replace(rules()[PersonState.MATERNITY_LEAVE], may_sign=may_sign)
        services.inventory.policy.change(SYSTEM, {PersonState.MATERNITY_LEAVE: rule})
        made = services.issuance.create(hr, person_codes=[person.code], reason="Cấp lần đầu")
        assert (made.id is not None) == may_sign
