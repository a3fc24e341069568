"""The seals that an official keeps: a PIN for each, and the image in its real size."""

from flask import Response, flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.errors import N_, Invalid
from signer.services import services
from signer.signing.images import LIMIT_BYTES
from signer.web.access import actor
from signer.web.forms import FormError, required
from signer.web.pages import Pages, told

blueprint = Pages("own_seals", __name__)
_SIGN = Permission.DOCUMENT_SIGN


@blueprint.page("/my-seals", _SIGN)
def show(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The seals that this official keeps: each with its PIN and its image."""
    images = services().signing.seal_images
    return render_template(
        "sign/seals.html",
        seals=[
            (key, images.find_of(key.unit_id))
            for key in services().signing.seal_states(actor())
            if key.unit_id is not None
        ],
        limit_mb=LIMIT_BYTES // 1024**2,
        errors=errors,
    )


@blueprint.form("/my-seals/<int:unit_id>/pin", _SIGN, again=show)
def activate(unit_id: int) -> ResponseReturnValue:
    """The body's seal is bound to the PIN that its keeper typed twice."""
    pin = required(f"pin-{unit_id}", N_("Hãy nhập mã PIN."))
    if request.form.get(f"pin_again-{unit_id}", "") != pin:
        raise Invalid(N_("Hai lần nhập mã PIN không giống nhau."), field=f"pin_again-{unit_id}")
    try:
        services().signing.activate_seal(actor(), unit_id, pin)
    except Invalid as error:
        raise Invalid(error.sentence, field=f"{error.field}-{unit_id}", **error.values) from error
    return told(_("Đã đặt mã PIN cho con dấu số. Từ bây giờ bạn đóng dấu được."), ".show")


@blueprint.form("/my-seals/<int:unit_id>/image", _SIGN, again=show)
def store_image(unit_id: int) -> ResponseReturnValue:
    """The body's seals look like this from now on, in this real size."""
    file = request.files.get("image")
    png = file.stream.read(LIMIT_BYTES + 1) if file is not None else b""
    try:
        width, height = (
            float(required(f"{name}-{unit_id}").replace(",", "."))
            for name in ("width_mm", "height_mm")
        )
    except ValueError as error:
        raise Invalid(N_("Kích thước phải là con số, tính bằng mm."), field=None) from error
    code = services().signing.seal_state(actor(), unit_id).unit_code
    found = services().signing.seal_images.store(actor(), code, png, width, height)
    for sentence in found:
        flash(_(sentence), "warn")
    return told(_("Đã lưu hình ảnh con dấu. Các lần đóng dấu sau dùng hình này."), ".show")


@blueprint.page("/seals/<code>/image.png", _SIGN)
def picture(code: str) -> Response:
    """The image of the body's seal, for its keeper."""
    response = Response(services().signing.seal_images.png(actor(), code), mimetype="image/png")
    response.cache_control.private = True
    return response
