"""Charts as plain SVG: no script, no style attribute, readable in greyscale and by a screen reader.

Colours are presentation attributes, so that a strict content security policy holds and the page's
own stylesheet may still override them by class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from signer.errors import N_
from signer.reports.coverage import Coverage, DayFigures, Figures, UnitCoverage
from signer.reports.plots import DayPlot
from signer.reports.wording import Say, date_text, in_vietnamese, number_text, rate_text

CHART_ROWS = 20
"""As many bars as fit a page; the table below the chart has every unit."""

_BAR = 16


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """Where things go, in units of the drawing; on a narrow one the name stands above its bar."""

    width: int
    row: int
    left: int
    bars: int
    label_letters: int
    legend_step: int
    legend_rows: int

    @property
    def top(self) -> int:
        """Below the legend."""
        return 16 + 24 * self.legend_rows


_WIDE = _Layout(
    width=760, row=30, left=270, bars=330, label_letters=36, legend_step=170, legend_rows=1
)
_NARROW = _Layout(
    width=330, row=48, left=0, bars=200, label_letters=44, legend_step=0, legend_rows=3
)

# Dark, hatched and empty stay apart when printed in grey; 4.5:1 or better on white and on black
# for the text, which takes the page's own colour.
_COVERED = {"class": "chart-covered", "fill": "#1d6fb8"}
_LACKING = {"class": "chart-lacking", "fill": "none", "stroke": "currentColor"}


def coverage_chart(
    coverage: Coverage,
    *,
    say: Say = in_vietnamese,
    locale: str = "vi",
    ident: str = "coverage",
    narrow: bool = False,
) -> str:
    """An SVG element with one bar per unit, in the order of the rows, the first 20 of them.

    `ident` keeps the ids apart when a page has several charts; `narrow` is for a telephone. The
    text is escaped; the result may stand in a page as it is.
    """
    rows: Sequence[UnitCoverage] = [u for u in coverage.units if u.persons][:CHART_ROWS]
    layout = _NARROW if narrow else _WIDE
    height = layout.top + layout.row * max(len(rows), 1) + 8
    svg = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "class": "chart",
            "role": "img",
            "viewBox": f"0 0 {layout.width} {height}",
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
    _legend(svg, ident, say, layout)
    for index, row in enumerate(rows):
        top = layout.top + index * layout.row
        _bar(svg, row, top, layout, ident=ident, locale=locale)
    if not rows:
        _text_element(
            svg,
            "text",
            {"x": "0", "y": str(layout.top + 16)},
            say(N_("Không có đơn vị nào có số liệu.")),
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


def _legend(svg: ET.Element, ident: str, say: Say, layout: _Layout) -> None:
    entries = (
        (_COVERED, N_("Đã được cấp")),
        (_pending(ident), N_("Đang chờ cấp")),
        (_LACKING, N_("Chưa được cấp")),
    )
    for index, (look, sentence) in enumerate(entries):
        x = index * layout.legend_step + 1
        y = 6 + 24 * (index % layout.legend_rows)
        box = {"x": str(x), "y": str(y), "width": "16", "height": "14"}
        ET.SubElement(svg, "rect", box | look)
        _text_element(svg, "text", {"x": str(x + 24), "y": str(y + 12)}, say(sentence))


def _bar(
    svg: ET.Element, row: UnitCoverage, top: int, layout: _Layout, *, ident: str, locale: str
) -> None:
    numbers = f"{number_text(row.covered, locale)}/{number_text(row.persons, locale)}"
    group = ET.SubElement(svg, "g")
    _text_element(group, "title", {}, f"{row.name}: {rate_text(row.rate, locale)} ({numbers})")
    label = {"x": str(layout.left - 10), "y": str(top + 13), "text-anchor": "end"}
    if not layout.left:
        label = {"x": "0", "y": str(top + 12)}
        top += 18
    _text_element(group, "text", label, _shortened(row.name, layout.label_letters))
    x = layout.left
    looks = (_COVERED, _pending(ident), _LACKING)
    for look, width in zip(looks, _widths(row, layout.bars), strict=True):
        if width:
            shape = {"x": str(x), "y": str(top), "width": str(width), "height": str(_BAR)}
            ET.SubElement(group, "rect", shape | look)
        x += width
    _text_element(
        group,
        "text",
        {"x": str(layout.left + layout.bars + 10), "y": str(top + 13)},
        f"{rate_text(row.rate, locale)} ({numbers})",
    )


def _widths(figures: Figures, bars: int) -> tuple[int, int, int]:
    """Whole pixels that fill the bar; a group that is not empty keeps at least two."""
    groups = (figures.covered, figures.pending, figures.lacking)
    widths = [max(2, bars * group // figures.persons) if group else 0 for group in groups]
    widths[widths.index(max(widths))] += bars - sum(widths)
    return widths[0], widths[1], widths[2]


def _pending(ident: str) -> dict[str, str]:
    return {"fill": f"url(#{ident}-hatch)", "stroke": "#b8690f"}


def _shortened(name: str, letters: int) -> str:
    """The name where it fits, else its beginning; the full name is the bar's own title."""
    return name if len(name) <= letters else name[: letters - 1].rstrip() + "…"


def _text_element(parent: ET.Element, tag: str, attributes: dict[str, str], text: str) -> None:
    ET.SubElement(parent, tag, attributes).text = text


def trend_chart(
    days: Sequence[DayFigures],
    *,
    say: Say = in_vietnamese,
    locale: str = "vi",
    narrow: bool = False,
) -> str:
    """An SVG element: how many are counted and how many of them are covered, day by day."""
    first, last = days[0], days[-1]
    plot = DayPlot(
        first=first.day,
        last=last.day,
        most=max(one.figures.persons for one in days),
        narrow=narrow,
        locale=locale,
    )
    plot.begin(
        "trend-narrow" if narrow else "trend",
        say(N_("Số người đã được cấp, từng ngày")),
        say(
            N_("Từ %(then)s người ngày %(start)s lên %(now)s trên %(persons)s người ngày %(day)s."),
            then=number_text(first.figures.covered, locale),
            start=date_text(first.day),
            now=number_text(last.figures.covered, locale),
            persons=number_text(last.figures.persons, locale),
            day=date_text(last.day),
        ),
    )
    covered = [(one.day, one.figures.covered) for one in days]
    plot.area(covered, "#1d6fb8")
    plot.line([(one.day, one.figures.persons) for one in days], "chart-ideal", "#6b7480", 2, "7 5")
    plot.line(covered, "chart-actual", "#1d6fb8", 3)
    said = say(
        N_("%(covered)s / %(persons)s"),
        covered=number_text(last.figures.covered, locale),
        persons=number_text(last.figures.persons, locale),
    )
    plot.point(last.day, last.figures.covered, said, "#1d6fb8")
    return plot.drawn()
