"""The issuing authority: what it issued, what it revoked, and what it says of a serial."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signer.audit import Audit
from signer.ca import ledger
from signer.ca.certificate import Addresses, CaKey, sign_tbs, whole_second
from signer.ca.crl import RevocationReason
from signer.ca.issuing import IssueOrder, Issuing
from signer.ca.ledger import IssuedCertificate, serial_hex
from signer.ca.models import CertificateState
from signer.ca.names import SubjectFacts
from signer.ca.profiles import ProfileSet
from signer.ca.publishing import Publishing
from signer.ca.revoking import NO_SUCH, RevocationOrder, Revoking
from signer.ca.schemes import scheme_for
from signer.clock import Clock
from signer.errors import N_, ConfigError, NotFound, SignerError

_NOTHING: Mapping[str, object] = MappingProxyType({})


class CertificateStatus(StrEnum):
    """What the ledger says of a serial at an instant."""

    GOOD = "good"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    UNKNOWN = "unknown"


class Authority:
    """Issues, revokes and accounts for certificates. Threads and processes may share a ledger.

    `chain` is what stands above `certificate`, the root last. `base_url` is where relying parties
    find certificates, lists and OCSP; `published` is the folder whose files a web server hands
    out there (None writes none), `root_crl` the file with the root's own list. Nothing here
    touches the HSM before it has to, so an Authority can be made while the HSM is away.
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
        published: Path | None = None,
        root_crl: Path | None = None,
    ) -> None:
        if key.public_key() != certificate.public_key():
            raise ConfigError(N_("Khóa của CA không khớp với chứng thư CA."))
        self._key = key
        self._certificate = certificate
        self._chain = tuple(chain)
        self._profiles = profiles
        self._clock = clock
        self._audit = audit
        self._addresses = addresses = Addresses(base_url=base_url)
        self._issuing = Issuing(
            key=key,
            certificate=certificate,
            profiles=profiles,
            clock=clock,
            audit=audit,
            addresses=addresses,
        )
        self._revoking = Revoking(clock=clock, audit=audit)
        self._publishing = Publishing(
            key=key,
            certificate=certificate,
            chain=chain,
            profile=profiles.issuing,
            clock=clock,
            audit=audit,
            addresses=addresses,
            published=published,
            root_crl=root_crl,
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
        self,
        serial: int,
        reason: RevocationReason,
        actor: str,
        *,
        at: datetime | None = None,
        details: Mapping[str, object] = _NOTHING,
    ) -> None:
        """The certificate is revoked from now on; OCSP says so at once, the CRLs soon.

        `at` is since when its key is thought to have been exposed: the lists name it beside the
        present time, which stays the date of the revocation. `NotFound` for a serial that was
        never issued, `Conflict` when it is revoked already, `Invalid` for an `at` to come.
        """
        order = RevocationOrder(serial=serial, reason=reason, at=at, details=details)
        _raise_any(self._revoking.order_many([order], actor))

    def revoke_many(
        self, orders: Sequence[RevocationOrder], actor: str
    ) -> list[SignerError | None]:
        """What `revoke` would raise for each order, None for those carried out, in their order.

        All that are carried out are stored in one commit with their audit events. The reason
        `certificate_hold` suspends; what is suspended may be revoked for good, and keeps the
        date of its suspension.
        """
        return self._revoking.order_many(orders, actor)

    def suspend(self, serial: int, actor: str, *, details: Mapping[str, object] = _NOTHING) -> None:
        """The certificate does not count until it is released; `Conflict` unless it is issued."""
        self.revoke(serial, RevocationReason.CERTIFICATE_HOLD, actor, details=details)

    def release(self, serial: int, actor: str, *, details: Mapping[str, object] = _NOTHING) -> None:
        """The suspended certificate counts again; `Conflict` for any that is not suspended."""
        _raise_any(self._revoking.release_many([serial], actor, details))

    def release_many(
        self, serials: Sequence[int], actor: str, *, details: Mapping[str, object] = _NOTHING
    ) -> list[SignerError | None]:
        """What `release` would raise for each, in their order; one commit for all."""
        return self._revoking.release_many(serials, actor, details)

    # Lists -------------------------------------------------------------------------------------

    def publish_crl(self, actor: str = "system", shard: int | None = None) -> bytes:
        """A new list of the shard (None: the complete one) is signed, stored and in its file.

        Its number is higher than any before. `NotFound` for a shard that does not exist;
        `Unavailable` when the HSM is away: the number taken is then left out.
        """
        return self._publishing.publish(shard, actor)

    def current_crl_der(self, shard: int | None = None) -> bytes:
        """The newest list of the shard; one is made first if there is none, or it has run out or
        misses a change. While the HSM is away a list serves until it runs out."""
        return self._publishing.current_der(shard)

    def current_crl_ders(self) -> list[bytes]:
        """Lists that together know of every change: the complete one, which has its pauses (see
        `refresh_crl`), and those of the shards that changed since it was made."""
        return self._publishing.current_ders()

    def refresh_crl(self, actor: str = "system") -> bool:
        """Every list that is due is published and every file is right; True if a list was made.

        Due is a list past half of its life or missing a change: at once where the certificate
        names it, else (the complete one) after a pause of a millisecond for each of its lines.
        Meant to be called every few seconds; safe to be called twice. `Unavailable` when the HSM
        or the folder is away.
        """
        return self._publishing.refresh(actor)

    def prove_key(self) -> None:
        """Token, key and CA certificate belong together: a random text was signed and verified.

        Stores nothing. Raises what a signature would: `Unavailable`, `NotFound`, `SignerError`.
        """
        public_key = self._certificate.public_key()
        scheme = scheme_for(public_key, self._profiles.issuing.signature or None)
        sign_tbs(self._key, secrets.token_bytes(64), public_key, scheme)

    def prove_addresses(self) -> None:
        """The lists made now bear the address that certificates in force name as theirs.

        `ConfigError` when the settings have another than at the time of issuing: then readers
        take no new list for theirs (RFC 5280 section 6.3.3 (b)(2)).
        """
        found = ledger.oldest_in_force(self._clock.now())
        if found is None:
            return
        shard, der = found
        extensions = x509.load_der_x509_certificate(der).extensions
        (point,) = extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        written = str(point.full_name[0].value) if point.full_name else ""
        listed = self._addresses.crl_shard(shard)
        if written != listed:
            raise ConfigError(
                N_(
                    "Chứng thư đã cấp ghi danh sách thu hồi tại %(written)s, nhưng theo thiết lập "
                    "hiện nay nó ở %(listed)s: danh sách mới không còn hiệu lực với chứng thư ấy. "
                    "Hãy đặt lại validation_url (hoặc base_url) như cũ."
                ),
                written=written,
                listed=listed,
            )

    # Looking up --------------------------------------------------------------------------------

    def certificate_of(self, serial: int) -> IssuedCertificate:
        """The certificate of this serial; `NotFound` unless it was issued."""
        found = ledger.issued(serial=serial)
        if not found:
            raise NotFound(NO_SUCH, serial=serial_hex(serial))
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
            if row.state == CertificateState.SUSPENDED:
                return CertificateStatus.SUSPENDED
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


def _raise_any(outcomes: Sequence[SignerError | None]) -> None:
    for outcome in outcomes:
        if outcome is not None:
            raise outcome
