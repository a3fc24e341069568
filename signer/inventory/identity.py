"""The personal identity number: what its digits say, what Excel does to it, how it is masked."""

from dataclasses import dataclass
from datetime import date

from signer.errors import N_, Invalid
from signer.inventory.kinds import IdNumberKind, Sex
from signer.inventory.names import clean_text
from signer.inventory.sheets import Cell

_SEPARATORS = str.maketrans("", "", " .-'")


@dataclass(frozen=True, kw_only=True)
class IdNumber:
    """A number in its stored form; `lost_zeros` counts the leading zeros put back."""

    value: str
    kind: IdNumberKind
    lost_zeros: int = 0


def id_number_of(raw: Cell) -> IdNumber:
    """The number a cell holds, also when a spreadsheet took it for a quantity (R4).

    12 digits: 3 province of birth registration, 1 century and sex, 2 birth year, 6 random; there
    is no check digit. Province codes run from 001 to 096, so a number has lost one leading zero
    or two, never three: 9 digits are the old identity card (its Hanoi series begins with 01).
    Raises `Invalid`.
    """
    digits = _digits_of(raw)
    length = len(digits)
    if length == 12:
        return IdNumber(value=digits, kind=IdNumberKind.PERSONAL)
    if length in (10, 11):
        return IdNumber(value=digits.zfill(12), kind=IdNumberKind.PERSONAL, lost_zeros=12 - length)
    if length == 9:
        return IdNumber(value=digits, kind=IdNumberKind.OLD_CARD)
    if length == 8 and isinstance(raw, int | float):
        return IdNumber(value=digits.zfill(9), kind=IdNumberKind.OLD_CARD, lost_zeros=1)
    raise Invalid(
        N_("Số định danh phải có 12 chữ số; số này có %(length)d."),
        field="id_number",
        length=length,
    )


def _digits_of(raw: Cell) -> str:
    if isinstance(raw, float):
        if not raw.is_integer() or not 0 < raw < 1e15:
            raise Invalid(N_("Số định danh chỉ gồm chữ số."), field="id_number")
        return str(int(raw))
    text = clean_text(str(raw)).translate(_SEPARATORS)
    if "E+" in text.upper():
        raise Invalid(
            N_("Excel đã làm tròn số định danh này, các chữ số cuối đã mất."), field="id_number"
        )
    if not (text.isascii() and text.isdigit()):
        raise Invalid(N_("Số định danh chỉ gồm chữ số."), field="id_number")
    return text


def disagrees_with_sex(number: IdNumber, sex: Sex | None) -> bool:
    """True when digit 4 is even for a woman or odd for a man; old numbers say nothing."""
    if number.kind is not IdNumberKind.PERSONAL or sex is None:
        return False
    return (int(number.value[3]) % 2 == 1) != (sex is Sex.FEMALE)


def disagrees_with_birth_year(number: IdNumber, birth_date: date | None) -> bool:
    """True when the century in digit 4 or digits 5-6 are not those of the birth date."""
    if number.kind is not IdNumberKind.PERSONAL or birth_date is None:
        return False
    year = 1900 + 100 * (int(number.value[3]) // 2) + int(number.value[4:6])
    return year != birth_date.year


def mask(id_number: str | None) -> str:
    """First three and last three digits, the rest as dots (R5); empty when there is none."""
    if not id_number:
        return ""
    return f"{id_number[:3]}{'•' * (len(id_number) - 6)}{id_number[-3:]}"
