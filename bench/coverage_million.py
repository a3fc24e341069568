"""Coverage of a million persons: the page's figures today and in the past, and the lists behind.

The floor is how long the database counts the people of a day, unit by unit, without asking who is
covered: what a page costs that keeps no sums cannot be less.
"""

import time
from collections.abc import Callable
from datetime import date
from typing import Any

from _million import city_of
from sqlalchemy import func, or_, select

from signer.accounts import SYSTEM
from signer.db import Base, db
from signer.inventory.models import PersonPeriod
from signer.inventory.paging import token_of
from signer.reports.coverage import Facet, View
from signer.reports.service import Reports
from signer.services import Services

TODAY_MS, PAST_MS, LIST_MS = 100, 1000, 50
ROUNDS = 5  # the best counts: other work on the machine only ever adds to a time
PAST = (date(2025, 6, 29), date(2025, 6, 30), date(2025, 7, 1), date(2019, 3, 5))
DEPTHS = ("", "L", "Q", "X", "~")
"""Places in the order of names: the first page, others, and behind the last."""


def measure(persons: int = 1_000_000, *, postgresql: bool = False) -> dict[str, Any]:
    """Milliseconds for the data of the coverage page, the slower of the city and a subtree."""
    with city_of(persons=persons, certificates=10 * persons, postgresql=postgresql) as app:
        rooms: Services = app.extensions["signer"]
        reports = rooms.reports
        rebuilt, checked = _made_anew(reports)
        units = {"city": None, **_units(reports)}
        today = {
            name: _best_of(lambda code=code: _page(reports, code)) for name, code in units.items()
        }
        past = {
            f"{name} {day}": _best_of(lambda day=day, code=code: _page(reports, code, day))
            for name, code in units.items()
            for day in PAST
            if code is None or day > date(2025, 6, 30)
        }
        trends = {
            name: _best_of(lambda code=code: reports.trend(SYSTEM, unit_code=code))
            for name, code in units.items()
        }
        lists, counts = _lists(reports, units)
        floor = _best_of(lambda: _counted_from_periods(rooms.clock.today()))
    slowest, page, count = (max(told, key=told.__getitem__) for told in (today, lists, counts))
    return {
        "value": round(today[slowest], 1),
        "unit": "ms",
        "floor": round(floor, 1),
        "ratio": round(floor / today[slowest], 2),
        "conditions": {
            "wanted": f"today below {TODAY_MS}, past below {PAST_MS}, list pages {LIST_MS} ms",
            "today, figures and groups, ms": _rounded(today),
            "past days, ms": _rounded(past),
            "trend of 60 days, ms": _rounded(trends),
            "slowest list page": f"{page}: {lists[page]:.1f} ms",
            "slow list pages, ms": _rounded({k: v for k, v in lists.items() if v > LIST_MS / 2}),
            "slowest count": f"{count}: {counts[count]:.1f} ms",
            "rebuild, s": round(rebuilt, 1),
            "recount and comparison, s": round(checked, 1),
            "persons": persons,
            "database": "PostgreSQL" if postgresql else "SQLite",
        },
    }


def _made_anew(reports: Reports) -> tuple[float, float]:
    """Seconds to make everything kept anew, and to compare all of it with the raw rows."""
    tables = [Base.metadata.tables[name] for name in ("coverage_sum", "standing")]
    db.session.rollback()
    Base.metadata.drop_all(db.engine, tables)
    Base.metadata.create_all(db.engine, tables)
    begin = time.perf_counter()
    reports.rebuild()
    rebuilt = time.perf_counter() - begin
    if db.engine.dialect.name == "postgresql":  # as its own housekeeping does within minutes
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE standing, coverage_sum")
    begin = time.perf_counter()
    if (found := reports.first_difference()) is not None:
        raise RuntimeError(f"the figures are not what the rows say: {found}")
    return rebuilt, time.perf_counter() - begin


def _page(reports: Reports, unit_code: str | None, day: date | None = None) -> None:
    """What the coverage page asks for."""
    reports.coverage(SYSTEM, unit_code=unit_code, as_of=day)
    reports.facets(SYSTEM, unit_code=unit_code, as_of=day)


def _units(reports: Reports) -> dict[str, str]:
    """The largest, a middling and the smallest unit directly below the city."""
    units = sorted(reports.coverage(SYSTEM).units, key=lambda unit: unit.persons)
    units = [unit for unit in units if unit.persons]
    return {
        "large": units[-1].code,
        "middling": units[len(units) // 2].code,
        "small": units[0].code,
    }


def _lists(
    reports: Reports, units: dict[str, str | None]
) -> tuple[dict[str, float], dict[str, float]]:
    pages, counts = {}, {}
    for name, code in units.items():
        for view in View:
            for facet in (Facet.ALL, Facet.CADRE, Facet.LEADER):
                asked: dict[str, Any] = {"unit_code": code, "facet": facet}
                what = f"{view} {facet} {name}"
                for depth in DEPTHS:
                    asked["after"] = token_of((depth, 1)) if depth else None
                    ask = lambda view=view, asked=asked: reports.people(SYSTEM, view, **asked)  # noqa: E731  # one line of a table
                    pages[f"{what} {depth}"] = _best_of(ask)
                del asked["after"]
                counts[what] = _best_of(
                    lambda view=view, asked=asked: reports.count(SYSTEM, view, **asked)
                )
    return pages, counts


def _counted_from_periods(day: date) -> object:
    period = PersonPeriod
    return db.session.execute(
        select(period.unit_path, func.count())
        .where(
            period.counted,
            period.valid_from <= day,
            or_(period.valid_to.is_(None), period.valid_to >= day),
        )
        .group_by(period.unit_path)
    ).all()


def _rounded(told: dict[str, float]) -> dict[str, float]:
    return {name: round(ms, 1) for name, ms in told.items()}


def _best_of(ask: Callable[[], object]) -> float:
    """The least milliseconds; each time from the database, never from the session's memory."""
    seconds = []
    for _ in range(ROUNDS):
        db.session.rollback()
        db.session.expunge_all()
        begin = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - begin)
    return min(seconds) * 1000
