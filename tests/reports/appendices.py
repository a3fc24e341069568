"""A month's appendix as it could be, and the report made of it."""

from dataclasses import replace
from datetime import date

from signer.inventory.kinds import UnitKind
from signer.reports.appendix import FIGURES, Appendix, AppendixFigures, AppendixRow
from signer.reports.coverage import Facet, Figures
from signer.reports.decree30 import Paper
from signer.reports.periods import Period, PeriodKind, period_of
from signer.reports.report_text import ReportText, drafted, paper_of

NOVEMBER: Period = period_of(PeriodKind.MONTH, date(2026, 11, 14), closing_day=14)
CITY = "Ủy ban nhân dân thành phố Hà Nội"


def figures(total: int, covered: int, pending: int = 0) -> dict[str, int]:
    """Figures that add up: all are civil servants, all but two of them counted."""
    token, signed = covered // 2, covered // 3
    return {
        "total": total,
        "civil_servants": total,
        "persons": total - 2,
        "covered": covered,
        "token": token,
        "central": covered - token,
        "pending": pending,
        "expiring": covered // 10,
        "must_revoke": 1,
        "signed_persons": signed,
        "signed_times": signed * 7,
    }


def a_row(name: str, kind: UnitKind, level: int = 0, **changes: int) -> AppendixRow:
    code = name.upper().replace(" ", "")[:20]
    return AppendixRow(code=code, name=name, kind=kind, level=level, **changes)


ROWS = (
    a_row("Sở Nội vụ", UnitKind.DEPARTMENT, **figures(1252, 1249)),
    a_row("Phòng Tổ chức", UnitKind.DIVISION, 1, **figures(20, 11, 3)),
    a_row("Phòng Cải cách", UnitKind.DIVISION, 1, **figures(12, 10)),
    a_row("Phường Văn Miếu - Quốc Tử Giám", UnitKind.WARD, **figures(2502, 2499)),
    a_row("Xã Ứng Hòa", UnitKind.COMMUNE, **figures(75, 40, 12)),
    a_row("Xã Chuyên Mỹ", UnitKind.COMMUNE),
)


def appendix_of(*rows: AppendixRow) -> Appendix:
    """The table of these rows with its total."""
    top = [row for row in rows if row.level == 0]
    total = {name: sum(getattr(row, name) for row in top) for name in FIGURES}
    return Appendix(
        as_of=NOVEMBER.ends_on,
        since=NOVEMBER.before,
        code="HN",
        name=CITY,
        rows=rows,
        total=AppendixFigures(**total),
    )


def text_of(appendix: Appendix, **changes: object) -> ReportText:
    text = drafted(
        NOVEMBER,
        appendix,
        {Facet.LEADER: Figures(persons=40, covered=39)},
        organisation=CITY.upper(),
        place="Hà Nội",
    )
    filled = {"number": "5", "name": "Nguyễn Thị Ánh", "signed_on": date(2026, 2, 5)}
    return replace(text, **(filled | changes))


def paper(*rows: AppendixRow, **changes: object) -> Paper:
    """The report on paper; without rows, the usual ones."""
    appendix = appendix_of(*(rows or ROWS))
    return paper_of(text_of(appendix, **changes), NOVEMBER, appendix, own_ca_counts=True)
