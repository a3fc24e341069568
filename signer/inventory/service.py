"""The inventory: which units the city has, who works in them, since when and in which state."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Select, or_, select, update

from signer.accounts import SYSTEM, Accounts, Actor, Permission, in_subtree, visible
from signer.audit import Audit
from signer.clock import Clock
from signer.config import Settings
from signer.db import advisory_lock, among, db, told, transaction
from signer.errors import N_, Conflict, NotFound
from signer.files import Files
from signer.inventory.bodies import Bodies
from signer.inventory.duplicates import Duplicates
from signer.inventory.facts import PersonFacts, changes_between
from signer.inventory.importing import RosterImports
from signer.inventory.judging import PlannedRow, Verdict
from signer.inventory.models import OrgUnit, Person, PersonPeriod, UnitKind
from signer.inventory.names import clean_text
from signer.inventory.paging import Page
from signer.inventory.people import EVERYBODY, Listed, Listing, PeopleFilter
from signer.inventory.persons import Persons
from signer.inventory.policy_change import PolicyChange
from signer.inventory.states import PersonState
from signer.inventory.storage import (
    ROSTER_LOCK,
    Stored,
    Storing,
    known_people,
    known_units,
)
from signer.inventory.structure import Structure
from signer.inventory.tree import HANOI_UNITS, UnitFacts, read_units, store_units, unit_on
from signer.inventory.words import words_of_all
from signer.jobs import Jobs

_T = TypeVar("_T")


class Inventory:
    """Keeps units and people, with their history; the only writer of those tables."""

    def __init__(
        self,
        clock: Clock,
        audit: Audit,
        files: Files,
        settings: Settings,
        jobs: Jobs,
        accounts: Accounts,
    ) -> None:
        self._clock = clock
        self._audit = audit
        self.structure = Structure(clock, audit, jobs, accounts)
        self.bodies = Bodies(clock, audit)
        self._jobs = jobs
        self.policy = PolicyChange(clock, audit, jobs)
        self.duplicates = Duplicates(clock, audit)
        self.persons = Persons(clock, audit, settings, self.duplicates)
        self.rosters = RosterImports(clock, audit, files, settings, jobs)

    # Units

    def load_units(self, csv_path: Path = HANOI_UNITS, actor: Actor = SYSTEM) -> int:
        """The number of units of the file that were added or changed; again: none."""
        actor.require(Permission.ACCOUNT_MANAGE, "")
        return store_units(read_units(csv_path), self._audit, actor.name)

    def add_unit(
        self,
        code: str,
        name: str,
        kind: UnitKind,
        parent_code: str | None,
        valid_from: date | None,
        *,
        actor: Actor = SYSTEM,
    ) -> OrgUnit:
        """The unit of that code with these facts, added or brought up to date."""
        actor.require(Permission.ACCOUNT_MANAGE, "")
        facts = UnitFacts(
            code=clean_text(code),
            name=clean_text(name),
            kind=kind,
            parent_code=parent_code,
            valid_from=valid_from,
        )
        store_units([facts], self._audit, actor.name)
        return self.unit_of(facts.code)

    def unit_of(self, code: str, on: date | None = None) -> OrgUnit:
        """The unit that has the code on that day (today when None), else the newest that had it.

        `NotFound` when there never was one.
        """
        return unit_on(code, on or self._clock.today())

    def units(self, as_of: date | None = None, *, within: str = "") -> list[OrgUnit]:
        """The units of that day (today when None) in the order of the tree.

        `within` is a unit path: only that unit and what is below it.
        """
        return list(db.session.scalars(self._units_on(as_of, within).order_by(OrgUnit.path)))

    def children(self, unit: OrgUnit, as_of: date | None = None) -> list[OrgUnit]:
        """The units directly below, of that day, in the order of the tree."""
        statement = self._units_on(as_of, unit.path).where(OrgUnit.parent_id == unit.id)
        return list(db.session.scalars(statement.order_by(OrgUnit.path)))

    def units_by_ids(self, ids: Iterable[int]) -> dict[int, OrgUnit]:
        """The units, closed ones too; unknown ids are left out."""
        return {unit.id: unit for unit in _by_ids(OrgUnit, ids)}

    def visible_units(self, actor: Actor, permission: Permission) -> list[OrgUnit]:
        """Today's units over which the actor holds the permission, in the order of the tree."""
        statement = visible(actor, permission, self._units_on(None, ""), _path(OrgUnit))
        return list(db.session.scalars(statement.order_by(OrgUnit.path)))

    def _units_on(self, as_of: date | None, within: str) -> Select[OrgUnit]:
        day = as_of or self._clock.today()
        return select(OrgUnit).where(
            or_(OrgUnit.valid_from.is_(None), OrgUnit.valid_from <= day),
            or_(OrgUnit.valid_to.is_(None), OrgUnit.valid_to >= day),
            in_subtree(_path(OrgUnit), within),
        )

    # People

    def person_of(self, actor: Actor, code: str) -> Person:
        """The person of that code; `NotFound` when there is none that the actor may see."""
        statement = select(Person).where(Person.code == clean_text(code).upper())
        person = db.session.scalar(visible(actor, Permission.PERSON_VIEW, statement, _path(Person)))
        if person is None:
            raise NotFound(N_("Không tìm thấy người có mã %(code)s."), code=code)
        return person

    def index_names(self) -> None:
        """The search finds everybody by name: for people from before it kept their words."""
        with transaction():
            advisory_lock(ROSTER_LOCK)
            words_of_all(db.session.connection())

    def people(
        self,
        actor: Actor,
        asked: PeopleFilter = EVERYBODY,
        *,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Person]:
        """A page of the people in the actor's subtrees, by given name (R9); 500 at most."""
        return Listing(actor, asked, Permission.PERSON_VIEW).page(after, limit)

    def count_people(
        self,
        actor: Actor,
        asked: PeopleFilter = EVERYBODY,
        *,
        at_most: int | None = None,
        permission: Permission = Permission.PERSON_VIEW,
    ) -> int:
        """How many the same list has; `at_most + 1` stands for any number above `at_most`."""
        return Listing(actor, asked, permission).count(at_most)

    def each_of_people(
        self,
        actor: Actor,
        asked: PeopleFilter = EVERYBODY,
        *,
        at_once: int = 2_000,
        permission: Permission = Permission.PERSON_VIEW,
    ) -> Iterator[list[Listed]]:
        """The whole list in its order, so many at a time; holds no more of them than that."""
        return Listing(actor, asked, permission).each(at_once)

    def people_by_codes(
        self,
        actor: Actor,
        codes: Iterable[str],
        *,
        permission: Permission = Permission.PERSON_VIEW,
    ) -> dict[str, Person]:
        """The people of those codes over whom the actor holds the permission."""
        wanted = {clean_text(code).upper() for code in codes}
        statement = select(Person).where(among(Person.code), Person.merged_into_id.is_(None))
        statement = visible(actor, permission, statement, _path(Person))
        return {person.code: person for person in db.session.scalars(statement, told(wanted))}

    def person_of_account(self, account_id: int | None) -> Person | None:
        """The person who logs in with that account; None for accounts of nobody."""
        if account_id is None:
            return None
        return db.session.scalar(select(Person).where(Person.account_id == account_id))

    def link_account(self, actor: Actor, person_id: int, account_id: int) -> None:
        """The person now logs in with that account; `Conflict` when either has another one."""
        actor.require(Permission.ACCOUNT_MANAGE)
        with transaction():
            person = db.session.get(Person, person_id)
            if person is None:
                raise NotFound(N_("Không tìm thấy người này."))
            if person.account_id == account_id:
                return
            if person.account_id is not None or self.person_of_account(account_id) is not None:
                raise Conflict(N_("Người này hoặc tài khoản này đã được liên kết."))
            db.session.execute(
                update(Person).where(Person.id == person_id).values(account_id=account_id)
            )
            self._audit.record(
                actor.name, "person.account_linked", f"person:{person.code}", account_id=account_id
            )

    def history_of(self, person_id: int) -> list[PersonPeriod]:
        """Where the person belonged and in which state, oldest first."""
        statement = select(PersonPeriod).where(PersonPeriod.person_id == person_id)
        return list(db.session.scalars(statement.order_by(PersonPeriod.valid_from)))

    def add_people(
        self, actor: Actor, people: Sequence[PersonFacts], effective_on: date, *, source: str
    ) -> Stored:
        """Adds or brings up to date these persons, in one transaction, dated from that day.

        For data made by our own programs: nothing is checked but what the database itself
        refuses. `source` is the audit events' subject, such as `demo:people`.
        """
        actor.require(Permission.ROSTER_IMPORT)
        with transaction():
            advisory_lock(ROSTER_LOCK)
            known = known_people(people)
            entries = []
            for row, facts in enumerate(people, start=1):
                before = known.by_code.get(facts.code)
                changes = changes_between(before.facts, facts) if before else ()
                verdict = Verdict.NEW if before is None else Verdict.CHANGED
                if before is None or changes:
                    entries.append(
                        PlannedRow(row=row, facts=facts, verdict=verdict, changes=changes)
                    )
            storing = Storing(
                self._audit,
                actor=actor.name,
                subject=source,
                effective_on=effective_on,
                now=self._clock.now(),
            )
            return storing.store(entries, known, {unit.id: unit.code for unit in known_units()})


def people_on(day: date, unit_path: str = "") -> Select[int, int, str, PersonState, bool]:
    """Selects (person_id, unit_id, unit_path, state, counted) as they were on that day (R2)."""
    return select(
        PersonPeriod.person_id,
        PersonPeriod.unit_id,
        PersonPeriod.unit_path,
        PersonPeriod.state,
        PersonPeriod.counted,
    ).where(
        in_subtree(_path(PersonPeriod), unit_path),
        PersonPeriod.valid_from <= day,
        or_(PersonPeriod.valid_to.is_(None), PersonPeriod.valid_to >= day),
    )


def _path(model: type[OrgUnit] | type[Person] | type[PersonPeriod]) -> Any:
    """The path column of any of the three, for `visible` and `in_subtree`."""
    return model.path if model is OrgUnit else model.unit_path  # type: ignore[union-attr]  # see above


def _by_ids(model: type[_T], ids: Iterable[int]) -> Sequence[_T]:
    key: Any = model.id  # type: ignore[attr-defined]  # every model here has one
    return db.session.scalars(select(model).where(among(key)), told(ids)).all()
