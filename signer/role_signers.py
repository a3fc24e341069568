"""The certificates of those who answer in the CA's name: the OCSP signer and the TSA.

They are the issuing CA's certificates like any other, so they stand in its ledger. They are
short-lived, above all the OCSP signer's, of which nobody asks whether it is revoked (RFC 6960
section 4.2.2.2.1), and so they are renewed while a third of their life is left. The key stays:
it never leaves the HSM, and a responder that still has the old certificate answers rightly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signer.ca import CertificateState, IssuedCertificate, SubjectFacts
from signer.ca.authority import CertificateStatus
from signer.ca.certificate import key_identifier
from signer.ca.hierarchy import is_running_out, issuer_key_identifier, spki
from signer.ca.outputs import Output, alone, sha256
from signer.errors import N_, Conflict, Invalid, NotFound
from signer.pkcs11.keys import ensure_ca_key, private_key_of
from signer.services import Services

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class RoleWish:
    """What a role's certificate says when it is made for the first time."""

    role: str
    """`ocsp` or `tsa`: its profile is called that with `-signer` behind, its file with `.pem`."""
    common_name: str
    algorithm: str


USUAL = (
    RoleWish(role="ocsp", common_name="Máy trả lời OCSP nội bộ", algorithm="p256"),
    RoleWish(role="tsa", common_name="Máy cấp dấu thời gian nội bộ", algorithm="p256"),
)


def ensure_role_signers(rooms: Services, wishes: Sequence[RoleWish] = USUAL) -> list[Path]:
    """Keys and certificates of the roles are there, good for a while; returns the files written.

    Safe to be called again, and after a crash: an intent in the ledger gets one certificate.
    """
    with alone(rooms.settings.pki):
        return make_role_signers(rooms, wishes)


def make_role_signers(rooms: Services, wishes: Sequence[RoleWish]) -> list[Path]:
    """As `ensure_role_signers`, for a caller who is `alone` in the folder already."""
    for wish in wishes:
        ensure_ca_key(rooms.hsm, _label(rooms, wish.role), wish.algorithm)
    return _certified(rooms, wishes)


def renew_role_signers(rooms: Services) -> list[Path]:
    """No role's certificate runs out; returns the files written. Meant to be called every round.

    Costs two small files and two rows while nothing is due, and touches no HSM then. A role that
    has no certificate yet is left to set-up or a ceremony, one that must not have another is
    logged. `Unavailable` when the HSM is away.
    """
    written = []
    for wish in USUAL:
        if not _file(rooms, wish.role).exists() or _is_fresh(rooms, wish.role):
            continue
        try:
            with alone(rooms.settings.pki):
                written += _certified(rooms, [wish])
        except (Conflict, Invalid, NotFound) as error:
            _log.error("a role's certificate is not renewed", role=wish.role, reason=str(error))
    return written


def _certified(rooms: Services, wishes: Sequence[RoleWish]) -> list[Path]:
    """The file of each role holds a fresh certificate of the key that its label names now."""
    written = []
    for wish in wishes:
        public_key_der = spki(private_key_of(rooms.hsm, _label(rooms, wish.role)).public_key())
        if _is_fresh(rooms, wish.role, public_key_der):
            continue
        issued = _issued(rooms, wish, public_key_der)
        pem = x509.load_der_x509_certificate(issued.der).public_bytes(Encoding.PEM)
        file = _file(rooms, wish.role)
        Output(file).settle(pem)
        written.append(file)
    return written


def _is_fresh(rooms: Services, role: str, public_key_der: bytes | None = None) -> bool:
    """Its certificate is the present CA's (and that key's), good in the ledger, with time left."""
    pem = Output(_file(rooms, role)).content()
    if pem is None:
        return False
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError:
        return False
    now = rooms.clock.now()
    return (
        public_key_der in (None, spki(certificate.public_key()))
        and issuer_key_identifier(certificate) == key_identifier(rooms.authority.certificate)
        and rooms.authority.status_of(certificate.serial_number, now) is CertificateStatus.GOOD
        and not is_running_out(
            certificate.not_valid_before_utc, certificate.not_valid_after_utc, now
        )
    )


def _issued(rooms: Services, wish: RoleWish, public_key_der: bytes) -> IssuedCertificate:
    """The newest certificate of this key under the present CA, made now if the last runs out.

    Each intent follows from the one before, so two processes that renew at once make one
    certificate, and a crash in between is finished by whoever comes next.
    """
    ca = key_identifier(rooms.authority.certificate).hex()[:8]
    first = f"{wish.role}-signer-{sha256(public_key_der)[:16]}-{ca}"
    subject = SubjectFacts(
        common_name=_common_name(rooms, wish),
        organisation=rooms.settings.organisation,
        units=(),
        locality=rooms.settings.locality,
    )
    intent = first
    while True:
        issued = rooms.authority.issue(
            intent=intent,
            subject=subject,
            public_key_der=public_key_der,
            profile=f"{wish.role}-signer",
            actor="system",
        )
        if issued.state is not CertificateState.ISSUED:
            raise Conflict(
                N_(
                    "Khóa “%(label)s” có chứng thư đã bị thu hồi nên không được cấp lại. Hãy đặt "
                    "tên khóa mới trong thiết lập rồi chạy “signer setup”."
                ),
                label=_label(rooms, wish.role),
            )
        if not is_running_out(issued.not_before, issued.not_after, rooms.clock.now()):
            return issued
        intent = f"{first}-after-{issued.serial_hex[-16:]}"


def _common_name(rooms: Services, wish: RoleWish) -> str:
    """A renewed certificate is called as the one before."""
    pem = Output(_file(rooms, wish.role)).content()
    try:
        names = x509.load_pem_x509_certificate(pem or b"").subject
    except ValueError:
        return wish.common_name
    return str(names.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


def _file(rooms: Services, role: str) -> Path:
    return rooms.settings.pki / f"{role}.pem"


def _label(rooms: Services, role: str) -> str:
    settings = rooms.settings
    return settings.ocsp_key_label if role == "ocsp" else settings.tsa_key_label
