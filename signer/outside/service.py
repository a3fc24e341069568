"""`Outside`: certificates of other authorities, brought in, matched to people, and followed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, func, literal, or_, select

from signer.accounts import Actor, Permission
from signer.accounts.permissions import in_subtree
from signer.audit import Audit
from signer.clock import Clock
from signer.config import Settings
from signer.db import LOST_RACE, db, transaction
from signer.errors import N_, Conflict, Invalid, NotFound
from signer.files import Files
from signer.inventory.models import OrgUnit, Person
from signer.inventory.names import fold
from signer.inventory.paging import Page
from signer.jobs import Jobs
from signer.outside.anchors import Anchors, load_anchors
from signer.outside.following import Following
from signer.outside.importing import Importing
from signer.outside.kinds import CertificateStatus, Match, Owner
from signer.outside.matching import Matched
from signer.outside.models import OutsideCertificate
from signer.outside.storage import assign, counted, settle

_MAX_PAGE = 500


class Tab(StrEnum):
    """The lists that certificates from outside are shown in."""

    PROPOSED = "proposed"
    UNMATCHED = "unmatched"
    MATCHED = "matched"
    BODIES = "bodies"
    NOT_OFFICIAL = "not_official"


TAB_NAMES: dict[Tab, str] = {
    Tab.PROPOSED: N_("Chờ xác nhận"),
    Tab.UNMATCHED: N_("Chưa xác định chủ thể"),
    Tab.MATCHED: N_("Đã xác định"),
    Tab.BODIES: N_("Của cơ quan, tổ chức"),
    Tab.NOT_OFFICIAL: N_("Không phải chuyên dùng công vụ"),
}


@dataclass(frozen=True, kw_only=True)
class CertificateView:
    """One certificate as lists and pages show it."""

    row: OutsideCertificate
    status: CertificateStatus
    """As of now: what has expired is expired, what was good too long ago is unknown."""
    person_code: str | None
    """Whose it is, or is proposed to be."""
    person_name: str | None
    unit_name: str | None


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How many certificates stand in each list, and how sure their status is."""

    tabs: dict[Tab, int]
    unknown_status: int
    """Counted, although nobody has said whether they were revoked; own figure by design."""
    revoked: int


class Outside:
    """What the city knows of certificates that it did not issue. `importing` brings them in,
    `following` keeps their status; here it is decided whose they are."""

    def __init__(
        self, settings: Settings, clock: Clock, audit: Audit, files: Files, jobs: Jobs
    ) -> None:
        """Raises `ConfigError` when a trusted file is missing or was swapped (R17)."""
        self._clock = clock
        self._audit = audit
        self.anchors: Anchors = load_anchors(settings.below_home(settings.trust))
        self.following = Following(clock, audit, files, jobs, self.anchors)
        self.importing = Importing(
            settings, clock, audit, files, jobs, self.anchors, self.following
        )

    def page(
        self,
        actor: Actor,
        tab: Tab | None = None,
        *,
        status: CertificateStatus | None = None,
        text: str = "",
        after: int | None = None,
        limit: int = 50,
    ) -> Page[CertificateView]:
        """A page of the list, the newest first; `text` is a name, an address or a serial."""
        row = OutsideCertificate
        statement = self._seen(actor).order_by(row.id.desc())
        if tab is not None:
            statement = statement.where(_TABS[tab])
        if status is not None:
            statement = statement.where(self._status() == status)
        if wanted := text.strip():
            folded = fold(wanted)
            statement = statement.where(
                or_(
                    row.name_key.startswith(folded, autoescape=True),
                    row.email == wanted.lower(),
                    row.serial_hex == wanted.lower().replace(":", "").lstrip("0"),
                )
            )
        if after is not None:
            statement = statement.where(row.id < after)
        size = min(max(limit, 1), _MAX_PAGE)
        rows = db.session.execute(statement.limit(size + 1)).all()
        items = tuple(map(_view, rows[:size]))
        return Page(items=items, next=str(items[-1].row.id) if len(rows) > size else None)

    def every(
        self,
        actor: Actor,
        tab: Tab | None = None,
        *,
        status: CertificateStatus | None = None,
        text: str = "",
    ) -> Iterator[CertificateView]:
        """All of what `page` shows, read page by page as it is taken."""
        after: int | None = None
        while True:
            page = self.page(actor, tab, status=status, text=text, after=after, limit=_MAX_PAGE)
            yield from page.items
            if page.next is None:
                return
            after = int(page.next)

    def certificate_of(self, actor: Actor, certificate_id: int) -> CertificateView:
        """The certificate; raises `NotFound`, also when it is not the actor's to see."""
        statement = self._seen(actor).where(OutsideCertificate.id == certificate_id)
        found = db.session.execute(statement).first()
        if found is None:
            raise NotFound(N_("Không tìm thấy chứng thư này."))
        return _view(found)

    def figures(self, actor: Actor) -> Figures:
        """The figures of the actor's lists."""
        row = OutsideCertificate
        counted = (row.counted_until.is_not(None), row.person_id.is_not(None))
        columns = [func.count().filter(condition) for condition in _TABS.values()]
        columns += [
            func.count().filter(and_(self._status() == CertificateStatus.UNKNOWN, *counted)),
            func.count().filter(row.status == CertificateStatus.REVOKED),
        ]
        statement = select(*columns).select_from(row).outerjoin(Person, _WHOSE)
        *tabs, unknown, revoked = db.session.execute(self._limited(actor, statement)).one()
        return Figures(
            tabs=dict(zip(_TABS, tabs, strict=True)), unknown_status=unknown, revoked=revoked
        )

    def confirm(self, actor: Actor, certificate_ids: Sequence[int]) -> int:
        """These proposals are right: from now on the certificates are those people's.

        Returns how many; what somebody else decided meanwhile is left as it is.
        """
        return self._decide(
            actor,
            certificate_ids,
            (Match.PROPOSED,),
            lambda row: Matched(
                match=Match.CONFIRMED, person_id=row.proposed_person_id, reason=row.match_reason
            ),
        )

    def reject(self, actor: Actor, certificate_id: int) -> None:
        """It is not that person's, whatever had said so; it is nobody's until somebody assigns it.

        The same is not proposed again. Also undoes a confirmation.
        """
        refused = Matched(match=Match.REJECTED)
        states = (Match.PROPOSED, Match.CERTAIN, Match.CONFIRMED)
        if not self._decide(actor, [certificate_id], states, lambda _: refused):
            raise Conflict(LOST_RACE)

    def assign(self, actor: Actor, certificate_id: int, person_code: str) -> None:
        """The certificate is this person's, because the actor says so."""
        person = db.session.scalar(select(Person).where(Person.code == person_code.strip().upper()))
        if person is None or not actor.can(Permission.CERTIFICATE_IMPORT, person.unit_path):
            raise Invalid(
                N_("Không có ai mang mã cán bộ này trong đơn vị bạn phụ trách."), field="person"
            )
        view = self.certificate_of(actor, certificate_id)
        if view.row.owner is not Owner.PERSON:
            raise Invalid(
                N_("Đây là chứng thư của cơ quan, tổ chức, không gán cho cá nhân được."),
                field="person",
            )
        given = Matched(match=Match.CONFIRMED, person_id=person.id)
        states = (Match.NONE, Match.REJECTED, Match.PROPOSED)
        if not self._decide(actor, [certificate_id], states, lambda _: given):
            raise Conflict(LOST_RACE)

    def _decide(
        self,
        actor: Actor,
        certificate_ids: Sequence[int],
        states: tuple[Match, ...],
        decision: Callable[[OutsideCertificate], Matched],
    ) -> int:
        row = OutsideCertificate
        now = self._clock.now()
        with transaction():
            found = db.session.scalars(
                self._seen(actor)
                .where(row.id.in_(certificate_ids), row.match.in_(states))
                .order_by(row.id)
                .with_for_update(of=row)
            ).all()
            before = counted(found)
            for certificate in found:
                assign(certificate, decision(certificate))
                certificate.decided_by, certificate.decided_at = actor.name, now
                self._audit.record(
                    actor.name,
                    f"outside.{certificate.match}",
                    f"outside-certificate:{certificate.serial_hex}",
                    issuer=certificate.issuer_name,
                    person=certificate.person_id,
                )
            settle(found, before, self.anchors)
        return len(found)

    def _seen(self, actor: Actor) -> Any:  # a Select of a row, its status and three texts
        statement = (
            select(OutsideCertificate, self._status(), Person.code, Person.full_name, OrgUnit.name)
            .outerjoin(Person, _WHOSE)
            .outerjoin(OrgUnit, OrgUnit.id == Person.unit_id)
        )
        return self._limited(actor, statement)

    def _limited(self, actor: Actor, statement: Any) -> Any:
        """What the actor may see: certificates of own people, and nobody's that came from there."""
        actor.require(Permission.CERTIFICATE_IMPORT)
        scopes = actor.scopes(Permission.CERTIFICATE_IMPORT)
        if "" in scopes:
            return statement
        row = OutsideCertificate
        return statement.where(
            or_(
                *(in_subtree(Person.unit_path, scope) for scope in scopes),
                and_(
                    Person.id.is_(None),
                    or_(
                        row.imported_by == actor.name,
                        row.decided_by == actor.name,
                        *(in_subtree(row.scope_path, scope) for scope in scopes),
                    ),
                ),
            )
        )

    def _status(self) -> ColumnElement[CertificateStatus]:
        """As of now: what has expired is expired, what was good too long ago is unknown."""
        row, now, status = OutsideCertificate, self._clock.now(), CertificateStatus
        kind = row.status.type
        return case(
            (row.status == status.REVOKED, row.status),
            (row.not_after < now, literal(status.EXPIRED, kind)),
            (
                and_(row.status == status.GOOD, row.status_until < now),
                literal(status.UNKNOWN, kind),
            ),
            else_=row.status,
        )


def _view(found: Row[*tuple[Any, ...]]) -> CertificateView:
    row, status, code, name, unit = found
    return CertificateView(
        row=row, status=status, person_code=code, person_name=name, unit_name=unit
    )


_WHOSE = Person.id == func.coalesce(
    OutsideCertificate.person_id, OutsideCertificate.proposed_person_id
)
_IS_PERSONS = OutsideCertificate.owner == Owner.PERSON
_TABS: dict[Tab, ColumnElement[bool]] = {
    Tab.PROPOSED: OutsideCertificate.match == Match.PROPOSED,
    Tab.UNMATCHED: and_(OutsideCertificate.match.in_((Match.NONE, Match.REJECTED)), _IS_PERSONS),
    Tab.MATCHED: OutsideCertificate.match.in_((Match.CERTAIN, Match.CONFIRMED)),
    Tab.BODIES: OutsideCertificate.owner == Owner.BODY,
    Tab.NOT_OFFICIAL: OutsideCertificate.anchor.is_(None),
}
