"""Where the marks of the agency go: the seal over the personal image, texts in the top corner.

Pure geometry (Decree 30/2020, Appendix I, II.8 and II.14; R39, R41, R42).
"""

from collections.abc import Iterable

from signer.errors import N_, Invalid
from signer.signing.geometry import Box, PageSize, points_of
from signer.signing.placement import CLEARANCE, MARGIN, STEP

LEAST_COVERED, WANTED_COVERED, MOST_COVERED = 0.30, 1 / 3, 0.37
"""Shares of the personal image under the seal: "about a third" of II.8a, and how far about is."""

RIGHT_MARGIN = points_of(15)
"""The narrowest right margin Decree 30/2020 allows (Appendix I, I.2)."""

_SLICES = 200
_PRECISION = 0.01


def seal_box(image: Box, size_mm: tuple[float, float], page: PageSize) -> Box:
    """Where a seal of this real size covers a third of the personal image, on its left.

    `image` is the image itself, as `fitted` puts it into its field. `Invalid` when the page is
    too narrow for it there, or the seal too small to cover so much.
    """
    width, height = points_of(size_mm[0]), points_of(size_mm[1])
    low = min(max((image.y0 + image.y1 - height) / 2, 0.0), max(0.0, page.height - height))

    def at(right: float) -> Box:
        return Box(x0=right - width, y0=low, x1=right, y1=low + height)

    outside, inside = image.x0, image.x0 + min(width, image.width)
    while inside - outside > _PRECISION:
        middle = (outside + inside) / 2
        if covered(at(middle), image) < WANTED_COVERED:
            outside = middle
        else:
            inside = middle
    # A page that begins right there moves the seal to the right by what the share allows.
    box = at(max(inside, width))
    if box.x1 > page.width or not LEAST_COVERED <= covered(box, image) <= MOST_COVERED:
        raise Invalid(
            N_("Không đặt được dấu trùm lên khoảng 1/3 chữ ký về bên trái: hãy dời khung chữ ký."),
            field="box",
        )
    return box


def covered(seal: Box, image: Box) -> float:
    """The share of the image that lies under a round (elliptic) seal in this box."""
    middle_x, middle_y = (seal.x0 + seal.x1) / 2, (seal.y0 + seal.y1) / 2
    total = 0.0
    for index in range(_SLICES):
        y = image.y0 + (index + 0.5) / _SLICES * image.height
        beyond = 1 - ((y - middle_y) / (seal.height / 2)) ** 2
        if beyond > 0:
            half = seal.width / 2 * beyond**0.5
            total += max(0.0, min(image.x1, middle_x + half) - max(image.x0, middle_x - half))
    return total / _SLICES / image.width


def corner(page: PageSize, size: tuple[float, float], obstacles: Iterable[Box]) -> Box | None:
    """The place for a text of this size in the top right corner, clear of all obstacles.

    None when the upper half of the page has no room for it on the right.
    """
    return _free(page, size, obstacles, left=page.width / 3, low=page.height / 2)


def anywhere(page: PageSize, size: tuple[float, float], obstacles: Iterable[Box]) -> Box | None:
    """As `corner`, as far up and then as far right as there is room on the whole page."""
    return _free(page, size, obstacles, left=MARGIN, low=MARGIN)


def top_right(page: PageSize, size: tuple[float, float]) -> Box:
    """The corner itself, whatever stands there."""
    right, top = page.width - RIGHT_MARGIN, page.height - MARGIN / 2
    return Box(x0=right - size[0], y0=top - size[1], x1=right, y1=top)


def _free(
    page: PageSize, size: tuple[float, float], obstacles: Iterable[Box], *, left: float, low: float
) -> Box | None:
    width, height = size
    from_the_right = sorted(obstacles, key=lambda one: -one.x1)
    top = page.height - MARGIN / 2
    while top - height >= low:
        x1 = page.width - RIGHT_MARGIN
        for other in from_the_right:
            if other.x1 + CLEARANCE <= x1 - width:
                break  # and so do all that are farther to the left
            if other.y0 - CLEARANCE < top and other.y1 + CLEARANCE > top - height:
                x1 = min(x1, other.x0 - CLEARANCE)
        if x1 - width >= left:
            return Box(x0=x1 - width, y0=top - height, x1=x1, y1=top)
        top -= STEP
    return None
