"""What coverage is: how many of the persons counted on a day hold a valid certificate that day.

Pure rules, no database. Persons are counted, never certificates (requirements R15, R54): whoever
holds two certificates counts once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from enum import StrEnum

from signer.inventory.kinds import PersonKind, UnitKind
from signer.outside.kinds import Carrier

_TENTH = Decimal("0.1")
_ALL = Decimal(100)


class Standing(StrEnum):
    """Where a counted person stands; nobody is in two of them."""

    COVERED = "covered"
    PENDING = "pending"
    """Not covered, and a request for the person is open."""
    LACKING = "lacking"


class Facet(StrEnum):
    """The groups that figures are kept for; everybody counted is in ALL and in at most one kind."""

    ALL = "all"
    CADRE = PersonKind.CADRE.value
    CIVIL_SERVANT = PersonKind.CIVIL_SERVANT.value
    PUBLIC_EMPLOYEE = PersonKind.PUBLIC_EMPLOYEE.value
    WORKER = PersonKind.WORKER.value
    LEADER = "leader"
    ONE_STOP = "one_stop"


class View(StrEnum):
    """The lists of people behind the figures (R55)."""

    HAS = "has"
    LACKS = "lacks"
    """Neither covered nor pending."""
    PENDING = "pending"
    EXPIRING = "expiring"
    """Covered, and the certificate that lasts longest ends soon."""
    UNUSED = "unused"
    """Covered by our own CA, and no signature for `unused_after_days`; what a certificate from
    outside signed elsewhere is not known here."""
    MUST_REVOKE = "must_revoke"
    """Left, and a certificate is still valid."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Three groups that never overlap: covered, pending, and lacking, which is the rest."""

    persons: int = 0
    covered: int = 0
    pending: int = 0
    """Not covered, and a request for the person was open on that day."""
    carriers: Mapping[Carrier, int] = field(default_factory=dict)
    """The covered by where their key lives; who has several carriers counts for the first."""

    @property
    def lacking(self) -> int:
        """Persons with neither a valid certificate nor an open request."""
        return self.persons - self.covered - self.pending

    @property
    def gap(self) -> int:
        """Persons still to be covered, whether requested or not."""
        return self.persons - self.covered

    @property
    def rate(self) -> Decimal | None:
        """Percent covered, to one decimal; None when nobody is counted."""
        return coverage_rate(self.covered, self.persons)

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            persons=self.persons + other.persons,
            covered=self.covered + other.covered,
            pending=self.pending + other.pending,
            carriers={
                carrier: self.carriers.get(carrier, 0) + other.carriers.get(carrier, 0)
                for carrier in Carrier
                if carrier in self.carriers or carrier in other.carriers
            },
        )


@dataclass(frozen=True, kw_only=True)
class UnitOnDay:
    """A unit of the tree as it stood on the day asked about."""

    code: str
    name: str
    path: str
    sort_key: str
    kind: UnitKind


@dataclass(frozen=True, kw_only=True)
class UnitCoverage(Figures):
    """The figures of one unit with everything below it."""

    code: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Coverage(Figures):
    """The figures of one day, in all and by unit, the largest remaining gap first."""

    as_of: date
    code: str | None
    """The unit asked about; None when the figures cover several units side by side."""
    name: str | None
    units: tuple[UnitCoverage, ...]
    direct: Figures
    """Persons that sit in the unit itself and so in none of the rows."""

    def to_json(self) -> dict[str, object]:
        """The machine-readable answer of the command line and of the API."""
        return {
            "as_of": self.as_of.isoformat(),
            "unit": self.code,
            **figures_json(self),
            "units": [
                {"code": unit.code, "name": unit.name, **figures_json(unit)} for unit in self.units
            ],
        }


@dataclass(frozen=True, kw_only=True)
class DayFigures:
    """The figures at the end of one day."""

    day: date
    figures: Figures


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """When everybody is covered if it goes on at the pace of the last days."""

    per_day: Decimal
    """By how many persons a day the gap shrank; zero or less when it did not."""
    ends_on: date | None
    """None: not at this pace."""
    gap: int


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """The open request that a pending person waits for."""

    request_id: int
    state: str
    """pending: for a decision; approved: for the certificate."""
    requested_by: str


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One person in a list behind the figures."""

    person_id: int
    code: str
    full_name: str
    unit_code: str
    unit_name: str
    title: str | None
    carrier: Carrier | None
    covered_until: date | None
    pending_since: date | None
    waiting: Waiting | None
    """Only of who is pending."""


def forecast(before: Figures, now: Figures, *, today: date, over_days: int) -> Forecast:
    """The end at the pace between two days' figures, `over_days` apart, the later one today."""
    per_day = Decimal(before.gap - now.gap) / over_days
    ends_on = None
    if now.gap == 0:
        ends_on = today
    elif per_day > 0:
        days_left = -(-now.gap * over_days // (before.gap - now.gap))
        if days_left <= (date.max - today).days:
            ends_on = today + timedelta(days=days_left)
    return Forecast(per_day=per_day, ends_on=ends_on, gap=now.gap)


def coverage_rate(covered: int, persons: int) -> Decimal | None:
    """Percent to one decimal, half-up; None for nobody.

    100 means everybody: 2,499 of 2,500 are 99.96 %, which would round up and is shown as 99.9
    (requirement R54).
    """
    if not 0 <= covered <= persons:
        raise ValueError(f"{covered} of {persons} is no coverage")
    if persons == 0:
        return None
    exact = Decimal(covered) * 100 / Decimal(persons)
    rounded = exact.quantize(_TENTH, rounding=ROUND_HALF_UP)
    if rounded >= _ALL and covered < persons:
        return exact.quantize(_TENTH, rounding=ROUND_FLOOR)
    return rounded


def roll_up(
    counted: Mapping[str, Figures], units: Iterable[UnitOnDay], root_paths: Sequence[str]
) -> tuple[Figures, Figures, tuple[UnitCoverage, ...]]:
    """The figures in all, those of the root itself, and one row per unit below it.

    `counted` gives the figures of each unit path alone. With one root the rows are its children,
    with several they are the roots. A path that is no unit of that day counts for the nearest
    unit above it that is: closing a unit must not make its people disappear from the total.
    """
    by_path = {unit.path: unit for unit in units}
    totals: dict[str, Figures] = {path: Figures() for path in rows_below(by_path, root_paths)}
    overall = direct = Figures()
    for path, figures in counted.items():
        if not any(path.startswith(root) for root in root_paths):
            continue
        overall += figures
        row = next((p for p in lineage(path) if p in totals), None)
        if row is not None:
            totals[row] += figures
        elif len(root_paths) == 1:
            direct += figures
    order = sorted(totals, key=lambda p: (-totals[p].gap, by_path[p].sort_key, by_path[p].code))
    rows = [
        UnitCoverage(code=by_path[p].code, name=by_path[p].name, **vars(totals[p])) for p in order
    ]
    return overall, direct, tuple(rows)


def rows_below(by_path: Mapping[str, UnitOnDay], root_paths: Sequence[str]) -> list[str]:
    """The paths that get a row: what is directly below one root, or several roots themselves."""
    if len(root_paths) > 1:
        return [path for path in root_paths if path in by_path]

    def above(path: str) -> str | None:
        return next((p for p in lineage(path)[1:] if p in by_path), None)

    return [path for path in by_path if above(path) == root_paths[0]]


def lineage(path: str) -> list[str]:
    """The path and all above it, the nearest first: `1.2.` gives `1.2.` and `1.`."""
    steps = path.split(".")[:-1]
    return [".".join(steps[:count]) + "." for count in range(len(steps), 0, -1)]


def figures_json(figures: Figures) -> dict[str, object]:
    # One decimal survives as a float exactly as it is printed.
    return {
        "persons": figures.persons,
        "covered": figures.covered,
        "pending": figures.pending,
        "lacking": figures.lacking,
        "rate": None if figures.rate is None else float(figures.rate),
    }
