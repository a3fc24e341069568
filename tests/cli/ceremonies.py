"""Ceremonies for tests: the embedded file with other tokens, a test spoils one line of it."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from signer.cli.ceremony import EMBEDDED, Ceremony, Held, hold_ceremony, read_ceremony
from signer.config import Settings
from tests.softhsm import MODULE

AT = datetime(2026, 3, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Installation:
    """An empty home, whose tokens no other test shares."""

    settings: Settings
    root_label: str

    def write(self, text: str, name: str = "ceremony.yaml") -> Path:
        """The file, with the tokens of this installation."""
        file = self.settings.home / name
        file.write_text(text.replace("signer-root", self.root_label), encoding="utf-8")
        return file

    def read(self, text: str, name: str = "ceremony.yaml") -> Ceremony:
        return read_ceremony(self.write(text, name), self.settings)

    def hold(self, text: str, at: datetime = AT, name: str = "ceremony.yaml") -> Held:
        return hold_ceremony(self.settings, at, ceremony=self.read(text, name))

    def certificate(self, name: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.settings.pki / name).read_bytes())

    def files(self) -> dict[str, bytes]:
        """All that lies in the folder of the certificates."""
        return {file.name: file.read_bytes() for file in self.settings.pki.iterdir()}


def new_installation(home: Path) -> Installation:
    mark = secrets.token_hex(4)
    settings = Settings(home=home, pkcs11_module=MODULE, token_label=f"issuing-{mark}")
    return Installation(settings=settings, root_label=f"root-{mark}")


def embedded() -> str:
    """What `signer setup` holds."""
    return EMBEDDED.read_text(encoding="utf-8")


def without_roles(text: str) -> str:
    """Less the steps that need a ledger."""
    head, mark, _ = text.partition("  - make: ocsp-signer")
    assert mark
    return head
