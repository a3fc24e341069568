"""Placement: at the signer's own name, and never over anything that is already there."""

import unicodedata
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signer.errors import Invalid
from signer.signing.agency_placement import (
    RIGHT_MARGIN,
    anywhere,
    corner,
    covered,
    seal_box,
    top_right,
)
from signer.signing.geometry import Box, PageSize, fitted
from signer.signing.pages import PageRenderer, Word
from signer.signing.placement import (
    CLEARANCE,
    LEAST_HEIGHT,
    MARGIN,
    STEP,
    Placement,
    PlacementReason,
    Signatory,
    SignatureField,
    propose,
    propose_all,
)
from signer.signing.preflight import inspect
from signer.signing.sandbox import Sandbox
from tests.signing.conftest import PDF

A4 = PageSize(width=595, height=842)


def words(text: str, x: float, y: float, size: float = 13) -> list[Word]:
    """The words of a line that starts at x on the baseline y."""
    found, at = [], x
    for word in text.split(" "):
        width = len(word) * size * 0.5
        found.append(Word(text=word, x0=at, y0=y - 3, x1=at + width, y1=y + size - 3))
        at += width + size * 0.3
    return found


def decision(title: str = "GIÁM ĐỐC", name: str = "Nguyễn Thị Ánh", gap: float = 80) -> list[Word]:
    """A page with a body that mentions the signer, and the signature block on the right."""
    return [
        *words("Điều 1. Cử bà Nguyễn Thị Ánh tham gia lớp bồi dưỡng kỹ năng số.", 85, 500),
        *words("Nơi nhận:", 85, 300),
        *words(title, 380, 300),
        *words("- Lưu: VT.", 85, 285),
        *words(name, 370, 300 - gap),
    ]


def over_text(placement: Placement, on_page: Sequence[Word]) -> bool:
    return any(placement.box.overlaps(word.box) for word in on_page)


def between(placement: Placement, low: float, high: float) -> bool:
    return low <= placement.box.y0 and placement.box.y1 <= high


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("Nguyễn Thị Ánh", "Nguyễn Thị Ánh"),
        ("Nguyễn Thị Ánh", "NGUYỄN THỊ ÁNH"),
        ("NGUYỄN THỊ ÁNH", "Nguyễn Thị Ánh"),
        (unicodedata.normalize("NFD", "Nguyễn Thị Ánh"), "Nguyễn Thị Ánh"),
        ("Nguyễn Thị Ánh", unicodedata.normalize("NFD", "Nguyễn Thị Ánh")),
        ("Nguyễn Thị Ánh", "Nguy ễn Th ị Ánh"),
        ("Nguyễn Thị Ánh", "TS. Nguyễn Thị Ánh"),
        ("Nguyễn Thị Ánh", "Nguyen Thi Anh"),
        ("Đỗ Đình Đô", "ĐỖ ĐÌNH ĐÔ"),
    ],
)
def test_the_name_is_found_however_it_is_printed(name: str, printed: str) -> None:
    """Case, decomposition, split words and a degree before the name do not matter."""
    page = decision(name=printed)
    found = propose({1: page}, [A4], name)
    assert found.reason is PlacementReason.NEAR_NAME
    assert between(found, 233, 297)
    assert not over_text(found, page)
    middle = (found.box.x0 + found.box.x1) / 2
    assert 380 < middle < 470


def test_a_mention_in_the_text_is_not_the_place() -> None:
    """Somebody who is written about does not sign there."""
    page = words("Cử bà Nguyễn Thị Ánh tham gia lớp bồi dưỡng.", 85, 500)
    found = propose({1: page}, [A4], "Nguyễn Thị Ánh")
    assert found.reason is PlacementReason.FREE_AREA


def test_a_longer_name_is_another_person() -> None:
    """Trần Thị B is not Trần Thị Bình, and tones decide between Hà and Hạ."""
    page = decision(name="Trần Thị Bình")
    assert propose({1: page}, [A4], "Trần Thị B").reason is PlacementReason.FREE_AREA
    two = [*words("Lê Thị Hạ", 80, 100), *words("Lê Thị Hà", 380, 100)]
    assert propose({1: two}, [A4], "Lê Thị Hà").box.x0 > 300
    assert propose({1: two}, [A4], "Lê Thị Hạ").box.x0 < 300


def test_the_last_block_with_the_name_counts() -> None:
    """A name alone in a table on page 1 loses against the block on page 3."""
    pages = {1: words("Nguyễn Thị Ánh", 100, 700), 2: [], 3: decision()}
    assert propose(pages, [A4] * 3, "Nguyễn Thị Ánh").page == 3


def test_a_narrow_gap_shrinks_the_box_and_none_moves_it() -> None:
    """With less room the box gets lower; without any it goes below the name."""
    page = decision(gap=50)
    found = propose({1: page}, [A4], "Nguyễn Thị Ánh")
    assert LEAST_HEIGHT <= found.box.height < 40
    assert between(found, 250, 300)
    tight = decision(gap=20)
    found = propose({1: tight}, [A4], "Nguyễn Thị Ánh")
    assert found.box.y1 < 280
    assert not over_text(found, tight)


@pytest.mark.parametrize(
    "printed", ["GIÁM ĐỐC", "KT. GIÁM ĐỐC", "Giám đốc", "TM. GIÁM ĐỐC", "Q. GIÁM ĐỐC"]
)
def test_the_title_helps_when_the_name_is_missing(printed: str) -> None:
    """The prefixes of Decree 30, article 13, belong to the title."""
    page = words(printed, 380, 300)
    found = propose({1: page}, [A4], "Nguyễn Thị Ánh", "Giám đốc")
    assert found.reason is PlacementReason.NEAR_TITLE
    assert found.box.y1 < 300
    assert not over_text(found, page)


def test_an_empty_field_of_the_document_comes_first() -> None:
    """The one that names the signer before others; a signed or invisible one never."""
    box = Box(x0=50, y0=50, x1=200, y1=100)
    other = Box(x0=300, y0=50, x1=450, y1=100)
    fields = [
        SignatureField(name="Da ky", page=1, box=box, signed=True),
        SignatureField(name="An", page=1, box=None, signed=False),
        SignatureField(name="Van thu", page=1, box=box, signed=False),
        SignatureField(name="nguyen_thi_anh", page=1, box=other, signed=False),
    ]
    found = propose({1: decision()}, [A4], "Nguyễn Thị Ánh", existing_fields=fields)
    assert (found.reason, found.field_name) == (PlacementReason.EXISTING_FIELD, "nguyen_thi_anh")
    assert found.box == other
    found = propose({1: decision()}, [A4], "Nguyễn Thị Ánh", existing_fields=fields[:2])
    assert found.reason is PlacementReason.NEAR_NAME


def test_an_earlier_signature_is_not_covered() -> None:
    """A second signer with the same block gets another place."""
    first = propose({1: decision()}, [A4], "Nguyễn Thị Ánh")
    signed = [SignatureField(name="S1", page=1, box=first.box, signed=True)]
    second = propose({1: decision()}, [A4], "Nguyễn Thị Ánh", existing_fields=signed)
    assert not second.box.overlaps(first.box)
    assert not over_text(second, decision())


def test_scans_and_full_pages_get_the_bottom_margin() -> None:
    """Nothing is known about a scan but its margin, and a full page has nothing else."""
    found = propose({1: []}, [A4], "Nguyễn Thị Ánh")
    assert (found.reason, found.page) == (PlacementReason.BOTTOM_MARGIN, 1)
    full = [word for y in range(40, 830, 12) for word in words("đầy chữ " * 11 + "x", 30, y)]
    found = propose({1: full}, [A4], "Nguyễn Thị Ánh")
    assert found.reason is PlacementReason.BOTTOM_MARGIN
    assert found.box.y1 <= 30
    assert found.sentence


@pytest.mark.parametrize(
    ("document", "page", "name", "title", "low", "high"),
    [
        ("quyet_dinh", 1, "Trần Thị B", "Giám đốc", 198, 259),
        ("bao_cao_29_trang", 29, "LÊ VĂN C", "Phó Giám đốc", 380, 480),
    ],
)
def test_the_real_documents(
    sandbox: Sandbox, document: str, page: int, name: str, title: str, low: float, high: float
) -> None:
    """Between title and name of the block on the last page, as a typist would."""
    pages = PageRenderer(sandbox)
    texts = {n: pages.page_text(PDF / f"{document}.pdf", n) for n in range(1, page + 1)}
    found = propose(
        {n: text.words for n, text in texts.items()},
        [text.size for text in texts.values()],
        name,
        title,
    )
    assert (found.page, found.reason) == (page, PlacementReason.NEAR_NAME)
    assert between(found, low, high)
    assert not over_text(found, texts[page].words)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Nguyễn", "Thị Ánh", "Nguyễn Thị Ánh", "GIÁM ĐỐC", "văn bản", "x"]),
            st.floats(0, 590),
            st.floats(0, 840),
            st.floats(4, 40),
        ),
        max_size=40,
    )
)
def test_never_over_text(lines: list[tuple[str, float, float, float]]) -> None:
    """Whatever stands on the page: the box is on it, and over words only in its bottom margin."""
    page = [word for text, x, y, size in lines for word in words(text, x, y, size)]
    found = propose({1: page}, [A4], "Nguyễn Thị Ánh", "Giám đốc")
    assert found.box.width >= 90
    assert found.box.height >= LEAST_HEIGHT - 0.01
    assert found.box.x0 >= 0
    assert found.box.y0 >= 0
    assert found.box.x1 <= 595
    assert found.box.y1 <= 842
    if found.reason is not PlacementReason.BOTTOM_MARGIN:
        assert not over_text(found, page)


def test_a_row_of_a_table_is_not_the_place_to_sign() -> None:
    """The 29-page report lists people with their titles; its signature block is on page 29."""
    path = PDF / "bao_cao_29_trang.pdf"
    report = inspect(path, 10**9)
    renderer = PageRenderer()
    words = {n: renderer.text(path, n) for n in range(1, len(report.pages) + 1)}
    for name, title in (("Hoàng Kim Ánh", "Chuyên viên"), ("Nguyễn Văn C", "Chuyên viên")):
        placement = propose(words, report.pages, name, title)
        assert (placement.page, placement.reason) == (29, PlacementReason.FREE_AREA)
    deputy = propose(words, report.pages, "Lê Văn C", "Phó Giám đốc")
    assert (deputy.page, deputy.reason) == (29, PlacementReason.NEAR_NAME)


def test_several_signers_get_places_at_once() -> None:
    """Each at the own name; who has none gets free paper; none covers another or any text."""
    page = [*decision(), *words("PHÓ GIÁM ĐỐC", 80, 250), *words("Lê Văn C", 90, 170)]
    wanted = [
        Signatory(name="Nguyễn Thị Ánh", title="Giám đốc"),
        Signatory(name="Lê Văn C", title="Phó Giám đốc"),
        Signatory(name="Hoàng Kim Ánh"),
        Signatory(name="Đỗ Đình Đô"),
    ]
    places = propose_all({1: page}, [A4], wanted)
    reasons = [place.reason for place in places]
    assert reasons == [PlacementReason.NEAR_NAME] * 2 + [PlacementReason.FREE_AREA] * 2
    assert not any(over_text(place, page) for place in places)
    for number, place in enumerate(places):
        assert not any(place.box.overlaps(other.box) for other in places[:number])


def test_a_field_goes_to_whom_it_names_and_to_nobody_twice() -> None:
    """The first signer does not take the field that names the second."""
    boxes = [Box(x0=50, y0=y, x1=200, y1=y + 40) for y in (50, 150)]
    fields = [
        SignatureField(name="le_van_c", page=1, box=boxes[0], signed=False),
        SignatureField(name="Signature9", page=1, box=boxes[1], signed=False),
    ]
    wanted = [Signatory(name=name) for name in ("Nguyễn Thị Ánh", "Lê Văn C", "Đỗ Đình Đô")]
    places = propose_all({1: decision()}, [A4], wanted, fields)
    assert [place.field_name for place in places] == ["Signature9", "le_van_c", None]
    assert places[2].reason is PlacementReason.FREE_AREA


@settings(max_examples=200, deadline=None)
@given(
    st.floats(120, 400),
    st.floats(60, 700),
    st.floats(90, 190),
    st.floats(26, 80),
    st.floats(0.8, 5),
    st.floats(30, 42),
)
def test_a_seal_covers_a_third_of_the_signature_on_its_left(
    x0: float, y0: float, width: float, height: float, proportion: float, side_mm: float
) -> None:
    """30 to 37 % by the dots counted here, whatever the image; in real size and on the page."""
    field = Box(x0=x0, y0=y0, x1=x0 + width, y1=y0 + height)
    image = fitted(field, 100 * proportion, 100)
    seal = seal_box(image, (side_mm, side_mm), A4)
    assert abs(seal.width - side_mm * 72 / 25.4) < 0.001
    assert abs(seal.height - seal.width) < 0.001
    assert 0 <= seal.x0 < image.x0
    assert seal.y0 >= 0
    radius, middle_x, middle_y = seal.width / 2, (seal.x0 + seal.x1) / 2, (seal.y0 + seal.y1) / 2
    dots = [
        (image.x0 + (i + 0.5) / 60 * image.width - middle_x) ** 2
        + (image.y0 + (j + 0.5) / 60 * image.height - middle_y) ** 2
        <= radius**2
        for i in range(60)
        for j in range(60)
    ]
    assert 0.30 <= sum(dots) / len(dots) <= 0.37
    assert abs(covered(seal, image) - sum(dots) / len(dots)) < 0.02


@pytest.mark.parametrize(
    "image",
    [
        Box(x0=2, y0=300, x1=60, y1=330),  # no room on its left
        Box(x0=200, y0=100, x1=500, y1=400),  # far higher than the seal
    ],
)
def test_a_seal_that_cannot_cover_a_third_is_refused(image: Box) -> None:
    """The clerk is told to move the signature instead of getting a wrong seal."""
    with pytest.raises(Invalid, match="1/3"):
        seal_box(image, (36, 36), A4)


def test_texts_of_the_agency_stand_in_the_top_right_corner() -> None:
    """On a scan in the very corner; on a page with text beside or below it, never over it."""
    size = (180.0, 40.0)
    scan = corner(A4, size, [])
    assert scan is not None
    assert scan == top_right(A4, size)
    assert scan.x1 > 540
    assert scan.y1 > 820
    title = [word.box for word in words("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", 300, 815)]
    found = corner(A4, size, title)
    assert found is not None
    assert found.y0 > 421
    assert not any(found.overlaps(box) for box in title)


def test_a_full_corner_leads_to_another_free_place() -> None:
    """As far up and right as there is one; none at all is said."""
    size = (180.0, 40.0)
    upper = [word.box for y in range(400, 842, 12) for word in words("đầy chữ " * 12, 20, y)]
    assert corner(A4, size, upper) is None
    found = anywhere(A4, size, upper)
    assert found is not None
    assert 300 < found.y0 < 360
    assert found.x1 == top_right(A4, size).x1
    lower = [word.box for y in range(0, 400, 12) for word in words("đầy chữ " * 12, 20, y)]
    assert anywhere(A4, size, upper + lower) is None


@pytest.mark.parametrize("seed", range(40))
def test_a_free_place_is_free_and_none_is_overlooked(seed: int) -> None:
    """As trying every place of a coarse grid says."""
    random = Random(seed)
    size = (random.uniform(60, 200), random.uniform(20, 90))
    taken = [
        Box(x0=x, y0=y, x1=x + random.uniform(10, 220), y1=y + random.uniform(5, 60))
        for x, y in ((random.uniform(0, 560), random.uniform(0, 830)) for _ in range(60))
    ]
    found = anywhere(A4, size, taken)
    if found is not None:
        assert (found.width, found.height) == pytest.approx(size)
        assert not any(found.overlaps(box, CLEARANCE - 0.001) for box in taken)
    tops = [A4.height - MARGIN / 2 - STEP * step for step in range(140)]
    free = [
        top
        for top in tops
        if top - size[1] >= MARGIN and any(_is_free(x, top, size, taken) for x in range(28, 560, 4))
    ]
    if free:
        assert found is not None
        assert found.y1 >= free[0]


def _is_free(x: float, top: float, size: tuple[float, float], taken: list[Box]) -> bool:
    box = Box(x0=x, y0=top - size[1], x1=x + size[0], y1=top)
    inside = box.x1 <= A4.width - RIGHT_MARGIN
    return inside and not any(box.overlaps(other, CLEARANCE) for other in taken)
