"""An authenticator of the tests' own: it speaks WebAuthn, has a PRF, and cheats when told to."""

import hashlib
import hmac
import json
import secrets
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

ORIGIN = "http://localhost:8080"
_USER_PRESENT, _USER_VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


class Authenticator:
    """One credential; its PRF is HMAC under a secret that never leaves it."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(32)
        self.count = 0
        self._secret = secrets.token_bytes(32)

    def created(self, options: dict[str, Any], **changed: Any) -> dict[str, Any]:
        """What it answers to creation options."""
        point = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)}
        attested = bytes(16) + len(self.id).to_bytes(2) + self.id + cbor2.dumps(cose)
        flags = _USER_PRESENT | _USER_VERIFIED | _ATTESTED
        data = self._data(options["rp"]["id"], changed.pop("flags", flags)) + attested
        return self._answer(
            options,
            "webauthn.create",
            {
                "attestationObject": bytes_to_base64url(
                    cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
                )
            },
            **changed,
        )

    def asserted(self, options: dict[str, Any], **changed: Any) -> dict[str, Any]:
        """What it answers to request options; `changed` is what a cheat replaces."""
        self.count += 1
        flags = changed.pop("flags", _USER_PRESENT | _USER_VERIFIED)
        data = self._data(changed.pop("rp_id", options["rpId"]), flags, changed.pop("count", None))
        answer = self._answer(options, "webauthn.get", {}, **changed)
        client = base64url_to_bytes(answer["response"]["clientDataJSON"])
        signed = data + hashlib.sha256(client).digest()
        answer["response"]["authenticatorData"] = bytes_to_base64url(data)
        answer["response"]["signature"] = bytes_to_base64url(
            self.key.sign(signed, ec.ECDSA(SHA256()))
        )
        return answer

    def _data(self, rp_id: str, flags: int, count: int | None = None) -> bytes:
        number = self.count if count is None else count
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + number.to_bytes(4)

    def _answer(
        self,
        options: dict[str, Any],
        kind: str,
        response: dict[str, Any],
        *,
        challenge: str | None = None,
        origin: str = ORIGIN,
        output: bytes | None = None,
        id: bytes | None = None,
    ) -> dict[str, Any]:
        client = {
            "type": kind,
            "challenge": challenge or options["challenge"],
            "origin": origin,
            "crossOrigin": False,
        }
        asked = base64url_to_bytes(options["extensions"]["prf"]["eval"]["first"])
        result = hmac.digest(self._secret, asked, "sha256") if output is None else output
        named = bytes_to_base64url(id or self.id)
        return {
            "id": named,
            "rawId": named,
            "type": "public-key",
            "response": response
            | {"clientDataJSON": bytes_to_base64url(json.dumps(client).encode())},
            "clientExtensionResults": {"prf": {"results": {"first": bytes_to_base64url(result)}}},
        }
