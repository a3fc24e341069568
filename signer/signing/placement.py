"""Where a signature belongs: between the signer's title and name, and never over text.

Pure geometry over the words of the pages (Decree 30/2020, Appendix I: cell 7c stands between the
title, 7a, and the full name, 7b; R38: the signature never hides these two).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from signer.errors import N_
from signer.signing.geometry import Box, PageSize
from signer.signing.pages import Word
from signer.signing.segments import (
    AUTHORITY,
    HONOURS,
    beside_on_line,
    fold,
    segments_of,
    standing_alone,
    title_above,
)

WIDTH, HEIGHT = 170.0, 56.0
"""The size looked for first, in points: what tools in the field draw, with room for four lines."""

LEAST_WIDTH, LEAST_HEIGHT = 92.0, 26.0
"""A smaller box would hold name and time only in the smallest print."""

CLEARANCE = 2.0
"""Points left free between the box and any word."""

MARGIN = 28.0
"""Points at the edge of the page where nothing is proposed: printers cut there."""

STEP = 6.0
"""How far the search for a free place moves at a time, in points."""


class PlacementReason(StrEnum):
    """Why this place."""

    EXISTING_FIELD = "existing_field"
    NEAR_NAME = "near_name"
    NEAR_TITLE = "near_title"
    FREE_AREA = "free_area"
    BOTTOM_MARGIN = "bottom_margin"
    AFTER_TEXT = "after_text"
    OVER_SIGNATURE = "over_signature"
    BESIDE_SIGNATURE = "beside_signature"
    TOP_CORNER = "top_corner"
    TOP_OF_SCAN = "top_of_scan"
    FREE_ON_FIRST = "free_on_first"
    CROWDED = "crowded"


SENTENCES = {
    PlacementReason.EXISTING_FIELD: N_("Ô chữ ký có sẵn trong tài liệu."),
    PlacementReason.NEAR_NAME: N_("Khung chữ ký đặt giữa chức vụ và họ tên người ký."),
    PlacementReason.NEAR_TITLE: N_("Khung chữ ký đặt dưới chức vụ người ký."),
    PlacementReason.FREE_AREA: N_(
        "Không tìm thấy họ tên người ký; khung chữ ký đặt ở chỗ trống của trang cuối."
    ),
    PlacementReason.BOTTOM_MARGIN: N_(
        "Không tìm thấy chỗ trống; khung chữ ký đặt ở lề dưới của trang cuối, hãy kiểm tra lại."
    ),
    PlacementReason.AFTER_TEXT: N_("Chữ ký nháy đặt sau dòng cuối của văn bản."),
    PlacementReason.OVER_SIGNATURE: N_(
        "Con dấu đặt về bên trái chữ ký của người có thẩm quyền, trùm lên khoảng một phần ba."
    ),
    PlacementReason.BESIDE_SIGNATURE: N_(
        "Con dấu đặt sát bên trái khối chữ ký để chữ vẫn đọc được; có thể dời nếu cần."
    ),
    PlacementReason.TOP_CORNER: N_("Thông tin ký số đặt ở góc trên bên phải của trang đầu."),
    PlacementReason.FREE_ON_FIRST: N_(
        "Góc trên bên phải không còn chỗ trống; khung đặt ở chỗ trống khác của trang đầu."
    ),
    PlacementReason.CROWDED: N_(
        "Góc trên bên phải của trang đầu không còn chỗ trống: hãy dời khung để không che chữ."
    ),
    PlacementReason.TOP_OF_SCAN: N_(
        "Trang đầu là ảnh quét nên hệ thống không biết chỗ nào trống: hãy dời khung nếu che chữ."
    ),
}
"""What the signer is told about the proposal."""


@dataclass(frozen=True, kw_only=True)
class SignatureField:
    """A signature field that is already in the document; `box` is `None` when it is invisible."""

    name: str
    page: int
    box: Box | None
    signed: bool


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A proposal; the signer may move it. `field_name` is set for an existing field only."""

    page: int
    box: Box
    reason: PlacementReason
    field_name: str | None = None

    @property
    def sentence(self) -> str:
        """The reason as the signer reads it."""
        return SENTENCES[self.reason]


def propose(
    words_by_page: Mapping[int, Sequence[Word]],
    page_sizes: Sequence[PageSize],
    name: str,
    title: str = "",
    existing_fields: Sequence[SignatureField] = (),
) -> Placement:
    """The best place for this person's signature.

    `words_by_page` may hold only some pages (from 1); `page_sizes` is the whole document, first
    page first. An empty signature field of the document is offered before anything else: one
    whose name or neighbouring words name the signer first, then the only one or the first.
    """
    if placement := _in_existing_field(words_by_page, name, existing_fields):
        return placement
    taken = {page: _obstacles(words_by_page, existing_fields, page) for page in words_by_page}
    sheets = {page: _Sheet(page_sizes[page - 1], taken[page]) for page in words_by_page}
    pages = sorted(words_by_page, reverse=True)
    for page in pages:
        segments = segments_of(words_by_page[page])
        for segment in reversed(standing_alone(segments, name, HONOURS)):
            above = title_above(segments, segment)
            if box := sheets[page].box_at_name(segment.box, above.box if above else None):
                return Placement(page=page, box=box, reason=PlacementReason.NEAR_NAME)
    for page in pages if title else ():
        segments = segments_of(words_by_page[page])
        for segment in reversed(standing_alone(segments, title, AUTHORITY)):
            if any(other.box.x0 > segment.box.x1 for other in beside_on_line(segments, segment)):
                continue  # a column of a table; the block of a signature ends its line
            if box := sheets[page].box_below(segment.box):
                return Placement(page=page, box=box, reason=PlacementReason.NEAR_TITLE)
    return _somewhere(words_by_page, page_sizes, existing_fields)


def propose_small(
    words_by_page: Mapping[int, Sequence[Word]],
    page_sizes: Sequence[PageSize],
    size: tuple[float, float],
    existing_fields: Sequence[SignatureField] = (),
) -> Placement:
    """A place of this size after the last line that has room beside it, for who initials."""
    width, height = size
    for page in sorted(words_by_page, reverse=True):
        sheet = _Sheet(page_sizes[page - 1], _obstacles(words_by_page, existing_fields, page))
        middle = page_sizes[page - 1].width / 2
        # The left column first: on the right stands whoever signs.
        words = sorted(
            words_by_page[page],
            key=lambda word: (word.box.x1 > middle, word.box.y0, -word.box.x1),
        )
        for word in words:
            x0, y0 = word.box.x1 + 2 * CLEARANCE, (word.box.y0 + word.box.y1 - height) / 2
            box = Box(x0=x0, y0=y0, x1=x0 + width, y1=y0 + height)
            if sheet.is_free(box):
                return Placement(page=page, box=box, reason=PlacementReason.AFTER_TEXT)
    place = _somewhere(words_by_page, page_sizes, existing_fields)
    x1, y1 = place.box.x1, place.box.y0 + height
    small = Box(x0=max(place.box.x0, x1 - width), y0=place.box.y0, x1=x1, y1=y1)
    return replace(place, box=small)


@dataclass(frozen=True, kw_only=True)
class Signatory:
    """Somebody who is to sign; the title is the one of the document."""

    name: str
    title: str = ""


def propose_all(
    words_by_page: Mapping[int, Sequence[Word]],
    page_sizes: Sequence[PageSize],
    signatories: Sequence[Signatory],
    existing_fields: Sequence[SignatureField] = (),
) -> tuple[Placement, ...]:
    """A place for each, in their order; none covers another, no field is given twice."""
    fields = list(existing_fields)
    placements: list[Placement] = []
    for number, one in enumerate(signatories):
        others = [fold(other.name) for other in signatories[number + 1 :]]
        offered = [
            replace(field, signed=field.signed or _is_meant_for(words_by_page, field, others))
            for field in fields
        ]
        place = propose(words_by_page, page_sizes, one.name, one.title, offered)
        fields = [field for field in fields if field.name != place.field_name]
        taken = SignatureField(name=f"#{number}", page=place.page, box=place.box, signed=True)
        fields.append(taken)
        placements.append(place)
    return tuple(placements)


class _Sheet:
    """One page with what already stands on it."""

    def __init__(self, size: PageSize, obstacles: Sequence[Box]) -> None:
        self._size = size
        self._obstacles = obstacles

    def box_at_name(self, name: Box, title: Box | None) -> Box | None:
        """Between title and name, else below the name, else beside it."""
        middle = (name.x0 + name.x1) / 2
        low = name.y1 + CLEARANCE
        high = title.y0 - CLEARANCE if title else low + HEIGHT
        between = self._band(middle, low, min(high, self._size.height - MARGIN))
        return between or self.box_below(name) or self._beside(name)

    def box_below(self, anchor: Box) -> Box | None:
        """Right under the anchor, centred on it."""
        high = anchor.y0 - CLEARANCE
        return self._band((anchor.x0 + anchor.x1) / 2, max(MARGIN, high - HEIGHT - 8), high)

    def _band(self, middle: float, low: float, high: float) -> Box | None:
        """The largest box centred on `middle` in the band, first high, then wide enough."""
        height = min(HEIGHT, high - low)
        while height >= LEAST_HEIGHT:
            y0 = (low + high - height) / 2
            if box := self._widest(middle, y0, y0 + height):
                return box
            height -= STEP
        return None

    def _widest(self, middle: float, y0: float, y1: float) -> Box | None:
        """The box moved and narrowed until it clears its neighbours to the left and right."""
        left, right = MARGIN, self._size.width - MARGIN
        for other in self._obstacles:
            if other.y0 - CLEARANCE < y1 and y0 < other.y1 + CLEARANCE:
                if other.x0 - CLEARANCE <= middle <= other.x1 + CLEARANCE:
                    return None
                if other.x1 < middle:
                    left = max(left, other.x1 + CLEARANCE)
                else:
                    right = min(right, other.x0 - CLEARANCE)
        width = min(WIDTH, right - left)
        if width < LEAST_WIDTH:
            return None
        x0 = min(max(middle - width / 2, left), right - width)
        return Box(x0=x0, y0=y0, x1=x0 + width, y1=y1)

    def _beside(self, name: Box) -> Box | None:
        y0 = max(MARGIN, (name.y0 + name.y1 - HEIGHT) / 2)
        for x0 in (name.x0 - WIDTH - 6, name.x1 + 6):
            box = Box(x0=x0, y0=y0, x1=x0 + WIDTH, y1=y0 + HEIGHT)
            if self.is_free(box):
                return box
        return None

    def is_free(self, box: Box) -> bool:
        """Inside the margins and clear of everything."""
        inside = (
            box.x0 >= MARGIN
            and box.y0 >= MARGIN
            and box.x1 <= self._size.width - MARGIN
            and box.y1 <= self._size.height - MARGIN
        )
        return inside and not any(box.overlaps(other, CLEARANCE) for other in self._obstacles)

    def free_area(self) -> Box | None:
        """The nearest free box below the text, on the right as signatures are; else anywhere."""
        lowest = min((o.y0 for o in self._obstacles if o.y0 > 1.5 * MARGIN), default=None)
        start = self._size.height / 2 if lowest is None else lowest - 3 * CLEARANCE
        for width, height in ((WIDTH, HEIGHT), (WIDTH, 36.0), (LEAST_WIDTH + 28, LEAST_HEIGHT)):
            columns = (
                self._size.width - 2 * MARGIN - width,
                (self._size.width - width) / 2,
                2 * MARGIN,
            )
            below = _steps(start - height, MARGIN)
            above = _steps(self._size.height - MARGIN - height, start)
            for y0 in (*below, *reversed(above)):
                for x0 in columns:
                    box = Box(x0=x0, y0=y0, x1=x0 + width, y1=y0 + height)
                    if self.is_free(box):
                        return box
        return None

    def bottom(self) -> Box:
        """A flat box in the bottom margin, for pages that are full."""
        width = min(WIDTH, self._size.width - 4)
        height = min(LEAST_HEIGHT, self._size.height - 4)
        x0 = max(2.0, self._size.width - MARGIN - width)
        return Box(x0=x0, y0=2.0, x1=min(x0 + width, self._size.width - 2), y1=2.0 + height)


def _steps(high: float, low: float) -> list[float]:
    count = int((high - low) / STEP) + 1
    return [high - index * STEP for index in range(max(0, count))]


def _somewhere(
    words_by_page: Mapping[int, Sequence[Word]],
    page_sizes: Sequence[PageSize],
    existing_fields: Sequence[SignatureField],
) -> Placement:
    """A free place of the last page; its bottom margin when there is none."""
    page = len(page_sizes)
    sheet = _Sheet(page_sizes[-1], _obstacles(words_by_page, existing_fields, page))
    # A scan has no words, so nothing is known about what is free on it but its margin.
    if words_by_page.get(page) and (box := sheet.free_area()):
        return Placement(page=page, box=box, reason=PlacementReason.FREE_AREA)
    return Placement(page=page, box=sheet.bottom(), reason=PlacementReason.BOTTOM_MARGIN)


def _obstacles(
    words_by_page: Mapping[int, Sequence[Word]],
    existing_fields: Sequence[SignatureField],
    page: int,
) -> list[Box]:
    fields = [f.box for f in existing_fields if f.page == page and f.box is not None]
    return [word.box for word in words_by_page.get(page, ())] + fields


def _in_existing_field(
    words_by_page: Mapping[int, Sequence[Word]], name: str, fields: Sequence[SignatureField]
) -> Placement | None:
    empty = [field for field in fields if not field.signed]
    visible = [(field, field.box) for field in empty if field.box is not None]
    if not visible:
        return None

    def fits(entry: tuple[SignatureField, Box]) -> tuple[bool, bool]:
        field, _ = entry
        return fold(name) in fold(field.name), _is_beside(words_by_page, field, fold(name))

    field, box = max(visible, key=fits)
    return Placement(
        page=field.page, box=box, reason=PlacementReason.EXISTING_FIELD, field_name=field.name
    )


def _is_beside(
    words_by_page: Mapping[int, Sequence[Word]], field: SignatureField, folded_name: str
) -> bool:
    """The name stands next to the field."""
    if field.box is None:
        return False
    box = field.box
    near = Box(x0=box.x0 - 20, y0=box.y0 - 40, x1=box.x1 + 20, y1=box.y1 + 40)
    words = [word for word in words_by_page.get(field.page, ()) if near.overlaps(word.box)]
    return any(folded_name in segment.folded for segment in segments_of(words))


def _is_meant_for(
    words_by_page: Mapping[int, Sequence[Word]], field: SignatureField, folded_names: Sequence[str]
) -> bool:
    """The field names one of these, in its own name or beside it."""
    return any(
        name in fold(field.name) or _is_beside(words_by_page, field, name) for name in folded_names
    )
