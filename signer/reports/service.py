"""Figures for those who answer for them: read-only questions over the dated rows."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from sqlalchemy import Subquery, and_, case, exists, func, or_, select
from sqlalchemy.orm import aliased

from signer.accounts import Actor, Permission, in_subtree
from signer.ca.models import Certificate
from signer.clock import HANOI, Clock
from signer.db import db
from signer.errors import N_, Forbidden, Invalid, NotFound
from signer.inventory.models import OrgUnit, PersonPeriod
from signer.inventory.names import sort_key
from signer.issuance.models import CertificateRequest, Decision, RequestItem, SigningKey
from signer.reports.coverage import Coverage, Figures, UnitOnDay, roll_up


class Reports:
    """Answers "how many, where, on which day"; writes nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def coverage(
        self, actor: Actor, *, as_of: date | None = None, unit_code: str | None = None
    ) -> Coverage:
        """The coverage of a unit's subtree on a day, with one row per unit below it.

        Without a day: now. A past day is taken at its end in Hanoi, over the units and the people
        of that day (requirement R2). Without a unit: the city for those who see all of it, else
        the actor's own units. Raises `Forbidden` outside the actor's units, `NotFound` for an
        unknown unit, `Invalid` for a day to come or on which the unit did not exist. Two queries,
        whatever the size of the city.
        """
        day = as_of or self._clock.today()
        if day > self._clock.today():
            raise Invalid(N_("Chưa có số liệu của ngày trong tương lai."), field="as_of")
        scopes = self._scopes(actor, unit_code, day)
        units = _units_on(day, scopes)
        roots = _topmost(units)
        if not roots:
            raise Invalid(
                N_("Chưa có đơn vị nào của bạn hoạt động vào ngày %(day)s."),
                field="as_of",
                day=day.strftime("%d/%m/%Y"),
            )
        overall, direct, rows = roll_up(self._figures(day, roots), units, roots)
        single = next(u for u in units if u.path == roots[0]) if len(roots) == 1 else None
        return Coverage(
            as_of=day,
            code=single.code if single else None,
            name=single.name if single else None,
            units=rows,
            direct=direct,
            persons=overall.persons,
            covered=overall.covered,
            pending=overall.pending,
        )

    def _scopes(self, actor: Actor, unit_code: str | None, day: date) -> tuple[str, ...]:
        """The unit paths asked about; the empty path is the whole city."""
        if unit_code is None:
            scopes = actor.scopes(Permission.REPORT_VIEW)
            if not scopes:
                raise Forbidden(N_("Tài khoản của bạn không có quyền xem báo cáo."))
            return scopes
        unit = db.session.scalar(select(OrgUnit).where(OrgUnit.code == unit_code))
        if unit is None:
            raise NotFound(N_("Không có đơn vị nào mang mã “%(code)s”."), code=unit_code)
        actor.require(Permission.REPORT_VIEW, unit.path)
        if not unit.is_valid_on(day):
            raise Invalid(
                N_("%(name)s không hoạt động vào ngày %(day)s."),
                field="as_of",
                name=unit.name,
                day=day.strftime("%d/%m/%Y"),
            )
        return (unit.path,)

    def _figures(self, day: date, roots: Sequence[str]) -> dict[str, Figures]:
        """The figures of each unit path alone: one query over all people of the subtrees."""
        at = min(self._clock.now(), _end_of(day))
        covered, pending = _covered(at), _pending(at)
        rows = db.session.execute(
            select(
                PersonPeriod.unit_path,
                func.count(),
                func.count(covered.c.person_id),
                func.count(case((covered.c.person_id.is_(None), pending.c.person_id))),
            )
            .outerjoin(covered, covered.c.person_id == PersonPeriod.person_id)
            .outerjoin(pending, pending.c.person_id == PersonPeriod.person_id)
            .where(
                PersonPeriod.counted,
                PersonPeriod.valid_from <= day,
                or_(PersonPeriod.valid_to.is_(None), PersonPeriod.valid_to >= day),
                or_(*(in_subtree(PersonPeriod.unit_path, root) for root in roots)),
            )
            .group_by(PersonPeriod.unit_path)
        )
        return {
            path: Figures(persons=persons, covered=with_certificate, pending=waiting)
            for path, persons, with_certificate, waiting in rows
        }


def _covered(at: datetime) -> Subquery:
    """SQL: each person who held a valid certificate at the instant, once (requirement R15)."""
    newest = aliased(Certificate)
    return (
        select(SigningKey.person_id)
        .join(newest, newest.id == SigningKey.certificate_id)
        # A renewed or changed key had earlier certificates, and past days were theirs.
        .join(Certificate, Certificate.spki_sha256 == newest.spki_sha256)
        .where(
            Certificate.issued_at <= at,
            Certificate.not_after >= at,
            or_(Certificate.revoked_at.is_(None), Certificate.revoked_at > at),
        )
        .distinct()
        .subquery("covered")
    )


def _pending(at: datetime) -> Subquery:
    """SQL: each person who was in a request at the instant that was then not yet finished.

    A rejection ends the wait when it is decided, an issue when the certificate is there. A
    request that was taken back is left out of past days too: it keeps no date of its own.
    """
    newest = aliased(Certificate)
    issued = (
        select(SigningKey.id)
        .join(newest, newest.id == SigningKey.certificate_id)
        .join(Certificate, Certificate.spki_sha256 == newest.spki_sha256)
        .where(SigningKey.request_item_id == RequestItem.id, Certificate.issued_at <= at)
    )
    return (
        select(RequestItem.person_id)
        .join(CertificateRequest, CertificateRequest.id == RequestItem.request_id)
        .outerjoin(Decision, Decision.request_id == CertificateRequest.id)
        .where(
            CertificateRequest.requested_at <= at,
            or_(
                RequestItem.state == "open",
                and_(
                    RequestItem.state == "issued",
                    # A renewal or a change is for a key that an earlier item is named by.
                    CertificateRequest.kind.in_(("issue", "rekey")),
                    ~exists(issued),
                ),
                and_(
                    RequestItem.state == "closed",
                    Decision.outcome == "rejected",
                    Decision.decided_at > at,
                ),
            ),
        )
        .distinct()
        .subquery("pending")
    )


def _units_on(day: date, scopes: Sequence[str]) -> list[UnitOnDay]:
    """The units of the subtrees as they stood on the day, those above first."""
    rows = db.session.execute(
        select(OrgUnit.code, OrgUnit.name, OrgUnit.path)
        .where(
            or_(OrgUnit.valid_from.is_(None), OrgUnit.valid_from <= day),
            or_(OrgUnit.valid_to.is_(None), OrgUnit.valid_to >= day),
            or_(*(in_subtree(OrgUnit.path, scope) for scope in scopes)),
        )
        .order_by(OrgUnit.path)
    )
    return [
        UnitOnDay(code=code, name=name, path=path, sort_key=_name_key(name))
        for code, name, path in rows
    ]


def _topmost(units: Sequence[UnitOnDay]) -> list[str]:
    """The paths that lie below no other of these; the units come in the order of their paths."""
    roots: list[str] = []
    for unit in units:
        if not roots or not unit.path.startswith(roots[-1]):
            roots.append(unit.path)
    return roots


def _name_key(name: str) -> str:
    """Vietnamese order from the first word on; `sort_key` alone puts a person's last word first."""
    return " ".join(sort_key(word) for word in name.split())


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), HANOI) - timedelta(microseconds=1)
