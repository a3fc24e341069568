"""The rules of coverage, without a database."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signer.inventory.kinds import UnitKind
from signer.reports.coverage import Coverage, Figures, UnitOnDay, coverage_rate, forecast, roll_up


@pytest.mark.parametrize(
    ("covered", "persons", "rate"),
    [
        (0, 10, "0.0"),
        (1, 3, "33.3"),
        (2, 3, "66.7"),
        (1, 2000, "0.1"),  # 0.05 goes up
        (9, 20_000, "0.0"),  # 0.045 goes down
        (2499, 2500, "99.9"),  # 99.96 is not everybody
        (149_999, 150_000, "99.9"),
        (1999, 2000, "99.9"),  # 99.95 would go up to 100.0
        (9994, 10_000, "99.9"),
        (10, 10, "100.0"),
    ],
)
def test_rate_is_half_up_to_one_decimal_and_100_means_everybody(covered, persons, rate):
    assert coverage_rate(covered, persons) == Decimal(rate)


def test_nobody_counted_has_no_rate():
    assert coverage_rate(0, 0) is None


def test_more_covered_than_counted_is_a_fault_and_not_a_rate():
    with pytest.raises(ValueError, match="3 of 2"):
        coverage_rate(3, 2)


@given(st.integers(1, 200_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_rate_never_says_100_for_fewer_than_all_and_never_strays(pair):
    covered, persons = pair
    rate = coverage_rate(covered, persons)
    assert (rate == 100) == (covered == persons)
    exact = Decimal(covered) * 100 / Decimal(persons)
    assert abs(rate - exact) <= (Decimal("0.05") if exact < Decimal("99.95") else Decimal("0.1"))


def _unit(code: str, path: str, name: str = "", sort_key: str = "") -> UnitOnDay:
    key = sort_key or (name or code).lower()
    return UnitOnDay(code=code, name=name or code, path=path, sort_key=key, kind=UnitKind.WARD)


CITY = _unit("HN", "1.")
WARD = _unit("W1", "1.2.")
OFFICE = _unit("W1-VP", "1.2.5.")
OTHER = _unit("W2", "1.3.")


def test_a_row_holds_its_whole_subtree_and_the_total_holds_all():
    overall, direct, rows = roll_up(
        {
            "1.": Figures(persons=2, covered=1),
            "1.2.": Figures(persons=4, covered=4),
            "1.2.5.": Figures(persons=6, covered=1, pending=2),
            "1.3.": Figures(persons=3),
        },
        [CITY, WARD, OFFICE, OTHER],
        ["1."],
    )
    assert overall == Figures(persons=15, covered=6, pending=2)
    assert direct == Figures(persons=2, covered=1)
    assert [(r.code, r.persons, r.covered, r.pending, r.lacking) for r in rows] == [
        ("W1", 10, 5, 2, 3),
        ("W2", 3, 0, 0, 3),
    ]


def test_a_sibling_whose_path_begins_with_the_same_digits_is_another_unit():
    longer = _unit("W20", "1.20.")
    _, _, rows = roll_up(
        {"1.20.": Figures(persons=1), "1.2.": Figures(persons=1)}, [CITY, WARD, longer], ["1."]
    )
    assert {r.code: r.persons for r in rows} == {"W1": 1, "W20": 1}


def test_rows_come_with_the_largest_gap_first_then_by_name():
    units = [
        CITY,
        _unit("A", "1.2.", "Đống Đa", "dz"),
        _unit("B", "1.3.", "Ba Đình", "ba"),
        _unit("C", "1.4.", "Cửa Nam", "cu"),
    ]
    figures = {"1.2.": Figures(persons=3), "1.3.": Figures(persons=3), "1.4.": Figures(persons=9)}
    _, _, rows = roll_up(figures, units, ["1."])
    assert [r.name for r in rows] == ["Cửa Nam", "Ba Đình", "Đống Đa"]


def test_people_of_a_unit_that_is_closed_that_day_stay_in_the_total():
    overall, direct, rows = roll_up(
        {"1.2.5.": Figures(persons=3), "1.9.": Figures(persons=4)}, [CITY, WARD, OTHER], ["1."]
    )
    assert overall.persons == 7
    assert direct.persons == 4
    assert {r.code: r.persons for r in rows} == {"W1": 3, "W2": 0}


def test_an_open_unit_below_a_closed_one_gets_a_row_of_its_own():
    _, _, rows = roll_up({"1.2.5.": Figures(persons=3)}, [CITY, OFFICE], ["1."])
    assert [(r.code, r.persons) for r in rows] == [("W1-VP", 3)]


def test_several_roots_are_the_rows_themselves():
    overall, _, rows = roll_up(
        {"1.2.5.": Figures(persons=3), "1.3.": Figures(persons=1), "1.": Figures(persons=9)},
        [CITY, WARD, OFFICE, OTHER],
        ["1.2.", "1.3."],
    )
    assert overall.persons == 4
    assert [(r.code, r.persons) for r in rows] == [("W1", 3), ("W2", 1)]


def test_json_has_plain_numbers_with_one_decimal():
    overall, direct, rows = roll_up(
        {"1.2.": Figures(persons=2500, covered=2499)}, [CITY, WARD, OTHER], ["1."]
    )
    of = {"as_of": date(2026, 11, 23), "code": "HN", "name": "Thành phố"}
    coverage = Coverage(**of, units=rows, direct=direct, **vars(overall))
    told = {"persons": 2500, "covered": 2499, "pending": 0, "lacking": 1, "rate": 99.9}
    nobody = {"persons": 0, "covered": 0, "pending": 0, "lacking": 0, "rate": None}
    units = [{"code": "W1", "name": "W1", **told}, {"code": "W2", "name": "W2", **nobody}]
    assert coverage.to_json() == {"as_of": "2026-11-23", "unit": "HN", **told, "units": units}


TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("before", "now", "days"),
    [(10, 9, 126), (10, 1, 2), (5, 5, None), (5, 8, None), (3, 0, 0), (0, 0, 0)],
)
def test_a_pace_that_goes_nowhere_has_no_end(before, now, days):
    told = forecast(Figures(persons=before), Figures(persons=now), today=TODAY, over_days=14)
    assert told.ends_on == (None if days is None else TODAY + timedelta(days=days))
