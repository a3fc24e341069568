"""A body's seal on the real services: issued to its keeper, its PIN set, its image stored."""

import io

from PIL import Image, ImageDraw

from signer.accounts import Actor, Role
from signer.inventory.models import Person
from signer.services import Services
from tests.factories import WARD, City

SEAL_PIN = "1357-conDau"
SEAL_MM = 36.0


def kept(services: Services, city: City, person: Person, unit_code: str = WARD) -> int:
    """The person keeps the body's seal from now on; the unit's id."""
    unit = services.inventory.unit_of(unit_code)
    clerk = city.actor(f"asks-{person.code}", Role.HR, None)
    head = city.actor(f"says-{person.code}", Role.APPROVER, None)
    seal_id = services.issuance.seals.create(
        clerk,
        unit_code=unit_code,
        keeper_code=person.code,
        document_ref="01/GĐN-UBND",
        reason="Cấp lần đầu",
    )
    services.issuance.seals.approve(head, seal_id)
    services.jobs.run(services.job_handlers)
    assert services.issuance.seals.view_of(clerk, seal_id).state == "ready"
    return unit.id


def ready(services: Services, city: City, person: Person, actor: Actor) -> int:
    """As `kept`, with PIN and image, so that the keeper can seal; the unit's id."""
    unit_id = kept(services, city, person)
    services.signing.activate_seal(actor, unit_id, SEAL_PIN)
    assert services.signing.seal_images.store(actor, WARD, seal_png(), SEAL_MM, SEAL_MM) == ()
    return unit_id


def seal_png() -> bytes:
    """Two red rings and a star-like cross on nothing."""
    image = Image.new("RGBA", (720, 720), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    red = (215, 20, 30, 255)
    pen.ellipse((4, 4, 716, 716), outline=red, width=22)
    pen.ellipse((120, 120, 600, 600), outline=red, width=10)
    pen.line((360, 240, 360, 480), fill=red, width=24)
    pen.line((240, 360, 480, 360), fill=red, width=24)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
