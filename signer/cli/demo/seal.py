"""The demo's digital seal: of the first office, kept by its records clerk."""

import io
from math import cos, pi, sin

from PIL import Image, ImageDraw

from signer.accounts import Actor
from signer.cli.demo.people import Invented
from signer.dossiers.models import StepKind
from signer.services import Services

SIZE_MM = 36.0
_SIDE, _RED = 850, (206, 17, 38, 255)
_PAPER = "01/GĐN-UBND"


def give_seal(
    rooms: Services, clerk: Actor, head: Actor, keeper: Actor, of: Invented, pin: str
) -> None:
    """The person's body has a seal in force that this person can use: PIN, image, real size."""
    seals = rooms.issuance.seals
    seal_id = seals.create(
        clerk,
        unit_code=of.unit_code,
        keeper_code=of.code,
        document_ref=_PAPER,
        reason="Cấp con dấu số cho cơ quan",
    )
    seals.approve(head, seal_id)
    rooms.jobs.run(rooms.job_handlers)
    unit_id = rooms.inventory.unit_of(of.unit_code).id
    rooms.signing.activate_seal(keeper, unit_id, pin)
    rooms.signing.seal_images.store(keeper, of.unit_code, _seal_png(), SIZE_MM, SIZE_MM)


def hand_to_seal(rooms: Services, clerk: Actor, unit_code: str) -> None:
    """The office's newest finished document waits for its seal."""
    done = [
        dossier
        for dossier in rooms.dossiers.dossiers(clerk, state="done")
        if dossier.unit_code == unit_code
    ]
    (document,) = rooms.dossiers.dossier_of(clerk, done[0].id).documents
    rooms.dossiers.sealing.add(clerk, document.id, StepKind.SEAL, unit_code)


def _seal_png() -> bytes:
    """Two rings and a star: a seal that belongs to nobody."""
    image = Image.new("RGBA", (_SIDE, _SIDE), (0, 0, 0, 0))
    pen, middle = ImageDraw.Draw(image), _SIDE / 2
    for inset, width in ((2, 20), (_SIDE // 5, 10)):
        pen.ellipse((inset, inset, _SIDE - inset, _SIDE - inset), outline=_RED, width=width)
    radii = (_SIDE * 0.22, _SIDE * 0.09)
    pen.polygon(
        [
            (
                middle + radii[corner % 2] * sin(corner * pi / 5),
                middle - radii[corner % 2] * cos(corner * pi / 5),
            )
            for corner in range(10)
        ],
        fill=_RED,
    )
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
