"""The identity number: what its digits say and what a spreadsheet does to it."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signer.errors import Invalid
from signer.inventory.identity import (
    disagrees_with_birth_year,
    disagrees_with_sex,
    id_number_of,
    mask,
)
from signer.inventory.models import IdNumberKind, Sex

provinces = st.integers(1, 96).map(lambda n: f"{n:03d}")
numbers = st.tuples(provinces, st.from_regex(r"[0-9]{9}", fullmatch=True)).map("".join)


@given(numbers)
def test_numbers_survive_being_taken_for_quantities(number: str) -> None:
    """R6: Excel drops the leading zeros and stores a float; the number comes back whole."""
    told = id_number_of(float(number))
    assert told.value == number
    assert told.kind is IdNumberKind.PERSONAL
    assert told.lost_zeros == 12 - len(str(int(number)))
    assert id_number_of(str(int(number))).value == number
    assert id_number_of(number) == id_number_of(f" {number[:3]} {number[3:6]}.{number[6:]} ")


@pytest.mark.parametrize(
    ("raw", "value", "lost"),
    [("012345678", "012345678", 0), (12345678.0, "012345678", 1), (123456789.0, "123456789", 0)],
)
def test_nine_digits_are_the_old_card(raw: str | float, value: str, lost: int) -> None:
    """R4: accepted, and known for what it is; Hanoi's old series begins with 01."""
    told = id_number_of(raw)
    assert (told.value, told.kind, told.lost_zeros) == (value, IdNumberKind.OLD_CARD, lost)


@pytest.mark.parametrize(
    "raw", ["1234567", "1234567890123", "00118500012A", "", "1.17E+11", 1.5, -5.0, 1e20, "001-"]
)
def test_what_is_no_number_is_refused(raw: str | float) -> None:
    """Wrong length, letters, fractions, and digits that Excel rounded away."""
    with pytest.raises(Invalid):
        id_number_of(raw)


@pytest.mark.parametrize(
    ("digit", "sex", "born", "wrong_sex", "wrong_year"),
    [
        ("0", Sex.MALE, 1985, False, False),
        ("1", Sex.FEMALE, 1985, False, False),
        ("0", Sex.FEMALE, 1985, True, False),
        ("3", Sex.FEMALE, 2085, False, False),
        ("2", Sex.MALE, 1985, False, True),
        ("1", Sex.FEMALE, 1984, False, True),
    ],
)
def test_the_number_is_held_against_sex_and_birth_year(
    digit: str, sex: Sex, born: int, wrong_sex: bool, wrong_year: bool
) -> None:
    """Digit 4 holds century and sex, digits 5 and 6 the year (domain.md 4)."""
    number = id_number_of(f"001{digit}85000123")
    assert disagrees_with_sex(number, sex) is wrong_sex
    assert disagrees_with_birth_year(number, date(born, 5, 1)) is wrong_year


def test_unknown_facts_and_old_numbers_disagree_with_nothing() -> None:
    """Nothing is said where nothing can be known."""
    assert not disagrees_with_sex(id_number_of("001185000123"), None)
    assert not disagrees_with_birth_year(id_number_of("012345678"), date(1985, 1, 1))


def test_a_masked_number_shows_three_digits_at_each_end() -> None:
    """R5."""
    assert mask("001185000123") == "001••••••123"
    assert mask("012345678") == "012•••678"
    assert mask(None) == ""
