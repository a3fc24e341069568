"""The caller's own signing key."""

import marshmallow as ma
from marshmallow import fields

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.operations import Operations, Schema
from signer.services import services
from signer.signing.service import KeyState

me = Operations("me", "The caller's own signing key")


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
