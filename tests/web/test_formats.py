"""Dates, times and numbers as the office writes them."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from flask import Flask
from flask_babel import force_locale

from signer.web.formats import show_date, show_moment, show_number, show_percent


@pytest.mark.parametrize(
    ("show", "vietnamese", "english"),
    [
        (lambda: show_number(1234567), "1.234.567", "1,234,567"),
        (lambda: show_number(Decimal("1234.5")), "1.234,5", "1,234.5"),
        (lambda: show_percent(Decimal("98.5")), "98,5%", "98.5%"),
        (lambda: show_percent(99.96), "99,9%", "99.9%"),
        (lambda: show_percent(100), "100,0%", "100.0%"),
        (lambda: show_date(date(2026, 3, 5)), "05/03/2026", "05/03/2026"),
        (lambda: show_date(None), "", ""),
    ],
)
def test_formats(app: Flask, show: Callable[[], str], vietnamese: str, english: str) -> None:
    """Both languages; a rate below 100 never reads 100 (R54)."""
    with app.test_request_context():
        with force_locale("vi"):
            assert show() == vietnamese
        with force_locale("en"):
            assert show() == english


def test_times_are_of_hanoi() -> None:
    """Seven hours ahead of UTC, whatever zone the server is in; the day changes with it (R66)."""
    late = datetime(2026, 3, 4, 18, 5, tzinfo=UTC)
    assert show_moment(late) == "05/03/2026 01:05"
    assert show_date(late) == "05/03/2026"
