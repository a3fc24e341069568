"""The incoming stamp covers no words: in the corner, in another free place, or where it is put."""

from pathlib import Path

import pikepdf
import pytest

from signer.accounts import Actor, Role
from signer.dossiers.approving import Wanted
from signer.dossiers.models import StepKind
from signer.dossiers.sealing import SealWish
from signer.errors import Invalid
from signer.services import Services
from signer.signing.approvals import PinFactor
from signer.signing.geometry import Box
from signer.signing.placement import PlacementReason
from tests.factories import WARD, City
from tests.sealing import SEAL_PIN, ready

DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"


@pytest.fixture
def keeper(services: Services, city: City) -> Actor:
    """Keeps the ward's seal."""
    (person,) = city.people(1)
    actor = city.signer_of(person)
    ready(services, city, person, actor)
    return actor


def _came_in(services: Services, city: City, keeper: Actor, file: Path) -> Wanted:
    services.dossiers.create(
        city.actor("clerk", Role.HR),
        title="Văn bản đến",
        unit_code=WARD,
        due_on=None,
        files=[("den.pdf", file)],
        signers=[],
        seal=SealWish(unit_code=WARD, kind=StepKind.INCOMING),
    )
    (document,) = services.dossiers.inbox(keeper)
    return Wanted(document_id=document.id, shown_sha256=document.sha256, unseen=True, number="45")


def test_a_full_corner_leads_elsewhere(services: Services, city: City, keeper: Actor) -> None:
    """The heading of a decision fills the corner; no word of the page is under the stamp."""
    wanted = _came_in(services, city, keeper, DECISION)
    place = services.dossiers.place_of(keeper, wanted)
    assert place.reason is PlacementReason.FREE_ON_FIRST
    found = services.signing.page_words(wanted.shown_sha256, 1)
    assert found
    assert not any(word.box.overlaps(place.box) for word in found if place.box)


def test_without_a_free_place_its_keeper_says_where(
    services: Services, city: City, keeper: Actor, tmp_path: Path
) -> None:
    """In a list it is refused with the way out; put somewhere by hand, it is signed."""
    wanted = _came_in(services, city, keeper, _full_page(tmp_path / "full.pdf"))
    assert services.dossiers.place_of(keeper, wanted).reason is PlacementReason.CROWDED
    with pytest.raises(Invalid, match="không còn chỗ trống"):
        services.dossiers.offer(keeper, [wanted])
    there = Wanted(**vars(wanted) | {"page": 1, "box": Box(x0=100, y0=300, x1=250, y1=400)})
    offer = services.dossiers.offer(keeper, [there])
    ((_, sha256, error),) = services.dossiers.sign_batch(
        keeper, offer.activation_id, PinFactor(pin=SEAL_PIN)
    ).results
    assert error is None, error
    assert sha256 is not None


def _full_page(path: Path) -> Path:
    """A page with small words from edge to edge."""
    document = pikepdf.new()
    document.add_blank_page(page_size=(595, 842))
    page = document.pages[0].obj
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1)
    font.BaseFont = pikepdf.Name.Helvetica
    page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=document.make_indirect(font)))
    lines = "".join(f"BT /F1 9 Tf 20 {y} Td ({'van ban ' * 16}) Tj ET " for y in range(10, 840, 12))
    page.Contents = document.make_stream(lines.encode())
    document.save(path)
    return path
