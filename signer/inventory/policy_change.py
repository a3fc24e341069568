"""Changing the policy of a state: what it would move, and the denominator from that day on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import ColumnElement, Select, func, insert, literal, not_, or_, select, update

from signer.accounts import Actor, Permission
from signer.audit import Audit
from signer.clock import HANOI, Clock
from signer.db import advisory_lock, changed, db, transaction
from signer.errors import N_, Conflict, Invalid
from signer.inventory.models import Person, PersonPeriod, StatePolicy
from signer.inventory.policy import DECIDED, counted_states, forget_rules, rules
from signer.inventory.states import Consequence, PersonState, StateRule
from signer.inventory.storage import ROSTER_LOCK, in_chunks
from signer.jobs import Jobs
from signer.jobs.models import Job
from signer.jobs.service import Failures

POLICY_JOB_KIND = "state_policy"
CHUNK_PEOPLE = 2000
"""People moved in or out of the denominator in one transaction, so that others write between."""
_NEW_IN_A_COPY = frozenset({"id", "valid_from", "counted"})


@dataclass(frozen=True, kw_only=True)
class PolicyLine:
    """What a change of policy does about one state."""

    state: PersonState
    before: StateRule
    after: StateRule
    people: int
    """Persons in this state now."""

    @property
    def moves(self) -> int:
        """By how many persons the denominator grows; it shrinks when negative."""
        return self.people * (self.after.counted - self.before.counted)


class PolicyChange:
    """Shows and changes the policy; what was counted on earlier days stays as it was."""

    def __init__(self, clock: Clock, audit: Audit, jobs: Jobs) -> None:
        self._clock = clock
        self._audit = audit
        self._jobs = jobs

    def preview(
        self, actor: Actor, wanted: Mapping[PersonState, StateRule]
    ) -> tuple[PolicyLine, ...]:
        """What would change, state by state; nothing is stored. Raises `Invalid` for nonsense."""
        actor.require(Permission.POLICY_MANAGE, "")
        now = rules()
        altered = [state for state in now if now[state] != wanted.get(state, now[state])]
        for state in altered:
            _check(state, wanted[state])
        in_state = (
            select(Person.state, func.count())
            .where(Person.state.in_(altered), Person.merged_into_id.is_(None))
            .group_by(Person.state)
        )
        people: dict[PersonState, int] = {row[0]: row[1] for row in db.session.execute(in_state)}
        return tuple(
            PolicyLine(
                state=state, before=now[state], after=wanted[state], people=people.get(state, 0)
            )
            for state in altered
        )

    def change(self, actor: Actor, wanted: Mapping[PersonState, StateRule]) -> int | None:
        """The policy is this from today on.

        Few people enter or leave the denominator in the same commit; for many the id of the job
        is returned that moves them. `Conflict` while such a job of an earlier day is under way:
        it would move people from its own day on.
        """
        today = self._clock.today()
        with transaction():
            advisory_lock(ROSTER_LOCK)
            _require_settled(today)
            lines = self.preview(actor, wanted)
            for line in lines:
                self._store(actor, line)
            db.session.flush()
            forget_rules()
            moved = db.session.scalars(_miscounted(today)).all() if lines else []
            if len(moved) <= CHUNK_PEOPLE:
                flip_counted(today, moved, _as_decided())
                return None
            parts = in_chunks(moved, CHUNK_PEOPLE)
            return self._jobs.create(
                POLICY_JOB_KIND,
                [f"{today.isoformat()}/{part[0]}/{part[-1]}" for part in parts],
                actor=actor.name,
                title=N_("Tính lại số người theo chính sách trạng thái công tác"),
            )

    def count_items(self, keys: Sequence[str]) -> Failures:
        """The handler of that job: people of these ranges are counted as the policy says now."""
        for key in keys:
            first_day, first, last = key.split("/")
            day = date.fromisoformat(first_day)
            with transaction():
                advisory_lock(ROSTER_LOCK)
                found = db.session.scalars(_miscounted(day, int(first), int(last))).all()
                flip_counted(day, found, _as_decided())
        return {}

    def _store(self, actor: Actor, line: PolicyLine) -> None:
        before, after = (
            {name: getattr(rule, name) for name in DECIDED} for rule in (line.before, line.after)
        )
        by = {"decided_by": actor.name, "decided_at": self._clock.now()}
        db.session.merge(StatePolicy(state=line.state, **by, **after))
        self._audit.record(
            actor.name,
            "policy.changed",
            f"state:{line.state}",
            before=before,
            after=after,
            people=line.people,
        )


def flip_counted(day: date, person_ids: Collection[int], counted: ColumnElement[bool]) -> None:
    """From that day on these people are counted as `counted` says of each of their periods.

    Inside the caller's transaction. A period that begins that day or later is changed as it
    stands; one that began earlier ends the day before, and a copy of it goes on.
    """
    wrong = (PersonPeriod.person_id.in_(person_ids), _reaches(day), PersonPeriod.counted != counted)
    ended = db.session.scalars(
        select(PersonPeriod.id).where(*wrong, PersonPeriod.valid_from < day)
    ).all()
    db.session.execute(
        update(PersonPeriod)
        .where(*wrong, PersonPeriod.valid_from >= day)
        .values(counted=not_(PersonPeriod.counted))
    )
    same = [c for c in PersonPeriod.__table__.c if c.name not in _NEW_IN_A_COPY]
    opened = select(*same, literal(day), not_(PersonPeriod.counted)).where(
        PersonPeriod.id.in_(ended)
    )
    names = [*(column.name for column in same), "valid_from", "counted"]
    db.session.execute(insert(PersonPeriod).from_select(names, opened))
    db.session.execute(
        update(PersonPeriod)
        .where(PersonPeriod.id.in_(ended))
        .values(valid_to=day - timedelta(days=1))
    )
    changed("person", person_ids)


def _reaches(day: date) -> ColumnElement[bool]:
    return or_(PersonPeriod.valid_to.is_(None), PersonPeriod.valid_to >= day)


def _as_decided() -> ColumnElement[bool]:
    return PersonPeriod.state.in_(counted_states())


def _miscounted(day: date, first: int = 0, last: int = 2**31 - 1) -> Select[int]:
    """Selects, by id, who is in the denominator against the policy, or out of it, since the day.

    Not only in the open period: the job of the day before may meet somebody who moved meanwhile.
    """
    return (
        select(PersonPeriod.person_id)
        .distinct()
        .join(Person, Person.id == PersonPeriod.person_id)
        .where(
            _reaches(day),
            PersonPeriod.person_id.between(first, last),
            Person.merged_into_id.is_(None),
            PersonPeriod.counted != _as_decided(),
        )
        .order_by(PersonPeriod.person_id)
    )


def _require_settled(today: date) -> None:
    under_way = select(Job.id).where(
        Job.kind == POLICY_JOB_KIND,
        Job.state.in_(("running", "paused")),
        Job.created_at < datetime.combine(today, time(), HANOI),
    )
    if db.session.scalar(under_way.limit(1)) is not None:
        raise Conflict(
            N_(
                "Số người theo lần đổi chính sách trước vẫn đang được tính lại; hãy đợi công việc "
                "đó xong rồi mới đổi tiếp."
            )
        )


def _check(state: PersonState, rule: StateRule) -> None:
    """Refuses what would make the rate untrue, or the rules contradict each other."""
    if state is PersonState.WORKING and not (rule.counted and rule.may_sign):
        sentence = N_("“%(state)s” luôn được tính và được ký số.")
    elif rule.has_left and (rule.counted or rule.may_sign):
        sentence = N_("“%(state)s” là đã rời cơ quan: không tính vào số người, không ký số.")
    elif rule.may_sign and rule.consequence in (Consequence.REVOKE, Consequence.SUSPEND_USE):
        sentence = N_("“%(state)s”: không thể vừa được ký số vừa bị thu hồi hay tạm dừng.")
    elif rule.has_left and rule.consequence in (Consequence.NONE, Consequence.SUSPEND_USE):
        sentence = N_("“%(state)s” là đã rời cơ quan: chứng thư phải thu hồi hoặc thay đổi.")
    else:
        return
    raise Invalid(sentence, field=state.value, state=rule.label)
