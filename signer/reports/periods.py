"""The periods that reports are made for: which days they cover, and what they are called."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from signer.errors import N_, Invalid

_DAY = timedelta(days=1)
_FIRST_YEAR = 2000
"""Nothing that this house counts is older; the calendar itself ends at the year 1."""
_QUARTERS = ("I", "II", "III", "IV")


class PeriodKind(StrEnum):
    """How often a report is due."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


PERIOD_KIND_NAMES: dict[PeriodKind, str] = {
    PeriodKind.WEEK: N_("Tuần"),
    PeriodKind.MONTH: N_("Tháng"),
    PeriodKind.QUARTER: N_("Quý"),
    PeriodKind.YEAR: N_("Năm"),
}


@dataclass(frozen=True, kw_only=True)
class Period:
    """A stretch of whole days in Hanoi; figures are those at the end of the last one."""

    kind: PeriodKind
    starts_on: date
    ends_on: date

    @property
    def before(self) -> date:
        """The last day of the period before."""
        return self.starts_on - _DAY

    @property
    def title(self) -> str:
        """In the words of a paper: "tháng 11 năm 2026". A week is named by ISO 8601."""
        year = self.ends_on.year
        if self.kind is PeriodKind.WEEK:
            named = self.ends_on.isocalendar()
            return f"tuần {named.week} năm {named.year}"
        if self.kind is PeriodKind.MONTH:
            return f"tháng {self.ends_on.month} năm {year}"
        if self.kind is PeriodKind.QUARTER:
            return f"quý {_QUARTERS[(self.ends_on.month - 1) // 3]} năm {year}"
        return f"năm {year}"


def period_of(kind: PeriodKind, day: date, closing_day: int) -> Period:
    """The period the day falls into.

    A month, a quarter and a year end on `closing_day` of their last month and begin the day after
    the one before ended: with 14, November goes from 15/10 to 14/11 (Decree 09/2019/NĐ-CP,
    article 12, says so for all three). 31 means calendar months. A week goes from Monday to Sunday.
    """
    if kind is PeriodKind.WEEK:
        monday = day - day.weekday() * _DAY
        return Period(kind=kind, starts_on=monday, ends_on=monday + 6 * _DAY)
    months = {PeriodKind.MONTH: 1, PeriodKind.QUARTER: 3, PeriodKind.YEAR: 12}[kind]
    month = day.year * 12 + day.month - 1  # counted from the year 0, so that a step is a sum
    if day > _closing(month, closing_day):
        month += 1
    last = month - month % months + months - 1
    return Period(
        kind=kind,
        starts_on=_closing(last - months, closing_day) + _DAY,
        ends_on=_closing(last, closing_day),
    )


def periods_before(kind: PeriodKind, today: date, closing_day: int, count: int) -> list[Period]:
    """The newest periods that are over, the newest first: the ones that reports are due for."""
    found: list[Period] = []
    last = period_of(kind, today, closing_day)
    while len(found) < count:
        last = period_of(kind, last.before, closing_day)
        found.append(last)
    return found


def ended_period(kind: PeriodKind, day: date, today: date, closing_day: int) -> Period:
    """The period the day falls into; `Invalid` while it still runs: its figures may change."""
    if not _FIRST_YEAR <= day.year <= today.year + 1:
        raise Invalid(N_("Không có kỳ báo cáo nào ở năm %(year)s."), field="on", year=day.year)
    period = period_of(kind, day, closing_day)
    if period.ends_on >= today:
        raise Invalid(
            N_("Kỳ này đến hết ngày %(day)s mới kết thúc; hãy chốt số liệu từ ngày hôm sau."),
            field="on",
            day=f"{period.ends_on:%d/%m/%Y}",
        )
    return period


def _closing(month: int, closing_day: int) -> date:
    year, index = divmod(month, 12)
    return date(year, index + 1, min(closing_day, monthrange(year, index + 1)[1]))
