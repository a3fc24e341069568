"""The signature box in the terms of the signing form: millimetres from the page's upper left.

People measure a page from its upper left corner; a PDF counts points from the lower left one.
This file is the only place where the one is turned into the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from signer.errors import N_, Invalid
from signer.signing.geometry import Box, PageSize

POINTS_PER_MM = 72 / 25.4
SMALLEST_MM = (30.0, 9.0)
"""Width and height below which the lines in the box cannot be read on paper; what
`signing.placement` proposes is never smaller."""
_ROUNDING_MM = 0.1  # the fields show tenths: a box that touches the edge may round past it


@dataclass(frozen=True, kw_only=True)
class BoxFields:
    """What the number fields of the signing form hold; pages count from 1."""

    page: int
    left_mm: float
    top_mm: float
    width_mm: float
    height_mm: float


def fields_of(page: int, box: Box, size: PageSize) -> BoxFields:
    """The fields that show this box, to a tenth of a millimetre."""
    return BoxFields(
        page=page,
        left_mm=_millimetres(box.x0),
        top_mm=_millimetres(size.height - box.y1),
        width_mm=_millimetres(box.width),
        height_mm=_millimetres(box.height),
    )


def parse_fields(form: Mapping[str, str]) -> BoxFields:
    """The fields as typed, decimal comma or point; `Invalid` names the first that is no number."""
    return BoxFields(
        page=int(_number(form, "page")),
        left_mm=_number(form, "left_mm"),
        top_mm=_number(form, "top_mm"),
        width_mm=_number(form, "width_mm"),
        height_mm=_number(form, "height_mm"),
    )


def box_of(fields: BoxFields, sizes: tuple[PageSize, ...], *, any_size: bool = False) -> Box:
    """The box in displayed points; `Invalid` when it is too small or leaves its page."""
    if not 1 <= fields.page <= len(sizes):
        raise Invalid(
            N_("Tài liệu có %(pages)s trang, không có trang %(page)s."),
            field="page",
            pages=len(sizes),
            page=fields.page,
        )
    if not any_size:
        _check_size(fields)
    size = sizes[fields.page - 1]
    x0, width = fields.left_mm * POINTS_PER_MM, fields.width_mm * POINTS_PER_MM
    y1, height = size.height - fields.top_mm * POINTS_PER_MM, fields.height_mm * POINTS_PER_MM
    slack = _ROUNDING_MM * POINTS_PER_MM
    if x0 < -slack or x0 + width > size.width + slack:
        raise Invalid(
            N_("Khung chữ ký vượt ra ngoài lề trái hoặc lề phải của trang."), field="left_mm"
        )
    if y1 - height < -slack or y1 > size.height + slack:
        raise Invalid(
            N_("Khung chữ ký vượt ra ngoài mép trên hoặc mép dưới của trang."), field="top_mm"
        )
    return Box(
        x0=max(0.0, x0),
        y0=max(0.0, y1 - height),
        x1=min(size.width, x0 + width),
        y1=min(size.height, y1),
    )


def text_of(fields: BoxFields) -> str:
    """The fields as one text, to see later whether anybody moved the box."""
    numbers = (fields.left_mm, fields.top_mm, fields.width_mm, fields.height_mm)
    return " ".join([str(fields.page), *(f"{number:.1f}" for number in numbers)])


def _check_size(fields: BoxFields) -> None:
    for field, value, least in (
        ("width_mm", fields.width_mm, SMALLEST_MM[0]),
        ("height_mm", fields.height_mm, SMALLEST_MM[1]),
    ):
        if value < least - _ROUNDING_MM:
            raise Invalid(
                N_("Khung chữ ký phải rộng ít nhất %(width)s mm và cao ít nhất %(height)s mm."),
                field=field,
                width=int(SMALLEST_MM[0]),
                height=int(SMALLEST_MM[1]),
            )


def _number(form: Mapping[str, str], field: str) -> float:
    try:
        value = float(form.get(field, "").strip().replace(",", "."))
    except ValueError as error:
        raise Invalid(N_("Vị trí khung chữ ký phải là các con số."), field=field) from error
    if not abs(value) < 1e5:  # also refuses nan and infinity
        raise Invalid(N_("Vị trí khung chữ ký phải là các con số."), field=field)
    return value


def _millimetres(points: float) -> float:
    return round(points / POINTS_PER_MM, 1)
