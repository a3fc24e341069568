"""The chart and the workbook: what a reader, a screen reader and a spreadsheet get."""

import re
from datetime import date
from io import BytesIO
from xml.etree import ElementTree as ET

import openpyxl
import pytest

from signer.reports.charts import CHART_ROWS, coverage_chart
from signer.reports.coverage import Coverage, Figures, UnitCoverage
from signer.reports.tables import coverage_xlsx

SVG = "{http://www.w3.org/2000/svg}"


def a_coverage(*units: UnitCoverage, direct: Figures = Figures()) -> Coverage:  # noqa: B008
    total = sum(units, direct)
    return Coverage(
        as_of=date(2025, 7, 1),
        code="HN",
        name="Ủy ban nhân dân thành phố Hà Nội",
        units=units,
        direct=direct,
        persons=total.persons,
        covered=total.covered,
        pending=total.pending,
    )


def a_unit(name: str, persons: int, covered: int, pending: int = 0) -> UnitCoverage:
    return UnitCoverage(
        code=name[:3].upper(), name=name, persons=persons, covered=covered, pending=pending
    )


WARDS = a_coverage(a_unit("Phường Ba Đình", 2500, 2499), a_unit("Xã Sóc Sơn", 40, 10, pending=12))


def test_chart_says_in_words_what_it_shows():
    svg = ET.fromstring(coverage_chart(WARDS))
    assert svg.get("role") == "img"
    named = {e.get("id"): e.text for e in svg if e.get("id")}
    assert svg.get("aria-labelledby").split() == list(named)
    title, description = named.values()
    assert title.endswith("đến ngày 01/07/2025")
    assert "Tổng cộng 2.540 người: 2.509 người đã được cấp (98,8%)" in description
    assert "12 người đang chờ, 19 người chưa được cấp" in description
    titles = [e.text for e in svg.iter(f"{SVG}title")]
    assert "Phường Ba Đình: 99,9% (2.499/2.500)" in titles


def test_chart_obeys_a_policy_without_inline_style_and_script():
    text = coverage_chart(WARDS)
    assert not re.search(r"\sstyle=|<style|<script|\son\w+=|href=", text)


def test_bars_fill_the_same_width_and_nobody_vanishes():
    svg = ET.fromstring(coverage_chart(a_coverage(a_unit("Sở Y tế", 100_000, 99_998, 1))))
    widths = [int(r.get("width")) for r in svg.findall(f"{SVG}g/{SVG}rect")]
    assert sum(widths) == 330
    assert len(widths) == 3
    assert min(widths) == 2


def test_names_are_text_and_never_markup():
    svg = coverage_chart(a_coverage(a_unit('Phòng <script>"A&B"</script>', 3, 1)))
    assert "<script" not in svg
    assert any("<script>" in (e.text or "") for e in ET.fromstring(svg).iter(f"{SVG}text"))


def test_chart_has_a_page_full_of_bars_and_skips_empty_units():
    many = [a_unit(f"Xã số {n}", 10, 1) for n in range(60)] + [a_unit("Xã trống", 0, 0)]
    svg = ET.fromstring(coverage_chart(a_coverage(*many)))
    assert len(svg.findall(f"{SVG}g")) == CHART_ROWS
    assert "Xã trống" not in ET.tostring(svg, encoding="unicode")


def test_a_narrow_chart_says_the_same_on_a_telephones_width():
    wide, narrow = (ET.fromstring(coverage_chart(WARDS, narrow=n)) for n in (False, True))
    assert float(narrow.get("viewBox").split()[2]) <= 330
    texts = [[e.text for e in svg.iter() if e.tag.endswith("title")] for svg in (wide, narrow)]
    assert texts[0] == texts[1]
    right = [
        float(e.get("x")) + float(e.get("width"))
        for e in narrow.iter()
        if e.tag.endswith("rect") and e.get("x") and not e.get("class", "").endswith("pending")
    ]
    assert max(right) <= 200


def test_a_chart_without_data_says_so():
    assert "Không có đơn vị nào có số liệu." in coverage_chart(a_coverage())


def test_numbers_follow_the_language():
    assert "98.8%" in coverage_chart(WARDS, locale="en")
    assert "2,499/2,500" in coverage_chart(WARDS, locale="en")


def rows_of(workbook: bytes) -> list[tuple[object, ...]]:
    sheet = openpyxl.load_workbook(BytesIO(workbook)).worksheets[0]
    return list(sheet.iter_rows(values_only=True))


def test_workbook_has_title_day_rows_and_the_total():
    rows = rows_of(coverage_xlsx(WARDS))
    assert rows[1][0] == "Số liệu đến ngày 01/07/2025"
    assert rows[3][:4] == ("STT", "Mã đơn vị", "Cơ quan, đơn vị", "Tổng số người")
    assert rows[5] == ("1", "PHƯ", "Phường Ba Đình", 2500, 2499, 0, 1, 99.9)
    assert rows[-1] == ("", "", "Tổng cộng", 2540, 2509, 12, 19, 98.8)


def test_workbook_shows_those_who_sit_in_the_unit_itself_so_that_the_rows_add_up():
    rows = rows_of(coverage_xlsx(a_coverage(a_unit("Sở Y tế", 4, 1), direct=Figures(persons=6))))
    assert rows[6][2] == "Trực tiếp tại Ủy ban nhân dân thành phố Hà Nội"
    assert [sum(r[c] for r in rows[5:7]) for c in (3, 4, 5, 6)] == list(rows[7][3:7])


@pytest.mark.parametrize("name", ["=1+1", "=HYPERLINK(1)", "+84", "@cmd", "http://a.vn", "007"])
def test_a_name_is_never_a_formula_or_a_link(name):
    sheet = openpyxl.load_workbook(
        BytesIO(coverage_xlsx(a_coverage(a_unit(name, 1, 1))))
    ).worksheets[0]
    cell = sheet.cell(6, 3)
    assert (cell.value, cell.data_type, cell.hyperlink) == (name, "s", None)


def test_an_empty_unit_has_a_dash_and_not_zero_percent():
    assert rows_of(coverage_xlsx(a_coverage(a_unit("Sở Du lịch", 0, 0))))[5][7] == "–"
