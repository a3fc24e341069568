"""The signature block: right letters, right size, nothing outside the box."""

import io
import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from PIL import Image, ImageChops

from signer.errors import Invalid
from signer.signing import fonts
from signer.signing.appearance import AppearanceKind, AppearanceText, draw, size_of
from signer.signing.fonts import FILES, VIETNAMESE, font_for
from signer.signing.geometry import Box, points_of
from signer.signing.images_task import embedded
from signer.signing.pages import PageRenderer
from tests.signing.conftest import NOW, PDF, Sign
from tests.signing.images import BLUE, RED, png_of_seal, png_of_strokes

TEXT = AppearanceText(
    name="Nguyễn Thị Ánh Nguyệt",
    title="Phó Giám đốc",
    organisation="Sở Nội vụ, Ủy ban nhân dân thành phố Hà Nội",
)


@pytest.mark.parametrize("family", FILES)
def test_all_letters_of_the_language(family: str) -> None:
    """134 letters are not plain ASCII, and each font has a glyph of its own for each."""
    assert len([letter for letter in VIETNAMESE if not letter.isascii()]) == 134
    font = font_for("A", family)
    glyphs = [font.glyphs[letter] for letter in VIETNAMESE]
    assert len(set(glyphs)) == len(VIETNAMESE)
    assert all(font.widths[glyph] > 100 for glyph in glyphs)


def test_serif_letters_are_as_wide_as_those_of_times() -> None:
    """Its 2048 units per em become thousandths: A is 722, as in Times-Roman's metrics."""
    font = font_for("", "serif")
    assert [font.widths[font.glyphs[letter]] for letter in "AWim."] == [722, 944, 278, 778, 250]


def test_the_same_letters_are_the_same_font_in_every_process() -> None:
    """Only then does a further signature find the font in the document."""
    told = (
        "import hashlib; from signer.signing.fonts import font_for;"
        "print(hashlib.sha256(font_for('', 'sans').program).hexdigest())"
    )
    seen = [
        subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert seen[0].stdout == seen[1].stdout
    assert font_for("Trần", "sans") is font_for("Lê Văn C", "sans")


def test_the_time_is_hanois_whatever_zone_it_came_in() -> None:
    """02:30 UTC is half past nine in Hanoi (R66)."""
    drawing = draw(TEXT, NOW, 220, 80)
    assert drawing.lines[-1] == "Thời gian ký: 23.11.2026 09:30:15 +07:00"
    assert drawing.lines[0] == "Ký bởi: Nguyễn Thị Ánh Nguyệt"


@pytest.mark.parametrize(
    ("width", "height"), [(92, 26), (110, 30), (170, 30), (170, 56), (400, 200)]
)
def test_every_sensible_box_fits(width: float, height: float) -> None:
    """No line is wider than the box and all lines together are not higher."""
    drawing = draw(TEXT, NOW, width, height)
    leading = (drawing.fonts[0].ascent - drawing.fonts[0].descent) / 1000 * drawing.points
    assert all(drawing.fonts[0].width(line, drawing.points) <= width - 6 for line in drawing.lines)
    assert leading * len(drawing.lines) <= height - 6 + 0.01
    assert "Ký bởi" in drawing.lines[0]
    assert any("23.11.2026" in line for line in drawing.lines)


@pytest.mark.parametrize(("width", "height"), [(40, 200), (170, 12), (1, 1)])
def test_a_box_that_is_too_small_is_refused(width: float, height: float) -> None:
    """Letters nobody could read are not drawn."""
    with pytest.raises(Invalid, match="quá nhỏ"):
        draw(TEXT, NOW, width, height)


def test_decomposed_text_is_drawn_composed() -> None:
    """NFD from a Mac gives the same bytes as NFC."""
    decomposed = AppearanceText(name=unicodedata.normalize("NFD", "Nguyễn Thị Ánh"))
    composed = AppearanceText(name="Nguyễn Thị Ánh")
    assert draw(decomposed, NOW, 170, 50).content == draw(composed, NOW, 170, 50).content


@pytest.mark.parametrize("name", ["王小明", "Nguyễn\u0303\u0324 A", "Ёлка\U0001f600"])
def test_a_letter_the_font_lacks_is_refused_by_name(name: str) -> None:
    """An empty box instead of a letter would falsify the name."""
    with pytest.raises(Invalid, match="không có ký tự"):
        draw(AppearanceText(name=name), NOW, 170, 50)


def test_a_block_without_a_name_is_refused() -> None:
    """White space is no name."""
    with pytest.raises(Invalid, match="họ tên"):
        draw(AppearanceText(name=" \u00a0 "), NOW, 170, 50)


def test_widths_are_in_thousandths_whatever_the_font_is_drawn_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A font of 2048 units per em gives the same widths as one of 1000 (the trap of design.md)."""
    from fontTools.ttLib.scaleUpem import scale_upem

    with TTFont(fonts.FILES["sans"]) as font:
        scale_upem(font, 2048)
        font.save(tmp_path / "BeVietnamPro-Regular.ttf")
    usual = draw(TEXT, NOW, 170, 56)
    monkeypatch.setitem(fonts.FILES, "sans", tmp_path / "BeVietnamPro-Regular.ttf")
    fonts._embedded.cache_clear()
    scaled = draw(TEXT, NOW, 170, 56)
    fonts._embedded.cache_clear()
    assert scaled.lines == usual.lines
    assert abs(scaled.fonts[0].width("Nguyễn", 10) - usual.fonts[0].width("Nguyễn", 10)) < 0.05


def test_every_letter_survives_extraction(sign: Sign, tmp_path: Path) -> None:
    """What a reader copies out of the block is what was written into it."""
    letters = "".join(sorted(VIETNAMESE))
    name = " ".join(letters[start : start + 8] for start in range(0, len(letters), 8))
    out = tmp_path / "out.pdf"
    sign(
        PDF / "ban_quet.pdf",
        out,
        box=Box(x0=40, y0=400, x1=560, y1=560),
        appearance=AppearanceText(name=name, mark="CHỨNG THƯ SỐ THỬ NGHIỆM"),
    )
    told = subprocess.run(
        ["pdftotext", "-l", "1", out, "-"], capture_output=True, text=True, check=True
    ).stdout
    assert " ".join(told.split()).startswith(f"CHỨNG THƯ SỐ THỬ NGHIỆM Ký bởi: {name}")


SEAL = AppearanceText(
    kind=AppearanceKind.SEAL, image_png=png_of_seal(), image_mm=(36, 36), name="Sở Nội vụ"
)
EACH = {
    "personal": TEXT,
    "image": replace(TEXT, image_png=png_of_strokes(BLUE)),
    "seal": SEAL,
    "initial": AppearanceText(kind=AppearanceKind.INITIAL, name="Lê Văn C"),
    "copy": AppearanceText(
        kind=AppearanceKind.COPY, copy_form="SAO Y", organisation="Ủy ban nhân dân phường Ba Đình"
    ),
    "appendix": AppearanceText(kind=AppearanceKind.APPENDIX, number="05/BC-UBND"),
    "incoming": AppearanceText(
        kind=AppearanceKind.INCOMING,
        organisation="ỦY BAN NHÂN DÂN PHƯỜNG BA ĐÌNH",
        number="1234",
        forwarded_to="Phòng Văn hóa - Xã hội",
    ),
}
LINES = {
    "copy": ("Sao y", "Ủy ban nhân dân phường Ba Đình", "Thời gian ký: 2026-11-23T09:30:15+07:00"),
    "appendix": ("Kèm theo văn bản số: 05/BC-UBND", "Thời gian ký: 2026-11-23T09:30:15+07:00"),
    "initial": ("Ký nháy: Lê Văn C", "23.11.2026 09:30:15 +07:00"),
    "image": (),
    "seal": (),
}


@pytest.mark.parametrize("text", EACH.values(), ids=EACH)
def test_every_kind_crosses_the_sandbox_whole(text: AppearanceText) -> None:
    """What the child makes of the message is the same value, image and all."""
    told, blobs = text.to_message()
    assert AppearanceText.from_message(told, blobs) == text


@pytest.mark.parametrize("kind", LINES)
def test_what_each_kind_says(kind: str) -> None:
    """The words and times of Decree 30/2020, Appendix I, II.7, 8 and 14."""
    drawing = draw(EACH[kind], NOW, *size_of(EACH[kind], NOW))
    assert drawing.lines == LINES[kind]


@pytest.mark.parametrize("kind", ["copy", "appendix"])
def test_texts_of_the_agency_are_times_of_size_ten_in_black(kind: str) -> None:
    """II.8b and II.14b: Times New Roman, upright, size 10, black; a smaller box is refused."""
    width, height = size_of(EACH[kind], NOW)
    drawing = draw(EACH[kind], NOW, width, height)
    assert drawing.points == 10
    assert [font.name for font in drawing.fonts] == ["SIGNER+LiberationSerif-Regular"]
    assert drawing.content.count(b"0 0 0 rg") == len(drawing.lines)
    assert not drawing.images
    with pytest.raises(Invalid, match="quá nhỏ"):
        draw(EACH[kind], NOW, width, height - 3)


def test_an_image_stands_alone_in_its_proportions() -> None:
    """No text beside a handwritten signature but the mark of invented data (R16)."""
    text = replace(EACH["image"], mark="MẪU")
    drawing = draw(text, NOW, 170, 56)
    assert drawing.lines == ("MẪU",)
    (image,) = drawing.images
    scale_x, _, _, scale_y = map(float, drawing.content.split()[1:5])
    assert scale_x <= 170
    assert scale_y <= 56
    assert abs(scale_x / scale_y - image.width / image.height) < 0.001


BROKEN_SEALS = {
    "scaled down": (SEAL, 90.0, 90.0, "đúng kích thước thực tế 36 × 36 mm"),
    "stretched": (replace(SEAL, image_mm=(40, 36)), points_of(40), points_of(36), "cùng tỷ lệ"),
    "size unknown": (replace(SEAL, image_mm=None), points_of(36), points_of(36), "kích thước"),
    "no image": (replace(SEAL, image_png=b""), points_of(36), points_of(36), "hình ảnh con dấu"),
    "no image at all": (replace(SEAL, image_png=b"x"), points_of(36), points_of(36), "ảnh PNG"),
}


@pytest.mark.parametrize(
    ("text", "width", "height", "sentence"), BROKEN_SEALS.values(), ids=BROKEN_SEALS
)
def test_a_seal_has_its_real_size(
    text: AppearanceText, width: float, height: float, sentence: str
) -> None:
    """R39: no scaling."""
    with pytest.raises(Invalid, match=sentence):
        draw(text, NOW, width, height)


INCOMPLETE = {
    "copy_form": ("copy", {"copy_form": "BẢN CHỤP"}, "SAO Y"),
    "copy of nobody": ("copy", {"organisation": ""}, "tên cơ quan"),
    "appendix": ("appendix", {"number": " "}, "số và ký hiệu"),
    "initial": ("initial", {"name": ""}, "họ tên"),
    "incoming": ("incoming", {"number": ""}, "số và ký hiệu"),
}


@pytest.mark.parametrize(("kind", "changed", "sentence"), INCOMPLETE.values(), ids=INCOMPLETE)
def test_a_missing_fact_is_named(kind: str, changed: dict[str, str], sentence: str) -> None:
    """Nothing is drawn that says half of what it must."""
    text = replace(EACH[kind], **changed)  # type: ignore[arg-type]  # strings all
    with pytest.raises(Invalid, match=sentence):
        draw(text, NOW, 300, 300)


def test_braces_in_a_name_are_letters() -> None:
    """The templates are filled, never what fills them."""
    drawing = draw(AppearanceText(name="{mark} {0} %s"), NOW, 170, 56)
    assert drawing.lines[0] == "Ký bởi: {mark} {0} %s"


@pytest.mark.parametrize("kind", EACH)
def test_every_kind_is_seen_by_both_readers(kind: str, sign: Sign, tmp_path: Path) -> None:
    """Ink of the right colour inside the box, and not one dot changed outside it."""
    width, height = size_of(EACH[kind], NOW)
    box = Box(x0=60, y0=100, x1=60 + width, y1=100 + height)
    out = tmp_path / "out.pdf"
    sign(PDF / "quyet_dinh.pdf", out, box=box, appearance=EACH[kind])
    for before, after in zip(_pictures(PDF / "quyet_dinh.pdf"), _pictures(out), strict=True):
        difference = ImageChops.difference(before, after)
        found = difference.getbbox()
        assert found is not None
        scale, page_height = after.height / 841.9, after.height
        assert found[0] >= box.x0 * scale - 2
        assert found[2] <= box.x1 * scale + 2
        assert found[1] >= page_height - box.y1 * scale - 2
        assert found[3] <= page_height - box.y0 * scale + 2
        strongest = min(after.crop(found).get_flattened_data(), key=sum)
        wanted = {"personal": "blue", "image": "blue", "initial": "blue", "seal": "red"}
        assert _colour(strongest) == wanted.get(kind, "red" if kind == "incoming" else "black")


def test_a_seal_on_paper_measures_what_it_does_in_the_office(sign: Sign, tmp_path: Path) -> None:
    """36 mm across in the raster, to half a millimetre."""
    side = points_of(36)
    out = tmp_path / "out.pdf"
    box = Box(x0=60, y0=60, x1=60 + side, y1=60 + side)
    sign(PDF / "quyet_dinh.pdf", out, box=box, appearance=SEAL)
    for before, after in zip(_pictures(PDF / "quyet_dinh.pdf"), _pictures(out), strict=True):
        found = ImageChops.difference(before, after).getbbox()
        assert found is not None
        for length in (found[2] - found[0], found[3] - found[1]):
            assert abs(length / DPI * 25.4 - 36) < 0.5


def test_the_same_image_is_the_same_bytes() -> None:
    """So that a document holds it once."""
    png = png_of_strokes(RED)
    assert embedded(png, "I0") == embedded(png, "I0")


DPI = 96


def _pictures(path: Path) -> list[Image.Image]:
    """Page 1 by poppler and by pdfium."""
    poppler = subprocess.run(
        ["pdftoppm", "-r", str(DPI), "-png", "-l", "1", path], capture_output=True, check=True
    ).stdout
    pdfium = PageRenderer().image(path, 1, DPI)
    return [Image.open(io.BytesIO(picture)).convert("RGB") for picture in (poppler, pdfium)]


def _colour(dot: tuple[int, int, int]) -> str:
    red, green, blue = dot
    if max(dot) - min(dot) < 40:
        return "black"
    return "blue" if blue > max(red, green) else "red" if red > max(blue, green) else "other"
