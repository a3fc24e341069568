"""Keys and certificates in pairs: a key in the HSM, then its certificate, then both together.

The order is design.md's: wrapped keys are stored before anything is certified, the CA stores what
it will sign before it signs, and what it signed is settled with the key, whoever asks again.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, String, bindparam, cast, insert, literal, select, update
from sqlalchemy.orm import aliased

from signer.audit import Audit, Happening
from signer.ca.authority import Authority
from signer.ca.issuing import IssueOrder
from signer.ca.models import Certificate, CertificateState
from signer.clock import Clock
from signer.config import Settings
from signer.db import Base, advisory_lock, changed, db, release, set_rows, transaction
from signer.errors import Conflict, SignerError, Unavailable
from signer.inventory.models import Person
from signer.issuance.keys import retire_keys
from signer.issuance.kinds import ENDED_MEANWHILE
from signer.issuance.models import RequestItem, SigningKey
from signer.issuance.subjects import Applicant, Subjects
from signer.issuance.superseding import Superseding
from signer.pkcs11.vault import Vault, WrappedKey

PROFILE = "personal-signature"
INTENT = "signing-key-"
# The table, not the class: the ORM's part of a bulk statement costs as much as the statement.
_KEYS = Base.metadata.tables[SigningKey.__tablename__]
_KEYS_LOCK = 0x5E11  # any fixed number: who stores new keys, among PostgreSQL's advisory locks


class Certifying:
    """The part of `Issuing` that makes personal keys and has them certified."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        audit: Audit,
        vault: Vault,
        authority: Authority,
        superseding: Superseding,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._audit = audit
        self._vault = vault
        self._authority = authority
        self._superseding = superseding

    def make_keys(self, person_of_item: Mapping[int, int]) -> None:
        """Every item has a key, stored wrapped; keys that another worker stored first stay."""
        missing = self.without_key(person_of_item)
        if not missing:
            return
        release()
        fresh = dict(zip(missing, self._vault.generate_many(len(missing)), strict=True))
        with transaction():
            advisory_lock(_KEYS_LOCK)
            missing = self.without_key(missing)
            # An expired or revoked certificate's key makes room for the new one.
            retire_keys(SigningKey.person_id.in_([person_of_item[item] for item in missing]))
            self.add_keys([(fresh[item], person_of_item[item], item, 1) for item in missing])

    def without_key(self, item_ids: Collection[int]) -> list[int]:
        have = set(
            db.session.scalars(
                select(SigningKey.request_item_id).where(SigningKey.request_item_id.in_(item_ids))
            )
        )
        return [item_id for item_id in item_ids if item_id not in have]

    def add_keys(self, keys: Sequence[tuple[WrappedKey, int, int | None, int]]) -> None:
        """Stores (key, person, request item, generation) of each, in the open transaction."""
        now = self._clock.now()
        rows = [
            {
                "person_id": person_id,
                "request_item_id": item_id,
                "generation": generation,
                "state": "new",
                "wrapped": key.wrapped,
                "kek": key.kek,
                "public_key_der": key.public_key_der,
                "created_at": now,
            }
            for key, person_id, item_id, generation in keys
        ]
        if rows:
            db.session.execute(insert(_KEYS), rows)

    def certify(
        self, people: Mapping[int, Applicant], predecessors: Mapping[int, int | None]
    ) -> dict[int, SignerError]:
        """The stored keys of these items have their certificates, or the item is returned."""
        keys = db.session.execute(
            select(SigningKey.id, SigningKey.request_item_id, SigningKey.public_key_der).where(
                SigningKey.request_item_id.in_(people), SigningKey.state == "new"
            )
        ).all()
        if not keys:
            return {}
        subjects = Subjects(self._settings, [person.unit_path for person in people.values()])
        release()
        orders = [
            IssueOrder(
                intent=f"{INTENT}{key.id}",
                subject=subjects.of(people[key.request_item_id]),
                public_key_der=key.public_key_der,
                profile=PROFILE,
                predecessor_id=predecessors.get(key.request_item_id),
            )
            for key in keys
        ]
        outcomes = self._authority.issue_many(orders, actor="system")
        failures: dict[int, SignerError] = {}
        made: dict[int, tuple[int, str]] = {}
        for key, outcome in zip(keys, outcomes, strict=True):
            if isinstance(outcome, SignerError):
                failures[key.request_item_id] = outcome
            else:
                made[key.id] = (outcome.id, outcome.serial_hex)
        for item_id in self._settle(made):
            failures[item_id] = Conflict(ENDED_MEANWHILE)
        for failure in failures.values():
            if isinstance(failure, Unavailable):  # what was signed is stored; the rest waits
                raise failure
        return failures

    def _settle(self, made: Mapping[int, tuple[int, str]]) -> list[int]:
        """Keys get their (certificate, serial), items are issued, unless somebody did it first.

        Returns the items of people whose certificate or key was ended while theirs was being
        made: it is revoked at once.
        """
        if not made:
            return []
        with transaction():
            keys = db.session.execute(
                select(
                    SigningKey.id,
                    SigningKey.request_item_id,
                    SigningKey.person_id,
                    SigningKey.state,
                    Person.code,
                )
                .join(Person, Person.id == SigningKey.person_id)
                .where(
                    SigningKey.id.in_(made),
                    SigningKey.state.in_(("new", "retired")),
                    SigningKey.certificate_id.is_(None),
                )
                .with_for_update(of=SigningKey)
            ).all()
            ended = _ended_before([made[key.id][0] for key in keys])
            late = [key for key in keys if key.state == "retired" or made[key.id][0] in ended]
            won = [key for key in keys if key not in late]
            if won:
                self._store_certified(won, made)
            if late:
                _put_away(late)
            changed("person", [key.person_id for key in keys])
        self._superseding.end_orphans(
            [(made[key.id][1], ended.get(made[key.id][0])) for key in late], "system"
        )
        return [key.request_item_id for key in late]

    def _store_certified(
        self, keys: Sequence[Row[*tuple[Any, ...]]], made: Mapping[int, tuple[int, str]]
    ) -> None:
        db.session.execute(
            update(_KEYS)
            .where(_KEYS.c.id == bindparam("key"))
            .values(state="ready", certificate_id=bindparam("certificate")),
            [{"key": key.id, "certificate": made[key.id][0]} for key in keys],
        )
        set_rows(
            RequestItem,
            RequestItem.id.in_([key.request_item_id for key in keys]),
            state="issued",
            error=None,
        )
        self._audit.record_many(
            "system",
            [
                Happening(
                    action="person.certified",
                    subject=f"person:{key.code}",
                    details={"serial": made[key.id][1]},
                )
                for key in keys
            ],
        )

    def settle(self, item_ids: Collection[int] | None = None) -> dict[int, SignerError]:
        """No certificate of these items (of any) waits for its key; those who came too late.

        Also when the job was cancelled meanwhile.
        """
        intent = literal(INTENT) + cast(SigningKey.id, String)
        statement = (
            select(SigningKey.id, Certificate.id, Certificate.serial_hex)
            .join(Certificate, Certificate.intent == intent)
            .where(
                SigningKey.state.in_(("new", "retired")),
                SigningKey.certificate_id.is_(None),
                Certificate.state == CertificateState.ISSUED,
            )
        )
        if item_ids is not None:
            statement = statement.where(SigningKey.request_item_id.in_(item_ids))
        rows = db.session.execute(statement).all()
        late = self._settle({key_id: (number, serial) for key_id, number, serial in rows})
        return dict.fromkeys(late, Conflict(ENDED_MEANWHILE))


def _ended_before(certificate_ids: Sequence[int]) -> dict[int, str | None]:
    """Those of these certificates whose predecessor was ended or suspended, with its reason.

    The predecessors stay as they are until the open transaction ends.
    """
    made, before = aliased(Certificate), aliased(Certificate)
    rows = db.session.execute(
        select(made.id, before.state, before.revocation_reason)
        .join(before, before.id == made.predecessor_id)
        .where(made.id.in_(certificate_ids))
        .order_by(before.serial_hex)
        .with_for_update(of=before)
    )
    return {row[0]: row[2] for row in rows if row[1] != CertificateState.ISSUED}


def _put_away(keys: Sequence[Row[*tuple[Any, ...]]]) -> None:
    """The keys never sign, their items are over; in the open transaction."""
    retire_keys(SigningKey.id.in_([key.id for key in keys]))
    set_rows(
        RequestItem,
        RequestItem.id.in_([key.request_item_id for key in keys]),
        RequestItem.state == "open",
        state="closed",
    )
