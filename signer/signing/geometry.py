"""Where things are on a page, as a person sees it.

Every box outside this file is in *displayed* points (1/72 inch): the origin is the lower left
corner of the page as a viewer shows it, after /Rotate and inside the /CropBox, y upwards.
Pages count from 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle in displayed points, x0 < x1 and y0 < y1."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        """In points."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """In points."""
        return self.y1 - self.y0

    def overlaps(self, other: "Box", margin: float = 0.0) -> bool:
        """The two share some area when `other` is grown by `margin` on every side."""
        return (
            self.x0 < other.x1 + margin
            and other.x0 - margin < self.x1
            and self.y0 < other.y1 + margin
            and other.y0 - margin < self.y1
        )

    def to_json(self) -> list[float]:
        """[x0, y0, x1, y1], to a hundredth of a point."""
        return [round(value, 2) for value in (self.x0, self.y0, self.x1, self.y1)]


def points_of(millimetres: float) -> float:
    """A length on paper in points."""
    return millimetres * 72 / 25.4


def fitted(box: Box, width: float, height: float) -> Box:
    """The largest box of these proportions inside `box`, in its middle."""
    scale = min(box.width / width, box.height / height)
    left = (box.x0 + box.x1 - width * scale) / 2
    low = (box.y0 + box.y1 - height * scale) / 2
    return Box(x0=left, y0=low, x1=left + width * scale, y1=low + height * scale)


@dataclass(frozen=True, kw_only=True)
class Slot:
    """An empty signature field to be made; `lock` closes every other field once it is signed."""

    name: str
    page: int
    box: Box
    tooltip: str = ""
    lock: bool = False


@dataclass(frozen=True, kw_only=True)
class PageSize:
    """One page as displayed; `rotation` is already applied to width and height."""

    width: float
    height: float
    rotation: int = 0


@dataclass(frozen=True, kw_only=True)
class PageGeometry:
    """The visible rectangle of a page in its own (user space) coordinates, and its rotation."""

    left: float
    bottom: float
    right: float
    top: float
    rotation: int
    """0, 90, 180 or 270 degrees clockwise (ISO 32000-1, 7.7.3.3 Table 30)."""

    @property
    def size(self) -> PageSize:
        """The page as displayed."""
        width, height = self.right - self.left, self.top - self.bottom
        if self.rotation in (90, 270):
            width, height = height, width
        return PageSize(width=width, height=height, rotation=self.rotation)

    def to_user(self, box: Box) -> Box:
        """The box in user space, for /Rect."""
        corners = [self._point_to_user(box.x0, box.y0), self._point_to_user(box.x1, box.y1)]
        return _spanning(corners)

    def to_display(self, box: Box) -> Box:
        """A box of user space as displayed."""
        corners = [self._point_to_display(box.x0, box.y0), self._point_to_display(box.x1, box.y1)]
        return _spanning(corners)

    def _point_to_user(self, x: float, y: float) -> tuple[float, float]:
        match self.rotation:
            case 90:
                return self.right - y, self.bottom + x
            case 180:
                return self.right - x, self.top - y
            case 270:
                return self.left + y, self.top - x
            case _:
                return self.left + x, self.bottom + y

    def _point_to_display(self, x: float, y: float) -> tuple[float, float]:
        match self.rotation:
            case 90:
                return y - self.bottom, self.right - x
            case 180:
                return self.right - x, self.top - y
            case 270:
                return self.top - y, x - self.left
            case _:
                return x - self.left, y - self.bottom

    def appearance_matrix(self) -> tuple[int, int, int, int]:
        """a b c d of the form's /Matrix that turns upright text so that it reads upright."""
        return {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[
            self.rotation
        ]


def geometry_of(
    media_box: Sequence[Any], crop_box: Sequence[Any] | None, rotate: Any
) -> PageGeometry:
    """The geometry that /MediaBox, /CropBox and /Rotate (inherited or own) describe.

    A CropBox is cut to the MediaBox; one that leaves nothing is ignored, and so is a rotation
    that is no multiple of 90, as viewers do. `ValueError` for an impossible MediaBox.
    """
    left, bottom, right, top = _rectangle(media_box)
    if crop_box is not None:
        try:
            c_left, c_bottom, c_right, c_top = _rectangle(crop_box)
        except ValueError:
            c_left, c_bottom, c_right, c_top = left, bottom, right, top
        cut = max(left, c_left), max(bottom, c_bottom), min(right, c_right), min(top, c_top)
        if cut[2] - cut[0] >= 1 and cut[3] - cut[1] >= 1:
            left, bottom, right, top = cut
    degrees = float(rotate or 0)
    turned = int(degrees) % 360 if degrees % 90 == 0 else 0
    return PageGeometry(left=left, bottom=bottom, right=right, top=top, rotation=turned)


def _rectangle(values: Sequence[Any]) -> tuple[float, float, float, float]:
    numbers = [float(value) for value in values]
    if len(numbers) != 4 or not all(abs(number) < 1e7 for number in numbers):
        raise ValueError("not a rectangle")
    xs, ys = sorted(numbers[0::2]), sorted(numbers[1::2])
    if xs[1] - xs[0] < 1 or ys[1] - ys[0] < 1:
        raise ValueError("an empty rectangle")
    return xs[0], ys[0], xs[1], ys[1]


def _spanning(points: Sequence[tuple[float, float]]) -> Box:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return Box(x0=min(xs), y0=min(ys), x1=max(xs), y1=max(ys))
