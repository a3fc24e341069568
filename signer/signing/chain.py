"""In the sandbox: whether a certificate leads to a root the operator trusts, and for what."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import (
    DisallowedAlgorithmError,
    ExpiredError,
    NotYetValidError,
    PathBuildingError,
    PathValidationError,
    ValidationError,
)

from signer.errors import N_, Invalid
from signer.signing.revocation import CrlFacts, load_crl

WEAK_DIGESTS = frozenset({"md2", "md5", "sha1"})

PATHS_KEPT = 4_096
"""A path is a few hundred octets; so many officials sign within days."""

DOCUMENT_USAGES = frozenset(
    {
        "1.3.6.1.5.5.7.3.36",  # documentSigning (RFC 9336)
        "1.3.6.1.5.5.7.3.4",  # emailProtection, in certificates older than RFC 9336
        "1.2.840.113583.1.1.5",  # Adobe authentic documents
        "1.3.6.1.4.1.311.10.3.12",  # Microsoft document signing
        "2.5.29.37.0",  # any
    }
)
"""One of these must be there when the certificate has an extendedKeyUsage at all."""


@dataclass(frozen=True, kw_only=True)
class Path:
    """What was found out about a certificate at a moment."""

    state: str
    """trusted, untrusted, expired, not_yet_valid, weak or invalid."""
    chain: tuple[x509.Certificate, ...] = ()
    """From the root down to the certificate; only when it is trusted."""


class Trust:
    """What the operator trusts, and the moment of the examination."""

    def __init__(
        self,
        roots: Sequence[bytes],
        intermediates: Sequence[bytes],
        crls: Sequence[bytes],
        at: datetime,
        stamp_roots: Sequence[bytes] = (),
    ) -> None:
        """`stamp_roots` are trusted for time stamps and for nothing else."""
        self.anchors = _anchors(tuple(roots), tuple(intermediates))
        # Kept apart with all that is remembered: what is good for a stamp is not for a signature.
        self.stamp_anchors = (
            _anchors((*roots, *stamp_roots), tuple(intermediates)) if stamp_roots else self.anchors
        )
        self.crls = [crl for encoded in crls if (crl := _operators_crl(encoded)) is not None]
        self.at = at

    def is_pinned(self, certificate: x509.Certificate) -> bool:
        """The operator chose this certificate."""
        return certificate.public_bytes(Encoding.DER) in self.anchors.pinned

    def path_of(
        self,
        certificate: x509.Certificate,
        embedded: Sequence[bytes],
        moment: datetime,
        *,
        is_stamp: bool = False,
    ) -> Path:
        """The certificate's path at that moment, by what the operator chose if that is enough.

        Such a path is remembered: it depends on the certificate and the operator's choice alone,
        and holds for every moment at which each of its certificates is valid. Nothing of what
        else a file brings is remembered.
        """
        anchors = self.stamp_anchors if is_stamp else self.anchors
        encoded = certificate.public_bytes(Encoding.DER)
        known = anchors.paths.get(encoded)
        if known is not None and _is_within(known, moment):
            anchors.paths.move_to_end(encoded)
            return Path(state="trusted", chain=known)
        found = _path(encoded, anchors, (), moment)
        if found.state == "trusted":
            anchors.paths[encoded] = found.chain
            if len(anchors.paths) > PATHS_KEPT:
                anchors.paths.popitem(last=False)
        elif embedded:
            found = _path(encoded, anchors, embedded, moment)
        return found


@dataclass(frozen=True, kw_only=True)
class _Anchors:
    roots: tuple[Any, ...]
    intermediates: tuple[Any, ...]
    pinned: frozenset[bytes]
    paths: "OrderedDict[bytes, tuple[x509.Certificate, ...]]"


@lru_cache(maxsize=4)  # tests and tools bring their own; a server has one, and one for stamps
def _anchors(roots: tuple[bytes, ...], intermediates: tuple[bytes, ...]) -> _Anchors:
    return _Anchors(
        roots=tuple(_chosen(encoded) for encoded in roots),
        intermediates=tuple(_chosen(encoded) for encoded in intermediates),
        pinned=frozenset((*roots, *intermediates)),
        paths=OrderedDict(),
    )


@lru_cache(maxsize=512)  # the shards of an issuer, now and a little before
def _operators_crl(encoded: bytes) -> CrlFacts | None:
    return load_crl(encoded)


def _chosen(encoded: bytes) -> Any:
    """A certificate of the operator's choice; rubbish there must not pass silently."""
    try:
        x509.load_der_x509_certificate(encoded)
    except ValueError as error:
        raise Invalid(N_("Một chứng thư số trong danh sách tin cậy không đọc được.")) from error
    return asn1_x509.Certificate.load(encoded)


def _is_within(chain: tuple[x509.Certificate, ...], moment: datetime) -> bool:
    # The root's own dates count too: the validator that found the path asks for them.
    return all(one.not_valid_before_utc <= moment <= one.not_valid_after_utc for one in chain)


def _path(encoded: bytes, anchors: _Anchors, embedded: Sequence[bytes], moment: datetime) -> Path:
    others = [asn1_x509.Certificate.load(one) for one in dict.fromkeys(embedded)]
    validator = CertificateValidator(
        asn1_x509.Certificate.load(encoded),
        intermediate_certs=others,
        validation_context=ValidationContext(
            trust_roots=list(anchors.roots),
            other_certs=[*anchors.intermediates, *others],
            moment=moment,
            allow_fetching=False,
            revocation_mode="soft-fail",  # revocation is examined by `revocation_of`
            weak_hash_algos=WEAK_DIGESTS,
        ),
    )
    try:
        path = asyncio.run(validator.async_validate_path())
    except ExpiredError:
        return Path(state="expired")
    except NotYetValidError:
        return Path(state="not_yet_valid")
    except PathBuildingError:
        return Path(state="untrusted")
    except DisallowedAlgorithmError:
        return Path(state="weak")
    except PathValidationError as error:
        return Path(state="invalid" if _is_linked(error.original_path) else "untrusted")
    except ValidationError:
        return Path(state="invalid")
    return Path(
        state="trusted", chain=tuple(_loaded(one) for one in path.iter_certs(include_root=True))
    )


def _is_linked(path: Any) -> bool:
    """Each certificate was signed with the key of the one above it, so the path itself is bad.

    Otherwise an issuer merely has the name of one that is trusted here.
    """
    chain = [_loaded(found) for found in path.iter_certs(include_root=True)]
    try:
        for above, certificate in pairwise(chain):
            certificate.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def may_sign_documents(certificate: x509.Certificate) -> bool:
    """keyUsage and extendedKeyUsage allow signing documents."""
    if not _may_sign(certificate):
        return False
    purposes = _purposes(certificate)
    return purposes is None or bool(purposes & DOCUMENT_USAGES)


def may_stamp(certificate: x509.Certificate) -> bool:
    """keyUsage and extendedKeyUsage allow time stamps and nothing else (RFC 3161, 2.3)."""
    return _may_sign(certificate) and _purposes(certificate) == {
        ExtendedKeyUsageOID.TIME_STAMPING.dotted_string
    }


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.digital_signature or usage.content_commitment


def _purposes(certificate: x509.Certificate) -> set[str] | None:
    try:
        found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return None
    return {purpose.dotted_string for purpose in found.value}


def _loaded(certificate: Any) -> x509.Certificate:
    """The asn1crypto certificate as one of cryptography."""
    return x509.load_der_x509_certificate(certificate.dump())
