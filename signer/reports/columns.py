"""The columns of the appendix (domain.md 3.1), once for all formats, and its lines in order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from itertools import groupby

from signer.errors import N_
from signer.inventory.kinds import UnitKind
from signer.reports.appendix import Appendix, AppendixFigures
from signer.reports.wording import Say, in_vietnamese, number_text, rate_text

Cell = int | Decimal | str | None
"""A count, a rate in percent, a text; None is a rate of nobody, shown as a dash."""


class Sort(StrEnum):
    """How a column's cells are written."""

    TEXT = "text"
    COUNT = "count"
    RATE = "rate"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column; `key` names what it shows of a line or of its figures."""

    key: str
    heading: str
    group: str = ""
    """The heading that stands above this one and its neighbours of the same group."""
    sort: Sort = Sort.COUNT

    def title(self, say: Say = in_vietnamese) -> str:
        """The whole heading, for where columns stand alone."""
        return f"{say(self.group)}: {say(self.heading)}" if self.group else say(self.heading)


_STAFF, _ISSUED = N_("Tổng số CBCCVC, người lao động"), N_("Đã được cấp")
_SIGNED = N_("Đã ký trong kỳ")
COLUMNS = (
    Column(key="number", heading=N_("STT"), sort=Sort.TEXT),
    Column(key="label", heading=N_("Cơ quan, đơn vị"), sort=Sort.TEXT),
    Column(key="total", heading=N_("Tổng số"), group=_STAFF),
    Column(key="cadres", heading=N_("Cán bộ"), group=_STAFF),
    Column(key="civil_servants", heading=N_("Công chức"), group=_STAFF),
    Column(key="public_employees", heading=N_("Viên chức"), group=_STAFF),
    Column(key="workers", heading=N_("Người lao động"), group=_STAFF),
    Column(key="persons", heading=N_("Thuộc diện cấp")),
    Column(key="covered", heading=N_("Tổng số"), group=_ISSUED),
    Column(key="token", heading=N_("Token"), group=_ISSUED),
    Column(key="sim_pki", heading=N_("SIM PKI"), group=_ISSUED),
    Column(key="central", heading=N_("Tập trung"), group=_ISSUED),
    Column(key="other_carrier", heading=N_("Chưa rõ"), group=_ISSUED),
    Column(key="pending", heading=N_("Đang chờ cấp")),
    Column(key="lacking", heading=N_("Chưa cấp")),
    Column(key="rate", heading=N_("Tỷ lệ (%)"), sort=Sort.RATE),
    Column(key="expiring", heading=N_("Sắp hết hạn (60 ngày)")),
    Column(key="must_revoke", heading=N_("Phải thu hồi chưa thu hồi")),
    Column(key="signed_persons", heading=N_("Người"), group=_SIGNED),
    Column(key="signed_times", heading=N_("Lượt"), group=_SIGNED),
    Column(key="use_rate", heading=N_("Tỷ lệ sử dụng (%)"), sort=Sort.RATE),
    Column(key="remark", heading=N_("Nguyên nhân, kiến nghị"), sort=Sort.TEXT),
)


@dataclass(frozen=True, kw_only=True)
class Span:
    """A heading of the upper row of the header, over the columns from `first` to `last`."""

    first: int
    last: int
    heading: str
    is_group: bool
    """Its columns have headings of their own below; otherwise it fills both rows."""

    @property
    def below(self) -> range:
        """The columns whose headings stand in the lower row."""
        return range(self.first, self.last + 1) if self.is_group else range(0)


def spans_of(all_columns: Sequence[Column]) -> Iterator[Span]:
    """The headings of the upper row, from left to right."""
    first = 0
    for name, columns in groupby(all_columns, lambda column: column.group or column.heading):
        last = first + len(list(columns)) - 1
        is_group = bool(all_columns[first].group)
        yield Span(first=first, last=last, heading=name, is_group=is_group)
        first = last + 1


SPANS = tuple(spans_of(COLUMNS))

# In the order of the report (domain.md 3.1); districts until 30/06/2025 only.
_BLOCKS: dict[UnitKind, str] = {
    UnitKind.CITY: N_("Thành phố"),
    UnitKind.DEPARTMENT: N_("Khối sở, ban, ngành"),
    UnitKind.DISTRICT: N_("Khối quận, huyện, thị xã"),
    UnitKind.WARD: N_("Khối phường"),
    UnitKind.COMMUNE: N_("Khối xã"),
    UnitKind.SERVICE_UNIT: N_("Đơn vị sự nghiệp"),
    UnitKind.DIVISION: N_("Phòng, bộ phận"),
}
_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the table: a block's heading, a unit, a unit below one, or the total."""

    number: str
    label: str
    figures: AppendixFigures | None
    """None for a block's heading, which has no figures of its own."""
    level: int = 0
    code: str = ""
    remark: str = ""
    is_total: bool = False

    def cell(self, column: Column) -> Cell:
        """What stands in the column."""
        if column.sort is Sort.TEXT:
            return str(getattr(self, column.key))
        found: Cell = getattr(self.figures, column.key) if self.figures else ""
        return found

    def texts(self, locale: str = "vi") -> tuple[str, ...]:
        """All cells as they are read on paper and on a page."""
        return tuple(text_of(self.cell(column), column, locale) for column in COLUMNS)


def text_of(cell: Cell, column: Column, locale: str = "vi") -> str:
    """1.234 and 98,5 in Vietnamese; the heading of a rate has the percent sign."""
    if isinstance(cell, str):
        return cell
    if column.sort is Sort.RATE:
        return rate_text(Decimal(cell) if cell is not None else None, locale).removesuffix("%")
    return number_text(int(cell or 0), locale)


def lines_of(
    appendix: Appendix, remarks: Mapping[str, str], say: Say = in_vietnamese
) -> tuple[Line, ...]:
    """The table in the appendix's own order, the total last.

    `remarks` has the last column by the code of a unit of level 0. Blocks get headings when there
    are several; units are counted on through all of them, units below as 3.1, 3.2.
    """
    kinds = dict.fromkeys(r.kind for r in appendix.rows if r.level == 0 and not r.is_direct)
    headings = dict(zip(kinds, _ROMAN, strict=False)) if len(kinds) > 1 else {}
    lines: list[Line] = []
    unit = below = 0
    for row in appendix.rows:
        number, label = "", row.name
        if row.is_direct:
            label = say(N_("Trực tiếp tại %(unit)s"), unit=row.name)
        elif row.level:
            below += 1
            number = f"{unit}.{below}"
        else:
            if roman := headings.pop(row.kind, None):
                lines.append(Line(number=roman, label=say(_BLOCKS[row.kind]), figures=None))
            unit, below = unit + 1, 0
            number = str(unit)
        line = Line(number=number, label=label, figures=row, level=row.level, code=row.code)
        lines.append(line if row.level else replace(line, remark=remarks.get(row.code, "")))
    total = Line(number="", label=say(N_("Tổng cộng")), figures=appendix.total, is_total=True)
    return (*lines, total)
