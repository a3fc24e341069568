"""The seals that an official keeps: a PIN for each, the image in its real size, passkeys."""

from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def fields_of(unit_id: int) -> Iterator[None]:
    """What is wrong with a field is said at the fields of this body's seal."""
    try:
        yield
    except Invalid as error:
        named = error.field and f"{error.field.removesuffix(f'-{unit_id}')}-{unit_id}"
        raise Invalid(error.sentence, field=named, **error.values) from error


@blueprint.page("/my-seals", _SIGN)
def show(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The seals that this official keeps: each with its PIN, its image and its passkeys."""
    signing = services().signing
    kept = [key for key in signing.seal_states(actor()) if key.unit_id is not None]
    return render_template(
        "sign/seals.html",
        seals=[(key, signing.seal_images.find_of(key.unit_id or 0)) for key in kept],
        passkeys={key.unit_id: signing.passkeys_of(actor(), key.unit_id) for key in kept},
        limit_mb=LIMIT_BYTES // 1024**2,
        errors=errors,
    )


@blueprint.form("/my-seals/<int:unit_id>/pin", _SIGN, again=show)
def activate(unit_id: int) -> ResponseReturnValue:
    """The body's seal is bound to the PIN that its keeper typed twice."""
    pin = required(f"pin-{unit_id}", N_("Hãy nhập mã PIN."))
    if request.form.get(f"pin_again-{unit_id}", "") != pin:
        raise Invalid(N_("Hai lần nhập mã PIN không giống nhau."), field=f"pin_again-{unit_id}")
    with fields_of(unit_id):
        services().signing.activate_seal(actor(), unit_id, pin)
    return told(_("Đã đặt mã PIN cho con dấu số. Từ bây giờ bạn đóng dấu được."), ".show")


@blueprint.form("/my-seals/<int:unit_id>/image", _SIGN, again=show)
def store_image(unit_id: int) -> ResponseReturnValue:
    """The body's seals look like this from now on, in this real size."""
    file = request.files.get(f"image-{unit_id}")
    png = file.stream.read(LIMIT_BYTES + 1) if file is not None else b""
    try:
        width, height = (
            float(required(f"{name}-{unit_id}").replace(",", "."))
            for name in ("width_mm", "height_mm")
        )
    except ValueError as error:
        raise Invalid(N_("Kích thước phải là con số, tính bằng mm."), field=None) from error
    code = services().signing.seal_state(actor(), unit_id).unit_code
    with fields_of(unit_id):
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
