"""Figures for those who answer for them: how many, where, on which day, and who they are."""

from collections.abc import Iterator, Mapping
from datetime import date

from signer.accounts import Actor, Permission
from signer.clock import Clock
from signer.config import Settings
from signer.errors import N_, Invalid
from signer.inventory.paging import Page
from signer.reports import sums, views
from signer.reports.appendix import EXPIRING_DAYS, Appendix
from signer.reports.appendix_figures import AppendixDay
from signer.reports.coverage import (
    Coverage,
    DayFigures,
    Facet,
    Figures,
    Forecast,
    Listed,
    View,
    forecast,
    roll_up,
)
from signer.reports.recount import Recount
from signer.reports.scope import paths_of, scope_of, with_predecessors
from signer.reports.standing import Standings
from signer.reports.timeline import day_number, day_of

_PACE_DAYS = 14
"""The forecast goes on at the pace of so many last days."""


class Reports:
    """Answers questions about coverage, and keeps the figures true that answer them."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._settings = settings
        standings = Standings(settings, clock)
        recount = Recount(clock, standings)
        self.follow, self.bring_to_today = standings.follow, standings.bring_to_today
        self.first_difference, self.rebuild = recount.first_difference, recount.rebuild
        self.is_complete = recount.is_complete

    def coverage(
        self,
        actor: Actor,
        *,
        as_of: date | None = None,
        unit_code: str | None = None,
        facet: Facet = Facet.ALL,
    ) -> Coverage:
        """The coverage of a unit's subtree on a day, with one row per unit below it.

        A day is taken at its end in Hanoi, over the units and the people of that day
        (requirement R2); today, the default, as it will end if nothing more happens. Without a
        unit: the city for those who see all of it, else the actor's own units. Raises `Forbidden`
        outside the actor's units, `NotFound` for an unknown unit, `Invalid` for a day to come or
        on which the unit did not exist. Two queries, whatever the size of the city.
        """
        day = self._past_day(as_of)
        scope = scope_of(actor, day, unit_code)
        counted = sums.figures_by_unit(day_number(day), facet)
        by_path = {scope.path_of[i]: found for i, found in counted.items() if i in scope.path_of}
        overall, direct, rows = roll_up(by_path, scope.units, scope.paths)
        return Coverage(
            as_of=day,
            code=scope.single.code if scope.single else None,
            name=scope.single.name if scope.single else None,
            units=rows,
            direct=direct,
            **vars(overall),
        )

    def facets(
        self, actor: Actor, *, as_of: date | None = None, unit_code: str | None = None
    ) -> Mapping[Facet, Figures]:
        """The figures of each group of people on a day, over the units asked about."""
        day = self._past_day(as_of)
        return sums.figures_by_facet(day_number(day), scope_of(actor, day, unit_code).paths)

    def trend(
        self,
        actor: Actor,
        *,
        until: date | None = None,
        days: int = 60,
        unit_code: str | None = None,
        facet: Facet = Facet.ALL,
    ) -> tuple[DayFigures, ...]:
        """The figures of each of so many days, the last one `until` (today when None).

        Over the last day's subtree of the unit and the units that became part of it.
        """
        if days < 1:
            raise ValueError("a trend needs a day")
        until = self._past_day(until)
        last = day_number(until)
        first = max(last - days + 1, 0)
        paths = with_predecessors(scope_of(actor, until, unit_code).paths)
        changes = sums.changes_by_day(first, last, facet, paths)
        figures, found = Figures(), []
        for day in range(first, last + 1):
            figures += changes.get(day, Figures())
            found.append(DayFigures(day=day_of(day), figures=figures))
        return tuple(found)

    def forecast(self, actor: Actor, *, unit_code: str | None = None) -> Forecast:
        """When the gap of the unit closes at the pace of the last 14 days."""
        days = self.trend(actor, days=_PACE_DAYS + 1, unit_code=unit_code)
        today = self._clock.today()
        return forecast(days[0].figures, days[-1].figures, today=today, over_days=_PACE_DAYS)

    def appendix(
        self, actor: Actor, *, as_of: date, since: date, unit_code: str | None = None
    ) -> Appendix:
        """The appendix table of the periodic report; signatures are those after `since`.

        What ends soon, must be revoked and was signed is asked of the rows of the day and not
        kept: seconds, in a city of a million.
        """
        day = self._past_day(as_of)
        scope = scope_of(actor, day, unit_code)
        return AppendixDay(day, since, own_ca_counts=self._settings.own_ca_counts).table(scope)

    def people(
        self,
        actor: Actor,
        view: View,
        *,
        unit_code: str | None = None,
        facet: Facet = Facet.ALL,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Listed]:
        """A page of the people behind one figure of today, in the order of given names (R9)."""
        return views.page(self._asked(actor, view, unit_code, facet), after=after, limit=limit)

    def count(
        self, actor: Actor, view: View, *, unit_code: str | None = None, facet: Facet = Facet.ALL
    ) -> int:
        """How many people the same list has."""
        asked = self._asked(actor, view, unit_code, facet)
        if view not in (View.HAS, View.LACKS, View.PENDING):
            return views.count(asked)
        figures = sums.figures_by_facet(day_number(self._clock.today()), asked.paths)[facet]
        return {
            View.HAS: figures.covered,
            View.LACKS: figures.lacking,
            View.PENDING: figures.pending,
        }[view]

    def ids(
        self, actor: Actor, view: View, *, unit_code: str | None = None, facet: Facet = Facet.ALL
    ) -> Iterator[int]:
        """Everybody on the same list, for an act upon all of them."""
        return views.ids(self._asked(actor, view, unit_code, facet))

    def _asked(self, actor: Actor, view: View, unit_code: str | None, facet: Facet) -> views.Asked:
        today = self._clock.today()
        return views.Asked(
            view=view,
            paths=paths_of(actor, Permission.PERSON_VIEW, unit_code, today),
            facet=facet,
            until=day_number(today) + EXPIRING_DAYS,
        )

    def _past_day(self, day: date | None) -> date:
        today = self._clock.today()
        if day is not None and day > today:
            raise Invalid(N_("Chưa có số liệu của ngày trong tương lai."), field="as_of")
        if day is not None and day < day_of(0):
            raise Invalid(N_("Số liệu chỉ có từ ngày 01/01/2000."), field="as_of")
        return day or today
