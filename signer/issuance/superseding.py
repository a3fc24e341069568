"""Ending what a successor took the place of: a change or a new key leaves one certificate."""

from collections.abc import Collection, Sequence

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import aliased

from signer.ca.authority import Authority
from signer.ca.crl import RevocationReason
from signer.ca.models import Certificate, CertificateBytes, CertificateState
from signer.ca.revoking import RevocationOrder
from signer.clock import Clock
from signer.db import db, release
from signer.issuance.models import SigningKey
from signer.issuance.subjects import units_in

_CHUNK = 200


class Superseding:
    """Finds and revokes the certificates that a settled successor leaves without a purpose."""

    def __init__(self, clock: Clock, authority: Authority) -> None:
        self._clock = clock
        self._authority = authority

    def end(self, actor: str, person_ids: Collection[int] | None = None) -> int:
        """How many certificates of these people (of everybody) were revoked; again: none.

        A renewal ends nothing: nothing happened to the key, and the old certificate runs out.
        """
        orders = self._orders(person_ids)
        release()
        for start in range(0, len(orders), _CHUNK):
            self._authority.revoke_many(orders[start : start + _CHUNK], actor)
        return len(orders)

    def end_orphans(self, serials: Sequence[tuple[str, str | None]], actor: str) -> None:
        """Certificates that came too late, their person's having been ended meanwhile, are ended.

        Each is (serial, reason of the one it was to succeed); a key in wrong hands taints both.
        """
        orders = [
            RevocationOrder(
                serial=int(serial_hex, 16),
                reason=RevocationReason.KEY_COMPROMISE
                if reason == RevocationReason.KEY_COMPROMISE
                else RevocationReason.SUPERSEDED,
            )
            for serial_hex, reason in serials
        ]
        if orders:
            self._authority.revoke_many(orders, actor)

    def _orders(self, person_ids: Collection[int] | None) -> list[RevocationOrder]:
        successor, predecessor = aliased(Certificate), aliased(Certificate)
        old, new_bytes, old_bytes = (
            aliased(Certificate),
            aliased(CertificateBytes),
            aliased(CertificateBytes),
        )
        statement = (
            select(
                old.serial_hex,
                successor.serial_hex,
                old.spki_sha256 == successor.spki_sha256,
                old_bytes.certificate_der,
                new_bytes.certificate_der,
            )
            .join(predecessor, predecessor.id == successor.predecessor_id)
            # A renewed key left earlier certificates, and they end with it.
            .join(old, old.spki_sha256 == predecessor.spki_sha256)
            .join(SigningKey, SigningKey.certificate_id == successor.id)
            .join(new_bytes, new_bytes.certificate_id == successor.id)
            .join(old_bytes, old_bytes.certificate_id == old.id)
            .where(
                or_(
                    successor.spki_sha256 != predecessor.spki_sha256,
                    # A change keeps the last day. So may a first renewal when the CA ends soon.
                    and_(
                        successor.not_after <= predecessor.not_after,
                        successor.profile == predecessor.profile,
                    ),
                ),
                successor.predecessor_id.is_not(None),
                old.id < successor.id,
                # Few certificates have a successor and nearly all are in force: no index for
                # this, or SQLite, which does not know, begins with it.
                old.state.concat("") == CertificateState.ISSUED,
                old.not_after >= self._clock.now(),
            )
            .order_by(old.id)
        )
        if person_ids is not None:
            statement = statement.where(SigningKey.person_id.in_(person_ids))
        return [
            RevocationOrder(
                serial=int(old_serial, 16),
                # RFC 5280 section 5.3.1, by the names of X.509: the affiliation, here the unit,
                # changed; or merely another certificate took its place.
                reason=RevocationReason.AFFILIATION_CHANGED
                if same_key and old_der and new_der and units_in(old_der) != units_in(new_der)
                else RevocationReason.SUPERSEDED,
                details={"successor": new_serial},
            )
            for old_serial, new_serial, same_key, old_der, new_der in db.session.execute(statement)
        ]
