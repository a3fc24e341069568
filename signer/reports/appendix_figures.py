"""Fills the appendix table of a day (domain.md 3.1), unit by unit."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import aliased

from signer.ca.models import Certificate
from signer.clock import HANOI
from signer.db import db
from signer.inventory.duplicates import families
from signer.inventory.kinds import PersonKind, UnitKind
from signer.inventory.models import Person, PersonPeriod
from signer.inventory.states import LEFT_STATES
from signer.inventory.storage import in_chunks
from signer.issuance.models import SigningKey
from signer.outside.kinds import Carrier
from signer.outside.models import OutsideCertificate
from signer.reports import sums
from signer.reports.appendix import (
    EXPIRING_DAYS,
    FIGURES,
    Appendix,
    AppendixFigures,
    AppendixRow,
)
from signer.reports.coverage import Facet, Standing, UnitOnDay, lineage, rows_below
from signer.reports.facts import histories
from signer.reports.scope import Scope
from signer.reports.standing import CHUNK, STEPS, stored
from signer.reports.timeline import History, day_number, joined, standing_in, state_at, unpack
from signer.signing.models import Signature

_ORDER = {
    kind: place
    for place, kind in enumerate(
        (
            *(UnitKind.CITY, UnitKind.DEPARTMENT, UnitKind.DISTRICT, UnitKind.WARD),
            *(UnitKind.COMMUNE, UnitKind.SERVICE_UNIT, UnitKind.DIVISION),
        )
    )
}
"""Blocks of rows, as domain.md 3.1 orders them."""
_KIND_COLUMNS = {
    PersonKind.CADRE: "cadres",
    PersonKind.CIVIL_SERVANT: "civil_servants",
    PersonKind.PUBLIC_EMPLOYEE: "public_employees",
    PersonKind.WORKER: "workers",
}
_CARRIER_COLUMNS = {
    Carrier.TOKEN: "token",
    Carrier.SIM: "sim_pki",
    Carrier.CENTRAL: "central",
    Carrier.HSM: "central",
    Carrier.UNKNOWN: "other_carrier",
}
Counts = dict[str, int]


class AppendixDay:
    """Counts what the appendix says of one day, unit by unit; may take seconds."""

    def __init__(self, day: date, since: date, *, own_ca_counts: bool) -> None:
        """`since` is the day before the first whose signatures are counted."""
        self._day, self._since = day, since
        self._number = day_number(day)
        self._own_ca_counts = own_ca_counts
        self._counts: dict[int, Counts] = {}

    def table(self, where: Scope) -> Appendix:
        """The rows and their total."""
        self._count_coverage()
        self._count_roster()
        self._count_endings()
        self._count_signatures()
        rows, total = _rolled_up(self._counts, where)
        return Appendix(
            as_of=self._day,
            since=self._since,
            code=where.single.code if where.single else None,
            name=where.single.name if where.single else None,
            rows=rows,
            total=total,
        )

    def _add(self, unit_id: int, name: str, count: int = 1) -> None:
        counts = self._counts.setdefault(unit_id, {})
        counts[name] = counts.get(name, 0) + count

    def _count_coverage(self) -> None:
        for unit_id, figures in sums.figures_by_unit(self._number, Facet.ALL).items():
            self._add(unit_id, "persons", figures.persons)
            self._add(unit_id, "covered", figures.covered)
            self._add(unit_id, "pending", figures.pending)
            for carrier, count in figures.carriers.items():
                self._add(unit_id, _CARRIER_COLUMNS[carrier], count)

    def _count_roster(self) -> None:
        """Everybody who had not left on the day, counted or not."""
        rows = db.session.execute(
            select(PersonPeriod.unit_id, PersonPeriod.kind, func.count())
            .where(
                self._is_on_day(),
                PersonPeriod.state.not_in(LEFT_STATES),
                PersonPeriod.person_id.not_in(
                    select(Person.id).where(Person.merged_into_id.is_not(None))
                ),
            )
            .group_by(PersonPeriod.unit_id, PersonPeriod.kind)
        )
        for unit_id, kind, count in rows:
            self._add(unit_id, "total", count)
            if kind is not None:
                self._add(unit_id, _KIND_COLUMNS[kind], count)

    def _count_endings(self) -> None:
        """Whose cover ends soon, and who left with a certificate that is still valid."""
        for chunk in in_chunks(sorted(self._leavers() | self._ending()), CHUNK):
            found = histories(families(chunk), own_ca_counts=self._own_ca_counts)
            # Somebody merged may be met in two chunks: only the one that counts is asked for.
            for person_id in found.keys() & set(chunk):
                self._count_ending(found[person_id])

    def _count_ending(self, history: History) -> None:
        day = self._number
        period = history.period_on(day)
        if period is None:
            return
        # What our CA issued later was not known on the day.
        known = [cover for cover in history.covers if cover.first <= day or not cover.is_own]
        is_held = any(first <= day <= last for first, last in joined(known))
        if period.has_left and is_held:
            self._add(period.unit_id, "must_revoke")
        for first, last in joined(cover for cover in known if cover.counts):
            if period.is_counted and first <= day <= last <= day + EXPIRING_DAYS:
                self._add(period.unit_id, "expiring")

    def _leavers(self) -> set[int]:
        """Persons who had left on the day, of whom some key or device is known."""
        outside = select(OutsideCertificate.person_id).where(
            OutsideCertificate.person_id.is_not(None)
        )
        newest = aliased(Certificate)
        in_force = (
            select(SigningKey.person_id)
            .join(newest, newest.id == SigningKey.certificate_id)
            .join(Certificate, Certificate.spki_sha256 == newest.spki_sha256)
            .where(
                SigningKey.person_id == PersonPeriod.person_id,
                Certificate.not_after >= _begin(self._day),
            )
            .exists()
        )
        return self._heads(
            db.session.scalars(
                select(PersonPeriod.person_id).where(
                    self._is_on_day(),
                    PersonPeriod.state.in_(LEFT_STATES),
                    or_(in_force, PersonPeriod.person_id.in_(outside)),
                )
            )
        )

    def _ending(self) -> set[int]:
        """Persons with a certificate that ends soon after the day, perhaps not their last."""
        begin = _begin(self._day)
        end = _begin(self._day + timedelta(days=EXPIRING_DAYS + 2))
        newest = aliased(Certificate)
        own = (
            select(SigningKey.person_id)
            .join(newest, newest.id == SigningKey.certificate_id)
            .join(Certificate, Certificate.spki_sha256 == newest.spki_sha256)
            .where(Certificate.not_after.between(begin, end))
        )
        outside = select(OutsideCertificate.person_id).where(
            OutsideCertificate.person_id.is_not(None),
            OutsideCertificate.counted_until.between(begin, end),
        )
        found: Iterable[Any] = db.session.scalars(own.union(outside))
        return self._heads(found)

    def _heads(self, person_ids: Iterable[int]) -> set[int]:
        """These persons, by the ones that count for them."""
        heads: set[int] = set()
        for chunk in in_chunks(person_ids, CHUNK):
            heads |= set(families(chunk).values())
        return heads

    def _count_signatures(self) -> None:
        """Who of the covered signed in the period, and how often."""
        rows = db.session.execute(
            select(Signature.person_id, func.count())
            .where(
                Signature.signed_at >= _begin(self._since + timedelta(days=1)),
                Signature.signed_at < _begin(self._day + timedelta(days=1)),
            )
            .group_by(Signature.person_id)
        )
        times_of: dict[int, int] = {}
        for chunk in in_chunks(rows, CHUNK):
            head_of = families(row[0] for row in chunk)
            for person_id, times in chunk:
                head = head_of[person_id]
                times_of[head] = times_of.get(head, 0) + times
        for people in in_chunks(times_of, CHUNK):
            for person_id, row in stored(people).items():
                unit_id, code = state_at(unpack(row[STEPS]), self._number)
                if standing_in(code) is Standing.COVERED:
                    self._add(unit_id, "signed_persons")
                    self._add(unit_id, "signed_times", times_of[person_id])

    def _is_on_day(self) -> ColumnElement[bool]:
        return and_(
            PersonPeriod.valid_from <= self._day,
            or_(PersonPeriod.valid_to.is_(None), PersonPeriod.valid_to >= self._day),
        )


def _rolled_up(
    counts: Mapping[int, Counts], where: Scope
) -> tuple[tuple[AppendixRow, ...], AppendixFigures]:
    """The rows in the order of the report, and the total of them all."""
    by_path = {unit.path: unit for unit in where.units}
    upper = rows_below(by_path, where.paths)
    lower = {path: rows_below(by_path, [path]) for path in upper}
    of_row: dict[str, Counts] = {path: {} for path in upper}
    of_row |= {path: {} for below in lower.values() for path in below}
    total: Counts = {}
    direct: Counts = {}
    for unit_id, unit_counts in counts.items():
        path = where.path_of.get(unit_id)
        if path is None or not any(path.startswith(root) for root in where.paths):
            continue
        places = [of_row[p] for p in lineage(path) if p in of_row]
        for target in (total, *(places or [direct])):
            for name, count in unit_counts.items():
                target[name] = target.get(name, 0) + count
    rows = []
    if where.single and any(direct.values()):
        rows.append(_row(where.single, direct, is_direct=True))
    for path in _in_order(upper, by_path):
        rows.append(_row(by_path[path], of_row[path]))
        rows += [
            _row(by_path[below], of_row[below], level=1)
            for below in _in_order(lower[path], by_path)
        ]
    return tuple(rows), AppendixFigures(**total)


def _in_order(paths: Iterable[str], by_path: Mapping[str, UnitOnDay]) -> list[str]:
    return sorted(paths, key=lambda p: (_ORDER[by_path[p].kind], by_path[p].sort_key, p))


def _row(
    unit: UnitOnDay, counts: Counts, *, level: int = 0, is_direct: bool = False
) -> AppendixRow:
    figures = {name: counts.get(name, 0) for name in FIGURES}
    return AppendixRow(
        code=unit.code,
        name=unit.name,
        kind=unit.kind,
        level=level,
        is_direct=is_direct,
        **figures,
    )


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), HANOI)
