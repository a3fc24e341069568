"""How dates, times and numbers look on a page, in Vietnamese and in English."""

from datetime import date, datetime
from decimal import ROUND_FLOOR, Decimal

from flask import Flask
from flask_babel import get_locale, gettext

from signer.clock import HANOI
from signer.errors import SignerError


def register(app: Flask) -> None:
    """Templates know the filters `date`, `moment`, `number`, `percent` and `say`."""
    app.jinja_env.filters.update(
        date=show_date, moment=show_moment, number=show_number, percent=show_percent, say=say
    )


def language() -> str:
    """The language of this page: `vi` or `en`."""
    return str(get_locale() or "vi")


def show_date(value: date | datetime | None) -> str:
    """05/03/2026 in both languages; of an instant, the day in Hanoi. Nothing is an empty text."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = value.astimezone(HANOI)
    return f"{value:%d/%m/%Y}"


def show_moment(value: datetime | None) -> str:
    """05/03/2026 14:07, always Hanoi's time, whatever zone the server is in (R66)."""
    return "" if value is None else f"{value.astimezone(HANOI):%d/%m/%Y %H:%M}"


def show_number(value: int | float | Decimal, places: int | None = None) -> str:
    """1.234,5 in Vietnamese and 1,234.5 in English."""
    text = f"{value:,}" if places is None else f"{value:,.{places}f}"
    return text if language() == "en" else text.translate(str.maketrans(",.", ".,"))


def show_percent(value: int | float | Decimal, places: int = 1) -> str:
    """98,5% of a number from 0 to 100; cut, not rounded, so that 99,96 never reads 100 (R54)."""
    step = Decimal(1).scaleb(-places)
    return show_number(Decimal(str(value)).quantize(step, rounding=ROUND_FLOOR), places) + "%"


def say(thing: SignerError | str, **values: object) -> str:
    """A sentence that another room marked with `N_`, in the page's language, values filled in."""
    if isinstance(thing, SignerError):
        values = thing.values
        thing = thing.sentence
    sentence = str(gettext(thing)) if thing else ""
    return sentence % values if values else sentence
