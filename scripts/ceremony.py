#!/usr/bin/env python3
"""The key ceremony: root and issuing CA on two tokens, their certificates below SIGNER_HOME/pki.

    .venv/bin/python scripts/ceremony.py

Safe to hold again: what exists is kept, a root CRL that runs out is renewed, and what was made is
entered in pki/transcript.txt with its SHA-256. The root's token (signer-root, root.pin) is needed
by nothing else: move both to a safe place afterwards and bring them back to renew.
"""

import sys

from signer.ca import ensure_hierarchy, load_profiles
from signer.clock import Clock
from signer.config import load_settings
from signer.errors import SignerError
from signer.pkcs11 import Hsm, Vault, configure_softhsm, ensure_ca_key, ensure_token

ROOT_TOKEN, ROOT_KEY, ROOT_PIN_FILE = "signer-root", "root-ca", "root.pin"


def main() -> int:
    """Holds the ceremony and prints what was made."""
    settings = load_settings()
    profiles = load_profiles()
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    configure_softhsm(settings.home)
    module = settings.pkcs11_module
    tokens = []
    for label, pin_file in (
        (ROOT_TOKEN, settings.home / ROOT_PIN_FILE),
        (settings.token_label, settings.below_home(settings.token_pin_file)),
    ):
        ensure_token(module, label, pin_file)
        tokens.append(Hsm(module, label, pin_file))
    root, issuing = tokens
    Vault(issuing).prepare()
    made = ensure_hierarchy(
        settings.pki,
        root_key=ensure_ca_key(root, ROOT_KEY, profiles.root.key),
        issuing_key=ensure_ca_key(issuing, settings.issuing_key_label, profiles.issuing.key),
        organisation=settings.organisation,
        base_url=settings.base_url,
        profiles=profiles,
        at=Clock().now(),
        witnesses={
            "root token": _described(root, ROOT_KEY),
            "issuing token": _described(issuing, settings.issuing_key_label),
        },
    )
    for file in made:
        print(f"made {file.name}")
    print("nothing to do" if not made else f"entered in {settings.pki / 'transcript.txt'}")
    return 0


def _described(token: Hsm, key_label: str) -> str:
    status = token.status()
    return f"{status.label}, serial {status.serial}, {status.model}, key {key_label}"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SignerError as error:
        sys.exit(str(error))
