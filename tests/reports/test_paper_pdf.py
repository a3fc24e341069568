"""The PDF measured against Decree 30/2020/NĐ-CP, Appendix I: what a ruler on the page would say."""

import ctypes
import subprocess
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium
import pytest

from signer.inventory.kinds import UnitKind
from signer.reports.columns import COLUMNS
from signer.reports.decree30 import day_words, number_line
from signer.reports.decree30_pdf import paper_pdf
from tests.reports.appendices import ROWS, a_row, figures, paper

MM = 72 / 25.4


@dataclass(frozen=True)
class Line:
    """A run of text on one page: millimetres from the page's left and top edge, points of size."""

    text: str
    left: float
    right: float
    top: float
    bottom: float
    baseline: float
    size: float
    font: str

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


@dataclass(frozen=True)
class Page:
    width: float
    height: float
    lines: tuple[Line, ...]

    def line(self, beginning: str) -> Line:
        """The first line that begins so."""
        return next(line for line in self.lines if line.text.startswith(beginning))


def pages_of(content: bytes) -> list[Page]:
    """The pages as PDFium, and so Chromium, reads them."""
    document = pypdfium2.PdfDocument(content)
    pages = []
    for page in document:
        text = page.get_textpage()
        width, height = page.get_size()
        lines = tuple(_lines(text, height))
        pages.append(Page(width=width / MM, height=height / MM, lines=lines))
    document.close()
    return pages


def _lines(text: pypdfium2.PdfTextPage, height: float) -> Iterator[Line]:
    """Letters that stand on one baseline and follow each other are a line."""
    run: list[_Letter] = []
    for index in range(text.count_chars()):
        letter = _letter(text, index)
        if run and not letter.follows(run[-1]):
            yield _line(run, height)
            run = []
        if letter.text.strip():
            run.append(letter)
        elif run and letter.text == " ":
            run[-1] = replace(run[-1], text=run[-1].text.rstrip() + " ")
    if run:
        yield _line(run, height)


@dataclass(frozen=True)
class _Letter:
    text: str
    box: tuple[float, float, float, float]
    baseline: float
    size: float
    font: str

    def follows(self, other: "_Letter") -> bool:
        """Behind a letter of the same line, or after the blank behind it."""
        if not self.text.strip():
            return True
        gap = self.box[0] - other.box[2]
        return abs(self.baseline - other.baseline) < 0.5 and -2 < gap < 12


def _letter(text: pypdfium2.PdfTextPage, index: int) -> _Letter:
    name, flags = ctypes.create_string_buffer(100), ctypes.c_int()
    pdfium.FPDFText_GetFontInfo(text, index, name, 100, ctypes.byref(flags))
    x, y = ctypes.c_double(), ctypes.c_double()
    pdfium.FPDFText_GetCharOrigin(text, index, ctypes.byref(x), ctypes.byref(y))
    return _Letter(
        text=text.get_text_range(index, 1),
        box=text.get_charbox(index, loose=True),
        baseline=y.value,
        size=pdfium.FPDFText_GetFontSize(text, index),
        font=name.value.decode().split("+")[-1],
    )


def _line(run: list[_Letter], height: float) -> Line:
    return Line(
        text=unicodedata.normalize("NFC", "".join(letter.text for letter in run)).strip(),
        left=run[0].box[0] / MM,
        right=run[-1].box[2] / MM,
        top=(height - max(letter.box[3] for letter in run)) / MM,
        bottom=(height - min(letter.box[1] for letter in run)) / MM,
        baseline=(height - run[0].baseline) / MM,
        size=run[0].size,
        font=run[0].font,
    )


@pytest.fixture(scope="module")
def pages() -> list[Page]:
    return pages_of(paper_pdf(paper(remarks={"XÃỨNGHÒA": "Chờ sắp xếp tổ chức"})))


def test_text_is_a4_upright_and_the_appendix_across(pages):
    """I.1: A4, 210 × 297 mm; a wide table may lie across."""
    sizes = [(round(page.width), round(page.height)) for page in pages]
    assert sizes == [(210, 297), (210, 297), (297, 210)]


def test_margins_are_those_of_the_decree(pages):
    """I.2: top and bottom 20-25 mm, left 30-35, right 15-20; only page numbers stand above."""
    for page in pages:
        inside = [line for line in page.lines if not line.text.isdigit() or line.top > 20]
        assert min(line.left for line in inside) >= 29.9
        assert max(line.right for line in inside) <= page.width - 14.9
        assert min(line.top for line in inside) >= 19.5
        assert max(line.bottom for line in inside) <= page.height - 19.9
    body = [line for line in pages[0].lines if line.size == 14 and "Bold" not in line.font]
    assert min(line.left for line in body) == pytest.approx(30, abs=0.5)
    assert max(line.right for line in body) == pytest.approx(195, abs=0.7)


@pytest.mark.parametrize(
    ("beginning", "font", "sizes"),
    [
        ("CỘNG HÒA XÃ HỘI", "LiberationSerif-Bold", (12, 13)),  # II.1
        ("Độc lập", "LiberationSerif-Bold", (13, 14)),
        ("ỦY BAN NHÂN DÂN", "LiberationSerif-Bold", (12, 13)),  # II.2
        ("Số: 05/BC-UBND", "LiberationSerif", (13, 13)),  # II.3
        ("Hà Nội, ngày 05 tháng 02 năm 2026", "LiberationSerif-Italic", (13, 14)),  # II.4
        ("BÁO CÁO", "LiberationSerif-Bold", (13, 14)),  # II.5
        ("Kết quả cấp", "LiberationSerif-Bold", (13, 14)),
        ("Thực hiện Nghị định", "LiberationSerif", (13, 14)),  # II.6
        ("Nơi nhận:", "LiberationSerif-BoldItalic", (12, 12)),  # II.9
        ("- Lưu: VT", "LiberationSerif", (11, 11)),
        ("TM. ỦY BAN NHÂN DÂN", "LiberationSerif-Bold", (13, 14)),  # II.7
        ("CHỦ TỊCH", "LiberationSerif-Bold", (13, 14)),
        ("Nguyễn Thị Ánh", "LiberationSerif-Bold", (13, 14)),
        ("PHỤ LỤC", "LiberationSerif-Bold", (14, 14)),
    ],
)
def test_each_cell_has_its_font_and_size(pages, beginning, font, sizes):
    found = next(x for page in pages for x in page.lines if x.text.startswith(beginning))
    assert found.font == font
    assert sizes[0] <= found.size <= sizes[1]


def test_cells_stand_where_the_form_puts_them(pages):
    """Appendix I, the drawing of the cells: 2 and 3 on the left, 1 and 4 on the right."""
    first, last = pages[0], pages[1]
    state, motto, issuer = map(first.line, ("CỘNG HÒA", "Độc lập", "ỦY BAN NHÂN DÂN"))
    number, dated, kind = map(first.line, ("Số:", "Hà Nội, ngày", "BÁO CÁO"))
    assert state.top == pytest.approx(issuer.top, abs=0.5)
    assert issuer.right < state.left
    assert state.middle == pytest.approx(motto.middle, abs=0.5)
    assert dated.middle == pytest.approx(motto.middle, abs=0.5)
    assert number.middle == pytest.approx(issuer.middle, abs=0.5)
    assert number.top == pytest.approx(dated.top, abs=1.5)
    assert kind.middle == pytest.approx((30 + 195) / 2, abs=0.5)
    assert issuer.bottom < number.top < number.bottom < kind.top
    recipients, title, name = map(last.line, ("Nơi nhận:", "CHỦ TỊCH", "Nguyễn Thị Ánh"))
    assert recipients.right < title.left
    assert title.middle == pytest.approx(name.middle, abs=0.5)
    assert name.top - title.bottom > 20  # room for a signature and the seal (cells 7c and 8)


def test_the_text_is_justified_with_indented_first_lines(pages):
    """II.6: the first line goes in by 1 to 1,27 cm; lines are 1 to 1.5 apart; 6 pt between."""
    body = [x for x in pages[0].lines if x.size == 14 and x.font == "LiberationSerif"]
    beginnings = [x for x in body if x.left > 35]
    assert beginnings
    assert {round(x.left - 30, 1) for x in beginnings} == {10.0}
    wrapped = [(line, after) for line, after in pairwise(body) if after.left < 35]
    assert {round(line.right) for line, _ in wrapped} == {195}
    one_line = 14 * 1.149 / MM  # of this font and of Times New Roman
    steps = [after.baseline - line.baseline for line, after in wrapped]
    assert all(one_line <= step <= 1.5 * one_line for step in steps)
    apart = [y.baseline - x.baseline for x, y in pairwise(body) if y.left > 35]
    assert min(apart) >= max(steps) + 6 / MM - 0.01


def test_pages_are_numbered_from_the_second_on_in_the_top_margin(pages):
    """II.9: Arabic figures, size 13 to 14, upright, in the middle, not on the first page."""
    for number, page in enumerate(pages, 1):
        above = [line for line in page.lines if line.bottom < 20]
        assert [line.text for line in above] == ([str(number)] if number > 1 else [])
        for line in above:
            assert line.middle == pytest.approx(page.width / 2, abs=0.5)
            assert line.font == "LiberationSerif"
            assert 13 <= line.size <= 14


def test_the_table_repeats_its_header_and_ends_with_the_total():
    """domain.md 3.1: units in their order, those below in small type, the last row the total."""
    rows = [a_row(f"Xã số {n}", UnitKind.COMMUNE, **figures(90, 40)) for n in range(120)]
    pages = pages_of(paper_pdf(paper(*rows)))[2:]
    assert len(pages) > 3
    for page in pages:
        words = " ".join(line.text for line in page.lines)
        assert all(word in words for word in ("Thuộc", "Token", "PKI", "kiến nghị"))
    assert any(line.text.startswith("Tổng cộng") for line in pages[-1].lines)
    assert not any(line.text.startswith("Tổng cộng") for p in pages[:-1] for line in p.lines)


def test_units_below_are_in_small_type(pages):
    def row(name: str) -> Line:
        return next(line for line in pages[2].lines if name in line.text)

    assert row("Phòng Tổ chức").size < row("Sở Nội vụ").size
    names = ("Khối sở", "Sở Nội vụ", "Phòng Tổ chức", "Khối phường", "Khối xã", "Tổng cộng")
    order = [row(name).baseline for name in names]
    assert order == sorted(order)


def test_a_citys_large_figures_stay_on_one_line():
    huge = paper(
        a_row("Sở Giáo dục và Đào tạo", UnitKind.DEPARTMENT, **figures(1_250_002, 999_999))
    )
    words = [line.text for page in pages_of(paper_pdf(huge)) for line in page.lines]
    joined = " ".join(words)
    assert "1.250.002" in joined
    assert "999.999" in joined


@pytest.mark.parametrize("text", ["<b>đậm</b> & <font>", "=1+1", "a\u0323\u0302 Hoa\u0300"])
def test_what_people_write_is_text_and_no_markup(text):
    made = paper(remarks={"XÃỨNGHÒA": text}, sections=(text, "", "", "", ""))
    read = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=paper_pdf(made), capture_output=True, check=True
    )
    assert unicodedata.normalize("NFC", text) in read.stdout.decode()


def test_the_same_report_is_the_same_file():
    assert paper_pdf(paper()) == paper_pdf(paper())


def test_every_font_is_embedded(tmp_path):
    """R65: nothing is fetched and nothing replaced, on whatever machine it is opened."""
    file = tmp_path / "report.pdf"
    file.write_bytes(paper_pdf(paper()))
    with pikepdf.open(file) as document:
        fonts = {
            str(font.BaseFont): font.FontDescriptor
            for page in document.pages
            for font in page.Resources.Font.values()
        }
        assert {name.split("+")[1].split("-")[0] for name in fonts} == {"LiberationSerif"}
        assert all("/FontFile2" in descriptor for descriptor in fonts.values())
        assert str(document.Root.Lang) == "vi-VN"


def test_a_body_below_another_names_it_and_leaves_room_for_what_is_written_by_hand():
    made = replace(paper(number="", signed_on=None), parent="SỞ NỘI VỤ", issuer="Phòng Tổ chức")
    first = pages_of(paper_pdf(made))[0]
    parent, issuer = first.line("SỞ NỘI VỤ"), first.line("PHÒNG TỔ CHỨC")
    assert (parent.font, issuer.font) == ("LiberationSerif", "LiberationSerif-Bold")
    assert parent.bottom <= issuer.top + 1
    number, symbol = first.line("Số:"), first.line("/BC-UBND")
    assert symbol.baseline == number.baseline
    assert symbol.left - number.right > 8
    assert first.line("Hà Nội, ngày").baseline == first.line("năm").baseline


@pytest.mark.parametrize(
    ("number", "shown"),
    [("5", "Số: 05/BC"), ("05", "Số: 05/BC"), ("123", "Số: 123/BC"), ("12a", "Số: 12a/BC")],
)
def test_a_number_below_ten_has_a_zero(number, shown):
    assert number_line(number, "BC") == shown


def test_the_table_has_every_column_of_the_layout():
    """domain.md 3.1, in its order."""
    assert [column.key for column in COLUMNS] == [
        *("number", "label"),
        *("total", "cadres", "civil_servants", "public_employees", "workers"),
        "persons",
        *("covered", "token", "sim_pki", "central", "other_carrier"),
        *("pending", "lacking", "rate", "expiring", "must_revoke"),
        *("signed_persons", "signed_times", "use_rate", "remark"),
    ]
    assert len(ROWS) == 6
    assert day_words(None).startswith("ngày")
