"""Accounts made by the administrator."""

import marshmallow as ma
from marshmallow import fields

from signer.accounts import NewAccount, Permission, Role
from signer.api.access import actor
from signer.api.operations import Operations, Schema
from signer.services import services

accounts = Operations("accounts", "Who may log in, made by the administrator")


class AccountBody(Schema):
    """A new account with one role over one unit and all below it."""

    name = fields.String(required=True, validate=ma.validate.Length(min=1, max=100))
    role = fields.Enum(Role, by_value=True, required=True)
    unit = fields.String(
        allow_none=True,
        metadata={"description": "Unit code; left out, the role holds over the whole city"},
    )
    display_name = fields.String(allow_none=True, validate=ma.validate.Length(max=200))


class AccountMade(Schema):
    """The account with its one-time password, shown this once and stored nowhere."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    password = fields.String(required=True)


@accounts.post(
    "/accounts", Permission.ACCOUNT_MANAGE, body=AccountBody, answer=AccountMade(), status=201
)
def create_account(
    name: str, role: Role, unit: str | None = None, display_name: str | None = None
) -> NewAccount:
    """Make an account; its owner must choose another password at the first log-in."""
    scope_path = services().inventory.unit_of(unit).path if unit else ""
    actor().require(Permission.ACCOUNT_MANAGE, scope_path)
    return services().accounts.create(
        actor(), name=name, role=role, scope_path=scope_path, display_name=display_name
    )
