"""In the sandbox: whether a certificate leads to a root the operator trusts, and for what."""

import hashlib
from datetime import datetime
from itertools import pairwise
from typing import Any

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature
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
from signer.signing.revocation import load_crl

WEAK_DIGESTS = frozenset({"md2", "md5", "sha1"})

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


class Trust:
    """What the operator trusts, and the moment of the examination."""

    def __init__(
        self, roots: list[bytes], intermediates: list[bytes], crls: list[bytes], at: datetime
    ) -> None:
        self.roots = [_chosen(der) for der in roots]
        self.intermediates = [_chosen(der) for der in intermediates]
        self.pinned = {hashlib.sha256(der).digest() for der in (*roots, *intermediates)}
        self.crls = [crl for der in crls if (crl := load_crl(der)) is not None]
        self.at = at

    def context(self, moment: datetime, embedded: list[Any] | None = None) -> ValidationContext:
        return ValidationContext(
            trust_roots=list(self.roots),
            other_certs=[*self.intermediates, *(embedded or ())],
            moment=moment,
            allow_fetching=False,
            revocation_mode="soft-fail",  # revocation is examined by `revocation_of`
            weak_hash_algos=WEAK_DIGESTS,
        )


def _chosen(der: bytes) -> Any:
    """A certificate of the operator's choice; rubbish there must not pass silently."""
    try:
        x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise Invalid(N_("Một chứng thư số trong danh sách tin cậy không đọc được.")) from error
    return asn1_x509.Certificate.load(der)


async def path_of(signature: Any, trust: Trust, moment: datetime) -> Any:
    """The valid path of the signer's certificate; certvalidator's errors when there is none."""
    embedded = list(signature.other_embedded_certs)
    validator = CertificateValidator(
        signature.signer_cert,
        intermediate_certs=embedded,
        validation_context=trust.context(moment, embedded),
    )
    return await validator.async_validate_path()


async def path_state(signature: Any, trust: Trust, moment: datetime) -> str:
    """trusted, untrusted, expired, not_yet_valid, weak or invalid, at that moment."""
    try:
        await path_of(signature, trust, moment)
    except ExpiredError:
        return "expired"
    except NotYetValidError:
        return "not_yet_valid"
    except PathBuildingError:
        return "untrusted"
    except DisallowedAlgorithmError:
        return "weak"
    except PathValidationError as error:
        return "invalid" if _is_linked(error.original_path) else "untrusted"
    except ValidationError:
        return "invalid"
    return "trusted"


def _is_linked(path: Any) -> bool:
    """Each certificate was signed with the key of the one above it, so the path itself is bad.

    Otherwise an issuer merely has the name of one that is trusted here.
    """
    chain = [loaded(found) for found in path.iter_certs(include_root=True)]
    try:
        for above, certificate in pairwise(chain):
            certificate.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def may_sign_documents(certificate: Any, is_stamp: bool) -> bool:
    """keyUsage and extendedKeyUsage allow signing documents, or time stamps."""
    usage = certificate.key_usage_value
    if usage is not None and not {"digital_signature", "non_repudiation"} & usage.native:
        return False
    extended = certificate.extended_key_usage_value
    if is_stamp:
        return extended is not None and "time_stamping" in extended.native
    return extended is None or any(purpose.dotted in DOCUMENT_USAGES for purpose in extended)


def loaded(certificate: Any) -> x509.Certificate:
    """The asn1crypto certificate as one of cryptography."""
    return x509.load_der_x509_certificate(certificate.dump())
