"""The page where an official hands in the image of the own signature."""

from flask import Response, flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.services import services
from signer.signing.images import LIMIT_BYTES
from signer.web.access import actor
from signer.web.forms import FormError
from signer.web.pages import Pages, told

blueprint = Pages("signature_image", __name__)
_SIGN = Permission.DOCUMENT_SIGN


@blueprint.page("/signature-image", _SIGN)
def show(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The own image on white and on lines, or how to make one."""
    return render_template(
        "signature_image/show.html",
        image=services().signing.images.find_of(actor()),
        limit_mb=LIMIT_BYTES // 1024**2,
        errors=errors,
    )


@blueprint.form("/signature-image", _SIGN, again=show)
def store() -> ResponseReturnValue:
    """The image stands in this official's signatures from now on."""
    file = request.files.get("image")
    png = file.stream.read(LIMIT_BYTES + 1) if file is not None else b""
    for sentence in services().signing.images.store(actor(), png):
        flash(_(sentence), "warn")
    return told(_("Đã lưu hình ảnh chữ ký. Các lần ký sau sẽ dùng hình này."), ".show")


@blueprint.form("/signature-image/removal", _SIGN, again=show)
def remove() -> ResponseReturnValue:
    """The next signatures show text again."""
    services().signing.images.remove(actor())
    return told(_("Đã gỡ hình ảnh chữ ký. Các lần ký sau hiện thông tin bằng chữ."), ".show")


@blueprint.page("/signature-image.png", _SIGN)
def picture() -> Response:
    """The own image; `v` is its hash, so that a browser never shows an old one."""
    response = Response(services().signing.images.png(actor()), mimetype="image/png")
    response.cache_control.private = True
    return response
