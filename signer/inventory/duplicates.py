"""Two entries that are one person: proposed by the system, merged or kept apart by a person (R10).

A merged entry stays as it was written; it leaves lists and counts, and its certificates count for
the survivor. Taking a decision back makes the pair a proposal again.
"""

from collections.abc import Collection, Iterable, Set
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, insert, literal, or_, select, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute, aliased

from signer.accounts import SYSTEM, Actor, Permission, visible
from signer.audit import Audit
from signer.clock import Clock
from signer.db import (
    LOST_RACE,
    advisory_lock,
    among,
    changed,
    db,
    move_state,
    told,
    transaction,
)
from signer.errors import N_, Conflict, Invalid, NotFound
from signer.inventory.likeness import Likeness, alike, differ, difference
from signer.inventory.models import DuplicatePair, Person
from signer.inventory.names import clean_text
from signer.inventory.paging import Page
from signer.inventory.policy import rules
from signer.inventory.policy_change import flip_counted
from signer.inventory.states import LEFT_STATES, PersonState
from signer.inventory.storage import ROSTER_LOCK


@dataclass(frozen=True, kw_only=True)
class PairView:
    """A pair with both persons, and what was decided."""

    id: int
    first: Person
    second: Person
    likenesses: tuple[Likeness, ...]
    has_other_number: bool
    """The two identity numbers differ, so that they may well be two people."""
    state: str
    decided_by: str | None
    decided_at: datetime | None

    @property
    def survivor(self) -> Person | None:
        """Who counts for both, merged into a third since or not; None unless they were merged."""
        if self.state != "merged":
            return None
        return self.second if self.first.merged_into_id == self.second.id else self.first


class Duplicates:
    """Finds pairs and keeps what was decided about them. Decisions need both persons' units."""

    def __init__(self, clock: Clock, audit: Audit) -> None:
        self._clock = clock
        self._audit = audit

    def find(self, person_ids: Set[int] | None = None) -> int:
        """How many pairs are newly proposed; proposals that no longer hold have lapsed.

        Looks at everybody, or at these persons against everybody. Decided pairs stay decided.
        """
        found = alike(person_ids)
        if not any(difference(found, person_ids)):
            return 0
        with transaction():
            advisory_lock(ROSTER_LOCK)
            new, altered = difference(found, person_ids)
            if new:
                db.session.execute(insert(DuplicatePair), new)
            if altered:
                db.session.execute(update(DuplicatePair), altered)
            self._audit.record(
                SYSTEM.name, "duplicates.found", "people", new=len(new), changed=len(altered)
            )
        return len(new)

    def pairs(
        self,
        actor: Actor,
        *,
        are_decided: bool = False,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[PairView]:
        """Proposed or decided pairs of which the actor may correct both, the surest first."""
        states = ("merged", "kept_apart") if are_decided else ("proposed",)
        statement = self._decidable(actor).where(DuplicatePair.state.in_(states))
        if after is not None:
            place = tuple_(DuplicatePair.rank, DuplicatePair.id)
            statement = statement.where(place > tuple_(*_place_of(after)))
        statement = statement.order_by(DuplicatePair.rank, DuplicatePair.id).limit(limit + 1)
        rows = db.session.execute(statement).all()
        last = rows[limit - 1][0] if len(rows) > limit else None
        return Page(
            items=tuple(_view(*row) for row in rows[:limit]),
            next=f"{last.rank}.{last.id}" if last else None,
        )

    def pairs_of(self, actor: Actor, person_id: int) -> tuple[PairView, ...]:
        """Proposed and merged pairs of this person that the actor may decide on."""
        statement = self._decidable(actor).where(
            or_(DuplicatePair.first_id == person_id, DuplicatePair.second_id == person_id),
            DuplicatePair.state.in_(("proposed", "merged")),
        )
        return tuple(
            _view(*row) for row in db.session.execute(statement.order_by(DuplicatePair.id))
        )

    def survivor_of(self, person: Person) -> Person | None:
        """Who counts for this person; None unless it was merged."""
        last = survivors([person.id])[person.id]
        return db.session.get_one(Person, last) if last != person.id else None

    def pair_of(self, actor: Actor, pair_id: int) -> PairView:
        """The pair; `NotFound` unless the actor may correct both persons."""
        row = db.session.execute(
            self._decidable(actor).where(DuplicatePair.id == pair_id)
        ).one_or_none()
        if row is None:
            raise NotFound(N_("Không tìm thấy cặp hồ sơ này trong các đơn vị của bạn."))
        return _view(*row)

    def pair_with(self, actor: Actor, code: str, other_code: str) -> PairView:
        """The pair of these two persons, made if nothing proposed it; nothing is decided yet."""
        codes = [clean_text(text).upper() for text in (code, other_code)]
        ids = []
        for wanted in codes:
            statement = select(Person.id).where(Person.code == wanted)
            found = db.session.scalar(_editable(actor, statement, Person))
            if found is None:
                raise NotFound(N_("Không tìm thấy người có mã %(code)s."), code=wanted)
            ids.append(found)
        if ids[0] == ids[1]:
            raise Invalid(N_("Hãy nêu hai mã cán bộ khác nhau."))
        first, second = sorted(ids)
        with transaction():
            advisory_lock(ROSTER_LOCK)
            pair_id = db.session.scalar(
                select(DuplicatePair.id).where(
                    DuplicatePair.first_id == first, DuplicatePair.second_id == second
                )
            )
            if pair_id is None:
                pair = DuplicatePair(
                    first_id=first, second_id=second, rank=9, reasons="", state="lapsed"
                )
                db.session.add(pair)
                db.session.flush()
                pair_id = pair.id
        return self.pair_of(actor, pair_id)

    def merge(self, actor: Actor, pair_id: int, survivor_code: str) -> PairView:
        """The other person leaves lists and counts from today, and the survivor counts for both.

        `Conflict` when one of them was merged already, or when only the other one has a log-in.
        """
        with transaction():
            advisory_lock(ROSTER_LOCK)
            pair = self.pair_of(actor, pair_id)
            both = {person.code: person for person in (pair.first, pair.second)}
            survivor = both.pop(clean_text(survivor_code).upper(), None)
            if survivor is None:
                raise Invalid(N_("Hãy chọn hồ sơ được giữ lại."), field="survivor")
            (other,) = both.values()
            _refuse_merging(survivor, other)
            self._decide(actor, pair, ("proposed", "kept_apart", "lapsed"), "merged")
            self._set_survivor(other, survivor.id)
            self._audit.record(
                actor.name,
                "person.merged",
                f"person:{other.code}",
                into=survivor.code,
                likenesses=list(pair.likenesses),
            )
        return self.pair_of(actor, pair_id)

    def keep_apart(self, actor: Actor, pair_id: int) -> PairView:
        """These two are two people, and are not proposed again."""
        with transaction():
            advisory_lock(ROSTER_LOCK)
            pair = self.pair_of(actor, pair_id)
            self._decide(actor, pair, ("proposed", "lapsed"), "kept_apart")
            self._audit.record(
                actor.name,
                "person.kept_apart",
                f"person:{pair.first.code}",
                other=pair.second.code,
            )
        return self.pair_of(actor, pair_id)

    def take_back(self, actor: Actor, pair_id: int) -> PairView:
        """The decision no longer holds: merged persons are two again, and count again from today.

        `Conflict` when somebody active got the number or address of the one that comes back.
        """
        with transaction():
            advisory_lock(ROSTER_LOCK)
            pair = self.pair_of(actor, pair_id)
            kept = pair.survivor or pair.first
            other = pair.second if kept is pair.first else pair.first
            was_merged = pair.state == "merged"
            back = "proposed" if pair.likenesses else "lapsed"
            self._decide(actor, pair, ("merged", "kept_apart"), back)
            if was_merged:
                _refuse_separating(other)
                self._set_survivor(other, None)
            self._audit.record(
                actor.name,
                "person.separated" if was_merged else "person.reconsidered",
                f"person:{other.code}",
                other=kept.code,
            )
        return self.pair_of(actor, pair_id)

    def _set_survivor(self, person: Person, survivor_id: int | None) -> None:
        """The person counts for itself, or not at all, from today."""
        concerned = families([person.id])  # before and after: both counted for the other's papers
        person.merged_into_id = survivor_id
        person.updated_at = self._clock.now()
        db.session.flush()
        changed("person", concerned | families([person.id]))
        is_counted = survivor_id is None and rules()[person.state].counted
        flip_counted(self._clock.today(), [person.id], literal(is_counted))

    def _decide(self, actor: Actor, pair: PairView, expected: tuple[str, ...], state: str) -> None:
        move_state(
            DuplicatePair,
            pair.id,
            expected,
            state,
            decided_by=actor.name,
            decided_at=self._clock.now(),
        )

    def _decidable(self, actor: Actor) -> Select[DuplicatePair, Person, Person]:
        first, second = aliased(Person), aliased(Person)
        statement = (
            select(DuplicatePair, first, second)
            .join(first, first.id == DuplicatePair.first_id)
            .join(second, second.id == DuplicatePair.second_id)
        )
        for person in (first, second):
            statement = _editable(actor, statement, person)
        return statement


def survivors(ids: Iterable[int]) -> dict[int, int]:
    """For each of these persons the one that counts for them: themselves, unless merged."""
    found = {person_id: person_id for person_id in ids}
    while following := _merged(Person.id, set(found.values())):
        found = {first: following.get(last, last) for first, last in found.items()}
    return found


def families(ids: Iterable[int]) -> dict[int, int]:
    """Everybody who is one person with any of these, with the one that counts for them."""
    heads = set(survivors(ids).values())
    found = {person_id: person_id for person_id in heads}
    while heads:
        below = _merged(Person.merged_into_id, heads)
        found |= {person_id: found[into] for person_id, into in below.items()}
        heads = set(below)
    return found


def service_of(ids: Iterable[int]) -> dict[int, tuple[PersonState, date]]:
    """In which state, and since when, is whoever counts for each of these persons."""
    head_of = survivors(ids)
    heads = select(Person.id, Person.state, Person.state_since).where(among(Person.id))
    rows = db.session.execute(heads, told(head_of.values()))
    found = {person_id: (state, since) for person_id, state, since in rows}
    return {person_id: found[head] for person_id, head in head_of.items()}


def _merged(column: InstrumentedAttribute[Any], values: Collection[int]) -> dict[int, int]:
    """The merged persons whose column has one of these values, and into whom they went."""
    statement = select(Person.id, Person.merged_into_id).where(among(column))
    rows = db.session.execute(statement, told(values))
    return {own: into for own, into in rows if into is not None}


def _refuse_merging(survivor: Person, other: Person) -> None:
    if survivor.merged_into_id is not None or other.merged_into_id is not None:
        raise Conflict(LOST_RACE)
    if other.account_id is not None and survivor.account_id is None:
        raise Conflict(
            N_("Người có mã %(code)s đang có tài khoản đăng nhập; hãy giữ lại hồ sơ này."),
            code=other.code,
        )


def _refuse_separating(person: Person) -> None:
    """Raises `Conflict` when what only one active person may hold is somebody else's meanwhile."""
    if person.state in LEFT_STATES:
        return
    for column, held in ((Person.id_number, person.id_number), (Person.email, person.email)):
        statement = select(Person.code).where(
            column == held,
            Person.id != person.id,
            Person.merged_into_id.is_(None),
            Person.state.not_in(LEFT_STATES),
        )
        if held and (owner := db.session.scalar(statement)) is not None:
            raise Conflict(
                N_(
                    "Chưa tách được: số định danh hoặc thư điện tử của người này nay thuộc về "
                    "người có mã %(code)s; hãy sửa hồ sơ đó trước."
                ),
                code=owner,
            )


def _view(pair: DuplicatePair, first: Person, second: Person) -> PairView:
    return PairView(
        id=pair.id,
        first=first,
        second=second,
        likenesses=tuple(map(Likeness, filter(None, pair.reasons.split(",")))),
        has_other_number=differ(first.id_number, second.id_number),
        state=pair.state,
        decided_by=pair.decided_by,
        decided_at=pair.decided_at,
    )


def _place_of(token: str) -> tuple[int, int]:
    rank, _, pair_id = token.partition(".")
    if not (rank.isdecimal() and pair_id.isdecimal() and len(token) <= 12):
        raise Invalid(N_("Địa chỉ trang danh sách không đúng; hãy mở lại từ đầu."))
    return int(rank), int(pair_id)


def _editable(actor: Actor, statement: Any, person: Any) -> Any:
    """The statement, of persons whom the actor may correct; `person` is the table or its alias."""
    return visible(actor, Permission.PERSON_EDIT, statement, person.unit_path)
