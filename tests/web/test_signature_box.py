"""The box on the signing form: millimetres from the upper left, points from the lower left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signer.errors import Invalid
from signer.signing.geometry import Box, PageSize
from signer.web.signature_box import BoxFields, box_of, fields_of, parse_fields

A4 = PageSize(width=595.28, height=841.89)


def fields(**changed: float) -> BoxFields:
    good = {"page": 1, "left_mm": 100, "top_mm": 230, "width_mm": 60, "height_mm": 21}
    return BoxFields(**(good | changed))  # type: ignore[arg-type]


def test_a_page_is_measured_from_its_upper_left_corner() -> None:
    box = box_of(fields(left_mm=0, top_mm=0, width_mm=25.4 * 2, height_mm=25.4), (A4,))
    assert box.to_json() == [0, 769.89, 144, 841.89]


@given(
    x=st.floats(0, 400), y=st.floats(0, 700), width=st.floats(86, 190), height=st.floats(29, 140)
)
def test_showing_a_box_and_reading_it_back_moves_it_less_than_a_tenth_of_a_millimetre(
    x: float, y: float, width: float, height: float
) -> None:
    box = Box(x0=x, y0=y, x1=x + width, y1=y + height)
    again = box_of(fields_of(1, box, A4), (A4,))
    for was, is_now in zip(box.to_json(), again.to_json(), strict=True):
        assert abs(was - is_now) < 0.3


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"page": 2}, "page"),
        ({"page": 0}, "page"),
        ({"left_mm": -1}, "left_mm"),
        ({"left_mm": 160}, "left_mm"),
        ({"top_mm": -1}, "top_mm"),
        ({"top_mm": 290}, "top_mm"),
        ({"width_mm": 20}, "width_mm"),
        ({"height_mm": 3}, "height_mm"),
        ({"width_mm": -60}, "width_mm"),
    ],
)
def test_a_box_off_the_page_or_too_small_is_refused(changed: dict[str, float], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        box_of(fields(**changed), (A4,))
    assert refused.value.field == field


def test_a_box_that_only_rounding_pushed_over_the_edge_is_pulled_back() -> None:
    box = box_of(fields(left_mm=150.05, width_mm=60), (A4,))
    assert box.x1 == A4.width


def test_decimal_commas_are_numbers_too() -> None:
    typed = {
        "page": "1", "left_mm": "100,5", "top_mm": " 230 ", "width_mm": "60.0", "height_mm": "21",
    }  # fmt: skip
    assert parse_fields(typed).left_mm == 100.5


@pytest.mark.parametrize("typed", ["", "ba mươi", "nan", "inf", "1e99"])
def test_what_is_no_number_names_its_field(typed: str) -> None:
    good = {"page": "1", "left_mm": "1", "top_mm": "1", "width_mm": "60", "height_mm": "21"}
    with pytest.raises(Invalid) as refused:
        parse_fields(good | {"top_mm": typed})
    assert refused.value.field == "top_mm"
