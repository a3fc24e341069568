"""A small city in a real database, without an HSM: reports only read rows."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from signer.accounts import Actor, Grant, Role
from signer.accounts.models import Account
from signer.ca.models import Certificate
from signer.config import Settings
from signer.db import changed, db, follow, transaction
from signer.inventory.models import OrgUnit, Person, PersonPeriod, UnitChange, UnitKind
from signer.inventory.names import sort_key
from signer.inventory.states import STATE_RULES, PersonState
from signer.issuance.models import CertificateRequest, Decision, RequestItem, SigningKey
from signer.jobs.models import Job
from signer.outside.kinds import Carrier, CertificateStatus, Generation, ImportKind, Match, Owner
from signer.outside.models import OutsideCertificate, OutsideImport
from signer.reports.service import Reports
from signer.signing.models import Signature
from tests.clocks import StandingClock

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
assert Job.__tablename__ == "job"  # a request points to it


class City:
    """Adds rows as the rooms below would have stored them."""

    def __init__(self) -> None:
        self.number = 0

    def unit(
        self,
        code: str,
        path: str,
        *,
        name: str = "",
        since: date | None = None,
        until: date | None = None,
    ) -> None:
        with transaction():
            db.session.add(
                OrgUnit(
                    code=code,
                    name=name or f"Đơn vị {code}",
                    kind=UnitKind.DIVISION,
                    path=path,
                    valid_from=since,
                    valid_to=until,
                    search_key=code,
                )
            )

    def change(self, day: date) -> int:
        """An act upon units that was carried out on the day."""
        with transaction():
            change = UnitChange(
                kind="rename",
                effective_on=day,
                decision="",
                ordered="{}",
                scope_path="",
                state="done",
                ordered_by="",
                ordered_at=NOW,
            )
            db.session.add(change)
            db.session.flush()
        return change.id

    def person(
        self,
        path: str,
        *,
        since: date = date(2020, 1, 1),
        until: date | None = None,
        state: PersonState = PersonState.WORKING,
        **facets: Any,
    ) -> int:
        """`facets`: kind, is_leader, is_one_stop of the period."""
        self.number += 1
        with transaction():
            unit_id = db.session.query(OrgUnit.id).filter_by(path=path).scalar()
            person = Person(
                code=f"HN{self.number:06d}",
                full_name=f"Nguyễn Văn {self.number}",
                search_key="",
                sort_key=sort_key(f"Nguyễn Văn {self.number}"),
                unit_id=unit_id,
                unit_path=path,
                state=state,
                state_since=since,
                created_at=NOW,
                updated_at=NOW,
            )
            db.session.add(person)
            db.session.flush()
            self._period(person.id, unit_id, path, since, until, state, **facets)
            changed("person", [person.id])
        return person.id

    def moved(self, person_id: int, path: str, *, on: date) -> None:
        """From this day the person sits elsewhere; the period before was ended by `person`."""
        with transaction():
            unit_id = db.session.query(OrgUnit.id).filter_by(path=path).scalar()
            self._period(person_id, unit_id, path, on, None, PersonState.WORKING)
            changed("person", [person_id])

    def certificate(
        self,
        person_id: int,
        *,
        issued: datetime = datetime(2025, 1, 1, tzinfo=UTC),
        ends: datetime = datetime(2028, 1, 1, tzinfo=UTC),
        revoked: datetime | None = None,
        key_state: str = "active",
    ) -> None:
        item_id = self.request(person_id, at=issued, item_state="issued", outcome="approved")
        self.number += 1
        with transaction():
            certificate = Certificate(
                serial_hex=f"{self.number:040x}",
                intent=f"key-{self.number}",
                state="revoked" if revoked else "issued",
                profile="personal-signature",
                subject_cn="Nguyễn Văn A",
                subject_email="a@hanoi.gov.vn",
                spki_sha256=f"{self.number:064x}",
                not_before=issued,
                not_after=ends,
                reserved_at=issued,
                issued_at=issued,
                revoked_at=revoked,
            )
            db.session.add(certificate)
            db.session.flush()
            db.session.add(
                SigningKey(
                    person_id=person_id,
                    request_item_id=item_id,
                    generation=1,
                    state=key_state,
                    kek="k",
                    public_key_der=b"",
                    certificate_id=certificate.id,
                    created_at=issued,
                )
            )
            changed("person", [person_id])

    def outside(
        self, person_id: int, since: datetime, until: datetime, carrier: Carrier, **facts: Any
    ) -> None:
        """A certificate of the government's authority that counts."""
        self.number += 1
        with transaction():
            if not db.session.get(OutsideImport, 1):
                db.session.add(
                    OutsideImport(
                        id=1,
                        kind=ImportKind.CERTIFICATES,
                        sha256="",
                        report_sha256="",
                        file_name="",
                        scopes="[]",
                        imported_by="",
                        at=NOW,
                        state="applied",
                        entries=0,
                        refused=0,
                    )
                )
                db.session.flush()
            good = OutsideCertificate(
                import_id=1,
                issuer_der=b"",
                serial_hex=f"{self.number:x}",
                issuer_name="",
                generation=Generation.G2,
                subject="",
                common_name="",
                name_key="",
                units="",
                owner=Owner.PERSON,
                not_before=since,
                not_after=until,
                carrier=carrier,
                person_id=person_id,
                match=Match.CERTAIN,
                status=CertificateStatus.GOOD,
                counted_until=until,
                scope_path="",
                imported_by="",
                imported_at=NOW,
            )
            for name, value in facts.items():
                setattr(good, name, value)
            db.session.add(good)
            changed("person", [person_id])

    def signature(self, person_id: int, at: datetime) -> None:
        """The person signs with the present key."""
        self.number += 1
        with transaction():
            key_id = db.session.query(SigningKey.id).filter_by(person_id=person_id).first()[0]
            db.session.add(
                Signature(
                    intent=f"step-{self.number}",
                    state="done",
                    signing_key_id=key_id,
                    person_id=person_id,
                    input_sha256="",
                    output_sha256="",
                    page=1,
                    begun_at=at,
                    signed_at=at,
                )
            )
            changed("signed", [person_id])

    def request(
        self,
        person_id: int,
        *,
        at: datetime,
        item_state: str = "open",
        outcome: str | None = None,
        decided: datetime | None = None,
    ) -> int:
        with transaction():
            accounts = [self._account(), self._account()]
            unit_id = db.session.query(OrgUnit.id).first()[0]
            request = CertificateRequest(
                state=outcome or ("cancelled" if item_state == "closed" else "pending"),
                reason="Cấp mới",
                unit_id=unit_id,
                unit_path="",
                requester_id=accounts[0],
                requested_by="x",
                requested_at=at,
                persons=1,
            )
            db.session.add(request)
            db.session.flush()
            if outcome:
                db.session.add(
                    Decision(
                        request_id=request.id,
                        requester_id=accounts[0],
                        approver_id=accounts[1],
                        decided_by="y",
                        decided_at=decided or at,
                        outcome=outcome,
                        note="",
                    )
                )
            item = RequestItem(request_id=request.id, person_id=person_id, state=item_state)
            db.session.add(item)
            db.session.flush()
            changed("person", [person_id])
        return item.id

    def _account(self) -> int:
        self.number += 1
        account = Account(
            name=f"a{self.number}",
            display_name="",
            password_hash="",
            must_change_password=False,
            created_at=NOW,
        )
        db.session.add(account)
        db.session.flush()
        return account.id

    @staticmethod
    def _period(
        person_id: int,
        unit_id: int,
        path: str,
        since: date,
        until: date | None,
        state: PersonState,
        **facets: Any,
    ) -> None:
        db.session.add(
            PersonPeriod(
                person_id=person_id,
                unit_id=unit_id,
                unit_path=path,
                state=state,
                counted=STATE_RULES[state].counted,
                valid_from=since,
                valid_to=until,
                **facets,
            )
        )


@pytest.fixture
def city(database_url: str, reports: Reports) -> Iterator[City]:
    """An empty city in a database of its own, whose figures are kept as the application keeps them.

    Afterwards they are what an independent look at the rows below makes of them.
    """
    app = Flask("reports-test")
    app.config["SQLALCHEMY_DATABASE_URI"] = database_url
    db.init_app(app)
    follow(app, reports.follow)
    with app.app_context():
        db.create_all()
        try:
            yield City()
            db.session.rollback()
            assert reports.first_difference() is None
        finally:
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock(NOW)


@pytest.fixture
def reports(clock: StandingClock, tmp_path: Path) -> Reports:
    return Reports(Settings(home=tmp_path), clock)


def officer(*paths: str, role: Role = Role.HR) -> Actor:
    """Somebody who works for these subtrees."""
    return Actor(
        account_id=1,
        name="hr",
        display_name="HR",
        grants=tuple(Grant(role=role, scope_path=path) for path in paths),
    )
