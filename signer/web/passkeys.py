"""Passkeys of the own key: each opens it as the PIN does, on the device that keeps it."""

from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.errors import N_
from signer.services import services
from signer.web.access import actor
from signer.web.forms import json_in, required
from signer.web.pages import Pages, told
from signer.web.problems import told_to_script
from signer.web.sign import NO_ANSWER, activate_page

blueprint = Pages("passkeys", __name__)
_SIGN = Permission.DOCUMENT_SIGN


@blueprint.form("/activate/passkeys/options", _SIGN)
@told_to_script
def options() -> ResponseReturnValue:
    """JSON for the script: what a new passkey is asked for (WebAuthn, level 3, 5.4)."""
    return services().signing.passkey_options(actor())


@blueprint.form("/activate/passkeys", _SIGN, again=activate_page)
def add() -> ResponseReturnValue:
    """The passkey opens the own key from now on; the PIN proves whose key it is."""
    services().signing.add_passkey(
        actor(),
        required("pin", N_("Hãy nhập mã PIN.")),
        json_in("response", NO_ANSWER),
        required("label", N_("Hãy đặt tên cho khóa truy cập, ví dụ tên thiết bị.")),
    )
    return told(
        _("Đã thêm khóa truy cập. Lần ký sau bạn dùng được khóa này."), "sign.activate_page"
    )


@blueprint.form("/activate/passkeys/<int:passkey_id>/remove", _SIGN, again=activate_page)
def remove(passkey_id: int) -> ResponseReturnValue:
    """The passkey opens nothing any more."""
    services().signing.remove_passkey(actor(), passkey_id)
    return told(_("Đã gỡ khóa truy cập."), "sign.activate_page")
