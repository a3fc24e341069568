"""The appendix table of the periodic report (domain.md 3.1): one row per unit, figures only.

Values, no database and no paper: `Reports.appendix` fills them, a snapshot freezes them, and
.docx, .pdf, .xlsx, .csv and the printable page all show these same ones.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any

from signer.inventory.kinds import UnitKind
from signer.reports.coverage import coverage_rate

EXPIRING_DAYS = 60
"""The column "Sắp hết hạn (60 ngày)"."""


@dataclass(frozen=True, kw_only=True)
class AppendixFigures:
    """The figures of one row; persons are those of the unit and all below it at the day's end."""

    total: int = 0
    """Everybody on the roster who has not left, counted or not; the four kinds are the parts of
    it whose kind the roster says."""
    cadres: int = 0
    civil_servants: int = 0
    public_employees: int = 0
    workers: int = 0
    persons: int = 0
    """Thuộc diện cấp: who is counted, the denominator of the rate."""
    covered: int = 0
    """Each person once; the four carriers add up to it."""
    token: int = 0
    sim_pki: int = 0
    central: int = 0
    """Signed centrally or in an HSM: the person carries nothing."""
    other_carrier: int = 0
    """Covered, and the carrier is not known."""
    pending: int = 0
    expiring: int = 0
    """Of the covered, whose last certificate ends within `EXPIRING_DAYS` after the day."""
    must_revoke: int = 0
    """Persons who may not keep the certificate that was in force on the day (they left)."""
    signed_persons: int = 0
    """Of the covered, who signed at least once in the period."""
    signed_times: int = 0
    """How often they signed in the period."""

    def __post_init__(self) -> None:
        kinds = self.cadres + self.civil_servants + self.public_employees + self.workers
        carriers = self.token + self.sim_pki + self.central + self.other_carrier
        fits = (
            min(getattr(self, name) for name in FIGURES) >= 0
            and kinds <= self.total
            and carriers == self.covered
            and self.covered + self.pending <= self.persons
            and max(self.expiring, self.signed_persons) <= self.covered
        )
        if not fits:
            raise ValueError(f"figures that do not add up: {self.figures()}")

    @property
    def lacking(self) -> int:
        """Persons with neither a valid certificate nor an open request."""
        return self.persons - self.covered - self.pending

    @property
    def rate(self) -> Decimal | None:
        """Percent covered (R54)."""
        return coverage_rate(self.covered, self.persons)

    @property
    def use_rate(self) -> Decimal | None:
        """Percent of the covered who signed in the period; None when nobody is covered."""
        return coverage_rate(self.signed_persons, self.covered)

    def figures(self) -> dict[str, int]:
        """Every stored figure by its name."""
        return {name: getattr(self, name) for name in FIGURES}


FIGURES = tuple(field.name for field in fields(AppendixFigures))


@dataclass(frozen=True, kw_only=True)
class AppendixRow(AppendixFigures):
    """A unit, or a unit below one (`level` 1, in small type below its parent's row)."""

    code: str
    name: str
    kind: UnitKind
    level: int = 0
    is_direct: bool = False
    """Persons who sit in the unit reported on itself and so in none of its units: code, name and
    kind are that unit's. With this row the rows of level 0 add up to the total."""


@dataclass(frozen=True, kw_only=True)
class Appendix:
    """The table of one period, in the order of the report.

    Departments, (districts until 30/06/2025,) wards, communes, public service units, divisions;
    in each block by name in Vietnamese order; each row of level 0 followed by its rows of level 1;
    the direct row, if anybody is in it, first.
    """

    as_of: date
    since: date
    """The day before the period's first: signatures after it, up to the end of `as_of`."""
    code: str | None
    """The unit reported on; None when several units stand side by side."""
    name: str | None
    rows: tuple[AppendixRow, ...]
    total: AppendixFigures

    def to_json(self) -> dict[str, object]:
        """What a snapshot freezes."""
        days = {"as_of": self.as_of.isoformat(), "since": self.since.isoformat()}
        return asdict(self) | days

    @classmethod
    def from_json(cls, frozen: Mapping[str, Any]) -> "Appendix":  # JSON as `to_json` wrote it
        """The value that `to_json` wrote."""
        return cls(
            as_of=date.fromisoformat(frozen["as_of"]),
            since=date.fromisoformat(frozen["since"]),
            code=frozen["code"],
            name=frozen["name"],
            rows=tuple(
                AppendixRow(**row | {"kind": UnitKind(row["kind"])}) for row in frozen["rows"]
            ),
            total=AppendixFigures(**frozen["total"]),
        )
