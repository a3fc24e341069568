"""What a role may do, in the own unit, below it, beside it, above it, nowhere."""

from itertools import product

import pytest

from signer.accounts import SYSTEM, Actor, Grant, Permission, Role
from signer.accounts.permissions import ROLE_PERMISSIONS
from signer.errors import Forbidden

OWN = "0001.0042."
PLACES = {
    OWN: True,
    "0001.0042.0007.": True,
    "0001.0043.": False,
    "0001.0421.": False,
    "0001.": False,
    "": False,
}


@pytest.mark.parametrize(
    ("role", "permission", "place"), list(product(Role, Permission, PLACES)), ids=str
)
def test_a_grant_reaches_its_subtree_and_no_further(
    role: Role, permission: Permission, place: str
) -> None:
    """Role × permission × place, all of them."""
    actor = Actor(
        account_id=1, name="an", display_name="An", grants=(Grant(role=role, scope_path=OWN),)
    )
    expected = PLACES[place] and permission in ROLE_PERMISSIONS[role]
    assert actor.can(permission, place) == expected
    if not expected:
        with pytest.raises(Forbidden):
            actor.require(permission, place)


def test_nobody_may_both_ask_and_approve() -> None:
    """Separation of duties: no role holds both, nor approval together with account keeping."""
    for role, held in ROLE_PERMISSIONS.items():
        assert not {Permission.REQUEST_CREATE, Permission.REQUEST_APPROVE} <= held, role
        assert not {Permission.ACCOUNT_MANAGE, Permission.REQUEST_APPROVE} <= held, role


def test_an_actor_without_grants_may_do_nothing() -> None:
    """Deny by default."""
    nobody = Actor(account_id=1, name="an", display_name="An")
    assert not any(nobody.can(permission) for permission in Permission)
    assert all(SYSTEM.can(permission, OWN) for permission in Permission)
