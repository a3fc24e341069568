"""Orders upon certificates: who can be meant, and the rows that say so before the CA is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Label, Row, and_, insert, select
from sqlalchemy.orm import aliased

from signer.accounts import Actor, Permission
from signer.audit import Audit, Happening
from signer.ca.crl import RevocationReason
from signer.ca.models import Certificate, CertificateState
from signer.clock import Clock
from signer.db import advisory_lock, db, set_rows, transaction
from signer.errors import N_, Invalid
from signer.issuance.carrying import ORDERS_LOCK, Carrying
from signer.issuance.grounds import GROUNDS, Act, Ground, GroundRule, grounds_for
from signer.issuance.holdings import Holding, common_path, holdings_of
from signer.issuance.models import Revocation
from signer.issuance.revocation_views import Ordered
from signer.issuance.views import Refused
from signer.jobs import Jobs

REVOKE_JOB_KIND = "revoke"
AT_ONCE = 20
"""Up to this many people are done while the clerk waits; more are a job."""
AT_ONCE_IF_URGENT = 1000
"""A key in wrong hands must not wait for a queue: signing is blocked when the answer is there."""
MOST = 20_000
_DOCUMENT_LENGTH = 100
_NOTE_LENGTH = 500
_OPEN = ("draft", "ordered")


@dataclass(frozen=True, kw_only=True)
class Warrant:
    """On what an order rests."""

    rule: GroundRule | None
    """None for a release: the suspension it ends had its ground."""
    document_ref: str
    note: str


class Ordering:
    """Stores orders and has them carried out; two clerks never order the same thing twice."""

    def __init__(self, clock: Clock, audit: Audit, jobs: Jobs, carrying: Carrying) -> None:
        self._clock = clock
        self._audit = audit
        self._jobs = jobs
        self._carrying = carrying

    def choose(
        self, actor: Actor, act: Act, rule: GroundRule | None, names: Sequence[str]
    ) -> tuple[list[Holding], list[Refused]]:
        """The people to whom the act can be done, and the others with the reason."""
        actor.require(Permission.CERTIFICATE_REVOKE)
        most = AT_ONCE_IF_URGENT if rule is not None and rule.is_urgent else MOST
        if not names:
            raise Invalid(N_("Hãy chọn ít nhất một người."), field="person_codes")
        if len(names) > most:
            raise Invalid(
                N_("Mỗi lần chỉ làm được cho tối đa %(most)d người; hãy chia danh sách."),
                field="person_codes",
                most=most,
            )
        holdings, refused = holdings_of(
            actor, Permission.CERTIFICATE_REVOKE, names, self._clock.now()
        )
        standing = _standing(holdings)
        chosen: list[Holding] = []
        for holding in holdings:
            sentence = _why_not(act, rule, standing.get(holding.certificate_id or 0))
            if sentence is None:
                chosen.append(holding)
            else:
                refused.append(Refused.of(holding, sentence))
        return chosen, refused

    def give(
        self,
        actor: Actor,
        chosen: Mapping[Act, Sequence[Holding]],
        warrant: Warrant,
        refused: list[Refused],
    ) -> Ordered:
        """The order is stored in one commit, then done, or left to a worker when it is long."""
        job_id: int | None = None
        with transaction():
            # One at a time, so that the second of two clerks sees what the first one stored.
            advisory_lock(ORDERS_LOCK)
            rows: dict[int, Holding] = {}
            for act, holdings in chosen.items():
                rows |= self._store(actor, act, warrant, holdings, refused)
            if not is_at_once(warrant.rule, len(rows)):
                job_id = self._make_job(actor, rows)
        if job_id is not None:
            return Ordered(done=0, job_id=job_id, refused=tuple(refused))
        failures = self._carrying.carry_out(list(rows), actor.name)
        refused += [Refused.of(rows[row_id], error.sentence) for row_id, error in failures.items()]
        return Ordered(done=len(rows) - len(failures), job_id=None, refused=tuple(refused))

    def _store(
        self,
        actor: Actor,
        act: Act,
        warrant: Warrant,
        holdings: Sequence[Holding],
        refused: list[Refused],
    ) -> dict[int, Holding]:
        """The rows ordered now, in the open transaction; who was overtaken joins `refused`."""
        now = self._clock.now()
        rule = warrant.rule
        ordered = {
            "kind": act.value,
            "state": "ordered",
            "ground": rule.code.value if rule else None,
            "document_ref": warrant.document_ref,
            "note": warrant.note,
            "decided_at": now,
            "decided_by": actor.display_name,
            "job_id": None,
        }
        _hold_open_rows(holdings)
        standing = _standing(holdings)
        new: list[dict[str, object]] = []
        taken: list[int] = []
        of_certificate: dict[int, Holding] = {}
        for holding in holdings:
            number = holding.certificate_id or 0
            sentence = _why_not(act, rule, standing.get(number))
            if sentence is not None:
                refused.append(Refused.of(holding, sentence))
                continue
            of_certificate[number] = holding
            if standing[number].row_id is not None:
                taken.append(standing[number].row_id)
                continue
            new.append(
                ordered
                | {
                    "certificate_id": number,
                    "person_id": holding.person_id,
                    "unit_path": holding.unit_path,
                    "opened_at": now,
                    "opened_by": actor.display_name,
                }
            )
        if new:
            db.session.execute(insert(Revocation), new)
        set_rows(Revocation, Revocation.id.in_(taken), **ordered)
        self._record(actor, act, warrant, of_certificate.values())
        return {
            row.row_id: of_certificate[number]
            for number, row in _standing(list(of_certificate.values())).items()
        }

    def _record(
        self, actor: Actor, act: Act, warrant: Warrant, holdings: Sequence[Holding] | Any
    ) -> None:
        details = {
            "act": act.value,
            "ground": warrant.rule.code.value if warrant.rule else None,
            "document": warrant.document_ref,
        }
        self._audit.record_many(
            actor.name,
            [
                Happening(
                    action="revocation.ordered",
                    subject=f"person:{holding.code}",
                    details=details | {"serial": holding.serial_hex},
                )
                for holding in holdings
            ],
        )

    def _make_job(self, actor: Actor, rows: Mapping[int, Holding]) -> int:
        job_id = self._jobs.create(
            REVOKE_JOB_KIND,
            [str(row_id) for row_id in rows],
            actor=actor.name,
            title=N_("Thu hồi hoặc tạm dừng chứng thư"),
            scope_path=common_path([holding.unit_path for holding in rows.values()]),
        )
        set_rows(Revocation, Revocation.id.in_(rows), job_id=job_id)
        return job_id


def is_at_once(rule: GroundRule | None, people: int) -> bool:
    """True when an order for so many people is done before the answer is there."""
    return people <= AT_ONCE or (rule is not None and rule.is_urgent)


def rule_of(act: Act, ground: Ground | None) -> GroundRule | None:
    """The rule of the ground; `Invalid` when the act does not go on it (R25).

    A change is no order: it is asked for with a request.
    """
    if act is Act.RELEASE:
        return None
    rule = GROUNDS[ground] if ground is not None else None
    if act is Act.CHANGE or rule is None or rule not in grounds_for(act):
        raise Invalid(N_("Hãy chọn một căn cứ pháp lý áp dụng được cho việc này."), field="ground")
    return rule


def warrant_of(rule: GroundRule | None, document_ref: str, note: str) -> Warrant:
    """The paper of an order; `Invalid` when it is missing or too long."""
    document_ref, note = document_ref.strip(), note.strip()
    if rule is not None and rule.needs_document and not document_ref:
        raise Invalid(N_("Hãy ghi số, ký hiệu văn bản làm căn cứ."), field="document_ref")
    if len(document_ref) > _DOCUMENT_LENGTH:
        raise Invalid(N_("Số, ký hiệu văn bản không quá 100 ký tự."), field="document_ref")
    if len(note) > _NOTE_LENGTH:
        raise Invalid(N_("Ghi chú không quá 500 ký tự."), field="note")
    return Warrant(rule=rule, document_ref=document_ref, note=note)


def _hold_open_rows(holdings: Sequence[Holding]) -> None:
    """Whatever is drafted or ordered for them stays as it is until the open transaction ends."""
    numbers = [holding.certificate_id for holding in holdings if holding.certificate_id]
    db.session.execute(
        select(Revocation.id)
        .where(Revocation.certificate_id.in_(numbers), Revocation.state.in_(_OPEN))
        .order_by(Revocation.id)
        .with_for_update()
    )


def _standing(holdings: Sequence[Holding]) -> dict[int, Row[*tuple[Any, ...]]]:
    """(state, row_id, row_state, row_kind, row_ground, held_on) of each certificate, its open row
    and the ground of its last suspension, if any."""
    numbers = [holding.certificate_id for holding in holdings if holding.certificate_id]
    rows = db.session.execute(
        select(
            Certificate.id,
            Certificate.state,
            Revocation.id.label("row_id"),
            Revocation.state.label("row_state"),
            Revocation.kind.label("row_kind"),
            Revocation.ground.label("row_ground"),
            _last_suspension(),
        )
        .outerjoin(
            Revocation,
            and_(
                Revocation.certificate_id == Certificate.id,
                Revocation.state.in_(_OPEN),
            ),
        )
        .where(Certificate.id.in_(numbers))
    )
    return {row.id: row for row in rows}


def _last_suspension() -> Label[str | None]:
    done = aliased(Revocation)
    return (
        select(done.ground)
        .where(
            done.certificate_id == Certificate.id,
            done.kind == Act.SUSPEND.value,
            done.state == "done",
        )
        .order_by(done.id.desc())
        .limit(1)
        .correlate(Certificate)
        .scalar_subquery()
        .label("held_on")
    )


def _why_not(act: Act, rule: GroundRule | None, row: Row[*tuple[Any, ...]] | None) -> str | None:
    """Why the act cannot be done to a certificate that stands so; None when it can."""
    if row is None or row.state not in (CertificateState.ISSUED, CertificateState.SUSPENDED):
        return N_("Người này không có chứng thư chữ ký số nào còn hiệu lực.")
    is_held = act is Act.SUSPEND and row.state == CertificateState.SUSPENDED
    if is_held and not _is_graver(rule, row):
        return N_("Chứng thư của người này đang tạm dừng rồi.")
    if act is Act.RELEASE and row.state != CertificateState.SUSPENDED:
        return N_("Chứng thư của người này không ở trạng thái tạm dừng.")
    if row.row_state == "ordered":
        overtakes = rule is not None and rule.is_urgent
        is_urgent = row.row_ground and GROUNDS[Ground(row.row_ground)].is_urgent
        if not overtakes or (is_urgent and not _is_graver(rule, row)):
            return N_("Chứng thư của người này đang được xử lý theo một lệnh khác.")
    return None


def _is_graver(rule: GroundRule | None, row: Row[*tuple[Any, ...]]) -> bool:
    """True when the key may be in wrong hands, and what holds the certificate is not that.

    Such an order is taken although the certificate is on hold already: else it could be released
    by who knows only of the earlier ground, or by a release that waits.
    """
    if rule is None or rule.reason is not RevocationReason.KEY_COMPROMISE:
        return False
    held_on = row.row_ground if row.row_state == "ordered" else row.held_on
    return bool(row.row_kind == Act.RELEASE or held_on == Ground.SUSPENDED_FROM_DUTY)
