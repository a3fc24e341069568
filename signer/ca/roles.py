"""Who answers in the CA's name: the OCSP signer and the TSA, each a certificate and its key."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from sqlalchemy.exc import SQLAlchemyError

from signer.ca.authority import Authority, CertificateStatus
from signer.clock import Clock
from signer.db import release
from signer.errors import N_, Unavailable

LOOK_SECONDS = 0.5
"""How old the last look at the ledger may be; a revocation must show within two seconds."""

RoleKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class RoleSigner:
    """A key that signs answers, not certificates, and the certificate that lets it."""

    key: RoleKey
    certificate: x509.Certificate

    def is_valid(self, at: datetime) -> bool:
        """The certificate's own dates include the moment."""
        return self.certificate.not_valid_before_utc <= at < self.certificate.not_valid_after_utc


class RoleFile:
    """Gives the signer whose certificate lies in a file, and its successor once that changes.

    Call it for each signature: it costs one look at the file's date. Threads may share it, and
    all get one object for one file, so that what each of them signed counts as the same signer's.
    The HSM is not touched here, so a signer is known while its key is away.
    """

    def __init__(self, file: Path, key_for: Callable[[Any], RoleKey]) -> None:
        """`key_for` gives the private key that belongs to the certificate's public key."""
        self._file = file
        self._key_for = key_for
        self._seen: tuple[tuple[int, int, int] | None, RoleSigner | None] = (None, None)
        self._reading = threading.Lock()

    def __call__(self) -> RoleSigner | None:
        """The signer; None before the ceremony made one.

        A file that cannot be read is logged and the signer known before goes on.
        """
        with self._reading:
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


class InForce:
    """The signer that `known` gives, unless the ledger says that its certificate was ended.

    Relying parties do not ask after an OCSP signer (RFC 6960 section 4.2.2.2.1), so we do. Call
    it for each signature: it reads the database twice a second. Threads may share it.
    """

    def __init__(
        self, known: Callable[[], RoleSigner | None], authority: Authority, clock: Clock
    ) -> None:
        self._known = known
        self._authority = authority
        self._clock = clock
        self._looked: tuple[RoleSigner | None, float, bool] = (None, float("-inf"), False)

    def __call__(self) -> RoleSigner | None:
        """The signer, or None; `Unavailable` when the ledger cannot be asked."""
        signer = self._known()
        if signer is None:
            return None
        asked, at, is_in_force = self._looked
        if asked is not signer or time.monotonic() - at > LOOK_SECONDS:
            at = time.monotonic()
            is_in_force = self._is_in_force(signer)
            self._looked = (signer, at, is_in_force)
        return signer if is_in_force else None

    def _is_in_force(self, signer: RoleSigner) -> bool:
        try:
            release()  # not what an earlier snapshot says
            status = self._authority.status_of(signer.certificate.serial_number, self._clock.now())
            release()
        except SQLAlchemyError as error:
            raise Unavailable(_NO_LEDGER) from error
        return status not in (CertificateStatus.REVOKED, CertificateStatus.SUSPENDED)


_NO_LEDGER = N_("Sổ cấp chứng thư lúc này không đọc được; hãy thử lại sau ít giây.")
