"""Issuing: intent, HSM, outcome. See ARCHITECTURE.md, "Transactions"."""

import hashlib
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID
from sqlalchemy.exc import IntegrityError

from signer.audit import Audit, Happening
from signer.ca import der, ledger
from signer.ca.certificate import (
    Addresses,
    CaKey,
    Issuer,
    draft_certificate,
    last_second,
    new_serial,
    shard_of,
    sign_many_tbs,
    whole_second,
)
from signer.ca.ledger import IssuedCertificate, NewSerial, Reservation
from signer.ca.lint import require_clean
from signer.ca.models import Certificate, CertificateState
from signer.ca.names import SubjectFacts, mailbox, written
from signer.ca.profiles import ProfileSet
from signer.ca.schemes import key_algorithm_of, scheme_for
from signer.clock import Clock
from signer.db import move_state, release, transaction
from signer.errors import N_, Conflict, Invalid, NotFound, SignerError


@runtime_checkable
class HoldableKey(Protocol):
    """A key that is cheaper to use many times in a row; keys of the HSM are."""

    def held(self) -> AbstractContextManager[CaKey]:
        """The key, kept at hand until the block ends."""


def held(key: CaKey) -> AbstractContextManager[CaKey]:
    """The key for many signatures in a row."""
    return key.held() if isinstance(key, HoldableKey) else nullcontext(key)


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
        self._profiles = profiles
        self._clock = clock
        self._audit = audit
        self._issuer = Issuer(
            certificate=certificate,
            addresses=addresses,
            scheme=scheme_for(certificate.public_key(), profiles.issuing.signature or None),
            crl_shards=profiles.issuing.crl_shards,
        )

    def issue_many(
        self, orders: Sequence[IssueOrder], actor: str
    ) -> list[IssuedCertificate | SignerError]:
        """What `issue` would return or raise for each order, in their order.

        All intents are stored in one commit and all certificates in another, so a few hundred
        orders at a time are cheap. One bad order does not spoil the rest.
        """
        outcomes: dict[str, IssuedCertificate | SignerError] = {}
        fresh = self._reserve(orders, outcomes)
        wanted = {order.intent for order in orders} - outcomes.keys()
        # What an earlier call, perhaps one that was killed, left to be signed.
        older = sorted(wanted - {reservation.intent for reservation in fresh})
        left = self._without_exposed(ledger.reservations(older), actor) if older else ()
        self._finish([*fresh, *left], actor, outcomes)
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
        self._finish(self._without_exposed(fit, actor), actor, outcomes)
        for outcome in outcomes.values():
            if isinstance(outcome, SignerError):
                raise outcome
        return len(waiting)

    def _reserve(
        self,
        orders: Sequence[IssueOrder],
        outcomes: dict[str, IssuedCertificate | SignerError],
    ) -> list[Reservation]:
        """Every order has a row in the ledger, or an error in `outcomes`; returns the new rows."""
        for _ in range(_RACES):
            known = ledger.known_intents(order.intent for order in orders)
            predecessors = ledger.existing_ids(
                order.predecessor_id for order in orders if order.predecessor_id is not None
            )
            exposed = ledger.exposed_keys(_spki_sha256(order) for order in orders)
            release()
            new: dict[str, NewSerial] = {}
            for order in orders:
                if order.intent not in known and order.intent not in outcomes:
                    try:
                        if _spki_sha256(order) in exposed:
                            raise Conflict(EXPOSED)
                        new[order.intent] = self._draft(order, predecessors)
                    except SignerError as error:
                        outcomes[order.intent] = error
            if not new:
                return []
            try:
                with transaction():
                    # In one order everywhere, or two workers could wait for each other's rows.
                    return ledger.reserve([new[key] for key in sorted(new)], self._clock.now())
            except IntegrityError:
                continue  # somebody reserved one of them since: look again
        raise Conflict(_OVERTAKEN)

    def _draft(self, order: IssueOrder, predecessors: Collection[int]) -> NewSerial:
        """The certificate decided down to the last byte, and past every lint."""
        profile = self._profiles.profile_of(order.profile)
        _require_readable(order.public_key_der)
        if order.predecessor_id is not None and order.predecessor_id not in predecessors:
            raise NotFound(N_("Không tìm thấy chứng thư được thay thế trong sổ cấp."))
        not_before, not_after = self._validity(order, profile.validity_days)
        serial = new_serial()
        draft = draft_certificate(
            issuer=self._issuer,
            profile=profile,
            subject=order.subject,
            public_key_der=order.public_key_der,
            serial=serial,
            not_before=not_before,
            not_after=not_after,
        )
        require_clean(draft.specimen_der, self._issuer, profile)
        is_listed = profile.revocation_addresses
        return NewSerial(
            intent=order.intent,
            serial=serial,
            profile=profile.name,
            common_name=written(NameOID.COMMON_NAME, order.subject.common_name),
            email="" if order.subject.email is None else mailbox(order.subject.email),
            spki_sha256=_spki_sha256(order),
            shard=shard_of(serial, self._issuer.crl_shards) if is_listed else None,
            predecessor_id=order.predecessor_id,
            not_before=not_before,
            not_after=not_after,
            tbs_der=draft.tbs_der,
        )

    def _validity(self, order: IssueOrder, days: int) -> tuple[datetime, datetime]:
        """The first and the last second; `Invalid` when there would be none between them."""
        first, last = self._issuer.validity
        not_before = whole_second(order.at or self._clock.now())
        if not first <= not_before < last:
            raise Invalid(N_("Chứng thư CA không có hiệu lực vào thời điểm cấp."))
        # A subscriber's certificate must not outlive its issuer's (shell model of validation).
        not_after = min(last_second(not_before, days), last)
        if order.not_after is not None:
            not_after = min(not_after, whole_second(order.not_after))
        if not_after <= not_before:
            raise Invalid(N_("Thời hạn được yêu cầu cho chứng thư đã hết."), field="not_after")
        return not_before, not_after

    def _finish(
        self,
        reservations: Sequence[Reservation],
        actor: str,
        outcomes: dict[str, IssuedCertificate | SignerError],
    ) -> None:
        """Signs the stored bytes and stores what came out, also when the HSM fails half-way.

        `outcomes` gets what was stored, and an error for each that could not be signed; those
        that somebody else finished meanwhile are in the ledger alone.
        """
        if not reservations:
            return
        release()  # no connection is held while the HSM works
        issuer = self._issuer
        signed: list[tuple[Reservation, bytes]] = []
        try:
            with held(self._key) as key:
                for start in range(0, len(reservations), _SIGNED_AT_ONCE):
                    part = reservations[start : start + _SIGNED_AT_ONCE]
                    ders = [reservation.tbs_der for reservation in part]
                    made = sign_many_tbs(key, ders, issuer.public_key, issuer.scheme)
                    signed += zip(part, made, strict=True)
        except SignerError as error:
            for reservation in reservations[len(signed) :]:
                outcomes[reservation.intent] = error
        if not signed:
            return
        with transaction():
            stored = ledger.store(signed, self._clock.now())
            self._audit.record_many(actor, [_issue_event(certificate) for certificate in stored])
        outcomes |= {certificate.intent: certificate for certificate in stored}

    def _may_still_sign(self, reservation: Reservation) -> bool:
        """The stored bytes name this CA as their issuer and would not be expired at once."""
        fields = [element for _, element in der.children(reservation.tbs_der)]
        return (
            fields[2] == self._issuer.scheme.algorithm_der
            and fields[3] == self._issuer.name_der
            and self._clock.now() < reservation.not_after
        )

    def _without_exposed(
        self, reservations: Sequence[Reservation], actor: str
    ) -> list[Reservation]:
        """Those that may be signed; the others' keys came into wrong hands since: abandoned."""
        exposed = ledger.exposed_keys(reservation.spki_sha256 for reservation in reservations)
        for reservation in reservations:
            if reservation.spki_sha256 in exposed:
                self._abandon(reservation, actor)
        return [one for one in reservations if one.spki_sha256 not in exposed]

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


_SIGNED_AT_ONCE = 100
"""In one call to the key: what was signed before a fault in a later call is still stored."""
_RACES = 5
"""How often an order is drafted anew because somebody else reserved its intent meanwhile."""
# CA/Browser Forum Baseline Requirements section 6.1.1.3 (4): once exposed, never certified again.
EXPOSED = N_("Khóa này đã bị lộ nên không được cấp chứng thư nào nữa; hãy tạo khóa mới.")
_OVERTAKEN = N_("Việc cấp chứng thư này đang được xử lý ở nơi khác; hãy thử lại sau ít giây.")


def _require_readable(public_key_der: bytes) -> None:
    """The key is one that can be read, and written in the one way DER allows."""
    try:
        key_algorithm_of(public_key_der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Invalid(
            N_("Khóa công khai gửi tới CA không đọc được."), field="public_key"
        ) from error


def _spki_sha256(order: IssueOrder) -> str:
    return hashlib.sha256(order.public_key_der).hexdigest()


def _issue_event(certificate: IssuedCertificate) -> Happening:
    return Happening(
        action="certificate.issue",
        subject=f"certificate:{certificate.serial_hex}",
        details={
            "intent": certificate.intent,
            "sha256": hashlib.sha256(certificate.der).hexdigest(),
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
    if outcome.spki_sha256 != _spki_sha256(order):
        return Conflict(
            N_("Việc cấp “%(intent)s” đã có chứng thư cho một khóa khác."), intent=order.intent
        )
    return outcome
