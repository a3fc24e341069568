"""The own signature's image: cleaned, judged by its colour, and never opened in the server."""

import io
import re
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from signer.accounts import SYSTEM, Actor, Role
from signer.db import db, release
from signer.errors import Invalid, NotFound
from signer.inventory.models import Person
from signer.services import Services
from signer.signing.appearance import AppearanceText
from signer.signing.geometry import Box
from signer.signing.images import LIMIT_BYTES, NOT_BLUE, TOO_COARSE, WAS_WHITE
from signer.signing.models import SignatureImage
from tests.databases import both_databases
from tests.factories import WARD, City
from tests.signing.conftest import PDF, Sign
from tests.signing.images import BLUE, RED, png_of_strokes

DECISION = PDF / "quyet_dinh.pdf"
PIN = "2468-lotus"
CLEAR, WHITE = (255, 255, 255, 0), (255, 255, 255, 255)


@pytest.fixture
def official(city: City) -> tuple[Person, Actor]:
    """Somebody with a certificate."""
    (person,) = city.certified(1)
    return person, city.signer_of(person)


@both_databases
def test_stored_replaced_removed(services: Services, official: tuple[Person, Actor]) -> None:
    """The newest image counts; each change is in the record; without one there is text."""
    person, actor = official
    images = services.signing.images
    assert images.find_of(actor) is None
    assert images.png_of(person.id) == b""
    assert images.store(actor, png_of_strokes(BLUE)) == ()
    first = images.find_of(actor)
    assert first is not None
    assert images.store(actor, png_of_strokes(BLUE, size=(900, 300))) == ()
    second = images.find_of(actor)
    assert second is not None
    assert second.sha256 != first.sha256
    assert services.files.get(first.sha256)
    assert images.png(actor) == images.png_of(person.id) == services.files.get(second.sha256)
    images.remove(actor)
    assert images.find_of(actor) is None
    with pytest.raises(NotFound):
        images.png(actor)
    with pytest.raises(NotFound):
        images.remove(actor)
    told = [
        event.action
        for event in services.audit.events(subject=f"person:{person.code}")
        if event.action.startswith("signature_image")
    ]
    assert told == ["signature_image.removed", *["signature_image.stored"] * 2]


def test_each_remark_has_its_cause(services: Services, official: tuple[Person, Actor]) -> None:
    """Black ink, a white background and few dots are taken, and said."""
    _, actor = official
    store = services.signing.images.store
    assert store(actor, png_of_strokes((20, 20, 20))) == (NOT_BLUE,)
    assert store(actor, png_of_strokes(RED)) == (NOT_BLUE,)
    assert store(actor, png_of_strokes(BLUE, ground=WHITE)) == (WAS_WHITE,)
    assert store(actor, png_of_strokes(BLUE, size=(200, 90))) == (TOO_COARSE,)


def test_the_paper_around_the_ink_is_gone(
    services: Services, official: tuple[Person, Actor]
) -> None:
    """What is kept is the ink in its colour on nothing, cut to its edges, without metadata."""
    _, actor = official
    services.signing.images.store(actor, png_of_strokes(BLUE, size=(1000, 800), ground=WHITE))
    kept = services.signing.images.png(actor)
    assert b"secret place" not in kept
    image = Image.open(io.BytesIO(kept))
    assert image.mode == "RGBA"
    assert image.height < 700
    assert image.getpixel((0, 0))[3] == 0
    middle = max(image.get_flattened_data(), key=lambda dot: dot[3])
    assert all(abs(a - b) < 12 for a, b in zip(middle, BLUE, strict=False))


def test_nothing_hides_under_what_is_transparent(
    services: Services, official: tuple[Person, Actor]
) -> None:
    """A second picture in the colours of invisible dots does not reach the document."""
    _, actor = official
    sly = Image.open(io.BytesIO(png_of_strokes(BLUE)))
    ImageDraw.Draw(sly).rectangle((0, 0, 600, 20), fill=(200, 0, 0, 0))
    services.signing.images.store(actor, _png(sly))
    kept = Image.open(io.BytesIO(services.signing.images.png(actor)))
    assert {dot[:3] for dot in kept.get_flattened_data() if dot[3] == 0} == {(255, 255, 255)}


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (400, 200), "white").save(file, "JPEG")
    return file.getvalue()


def _claiming(width: int, height: int) -> bytes:
    """A PNG of a few octets whose head promises that many dots."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


REFUSED = {
    "nothing": (b"", "PNG không quá"),
    "too many octets": (b"\x89PNG" + bytes(LIMIT_BYTES), "PNG không quá"),
    "no image": ("chữ ký".encode(), "PNG không bị lỗi"),
    "another format": (_jpeg(), "PNG không bị lỗi"),
    "cut off": (png_of_strokes(BLUE)[:900], "PNG không bị lỗi"),
    "bomb": (_claiming(60_000, 60_000), "quá lớn"),
    "too wide": (_png(Image.new("RGBA", (4_001, 10), CLEAR)), "quá lớn"),
    "only promises": (_claiming(3_000, 3_000), "PNG không bị lỗi"),
    "blank": (_png(Image.new("RGBA", (600, 200), CLEAR)), "trống"),
    "white paper": (_png(Image.new("RGB", (600, 200), "white")), "trống"),
    "a dot": (png_of_strokes(BLUE, size=(60, 30)), "quá nhỏ"),
    "no background": (_png(Image.new("RGB", (600, 200), (30, 60, 160))), "nền trong suốt"),
}


@pytest.mark.parametrize(("png", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refused(
    services: Services, official: tuple[Person, Actor], png: bytes, sentence: str
) -> None:
    """Each with its reason, and nothing is stored."""
    _, actor = official
    with pytest.raises(Invalid, match=sentence):
        services.signing.images.store(actor, png)
    release()
    assert db.session.get(SignatureImage, official[0].id) is None


def test_an_account_of_nobody_has_no_image(services: Services, city: City) -> None:
    """Not even an administrator has one without being a person."""
    admin = city.actor("admin", Role.ADMIN, None)
    with pytest.raises(NotFound):
        services.signing.images.store(admin, png_of_strokes(BLUE))


def test_the_image_stands_in_the_next_signature(
    services: Services, city: City, official: tuple[Person, Actor]
) -> None:
    """Instead of the lines; removed again, the lines are back."""
    person, actor = official
    services.signing.activate(actor, PIN)
    services.signing.images.store(actor, png_of_strokes(BLUE))
    clerk = city.actor("clerk", Role.HR)
    with_image = _signed(services, clerk, person, actor)
    services.signing.images.remove(actor)
    with_lines = _signed(services, clerk, person, actor)
    assert with_image.count(b"/Subtype/Image") == 2  # the ink and its mask
    assert b"BeVietnamPro" not in with_image
    assert with_lines.count(b"/Subtype/Image") == 0
    assert b"BeVietnamPro" in with_lines


def _signed(services: Services, clerk: Actor, person: Person, actor: Actor) -> bytes:
    """A decision with the person's signature."""
    dossier_id = services.dossiers.create(
        clerk,
        title="Quyết định",
        unit_code=WARD,
        due_on=None,
        files=[(DECISION.name, DECISION)],
        signers=[person.code],
    )
    document = services.dossiers.dossier_of(SYSTEM, dossier_id).documents[0]
    services.dossiers.note_shown(actor, document.id, document.sha256)
    signed = services.dossiers.sign(
        actor,
        document.id,
        pin=PIN,
        page=1,
        box=Box(x0=300, y0=60, x1=480, y1=120),
        shown_sha256=document.sha256,
    )
    return services.files.get(signed.sha256)


def test_a_document_holds_the_image_once(sign: Sign, tmp_path: Path) -> None:
    """A second signature with the same image adds less than 3 KB beside its CMS."""
    text = AppearanceText(name="Trần Thị B", image_png=png_of_strokes(BLUE))
    first, second = tmp_path / "1.pdf", tmp_path / "2.pdf"
    sign(DECISION, first, appearance=text)
    sign(first, second, appearance=text, box=Box(x0=60, y0=60, x1=230, y1=116))
    assert second.read_bytes().count(b"/Subtype/Image") == 2
    added = second.read_bytes()[first.stat().st_size :]
    gap = re.search(rb"/Contents <[0-9a-f]+>", added)
    assert gap
    assert len(added) - len(gap[0]) < 3 * 1024
