"""Ending, holding and releasing people's certificates, on the grounds of the decree."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, func, select

from signer.accounts import Actor, Permission, visible
from signer.audit import Audit
from signer.ca.authority import Authority
from signer.clock import Clock
from signer.config import Settings
from signer.db import db, move_state, set_rows, transaction
from signer.errors import N_, Invalid, NotFound
from signer.inventory.models import Person
from signer.issuance.carrying import Carrying
from signer.issuance.drafting import Drafting
from signer.issuance.grounds import Act, Ground
from signer.issuance.holdings import Holding, counting_certificates
from signer.issuance.models import Revocation
from signer.issuance.ordering import REVOKE_JOB_KIND, Ordering, is_at_once, rule_of, warrant_of
from signer.issuance.revocation_views import (
    DraftView,
    Ordered,
    Preview,
    PreviewLine,
    RevocationView,
    draft_rows,
    revocation_rows,
    typed,
)
from signer.issuance.states import SigningState
from signer.issuance.views import Refused
from signer.jobs import Jobs

__all__ = ["REVOKE_JOB_KIND", "Revoking"]

_PERMISSION = Permission.CERTIFICATE_REVOKE
_REASON_LENGTH = 500


class Revoking:
    """Preview, order, drafts and history. An order is stored before the CA is asked."""

    def __init__(
        self, settings: Settings, clock: Clock, audit: Audit, jobs: Jobs, authority: Authority
    ) -> None:
        self._clock = clock
        self._audit = audit
        self._carrying = Carrying(clock, audit, authority)
        self._ordering = Ordering(clock, audit, jobs, self._carrying)
        self._drafting = Drafting(settings, clock, audit)
        self.revoke_items = self._carrying.revoke_items

    def preview(
        self,
        actor: Actor,
        *,
        act: Act,
        person_codes: Sequence[str],
        ground: Ground | None = None,
    ) -> Preview:
        """What the order would do to each of these people; changes nothing.

        `person_codes` may hold official e-mail addresses too.
        """
        rule = rule_of(act, ground) if ground is not None else None
        chosen, refused = self._ordering.choose(actor, act, rule, person_codes)
        certificates = counting_certificates(
            [holding.spki_sha256 or "" for holding in chosen], self._clock.now()
        )
        return Preview(
            act=act,
            ground=rule,
            lines=tuple(_line(act, holding, certificates) for holding in chosen),
            refused=tuple(refused),
            is_at_once=is_at_once(rule, len(chosen)),
        )

    def order(
        self,
        actor: Actor,
        *,
        act: Act,
        person_codes: Sequence[str],
        ground: Ground | None,
        document_ref: str,
        note: str = "",
    ) -> Ordered:
        """The act is ordered for these people, and done when they are few or the ground urgent.

        Those who cannot be meant are refused with the reason and the others go on. The order is
        stored with its audit events before the CA is asked: a crash after that delays, no more.
        """
        warrant = warrant_of(rule_of(act, ground), document_ref, note)
        chosen, refused = self._ordering.choose(actor, act, warrant.rule, person_codes)
        return self._ordering.give(actor, {act: chosen}, warrant, refused)

    def drafts(
        self, actor: Actor, *, before: int | None = None, limit: int = 50
    ) -> list[DraftView]:
        """What the roster asks of certificates in the actor's units, newest first."""
        statement = draft_rows().order_by(Revocation.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(Revocation.id < before)
        return _drafts(actor, statement)

    def count_drafts(self, actor: Actor) -> int:
        """How many drafts wait for this actor's word."""
        rows = visible(actor, _PERMISSION, draft_rows(), Person.unit_path).subquery()
        return db.session.scalar(select(func.count()).select_from(rows)) or 0

    def drafts_of(self, actor: Actor, draft_ids: Sequence[int]) -> list[DraftView]:
        """These open drafts, all of them in the actor's units, or `NotFound`."""
        these = draft_rows().where(Revocation.id.in_(draft_ids)).order_by(Revocation.id)
        found = _drafts(actor, these)
        missing = set(draft_ids) - {draft.id for draft in found}
        if missing:
            raise NotFound(N_("Không tìm thấy dự thảo số %(id)d đang chờ."), id=min(missing))
        return found

    def dismiss(self, actor: Actor, draft_id: int, reason: str) -> None:
        """Nothing is done on this draft; the same finding does not open another one."""
        reason = reason.strip()
        if not reason or len(reason) > _REASON_LENGTH:
            raise Invalid(N_("Hãy ghi lý do bỏ qua, không quá 500 ký tự."), field="reason")
        self.drafts_of(actor, [draft_id])
        with transaction():
            move_state(
                Revocation,
                draft_id,
                "draft",
                "dismissed",
                error=reason,
                decided_at=self._clock.now(),
                decided_by=actor.display_name,
            )
            self._audit.record(
                actor.name, "revocation.dismissed", f"revocation:{draft_id}", reason=reason
            )

    def carry_out(
        self,
        actor: Actor,
        draft_ids: Sequence[int],
        *,
        ground: Ground | None,
        document_ref: str,
        note: str = "",
    ) -> Ordered:
        """The drafts become orders on this ground, as `order` does; None only for releases.

        A draft that leaves the choice is taken as a revocation: who wants a change asks for it
        with a request. Drafts that the ground does not fit are refused and the others go on.
        """
        drafts = self.drafts_of(actor, draft_ids)
        by_act: dict[Act, list[DraftView]] = {}
        for draft in drafts:
            wanted = Act.REVOKE if draft.act is Act.CHANGE else draft.act
            by_act.setdefault(wanted, []).append(draft)
        chosen: dict[Act, list[Holding]] = {}
        refused: list[Refused] = []
        warrant = warrant_of(None, document_ref, note)
        for act, mine in by_act.items():
            try:
                rule = rule_of(act, ground)
            except Invalid as error:
                refused += [Refused.of(draft, error.sentence) for draft in mine]
                continue
            warrant = warrant_of(rule or warrant.rule, document_ref, note)
            chosen[act], not_found = self._ordering.choose(
                actor, act, rule, [draft.code for draft in mine]
            )
            refused += not_found
        return self._ordering.give(actor, chosen, warrant, refused)

    def history(
        self,
        actor: Actor,
        *,
        person_id: int | None = None,
        ids: Sequence[int] | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[RevocationView]:
        """What was ordered, done and dismissed in the actor's units, newest first.

        Of one person, or just these acts, when the door asks for them.
        """
        statement = revocation_rows().order_by(Revocation.id.desc()).limit(limit)
        if person_id is not None:
            statement = statement.where(Revocation.person_id == person_id)
        if ids is not None:
            statement = statement.where(Revocation.id.in_(ids))
        if before is not None:
            statement = statement.where(Revocation.id < before)
        statement = visible(actor, _PERMISSION, statement, Revocation.unit_path)
        return [RevocationView(**typed(row)) for row in db.session.execute(statement).mappings()]

    def cancel(self, job_id: int) -> None:
        """What the job has not done yet is not ordered any more; in the caller's transaction."""
        set_rows(
            Revocation,
            Revocation.job_id == job_id,
            Revocation.state == "ordered",
            state="dismissed",
            error=_JOB_CANCELLED,
        )

    def resume(self, *, given_before: timedelta = timedelta()) -> int:
        """How many orders given at least so long ago a crash left; all of them are carried out."""
        return self._carrying.resume(self._clock.now() - given_before)

    def sweep(self) -> int:
        """How many orders a crash left and drafts the roster asks for were seen to; again: none."""
        return self.resume() + self._drafting.sweep()


def _drafts(actor: Actor, statement: Select[*tuple[Any, ...]]) -> list[DraftView]:
    mine = visible(actor, _PERMISSION, statement, Person.unit_path)
    return [DraftView(**typed(row)) for row in db.session.execute(mine).mappings()]


def _line(act: Act, holding: Holding, certificates: dict[str, int]) -> PreviewLine:
    """What the holding, which has a certificate, becomes."""
    key_state = holding.key_state or ""
    becomes = {
        Act.REVOKE: SigningState.REVOKED,
        Act.SUSPEND: SigningState.SUSPENDED,
        # A key that is being replaced is as good as locked until its successor is there.
        Act.RELEASE: SigningState.LOCKED if key_state == "retired" else SigningState(key_state),
    }
    assert holding.serial_hex is not None
    assert holding.not_after is not None
    return PreviewLine(
        code=holding.code,
        full_name=holding.full_name,
        unit_name=holding.unit_name,
        title=holding.title or "",
        serial_hex=holding.serial_hex,
        not_after=holding.not_after,
        key_state=key_state,
        certificates=certificates.get(holding.spki_sha256 or "", 1),
        becomes=becomes[act],
    )


_JOB_CANCELLED = N_("Công việc đã bị hủy trước khi đến lượt người này.")
