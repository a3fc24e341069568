"""Requests for certificates: filed by one person, decided by another, worked off as a job."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, update

from signer.accounts import Actor, Permission, visible
from signer.audit import Audit
from signer.ca.authority import Authority
from signer.clock import Clock
from signer.config import Settings
from signer.db import changed, db, move_state, transaction
from signer.errors import N_, Conflict, Forbidden, Invalid, NotFound
from signer.inventory.models import OrgUnit, Person
from signer.inventory.paging import Page
from signer.inventory.people import EVERYBODY, Listed, PeopleFilter
from signer.inventory.policy import counted_states
from signer.inventory.service import Inventory
from signer.issuance.expiring import Expiring
from signer.issuance.issuing import Issuing
from signer.issuance.models import CertificateRequest, Decision, RequestItem
from signer.issuance.rehoming import Rehoming
from signer.issuance.requesting import Requesting
from signer.issuance.revoking import REVOKE_JOB_KIND, Revoking
from signer.issuance.seals import Seals
from signer.issuance.states import SigningState, Standing, asked_in, is_covered, is_pending
from signer.issuance.states import states_of as _states_of
from signer.issuance.views import RequestPerson, RequestView, request_rows
from signer.jobs import Jobs
from signer.pkcs11.vault import Vault

JOB_KIND = "issue"
CANCELLED_JOBS = frozenset({JOB_KIND, REVOKE_JOB_KIND})
"""The kinds that may be left half-way; others are done to the end, or taken back afterwards."""
_REASON_LENGTH = 500


class Issuance:
    """The way from "has no certificate" to "has one", with a second person's approval."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        audit: Audit,
        jobs: Jobs,
        inventory: Inventory,
        vault: Vault,
        authority: Authority,
    ) -> None:
        self._clock = clock
        self._audit = audit
        self._jobs = jobs
        self._inventory = inventory
        expiring = Expiring(settings, clock)
        self.create = Requesting(clock, audit, inventory, expiring).create
        self.expiring, self.count_expiring = expiring.page, expiring.count
        self.issuing = Issuing(settings, clock, audit, vault, authority)
        self.rehoming = Rehoming(jobs)
        self.revoking = Revoking(settings, clock, audit, jobs, authority)
        self.seals = Seals(settings, clock, audit, jobs, inventory, vault, authority)

    def requests(
        self,
        actor: Actor,
        *,
        state: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[RequestView]:
        """The newest requests of the actor's units first; `before` is the last id above."""
        statement = request_rows()
        if state is not None:
            statement = statement.where(CertificateRequest.state == state)
        if before is not None:
            statement = statement.where(CertificateRequest.id < before)
        return _seen(actor, statement.order_by(CertificateRequest.id.desc()).limit(limit))

    def count_pending(self, actor: Actor) -> int:
        """How many requests wait for a decision that this actor could take."""
        statement = select(func.count(CertificateRequest.id)).where(
            CertificateRequest.state == "pending",
            CertificateRequest.requester_id != actor.account_id,
        )
        return (
            db.session.scalar(
                visible(actor, Permission.REQUEST_APPROVE, statement, CertificateRequest.unit_path)
            )
            or 0
        )

    def count_failed(self) -> int:
        """How many people of approved requests could not be issued for at the last try."""
        statement = select(func.count(RequestItem.id)).where(
            RequestItem.state == "open", RequestItem.error.is_not(None)
        )
        return db.session.scalar(statement) or 0

    def request_of(self, actor: Actor, request_id: int) -> RequestView:
        """One request; raises `NotFound` also when it lies outside the actor's units."""
        for found in _seen(actor, request_rows().where(CertificateRequest.id == request_id)):
            return found
        raise NotFound(N_("Không tìm thấy đề nghị số %(id)d."), id=request_id)

    def find_request_of_job(self, actor: Actor, job_id: int) -> RequestView | None:
        """The request a job works off; None when the job has none or the actor may not see it."""
        found = _seen(actor, request_rows().where(CertificateRequest.job_id == job_id))
        return found[0] if found else None

    def people_of(self, actor: Actor, request_id: int) -> list[RequestPerson]:
        """The people of the request in the order of the roster."""
        self.request_of(actor, request_id)
        rows = db.session.execute(
            select(
                RequestItem.id.label("item_id"),
                RequestItem.person_id,
                Person.code,
                Person.full_name,
                OrgUnit.name.label("unit_name"),
                func.coalesce(Person.title, "").label("title"),
                Person.email,
            )
            .join(Person, Person.id == RequestItem.person_id)
            .join(OrgUnit, OrgUnit.id == Person.unit_id)
            .where(RequestItem.request_id == request_id)
            .order_by(Person.unit_path, Person.sort_key, Person.id)
        ).mappings()
        people = list(rows)
        states = self.states_of([row["person_id"] for row in people])
        return [RequestPerson(**row, state=states[row["person_id"]]) for row in people]

    def approve(self, actor: Actor, request_id: int, note: str = "") -> int:
        """The request is approved and its job waits for a worker; returns the job's id.

        Raises `Forbidden` for the requester, `Conflict` when somebody decided before.
        """
        request = self._to_decide(actor, request_id)
        with transaction():
            self._decide(actor, request, "approved", note)
            items = db.session.scalars(
                select(RequestItem.id).where(RequestItem.request_id == request_id)
            ).all()
            job_id = self._jobs.create(
                JOB_KIND,
                [str(item) for item in items],
                actor=actor.name,
                title=N_("Cấp chứng thư theo đề nghị đã duyệt"),
                scope_path=request.unit_path,
            )
            db.session.execute(
                update(CertificateRequest)
                .where(CertificateRequest.id == request_id)
                .values(job_id=job_id)
            )
        return job_id

    def reject(self, actor: Actor, request_id: int, reason: str) -> None:
        """The request is over; its people may be asked for again."""
        if not reason.strip():
            raise Invalid(N_("Hãy ghi lý do không duyệt."), field="note")
        request = self._to_decide(actor, request_id)
        with transaction():
            self._decide(actor, request, "rejected", reason)
            self._close_items(CertificateRequest.id == request_id)

    def cancel(self, actor: Actor, request_id: int) -> None:
        """The requester takes back a request nobody has decided on yet."""
        request = self.request_of(actor, request_id)
        if request.requester_id != actor.account_id:
            raise Forbidden(N_("Chỉ người lập đề nghị được rút lại đề nghị này."))
        with transaction():
            move_state(CertificateRequest, request_id, "pending", "cancelled")
            self._close_items(CertificateRequest.id == request_id)
            self._audit.record(actor.name, "request.cancelled", f"request:{request_id}")

    def cancel_job(self, actor: Actor, job_id: int) -> None:
        """The job does no more; people it did not reach may be asked for (or ordered) again."""
        job = self._jobs.job_of(job_id)
        if job.kind not in CANCELLED_JOBS:
            raise Conflict(N_("Công việc này phải làm đến hết; có thể tạm ngừng rồi tiếp tục."))
        is_order = job.kind == REVOKE_JOB_KIND
        actor.require(
            Permission.CERTIFICATE_REVOKE if is_order else Permission.CERTIFICATE_ISSUE,
            job.scope_path,
        )
        mine = CertificateRequest.job_id == job_id

        def free() -> None:
            self.revoking.cancel(job_id) if is_order else self._close_items(mine)

        self._jobs.cancel(job_id, actor.name, in_same_commit=free)

    def states_of(self, person_ids: Sequence[int]) -> dict[int, Standing]:
        """Where each of these people stands now."""
        return _states_of(list(person_ids), self._clock.now())

    def people(
        self,
        actor: Actor,
        asked: PeopleFilter = EVERYBODY,
        *,
        state: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> tuple[Page[Person], dict[int, Standing]]:
        """A page of people with their states; `state` is a SigningState, covered or pending."""
        page = self._inventory.people(actor, self.asked_in(asked, state), after=after, limit=limit)
        return page, self.states_of([person.id for person in page.items])

    def each_of_people(
        self, actor: Actor, asked: PeopleFilter = EVERYBODY, *, state: str | None = None
    ) -> Iterator[tuple[list[Listed], dict[int, Standing]]]:
        """The whole of the same list, some thousand people at a time."""
        for people in self._inventory.each_of_people(actor, self.asked_in(asked, state)):
            yield people, self.states_of([person.id for person in people])

    def asked_in(self, asked: PeopleFilter, state: str | None) -> PeopleFilter:
        """See `states.asked_in`, as of now."""
        return asked_in(asked, state, self._clock.now())

    def count_lacking(self, actor: Actor, asked: PeopleFilter) -> int:
        """How many of the list a request of the actor's for all who lack one would be for."""
        lacking = self.asked_in(asked, SigningState.LACKING)
        return self._inventory.count_people(actor, lacking, permission=Permission.REQUEST_CREATE)

    def counts(self, actor: Actor) -> dict[str, int]:
        """How many people the actor sees: covered, pending, lacking."""
        now = self._clock.now()
        covered, pending = is_covered(Person.id, now), is_pending(Person.id)
        total = visible(
            actor,
            Permission.PERSON_VIEW,
            select(
                func.count(Person.id),
                func.count(Person.id).filter(covered),
                func.count(Person.id).filter(~covered & pending),
            ).where(Person.state.in_(counted_states())),
            Person.unit_path,
        )
        people, with_certificate, waiting = db.session.execute(total).one()
        return {
            "persons": people,
            "covered": with_certificate,
            "pending": waiting,
            "lacking": people - with_certificate - waiting,
        }

    def allow_reactivation(self, actor: Actor, person_code: str) -> None:
        """A person whose key is locked has a new key and certificate, ready to be activated.

        The old certificate is revoked as superseded: nobody can open its key without the PIN.
        """
        person = self._inventory.person_of(actor, person_code)
        actor.require(Permission.CERTIFICATE_REVOKE, person.unit_path)
        self.issuing.replace_key(person.id, actor.name)

    def _to_decide(self, actor: Actor, request_id: int) -> RequestView:
        request = self.request_of(actor, request_id)
        actor.require(Permission.REQUEST_APPROVE, request.unit_path)
        if actor.account_id is None or actor.account_id == request.requester_id:
            raise Forbidden(N_("Người lập đề nghị không được tự duyệt đề nghị của mình."))
        return request

    def _decide(self, actor: Actor, request: RequestView, outcome: str, note: str) -> None:
        move_state(CertificateRequest, request.id, "pending", outcome)
        db.session.add(
            Decision(
                request_id=request.id,
                requester_id=request.requester_id,
                approver_id=actor.account_id,
                decided_by=actor.display_name,
                decided_at=self._clock.now(),
                outcome=outcome,
                note=note.strip()[:_REASON_LENGTH],
            )
        )
        self._audit.record(
            actor.name, f"request.{outcome}", f"request:{request.id}", note=note.strip()
        )

    def _close_items(self, of: ColumnElement[bool]) -> None:
        requests = select(CertificateRequest.id).where(of)
        open_items = RequestItem.request_id.in_(requests), RequestItem.state == "open"
        closed = update(RequestItem).where(*open_items).values(state="closed")
        changed("person", db.session.scalars(closed.returning(RequestItem.person_id)))


def _seen(actor: Actor, statement: Select[*tuple[Any, ...]]) -> list[RequestView]:
    """Those of these requests that the actor may see."""
    mine = visible(actor, Permission.REQUEST_VIEW, statement, CertificateRequest.unit_path)
    return [RequestView(**row) for row in db.session.execute(mine).mappings()]
