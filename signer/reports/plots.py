"""Drawings as plain SVG: their frame and their shapes, and figures over days.

No script and no style attribute, so a strict content security policy holds; readable in greyscale,
and told in words by title and desc. Colours are presentation attributes which the page's own style
sheet overrides by class.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from xml.etree import ElementTree as ET

from signer.reports.wording import number_text

_STEPS = (1, 2, 5)
_TOP = 16
Points = Sequence[tuple[date, int | Decimal]]


def drawn(
    parent: ET.Element, shape: str, text: str | None = None, /, **attributes: object
) -> ET.Element:
    """A new element of the drawing; `text_anchor` is text-anchor, and `class_` is class."""
    named = {name.strip("_").replace("_", "-"): str(value) for name, value in attributes.items()}
    element = ET.SubElement(parent, shape, named)
    element.text = text
    return element


def drawing(ident: str, title: str, told: str, *, width: int, height: int) -> ET.Element:
    """An empty drawing with its words for a screen reader; `ident` keeps ids of one page apart."""
    svg = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "class": "chart",
            "role": "img",
            "viewBox": f"0 0 {width} {height}",
            "aria-labelledby": f"{ident}-title {ident}-desc",
            "font-family": "inherit",
            "font-size": "13",
            "fill": "currentColor",
        },
    )
    drawn(svg, "title", title, id=f"{ident}-title")
    drawn(svg, "desc", told, id=f"{ident}-desc")
    return svg


def markup(svg: ET.Element) -> str:
    """The SVG element; its texts are escaped, so it may stand in a page as it is."""
    return ET.tostring(svg, encoding="unicode")


@dataclass(kw_only=True)
class DayPlot:
    """A plane whose width is days and whose height is persons; what is drawn later lies above."""

    first: date
    last: date
    most: int
    """The largest value to be drawn; the axis ends at a round number above it."""
    narrow: bool = False
    """For a telephone."""
    locale: str = "vi"
    svg: ET.Element = field(default_factory=lambda: ET.Element("svg"), repr=False)

    def __post_init__(self) -> None:
        self.width, self.height = (340, 260) if self.narrow else (860, 320)
        self._left, self._right = (52, self.width - 14) if self.narrow else (64, self.width - 20)
        self._floor = self.height - 30
        power = 1  # a round step of which at most five fill the axis
        while _STEPS[-1] * power * 5 < self.most:
            power *= 10
        self._step = next(step * power for step in _STEPS if step * power * 5 >= self.most)
        self._top_value = max(-(-self.most // self._step), 1) * self._step

    def x(self, day: date) -> float:
        """Where a day stands."""
        share = (day - self.first).days / max((self.last - self.first).days, 1)
        return round(self._left + share * (self._right - self._left), 1)

    def y(self, value: int | Decimal) -> float:
        """Where a value stands."""
        return round(self._floor - float(value) / self._top_value * (self._floor - _TOP), 1)

    def begin(self, ident: str, title: str, told: str) -> None:
        """The empty plane with its grid and dates; `ident` keeps ids of one page apart."""
        self.svg = drawing(ident, title, told, width=self.width, height=self.height)
        for value in range(0, self._top_value + 1, self._step):
            y = self.y(value)
            self._rule(self._left, self._right, y, y, class_="chart-grid", stroke_opacity=0.35)
            said = number_text(value, self.locale)
            drawn(self.svg, "text", said, x=self._left - 8, y=y + 4, text_anchor="end")
        days = (self.last - self.first).days
        count = min(2 if self.narrow else 6, max(days, 1))  # as many as the width can tell apart
        for number in range(count + 1):
            day = self.first + timedelta(days=days * number // count)
            anchor = {0: "start", count: "end"}.get(number, "middle")
            place = {"x": self.x(day), "y": self.height - 8, "text_anchor": anchor}
            drawn(self.svg, "text", f"{day:%d/%m}", **place)

    def mark(self, day: date) -> None:
        """A thin upright line on a day."""
        x = self.x(day)
        self._rule(x, x, _TOP, self._floor, class_="chart-today", stroke_dasharray="2 4")

    def area(self, points: Points, colour: str) -> None:
        """The surface below a line."""
        closed = self._places([(points[0][0], 0), *points, (points[-1][0], 0)])
        look = {"class_": "chart-area", "fill": colour, "fill_opacity": 0.14}
        drawn(self.svg, "polygon", points=closed, **look)

    def line(self, points: Points, look: str, colour: str, width: int, dashes: str = "") -> None:
        """A line through the points, of a class of its own."""
        stroke: dict[str, object] = {"stroke": colour, "stroke_width": width}
        stroke |= {"stroke_linejoin": "round", "stroke_linecap": "round"}
        stroke |= {"stroke_dasharray": dashes} if dashes else {}
        places = self._places(points)
        drawn(self.svg, "polyline", class_=look, points=places, fill="none", **stroke)

    def point(self, day: date, value: int | Decimal, said: str, colour: str) -> None:
        """A dot with its word beside it, on the side where there is room."""
        x, y = self.x(day), self.y(value)
        drawn(self.svg, "circle", cx=x, cy=y, r=5, class_="chart-now", fill=colour)
        beside, anchor = (x - 10, "end") if x > self.width * 0.75 else (x + 10, "start")
        place = {"x": beside, "y": max(y - 10, _TOP + 10), "text_anchor": anchor}
        drawn(self.svg, "text", said, font_weight=700, **place)

    def drawn(self) -> str:
        """See `markup`."""
        return markup(self.svg)

    def _places(self, points: Points) -> str:
        return " ".join(f"{self.x(day)},{self.y(value)}" for day, value in points)

    def _rule(self, x1: float, x2: float, y1: float, y2: float, **look: object) -> None:
        drawn(self.svg, "line", x1=x1, x2=x2, y1=y1, y2=y2, stroke="#8a929c", **look)
