"""In the sandbox: what stands on a page and cannot be seen there (pdfium).

Whether something is seen is not guessed: the page is drawn with it and without it.
"""

import math
from collections.abc import Iterator
from ctypes import byref, c_float, c_int, c_uint
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium
from PIL import ImageChops

MOST_OBJECTS = 50_000
"""Objects of one page that are looked at; a map has more paths, hardly more texts."""

MOST_COVERS = 200
"""The largest pictures of a page; the rest of a mosaic hides no line of text."""

MOST_DRAWN = 50
"""Pages that are drawn for comparison; on later ones the suspicion is told."""

LARGEST_PIXELS = 2_000_000
COVERED_SHARE = 0.6
"""A smaller part under a picture leaves the text readable."""

SEEN_SHARE = 0.01
"""Letters blacken a tenth of their box; less than this is an edge that sticks out."""

EDGE_POINTS = 1.0
WHITE = 250
RECOGNISED, CLIPPING = 3, 7
"""Text rendering modes that paint nothing: text behind a scan, and a shape to paint through
(ISO 32000-1, table 106)."""

MOST_PARTS = 200
"""Parts of a form looked at before it is taken to show something."""

TEXT, PICTURE, FORM = (
    pdfium.FPDF_PAGEOBJ_TEXT,
    pdfium.FPDF_PAGEOBJ_IMAGE,
    pdfium.FPDF_PAGEOBJ_FORM,
)
COVERS = (PICTURE, FORM, pdfium.FPDF_PAGEOBJ_SHADING)
UNSEEN_FLAGS = pdfium.FPDF_ANNOT_FLAG_HIDDEN | pdfium.FPDF_ANNOT_FLAG_NOVIEW

Corners = tuple[float, float, float, float]
"""x0, y0, x1, y1 in user space; a page has thousands, so nothing dearer than a tuple."""


class _Item(NamedTuple):
    """One object of the page's content."""

    order: int
    handle: Any
    kind: int
    box: Corners


def warnings(document: Any) -> Iterator[dict[str, Any]]:
    """Each kind of unseen content once, with the pages (from 1) it stands on."""
    found: dict[str, list[int]] = {}
    drawn = 0
    for index in range(len(document)):
        page = document[index]
        try:
            sheet = _Sheet(page, may_draw=drawn < MOST_DRAWN)
            for code in sheet.codes():
                found.setdefault(code, []).append(index + 1)
            drawn += sheet.was_drawn
        finally:
            page.close()
    for code, pages in found.items():
        yield {"code": code, "pages": pages}


class _Sheet:
    """One page while it is looked at."""

    def __init__(self, page: Any, *, may_draw: bool) -> None:
        self._page = page
        self._may_draw = may_draw
        self.was_drawn = False

    def codes(self) -> set[str]:
        """What kinds of unseen content the page has."""
        sheet = self._page.get_bbox()
        covers, found = self._annotations()
        inside: list[_Item] = []
        pictures: list[tuple[int, Corners]] = []
        for item in self._items():
            if item.kind in COVERS:
                pictures.append((item.order, item.box))
            if item.kind not in (TEXT, PICTURE, FORM) or not _area(item.box):
                continue
            if _is_outside(item.box, sheet):
                found.add("off_page")
            else:
                inside.append(item)
        pictures.sort(key=lambda picture: -_area(picture[1]))
        return found | self._unseen(inside, pictures[:MOST_COVERS] + covers)

    def _items(self) -> Iterator[_Item]:
        edges = [c_float() for _ in range(4)]
        pointers = [byref(edge) for edge in edges]
        left, bottom, right, top = edges
        for order in range(min(pdfium.FPDFPage_CountObjects(self._page), MOST_OBJECTS)):
            handle = pdfium.FPDFPage_GetObject(self._page, order)
            kind = pdfium.FPDFPageObj_GetType(handle)
            if kind != pdfium.FPDF_PAGEOBJ_PATH and pdfium.FPDFPageObj_GetBounds(handle, *pointers):
                yield _Item(order, handle, kind, (left.value, bottom.value, right.value, top.value))

    def _annotations(self) -> tuple[list[tuple[int, Corners]], set[str]]:
        """The boxes of those that are drawn over the page, and whether some are hidden."""
        shown: list[tuple[int, Corners]] = []
        found: set[str] = set()
        for index in range(pdfium.FPDFPage_GetAnnotCount(self._page)):
            handle = pdfium.FPDFPage_GetAnnot(self._page, index)
            if not handle:
                continue
            kind = pdfium.FPDFAnnot_GetSubtype(handle)
            box = pdfium.FS_RECTF()
            if (
                kind not in (pdfium.FPDF_ANNOT_LINK, pdfium.FPDF_ANNOT_POPUP)
                and pdfium.FPDFAnnot_HasKey(handle, b"AP")
                and pdfium.FPDFAnnot_GetRect(handle, byref(box))
                and box.right > box.left
                and box.top > box.bottom
            ):
                if pdfium.FPDFAnnot_GetFlags(handle) & UNSEEN_FLAGS:
                    found.add("hidden_annotation")
                else:
                    shown.append((MOST_OBJECTS, (box.left, box.bottom, box.right, box.top)))
            pdfium.FPDFPage_CloseAnnot(handle)
        return shown, found

    def _unseen(self, inside: list[_Item], covers: list[tuple[int, Corners]]) -> set[str]:
        found: set[str] = set()
        suspects: list[tuple[str, _Item]] = []
        for item in inside:
            is_text = item.kind == TEXT
            mode = pdfium.FPDFTextObj_GetTextRenderMode(item.handle) if is_text else 0
            if mode == RECOGNISED:
                # it belongs to a picture; without one nobody can see what it says
                if not any(_share(item.box, box) > 0 for _, box in covers):
                    found.add("unseen_text")
            elif mode == CLIPPING:
                continue
            elif any(
                order > item.order and _share(item.box, box) >= COVERED_SHARE
                for order, box in covers
            ):
                if item.kind != FORM or _paints(item.handle):
                    suspects.append(("covered", item))
            elif is_text and _is_white(item.handle):
                suspects.append(("unseen_text", item))
        return found | self._judged(suspects)

    def _judged(self, suspects: list[tuple[str, _Item]]) -> set[str]:
        """Those kinds of which the page looks the same with and without."""
        if not suspects or not self._may_draw:
            return {code for code, _ in suspects}
        self.was_drawn = True
        width, height = self._page.get_size()
        scale = min(1.0, math.sqrt(LARGEST_PIXELS / max(width * height, 1)))
        whole = self._drawn(scale)
        for _, item in suspects:
            pdfium.FPDFPageObj_SetIsActive(item.handle, False)
        difference = ImageChops.difference(whole, self._drawn(scale)).convert("L")
        changed = difference.point(lambda value: 255 if value > 8 else 0)
        return {
            code
            for code, item in suspects
            if not _is_seen(changed, self._pixels(item.box, changed.width, changed.height))
        }

    def _drawn(self, scale: float) -> Any:
        bitmap = self._page.render(scale=scale, draw_annots=True)
        try:
            return bitmap.to_pil().convert("RGB")
        finally:
            bitmap.close()

    def _pixels(self, box: Corners, width: int, height: int) -> tuple[int, int, int, int]:
        """Where the box is in the image of the page, turned as the page is."""
        across, down = c_int(), c_int()
        found = []
        for x, y in (box[:2], box[2:]):
            pdfium.FPDF_PageToDevice(
                self._page, 0, 0, width, height, 0, x, y, byref(across), byref(down)
            )
            found.append((across.value, down.value))
        (x0, y0), (x1, y1) = found
        return (
            max(0, min(x0, x1)),
            max(0, min(y0, y1)),
            min(width, max(x0, x1) + 1),
            min(height, max(y0, y1) + 1),
        )


def _is_seen(changed: Any, where: tuple[int, int, int, int]) -> bool:
    left, top, right, bottom = where
    if right <= left or bottom <= top:
        return False
    count = changed.crop(where).histogram()[255]
    return bool(count > SEEN_SHARE * (right - left) * (bottom - top))


def _paints(form: Any) -> bool:
    """Something in the form is more than recognised text."""
    for index in range(min(pdfium.FPDFFormObj_CountObjects(form), MOST_PARTS)):
        part = pdfium.FPDFFormObj_GetObject(form, index)
        if pdfium.FPDFPageObj_GetType(part) != TEXT:
            return True
        if pdfium.FPDFTextObj_GetTextRenderMode(part) not in (RECOGNISED, CLIPPING):
            return True
    return False


def _is_white(text: Any) -> bool:
    parts = [c_uint() for _ in range(4)]
    if not pdfium.FPDFPageObj_GetFillColor(text, *(byref(part) for part in parts)):
        return False
    *colour, alpha = (part.value for part in parts)
    return alpha == 0 or min(colour) >= WHITE


def _is_outside(box: Corners, sheet: Corners) -> bool:
    return (
        box[2] < sheet[0] - EDGE_POINTS
        or box[0] > sheet[2] + EDGE_POINTS
        or box[3] < sheet[1] - EDGE_POINTS
        or box[1] > sheet[3] + EDGE_POINTS
    )


def _share(box: Corners, cover: Corners) -> float:
    """Which part of the box the cover lies on."""
    width = min(box[2], cover[2]) - max(box[0], cover[0])
    height = min(box[3], cover[3]) - max(box[1], cover[1])
    return width * height / _area(box) if width > 0 and height > 0 else 0.0


def _area(box: Corners) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
