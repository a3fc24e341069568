"""The signature block: right letters, right size, nothing outside the box."""

import subprocess
import unicodedata
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from signer.errors import Invalid
from signer.signing import fonts
from signer.signing.appearance import VIETNAMESE, AppearanceText, draw
from signer.signing.geometry import Box
from tests.signing.conftest import NOW, PDF, Sign

TEXT = AppearanceText(
    name="Nguyễn Thị Ánh Nguyệt",
    title="Phó Giám đốc",
    organisation="Sở Nội vụ, Ủy ban nhân dân thành phố Hà Nội",
)


def test_all_letters_of_the_language() -> None:
    """134 letters are not plain ASCII, and the font has a glyph of its own for each."""
    assert len([letter for letter in VIETNAMESE if not letter.isascii()]) == 134
    drawing = draw(AppearanceText(name="A"), NOW, 170, 50)
    glyphs = [drawing.font.glyphs[letter] for letter in VIETNAMESE]
    assert len(set(glyphs)) == len(VIETNAMESE)
    assert all(drawing.font.widths[glyph] > 100 for glyph in glyphs)


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
    leading = (drawing.font.ascent - drawing.font.descent) / 1000 * drawing.points
    assert all(drawing.font.width(line, drawing.points) <= width - 6 for line in drawing.lines)
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
    assert abs(scaled.font.width("Nguyễn", 10) - usual.font.width("Nguyễn", 10)) < 0.05


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
