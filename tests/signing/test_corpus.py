"""Other people's documents, signed at every level with every look, before several readers.

`corpus_refused.toml` is the table of those that nobody is asked to sign, and why.
"""

import io
import re
import subprocess
import tomllib
from datetime import timedelta
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image, ImageChops, ImageDraw

from signer.signing.appearance import AppearanceKind, AppearanceText, size_of
from signer.signing.geometry import Box
from signer.signing.levels import Level
from signer.signing.placement import propose
from signer.signing.preflight import inspect
from signer.signing.sandbox import Sandbox
from tests.clocks import StandingClock
from tests.signing import corpus
from tests.signing.conftest import NOW, PDF, Authority, Identity, Sign
from tests.signing.lasting import Lasting
from tests.signing.reference import ades, stock_faults
from tests.signing.test_pdf import raster as poppler

PARTS = 16
REFUSED: dict[str, list[str]] = tomllib.loads(
    (Path(__file__).parent / "corpus_refused.toml").read_text(encoding="utf-8")
)
DPI = 40
UNREAD = {
    "broken-objstream4.pdf": "its form refers to objects that are not there",
    "base.pdf": "an earlier signature is no CMS object",
    "struct-tree-circular-ref.pdf": "its structure tree is a circle",
}
"""Where pyHanko's own comparison of revisions gives up; the other readers judge these alone."""


def image(size: tuple[int, int], colour: tuple[int, int, int]) -> bytes:
    """A ring on nothing, as scanned seals and signatures are."""
    picture = Image.new("RGBA", size, (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((4, 4, size[0] - 5, size[1] - 5), outline=colour, width=6)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


LOOKS = {
    "text": AppearanceText(name="Trần Thị B", title="Giám đốc", organisation="Sở Nội vụ"),
    "image": AppearanceText(name="Trần Thị B", image_png=image((400, 150), (10, 40, 160))),
    "seal": AppearanceText(
        kind=AppearanceKind.SEAL, organisation="Sở Nội vụ", image_mm=(36, 36),
        image_png=image((425, 425), (190, 15, 15)),
    ),
    "initial": AppearanceText(kind=AppearanceKind.INITIAL, name="Trần Thị B"),
    "copy": AppearanceText(
        kind=AppearanceKind.COPY, copy_form="SAO Y", organisation="Sở Nội vụ"
    ),
    "appendix": AppearanceText(
        kind=AppearanceKind.APPENDIX, organisation="Sở Nội vụ", number="05/QĐ-SNV"
    ),
    "incoming": AppearanceText(
        kind=AppearanceKind.INCOMING, organisation="Sở Nội vụ", number="127"
    ),
}  # fmt: skip


@pytest.fixture
def lasting(authority: Authority) -> Lasting:
    return Lasting(authority, StandingClock(NOW + timedelta(seconds=2)))


@pytest.fixture
def person(lasting: Lasting) -> Identity:
    return lasting.certified("Trần Thị B", days=(-30, 700))


def pdfium(path: Path, page: int) -> Image.Image:
    with pypdfium2.PdfDocument(path) as document:
        document.init_forms()
        picture = document[page - 1].render(scale=DPI / 72, may_draw_forms=True).to_pil()
        return picture.convert("RGB")


def spoilt(before: Path, after: Path, page: int, box: Box) -> list[str]:
    """The readers that show anything else outside the box."""
    found = []
    for reader, render in (("poppler", lambda p: poppler(p, page, DPI)),
                           ("pdfium", lambda p: pdfium(p, page))):  # fmt: skip
        try:
            old = render(before)
        except (subprocess.CalledProcessError, pypdfium2.PdfiumError):
            continue  # this reader cannot show the document as it came, either
        new = render(after)
        if old.size != new.size:
            found.append(f"{reader}: another size")
            continue
        scale, height = DPI / 72, old.size[1]
        inside = (
            int(box.x0 * scale) - 1, int(height - box.y1 * scale) - 1,
            int(box.x1 * scale) + 2, int(height - box.y0 * scale) + 2,
        )  # fmt: skip
        for picture in (old, new):
            ImageDraw.Draw(picture).rectangle(inside, fill="white")
        if difference := ImageChops.difference(old, new).getbbox():
            found.append(f"{reader}: page {page} differs at {difference}")
    return found


def pdfsig_says(path: Path, field: str) -> str:
    told = subprocess.run(["pdfsig", "-nocert", path], capture_output=True, text=True).stdout
    for part in re.split(r"^Signature #\d+:", told, flags=re.MULTILINE):
        if f"Signature Field Name: {field}\n" in part:
            found = re.search(r"Signature Validation: (.*)", part)
            return found[1] if found else "nothing"
    return "no such field"


def qpdf_code(path: Path) -> int:
    """0 clean, 1 warnings, 2 errors."""
    code = subprocess.run(["qpdf", "--check", path], capture_output=True).returncode
    return {3: 1}.get(code, code)


def has_foreign_stamps(path: Path) -> bool:
    """An archive stamp by an authority that nobody here trusts proves nothing of what is above."""
    return b"/DocTimeStamp" in path.read_bytes()


def faults_of(
    sign: Sign, lasting: Lasting, person: Identity, sandbox: Sandbox,
    source: Path, out: Path, level: Level, text: AppearanceText, source_name: str = "",
) -> list[str]:  # fmt: skip
    """Everything any reader has against the document once it is signed."""
    report = inspect(source, 1 << 30, sandbox=sandbox)
    place = propose({}, report.pages, "Trần Thị B", "", [])
    width, height = size_of(text, NOW)
    size = report.pages[place.page - 1]
    if width > size.width or height > size.height:  # a thumbnail: the look is larger than it
        return []
    x0, y0 = max(0.0, size.width - width - 4), min(4.0, size.height - height)
    box = Box(x0=x0, y0=y0, x1=x0 + width, y1=y0 + height)
    signed = sign(
        source, out, level=level, stamper=lasting.stamper, material=lasting.material(person),
        page=place.page, box=box, appearance=text, sandbox=sandbox,
    )  # fmt: skip
    found = spoilt(source, out, place.page, box)
    if (said := pdfsig_says(out, signed.field_name)) != "Signature is Valid.":
        found.append(f"pdfsig: {said}")
    if qpdf_code(out) > qpdf_code(source):
        found.append("qpdf: more to complain about than before")
    if source_name.rsplit("/", 1)[-1] in UNREAD:
        return found
    root, issuing = lasting.authority.root.der, lasting.authority.issuing.der
    later = NOW + timedelta(days=30)
    found += stock_faults(out, root, [issuing], later, only=signed.field_name)
    if level is Level.B_LTA and not has_foreign_stamps(source):
        for later in (timedelta(minutes=5), timedelta(days=5 * 365)):
            if (said := ades(out, lasting, NOW + later)[-1]) != "OK":
                found.append(f"AdES after {later}: {said}")
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_their_documents(
    sign: Sign, lasting: Lasting, person: Identity, sandbox: Sandbox, tmp_path: Path, part: int
) -> None:
    """What may be signed is signed at the highest level, every fourth at the others as well."""
    names = list(corpus.documents())
    refused = {name for listed in REFUSED.values() for name in listed}
    wrong: dict[str, list[str]] = {}
    for number, name in list(enumerate(names))[part::PARTS]:
        if name in refused:
            continue
        source = tmp_path / "in.pdf"
        source.write_bytes(corpus.documents()[name])
        levels = list(Level) if number % 4 == 0 else [Level.B_LTA]
        for level in levels:
            found = faults_of(
                sign, lasting, person, sandbox, source, tmp_path / "out.pdf", level, LOOKS["text"],
                name,
            )  # fmt: skip
            if found:
                wrong[f"{name} {level}"] = found
    assert wrong == {}


@pytest.mark.slow
def test_who_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    """The table of refusals is what the preflight says, and most may be signed."""
    told: dict[str, list[str]] = {}
    for name, content in corpus.documents().items():
        path = tmp_path / "in.pdf"
        path.write_bytes(content)
        report = inspect(path, 1 << 30, sandbox=sandbox)
        if not report.may_sign:
            told.setdefault(report.verdict.value, []).append(name)
    assert told == REFUSED
    assert sum(map(len, told.values())) * 3 < len(corpus.documents())


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", ["quyet_dinh.pdf", "ban_quet.pdf", "bao_cao_29_trang.pdf"])
def test_every_look_at_every_level(
    sign: Sign, lasting: Lasting, person: Identity, sandbox: Sandbox, tmp_path: Path,
    name: str, look: str,
) -> None:  # fmt: skip
    """Our own three documents, with each appearance of Decree 30/2020 at each level."""
    wrong = {
        level: found
        for level in Level
        if (found := faults_of(
            sign, lasting, person, sandbox, PDF / name, tmp_path / "out.pdf", level, LOOKS[look]
        ))
    }  # fmt: skip
    assert wrong == {}
