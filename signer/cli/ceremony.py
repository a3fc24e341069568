"""The key ceremony: two tokens, two CA keys, their certificates and the root's list."""

from datetime import datetime
from pathlib import Path

from signer.ca import ensure_hierarchy, load_profiles
from signer.ca.hierarchy import root_crl_is_due
from signer.config import Settings
from signer.pkcs11 import Hsm, Vault, configure_softhsm, ensure_ca_key, ensure_token

ROOT_TOKEN, ROOT_KEY, ROOT_PIN_FILE = "signer-root", "root-ca", "root.pin"


def hold_ceremony(settings: Settings, at: datetime) -> list[Path]:
    """Root and issuing CA exist below `settings.pki`; returns the files made now.

    What exists is kept, a root CRL that runs out is renewed, and what was made is entered in
    pki/transcript.txt. The PIN files appear below the home, 0600.
    """
    profiles = load_profiles()
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    configure_softhsm(settings.home)
    tokens = []
    for label, pin_file in (
        (ROOT_TOKEN, settings.home / ROOT_PIN_FILE),
        (settings.token_label, settings.below_home(settings.token_pin_file)),
    ):
        ensure_token(settings.pkcs11_module, label, pin_file)
        tokens.append(Hsm(settings.pkcs11_module, label, pin_file))
    root, issuing = tokens
    try:
        Vault(issuing).prepare()
        return ensure_hierarchy(
            settings.pki,
            root_key=ensure_ca_key(root, ROOT_KEY, profiles.root.key),
            issuing_key=ensure_ca_key(issuing, settings.issuing_key_label, profiles.issuing.key),
            organisation=settings.organisation,
            base_url=settings.base_url,
            profiles=profiles,
            at=at,
            witnesses={
                "root token": _described(root, ROOT_KEY),
                "issuing token": _described(issuing, settings.issuing_key_label),
            },
        )
    finally:
        for token in tokens:
            token.close()


def ceremony_is_due(settings: Settings, at: datetime) -> bool:
    """Something of the hierarchy is missing, or the root's list runs out; asks no HSM."""
    files = [settings.pki / name for name in ("root.pem", "issuing.pem", "root.crl")]
    if not all(file.exists() for file in files):
        return True
    # Without its token, which may be locked away by now, the root's list cannot be renewed here.
    root_is_here = (settings.home / ROOT_PIN_FILE).exists()
    return root_is_here and root_crl_is_due(files[-1].read_bytes(), at)


def _described(token: Hsm, key_label: str) -> str:
    status = token.status()
    return f"{status.label}, serial {status.serial}, {status.model}, key {key_label}"
