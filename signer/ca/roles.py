"""Who answers in the CA's name: the OCSP signer and the TSA, each a certificate and its key."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

RoleKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class RoleSigner:
    """A key that signs answers, not certificates, and the certificate that lets it."""

    key: RoleKey
    certificate: x509.Certificate


class RoleFile:
    """Gives the signer whose certificate lies in a file, and its successor once that changes.

    Call it for each signature: it costs one look at the file's date. Threads may share it. The
    HSM is not touched here, so a signer is known while its key is away.
    """

    def __init__(self, file: Path, key_for: Callable[[Any], RoleKey]) -> None:
        """`key_for` gives the private key that belongs to the certificate's public key."""
        self._file = file
        self._key_for = key_for
        self._seen: tuple[tuple[int, int, int] | None, RoleSigner | None] = (None, None)

    def __call__(self) -> RoleSigner | None:
        """The signer; None before the ceremony made one.

        A file that cannot be read is logged and the signer known before goes on.
        """
        mark, signer = self._seen
        try:
            facts = self._file.stat()
            found = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
            if found == mark:
                return signer
            certificate = x509.load_pem_x509_certificate(self._file.read_bytes())
            signer = RoleSigner(
                key=self._key_for(certificate.public_key()), certificate=certificate
            )
        except FileNotFoundError:
            return signer
        except (OSError, ValueError, TypeError):
            _log.exception("a role's certificate cannot be read", file=self._file.name)
            return signer
        self._seen = (found, signer)
        return signer
