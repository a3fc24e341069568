"""How report files get their words: a door hands in its translator, Vietnamese is the default."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

from babel.numbers import format_decimal

Say = Callable[..., str]
"""A sentence of the catalogue and its named values in, the sentence to show out."""


def in_vietnamese(sentence: str, **values: object) -> str:
    """The sentence as written in the source, with its values filled in."""
    return sentence % values if values else sentence


def number_text(number: int, locale: str) -> str:
    """1.234 in Vietnamese, 1,234 in English."""
    return format_decimal(number, format="#,##0", locale=locale)


def rate_text(rate: Decimal | None, locale: str) -> str:
    """98,5% in Vietnamese, 98.5% in English, a dash when nobody is counted (domain 5.1)."""
    return "–" if rate is None else format_decimal(rate, format="0.0", locale=locale) + "%"


def date_text(day: date) -> str:
    """dd/MM/yyyy in both languages: ICU would drop the leading zeros (domain 5.1)."""
    return day.strftime("%d/%m/%Y")
