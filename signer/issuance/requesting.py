"""Filing requests: whom they are for, who is refused and why, and the rows that ask."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from signer.accounts import Actor, Permission, in_subtree
from signer.audit import Audit
from signer.clock import Clock
from signer.db import changed, db, transaction
from signer.errors import N_, Conflict, Forbidden, Invalid, NotFound
from signer.inventory.models import OrgUnit, Person
from signer.inventory.people import EVERYBODY, Listed, PeopleFilter
from signer.inventory.policy import rules
from signer.inventory.service import Inventory
from signer.issuance.expiring import Expiring
from signer.issuance.holdings import body_over, common_path, holdings_of
from signer.issuance.kinds import (
    COVERED,
    IN_ANOTHER_REQUEST,
    NO_EMAIL,
    NO_LONGER_AT_WORK,
    SUSPENDED,
    RequestKind,
)
from signer.issuance.models import CertificateRequest, RequestItem
from signer.issuance.states import HAS_CERTIFICATE, SigningState, asked_in, states_of
from signer.issuance.views import CreatedRequest, Refused

_REASON_LENGTH = 500


class Requesting:
    """Makes requests; deciding on them is another person's act."""

    def __init__(
        self, clock: Clock, audit: Audit, inventory: Inventory, expiring: Expiring
    ) -> None:
        self._clock = clock
        self._audit = audit
        self._inventory = inventory
        self._expiring = expiring

    def create(
        self,
        actor: Actor,
        *,
        reason: str,
        unit_code: str | None = None,
        lacking: bool = False,
        person_codes: Sequence[str] = (),
        kind: RequestKind = RequestKind.ISSUE,
        asked: PeopleFilter = EVERYBODY,
    ) -> CreatedRequest:
        """One pending request for everybody lacking in the unit's subtree, or for named people.

        `asked` is the list whose lacking are meant, which may be narrower than the unit.

        People who cannot be asked for (no official e-mail, covered already, in another open
        request, not working; or, for the other kinds, what `why_not_reissue` says) are listed as
        refused and the others go on. The body they all belong to is the requester (R22): raises
        `Forbidden` with its name when the actor does not act for it, and when one of the people
        of a first issue is outside the actor's units; for the other kinds such a person is
        refused as unknown.
        """
        reason = reason.strip()
        if not reason or len(reason) > _REASON_LENGTH:
            raise Invalid(N_("Hãy ghi lý do đề nghị, không quá 500 ký tự."), field="reason")
        if lacking == bool(person_codes):
            raise Invalid(N_("Hãy chọn người cần cấp, hoặc cả đơn vị, nhưng không cả hai."))
        if kind is RequestKind.ISSUE:
            people, refused = self._sift(self._wanted(actor, unit_code, person_codes, asked))
            ready = [(person.id, person.unit_path) for person in people]
        else:
            ready, refused = self._sift_holders(actor, kind, person_codes)
        if not ready:
            return CreatedRequest(id=None, persons=0, refused=tuple(refused))
        body = _requesting_body(actor, [path for _, path in ready])
        if actor.account_id is None:
            raise Forbidden(N_("Đề nghị phải do một tài khoản có tên lập."))
        with transaction():
            people_ids = [person_id for person_id, _ in ready]
            request_id = self._store(actor, kind, reason, body, people_ids)
            if kind is RequestKind.ISSUE:
                self._require_lacking(people_ids)
        return CreatedRequest(id=request_id, persons=len(ready), refused=tuple(refused))

    def _wanted(
        self,
        actor: Actor,
        unit_code: str | None,
        person_codes: Sequence[str],
        asked: PeopleFilter,
    ) -> Sequence[Listed]:
        asked = asked_in(asked, SigningState.LACKING, self._clock.now())
        if unit_code is not None:
            unit = self._inventory.unit_of(unit_code)
            actor.require(Permission.REQUEST_CREATE, unit.path)
            asked = replace(asked, unit_path=unit.path)
        if person_codes:
            named = select(Person).where(
                Person.code.in_(person_codes), in_subtree(Person.unit_path, asked.unit_path or "")
            )
            in_order = named.order_by(Person.unit_path, Person.sort_key, Person.id)
            found = list(db.session.scalars(in_order))
            missing = sorted(set(person_codes) - {person.code for person in found})
            if missing:
                raise NotFound(N_("Không tìm thấy cán bộ có mã %(code)s."), code=missing[0])
            for person in found:
                actor.require(Permission.REQUEST_CREATE, person.unit_path)
            return found
        actor.require(Permission.REQUEST_CREATE)
        permission = Permission.REQUEST_CREATE
        pieces = self._inventory.each_of_people(actor, asked, permission=permission)
        return sorted(chain.from_iterable(pieces), key=lambda p: (p.unit_path, p.sort_key, p.id))

    def _sift(self, people: Sequence[Listed]) -> tuple[list[Listed], list[Refused]]:
        states = states_of([person.id for person in people], self._clock.now())
        ready: list[Listed] = []
        refused: list[Refused] = []
        for person in people:
            sentence = _why_not(person, states[person.id].state)
            if sentence is None:
                ready.append(person)
            else:
                refused.append(Refused.of(person, sentence))
        return ready, refused

    def _sift_holders(
        self, actor: Actor, kind: RequestKind, person_codes: Sequence[str]
    ) -> tuple[list[tuple[int, str]], list[Refused]]:
        """(person, unit path) of those whose certificate can get a successor of that kind."""
        if not person_codes:
            raise Invalid(N_("Hãy chọn những người cần đề nghị."), field="person_codes")
        actor.require(Permission.REQUEST_CREATE)
        holdings, refused = holdings_of(
            actor, Permission.REQUEST_CREATE, person_codes, self._clock.now()
        )
        why_not = self._expiring.refusals(kind, holdings)
        refused += [Refused.of(h, why_not[h.person_id]) for h in holdings if h.person_id in why_not]
        ready = [(h.person_id, h.unit_path) for h in holdings if h.person_id not in why_not]
        return ready, refused

    def _require_lacking(self, person_ids: Sequence[int]) -> None:
        """Nobody got a certificate since the list was read; in the open transaction.

        Their open items are there by now, so nobody can get one from another request either.
        """
        states = states_of(list(person_ids), self._clock.now())
        if any(standing.state in HAS_CERTIFICATE for standing in states.values()):
            raise Conflict(_ASKED_FOR_ALREADY)

    def _store(
        self,
        actor: Actor,
        kind: RequestKind,
        reason: str,
        body: OrgUnit,
        person_ids: Sequence[int],
    ) -> int:
        request = CertificateRequest(
            kind=kind.value,
            state="pending",
            reason=reason,
            unit_id=body.id,
            unit_path=body.path,
            requester_id=actor.account_id,
            requested_by=actor.display_name,
            requested_at=self._clock.now(),
            persons=len(person_ids),
        )
        db.session.add(request)
        db.session.flush()
        rows = [
            {"request_id": request.id, "person_id": person_id, "state": "open"}
            for person_id in person_ids
        ]
        try:
            db.session.execute(insert(RequestItem), rows)
        except IntegrityError as error:
            raise Conflict(_ASKED_FOR_ALREADY) from error
        changed("person", person_ids)
        self._audit.record(
            actor.name,
            "request.created",
            f"request:{request.id}",
            kind=kind.value,
            persons=len(person_ids),
        )
        return request.id


def _requesting_body(actor: Actor, paths: Sequence[str]) -> OrgUnit:
    """Who asks for the people of these units; `Forbidden` names who may when the actor may not."""
    body = body_over(paths)
    if body is None:
        common = select(OrgUnit.name).where(OrgUnit.path == common_path(paths))
        raise Invalid(
            N_(
                "Từ %(unit)s trở lên chưa có cơ quan nào được ghi là có tư cách pháp nhân và con "
                "dấu; hãy bổ sung ở trang của đơn vị."
            ),
            unit=db.session.scalar(common) or "",
        )
    if not actor.can(Permission.REQUEST_CREATE, body.path):
        raise Forbidden(
            N_(
                "Chỉ cơ quan có tư cách pháp nhân và con dấu được lập đề nghị; với những người "
                "này, đó là %(body)s. Hãy nhờ cán bộ đầu mối của cơ quan ấy lập, hoặc lập riêng đề "
                "nghị cho từng cơ quan của bạn."
            ),
            body=body.name,
        )
    return body


_ASKED_FOR_ALREADY = N_("Có người vừa được đưa vào một đề nghị khác; hãy tải lại danh sách.")


def _why_not(person: Listed, state: SigningState) -> str | None:
    """Why nobody can ask for a first certificate of this person; None when somebody can."""
    if not rules()[person.state].may_sign:
        return NO_LONGER_AT_WORK
    if not person.email:
        return NO_EMAIL
    if state is SigningState.SUSPENDED:
        return SUSPENDED
    if state in (SigningState.READY, SigningState.ACTIVE, SigningState.LOCKED):
        return COVERED
    if state in (SigningState.REQUESTED, SigningState.APPROVED, SigningState.FAILED):
        return IN_ANOTHER_REQUEST
    return None
