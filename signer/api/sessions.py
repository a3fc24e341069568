"""Logging in and out, and what an account may know and change about itself."""

import marshmallow as ma
from flask import g, request
from marshmallow import fields

from signer.accounts import Actor
from signer.api.access import BEFORE_NEW_PASSWORD, PUBLIC, actor, bearer_token
from signer.api.operations import Operations, Schema
from signer.api.problems import Unauthorized
from signer.errors import Forbidden
from signer.services import services

sessions = Operations("sessions", "Logging in with name and password; the token goes in a header")


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
