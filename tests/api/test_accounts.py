"""Accounts made through the API, and over which units."""

from collections.abc import Callable

from signer.accounts import Role
from tests.api.conftest import Caller
from tests.factories import OTHER_WARD, WARD


def test_a_unit_left_out_is_the_whole_city(as_role: Callable[..., Caller]) -> None:
    """So only the city's administrator may leave it out."""
    body = {"name": "moi", "role": "auditor"}
    assert as_role(Role.ADMIN, WARD).post("accounts", json=body).status_code == 403
    assert as_role(Role.ADMIN, None).post("accounts", json=body).status_code == 201


def test_an_administrator_of_a_ward_makes_accounts_of_that_ward(
    as_role: Callable[..., Caller],
) -> None:
    """And of no other; somebody in another role makes none."""
    body = {"name": "moi", "role": "hr", "unit": OTHER_WARD}
    assert as_role(Role.ADMIN, WARD).post("accounts", json=body).status_code == 403
    assert as_role(Role.HR, OTHER_WARD).post("accounts", json=body).status_code == 403
    assert as_role(Role.ADMIN, OTHER_WARD).post("accounts", json=body).status_code == 201
