"""Logging in and out, the own signing key, and accounts made by the administrator."""

import marshmallow as ma
from flask import g, request
from marshmallow import fields

from signer.accounts import Actor, NewAccount, Permission, Role
from signer.api.access import actor, bearer_token
from signer.api.operations import Operations, Schema
from signer.api.problems import Unauthorized
from signer.doors import BEFORE_NEW_PASSWORD, PUBLIC
from signer.errors import Forbidden
from signer.services import services
from signer.signing.own_keys import KeyState

sessions = Operations("sessions", "Logging in with name and password; the token goes in a header")
me = Operations("me", "The caller's own signing key")
accounts = Operations("accounts", "Who may log in, made by the administrator")


class Credentials(Schema):
    """A name and a password."""

    name = fields.String(required=True, validate=ma.validate.Length(max=100))
    password = fields.String(
        required=True, validate=ma.validate.Length(max=500), metadata={"format": "password"}
    )


class NewPassword(Schema):
    """The password in use and the one that replaces it."""

    old = fields.String(required=True, metadata={"format": "password"})
    new = fields.String(
        required=True, validate=ma.validate.Length(max=500), metadata={"format": "password"}
    )


class GrantAnswer(Schema):
    """A role over the units below a path; the empty path is the whole city."""

    role = fields.String(required=True)
    scope_path = fields.String(required=True)


class Account(Schema):
    """Who the caller is."""

    name = fields.String(required=True)
    display_name = fields.String(required=True)
    must_change_password = fields.Boolean(required=True)
    grants = fields.List(fields.Nested(GrantAnswer), required=True)


class Session(Schema):
    """A token to be sent as `Authorization: Bearer …` until it runs out."""

    token = fields.String(required=True)
    token_type = fields.String(required=True)
    account = fields.Nested(Account, required=True)


@sessions.post("/sessions", PUBLIC, body=Credentials, answer=Session(), status=201)
def log_in(name: str, password: str) -> dict[str, object]:
    """Log in.

    A wrong name or password answers 401; after ten tries the name rests for fifteen minutes.
    """
    accounts = services().accounts
    try:
        token = accounts.log_in(name, password, address=request.remote_addr or "", kind="api")
    except Forbidden as error:
        raise Unauthorized(error.sentence, **error.values) from error
    found = accounts.actor_of_session(token)
    return {"token": token, "token_type": "Bearer", "account": found}


@sessions.delete("/sessions/current", BEFORE_NEW_PASSWORD)
def log_out() -> None:
    """Log out: the token is worth nothing from now on."""
    services().accounts.log_out(bearer_token() or "")


@sessions.get("/me", BEFORE_NEW_PASSWORD, answer=Account())
def who_am_i() -> Actor:
    """Who the token belongs to, and over which units."""
    found: Actor = g.actor
    return found


@sessions.post("/me/password", BEFORE_NEW_PASSWORD, body=NewPassword, status=204)
def change_password(old: str, new: str) -> None:
    """Choose another password; the account's other sessions end."""
    services().accounts.change_password(actor(), old, new, keep=bearer_token())


class Key(Schema):
    """Whose key, and whether it can sign: none, ready (waits for its PIN), active or locked."""

    person_code = fields.String(required=True)
    person_name = fields.String(required=True)
    unit_name = fields.String(required=True)
    state = fields.String(required=True)
    certificate = fields.String(attribute="serial_hex", required=True, allow_none=True)
    not_after = fields.DateTime(required=True, allow_none=True)
    attempts_left = fields.Integer(required=True)


class PinBody(Schema):
    """The PIN that will be asked for at every signature."""

    pin = fields.String(
        required=True, validate=ma.validate.Length(max=100), metadata={"format": "password"}
    )


@me.get("/me/key", Permission.DOCUMENT_SIGN, answer=Key())
def get_key() -> KeyState:
    """The state of the caller's key."""
    return services().signing.key_of(actor())


@me.post("/me/key/activate", Permission.DOCUMENT_SIGN, body=PinBody, answer=Key())
def activate_key(pin: str) -> KeyState:
    """Seal the key under a PIN of 6 to 32 characters; it can sign from then on."""
    services().signing.activate(actor(), pin)
    return services().signing.key_of(actor())


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
