"""Certificates that are about to run out, and who may have one in place of the present (R19)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from signer.accounts import Actor, Permission, in_subtree, visible
from signer.ca.models import Certificate, CertificateBytes, CertificateState
from signer.clock import Clock
from signer.config import Settings
from signer.db import db
from signer.errors import N_, Invalid
from signer.inventory.models import Person
from signer.inventory.paging import Page
from signer.inventory.tree import unit_on
from signer.issuance.holdings import Holding, holding_rows, newest
from signer.issuance.kinds import IN_ANOTHER_REQUEST, Reissue, RequestKind, why_not_reissue
from signer.issuance.models import RequestItem, SigningKey
from signer.issuance.subjects import Subjects, has_changed

_PAGE_MOST = 500


@dataclass(frozen=True, kw_only=True)
class ExpiringView:
    """Somebody whose certificate runs out, and whether it may be renewed."""

    person_id: int
    code: str
    full_name: str
    unit_name: str
    email: str | None
    serial_hex: str
    not_after: datetime
    days_left: int
    may_renew: bool
    why_not: str | None
    """Why it may not be renewed; a catalogue sentence."""


class Expiring:
    """Reads what runs out; stores nothing."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    def page(
        self,
        actor: Actor,
        *,
        within_days: int,
        unit_code: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[ExpiringView]:
        """The certificates in force that run out within so many days, the soonest first."""
        now = self._clock.now()
        limit = max(1, min(limit, _PAGE_MOST))
        statement = (
            holding_rows(now)
            .where(
                SigningKey.state != "retired",
                Certificate.state == CertificateState.ISSUED,
                Certificate.not_after < now + timedelta(days=within_days),
            )
            .order_by(None)
            .order_by(Certificate.not_after, Certificate.id)
            .limit(limit + 1)
        )
        if unit_code is not None:
            unit = unit_on(unit_code, self._clock.today())
            statement = statement.where(in_subtree(Person.unit_path, unit.path))
        if after is not None:
            last = select(Certificate.not_after).where(Certificate.id == _place_of(after))
            at = db.session.scalar(last)
            if at is None:
                raise Invalid(_BAD_PLACE)
            statement = statement.where(
                (Certificate.not_after > at)
                | ((Certificate.not_after == at) & (Certificate.id > int(after)))
            )
        rows = db.session.execute(
            visible(actor, Permission.PERSON_VIEW, statement, Person.unit_path)
        ).mappings()
        found = newest(rows)
        items = found[:limit]
        is_more = len(found) > limit
        return Page(
            items=tuple(self._views(items)),
            next=str(items[-1].certificate_id) if is_more else None,
        )

    def count(self, actor: Actor) -> dict[int, int]:
        """How many people's certificates run out within each of the days of the settings."""
        now = self._clock.now()
        days = self._settings.expiry_alert_days
        statement = (
            select(
                *(
                    func.count().filter(Certificate.not_after < now + timedelta(days=within))
                    for within in days
                )
            )
            .select_from(Certificate)
            .join(SigningKey, SigningKey.certificate_id == Certificate.id)
            .join(Person, Person.id == SigningKey.person_id)
            .where(
                SigningKey.state != "retired",
                Certificate.state == CertificateState.ISSUED,
                Certificate.not_after >= now,
                Certificate.not_after < now + timedelta(days=max(days)),
            )
        )
        row = db.session.execute(
            visible(actor, Permission.PERSON_VIEW, statement, Person.unit_path)
        ).one()
        return dict(zip(days, row, strict=True))

    def refusals(self, kind: RequestKind, holdings: Sequence[Holding]) -> dict[int, str]:
        """Why these people can have no certificate of that kind; those who can are left out."""
        waiting = set(
            db.session.scalars(
                select(RequestItem.person_id).where(
                    RequestItem.person_id.in_([holding.person_id for holding in holdings]),
                    RequestItem.state == "open",
                )
            )
        )
        refused: dict[int, str] = {}
        for facts in self.facts_of(holdings):
            person_id = facts.holding.person_id
            sentence = why_not_reissue(kind, facts, self._settings)
            if sentence is None and person_id in waiting:
                sentence = IN_ANOTHER_REQUEST
            if sentence is not None:
                refused[person_id] = sentence
        return refused

    def facts_of(self, holdings: Sequence[Holding]) -> list[Reissue]:
        """What `why_not_reissue` asks about each, in three queries whatever their number."""
        renewals = _renewals([holding.spki_sha256 for holding in holdings])
        changed = self._changed(holdings)
        now = self._clock.now()
        return [
            Reissue(
                holding=holding,
                days_left=(holding.not_after - now).days if holding.not_after else 0,
                renewals=renewals.get(holding.spki_sha256 or "", 0),
                has_changed=holding.person_id in changed,
            )
            for holding in holdings
        ]

    def _changed(self, holdings: Sequence[Holding]) -> set[int]:
        """The people about whom the inventory says something else than their certificate."""
        of_certificate = {h.certificate_id: h for h in holdings if h.certificate_id and h.email}
        subjects = Subjects(self._settings, [h.unit_path for h in of_certificate.values()])
        rows = db.session.execute(
            select(CertificateBytes.certificate_id, CertificateBytes.certificate_der).where(
                CertificateBytes.certificate_id.in_(of_certificate)
            )
        )
        return {
            of_certificate[number].person_id
            for number, certificate_der in rows
            if certificate_der and has_changed(certificate_der, subjects.of(of_certificate[number]))
        }

    def _views(self, holdings: Sequence[Holding]) -> list[ExpiringView]:
        refused = self.refusals(RequestKind.RENEW, holdings)
        now = self._clock.now()
        return [
            ExpiringView(
                person_id=holding.person_id,
                code=holding.code,
                full_name=holding.full_name,
                unit_name=holding.unit_name,
                email=holding.email,
                serial_hex=holding.serial_hex,
                not_after=holding.not_after,
                days_left=(holding.not_after - now).days,
                may_renew=holding.person_id not in refused,
                why_not=refused.get(holding.person_id),
            )
            for holding in holdings
            if holding.serial_hex is not None and holding.not_after is not None
        ]


def _renewals(spki_sha256: Sequence[str | None]) -> Mapping[str, int]:
    """How often each key got a certificate that ends later than the one before it."""
    renewed, before = aliased(Certificate), aliased(Certificate)
    rows = db.session.execute(
        select(renewed.spki_sha256, func.count())
        .join(before, before.id == renewed.predecessor_id)
        .where(
            renewed.spki_sha256.in_([spki for spki in spki_sha256 if spki]),
            renewed.issued_at.is_not(None),
            renewed.spki_sha256 == before.spki_sha256,
            renewed.not_after > before.not_after,
        )
        .group_by(renewed.spki_sha256)
    )
    return {row[0]: row[1] for row in rows}


def _place_of(token: str) -> int:
    if not token.isascii() or not token.isdigit() or len(token) > 12:
        raise Invalid(_BAD_PLACE)
    return int(token)


_BAD_PLACE = N_("Địa chỉ trang danh sách không đúng; hãy mở lại từ đầu.")
