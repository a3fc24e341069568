"""What the roster asks of certificates, pulled into drafts that wait for a clerk's word (R27)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, and_, exists, func, insert, or_, select

from signer.accounts import SYSTEM
from signer.audit import Audit, Happening
from signer.ca.models import Certificate, CertificateBytes, CertificateState
from signer.clock import Clock
from signer.config import Settings
from signer.db import advisory_lock, db, release, set_rows, transaction
from signer.errors import N_
from signer.inventory.duplicates import service_of
from signer.inventory.models import Person
from signer.inventory.policy import rules
from signer.inventory.states import Consequence, PersonState
from signer.issuance.carrying import ORDERS_LOCK
from signer.issuance.grounds import GROUND_OF_STATE, GROUNDS, Act, Ground
from signer.issuance.holdings import COUNTING
from signer.issuance.models import Revocation, SigningKey
from signer.issuance.subjects import Subjects, says, units_as_written, units_in

CHUNK = 2000
"""Keys looked at, and drafts stored, in one go."""

_ENDED_STATES = tuple(state for state in CertificateState if state not in COUNTING)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the roster asks of one certificate."""

    act: Act
    cause: str
    """A person's state, `unit`, `email` or `returned`."""
    ground: Ground | None
    found: str
    """What was seen: since when, which unit, which address; the same is not asked twice."""


class Drafting:
    """Opens and closes drafts as the inventory changes. May run twice, and in two processes."""

    def __init__(self, settings: Settings, clock: Clock, audit: Audit) -> None:
        self._settings = settings
        self._clock = clock
        self._audit = audit

    def sweep(self) -> int:
        """How many drafts were opened or dismissed; none when nothing changed since."""
        moved = self._dismiss_orphans()
        last = db.session.scalar(select(func.max(SigningKey.id))) or 0
        for after in range(0, last, CHUNK):
            moved += self._draft(self._candidates(after))
            release()
        return moved

    def _candidates(self, after: int) -> Sequence[Row[*tuple[Any, ...]]]:
        """Certificates that may not fit the roster, or that have a draft already.

        A range of keys, no LIMIT, and the states by exclusion: else SQLite begins with the index
        of states, reading every certificate for every chunk.
        """
        now = self._clock.now()
        asking = [s for s, r in rules().items() if r.consequence is not Consequence.NONE]
        statement = (
            select(
                Certificate.id.label("certificate_id"),
                Certificate.serial_hex,
                Certificate.state.label("certificate_state"),
                Certificate.subject_email,
                Certificate.reserved_at,
                Person.id.label("person_id"),
                Person.code,
                Person.full_name,
                Person.unit_path,
                Person.email,
                Person.state.label("person_state"),
                Person.state_since,
                Person.merged_into_id,
                Person.updated_at,
                Revocation.id.label("draft_id"),
                Revocation.kind.label("draft_kind"),
                Revocation.cause.label("draft_cause"),
                Revocation.note.label("draft_found"),
            )
            .select_from(SigningKey)
            .join(Certificate, Certificate.id == SigningKey.certificate_id)
            .join(Person, Person.id == SigningKey.person_id)
            .outerjoin(
                Revocation,
                and_(Revocation.certificate_id == Certificate.id, Revocation.state == "draft"),
            )
            .where(
                SigningKey.id > after,
                SigningKey.id <= after + CHUNK,
                SigningKey.state != "retired",
                Certificate.state.not_in(_ENDED_STATES),
                Certificate.not_after >= now,
                or_(
                    Revocation.id.is_not(None),
                    Person.state.in_(asking),
                    Person.merged_into_id.is_not(None),
                    Certificate.state == CertificateState.SUSPENDED,
                    func.lower(Person.email) != func.lower(Certificate.subject_email),
                    Person.updated_at > Certificate.reserved_at,
                ),
            )
            .order_by(SigningKey.id)
        )
        return db.session.execute(statement).all()

    def _draft(self, rows: Sequence[Row[*tuple[Any, ...]]]) -> int:
        """Drafts of these certificates agree with the roster; how many had to be moved."""
        moved_units = self._moved_units(rows)
        held = _held_for_duty([row.certificate_id for row in rows])
        merged = service_of(row.person_id for row in rows if row.merged_into_id)
        changes: list[tuple[Row[*tuple[Any, ...]], Finding | None]] = []
        for row in rows:
            state, since = merged.get(row.person_id) or (row.person_state, row.state_since)
            is_held, moved_to = row.certificate_id in held, moved_units.get(row.certificate_id)
            finding = finding_of(row, state, since, is_held, moved_to)
            drafted = (row.draft_kind, row.draft_cause, row.draft_found)
            wanted = (finding.act, finding.cause, finding.found) if finding else (None, None, None)
            if drafted != wanted:
                changes.append((row, finding))
        if not changes:
            return 0
        with transaction():
            advisory_lock(ORDERS_LOCK)
            gone = [(row.draft_id, _NOT_ANY_MORE) for row, _ in changes if row.draft_id]
            return self._dismiss(gone) + self._open(changes)

    def _moved_units(self, rows: Sequence[Row[*tuple[Any, ...]]]) -> dict[int, str]:
        """The present unit of those whose certificate names another; only who changed is read."""
        suspects = {row.certificate_id: row for row in rows if row.updated_at > row.reserved_at}
        subjects = Subjects(self._settings, [row.unit_path for row in suspects.values()])
        stored = db.session.execute(
            select(CertificateBytes.certificate_id, CertificateBytes.certificate_der).where(
                CertificateBytes.certificate_id.in_(suspects)
            )
        )
        moved: dict[int, str] = {}
        for certificate_id, certificate_der in stored:
            row = suspects[certificate_id]
            if certificate_der and not says(certificate_der, subjects.of(row)):
                today = units_as_written(subjects.units(row.unit_path))
                if today is not None and units_in(certificate_der) != today:
                    moved[certificate_id] = " / ".join(reversed(today))
        return moved

    def _open(self, changes: Sequence[tuple[Row[*tuple[Any, ...]], Finding | None]]) -> int:
        """Stores the drafts, but for those that somebody dismissed or that have an open row."""
        found = {row.certificate_id: (row, finding) for row, finding in changes if finding}
        rows = db.session.execute(
            select(
                Revocation.certificate_id,
                Revocation.state,
                Revocation.cause,
                Revocation.note,
                Revocation.decided_by,
            ).where(Revocation.certificate_id.in_(found), Revocation.state != "done")
        )
        for certificate_id, state, cause, note, decided_by in rows:
            row_and_finding = found.get(certificate_id)
            is_open = state in ("draft", "ordered")
            was_refused = (
                row_and_finding is not None
                and decided_by != SYSTEM.name
                and (cause, note) == (row_and_finding[1].cause, row_and_finding[1].found)
            )
            if is_open or was_refused:
                found.pop(certificate_id, None)
        if not found:
            return 0
        now = self._clock.now()
        db.session.execute(
            insert(Revocation),
            [
                {
                    "kind": finding.act.value,
                    "state": "draft",
                    "certificate_id": certificate_id,
                    "person_id": row.person_id,
                    "unit_path": row.unit_path,
                    "ground": finding.ground.value if finding.ground else None,
                    "document_ref": "",
                    "note": finding.found,
                    "cause": finding.cause,
                    "opened_at": now,
                    "opened_by": SYSTEM.name,
                }
                for certificate_id, (row, finding) in found.items()
            ],
        )
        self._audit.record_many(
            SYSTEM.name,
            [
                Happening(
                    action="revocation.drafted",
                    subject=f"person:{row.code}",
                    details={
                        "act": finding.act.value,
                        "cause": finding.cause,
                        "serial": row.serial_hex,
                    },
                )
                for row, finding in found.values()
            ],
        )
        return len(found)

    def _dismiss_orphans(self) -> int:
        """Drafts about certificates that were replaced, revoked or ran out are over."""
        counts = exists(
            select(SigningKey.id)
            .join(Certificate, Certificate.id == SigningKey.certificate_id)
            .where(
                Certificate.id == Revocation.certificate_id,
                SigningKey.state != "retired",
                Certificate.state.in_(COUNTING),
                Certificate.not_after >= self._clock.now(),
            )
        )
        ids = db.session.scalars(
            select(Revocation.id).where(Revocation.state == "draft", ~counts)
        ).all()
        if not ids:
            return 0
        with transaction():
            return self._dismiss([(row_id, _ENDED) for row_id in ids])

    def _dismiss(self, drafts: Sequence[tuple[int, str]]) -> int:
        """The drafts still open are dismissed with these reasons, in the open transaction."""
        reasons = dict(drafts)
        if not reasons:
            return 0
        still = db.session.scalars(
            select(Revocation.id)
            .where(Revocation.id.in_(reasons), Revocation.state == "draft")
            .order_by(Revocation.id)
            .with_for_update()
        ).all()
        now = self._clock.now()
        for reason in set(reasons.values()):
            set_rows(
                Revocation,
                Revocation.id.in_([row_id for row_id in still if reasons[row_id] == reason]),
                state="dismissed",
                error=reason,
                decided_at=now,
                decided_by=SYSTEM.name,
            )
        self._audit.record_many(
            SYSTEM.name,
            [
                Happening(
                    action="revocation.dismissed",
                    subject=f"revocation:{row_id}",
                    details={"reason": reasons[row_id]},
                )
                for row_id in still
            ],
        )
        return len(still)


def finding_of(
    row: Row[*tuple[Any, ...]],
    state: PersonState,
    state_since: date,
    is_held_for_duty: bool,
    moved_to: str | None,
) -> Finding | None:
    """What the roster asks of this certificate; what ends it comes before what changes it.

    `state` is that of who counts for the holder: a merged entry's goes when the survivor goes.
    """
    rule = rules()[state]
    is_suspended = row.certificate_state == CertificateState.SUSPENDED
    since = state_since.isoformat()
    by_state = GROUND_OF_STATE.get(state)
    ends = {Consequence.REVOKE: Act.REVOKE, Consequence.SUSPEND_USE: Act.SUSPEND}
    if act := ends.get(rule.consequence):
        if is_suspended and act is Act.SUSPEND:
            return None
        return Finding(act=act, cause=state.value, ground=_fit(by_state, act), found=since)
    if is_suspended:
        if is_held_for_duty and rule.may_sign:
            return Finding(act=Act.RELEASE, cause="returned", ground=None, found=since)
        return None
    # A certificate issued since the move was issued for the new place.
    if rule.consequence is Consequence.CHANGE_OR_REVOKE and (
        rule.has_left or row.reserved_at.date() < state_since
    ):
        return Finding(act=Act.CHANGE, cause=state.value, ground=by_state, found=since)
    if moved_to is not None:
        return Finding(act=Act.CHANGE, cause="unit", ground=Ground.CHANGED_BODY, found=moved_to)
    email = (row.email or "").lower()
    if email and email != row.subject_email.lower():
        return Finding(act=Act.CHANGE, cause="email", ground=Ground.CHANGED_EMAIL, found=email)
    return None


def _fit(ground: Ground | None, act: Act) -> Ground | None:
    """The ground, unless the policy asks for an act that the decree does not allow on it."""
    return ground if ground is not None and act in GROUNDS[ground].acts else None


def _held_for_duty(certificate_ids: Sequence[int]) -> set[int]:
    """Those whose last suspension was for a suspension from duty, and for nothing graver."""
    rows = db.session.execute(
        select(Revocation.certificate_id, Revocation.ground)
        .where(
            Revocation.certificate_id.in_(certificate_ids),
            Revocation.kind == Act.SUSPEND,
            Revocation.state == "done",
        )
        .order_by(Revocation.id)
    )
    last: Mapping[int, str | None] = {row[0]: row[1] for row in rows}
    return {number for number, ground in last.items() if ground == Ground.SUSPENDED_FROM_DUTY}


_NOT_ANY_MORE = N_("Danh sách cán bộ không còn nêu lý do này nữa.")
_ENDED = N_("Chứng thư này đã hết hiệu lực hoặc đã được thay thế.")
