"""Working off approved requests: who gets which certificate, chunk by chunk.

Every step asks what is already there. A chunk that was killed anywhere is simply done again.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import Row, select, update

from signer.audit import Audit
from signer.ca.authority import Authority
from signer.ca.models import Certificate, CertificateState
from signer.clock import Clock
from signer.config import Settings
from signer.db import canonical_json, changed, db, move_state, release, transaction
from signer.errors import N_, Conflict, Invalid, SignerError, Unavailable
from signer.inventory.models import Person
from signer.inventory.policy import rules
from signer.issuance.certifying import Certifying
from signer.issuance.expiring import Expiring
from signer.issuance.holdings import COUNTING, Holding, holding_rows, newest
from signer.issuance.kinds import (
    COVERED,
    ENDED_MEANWHILE,
    FINAL,
    NO_LONGER_AT_WORK,
    NOTHING_COUNTS,
    SUSPENDED,
    RequestKind,
    why_not_reissue,
)
from signer.issuance.models import CertificateRequest, RequestItem, SigningKey
from signer.issuance.reissuing import Reissuing
from signer.issuance.superseding import Superseding
from signer.pkcs11.vault import Vault

_log = structlog.get_logger(__name__)


_Item = Row[*tuple[Any, ...]]
"""One person of a request, as it stands when a worker takes it; see `Issuing._items`."""


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
        self._expiring = Expiring(settings, clock)
        self._superseding = Superseding(clock, authority)
        self._certifying = Certifying(settings, clock, audit, vault, authority, self._superseding)
        self._reissuing = Reissuing(settings, audit, authority, self._superseding)

    def issue_items(self, keys: Sequence[str]) -> dict[str, SignerError]:
        """Every named request item has its certificate, but for those returned with the reason.

        Idempotent; raises `Unavailable` when the HSM is away, with nothing lost.
        """
        item_ids = [int(key) for key in keys]
        items = self._items(item_ids)
        failures: dict[int, SignerError] = {
            item_id: Conflict(N_("Đề nghị này không còn hiệu lực."))
            for item_id in item_ids
            if item_id not in items
        }
        first = {
            item_id: item
            for item_id, item in items.items()
            if item.item_state == "open" and item.kind == RequestKind.ISSUE
        }
        if first:
            failures |= self._issue_first(first)
        again = {i: item for i, item in items.items() if item.kind != RequestKind.ISSUE}
        if again:
            failures |= self._issue_again(again)
        failures |= self._given_up(items.keys() - failures.keys())
        self._note_failures(failures)
        return {str(item_id): error for item_id, error in failures.items()}

    def replace_key(self, person_id: int, actor: str) -> None:
        """The person's locked key is retired and a new one certified in its place.

        Asked again after a fault it goes on where it stopped. Raises `Conflict` unless the
        current key is locked, its certificate not suspended and its person at work, or it was
        being replaced.
        """
        old = db.session.execute(
            select(SigningKey, Certificate.state)
            .join(Certificate, Certificate.id == SigningKey.certificate_id)
            .where(SigningKey.person_id == person_id, SigningKey.state == "locked")
        ).first()
        if old is None:
            if not self.finish_replacement(person_id, actor):
                raise Conflict(N_("Chỉ khóa ký đang bị khóa mới cần cấp lại."))
            return
        if old.state != CertificateState.ISSUED:
            raise Conflict(SUSPENDED)
        key_id, item_id, generation = old[0].id, old[0].request_item_id, old[0].generation
        person = db.session.get_one(Person, person_id)
        if not rules()[person.state].may_sign:
            raise Conflict(NO_LONGER_AT_WORK)
        code = person.code
        release()
        fresh = self._vault.generate()
        with transaction():
            move_state(SigningKey, key_id, "locked", "retired")
            self._certifying.add_keys([(fresh, person_id, item_id, generation + 1)])
            self._audit.record(actor, "key.replaced", f"person:{code}")
        self.finish_replacement(person_id, actor)

    def finish_replacement(self, person_id: int, actor: str) -> bool:
        """The newest key of a replaced one is certified and the old certificate revoked.

        Idempotent: the second half of `replace_key`, and of a `replace_key` that was killed;
        False when there was nothing to do.
        """
        item_id = db.session.scalar(
            select(SigningKey.request_item_id).where(
                SigningKey.person_id == person_id,
                SigningKey.state == "new",
                SigningKey.generation > 1,
            )
        )
        if item_id is not None:
            holding = self._holdings([person_id])[person_id]
            if not rules()[holding.person_state].may_sign:
                raise Conflict(NO_LONGER_AT_WORK)
            for error in self._certifying.certify(
                {item_id: holding}, {item_id: holding.certificate_id}
            ).values():
                raise error
        ended = self._superseding.end(actor, [person_id])
        return item_id is not None or ended > 0

    def resume(self, actor: str = "system") -> int:
        """How many half-done issuings and replacements a crash left, all of them finished now.

        A replacement that cannot be finished is left to the clerk who asks for it again.
        """
        finished = self._authority.resume(actor)
        self._certifying.settle()
        self._reissuing.settle()
        finished += self._superseding.end(actor)
        replaced = select(SigningKey.person_id).where(
            SigningKey.state == "new", SigningKey.generation > 1
        )
        for person_id in db.session.scalars(replaced.order_by(SigningKey.person_id)).all():
            if person_id is None:  # a seal's key is never replaced, only handed over
                continue
            try:
                self.finish_replacement(person_id, actor)
            except Unavailable:
                raise
            except SignerError as error:
                _log.warning("a key's replacement waits", person=person_id, reason=error.sentence)
            else:
                finished += 1
        return finished

    def _items(self, item_ids: Sequence[int]) -> dict[int, _Item]:
        """The items that are still to be issued, or are issued already."""
        rows = db.session.execute(
            select(
                RequestItem.id.label("item_id"),
                RequestItem.state.label("item_state"),
                CertificateRequest.kind,
                Person.id.label("person_id"),
                Person.full_name,
                Person.email,
                Person.unit_path,
                Person.state.label("person_state"),
            )
            .join(Person, Person.id == RequestItem.person_id)
            .join(CertificateRequest, CertificateRequest.id == RequestItem.request_id)
            .where(
                RequestItem.id.in_(item_ids),
                RequestItem.state.in_(("open", "issued")),
                CertificateRequest.state == "approved",
            )
        )
        return {row.item_id: row for row in rows}

    def _issue_first(self, people: Mapping[int, _Item]) -> dict[int, SignerError]:
        """Keys and certificates for those who hold none that counts."""
        failures: dict[int, SignerError] = {}
        covered = self._covered([person.person_id for person in people.values()])
        for item_id, person in people.items():
            if (
                person.person_id in covered
            ):  # its key must not be retired while its certificate counts
                failures[item_id] = Conflict(COVERED)
            elif not rules()[person.person_state].may_sign:
                failures[item_id] = Conflict(NO_LONGER_AT_WORK)
            elif not person.email:
                failures[item_id] = Invalid(_NO_EMAIL)
        fit = {item_id: person for item_id, person in people.items() if item_id not in failures}
        self._certifying.make_keys({i: person.person_id for i, person in fit.items()})
        return failures | self._certifying.certify(fit, {})

    def _issue_again(self, items: Mapping[int, _Item]) -> dict[int, SignerError]:
        """Certificates in place of the present ones, which then end as the rules say.

        What an earlier try left is finished first: nobody is refused for what it did.
        """
        people = {item.person_id for item in items.values()}
        failures = self._certifying.settle(items.keys()) | self._reissuing.settle(items.keys())
        self._superseding.end("system", people)
        wanted = {
            i: item for i, item in self._items(list(items)).items() if item.item_state == "open"
        }
        holdings = self._holdings([item.person_id for item in wanted.values()])
        facts = {
            fact.holding.person_id: fact
            for fact in self._expiring.facts_of(list(holdings.values()))
        }
        begun = set(wanted) - set(self._certifying.without_key(wanted))
        for item_id, item in wanted.items():
            sentence = why_not_reissue(
                RequestKind(item.kind), facts[item.person_id], self._settings
            )
            if sentence is not None and not (item_id in begun and sentence == NOTHING_COUNTS):
                failures[item_id] = Conflict(sentence)
        fit = {item_id: item for item_id, item in wanted.items() if item_id not in failures}
        rekeyed = {i: item for i, item in fit.items() if item.kind == RequestKind.REKEY}
        if rekeyed:
            self._certifying.make_keys({i: item.person_id for i, item in rekeyed.items()})
            before = {i: holdings[item.person_id].certificate_id for i, item in rekeyed.items()}
            failures |= self._certifying.certify(rekeyed, before)
        failures |= self._reissuing.reissue(
            {
                item_id: (RequestKind(item.kind), holdings[item.person_id])
                for item_id, item in fit.items()
                if item_id not in rekeyed
            }
        )
        self._superseding.end("system", people)
        return failures

    def _holdings(self, person_ids: Sequence[int]) -> dict[int, Holding]:
        rows = db.session.execute(
            holding_rows(self._clock.now()).where(Person.id.in_(person_ids))
        ).mappings()
        return {holding.person_id: holding for holding in newest(rows)}

    def _covered(self, person_ids: Sequence[int]) -> set[int]:
        """Those who hold a key with a certificate that counts, whatever was asked for them."""
        return set(
            db.session.scalars(
                select(SigningKey.person_id)
                .join(Certificate, Certificate.id == SigningKey.certificate_id)
                .where(
                    SigningKey.person_id.in_(person_ids),
                    SigningKey.state != "retired",
                    Certificate.state.in_(COUNTING),
                    Certificate.not_after >= self._clock.now(),
                )
            )
        )

    def _given_up(self, item_ids: Collection[int]) -> dict[int, SignerError]:
        """Those still open although nothing failed: what they were to succeed was ended meanwhile,
        and their key or certificate with it."""
        still = select(RequestItem.id).where(
            RequestItem.id.in_(item_ids), RequestItem.state == "open"
        )
        return {number: Conflict(ENDED_MEANWHILE) for number in db.session.scalars(still)}

    def _note_failures(self, failures: Mapping[int, SignerError]) -> None:
        """Items keep the reason; those that no retry can help make room for another request."""
        if not failures:
            return
        with transaction():
            for item_id, error in failures.items():
                note = canonical_json({"sentence": error.sentence, "values": error.values})
                is_over = error.sentence in FINAL
                people = db.session.scalars(
                    update(RequestItem)
                    .where(RequestItem.id == item_id, RequestItem.state == "open")
                    .values(error=note, state="closed" if is_over else "open")
                    .returning(RequestItem.person_id)
                )
                changed("person", people)


_NO_EMAIL = N_("Chưa có thư điện tử công vụ; hãy bổ sung rồi làm lại phần chưa thành công.")
