"""Passkeys: a second envelope of the same key, opened by an authenticator's PRF (WebAuthn level 3).

The authenticator signs the hash of the list of documents, so that anybody can check later that
this person approved them; its PRF output opens the envelope, hardened in the HSM as a PIN is.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import webauthn
from sqlalchemy import select, update
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from signer.clock import Clock
from signer.config import Settings
from signer.db import LOST_RACE, db, release
from signer.errors import N_, Conflict, Forbidden, Invalid, NotFound
from signer.pkcs11.vault import Vault
from signer.signing.envelopes import Envelopes, Opened, WrongFactor
from signer.signing.models import KeyEnvelope

_PRF_BYTES = 32
_LABEL_LETTERS = 100
_MOST = 10
_REFUSED = N_("Khóa truy cập (passkey) không được chấp nhận. Hãy thử lại hoặc dùng mã PIN.")
_NO_PRF = N_(
    "Thiết bị này không hỗ trợ mở khóa ký bằng khóa truy cập (passkey); hãy dùng thiết bị khác."
)


@dataclass(frozen=True, kw_only=True)
class PasskeyView:
    """One passkey of the own key, as its owner sees it."""

    id: int
    label: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class NewPasskey:
    """What a new authenticator said, checked; not stored yet."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    output: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Asserted:
    """An envelope opened by an assertion over a list, and the assertion for whoever checks it."""

    opened: Opened
    envelope_id: int
    sign_count: int
    new_sign_count: int
    evidence: Mapping[str, object]

    def use(self) -> None:
        """The count goes on, in the caller's transaction; `Conflict` after a faster use."""
        result: Any = db.session.execute(
            update(KeyEnvelope)
            .where(
                KeyEnvelope.id == self.envelope_id,
                KeyEnvelope.sign_count == self.sign_count,
                KeyEnvelope.retired_at.is_(None),
            )
            .values(sign_count=self.new_sign_count)
        )
        if result.rowcount != 1:
            raise Conflict(LOST_RACE)


class Passkeys:
    """Makes the options, judges the answers, keeps the envelopes."""

    def __init__(
        self, settings: Settings, clock: Clock, envelopes: Envelopes, vault: Vault
    ) -> None:
        address = urlsplit(settings.base_url)
        self._origin = f"{address.scheme}://{address.netloc}"
        self._host = settings.passkey_host or address.hostname or ""
        self._minutes = settings.activation_minutes
        self._name = settings.organisation
        self._clock = clock
        self._envelopes = envelopes
        self._vault = vault

    def of_key(self, key_id: int) -> tuple[PasskeyView, ...]:
        """The passkeys that open the key, the oldest first."""
        return tuple(
            PasskeyView(id=row.id, label=row.label or "", created_at=row.created_at)
            for row in self._rows(key_id)
        )

    def creation_options(self, key_id: int, name: str, display_name: str) -> dict[str, Any]:
        """PublicKeyCredentialCreationOptionsJSON; the challenge holds for some minutes."""
        rows = self._rows(key_id)
        if len(rows) >= _MOST:
            raise Conflict(N_("Bạn đã có 10 khóa truy cập; hãy gỡ bớt trước khi thêm."))
        known = [PublicKeyCredentialDescriptor(id=row.credential_id or b"") for row in rows]
        release()
        options = webauthn.generate_registration_options(
            rp_id=self._host,
            rp_name=self._name,
            user_id=hashlib.sha256(f"signer-key-{key_id}".encode()).digest(),
            user_name=name,
            user_display_name=display_name,
            challenge=self._challenges(key_id)[0],
            exclude_credentials=known,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
        )
        return _as_json(options) | {"extensions": _prf_input(key_id)}

    def checked(self, key_id: int, response: Mapping[str, Any]) -> NewPasskey:
        """What the new authenticator said; `Invalid` when it is no answer to our options."""
        output = _prf_output(response)
        release()
        for challenge in self._challenges(key_id):
            try:
                found = webauthn.verify_registration_response(
                    credential=_without_results(response),
                    expected_challenge=challenge,
                    expected_rp_id=self._host,
                    expected_origin=self._origin,
                    require_user_verification=True,
                )
            except WebAuthnException as error:
                refused = error
                continue
            return NewPasskey(
                credential_id=found.credential_id,
                public_key=found.credential_public_key,
                sign_count=found.sign_count,
                output=output,
            )
        raise Invalid(_REFUSED) from refused

    def seal(self, wrapped: bytes, new: NewPasskey, key_id: int) -> tuple[bytes, bytes]:
        """(salt, envelope) of the wrapped key under the passkey; asks the HSM, stores nothing."""
        return self._envelopes.seal_prf(wrapped, new.output, key_id)

    def store(self, key_id: int, new: NewPasskey, sealed: tuple[bytes, bytes], label: str) -> None:
        """The passkey opens the key from now on; inside the caller's transaction."""
        taken = select(KeyEnvelope.id).where(KeyEnvelope.credential_id == new.credential_id)
        if db.session.scalar(taken) is not None:
            raise Conflict(N_("Khóa truy cập này đã được thêm rồi."))
        db.session.add(
            KeyEnvelope(
                signing_key_id=key_id,
                factor="passkey",
                salt=sealed[0],
                envelope=sealed[1],
                credential_id=new.credential_id,
                credential_public_key=new.public_key,
                sign_count=new.sign_count,
                label=checked_label(label),
                created_at=self._clock.now(),
            )
        )

    def retire(self, key_id: int, passkey_id: int) -> None:
        """The passkey's envelope is emptied and retired; in the caller's transaction."""
        result: Any = db.session.execute(
            update(KeyEnvelope)
            .where(
                KeyEnvelope.id == passkey_id,
                KeyEnvelope.signing_key_id == key_id,
                KeyEnvelope.factor == "passkey",
                KeyEnvelope.retired_at.is_(None),
            )
            .values(retired_at=self._clock.now(), envelope=b"")
        )
        if result.rowcount != 1:
            raise NotFound(N_("Không tìm thấy khóa truy cập này."))

    def request_options(self, key_id: int, challenge: bytes) -> dict[str, Any] | None:
        """PublicKeyCredentialRequestOptionsJSON over the challenge; None without a passkey."""
        rows = self._rows(key_id)
        if not rows:
            return None
        options = webauthn.generate_authentication_options(
            rp_id=self._host,
            challenge=challenge,
            timeout=self._minutes * 60_000,
            allow_credentials=[
                PublicKeyCredentialDescriptor(id=row.credential_id or b"") for row in rows
            ],
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return _as_json(options) | {"extensions": _prf_input(key_id)}

    def asserted(self, key_id: int, challenge: bytes, response: Mapping[str, Any]) -> Asserted:
        """The key's envelope opened by an assertion over the challenge; `Forbidden` otherwise."""
        output = _prf_output(response)
        credential_id = _octets(response.get("rawId"))
        row = next((one for one in self._rows(key_id) if one.credential_id == credential_id), None)
        if row is None or row.sign_count is None:
            raise Forbidden(_REFUSED)
        envelope_id, count, public_key = row.id, row.sign_count, row.credential_public_key or b""
        salt, envelope = row.salt, row.envelope
        release()
        assertion = _without_results(response)
        try:
            found = webauthn.verify_authentication_response(
                credential=assertion,
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                credential_public_key=public_key,
                credential_current_sign_count=count,
                require_user_verification=True,
            )
            opened = self._envelopes.open_prf(salt, envelope, output, key_id)
        except (WebAuthnException, WrongFactor) as error:
            raise Forbidden(_REFUSED) from error
        said = {
            "credential_id": bytes_to_base64url(credential_id),
            "credential_public_key": bytes_to_base64url(public_key),
            **{
                name: str(assertion["response"].get(name, ""))
                for name in ("clientDataJSON", "authenticatorData", "signature")
            },
        }
        return Asserted(
            opened=opened,
            envelope_id=envelope_id,
            sign_count=count,
            new_sign_count=found.new_sign_count,
            evidence=said,
        )

    def _rows(self, key_id: int) -> list[KeyEnvelope]:
        return list(
            db.session.scalars(
                select(KeyEnvelope)
                .where(
                    KeyEnvelope.signing_key_id == key_id,
                    KeyEnvelope.factor == "passkey",
                    KeyEnvelope.retired_at.is_(None),
                )
                .order_by(KeyEnvelope.id)
                .execution_options(populate_existing=True)
            )
        )

    def _challenges(self, key_id: int) -> tuple[bytes, bytes]:
        """For a new passkey: of this spell of minutes, and of the one before. Nothing is stored."""
        spell = int(self._clock.now().timestamp()) // (self._minutes * 60)
        return tuple(  # type: ignore[return-value]  # two of them
            self._vault.harden(f"signer new passkey v1 {key_id} {number}".encode())
            for number in (spell, spell - 1)
        )


def checked_label(label: str) -> str:
    """The name its owner gives a passkey; `Invalid` when there is none."""
    label = "".join(letter for letter in label if letter.isprintable()).strip()
    if not label or len(label) > _LABEL_LETTERS:
        raise Invalid(N_("Hãy đặt tên cho khóa truy cập, không quá 100 ký tự."), field="label")
    return label


def _prf_input(key_id: int) -> dict[str, Any]:
    """WebAuthn level 3, 10.1.4: the same input whenever this key is to be opened."""
    first = hashlib.sha256(f"signer key envelope {key_id}".encode()).digest()
    return {"prf": {"eval": {"first": bytes_to_base64url(first)}}}


def _prf_output(response: Mapping[str, Any]) -> bytes:
    try:
        output = _octets(response["clientExtensionResults"]["prf"]["results"]["first"])
    except (KeyError, TypeError) as error:
        raise Invalid(_NO_PRF) from error
    if len(output) != _PRF_BYTES:
        raise Invalid(_NO_PRF)
    return output


def _without_results(response: Mapping[str, Any]) -> dict[str, Any]:
    """The answer without the PRF's secret: nothing of it may reach a log or the evidence."""
    kept = {name: value for name, value in response.items() if name != "clientExtensionResults"}
    return kept if isinstance(kept.get("response"), dict) else kept | {"response": {}}


def _octets(text: object) -> bytes:
    try:
        return base64url_to_bytes(text) if isinstance(text, str) else b""
    except ValueError:
        return b""


def _as_json(options: Any) -> dict[str, Any]:  # either of the library's two kinds of options
    told: dict[str, Any] = json.loads(webauthn.options_to_json(options))
    return told
