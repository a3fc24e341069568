"""The keys that an official holds: the own one and those of seals, their PIN and passkeys."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from signer.accounts import Actor
from signer.audit import Audit
from signer.ca.authority import Authority
from signer.clock import Clock
from signer.db import db, release, transaction
from signer.errors import N_, NotFound
from signer.inventory.models import OrgUnit, Person
from signer.inventory.service import Inventory
from signer.issuance import keys
from signer.issuance.keys import CurrentKey
from signer.signing.activation import Activations
from signer.signing.passkeys import Passkeys, PasskeyView, checked_label
from signer.signing.usable import require_may_sign, usable_key, usable_seal


@dataclass(frozen=True, kw_only=True)
class KeyState:
    """What an official sees of the own signature, or of a seal: then `unit_id` is the seal's body.

    `state` is none, ready, active or locked.
    """

    person_id: int
    person_code: str
    person_name: str
    unit_name: str
    state: str
    serial_hex: str | None
    not_after: datetime | None
    attempts_left: int
    unit_id: int | None = None
    unit_code: str = ""


class OwnKeys:
    """The part of `Signing` that readies keys for their owners and keepers."""

    def __init__(
        self,
        clock: Clock,
        audit: Audit,
        inventory: Inventory,
        authority: Authority,
        activations: Activations,
        passkeys: Passkeys,
    ) -> None:
        self._clock = clock
        self._audit = audit
        self._inventory = inventory
        self._authority = authority
        self._activations = activations
        self._passkeys = passkeys

    def key_of(self, actor: Actor) -> KeyState:
        """The state of the actor's own key; `NotFound` when the account belongs to nobody."""
        return self.key_of_person(self.person_of(actor))

    def key_of_person(self, person: Person) -> KeyState:
        """The state of this person's key."""
        return self._state_of(person, keys.find_current_key(person.id))

    def seal_states(self, actor: Actor) -> tuple[KeyState, ...]:
        """The state of each seal that the actor keeps."""
        person = self.person_of(actor)
        found = (keys.find_seal_key(unit_id) for unit_id in keys.units_kept_by(person.id))
        return tuple(self._state_of(person, key) for key in found if key is not None)

    def seal_state(self, actor: Actor, unit_id: int) -> KeyState:
        """The state of the seal of this body; `NotFound` when the actor does not keep it."""
        for state in self.seal_states(actor):
            if state.unit_id == unit_id:
                return state
        raise NotFound(N_("Bạn không giữ con dấu số của cơ quan này."))

    def _state_of(self, person: Person, key: CurrentKey | None) -> KeyState:
        usable = key is not None and key.certificate_state == "issued"
        unit_id = key.unit_id if key is not None else None
        unit = db.session.get(OrgUnit, unit_id or person.unit_id)
        return KeyState(
            person_id=person.id,
            person_code=person.code,
            person_name=person.full_name,
            unit_name=unit.name if unit is not None else "",
            unit_id=unit_id,
            unit_code=unit.code if unit is not None else "",
            state=key.state if key is not None and usable else "none",
            serial_hex=key.serial_hex if key is not None else None,
            not_after=key.not_after if key is not None else None,
            attempts_left=self._activations.attempts_left(key.id) if key is not None else 0,
        )

    def activate(self, actor: Actor, pin: str) -> None:
        """The actor's key is sealed under the PIN and can sign from now on."""
        self.activate_person(self.person_of(actor), pin, actor.name)

    def activate_person(self, person: Person, pin: str, actor_name: str) -> None:
        """As `activate`, for the person; `NotFound` without a key that waits for activation.

        `Forbidden` for whoever may not sign in the present state of service (R11).
        """
        require_may_sign(person)
        subject = f"person:{person.code}"
        self._activate(keys.find_current_key(person.id), pin, actor_name, subject)

    def activate_seal(self, actor: Actor, unit_id: int, pin: str) -> None:
        """The body's seal is sealed under its keeper's PIN, which is another than the own one's."""
        person = self.person_of(actor)
        require_may_sign(person)
        key = keys.find_seal_key(unit_id)
        mine = key if key is not None and key.person_id == person.id else None
        self._activate_seal(mine, pin, actor.name)

    def activate_seal_of(self, unit_id: int, pin: str, actor_name: str) -> None:
        """As `activate_seal`, for whoever keeps the body's seal: at the server's own console."""
        key = keys.find_seal_key(unit_id)
        if key is not None:
            require_may_sign(db.session.get_one(Person, key.person_id))
        self._activate_seal(key, pin, actor_name)

    def _activate_seal(self, key: CurrentKey | None, pin: str, actor_name: str) -> None:
        self._activate(key, pin, actor_name, f"seal:{key.seal_id if key else ''}")

    def _activate(self, key: CurrentKey | None, pin: str, actor_name: str, subject: str) -> None:
        if key is None or key.state != "ready":
            raise NotFound(N_("Không có khóa ký nào đang chờ kích hoạt."))
        wrapped = keys.wrapped_of(key.id)
        release()
        salt, envelope = self._activations.seal(wrapped, pin, key.id)
        with transaction():
            keys.mark_active(key.id)
            self._activations.store(key.id, salt, envelope)
            self._audit.record(actor_name, "key.activated", subject, serial=key.serial_hex)

    def passkeys_of(self, actor: Actor, unit_id: int | None = None) -> tuple[PasskeyView, ...]:
        """The passkeys that open the actor's own key, or the seal of the body."""
        key = self._kept_key(actor, unit_id)
        return self._passkeys.of_key(key.id) if key is not None else ()

    def _kept_key(self, actor: Actor, unit_id: int | None) -> CurrentKey | None:
        person = self.person_of(actor)
        if unit_id is None:
            return keys.find_current_key(person.id)
        key = keys.find_seal_key(unit_id)
        return key if key is not None and key.person_id == person.id else None

    def usable(self, person: Person, unit_id: int | None) -> CurrentKey:
        """The person's own key, or that of the body's seal; refused by name if it may not sign."""
        now = self._clock.now()
        if unit_id is None:
            return usable_key(self._authority, person, now)
        return usable_seal(self._authority, person, unit_id, now)

    def passkey_options(self, actor: Actor, unit_id: int | None = None) -> dict[str, Any]:
        """What a new passkey of the key is asked for: WebAuthn's creation options as JSON."""
        person = self.person_of(actor)
        key = self.usable(person, unit_id)
        return self._passkeys.creation_options(key.id, actor.name, person.full_name)

    def add_passkey(
        self,
        actor: Actor,
        pin: str,
        response: dict[str, Any],
        label: str,
        unit_id: int | None = None,
    ) -> None:
        """The passkey opens the key from now on, beside the PIN, which proves whose it is."""
        key = self.usable(self.person_of(actor), unit_id)
        checked_label(label)
        new = self._passkeys.checked(key.id, response)
        opened = self._activations.open(key.id, pin, actor.name)
        sealed = self._passkeys.seal(opened.wrapped, new, key.id)
        with transaction():
            self._passkeys.store(key.id, new, sealed, label)
            self._audit.record(actor.name, "passkey.added", f"key:{key.id}", label=label)

    def remove_passkey(self, actor: Actor, passkey_id: int, unit_id: int | None = None) -> None:
        """The passkey opens nothing any more; the PIN still does."""
        key = self._kept_key(actor, unit_id)
        if key is None:
            raise NotFound(N_("Không tìm thấy khóa truy cập này."))
        with transaction():
            self._passkeys.retire(key.id, passkey_id)
            self._audit.record(actor.name, "passkey.removed", f"key:{key.id}", passkey=passkey_id)

    def person_of(self, actor: Actor) -> Person:
        """Whose account it is; `NotFound` when it belongs to nobody on the list."""
        person = (
            self._inventory.person_of_account(actor.account_id)
            if actor.account_id is not None
            else None
        )
        if person is None:
            raise NotFound(N_("Tài khoản này chưa gắn với cán bộ nào trong danh sách."))
        return person


def unit_name(unit_id: int | None) -> str:
    """What the unit is called; nothing for none."""
    return db.session.scalar(select(OrgUnit.name).where(OrgUnit.id == unit_id)) or ""
