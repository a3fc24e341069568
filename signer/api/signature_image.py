"""The image of the caller's own signature."""

from typing import Any

from flask import Response
from marshmallow import fields
from werkzeug.datastructures import FileStorage

from signer.accounts import Permission
from signer.api.access import actor
from signer.api.operations import File, Operations, Schema
from signer.api.wording import Said
from signer.errors import N_, NotFound
from signer.services import services
from signer.signing.images import LIMIT_BYTES

signature_image = Operations("signature-image", "The image of the caller's own signature")
_SIGN = Permission.DOCUMENT_SIGN
_ADDRESS = "/me/signature-image"


class ImageForm(Schema):
    """A PNG of the signature in blue ink."""

    image = File(required=True)


class ImageAnswer(Schema):
    """The image as it is kept: cut to its ink, on a transparent ground."""

    sha256 = fields.String(required=True)
    width_px = fields.Integer(required=True)
    height_px = fields.Integer(required=True)
    updated_at = fields.DateTime(required=True)


class StoredAnswer(ImageAnswer):
    """What is kept, and what should still be looked at."""

    remarks = fields.List(Said(), required=True)


@signature_image.get(_ADDRESS, _SIGN, answer=ImageAnswer())
def get_signature_image() -> Any:  # `ImageAnswer` reads the attributes
    """What is kept of the caller's image; 404 when signatures show text."""
    found = services().signing.images.find_of(actor())
    if found is None:
        raise NotFound(N_("Bạn chưa có hình ảnh chữ ký."))
    return found


@signature_image.get(f"{_ADDRESS}/file", _SIGN, content_type="image/png")
def get_signature_image_file() -> Response:
    """The image itself."""
    return Response(services().signing.images.png(actor()), mimetype="image/png")


@signature_image.post(_ADDRESS, _SIGN, upload=ImageForm, answer=StoredAnswer())
def set_signature_image(image: FileStorage) -> dict[str, Any]:
    """The image stands in the caller's signatures from now on."""
    images = services().signing.images
    remarks = images.store(actor(), image.stream.read(LIMIT_BYTES + 1))
    return vars(images.find_of(actor())) | {"remarks": remarks}


@signature_image.delete(_ADDRESS, _SIGN)
def remove_signature_image() -> None:
    """The caller's next signatures show text."""
    services().signing.images.remove(actor())
