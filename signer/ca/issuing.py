"""Issuing: intent, HSM, outcome. See ARCHITECTURE.md, "Transactions"."""

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key
from sqlalchemy.exc import IntegrityError

from signer.audit import Audit, Happening
from signer.ca import der, ledger
from signer.ca.certificate import (
    Addresses,
    CaKey,
    draft_personal,
    last_second,
    new_serial,
    raw_subject,
    sign_tbs,
    signature_algorithm_der,
    whole_second,
)
from signer.ca.ledger import IssuedCertificate, NewSerial, Reservation
from signer.ca.lint import require_clean
from signer.ca.models import Certificate, CertificateState
from signer.ca.names import SubjectFacts, mailbox, spelled
from signer.ca.profiles import ProfileSet
from signer.clock import Clock
from signer.db import move_state, release, transaction
from signer.errors import N_, Conflict, Invalid, SignerError


@runtime_checkable
class HoldableKey(Protocol):
    """A key that is cheaper to use many times in a row; keys of the HSM are."""

    def held(self) -> AbstractContextManager[CaKey]:
        """The key, kept at hand until the block ends."""


@dataclass(frozen=True, kw_only=True)
class IssueOrder:
    """One certificate that is wanted."""

    intent: str
    """What it is for, such as `signing-key-17`; one intent gets one certificate, ever."""
    subject: SubjectFacts
    public_key_der: bytes
    profile: str = "personal-signature"
    at: datetime | None = None
    """When it begins to count; None means now."""
    not_after: datetime | None = None
    """Its last second, where that is earlier than the profile's: a change of data keeps the end."""
    predecessor_id: int | None = None
    """The ledger's row of the certificate it takes the place of."""


class Issuing:
    """The part of an `Authority` that makes certificates; use it through that."""

    def __init__(
        self,
        *,
        key: CaKey,
        certificate: x509.Certificate,
        profiles: ProfileSet,
        clock: Clock,
        audit: Audit,
        addresses: Addresses,
    ) -> None:
        self._key = key
        self._certificate = certificate
        self._profiles = profiles
        self._clock = clock
        self._audit = audit
        self._addresses = addresses

    def issue_many(
        self, orders: Sequence[IssueOrder], actor: str
    ) -> list[IssuedCertificate | SignerError]:
        """What `issue` would return or raise for each order, in their order.

        All intents are stored in one commit and all certificates in another, so a few hundred
        orders at a time are cheap. One bad order does not spoil the rest.
        """
        outcomes: dict[str, IssuedCertificate | SignerError] = {}
        self._reserve(orders, outcomes)
        wanted = {order.intent for order in orders} - outcomes.keys()
        self._finish(ledger.reservations(sorted(wanted)), actor, outcomes)
        for certificate in ledger.issued(intents=sorted(wanted - outcomes.keys())):
            outcomes[certificate.intent] = certificate
        release()
        return [_outcome(order, outcomes.get(order.intent)) for order in orders]

    def resume(self, actor: str) -> int:
        """No serial is left half-done, as far as the HSM can be reached; returns how many were.

        Stored bytes that this CA can still sign are signed; others are abandoned: their serials
        go on the CRL and their intents are free again. `Unavailable` when the HSM is away.
        """
        waiting = ledger.reservations()
        outcomes: dict[str, IssuedCertificate | SignerError] = {}
        fit = [reservation for reservation in waiting if self._may_still_sign(reservation)]
        for reservation in waiting:
            if reservation not in fit:
                self._abandon(reservation, actor)
        self._finish(fit, actor, outcomes)
        for outcome in outcomes.values():
            if isinstance(outcome, SignerError):
                raise outcome
        return len(waiting)

    def _reserve(
        self,
        orders: Sequence[IssueOrder],
        outcomes: dict[str, IssuedCertificate | SignerError],
    ) -> None:
        """Every order has a row in the ledger, or an error in `outcomes`."""
        for _ in range(_RACES):
            known = ledger.known_intents(order.intent for order in orders)
            release()
            new: dict[str, NewSerial] = {}
            for order in orders:
                if order.intent not in known and order.intent not in outcomes:
                    try:
                        new[order.intent] = self._draft(order)
                    except SignerError as error:
                        outcomes[order.intent] = error
            if not new:
                return
            try:
                with transaction():
                    # In one order everywhere, or two workers could wait for each other's rows.
                    ledger.reserve([new[key] for key in sorted(new)], self._clock.now())
            except IntegrityError:
                continue  # somebody reserved one of them since: look again
            return
        raise Conflict(_OVERTAKEN)

    def _draft(self, order: IssueOrder) -> NewSerial:
        """The certificate decided down to the last byte, and past every lint."""
        profile = self._profiles.profile_of(order.profile)
        public_key = _public_key(order.public_key_der)
        not_before = whole_second(order.at or self._clock.now())
        # A subscriber's certificate must not outlive its issuer's (shell model of validation).
        not_after = min(
            last_second(not_before, profile.validity_days), self._certificate.not_valid_after_utc
        )
        if not self._certificate.not_valid_before_utc <= not_before < not_after:
            raise Invalid(N_("Chứng thư CA không có hiệu lực vào thời điểm cấp."))
        serial = new_serial()
        draft = draft_personal(
            issuer=self._certificate,
            addresses=self._addresses,
            profile=profile,
            subject=order.subject,
            public_key=public_key,
            serial=serial,
            not_before=not_before,
            not_after=not_after,
        )
        require_clean(draft.specimen_der, self._certificate, profile)
        return NewSerial(
            intent=order.intent,
            serial=serial,
            profile=profile.name,
            common_name=spelled(order.subject.common_name),
            email=mailbox(order.subject.email or ""),
            spki_sha256=hashlib.sha256(order.public_key_der).hexdigest(),
            not_before=not_before,
            not_after=not_after,
            tbs_der=draft.tbs_der,
        )

    def _finish(
        self,
        reservations: Sequence[Reservation],
        actor: str,
        outcomes: dict[str, IssuedCertificate | SignerError],
    ) -> None:
        """Signs the stored bytes and stores what came out, also when the HSM fails half-way.

        `outcomes` gets an error for each that could not be signed; the others are in the ledger.
        """
        if not reservations:
            return
        release()  # no connection is held while the HSM works
        public_key = self._certificate.public_key()
        signed: list[tuple[Reservation, bytes]] = []
        try:
            with _held(self._key) as key:
                for reservation in reservations:
                    certificate_der = sign_tbs(key, reservation.tbs_der, public_key)
                    signed.append((reservation, certificate_der))
        except SignerError as error:
            for reservation in reservations[len(signed) :]:
                outcomes[reservation.intent] = error
        if not signed:
            return
        with transaction():
            won = ledger.store(signed, self._clock.now())
            self._audit.record_many(actor, [_issue_event(r, made) for r, made in won])

    def _may_still_sign(self, reservation: Reservation) -> bool:
        """The stored bytes name this CA as their issuer and would not be expired at once."""
        fields = [element for _, element in der.children(reservation.tbs_der)]
        return (
            fields[2] == signature_algorithm_der(self._certificate.public_key())
            and fields[3] == raw_subject(self._certificate)
            and self._clock.now() < reservation.not_after
        )

    def _abandon(self, reservation: Reservation, actor: str) -> None:
        with transaction():
            move_state(
                Certificate,
                reservation.id,
                CertificateState.RESERVED,
                CertificateState.ABANDONED,
                intent=f"{reservation.intent}#{reservation.id}",
            )
            self._audit.record(
                actor,
                "certificate.abandon",
                f"certificate:{reservation.serial_hex}",
                intent=reservation.intent,
            )


_RACES = 5
"""How often an order is drafted anew because somebody else reserved its intent meanwhile."""
_OVERTAKEN = N_("Việc cấp chứng thư này đang được xử lý ở nơi khác; hãy thử lại sau ít giây.")


def _public_key(public_key_der: bytes) -> Any:
    try:
        return load_der_public_key(public_key_der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Invalid(
            N_("Khóa công khai gửi tới CA không đọc được."), field="public_key"
        ) from error


def _held(key: CaKey) -> AbstractContextManager[CaKey]:
    return key.held() if isinstance(key, HoldableKey) else nullcontext(key)


def _issue_event(reservation: Reservation, certificate_der: bytes) -> Happening:
    return Happening(
        action="certificate.issue",
        subject=f"certificate:{reservation.serial_hex}",
        details={
            "intent": reservation.intent,
            "sha256": hashlib.sha256(certificate_der).hexdigest(),
        },
    )


def _outcome(
    order: IssueOrder, outcome: IssuedCertificate | SignerError | None
) -> IssuedCertificate | SignerError:
    """What this order gets: an intent stays bound to the key it was first given."""
    if outcome is None:  # abandoned between two of our looks
        return Conflict(_OVERTAKEN)
    if isinstance(outcome, SignerError):
        return outcome
    if outcome.spki_sha256 != hashlib.sha256(order.public_key_der).hexdigest():
        return Conflict(
            N_("Việc cấp “%(intent)s” đã có chứng thư cho một khóa khác."), intent=order.intent
        )
    return outcome
