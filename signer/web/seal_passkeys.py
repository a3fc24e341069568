"""Passkeys of the seals that an official keeps: each opens one seal as its PIN does."""

from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.errors import N_
from signer.services import services
from signer.web.access import actor
from signer.web.forms import json_in, required
from signer.web.own_seals import fields_of, show
from signer.web.pages import Pages, told
from signer.web.problems import told_to_script
from signer.web.sign import NO_ANSWER

blueprint = Pages("seal_passkeys", __name__)
_SIGN = Permission.DOCUMENT_SIGN


@blueprint.form("/my-seals/<int:unit_id>/passkeys/options", _SIGN)
@told_to_script
def options(unit_id: int) -> ResponseReturnValue:
    """JSON for the script: what a new passkey is asked for (WebAuthn, level 3, 5.4)."""
    return services().signing.passkey_options(actor(), unit_id)


@blueprint.form("/my-seals/<int:unit_id>/passkeys", _SIGN, again=show)
def add(unit_id: int) -> ResponseReturnValue:
    """The passkey opens the body's seal from now on; the seal's PIN proves who keeps it."""
    with fields_of(unit_id):
        services().signing.add_passkey(
            actor(),
            required(f"pin-{unit_id}", N_("Hãy nhập mã PIN.")),
            json_in("response", NO_ANSWER),
            required(f"label-{unit_id}", N_("Hãy đặt tên cho khóa truy cập, ví dụ tên thiết bị.")),
            unit_id,
        )
    return told(_("Đã thêm khóa truy cập. Lần ký sau bạn dùng được khóa này."), "own_seals.show")


@blueprint.form("/my-seals/<int:unit_id>/passkeys/<int:passkey_id>/remove", _SIGN, again=show)
def remove(unit_id: int, passkey_id: int) -> ResponseReturnValue:
    """The passkey opens nothing any more."""
    services().signing.remove_passkey(actor(), passkey_id, unit_id)
    return told(_("Đã gỡ khóa truy cập."), "own_seals.show")
