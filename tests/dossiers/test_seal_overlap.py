"""Decree 30/2020, Appendix I, II.8a: the seal covers about a third of the signature, on its left.

Measured on the finished page, as a second reader draws it: nothing of our own geometry is asked.
"""

from pathlib import Path

import pypdfium2
import pytest
from PIL import Image, ImageChops

from signer.accounts import Actor, Role
from signer.dossiers.approving import Wanted
from signer.dossiers.sealing import SealWish
from signer.services import Services
from signer.signing.approvals import PinFactor
from signer.signing.geometry import Box
from tests.factories import WARD, City
from tests.sealing import SEAL_MM, SEAL_PIN, ready
from tests.signing.images import BLUE, png_of_strokes

DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"
PIN = "2468-lotus"
DPI = 200
Bounds = tuple[int, int, int, int]


def _page(octets: bytes) -> Image.Image:
    with pypdfium2.PdfDocument(octets) as document:
        document.init_forms()
        drawn: Image.Image = document[0].render(scale=DPI / 72).to_pil().convert("RGB")
    return drawn


def _bounds(page: Image.Image, ink: str, but: str) -> Bounds:
    """The box around all pixels that have much more of one colour than of the other."""
    difference = ImageChops.subtract(page.getchannel(ink), page.getchannel(but))
    found = difference.point(lambda value: 255 * (value > 60)).getbbox()
    assert found is not None, "no ink of that colour on the page"
    return found


def _covered(image: Bounds, seal: Bounds) -> float:
    """The share of the image's box whose pixels lie inside the round seal."""
    left, top, right, bottom = seal
    x, y = (left + right) / 2, (top + bottom) / 2
    inside = sum(
        ((column + 0.5 - x) / ((right - left) / 2)) ** 2
        + ((row + 0.5 - y) / ((bottom - top) / 2)) ** 2
        <= 1
        for column in range(image[0], image[2])
        for row in range(image[1], image[3])
    )
    return inside / ((image[2] - image[0]) * (image[3] - image[1]))


@pytest.mark.parametrize("size_px", [(640, 240), (900, 300), (400, 400)])
def test_the_seal_covers_a_third(services: Services, city: City, size_px: tuple[int, int]) -> None:
    """R39: 30 to 37 % of the image, on its left, in the seal's real size to a tenth of a mm."""
    one, two = city.certified(1) + city.people(1)
    official, keeper = city.signer_of(one), city.signer_of(two)
    services.signing.activate(official, PIN)
    services.signing.images.store(official, png_of_strokes(BLUE, size=size_px))
    ready(services, city, two, keeper)
    services.dossiers.create(
        city.actor("clerk", Role.HR),
        title="Quyết định thử nghiệm",
        unit_code=WARD,
        due_on=None,
        files=[("QD.pdf", DECISION)],
        signers=[one.code],
        seal=SealWish(unit_code=WARD),
    )
    box = Box(x0=320, y0=120, x1=500, y1=190)
    before = _signed(services, official, PIN, box)
    after = _signed(services, keeper, SEAL_PIN, None)
    image, seal = _bounds(_page(before), "B", "R"), _bounds(_page(after), "R", "B")
    for side in (seal[2] - seal[0], seal[3] - seal[1]):
        assert side / DPI * 25.4 == pytest.approx(SEAL_MM, abs=0.5)
    assert seal[0] < image[0] < seal[2] < image[2]
    assert 0.30 <= _covered(image, seal) <= 0.37


def _signed(services: Services, actor: Actor, pin: str, box: Box | None) -> bytes:
    (document,) = services.dossiers.inbox(actor)
    wanted = Wanted(
        document_id=document.id,
        shown_sha256=document.sha256,
        page=None if box is None else 1,
        box=box,
        unseen=True,
    )
    offer = services.dossiers.offer(actor, [wanted])
    outcome = services.dossiers.sign_batch(actor, offer.activation_id, PinFactor(pin=pin))
    ((_, sha256, error),) = outcome.results
    assert error is None, error
    return services.files.get(sha256 or "")
