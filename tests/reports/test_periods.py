"""Which days a report covers, what it is called, and numbers written out."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signer.errors import Invalid
from signer.reports.number_words import counted, in_words
from signer.reports.periods import PeriodKind, ended_period, period_of, periods_before

DAYS = st.dates(date(2001, 1, 1), date(2099, 12, 31))


@pytest.mark.parametrize(
    ("kind", "day", "closing", "starts", "ends", "title"),
    [
        ("week", "2026-11-22", 14, "2026-11-16", "2026-11-22", "tuần 47 năm 2026"),
        ("week", "2027-01-01", 14, "2026-12-28", "2027-01-03", "tuần 53 năm 2026"),
        # Decree 09/2019/NĐ-CP, article 12: from the 15th to the 14th.
        ("month", "2026-11-14", 14, "2026-10-15", "2026-11-14", "tháng 11 năm 2026"),
        ("month", "2026-11-15", 14, "2026-11-15", "2026-12-14", "tháng 12 năm 2026"),
        ("month", "2026-12-31", 14, "2026-12-15", "2027-01-14", "tháng 1 năm 2027"),
        ("quarter", "2026-11-15", 14, "2026-09-15", "2026-12-14", "quý IV năm 2026"),
        ("quarter", "2026-12-15", 14, "2026-12-15", "2027-03-14", "quý I năm 2027"),
        ("year", "2026-12-15", 14, "2026-12-15", "2027-12-14", "năm 2027"),
        ("month", "2026-02-10", 25, "2026-01-26", "2026-02-25", "tháng 2 năm 2026"),
        ("month", "2028-02-10", 31, "2028-02-01", "2028-02-29", "tháng 2 năm 2028"),
        ("year", "2026-02-10", 31, "2026-01-01", "2026-12-31", "năm 2026"),
    ],
)
def test_a_period_has_the_days_of_the_decree(kind, day, closing, starts, ends, title):
    found = period_of(PeriodKind(kind), date.fromisoformat(day), closing)
    assert (found.starts_on.isoformat(), found.ends_on.isoformat()) == (starts, ends)
    assert found.title == title


@given(kind=st.sampled_from(list(PeriodKind)), day=DAYS, closing=st.integers(1, 31))
def test_every_day_is_in_exactly_one_period(kind, day, closing):
    found = period_of(kind, day, closing)
    assert found.starts_on <= day <= found.ends_on
    after = period_of(kind, found.ends_on + timedelta(days=1), closing)
    assert after.before == found.ends_on
    assert period_of(kind, found.starts_on, closing) == found == period_of(kind, day, closing)


@given(kind=st.sampled_from(list(PeriodKind)), today=DAYS)
def test_a_report_is_due_for_the_newest_period_that_is_over(kind, today):
    due, before = periods_before(kind, today, 14, 2)
    assert before.ends_on == due.before
    assert due.ends_on < today
    assert period_of(kind, due.ends_on + timedelta(days=1), 14).ends_on >= today


@pytest.mark.parametrize("day", [date(2026, 11, 23), date(1999, 1, 1), date.min, date.max])
def test_a_period_that_still_runs_or_never_was_is_refused(day):
    with pytest.raises(Invalid) as refused:
        ended_period(PeriodKind.MONTH, day, date(2026, 11, 23), 14)
    assert refused.value.field == "on"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "00 (không)"),
        (5, "05 (năm)"),
        (10, "10 (mười)"),
        (15, "15 (mười lăm)"),
        (21, "21 (hai mươi mốt)"),
        (24, "24 (hai mươi bốn)"),
        (25, "25 (hai mươi lăm)"),
        (101, "101 (một trăm linh một)"),
        (110, "110 (một trăm mười)"),
        (1005, "1.005 (một nghìn không trăm linh năm)"),
        (1205, "1.205 (một nghìn hai trăm linh năm)"),
        (13285, "13.285 (mười ba nghìn hai trăm tám mươi lăm)"),
        (150_000, "150.000 (một trăm năm mươi nghìn)"),
        (1_000_001, "1.000.001 (một triệu không trăm linh một)"),
        (2_000_000_000, "2.000.000.000 (hai tỷ)"),
    ],
)
def test_numbers_are_written_as_offices_write_them(number, words):
    assert counted(number) == words


_VALUES = {"không": 0, "một": 1, "mốt": 1, "hai": 2, "ba": 3, "bốn": 4, "năm": 5, "lăm": 5}
_VALUES |= {"sáu": 6, "bảy": 7, "tám": 8, "chín": 9}
_SCALES = {"nghìn": 10**3, "triệu": 10**6, "tỷ": 10**9}


def read(words: str) -> int:
    """The number again, read from its words by another way."""
    total = group = digit = 0
    for word in words.split():
        if word in _SCALES:
            total, group, digit = total + (group + digit) * _SCALES[word], 0, 0
        elif word == "trăm":
            group, digit = digit * 100, 0
        elif word == "mươi":
            group, digit = group + digit * 10, 0
        elif word == "mười":
            group += 10
        elif word != "linh":
            digit = _VALUES[word]
    return total + group + digit


@given(st.integers(0, 10**12 - 1))
def test_words_can_be_read_back(number):
    assert read(in_words(number)) == number
