"""The PIN: one counted try at a time, and a count that cannot be put back unnoticed."""

import json
import threading
from collections.abc import Callable, Collection
from itertools import pairwise

from sqlalchemy import case, select, update

from signer.audit import Audit
from signer.audit.models import AuditEvent
from signer.clock import Clock
from signer.db import db, release, transaction
from signer.errors import N_, Conflict, Invalid, SignerError
from signer.issuance import keys
from signer.signing.envelopes import Envelopes, Opened, WrongFactor
from signer.signing.models import KeyEnvelope, KeyGuard

PIN_LENGTHS = range(6, 33)
_LOCKS = 64  # keys that share one wait for each other some milliseconds


def sealed_among(key_ids: Collection[int]) -> set[int]:
    """Those of the keys that lie in an envelope; it is not opened, nobody but its owner can."""
    held = select(KeyEnvelope.signing_key_id).where(
        KeyEnvelope.signing_key_id.in_(key_ids), KeyEnvelope.retired_at.is_(None)
    )
    return set(db.session.scalars(held))


class Activations:
    """Seals keys under PINs and opens them again, one counted try at a time."""

    def __init__(self, clock: Clock, audit: Audit, envelopes: Envelopes, attempts: int) -> None:
        self._clock = clock
        self._audit = audit
        self._envelopes = envelopes
        self._attempts = attempts
        # Tries under way together would look like wrong ones, and lock a key whose PIN is right.
        self._one_at_a_time = [threading.Lock() for _ in range(_LOCKS)]

    def seal(self, wrapped: bytes, pin: str, key_id: int) -> tuple[bytes, bytes]:
        """(salt, envelope) of the wrapped key under the PIN; asks the HSM, stores nothing."""
        check_pin(pin)
        return self._envelopes.seal_pin(wrapped, pin, key_id)

    def store(self, key_id: int, salt: bytes, envelope: bytes) -> None:
        """The envelope is stored with all its tries; inside the caller's transaction."""
        db.session.add(
            KeyEnvelope(
                signing_key_id=key_id,
                factor="pin",
                salt=salt,
                envelope=envelope,
                created_at=self._clock.now(),
            )
        )
        db.session.add(KeyGuard(signing_key_id=key_id, attempts_left=self._attempts))

    def open(
        self,
        key_id: int,
        pin: str,
        actor: str,
        in_same_commit: Callable[[Opened], None] = lambda opened: None,
    ) -> Opened:
        """What lies under the PIN; `Invalid` for a wrong one with the tries left.

        `Conflict` when the key is locked. The try is counted and committed before the PIN is
        looked at, so that killing the process never gives a free guess; it is given back in one
        commit with `in_same_commit(opened)`, or when the HSM fails. A process looks at one try a
        key at a time.
        """
        with self._one_at_a_time[key_id % _LOCKS]:
            return self._open(key_id, pin, actor, in_same_commit)

    def _open(
        self, key_id: int, pin: str, actor: str, in_same_commit: Callable[[Opened], None]
    ) -> Opened:
        self._count_try(key_id)
        salt, envelope, left = db.session.execute(
            select(KeyEnvelope.salt, KeyEnvelope.envelope, KeyGuard.attempts_left)
            .join(KeyGuard, KeyGuard.signing_key_id == KeyEnvelope.signing_key_id)
            .where(
                KeyEnvelope.signing_key_id == key_id,
                KeyEnvelope.factor == "pin",
                KeyEnvelope.retired_at.is_(None),
            )
        ).one()
        release()
        try:
            opened = self._envelopes.open_pin(salt, envelope, pin, key_id)
        except SignerError:  # the PIN was not looked at
            self._give_back(key_id)
            raise
        except WrongFactor as error:
            self._note_wrong_pin(key_id, left, actor)
            raise Invalid(
                N_("Mã PIN không đúng. Bạn còn %(left)d lần thử."), field="pin", left=left
            ) from error
        try:
            with transaction():
                _set_tries(key_id, self._attempts)
                if left < self._attempts - 1:
                    self._audit.record(actor, "pin.accepted", f"key:{key_id}")
                in_same_commit(opened)
        except BaseException:  # the PIN was right; what was wanted with it came to nothing
            self._give_back(key_id)
            raise
        return opened

    def attempts_left(self, key_id: int) -> int:
        """How many wrong PINs the key still forgives."""
        guard = db.session.get(KeyGuard, key_id, populate_existing=True)
        return guard.attempts_left if guard else 0

    def _count_try(self, key_id: int) -> None:
        with transaction():
            left = db.session.scalar(
                update(KeyGuard)
                .where(KeyGuard.signing_key_id == key_id, KeyGuard.attempts_left > 0)
                .values(attempts_left=KeyGuard.attempts_left - 1)
                .returning(KeyGuard.attempts_left)
                .execution_options(synchronize_session=False)
            )
            is_put_back = left is not None and left >= self._allowed(key_id)
            if left is not None and is_put_back:
                # Only who writes to the database past us can do that: no PIN is looked at again.
                self._audit.record("system", "pin.count_put_back", f"key:{key_id}", left=left + 1)
                keys.mark_locked(key_id)
        if is_put_back:
            raise Conflict(
                N_(
                    "Số lần thử mã PIN đã bị sửa trái phép nên khóa ký bị khóa. "
                    "Hãy liên hệ cán bộ đầu mối."
                )
            )
        if left is None:
            self._lock(key_id, "system")
            raise locked()

    def _allowed(self, key_id: int) -> int:
        """How many tries there can be at most: all of them less the wrong ones on record."""
        wrong = 0
        for event in db.session.execute(
            select(AuditEvent.action, AuditEvent.details)
            .where(
                AuditEvent.subject == f"key:{key_id}",
                AuditEvent.action.in_(("pin.wrong", "pin.accepted")),
            )
            .order_by(AuditEvent.seq.desc())
            .limit(self._attempts)
        ):
            # Older releases recorded no right PIN, and said no `of` with a wrong one.
            if event.action != "pin.wrong" or "of" not in json.loads(event.details):
                break
            wrong += 1
        return self._attempts - wrong

    def _note_wrong_pin(self, key_id: int, left: int, actor: str) -> None:
        with transaction():
            # Another process may have given its own try back meanwhile.
            _set_tries(
                key_id, case((KeyGuard.attempts_left > left, left), else_=KeyGuard.attempts_left)
            )
            self._audit.record(actor, "pin.wrong", f"key:{key_id}", left=left, of=self._attempts)
        if not left:
            self._lock(key_id, actor)
            raise locked()

    def _lock(self, key_id: int, actor: str) -> None:
        with transaction():
            if keys.mark_locked(key_id):
                self._audit.record(actor, "key.locked", f"key:{key_id}")

    def _give_back(self, key_id: int) -> None:
        with transaction():
            most = self._allowed(key_id)
            up = KeyGuard.attempts_left + 1
            _set_tries(key_id, case((up > most, most), else_=up))


def _set_tries(key_id: int, value: object) -> None:
    db.session.execute(
        update(KeyGuard)
        .where(KeyGuard.signing_key_id == key_id)
        .values(attempts_left=value)
        .execution_options(synchronize_session=False)
    )


def check_pin(pin: str) -> None:
    """Raises `Invalid` for a PIN of the wrong length or one that everybody tries first."""
    if len(pin) not in PIN_LENGTHS:
        raise Invalid(N_("Mã PIN phải có từ 6 đến 32 ký tự."), field="pin")
    steps = {ord(b) - ord(a) for a, b in pairwise(pin)}
    if steps in ({0}, {1}, {-1}):
        raise Invalid(
            N_("Mã PIN quá dễ đoán; đừng dùng một ký tự lặp lại hoặc dãy liên tiếp."), field="pin"
        )


def locked() -> Conflict:
    """What a locked key answers to every PIN, the right one too."""
    return Conflict(
        N_("Khóa ký đã bị khóa do nhập sai mã PIN quá nhiều lần. Hãy liên hệ cán bộ đầu mối.")
    )
