"""The issuing authority: what it issued, what it revoked, and what it says of a serial."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signer.audit import Audit
from signer.ca import ledger
from signer.ca.certificate import (
    Addresses,
    CaKey,
    key_identifier,
    raw_subject,
    sign_tbs,
    signature_algorithm_der,
    whole_second,
)
from signer.ca.crl import RevocationReason, crl_tbs
from signer.ca.issuing import IssueOrder, Issuing
from signer.ca.ledger import IssuedCertificate, serial_hex
from signer.ca.models import Certificate, CertificateState
from signer.ca.names import SubjectFacts
from signer.ca.profiles import ProfileSet
from signer.clock import Clock
from signer.db import move_state, release, transaction
from signer.errors import N_, ConfigError, NotFound, SignerError


class CertificateStatus(StrEnum):
    """What the ledger says of a serial at an instant."""

    GOOD = "good"
    REVOKED = "revoked"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    UNKNOWN = "unknown"


class Authority:
    """Issues, revokes and accounts for certificates. Threads and processes may share a ledger.

    `chain` is what stands above `certificate`, the root last. Nothing here touches the HSM
    before it has to, so an Authority can be made while the HSM is away.
    """

    def __init__(
        self,
        *,
        key: CaKey,
        certificate: x509.Certificate,
        chain: Sequence[x509.Certificate],
        profiles: ProfileSet,
        clock: Clock,
        audit: Audit,
        base_url: str,
    ) -> None:
        if key.public_key() != certificate.public_key():
            raise ConfigError(N_("Khóa của CA không khớp với chứng thư CA."))
        self._key = key
        self._certificate = certificate
        self._chain = tuple(chain)
        self._profiles = profiles
        self._clock = clock
        self._audit = audit
        self._issuing = Issuing(
            key=key,
            certificate=certificate,
            profiles=profiles,
            clock=clock,
            audit=audit,
            addresses=Addresses(base_url=base_url),
        )

    # Issuing -----------------------------------------------------------------------------------

    def issue(
        self,
        *,
        intent: str,
        subject: SubjectFacts,
        public_key_der: bytes,
        profile: str = "personal-signature",
        actor: str,
        at: datetime | None = None,
    ) -> IssuedCertificate:
        """The one certificate of this intent, made now unless it exists.

        Called again after a crash it finishes what was stored. Raises `Invalid` for facts or a
        key that the profile does not take, `Conflict` when the intent has another key, and
        `Unavailable` when the HSM is away: the serial stays reserved and the next call goes on.
        """
        order = IssueOrder(
            intent=intent, subject=subject, public_key_der=public_key_der, profile=profile, at=at
        )
        (outcome,) = self._issuing.issue_many([order], actor)
        if isinstance(outcome, SignerError):
            raise outcome
        return outcome

    def issue_many(
        self, orders: Sequence[IssueOrder], actor: str
    ) -> list[IssuedCertificate | SignerError]:
        """What `issue` would return or raise for each order, in their order.

        All intents are stored in one commit and all certificates in another, so a few hundred
        orders at a time are cheap. One bad order does not spoil the rest.
        """
        return self._issuing.issue_many(orders, actor)

    def resume(self, actor: str) -> int:
        """No serial is left half-done, as far as the HSM can be reached; returns how many were.

        Stored bytes that this CA can still sign are signed; others are abandoned: their serials
        go on the CRL and their intents are free again. `Unavailable` when the HSM is away.
        """
        return self._issuing.resume(actor)

    # Revoking ----------------------------------------------------------------------------------

    def revoke(
        self, serial: int, reason: RevocationReason, actor: str, *, at: datetime | None = None
    ) -> None:
        """The certificate is revoked from now on (or since `at`); the next CRL will say so.

        `NotFound` for a serial that was never issued, `Conflict` when it is revoked already.
        """
        row = ledger.row_of(serial)
        if row is None or row.state not in (CertificateState.ISSUED, CertificateState.REVOKED):
            raise NotFound(_NO_SUCH, serial=serial_hex(serial))
        with transaction():
            move_state(
                Certificate,
                row.id,
                CertificateState.ISSUED,
                CertificateState.REVOKED,
                revoked_at=whole_second(at or self._clock.now()),
                revocation_reason=RevocationReason(reason).value,
            )
            self._audit.record(
                actor,
                "certificate.revoke",
                f"certificate:{row.serial_hex}",
                reason=RevocationReason(reason).value,
            )

    def publish_crl(self, actor: str = "system") -> bytes:
        """A complete, signed list of everything revoked stands in the ledger; its DER.

        Its number is higher than any before. `Unavailable` when the HSM is away; the number
        taken is then left out.
        """
        this_update = whole_second(self._clock.now())
        next_update = this_update + timedelta(seconds=self._profiles.issuing.crl_seconds)
        with transaction():
            number, lines = ledger.reserve_crl(this_update, next_update)
        public_key = self._certificate.public_key()
        tbs = crl_tbs(
            signature_algorithm_der=signature_algorithm_der(public_key),
            issuer_name_der=raw_subject(self._certificate),
            issuer_key_identifier=key_identifier(self._certificate),
            number=number,
            this_update=this_update,
            next_update=next_update,
            revoked=lines,
        )
        signed = sign_tbs(self._key, tbs, public_key)
        with transaction():
            ledger.store_crl(number, signed)
            self._audit.record(
                actor,
                "crl.publish",
                f"crl:{number}",
                entries=len(lines),
                sha256=hashlib.sha256(signed).hexdigest(),
            )
        return signed

    def current_crl_der(self) -> bytes:
        """The newest list; one is published first when there is none or it has run out."""
        found = ledger.newest_crl()
        if found is not None and self._clock.now() < found[0].next_update:
            return found[1]
        release()
        return self.publish_crl()

    def refresh_crl(self, actor: str = "system") -> bool:
        """Publishes when half of the list's time is over or it misses a revocation; True if so.

        Meant to be called every few minutes; safe to be called twice.
        """
        found = ledger.newest_crl()
        if found is not None:
            crl, _ = found
            half = crl.this_update + (crl.next_update - crl.this_update) / 2
            if self._clock.now() < half and crl.entries == ledger.count_revoked():
                return False
        release()
        self.publish_crl(actor)
        return True

    def prove_key(self) -> None:
        """Token, key and CA certificate belong together: a random text was signed and verified.

        Stores nothing. Raises what a signature would: `Unavailable`, `NotFound`, `SignerError`.
        """
        sign_tbs(self._key, secrets.token_bytes(64), self._certificate.public_key())

    # Looking up --------------------------------------------------------------------------------

    def certificate_of(self, serial: int) -> IssuedCertificate:
        """The certificate of this serial; `NotFound` unless it was issued."""
        found = ledger.issued(serial=serial)
        if not found:
            raise NotFound(_NO_SUCH, serial=serial_hex(serial))
        return found[0]

    def find_by_intent(self, intent: str) -> IssuedCertificate | None:
        """The certificate of this intent, once it is issued."""
        found = ledger.issued(intents=[intent])
        return found[0] if found else None

    def status_of(self, serial: int, at: datetime) -> CertificateStatus:
        """What the ledger says of the serial at that instant.

        A serial that is only reserved is unknown; an abandoned one is revoked, as on the CRL.
        """
        row = ledger.row_of(serial)
        if row is None or row.state == CertificateState.RESERVED:
            return CertificateStatus.UNKNOWN
        if row.state == CertificateState.ABANDONED:
            return CertificateStatus.REVOKED
        if row.revoked_at is not None and row.revoked_at <= at:
            return CertificateStatus.REVOKED
        if at < row.not_before:
            return CertificateStatus.NOT_YET
        # RFC 5280 section 4.1.2.5: the second named by notAfter still counts.
        if whole_second(at) > row.not_after:
            return CertificateStatus.EXPIRED
        return CertificateStatus.GOOD

    @property
    def certificate(self) -> x509.Certificate:
        """The issuing CA's own certificate."""
        return self._certificate

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """What stands above it, the root last."""
        return self._chain

    def issuing_pem(self) -> str:
        """The issuing CA's certificate."""
        return self._certificate.public_bytes(Encoding.PEM).decode("ascii")

    def root_pem(self) -> str:
        """The trust anchor."""
        return self._chain[-1].public_bytes(Encoding.PEM).decode("ascii")

    def issuing_der(self) -> bytes:
        """The issuing CA's certificate."""
        return self._certificate.public_bytes(Encoding.DER)

    def chain_der(self) -> list[bytes]:
        """What a signature carries beside the subscriber's own: from the issuing CA to the root."""
        return [c.public_bytes(Encoding.DER) for c in (self._certificate, *self._chain)]

    def root_der(self) -> bytes:
        """The trust anchor."""
        return self._chain[-1].public_bytes(Encoding.DER)


_NO_SUCH = N_("Không có chứng thư nào mang số hiệu %(serial)s.")
