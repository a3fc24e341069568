"""Renewals and changes of data: the same key gets a new certificate (Decree 68/2024, article 15).

The certificate is issued under the request item's own intent, then the key is moved to it by
compare-and-set. A person whose certificate was ended meanwhile gets none: it is revoked at once.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, Select, String, and_, bindparam, cast, literal, or_, select, update
from sqlalchemy.orm import aliased

from signer.audit import Audit, Happening
from signer.ca.authority import Authority
from signer.ca.issuing import IssueOrder
from signer.ca.models import Certificate, CertificateState
from signer.config import Settings
from signer.db import Base, canonical_json, changed, db, release, set_rows, transaction
from signer.errors import Conflict, SignerError, Unavailable
from signer.inventory.models import Person
from signer.issuance.holdings import Holding
from signer.issuance.kinds import ENDED_MEANWHILE, RequestKind
from signer.issuance.models import CertificateRequest, RequestItem, SigningKey
from signer.issuance.subjects import Subjects
from signer.issuance.superseding import Superseding

EXTENSION_PROFILE = "personal-extension"
"""At most three years (Decree 68/2024, article 9)."""
_INTENT = "request-item-"
_KEYS = Base.metadata.tables[SigningKey.__tablename__]

_ENDED = (CertificateState.SUSPENDED, CertificateState.REVOKED)
_MADE, _BEFORE = aliased(Certificate), aliased(Certificate)

_DONE = {RequestKind.RENEW: "person.renewed", RequestKind.CHANGE: "person.changed"}


class Reissuing:
    """The part of `Issuing` that gives a key its next certificate."""

    def __init__(
        self, settings: Settings, audit: Audit, authority: Authority, superseding: Superseding
    ) -> None:
        self._settings = settings
        self._audit = audit
        self._authority = authority
        self._superseding = superseding

    def reissue(self, items: Mapping[int, tuple[RequestKind, Holding]]) -> dict[int, SignerError]:
        """Each item's key has its next certificate, but for those returned with the reason."""
        if not items:
            return {}
        subjects = Subjects(self._settings, [h.unit_path for _, h in items.values()])
        orders = {
            item_id: _order(item_id, kind, holding, subjects)
            for item_id, (kind, holding) in items.items()
        }
        release()
        outcomes = self._authority.issue_many(list(orders.values()), actor="system")
        failures = {
            item_id: outcome
            for item_id, outcome in zip(orders, outcomes, strict=True)
            if isinstance(outcome, SignerError)
        }
        failures |= self.settle(orders.keys() - failures.keys())
        for failure in failures.values():
            if isinstance(failure, Unavailable):  # what was signed is stored; the rest waits
                raise failure
        return failures

    def settle(self, item_ids: Collection[int] | None = None) -> dict[int, SignerError]:
        """No certificate of these items (of any item) waits for its key; who came too late."""
        if not db.session.execute(_unsettled(item_ids)).first():
            return {}
        with transaction():
            # The one before must not be ended between this look and the commit.
            locked = _unsettled(item_ids).with_for_update(of=(SigningKey, _BEFORE))
            rows = db.session.execute(locked).all()
            fit = [row for row in rows if _is_fit(row)]
            late = [row for row in rows if not _is_fit(row)]
            if fit:
                self._move(fit)
            changed("person", [row.person_id for row in rows])
            for row in late:
                note = canonical_json({"sentence": ENDED_MEANWHILE, "values": {}})
                set_rows(RequestItem, RequestItem.id == row.item_id, state="closed", error=note)
        self._superseding.end_orphans([(row.serial_hex, row.reason) for row in late], "system")
        return {row.item_id: Conflict(ENDED_MEANWHILE) for row in late}

    def _move(self, rows: Sequence[Row[*tuple[Any, ...]]]) -> None:
        """Keys go to their new certificates, items are issued, in the open transaction."""
        db.session.execute(
            update(_KEYS)
            .where(_KEYS.c.id == bindparam("key"), _KEYS.c.certificate_id == bindparam("before"))
            .values(certificate_id=bindparam("certificate")),
            [
                {"key": row.key_id, "before": row.before_id, "certificate": row.certificate_id}
                for row in rows
            ],
        )
        set_rows(
            RequestItem,
            RequestItem.id.in_([row.item_id for row in rows]),
            state="issued",
            error=None,
        )
        self._audit.record_many(
            "system",
            [
                Happening(
                    action=_DONE[RequestKind(row.kind)],
                    subject=f"person:{row.code}",
                    details={"serial": row.serial_hex},
                )
                for row in rows
            ],
        )


def _unsettled(item_ids: Collection[int] | None) -> Select[*tuple[Any, ...]]:
    """Certificates that were issued and whose key still has the one before.

    One that was ended together with the one before counts until its item is closed.
    """
    statement = (
        select(
            RequestItem.id.label("item_id"),
            CertificateRequest.kind,
            Person.id.label("person_id"),
            Person.code,
            SigningKey.id.label("key_id"),
            SigningKey.state.label("key_state"),
            _MADE.id.label("certificate_id"),
            _MADE.serial_hex,
            _MADE.state.label("made_state"),
            _BEFORE.id.label("before_id"),
            _BEFORE.state.label("before_state"),
            _BEFORE.revocation_reason.label("reason"),
        )
        .join(_MADE, _MADE.intent == literal(_INTENT) + cast(RequestItem.id, String))
        .join(_BEFORE, _BEFORE.id == _MADE.predecessor_id)
        .join(SigningKey, SigningKey.certificate_id == _BEFORE.id)
        .join(CertificateRequest, CertificateRequest.id == RequestItem.request_id)
        .join(Person, Person.id == RequestItem.person_id)
        .where(
            or_(
                _MADE.state == CertificateState.ISSUED,
                and_(_MADE.state.in_(_ENDED), RequestItem.state == "open"),
            )
        )
        .order_by(SigningKey.id)
    )
    return statement if item_ids is None else statement.where(RequestItem.id.in_(item_ids))


def _order(item_id: int, kind: RequestKind, holding: Holding, subjects: Subjects) -> IssueOrder:
    is_renewal = kind is RequestKind.RENEW
    return IssueOrder(
        intent=f"{_INTENT}{item_id}",
        subject=subjects.of(holding),
        public_key_der=holding.public_key_der or b"",
        profile=EXTENSION_PROFILE if is_renewal else holding.profile or "",
        not_after=None if is_renewal else holding.not_after,
        predecessor_id=holding.certificate_id,
    )


def _is_fit(row: Row[*tuple[Any, ...]]) -> bool:
    issued = CertificateState.ISSUED
    return row.key_state != "retired" and (row.made_state, row.before_state) == (issued, issued)
