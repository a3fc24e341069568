"""Figures over days as plain SVG: axes, lines, areas and one point with its word.

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
Points = Sequence[tuple[date, int | Decimal]]


@dataclass(frozen=True, kw_only=True)
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

    @property
    def width(self) -> int:
        """In units of the drawing."""
        return 340 if self.narrow else 860

    @property
    def height(self) -> int:
        """In units of the drawing."""
        return 260 if self.narrow else 320

    def x(self, day: date) -> float:
        """Where a day stands."""
        share = (day - self.first).days / max((self.last - self.first).days, 1)
        return round(self._left + share * (self._right - self._left), 1)

    def y(self, value: int | Decimal) -> float:
        """Where a value stands."""
        return round(self._floor - float(value) / self._top_value * (self._floor - _TOP), 1)

    def begin(self, ident: str, title: str, told: str) -> None:
        """The empty plane with its grid and dates; `ident` keeps ids of one page apart."""
        self.svg.attrib |= {
            "xmlns": "http://www.w3.org/2000/svg",
            "class": "chart",
            "role": "img",
            "viewBox": f"0 0 {self.width} {self.height}",
            "aria-labelledby": f"{ident}-title {ident}-desc",
            "font-family": "inherit",
            "font-size": "13",
            "fill": "currentColor",
        }
        _text(self.svg, "title", title, {"id": f"{ident}-title"})
        _text(self.svg, "desc", told, {"id": f"{ident}-desc"})
        for value in range(0, self._top_value + 1, self._step):
            at = {"x": str(self._left - 8), "y": str(self.y(value) + 4), "text-anchor": "end"}
            self._rule(self._left, self._right, self.y(value), self.y(value), "chart-grid")
            _text(self.svg, "text", number_text(value, self.locale), at)
        days = (self.last - self.first).days
        count = min(2 if self.narrow else 6, max(days, 1))  # as many as the width can tell apart
        for number in range(count + 1):
            day = self.first + timedelta(days=days * number // count)
            anchor = {0: "start", count: "end"}.get(number, "middle")
            at = {"x": str(self.x(day)), "y": str(self.height - 8), "text-anchor": anchor}
            _text(self.svg, "text", f"{day:%d/%m}", at)

    def mark(self, day: date) -> None:
        """A thin upright line on a day."""
        self._rule(self.x(day), self.x(day), _TOP, self._floor, "chart-today", dashes="2 4")

    def area(self, points: Points, colour: str) -> None:
        """The surface below a line."""
        closed = [(points[0][0], 0), *points, (points[-1][0], 0)]
        shape = {"class": "chart-area", "points": self._places(closed), "fill": colour}
        ET.SubElement(self.svg, "polygon", shape | {"fill-opacity": "0.14"})

    def line(self, points: Points, look: str, colour: str, width: int, dashes: str = "") -> None:
        """A line through the points, of a class of its own."""
        shape = {"class": look, "points": self._places(points), "fill": "none", "stroke": colour}
        shape |= {"stroke-width": str(width), "stroke-linejoin": "round"}
        shape |= {"stroke-linecap": "round"} | ({"stroke-dasharray": dashes} if dashes else {})
        ET.SubElement(self.svg, "polyline", shape)

    def point(self, day: date, value: int | Decimal, said: str, colour: str) -> None:
        """A dot with its word beside it, on the side where there is room."""
        x, y = self.x(day), self.y(value)
        dot = {"cx": str(x), "cy": str(y), "r": "5", "class": "chart-now", "fill": colour}
        ET.SubElement(self.svg, "circle", dot)
        is_late = x > self.width * 0.75
        place = {"x": str(x - 10 if is_late else x + 10), "y": str(max(y - 10, _TOP + 10))}
        place |= {"text-anchor": "end" if is_late else "start", "font-weight": "700"}
        _text(self.svg, "text", said, place)

    def drawn(self) -> str:
        """The SVG element; its texts are escaped, so it may stand in a page as it is."""
        return ET.tostring(self.svg, encoding="unicode")

    @property
    def _left(self) -> int:
        return 52 if self.narrow else 64

    @property
    def _right(self) -> int:
        return self.width - (14 if self.narrow else 20)

    @property
    def _floor(self) -> int:
        return self.height - 30

    @property
    def _step(self) -> int:
        """A round number of which at most five fill the axis."""
        power = 1
        while True:
            for step in _STEPS:
                if step * power * 5 >= self.most:
                    return step * power
            power *= 10

    @property
    def _top_value(self) -> int:
        return max(-(-self.most // self._step), 1) * self._step

    def _places(self, points: Points) -> str:
        return " ".join(f"{self.x(day)},{self.y(value)}" for day, value in points)

    def _rule(
        self, x1: float, x2: float, y1: float, y2: float, look: str, dashes: str = ""
    ) -> None:
        shape = {"class": look, "x1": str(x1), "x2": str(x2), "y1": str(y1), "y2": str(y2)}
        shape |= {"stroke": "#8a929c"}
        shape |= {"stroke-dasharray": dashes} if dashes else {"stroke-opacity": "0.35"}
        ET.SubElement(self.svg, "line", shape)


_TOP = 16


def _text(parent: ET.Element, tag: str, text: str, attributes: dict[str, str]) -> None:
    ET.SubElement(parent, tag, attributes).text = text
