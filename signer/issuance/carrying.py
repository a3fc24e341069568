"""Carrying out ordered revocations: the CA is asked, the keys are put away, the rows are done.

Every step asks what is there already. A row stays `ordered` until no certificate of the key is
left in the old state, so a crash between any two commits is finished by the next start.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import aliased

from signer.audit import Audit, Happening
from signer.ca.authority import Authority
from signer.ca.crl import RevocationReason
from signer.ca.models import Certificate, CertificateState
from signer.ca.revoking import RevocationOrder
from signer.clock import Clock
from signer.db import db, set_rows, transaction
from signer.errors import N_, Conflict, SignerError
from signer.inventory.models import Person
from signer.issuance.grounds import GROUNDS, Act, Ground
from signer.issuance.keys import retire_keys
from signer.issuance.models import Revocation, SigningKey
from signer.jobs.models import Job

CHUNK = 200
"""Rows carried out together: the CA stores them in one commit."""
ORDERS_LOCK = 0x0D3A  # any fixed number: who opens revocation rows, among the advisory locks
_ROUNDS = 5
"""How often a certificate that was being issued meanwhile is looked for."""


_FROM: Mapping[Act, tuple[str, ...]] = {
    Act.REVOKE: (CertificateState.ISSUED, CertificateState.SUSPENDED),
    Act.SUSPEND: (CertificateState.ISSUED,),
    Act.RELEASE: (CertificateState.SUSPENDED,),
}
"""The states of certificates to which an act still has something to do."""


class Carrying:
    """Does what was ordered. Any number of threads and processes may do the same rows at once."""

    def __init__(self, clock: Clock, audit: Audit, authority: Authority) -> None:
        self._clock = clock
        self._audit = audit
        self._authority = authority

    def revoke_items(self, keys: Sequence[str]) -> dict[str, SignerError]:
        """The job handler of kind `revoke`: every row is carried out, but for those returned."""
        failures = self.carry_out([int(key) for key in keys], "system")
        return {str(row_id): error for row_id, error in failures.items()}

    def resume(self, given_before: datetime) -> int:
        """How many orders a crash left between two commits, all of them carried out now."""
        waiting = list(
            db.session.scalars(
                select(Revocation.id)
                .outerjoin(Job, Job.id == Revocation.job_id)
                .where(
                    Revocation.state == "ordered",
                    # What a clock said that was ahead is not waited for.
                    (Revocation.decided_at <= given_before)
                    | (Revocation.decided_at > self._clock.now()),
                    (Revocation.job_id.is_(None)) | (Job.state == "done"),
                )
                .order_by(Revocation.id)
            )
        )
        self.carry_out(waiting, "system")
        return len(waiting)

    def carry_out(self, row_ids: Sequence[int], actor: str) -> dict[int, SignerError]:
        """Every ordered row is done, but for those returned with the reason.

        Idempotent: a row that is done already stays as it is. A row whose certificate can no
        longer be brought into the wanted state is dismissed with the reason.
        """
        failures: dict[int, SignerError] = {}
        for start in range(0, len(row_ids), CHUNK):
            failures |= self._carry_out(row_ids[start : start + CHUNK], actor)
        return failures

    def _carry_out(self, row_ids: Sequence[int], actor: str) -> dict[int, SignerError]:
        failures = self._refuse_impossible(row_ids)
        wanted = set(row_ids) - failures.keys()
        for _ in range(_ROUNDS):
            self._ask_authority(self._targets(wanted), actor)
            wanted -= self._finish(wanted, actor)
            if not wanted:
                return failures
        return failures | dict.fromkeys(wanted, Conflict(_STILL_ISSUING))

    def _refuse_impossible(self, row_ids: Sequence[int]) -> dict[int, SignerError]:
        """Rows that were dismissed, or ask for what a revoked certificate can never be again."""
        rows = db.session.execute(
            select(Revocation.id, Revocation.state, Revocation.kind, Certificate.state.label("now"))
            .join(Certificate, Certificate.id == Revocation.certificate_id)
            .where(Revocation.id.in_(row_ids), Revocation.state.in_(("ordered", "dismissed")))
        ).all()
        failures: dict[int, SignerError] = {
            row.id: Conflict(_DISMISSED) for row in rows if row.state == "dismissed"
        }
        too_late = [
            row.id
            for row in rows
            if row.id not in failures
            and row.kind != Act.REVOKE
            and row.now == CertificateState.REVOKED
        ]
        if too_late:
            with transaction():
                set_rows(
                    Revocation,
                    Revocation.id.in_(too_late),
                    Revocation.state == "ordered",
                    state="dismissed",
                    error=_REVOKED_MEANWHILE,
                )
                self._audit.record_many(
                    "system",
                    [
                        Happening(
                            action="revocation.dismissed",
                            subject=f"revocation:{row_id}",
                            details={"reason": _REVOKED_MEANWHILE},
                        )
                        for row_id in too_late
                    ],
                )
        return failures | dict.fromkeys(too_late, Conflict(_REVOKED_MEANWHILE))

    def _targets(
        self, row_ids: Iterable[int], states: Sequence[str] = ("ordered",)
    ) -> list[Row[*tuple[Any, ...]]]:
        """What is still to be done for the rows: each certificate that counts of their people.

        An act is upon the person: what was renewed, or is being replaced, must not outlive it.
        """
        present, each = aliased(Certificate), aliased(Certificate)
        rows = db.session.execute(
            select(Revocation.id, Revocation.kind, Revocation.ground, each.serial_hex, each.state)
            .join(SigningKey, SigningKey.person_id == Revocation.person_id)
            .join(present, present.id == SigningKey.certificate_id)
            .join(each, each.spki_sha256 == present.spki_sha256)
            .where(Revocation.id.in_(row_ids), Revocation.state.in_(states))
            .order_by(each.id)
        )
        return [row for row in rows if row.state in _FROM[Act(row.kind)]]

    def _ask_authority(self, targets: Sequence[Row[*tuple[Any, ...]]], actor: str) -> None:
        """The CA has moved each; what somebody else moved meanwhile is found by the next look."""
        orders = [
            RevocationOrder(
                serial=int(target.serial_hex, 16),
                reason=RevocationReason.CERTIFICATE_HOLD
                if target.kind == Act.SUSPEND or not target.ground
                else GROUNDS[Ground(target.ground)].reason,
                details={"revocation": target.id},
            )
            for target in targets
            if target.kind != Act.RELEASE
        ]
        if orders:
            self._authority.revoke_many(orders, actor)
        released = [int(t.serial_hex, 16) for t in targets if t.kind == Act.RELEASE]
        if released:
            self._authority.release_many(released, actor)

    def _finish(self, row_ids: Iterable[int], actor: str) -> set[int]:
        """The rows that need no further look; those done in this call put their keys away."""
        with transaction():
            rows = db.session.execute(
                select(
                    Revocation.id,
                    Revocation.kind,
                    Revocation.ground,
                    Revocation.person_id,
                    Person.code,
                    Certificate.serial_hex,
                )
                .join(Person, Person.id == Revocation.person_id)
                .join(Certificate, Certificate.id == Revocation.certificate_id)
                # A job cancelled meanwhile dismissed its rows; what the CA did is told anyway.
                .where(Revocation.id.in_(row_ids), Revocation.state.in_(("ordered", "dismissed")))
                .order_by(Revocation.id)
                .with_for_update(of=Revocation)
            ).all()
            waiting = {row.id for row in self._targets(row_ids, ("ordered", "dismissed"))}
            done = [row for row in rows if row.id not in waiting]
            revoked = [row for row in done if row.kind == Act.REVOKE]
            # A key being certified right now finds itself retired; its certificate is revoked.
            retire_keys(SigningKey.person_id.in_([row.person_id for row in revoked]))
            set_rows(
                Revocation,
                Revocation.id.in_([row.id for row in done]),
                state="done",
                done_at=self._clock.now(),
                error=None,
            )
            self._audit.record_many(
                actor,
                [
                    Happening(
                        action=f"person.{_DONE[Act(row.kind)]}",
                        subject=f"person:{row.code}",
                        details={"serial": row.serial_hex, "revocation": row.id},
                    )
                    for row in done
                ],
            )
        return set(row_ids) - waiting


_DONE: Mapping[Act, str] = {
    Act.REVOKE: "revoked",
    Act.SUSPEND: "suspended",
    Act.RELEASE: "released",
}
_DISMISSED = N_("Việc này đã được hủy trước khi thực hiện.")
_REVOKED_MEANWHILE = N_("Chứng thư đã bị thu hồi trước khi việc này được thực hiện.")
_STILL_ISSUING = N_("Chứng thư của người này đang được cấp lại; hãy thử lại sau ít giây.")
