"""An approval: one exact list of documents, offered, approved with one factor, used once.

The row, the record and what the factor leaves behind say the same list: whoever changes one of
them afterwards signs nothing and proves nothing.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import undefer

from signer.audit import Audit
from signer.clock import Clock
from signer.config import Settings
from signer.db import canonical_json, db, move_state, transaction
from signer.errors import N_, Conflict, Forbidden, Invalid, NotFound
from signer.issuance.keys import CurrentKey
from signer.signing.activation import Activations
from signer.signing.envelopes import Opened
from signer.signing.geometry import Box
from signer.signing.looks import Look
from signer.signing.models import Activation
from signer.signing.passkeys import Passkeys


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a signature goes: an empty field of the document, or a box on a page (from 1)."""

    page: int
    box: Box | None
    field_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Wish:
    """One signature of the list; `intent` names the act, such as `step-17`."""

    intent: str
    input_sha256: str
    place: Place
    document_id: int | None = None
    unseen: bool = False
    """Its owner signs it expressly without having had it on the screen."""
    look: Look | None = None
    """None for an official's own signature."""

    def to_json(self) -> dict[str, object]:
        """Plain JSON values, which the list's hash is over."""
        box = self.place.box
        look = {} if self.look is None else {"look": self.look.to_json()}
        return look | {
            "intent": self.intent,
            "sha256": self.input_sha256,
            "page": self.place.page,
            "box": None if box is None else box.to_json(),
            "field": self.place.field_name,
            "document": self.document_id,
            "unseen": self.unseen,
        }


@dataclass(frozen=True, kw_only=True)
class PinFactor:
    """The PIN as it was typed."""

    pin: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class PasskeyFactor:
    """What the authenticator answered to the offer's options, as JSON values."""

    response: Mapping[str, Any] = field(repr=False)


Factor = PinFactor | PasskeyFactor


@dataclass(frozen=True, kw_only=True)
class Approval:
    """The list as it was offered; `state` is open, used or void."""

    id: int
    key_id: int
    list_sha256: str
    wishes: tuple[Wish, ...]
    state: str
    expires_at: datetime

    @property
    def challenge(self) -> bytes:
        """What a passkey signs: the hash of the list."""
        return bytes.fromhex(self.list_sha256)


class Approvals:
    """Offers lists and takes their approval; knows nothing of what a signature is."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        audit: Audit,
        activations: Activations,
        passkeys: Passkeys,
    ) -> None:
        self._limit = settings.batch_limit
        self._minutes = timedelta(minutes=settings.activation_minutes)
        self._clock = clock
        self._audit = audit
        self._activations = activations
        self._passkeys = passkeys

    def require_length(self, documents: int) -> None:
        """`Invalid` for a list of none or of too many; to be asked before any of it is read."""
        if not 1 <= documents <= self._limit:
            raise Invalid(
                N_("Mỗi lần ký được từ 1 đến %(limit)d tài liệu."),
                field="documents",
                limit=self._limit,
            )

    def offer(self, key: CurrentKey, actor_name: str, wishes: Sequence[Wish]) -> Approval:
        """The list waits some minutes for its owner's factor; one transaction of its own."""
        self.require_length(len(wishes))
        if len({wish.intent for wish in wishes}) != len(wishes):
            raise Invalid(N_("Danh sách ký có tài liệu bị lặp lại."), field="documents")
        now = self._clock.now()
        listed = canonical_json(
            {
                "nonce": secrets.token_hex(16),  # two offers of the same documents are two lists
                "person": key.person_id,
                "key": key.id,
                "serial": key.serial_hex,
                "expires_at": (now + self._minutes).isoformat(),
                "documents": [wish.to_json() for wish in wishes],
            }
        )
        row = Activation(
            signing_key_id=key.id,
            person_id=key.person_id,
            list_sha256=_sha256(listed),
            documents=listed,
            state="open",
            created_at=now,
            expires_at=now + self._minutes,
        )
        with transaction():
            db.session.add(row)
            db.session.flush()
            self._audit.record(
                actor_name,
                "activation.offered",
                f"activation:{row.id}",
                list=row.list_sha256,
                documents=len(wishes),
            )
        return _approval(row)

    def read(self, person_id: int, activation_id: int) -> Approval:
        """The person's own list as it was offered; `NotFound` for anybody else's.

        `Conflict` when the row is no longer what the record says it was.
        """
        row = db.session.get(
            Activation,
            activation_id,
            options=[undefer(Activation.documents)],
            populate_existing=True,
        )
        if row is None or row.person_id != person_id:
            raise NotFound(N_("Không tìm thấy lần phê duyệt ký này; hãy chọn lại tài liệu."))
        approval = _approval(row)
        if not self._is_as_offered(row):
            self._refuse(approval)
        return approval

    def use(
        self,
        approval: Approval,
        key: CurrentKey,
        factor: Factor,
        actor_name: str,
        in_same_commit: Callable[[], None],
    ) -> Opened:
        """The key's envelope, opened by a factor that approves this list; now the list is used.

        What the factor left behind is stored in the same commit. `Conflict` when the list was
        used, has run out or belongs to another key.
        """
        if approval.state != "open":
            raise Conflict(_USED)
        if self._clock.now() >= approval.expires_at:
            raise Conflict(N_("Đã quá thời hạn phê duyệt; hãy chọn lại tài liệu rồi ký."))
        if approval.key_id != key.id:
            raise Conflict(N_("Khóa ký đã được thay từ lúc chọn tài liệu; hãy chọn lại tài liệu."))
        if isinstance(factor, PinFactor):
            return self._activations.open(
                key.id,
                factor.pin,
                actor_name,
                lambda opened: self._note(
                    approval,
                    "pin",
                    {"proof": opened.proof(approval.list_sha256)},
                    actor_name,
                    in_same_commit,
                ),
            )
        try:
            asserted = self._passkeys.asserted(key.id, approval.challenge, factor.response)
        except Forbidden:
            self._audit.alone(
                actor_name, "passkey.refused", f"activation:{approval.id}", key=key.id
            )
            raise
        with transaction():
            asserted.use()
            self._note(approval, "passkey", asserted.evidence, actor_name, in_same_commit)
        return asserted.opened

    def _note(
        self,
        approval: Approval,
        factor: str,
        evidence: Mapping[str, object],
        actor_name: str,
        in_same_commit: Callable[[], None],
    ) -> None:
        move_state(
            Activation,
            approval.id,
            "open",
            "used",
            factor=factor,
            used_at=self._clock.now(),
            evidence=canonical_json(evidence),
        )
        self._audit.record(
            actor_name,
            "activation.used",
            f"activation:{approval.id}",
            list=approval.list_sha256,
            factor=factor,
            key=approval.key_id,
        )
        in_same_commit()

    def _is_as_offered(self, row: Activation) -> bool:
        told = json.loads(row.documents)
        offered = [
            event
            for event in self._audit.events(subject=f"activation:{row.id}")
            if event.action == "activation.offered"
        ]
        return (
            _sha256(row.documents) == row.list_sha256
            and (told["person"], told["key"]) == (row.person_id, row.signing_key_id)
            and told["expires_at"] == row.expires_at.isoformat()
            and [json.loads(event.details)["list"] for event in offered] == [row.list_sha256]
        )

    def _refuse(self, approval: Approval) -> None:
        with transaction():
            self._audit.record("system", "activation.altered", f"activation:{approval.id}")
            if approval.state == "open":
                move_state(Activation, approval.id, "open", "void")
        raise Conflict(N_("Danh sách phê duyệt đã bị sửa sau khi lập nên không được dùng để ký."))


_USED = N_("Lần phê duyệt này đã được dùng; hãy chọn lại tài liệu rồi ký.")


def _approval(row: Activation) -> Approval:
    return Approval(
        id=row.id,
        key_id=row.signing_key_id,
        list_sha256=row.list_sha256,
        wishes=tuple(_wish(told) for told in json.loads(row.documents)["documents"]),
        state=row.state,
        expires_at=row.expires_at,
    )


def _wish(told: Mapping[str, Any]) -> Wish:
    box = told["box"]
    return Wish(
        intent=told["intent"],
        input_sha256=told["sha256"],
        place=Place(
            page=told["page"],
            box=None if box is None else Box(x0=box[0], y0=box[1], x1=box[2], y1=box[3]),
            field_name=told["field"],
        ),
        document_id=told["document"],
        unseen=told["unseen"],
        look=Look.from_json(told["look"]) if "look" in told else None,
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
