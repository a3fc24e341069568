"""Signed documents, judged by poppler, qpdf and the eye of the raster."""

import hashlib
import io
import shutil
import subprocess
from pathlib import Path

import pikepdf
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from PIL import Image, ImageChops

from signer.errors import Invalid
from signer.signing import pdf_layout
from signer.signing.appearance import AppearanceText
from signer.signing.geometry import Box
from signer.signing.pages import PageRenderer
from signer.signing.sandbox import Sandbox
from tests.signing.conftest import PDF, Authority, Sign
from tests.signing.documents import page_of, with_empty_field

THREE = [("quyet_dinh.pdf", 1), ("ban_quet.pdf", 3), ("bao_cao_29_trang.pdf", 29)]
BOX = Box(x0=330, y0=60, x1=500, y1=116)


def verdicts(path: Path) -> list[str]:
    told = subprocess.run(["pdfsig", "-nocert", path], capture_output=True, text=True).stdout
    return [line.split(": ")[1] for line in told.splitlines() if "Signature Validation" in line]


def raster(path: Path, page: int, dpi: int = 100) -> Image.Image:
    done = subprocess.run(
        ["pdftoppm", "-cropbox", "-r", str(dpi), "-f", str(page), "-l", str(page), "-png", path],
        capture_output=True, check=True,
    )  # fmt: skip
    return Image.open(io.BytesIO(done.stdout)).convert("RGB")


def changes(before: Path, after: Path, page: int, dpi: int = 100) -> tuple[float, ...] | None:
    """The box of changed pixels in displayed points."""
    old, new = raster(before, page, dpi), raster(after, page, dpi)
    assert old.size == new.size
    found = ImageChops.difference(old, new).getbbox()
    if found is None:
        return None
    left, top, right, bottom = (value * 72 / dpi for value in found)
    height = old.size[1] * 72 / dpi
    return left, height - bottom, right, height - top


def inside(found: tuple[float, ...] | None, box: Box, slack: float = 1.0) -> bool:
    return (
        found is not None
        and found[0] >= box.x0 - slack
        and found[1] >= box.y0 - slack
        and found[2] <= box.x1 + slack
        and found[3] <= box.y1 + slack
    )


@pytest.mark.parametrize(("name", "page"), THREE)
def test_the_three_documents(sign: Sign, tmp_path: Path, name: str, page: int) -> None:
    """Valid for poppler, clean for qpdf, the original untouched, only the box changed."""
    source, out = PDF / name, tmp_path / "out.pdf"
    signed = sign(source, out, page=page, box=BOX)
    data = out.read_bytes()
    assert data.startswith(source.read_bytes())
    assert (signed.sha256, signed.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    assert verdicts(out) == ["Signature is Valid."]
    checked = subprocess.run(["qpdf", "--check", out], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert inside(changes(source, out, page), BOX)
    if page > 1:
        assert changes(source, out, 1) is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.pdf"]


def test_the_signature_dictionary(sign: Sign, tmp_path: Path) -> None:
    """SubFilter, /M in Hanoi time, the reason; the document's own properties stay (PAdES, 5.3)."""
    sign(PDF / "quyet_dinh.pdf", tmp_path / "out.pdf", reason="Ký duyệt")
    with pikepdf.open(tmp_path / "out.pdf") as document:
        field = document.Root.AcroForm.Fields[0]
        assert field.V.SubFilter == "/ETSI.CAdES.detached"
        assert str(field.V.M) == "D:20261123093015+07'00'"
        assert str(field.V.Reason) == "Ký duyệt"
        assert str(field.TU) == "Chữ ký số của Trần Thị B"
        assert int(document.Root.AcroForm.SigFlags) == 3
        with pikepdf.open(PDF / "quyet_dinh.pdf") as before:
            assert str(document.docinfo["/Producer"]) == str(before.docinfo["/Producer"])


def test_a_second_signer_leaves_the_first_valid(
    sign: Sign, authority: Authority, tmp_path: Path
) -> None:
    """Signatures pile up under names of their own, the same wanted name included."""
    key = rsa.generate_private_key(65537, 2048)
    people = [authority.person("Nguyễn Văn A", key=key), authority.person("Lê Văn C")]
    one, two, three = (tmp_path / f"{number}.pdf" for number in (1, 2, 3))
    first = sign(PDF / "quyet_dinh.pdf", one, field_name="Ky", box=BOX)
    second = sign(one, two, field_name="Ky", who=people[0], box=Box(x0=100, y0=60, x1=270, y1=116))
    third = sign(two, three, field_name="a.b", who=people[1], box=Box(x0=100, y0=5, x1=270, y1=50))
    assert (first.field_name, second.field_name, third.field_name) == ("Ky", "Ky-2", "a-b")
    assert verdicts(three) == ["Signature is Valid."] * 3
    assert three.read_bytes().startswith(one.read_bytes())


@pytest.mark.parametrize("inherited", [False, True])
@pytest.mark.parametrize("rotate", [0, 90, 180, 270, -90, 450])
def test_turned_pages(sign: Sign, tmp_path: Path, rotate: int, inherited: bool) -> None:
    """The box lands where it was seen, and the text in it reads upright."""
    source = page_of(
        tmp_path / "in.pdf",
        rotate=rotate,
        media=(-100, 50, 600, 650),
        crop=(-80, 60, 520, 640),
        inherited=inherited,
    )
    out = tmp_path / "out.pdf"
    box = Box(x0=60, y0=80, x1=260, y1=130)
    sign(source, out, box=box)
    assert inside(changes(source, out, 1), box)
    upright = tmp_path / "upright.pdf"
    plain = page_of(tmp_path / "plain.pdf", media=(0, 0, 600, 580))
    sign(plain, upright, box=box)
    turned, usual = raster(out, 1, 150), raster(upright, 1, 150)
    scale = 150 / 72
    crops = [
        image.crop(
            (
                round(box.x0 * scale),
                image.size[1] - round(box.y1 * scale),
                round(box.x1 * scale),
                image.size[1] - round(box.y0 * scale),
            )
        ).convert("L")
        for image in (turned, usual)
    ]
    dark = [sum(crop.histogram()[:128]) for crop in crops]
    difference = ImageChops.difference(*crops).resize((40, 10)).getextrema()
    assert abs(dark[0] - dark[1]) < 0.15 * dark[1]
    assert difference[1] < 128


def test_an_existing_field_is_filled_where_it_stands(sign: Sign, tmp_path: Path) -> None:
    """Its page and box count, and a lock its author asked for is honoured."""
    lock = pikepdf.Dictionary(Type=pikepdf.Name.SigFieldLock, Action=pikepdf.Name.All)
    source = with_empty_field(tmp_path / "in.pdf", "Lanh dao", (100, 60, 300, 120), Lock=lock)
    out = tmp_path / "out.pdf"
    signed = sign(source, out, field_name="Lanh dao", page=9, box=None)
    assert (signed.field_name, signed.page) == ("Lanh dao", 1)
    assert inside(changes(source, out, 1), Box(x0=100, y0=60, x1=300, y1=120))
    assert verdicts(out) == ["Signature is Valid."]
    with pikepdf.open(out) as document:
        reference = document.Root.AcroForm.Fields[0].V.Reference[0]
        assert reference.TransformMethod == "/FieldMDP"


def test_a_document_without_a_last_line_end(sign: Sign, tmp_path: Path) -> None:
    """%%EOF without a newline is common; the update starts on a line of its own."""
    source = tmp_path / "in.pdf"
    source.write_bytes((PDF / "quyet_dinh.pdf").read_bytes().rstrip(b"\r\n"))
    sign(source, tmp_path / "out.pdf", box=BOX)
    assert verdicts(tmp_path / "out.pdf") == ["Signature is Valid."]
    assert (
        subprocess.run(["qpdf", "--check", tmp_path / "out.pdf"], capture_output=True).returncode
        == 0
    )


def test_a_large_document_is_not_held_in_memory(sign: Sign, tmp_path: Path) -> None:
    """Above the limit the other way through is taken, with the same result."""

    def grow(document: pikepdf.Pdf) -> None:
        document.Root.Big = document.make_stream(b"\x00\xff" * 9_000_000)

    source = tmp_path / "in.pdf"
    with pikepdf.open(PDF / "quyet_dinh.pdf") as document:
        grow(document)
        document.save(source, compress_streams=False)
    assert source.stat().st_size > pdf_layout.IN_MEMORY_BYTES
    out = tmp_path / "out.pdf"
    signed = sign(source, out, box=BOX)
    assert verdicts(out) == ["Signature is Valid."]
    assert signed.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in.pdf", "out.pdf"]


def test_a_signed_document_is_signed_in_place(sign: Sign, tmp_path: Path) -> None:
    """Source and output may be the same file."""
    path = tmp_path / "x.pdf"
    shutil.copy(PDF / "quyet_dinh.pdf", path)
    sign(path, path, box=BOX)
    assert verdicts(path) == ["Signature is Valid."]


REFUSALS = {
    "no such page": ({"page": 2}, "không có trang 2"),
    "page zero": ({"page": 0}, "không có trang 0"),
    "off the page": ({"box": Box(x0=500, y0=60, x1=700, y1=116)}, "ngoài trang"),
    "too small": ({"box": Box(x0=100, y0=60, x1=120, y1=70)}, "quá nhỏ"),
    "no box": ({"box": None}, "Hãy chọn vị trí"),
    "no glyph": ({"appearance": AppearanceText(name="王")}, "không có ký tự"),
    "foreign key": ({"key": ec.generate_private_key(ec.SECP256R1())}, "không thuộc về"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(sign: Sign, tmp_path: Path, case: str) -> None:
    """One sentence each, and nothing is left on the disk."""
    wrong, sentence = REFUSALS[case]
    with pytest.raises(Invalid) as caught:
        sign(PDF / "quyet_dinh.pdf", tmp_path / "out.pdf", **wrong)
    assert sentence in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_expired_certificate_signs_nothing(
    sign: Sign, authority: Authority, tmp_path: Path
) -> None:
    """The check comes before anything is written (R33)."""
    with pytest.raises(Invalid, match="hết hạn"):
        sign(PDF / "quyet_dinh.pdf", tmp_path / "x.pdf", who=authority.person(days=(-9, -1)))


def test_broken_documents_are_refused_in_words(sign: Sign, tmp_path: Path) -> None:
    """Every cut of a document is either signed or refused with a sentence; nothing else escapes."""
    data = (PDF / "quyet_dinh.pdf").read_bytes()
    source = tmp_path / "in.pdf"
    for end in range(0, len(data), len(data) // 12):
        source.write_bytes(data[:end])
        with pytest.raises(Invalid):
            sign(source, tmp_path / "out.pdf", box=BOX)
    with pytest.raises(Invalid):
        sign(tmp_path / "missing.pdf", tmp_path / "out.pdf", box=BOX)


def test_an_encrypted_document_is_refused(sign: Sign, tmp_path: Path) -> None:
    """A password, even an empty one, must come off first."""
    with pikepdf.open(PDF / "quyet_dinh.pdf") as document:
        document.save(tmp_path / "in.pdf", encryption=pikepdf.Encryption(owner="x", user=""))
    with pytest.raises(Invalid, match="mật khẩu"):
        sign(tmp_path / "in.pdf", tmp_path / "out.pdf", box=BOX)


def test_object_streams_and_odd_forms(sign: Sign, tmp_path: Path) -> None:
    """Cross-reference streams, an indirect empty form and indirect annotations all work."""

    def odd(document: pikepdf.Pdf) -> None:
        document.Root.AcroForm = document.make_indirect(
            pikepdf.Dictionary(Fields=document.make_indirect(pikepdf.Array([])))
        )
        document.pages[0].obj.Annots = document.make_indirect(pikepdf.Array([]))

    source = tmp_path / "in.pdf"
    with pikepdf.open(PDF / "quyet_dinh.pdf") as document:
        odd(document)
        document.save(source, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    sign(source, tmp_path / "out.pdf", box=BOX)
    assert verdicts(tmp_path / "out.pdf") == ["Signature is Valid."]
    assert inside(changes(source, tmp_path / "out.pdf", 1), BOX)


def test_our_own_renderer_shows_it_where_poppler_does(
    sign: Sign, sandbox: Sandbox, tmp_path: Path
) -> None:
    """The page image of the web page carries the block, in the same box."""
    out = tmp_path / "out.pdf"
    sign(PDF / "quyet_dinh.pdf", out, box=BOX)
    pages = PageRenderer(sandbox)
    images = [
        Image.open(io.BytesIO(pages.image(path, 1, 100))).convert("RGB")
        for path in (PDF / "quyet_dinh.pdf", out)
    ]
    left, top, right, bottom = ImageChops.difference(*images).getbbox() or (0, 0, 0, 0)
    height = images[0].size[1]
    found = (left * 0.72, (height - bottom) * 0.72, right * 0.72, (height - top) * 0.72)
    assert inside(found, BOX)
    assert found[2] - found[0] > 0.9 * BOX.width
