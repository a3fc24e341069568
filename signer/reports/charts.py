"""The charts of coverage: a bar for each unit, and all days in a line."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from signer.errors import N_
from signer.reports.coverage import Coverage, DayFigures, Figures, UnitCoverage
from signer.reports.plots import DayPlot, drawing, drawn, markup
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
_BLUE, _ORANGE, _GREY = "#1d6fb8", "#b8690f", "#6b7480"
_COVERED = {"class_": "chart-covered", "fill": _BLUE}
_LACKING = {"class_": "chart-lacking", "fill": "none", "stroke": "currentColor"}


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
    day = date_text(coverage.as_of)
    svg = drawing(
        ident,
        say(N_("Tỷ lệ được cấp chứng thư chữ ký số đến ngày %(day)s"), day=day),
        _description(coverage, rows, say=say, locale=locale),
        width=layout.width,
        height=layout.top + layout.row * max(len(rows), 1) + 8,
    )
    hatch = {"patternUnits": "userSpaceOnUse", "patternTransform": "rotate(45)"}
    pattern = drawn(drawn(svg, "defs"), "pattern", id=f"{ident}-hatch", width=6, height=6, **hatch)
    drawn(pattern, "rect", class_="chart-pending", width=3, height=6, fill=_ORANGE)
    looks = (_COVERED, {"fill": f"url(#{ident}-hatch)", "stroke": _ORANGE}, _LACKING)
    names = (N_("Đã được cấp"), N_("Đang chờ cấp"), N_("Chưa được cấp"))
    for index, (look, name) in enumerate(zip(looks, names, strict=True)):
        x, y = index * layout.legend_step + 1, 6 + 24 * (index % layout.legend_rows)
        drawn(svg, "rect", x=x, y=y, width=16, height=14, **look)
        drawn(svg, "text", say(name), x=x + 24, y=y + 12)
    for index, row in enumerate(rows):
        _bar(svg, row, layout.top + index * layout.row, layout, looks, locale)
    if not rows:
        drawn(svg, "text", say(N_("Không có đơn vị nào có số liệu.")), x=0, y=layout.top + 16)
    return markup(svg)


def _description(coverage: Coverage, rows: Sequence[UnitCoverage], *, say: Say, locale: str) -> str:
    told = say(
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
    if not rows:
        return told
    first = say(
        N_(
            "Biểu đồ có %(count)s đơn vị, đơn vị còn thiếu nhiều nhất đứng đầu: %(name)s, "
            "còn %(gap)s người. Bảng số liệu đầy đủ ở ngay dưới biểu đồ."
        ),
        count=number_text(len(rows), locale),
        name=rows[0].name,
        gap=number_text(rows[0].gap, locale),
    )
    return f"{told} {first}"


def _bar(
    svg: ET.Element,
    row: UnitCoverage,
    top: int,
    layout: _Layout,
    looks: Sequence[dict[str, str]],
    locale: str,
) -> None:
    numbers = f"{number_text(row.covered, locale)}/{number_text(row.persons, locale)}"
    rate = f"{rate_text(row.rate, locale)} ({numbers})"
    letters = layout.label_letters
    name = row.name if len(row.name) <= letters else row.name[: letters - 1].rstrip() + "…"
    group = drawn(svg, "g")
    drawn(group, "title", f"{row.name}: {rate}")
    if layout.left:
        drawn(group, "text", name, x=layout.left - 10, y=top + 13, text_anchor="end")
    else:
        drawn(group, "text", name, x=0, y=top + 12)
        top += 18
    x = layout.left
    for look, width in zip(looks, _widths(row, layout.bars), strict=True):
        if width:
            drawn(group, "rect", x=x, y=top, width=width, height=_BAR, **look)
        x += width
    drawn(group, "text", rate, x=x + 10, y=top + 13)


def _widths(figures: Figures, bars: int) -> list[int]:
    """Whole pixels that fill the bar; a group that is not empty keeps at least two."""
    groups = (figures.covered, figures.pending, figures.lacking)
    widths = [max(2, bars * group // figures.persons) if group else 0 for group in groups]
    widths[widths.index(max(widths))] += bars - sum(widths)
    return widths


def trend_chart(
    days: Sequence[DayFigures],
    *,
    say: Say = in_vietnamese,
    locale: str = "vi",
    narrow: bool = False,
) -> str:
    """An SVG element: how many are counted and how many of them are covered, day by day."""
    first, last = days[0], days[-1]
    most = max(one.figures.persons for one in days)
    plot = DayPlot(first=first.day, last=last.day, most=most, narrow=narrow, locale=locale)
    now = number_text(last.figures.covered, locale)
    persons = number_text(last.figures.persons, locale)
    plot.begin(
        "trend-narrow" if narrow else "trend",
        say(N_("Số người đã được cấp, từng ngày")),
        say(
            N_("Từ %(then)s người ngày %(start)s lên %(now)s trên %(persons)s người ngày %(day)s."),
            then=number_text(first.figures.covered, locale),
            start=date_text(first.day),
            now=now,
            persons=persons,
            day=date_text(last.day),
        ),
    )
    covered = [(one.day, one.figures.covered) for one in days]
    plot.area(covered, _BLUE)
    plot.line([(one.day, one.figures.persons) for one in days], "chart-ideal", _GREY, 2, "7 5")
    plot.line(covered, "chart-actual", _BLUE, 3)
    said = say(N_("%(covered)s / %(persons)s"), covered=now, persons=persons)
    plot.point(last.day, last.figures.covered, said, _BLUE)
    return plot.drawn()
