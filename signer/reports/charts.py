"""Charts as plain SVG: no script, no style attribute, readable in greyscale and by a screen reader.

Colours are presentation attributes, so that a strict content security policy holds and the page's
own stylesheet may still override them by class.
"""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from signer.errors import N_
from signer.reports.coverage import Coverage, Figures, UnitCoverage
from signer.reports.wording import Say, date_text, in_vietnamese, number_text, rate_text

CHART_ROWS = 20
"""As many bars as fit a page; the table below the chart has every unit."""

_WIDTH = 760
_ROW = 30
_BAR = 16
_LEFT = 270
_BARS = 330
_TOP = 40
_LABEL_LETTERS = 36

# Dark, hatched and empty stay apart when printed in grey; 4.5:1 or better on white and on black
# for the text, which takes the page's own colour.
_COVERED = {"class": "chart-covered", "fill": "#1d6fb8"}
_LACKING = {"class": "chart-lacking", "fill": "none", "stroke": "currentColor"}


def coverage_chart(
    coverage: Coverage, *, say: Say = in_vietnamese, locale: str = "vi", ident: str = "coverage"
) -> str:
    """An SVG element with one bar per unit, in the order of the rows, the first 20 of them.

    `ident` keeps the ids apart when a page has several charts. The text is escaped; the result
    may stand in a page as it is.
    """
    rows: Sequence[UnitCoverage] = [u for u in coverage.units if u.persons][:CHART_ROWS]
    height = _TOP + _ROW * max(len(rows), 1) + 8
    svg = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "class": "chart",
            "role": "img",
            "viewBox": f"0 0 {_WIDTH} {height}",
            "aria-labelledby": f"{ident}-title {ident}-desc",
            "font-family": "inherit",
            "font-size": "13",
            "fill": "currentColor",
        },
    )
    _text_element(svg, "title", {"id": f"{ident}-title"}, _title(coverage, say))
    _text_element(
        svg, "desc", {"id": f"{ident}-desc"}, _description(coverage, rows, say=say, locale=locale)
    )
    _hatch(svg, ident)
    _legend(svg, ident, say)
    for index, row in enumerate(rows):
        _bar(svg, row, _TOP + index * _ROW, ident=ident, say=say, locale=locale)
    if not rows:
        _text_element(
            svg, "text", {"x": "0", "y": str(_TOP + 16)}, say(N_("Không có đơn vị nào có số liệu."))
        )
    return ET.tostring(svg, encoding="unicode")


def _title(coverage: Coverage, say: Say) -> str:
    return say(
        N_("Tỷ lệ được cấp chứng thư chữ ký số đến ngày %(day)s"), day=date_text(coverage.as_of)
    )


def _description(coverage: Coverage, rows: Sequence[UnitCoverage], *, say: Say, locale: str) -> str:
    parts = [
        say(
            N_(
                "Tổng cộng %(persons)s người: %(covered)s người đã được cấp (%(rate)s), "
                "%(pending)s người đang chờ, %(lacking)s người chưa được cấp."
            ),
            persons=number_text(coverage.persons, locale),
            covered=number_text(coverage.covered, locale),
            pending=number_text(coverage.pending, locale),
            lacking=number_text(coverage.lacking, locale),
            rate=rate_text(coverage.rate, locale),
        )
    ]
    if rows:
        parts.append(
            say(
                N_(
                    "Biểu đồ có %(count)s đơn vị, đơn vị còn thiếu nhiều nhất đứng đầu: %(name)s, "
                    "còn %(gap)s người. Bảng số liệu đầy đủ ở ngay dưới biểu đồ."
                ),
                count=number_text(len(rows), locale),
                name=rows[0].name,
                gap=number_text(rows[0].gap, locale),
            )
        )
    return " ".join(parts)


def _hatch(svg: ET.Element, ident: str) -> None:
    pattern = ET.SubElement(
        ET.SubElement(svg, "defs"),
        "pattern",
        {
            "id": f"{ident}-hatch",
            "width": "6",
            "height": "6",
            "patternUnits": "userSpaceOnUse",
            "patternTransform": "rotate(45)",
        },
    )
    ET.SubElement(
        pattern,
        "rect",
        {"class": "chart-pending", "width": "3", "height": "6", "fill": "#b8690f"},
    )


def _legend(svg: ET.Element, ident: str, say: Say) -> None:
    entries = (
        (_COVERED, N_("Đã được cấp")),
        (_pending(ident), N_("Đang chờ cấp")),
        (_LACKING, N_("Chưa được cấp")),
    )
    for index, (look, sentence) in enumerate(entries):
        x = index * 170 + 1
        ET.SubElement(svg, "rect", {"x": str(x), "y": "6", "width": "16", "height": "14", **look})
        _text_element(svg, "text", {"x": str(x + 24), "y": "18"}, say(sentence))


def _bar(
    svg: ET.Element, row: UnitCoverage, top: int, *, ident: str, say: Say, locale: str
) -> None:
    numbers = f"{number_text(row.covered, locale)}/{number_text(row.persons, locale)}"
    group = ET.SubElement(svg, "g")
    _text_element(group, "title", {}, f"{row.name}: {rate_text(row.rate, locale)} ({numbers})")
    _text_element(
        group,
        "text",
        {"x": str(_LEFT - 10), "y": str(top + 13), "text-anchor": "end"},
        _shortened(row.name),
    )
    x = _LEFT
    for look, width in zip((_COVERED, _pending(ident), _LACKING), _widths(row), strict=True):
        if width:
            shape = {"x": str(x), "y": str(top), "width": str(width), "height": str(_BAR)}
            ET.SubElement(group, "rect", shape | look)
        x += width
    _text_element(
        group,
        "text",
        {"x": str(_LEFT + _BARS + 10), "y": str(top + 13)},
        f"{rate_text(row.rate, locale)} ({numbers})",
    )


def _widths(figures: Figures) -> tuple[int, int, int]:
    """Whole pixels that fill the bar; a group that is not empty keeps at least two."""
    groups = (figures.covered, figures.pending, figures.lacking)
    widths = [max(2, _BARS * group // figures.persons) if group else 0 for group in groups]
    widths[widths.index(max(widths))] += _BARS - sum(widths)
    return widths[0], widths[1], widths[2]


def _pending(ident: str) -> dict[str, str]:
    return {"fill": f"url(#{ident}-hatch)", "stroke": "#b8690f"}


def _shortened(name: str) -> str:
    """The name where it fits, else its beginning; the full name is the bar's own title."""
    return name if len(name) <= _LABEL_LETTERS else name[: _LABEL_LETTERS - 1].rstrip() + "…"


def _text_element(parent: ET.Element, tag: str, attributes: dict[str, str], text: str) -> None:
    ET.SubElement(parent, tag, attributes).text = text
