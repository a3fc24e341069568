"""How fast a gap closes and how fast it should: arithmetic that a leader can do by hand."""

import zipfile
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signer.campaigns.evidence import media_type_of
from signer.campaigns.kinds import USUAL_CRITERIA, LackCause, Measure
from signer.campaigns.pace import Goal, ends_on, gap_allowed, pace, points
from signer.errors import Invalid

DAY = date(2026, 11, 23)
GOAL = Goal(first_day=DAY, last_day=DAY + timedelta(days=60), first_gap=600, last_gap=0)


@pytest.mark.parametrize(
    ("days", "ideal"), [(-5, "600"), (0, "600"), (1, "590"), (30, "300"), (60, "0"), (70, "0")]
)
def test_the_ideal_line_is_straight(days: int, ideal: str) -> None:
    """From the gap on the evening before the first day to the allowed one on the last."""
    assert GOAL.ideal_on(DAY + timedelta(days=days)) == Decimal(ideal)


def test_half_a_person_is_nobodys_fault() -> None:
    """On a line that asks for 3.5 today, 4 is in time and 5 is one behind."""
    goal = Goal(first_day=DAY, last_day=DAY + timedelta(days=2), first_gap=7, last_gap=0)
    tomorrow = DAY + timedelta(days=1)
    assert [goal.behind(gap, tomorrow) for gap in (3, 4, 5, 7)] == [0, 0, 1, 3]


def test_a_goal_met_before_it_began_asks_for_nothing() -> None:
    """The allowed gap may be larger than the first one; the line then stays at what is allowed."""
    goal = Goal(first_day=DAY, last_day=DAY + timedelta(days=10), first_gap=2, last_gap=5)
    assert goal.ideal_on(DAY) == 5
    assert goal.behind(4, DAY + timedelta(days=10)) == 0


@pytest.mark.parametrize(
    ("persons", "percent", "allowed"), [(30, 98, 0), (100, 98, 2), (149, 98, 2), (7, 100, 0)]
)
def test_the_target_is_not_rounded_in_ones_favour(persons: int, percent: int, allowed: int) -> None:
    """29 of 30 are 96.7 %, which is not 98."""
    assert gap_allowed(persons, percent) == allowed


@pytest.mark.parametrize(
    ("earlier", "gap", "last_gap", "expected"),
    [
        (42, 28, 0, 28),  # one a day
        (29, 28, 0, 392),
        (28, 28, 0, None),  # nothing happens
        (28, 30, 0, None),  # it grows
        (28, 0, 0, 0),
        (42, 28, 27, 1),
        (30, 27, 0, 126),
        (200_001, 200_000, 0, None),  # not within ten years
    ],
)
def test_when_it_ends_at_this_pace(
    earlier: int, gap: int, last_gap: int, expected: int | None
) -> None:
    """As many days as the rest takes at the pace of the last fourteen; else never."""
    found = ends_on(earlier, gap, 14, last_gap=last_gap, day=DAY)
    assert found == (None if expected is None else DAY + timedelta(days=expected))


def test_the_pace_has_a_sign() -> None:
    """Persons a day, to a tenth; without a day there is none."""
    assert pace(42, 28, 14) == 1
    assert pace(28, 31, 14) == Decimal("-0.2")
    assert pace(28, 20, 0) == 0


@given(st.integers(1, 1000), st.integers(1, 100_000), st.data())
def test_points_are_a_share_and_full_only_for_all(most: int, b: int, data: st.DataObject) -> None:
    """0 for nobody, the most for everybody and for nobody less, never more, and rising with a."""
    a = data.draw(st.integers(0, b))
    found = points(a, b, most)
    assert 0 <= found <= most
    assert (found == most) == (a == b)
    assert abs(found - Decimal(a) * most / b) <= Decimal("0.1")
    if a:
        assert points(a - 1, b, most) <= found


def test_the_usual_table_has_a_hundred_points_and_the_field_s_reasons() -> None:
    """A new campaign's table adds up; every reason of domain.md 3.1 can be given."""
    assert sum(most for _, _, most, _ in USUAL_CRITERIA) == 100
    assert {measure for *_, measure in USUAL_CRITERIA} == set(Measure) - {Measure.TYPED}
    assert len(LackCause) == 8 + 1


PDF = b"%PDF-1.7\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bang.pdf", b"<html>"),
        ("trong.pdf", b""),
        ("chuong-trinh.exe", b"MZ\x90\x00"),
        ("anh.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("nen.docx", b"PK\x03\x04 but no archive"),
        ("lon.pdf", PDF + bytes(20 * 1024 * 1024)),
    ],
)
def test_evidence_is_known_by_its_bytes(name: str, content: bytes) -> None:
    """A name proves nothing: what is no PDF, picture or office document is refused by name."""
    with pytest.raises(Invalid) as refused:
        media_type_of(name, content)
    assert refused.value.field == "file"
    assert name in str(refused.value)


@pytest.mark.parametrize(
    ("extra", "accepted"), [((), True), (("xl/vbaProject.bin",), False), (("word/x.xml",), True)]
)
def test_a_workbook_is_taken_without_macros(extra: tuple[str, ...], accepted: bool) -> None:
    """An archive is an office document by its main part, unless a macro comes with it."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in ("[Content_Types].xml", "xl/workbook.xml", *extra):
            archive.writestr(name, "x")
    if accepted:
        assert media_type_of("a.xlsx", made.getvalue()).endswith("spreadsheetml.sheet")
    else:
        with pytest.raises(Invalid):
            media_type_of("a.xlsx", made.getvalue())
