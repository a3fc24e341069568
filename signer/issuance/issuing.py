"""Working off approved requests: a key in the HSM, then its certificate, chunk by chunk.

The order is design.md's: wrapped keys are stored before anything is certified, the CA stores what
it will sign before it signs, and every step asks what is already there. A chunk that was killed
anywhere is simply done again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog
from sqlalchemy import Select, String, cast, insert, literal, select, update
from sqlalchemy.orm import InstrumentedAttribute

from signer.audit import Audit, Happening
from signer.ca.authority import Authority
from signer.ca.crl import RevocationReason
from signer.ca.issuing import IssueOrder
from signer.ca.models import Certificate
from signer.ca.names import SubjectFacts
from signer.clock import Clock
from signer.config import Settings
from signer.db import advisory_lock, canonical_json, db, move_state, release, transaction
from signer.errors import N_, Conflict, Invalid, SignerError, Unavailable
from signer.inventory.models import OrgUnit, Person
from signer.inventory.states import STATE_RULES, PersonState
from signer.issuance.models import CertificateRequest, RequestItem, SigningKey
from signer.pkcs11.vault import Vault, WrappedKey

PROFILE = "personal-signature"
_INTENT = "signing-key-"
_KEYS_LOCK = 0x5E11  # any fixed number: who stores new keys, among PostgreSQL's advisory locks

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Applicant:
    """Who gets a certificate; plain facts, since rows of the session are read anew after each
    commit, one by one."""

    id: int
    code: str
    full_name: str
    email: str | None
    unit_path: str
    state: PersonState


_APPLICANT = (
    Person.id,
    Person.code,
    Person.full_name,
    Person.email,
    Person.unit_path,
    Person.state,
)


class Issuing:
    """The job handler of kind `issue`, and the replacement of a locked key."""

    def __init__(
        self, settings: Settings, clock: Clock, audit: Audit, vault: Vault, authority: Authority
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._audit = audit
        self._vault = vault
        self._authority = authority

    def issue_items(self, keys: Sequence[str]) -> dict[str, SignerError]:
        """Every named request item has its certificate, but for those returned with the reason.

        Idempotent; raises `Unavailable` when the HSM is away, with nothing lost.
        """
        item_ids = [int(key) for key in keys]
        open_items = self._open_items(item_ids)
        failures: dict[int, SignerError] = {
            item_id: Conflict(N_("Đề nghị này không còn hiệu lực."))
            for item_id in item_ids
            if item_id not in open_items and not self._is_issued(item_id)
        }
        covered = self._covered([person.id for person in open_items.values()])
        for item_id, person in list(open_items.items()):
            if person.id in covered:  # its key must not be retired while its certificate counts
                failures[item_id] = Conflict(N_("Đã có chứng thư chữ ký số còn hiệu lực."))
            elif not STATE_RULES[person.state].may_sign:
                failures[item_id] = Conflict(
                    N_("Người này không còn ở trạng thái công tác được cấp chữ ký số.")
                )
            elif not person.email:
                failures[item_id] = Invalid(
                    N_("Chưa có thư điện tử công vụ; hãy bổ sung rồi làm lại phần chưa thành công.")
                )
            else:
                continue
            del open_items[item_id]
        self._make_keys({item_id: person.id for item_id, person in open_items.items()})
        failures |= self._certify(open_items)
        self._note_failures(failures)
        return {str(item_id): error for item_id, error in failures.items()}

    def replace_key(self, person_id: int, actor: str) -> None:
        """The person's locked key is retired and a new one certified in its place.

        Asked again after a fault it goes on where it stopped. Raises `Conflict` unless the
        current key is locked or was being replaced.
        """
        old = db.session.scalar(
            select(SigningKey).where(
                SigningKey.person_id == person_id, SigningKey.state == "locked"
            )
        )
        if old is None:
            if person_id not in self._half_replaced():
                raise Conflict(N_("Chỉ khóa ký đang bị khóa mới cần cấp lại."))
            self.finish_replacement(person_id, actor)
            return
        person = db.session.get_one(Person, person_id)
        release()
        fresh = self._vault.generate()
        with transaction():
            move_state(SigningKey, old.id, "locked", "retired")
            self._add_keys([(fresh, person_id, old.request_item_id, old.generation + 1)])
            self._audit.record(actor, "key.replaced", f"person:{person.code}")
        self.finish_replacement(person_id, actor)

    def finish_replacement(self, person_id: int, actor: str) -> None:
        """The newest key of a replaced one is certified and the old certificate revoked.

        Idempotent: the second half of `replace_key`, and of a `replace_key` that was killed.
        """
        key = db.session.scalar(
            select(SigningKey).where(SigningKey.person_id == person_id, SigningKey.state == "new")
        )
        if key is not None:
            facts = select(*_APPLICANT).where(Person.id == person_id)
            person = _Applicant(**db.session.execute(facts).mappings().one())
            failures = self._certify({key.request_item_id: person})
            for error in failures.values():
                raise error
        for serial in self._superseded(person_id):
            self._authority.revoke(serial, RevocationReason.SUPERSEDED, actor)

    def resume(self, actor: str = "system") -> int:
        """How many half-done issuings and replacements a crash left, all of them finished now.

        A replacement that cannot be finished is left to the clerk who asks for it again.
        """
        finished = self._authority.resume(actor)
        self._settle_certified()
        for person_id in self._half_replaced():
            try:
                self.finish_replacement(person_id, actor)
            except Unavailable:
                raise
            except SignerError as error:
                _log.warning("a key's replacement waits", person=person_id, reason=error.sentence)
            else:
                finished += 1
        return finished

    def _open_items(self, item_ids: Sequence[int]) -> dict[int, _Applicant]:
        rows = db.session.execute(
            select(RequestItem.id.label("item_id"), *_APPLICANT)
            .join(Person, Person.id == RequestItem.person_id)
            .join(CertificateRequest, CertificateRequest.id == RequestItem.request_id)
            .where(
                RequestItem.id.in_(item_ids),
                RequestItem.state == "open",
                CertificateRequest.state == "approved",
            )
        ).mappings()
        return {
            row["item_id"]: _Applicant(**{name: row[name] for name in row if name != "item_id"})
            for row in rows
        }

    def _covered(self, person_ids: Sequence[int]) -> set[int]:
        """Those who hold a key with a certificate that counts, whatever was asked for them."""
        return set(
            db.session.scalars(
                select(SigningKey.person_id)
                .join(Certificate, Certificate.id == SigningKey.certificate_id)
                .where(
                    SigningKey.person_id.in_(person_ids),
                    SigningKey.state != "retired",
                    Certificate.state == "issued",
                    Certificate.not_after >= self._clock.now(),
                )
            )
        )

    def _is_issued(self, item_id: int) -> bool:
        return (
            db.session.scalar(
                select(RequestItem.state == "issued").where(RequestItem.id == item_id)
            )
            or False
        )

    def _make_keys(self, person_of_item: Mapping[int, int]) -> None:
        """Every item has a key, stored wrapped; keys that another worker stored first stay."""
        missing = self._without_key(person_of_item)
        if not missing:
            return
        release()
        fresh = dict(zip(missing, self._vault.generate_many(len(missing)), strict=True))
        with transaction():
            advisory_lock(_KEYS_LOCK)
            missing = self._without_key(missing)
            # An expired or revoked certificate's key makes room for the new one.
            db.session.execute(
                update(SigningKey)
                .where(
                    SigningKey.person_id.in_([person_of_item[item] for item in missing]),
                    SigningKey.state != "retired",
                )
                .values(state="retired", wrapped=None)
                .execution_options(synchronize_session=False)
            )
            self._add_keys([(fresh[item], person_of_item[item], item, 1) for item in missing])

    def _without_key(self, item_ids: Collection[int]) -> list[int]:
        have = set(
            db.session.scalars(
                select(SigningKey.request_item_id).where(SigningKey.request_item_id.in_(item_ids))
            )
        )
        return [item_id for item_id in item_ids if item_id not in have]

    def _add_keys(self, keys: Sequence[tuple[WrappedKey, int, int, int]]) -> None:
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
            db.session.execute(insert(SigningKey), rows)

    def _certify(self, people: Mapping[int, _Applicant]) -> dict[int, SignerError]:
        keys = db.session.execute(
            select(SigningKey.id, SigningKey.request_item_id, SigningKey.public_key_der).where(
                SigningKey.request_item_id.in_(people), SigningKey.state == "new"
            )
        ).all()
        if not keys:
            return {}
        units = self._unit_names([person.unit_path for person in people.values()])
        release()
        orders = [
            IssueOrder(
                intent=f"{_INTENT}{key.id}",
                subject=self._subject(people[key.request_item_id], units),
                public_key_der=key.public_key_der,
                profile=PROFILE,
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
        self._settle(made)
        for failure in failures.values():
            if isinstance(failure, Unavailable):  # what was signed is stored; the rest waits
                raise failure
        return failures

    def _settle(self, made: Mapping[int, tuple[int, str]]) -> None:
        """Keys get their (certificate, serial), items are issued, unless somebody did it first."""
        if not made:
            return
        with transaction():
            won = db.session.execute(
                select(SigningKey.id, SigningKey.request_item_id, Person.code)
                .join(Person, Person.id == SigningKey.person_id)
                .where(SigningKey.id.in_(made), SigningKey.state == "new")
                .with_for_update(of=SigningKey)
            ).all()
            if not won:
                return
            db.session.execute(
                update(SigningKey),
                [
                    {"id": key.id, "state": "ready", "certificate_id": made[key.id][0]}
                    for key in won
                ],
            )
            db.session.execute(
                update(RequestItem)
                .where(RequestItem.id.in_([key.request_item_id for key in won]))
                .values(state="issued", error=None)
                .execution_options(synchronize_session=False)
            )
            self._audit.record_many(
                "system",
                [
                    Happening(
                        action="person.certified",
                        subject=f"person:{key.code}",
                        details={"serial": made[key.id][1]},
                    )
                    for key in won
                ],
            )

    def _settle_certified(self) -> None:
        """No certificate of the CA waits for its key, even if the job was cancelled meanwhile."""
        intent = literal(_INTENT) + cast(SigningKey.id, String)
        rows = db.session.execute(
            select(SigningKey.id, Certificate.id, Certificate.serial_hex)
            .join(Certificate, Certificate.intent == intent)
            .where(SigningKey.state == "new", Certificate.state == "issued")
        )
        self._settle({key_id: (number, serial_hex) for key_id, number, serial_hex in rows})

    def _half_replaced(self) -> list[int]:
        """The people whose new key is not certified, or whose old certificate is still valid."""
        uncertified = select(SigningKey.person_id).where(
            SigningKey.state == "new", SigningKey.generation > 1
        )
        unrevoked = self._of_superseded(SigningKey.person_id)
        return sorted(set(db.session.scalars(uncertified)) | set(db.session.scalars(unrevoked)))

    def _superseded(self, person_id: int) -> list[int]:
        serials = self._of_superseded(Certificate.serial_hex)
        rows = db.session.scalars(serials.where(SigningKey.person_id == person_id))
        return [int(serial_hex, 16) for serial_hex in rows]

    def _of_superseded(self, column: InstrumentedAttribute[_T]) -> Select[_T]:
        """That column of every retired key whose certificate still stands; an expired one may."""
        return (
            select(column)
            .select_from(SigningKey)
            .join(Certificate, Certificate.id == SigningKey.certificate_id)
            .where(
                SigningKey.state == "retired",
                Certificate.state == "issued",
                Certificate.not_after >= self._clock.now(),
            )
        )

    def _subject(self, person: _Applicant, units: dict[str, str]) -> SubjectFacts:
        """The subject as official certificates write it (domain.md 2.2): units in capitals."""
        parts = person.unit_path.rstrip(".").split(".")
        chain = [".".join(parts[: depth + 1]) + "." for depth in range(1, len(parts))]
        return SubjectFacts(
            common_name=person.full_name,
            organisation=self._settings.organisation,
            units=tuple(units[path].upper() for path in chain),
            locality=self._settings.locality,
            country="VN",
            email=person.email or "",
        )

    def _unit_names(self, paths: Sequence[str]) -> dict[str, str]:
        wanted = {
            ".".join(parts[:depth]) + "."
            for parts in (path.rstrip(".").split(".") for path in paths)
            for depth in range(1, len(parts) + 1)
        }
        rows = db.session.execute(
            select(OrgUnit.path, OrgUnit.name).where(OrgUnit.path.in_(wanted))
        )
        return {row[0]: row[1] for row in rows}

    def _note_failures(self, failures: dict[int, SignerError]) -> None:
        if not failures:
            return
        with transaction():
            for item_id, error in failures.items():
                note = canonical_json({"sentence": error.sentence, "values": error.values})
                db.session.execute(
                    update(RequestItem)
                    .where(RequestItem.id == item_id, RequestItem.state == "open")
                    .values(error=note)
                )
