"""Page images and words: right text in the right place, from a cache that knows content."""

import io
import shutil
from pathlib import Path

import pytest
from PIL import Image

from signer.errors import Invalid
from signer.signing.pages import PageRenderer
from signer.signing.sandbox import Sandbox
from tests.signing.conftest import PDF
from tests.signing.documents import page_of


@pytest.fixture
def pages(sandbox: Sandbox) -> PageRenderer:
    return PageRenderer(sandbox)


def test_images_have_the_size_asked_for(pages: PageRenderer) -> None:
    """A4 at 100 dpi is 827 by 1170 pixels, and equal pages are equal bytes."""
    png = pages.image(PDF / "quyet_dinh.pdf", 1, 100)
    image = Image.open(io.BytesIO(png))
    assert (image.format, image.size) == ("PNG", (827, 1170))
    assert png == PageRenderer(pages._sandbox).image(PDF / "quyet_dinh.pdf", 1, 100)


def test_words_are_whole_although_the_font_changes_inside_them(pages: PageRenderer) -> None:
    """LibreOffice takes single letters from a second font; pdfium alone reads "Tr n Th B ầ ị"."""
    words = [word.text for word in pages.text(PDF / "quyet_dinh.pdf", 1)]
    assert words[-3:] == ["Trần", "Thị", "B"]
    text = " ".join(words)
    for phrase in ("ỦY BAN NHÂN DÂN", "Độc lập - Tự do - Hạnh phúc", "cử công chức tham gia lớp"):
        assert phrase in text


def test_words_stand_where_they_are_seen(pages: PageRenderer) -> None:
    """Dark pixels of the image lie inside the boxes of the words."""
    words = pages.text(PDF / "quyet_dinh.pdf", 1)
    image = Image.open(io.BytesIO(pages.image(PDF / "quyet_dinh.pdf", 1, 72))).convert("L")
    for word in words:
        assert 0 < word.x0 < word.x1 < 596
        assert 0 < word.y0 < word.y1 < 842
    for x in range(0, image.size[0], 3):
        for y in range(0, image.size[1], 3):
            if image.getpixel((x, y)) < 60:
                up = image.size[1] - y
                near = any(w.x0 - 3 <= x <= w.x1 + 3 and w.y0 - 4 <= up <= w.y1 + 4 for w in words)
                assert near, (x, up)


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_words_turn_with_the_page(pages: PageRenderer, tmp_path: Path, rotate: int) -> None:
    """Boxes are in displayed points; writing is read in its own direction."""
    path = page_of(
        tmp_path / "a.pdf", rotate=rotate, media=(-100, 50, 600, 650), crop=(-80, 60, 520, 640)
    )
    found = pages.page_text(path, 1)
    assert [word.text for word in found.words] == ["Giam", "doc"]
    for word in found.words:
        assert 0 < word.x0 < word.x1 < found.size.width
        assert 0 < word.y0 < word.y1 < found.size.height


def test_a_scan_has_no_words(pages: PageRenderer) -> None:
    """Nothing is made up."""
    assert pages.text(PDF / "ban_quet.pdf", 1) == ()


def test_a_changed_file_is_read_again(pages: PageRenderer, tmp_path: Path) -> None:
    """The cache is by content, not by name."""
    path = tmp_path / "x.pdf"
    shutil.copy(PDF / "quyet_dinh.pdf", path)
    first = pages.image(path, 1, 72)
    shutil.copy(PDF / "ban_quet.pdf", path)
    assert pages.image(path, 1, 72) != first


def test_a_poster_is_drawn_smaller(pages: PageRenderer, tmp_path: Path) -> None:
    """A page of five metres at 300 dpi would be 3.6 billion pixels."""
    path = page_of(tmp_path / "a.pdf", media=(0, 0, 14_400, 14_400))
    image = Image.open(io.BytesIO(pages.image(path, 1, 300)))
    assert image.size[0] * image.size[1] <= 41_000_000


@pytest.mark.parametrize(("page", "dpi"), [(0, 100), (2, 100), (1, 5), (1, 1200)])
def test_impossible_wishes_are_refused(pages: PageRenderer, page: int, dpi: int) -> None:
    """A page that is not there, a resolution nobody needs."""
    with pytest.raises(Invalid):
        pages.image(PDF / "quyet_dinh.pdf", page, dpi)


def test_broken_files_are_refused(pages: PageRenderer, tmp_path: Path) -> None:
    """With a sentence, for images and for words."""
    path = tmp_path / "x.pdf"
    with pytest.raises(Invalid):
        pages.image(path, 1)
    path.write_bytes((PDF / "quyet_dinh.pdf").read_bytes()[:3000])
    with pytest.raises(Invalid):
        pages.image(path, 1)
    with pytest.raises(Invalid):
        pages.text(path, 1)
