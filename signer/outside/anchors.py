"""Issuers from outside that the operator trusts: files with their SHA-256 pins (R16, R17).

Nothing is ever fetched from the network to build a path: what is not beside anchors.toml, or in
the uploaded file, is not known.
"""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.ocsp import OCSPResponse

from signer.errors import N_, ConfigError
from signer.outside.kinds import CertificateStatus, Generation

FILE = "anchors.toml"
_LONGEST_PATH = 2
"""Intermediates of an upload between a certificate and an anchor; the real ones have none."""
_KNOWN = (x509.BasicConstraints, x509.KeyUsage, x509.CertificatePolicies)
_E = TypeVar("_E", bound=x509.ExtensionType)
Signed = x509.Certificate | x509.CertificateRevocationList | OCSPResponse
Extended = x509.Certificate | x509.CertificateRevocationList | x509.RevokedCertificate
_WEAK = frozenset({"md2", "md5", "sha1"})
_ANCHOR_KEYS = frozenset({"file", "sha256", "name", "generation", "role", "counts", "allow_sha1"})
_KEYS = frozenset({"anchor", "rewrite", "unknown_counts", "lists_count"})


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """One issuer of the operator's choice, root or subordinate."""

    name: str
    generation: Generation
    counts: bool
    """Its certificates count toward coverage."""
    allow_sha1: bool
    """Signatures with SHA-1 are believed: the first generation made no others."""
    certificate: x509.Certificate = field(repr=False)

    @property
    def subject_der(self) -> bytes:
        """Its name, byte for byte as its certificates name their issuer (RFC 5280 4.1.2.4)."""
        loaded = asn1_x509.Certificate.load(self.certificate.public_bytes(Encoding.DER))
        return bytes(loaded.subject.dump())


@dataclass(frozen=True, kw_only=True)
class Anchors:
    """What anchors.toml says; without the file, nobody is trusted and nothing counts."""

    anchors: tuple[Anchor, ...] = ()
    rewrites: tuple[tuple[str, str], ...] = ()
    """Beginnings of addresses in certificates, and where they are really asked."""
    unknown_counts: bool = True
    """A certificate counts while nobody has said whether it was revoked."""
    lists_count: bool = True
    """A certificate counts that is known from a list only, its bytes never seen."""

    def by_name(self, name: str | None) -> Anchor | None:
        """The anchor of that name, if it is (still) configured."""
        return next((anchor for anchor in self.anchors if anchor.name == name), None)

    def path_of(
        self,
        certificate: x509.Certificate,
        intermediates: Sequence[x509.Certificate] = (),
        *,
        depth: int = 0,
        at: datetime | None = None,
    ) -> Anchor | None:
        """The anchor that the certificate's signatures lead to, over these intermediates.

        RFC 5280 section 6.1 as of the day the certificate was issued, without name constraints
        and policies, which these hierarchies do not use: who has critical extensions that are not
        known here is nobody's intermediate. `depth` and `at` are for the way up.
        """
        at = at or certificate.not_valid_before_utc
        for anchor in self.anchors:
            if may_issue(anchor.certificate, at, depth) and (
                issued_by(certificate, anchor.certificate, allow_sha1=anchor.allow_sha1)
            ):
                return anchor
        for issuer in intermediates if depth < _LONGEST_PATH else ():
            if issued_by(certificate, issuer, allow_sha1=True) and may_issue(issuer, at, depth):
                found = self.path_of(issuer, intermediates, depth=depth + 1, at=at)
                # Whether SHA-1 may stand here, the anchor at the end of the path decides.
                if found and (found.allow_sha1 or certificate_digest(certificate) not in _WEAK):
                    return found
        return None

    def address_of(self, address: str) -> str | None:
        """Where to ask instead of this address; None when the table does not name it."""
        for start, instead in self.rewrites:
            rest = address.removeprefix(start)
            # "http://host" must not stand for "http://host.elsewhere" or "http://host@elsewhere".
            if address.startswith(start) and (not rest or start[-1] == "/" or rest[0] == "/"):
                return instead + rest
        return None

    def counted_until(
        self,
        *,
        anchor: str | None,
        has_bytes: bool,
        status: CertificateStatus,
        status_until: datetime | None,
        not_after: datetime,
    ) -> datetime | None:
        """Until when a certificate counts, if not revoked before; None: not at all."""
        issuer = self.by_name(anchor)
        if issuer is None or not issuer.counts or not (has_bytes or self.lists_count):
            return None
        if self.unknown_counts or status in (CertificateStatus.REVOKED, CertificateStatus.HELD):
            return not_after
        if status is CertificateStatus.UNKNOWN or status_until is None:
            return None
        return min(not_after, status_until)


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate, *, allow_sha1: bool) -> bool:
    """The issuer's key signed the certificate, and the names fit."""
    try:
        return certificate.issuer == issuer.subject and is_signed_by(
            certificate, certificate.tbs_certificate_bytes, issuer, allow_sha1=allow_sha1
        )
    except ValueError:
        return False


def is_signed_by(
    signed: Signed, signed_bytes: bytes, issuer: x509.Certificate, *, allow_sha1: bool
) -> bool:
    """The signature is the issuer's, RSA or ECDSA. cryptography's own checks of certificates
    and lists refuse SHA-1 before they look."""
    try:
        key, digest = issuer.public_key(), signed.signature_hash_algorithm
        if digest is None or (digest.name in _WEAK and not allow_sha1):
            return False
        # An OCSP answer tells no parameters: PKCS #1 v1.5, or those of the digest.
        parameters = getattr(signed, "signature_algorithm_parameters", None)
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signed.signature, signed_bytes, parameters or padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signed.signature, signed_bytes, parameters or ec.ECDSA(digest))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        return False
    return True


def certificate_digest(certificate: x509.Certificate) -> str:
    """The digest of the issuer's signature, such as `sha256`."""
    digest = certificate.signature_hash_algorithm
    return digest.name if digest else ""


def extension_of(extended: Extended, kind: type[_E]) -> _E | None:
    """What the extension says; `ValueError` when the extensions cannot be read."""
    try:
        return extended.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ValueError("extensions that nobody can read") from error


def may_issue(issuer: x509.Certificate, at: datetime, depth: int) -> bool:
    """The certificate is a CA's that was valid at that moment (RFC 5280 section 6.1.4 (k)-(n))."""
    try:
        constraints = extension_of(issuer, x509.BasicConstraints)
        usage = extension_of(issuer, x509.KeyUsage)
    except ValueError:
        return False
    return (
        issuer.not_valid_before_utc <= at <= issuer.not_valid_after_utc
        and constraints is not None
        and constraints.ca
        and (constraints.path_length is None or constraints.path_length >= depth)
        and (usage is None or usage.key_cert_sign)
        and all(isinstance(e.value, _KNOWN) for e in issuer.extensions if e.critical)
    )


def load_anchors(folder: Path) -> Anchors:
    """What anchors.toml of this folder says, every file held against its pin.

    Raises `ConfigError` that names the first thing wrong: a missing, swapped or unreadable file,
    a setting nobody knows. A service that trusts something else than was decided must not start.
    """
    path = folder / FILE
    if not path.exists():
        return Anchors()
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _wrong(str(error)) from error
    _only(said, _KEYS)
    anchors = tuple(_anchor(folder, entry) for entry in said.get("anchor", ()))
    if len({anchor.name for anchor in anchors}) < len(anchors):
        raise _wrong("name")
    return Anchors(
        anchors=anchors,
        rewrites=tuple(_rewrite(entry) for entry in said.get("rewrite", ())),
        unknown_counts=_flag(said, "unknown_counts", default=True),
        lists_count=_flag(said, "lists_count", default=True),
    )


def _anchor(folder: Path, entry: Mapping[str, object]) -> Anchor:
    _only(entry, _ANCHOR_KEYS)
    file, pin, name = (str(entry.get(key, "")) for key in ("file", "sha256", "name"))
    try:
        content = (folder / file).read_bytes()
        certificate = (
            x509.load_pem_x509_certificate(content)
            if content.startswith(b"-----")
            else x509.load_der_x509_certificate(content)
        )
    except (OSError, ValueError) as error:
        raise ConfigError(
            N_("Không đọc được chứng thư CA tin cậy %(file)s nêu trong anchors.toml."), file=file
        ) from error
    # A pin is what sha256sum says of the file, or the fingerprint that is published of a PEM's DER.
    found = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
    pins = {found, hashlib.sha256(content).hexdigest()}
    if pin.replace(":", "").strip().lower() not in pins:
        raise ConfigError(
            N_(
                "Tệp chứng thư CA tin cậy %(file)s không đúng mã SHA-256 đã ghi trong "
                "anchors.toml; có thể tệp đã bị thay. Mã của tệp là %(found)s."
            ),
            file=file,
            found=found,
        )
    role, generation = str(entry.get("role")), str(entry.get("generation"))
    is_root = certificate.issuer == certificate.subject
    if not name or role != ("root" if is_root else "sub") or generation not in set(Generation):
        raise _wrong(file)
    allow_sha1 = _flag(entry, "allow_sha1", default=False)
    if allow_sha1 and generation != Generation.G1:
        raise ConfigError(N_("Chỉ CA thế hệ G1 được phép dùng SHA-1: %(file)s."), file=file)
    return Anchor(
        name=name,
        generation=Generation(generation),
        counts=_flag(entry, "counts", default=False),
        allow_sha1=allow_sha1,
        certificate=certificate,
    )


def _rewrite(entry: Mapping[str, object]) -> tuple[str, str]:
    _only(entry, frozenset({"from", "to"}))
    start, instead = str(entry.get("from", "")), str(entry.get("to", ""))
    for address in (start, instead):
        if urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).hostname:
            raise _wrong(address)
    return start, instead


def _flag(said: Mapping[str, object], key: str, *, default: bool) -> bool:
    value = said.get(key, default)
    if not isinstance(value, bool):
        raise _wrong(key)
    return value


def _only(said: Mapping[str, object], known: Iterable[str]) -> None:
    for key in set(said) - set(known):
        raise _wrong(key)


def _wrong(what: str) -> ConfigError:
    return ConfigError(N_("Tệp anchors.toml có chỗ không đúng: %(what)s."), what=what)
