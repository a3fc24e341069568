"""What the certificate of a CA must pass, before its signature and after: our rules and pkilint.

Few are made, each at a ceremony, so pkilint reads every one of them in full.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from signer.ca import der
from signer.ca.certificate import key_identifier, raw_subject
from signer.ca.hierarchy import CA_KEY_USAGE, path_length_of
from signer.ca.pkilinter import Finding, pkilint_findings
from signer.ca.schemes import key_kind
from signer.errors import N_, Invalid


def require_clean_ca(
    certificate_der: bytes, issuer: x509.Certificate | None, *, is_specimen: bool = False
) -> None:
    """A CA's certificate keeps every rule of ours and of pkilint; `Invalid` names the first not.

    `issuer` is None for one that certifies itself. A specimen's signature is not looked at.
    """
    certificate = x509.load_der_x509_certificate(certificate_der)
    found = [Finding(rule=rule, source=source) for rule, source in _broken(certificate, issuer)]
    found += [
        finding
        for finding in pkilint_findings(certificate_der)
        if not (is_specimen and issuer is None and finding.rule == _NO_ISSUER_IDENTIFIER)
    ]
    if not found and not is_specimen:
        try:
            certificate.verify_directly_issued_by(issuer or certificate)
        except (InvalidSignature, ValueError, TypeError):
            found.append(Finding(rule="its_issuer_signed_it", source="RFC 5280 section 6.1.3"))
    if found:
        raise Invalid(
            N_("Chứng thư CA không đạt quy tắc “%(rule)s” (%(source)s)."),
            rule=found[0].rule,
            source=found[0].source,
        )


_NO_ISSUER_IDENTIFIER = "pkix.authority_key_identifier_extension_absent"
"""A root may leave it out (RFC 5280 4.2.1.1), but pkilint knows a root by its own signature."""


def _broken(
    certificate: x509.Certificate, issuer: x509.Certificate | None
) -> Iterator[tuple[str, str]]:
    """The rules of ours it breaks: name and source of each."""
    extensions = {type(e.value): e for e in certificate.extensions}
    constraints = extensions.get(x509.BasicConstraints)
    usage = extensions.get(x509.KeyUsage)
    key_id = extensions.get(x509.SubjectKeyIdentifier)
    above_id = extensions.get(x509.AuthorityKeyIdentifier)
    longest = timedelta(days=_LONGEST_CA_DAYS) - timedelta(seconds=1)  # the last second counts
    above_length = None if issuer is None else path_length_of(issuer)
    own_length = None if constraints is None else constraints.value.path_length
    rules = [
        (
            "serial_is_positive_random_and_at_most_20_octets",
            "RFC 5280 section 4.1.2.2",
            64 <= certificate.serial_number.bit_length() <= 159,
        ),
        (
            "issuer_is_the_ca_above_byte_for_byte",
            "RFC 5280 section 4.1.2.4",
            _raw_issuer(certificate) == raw_subject(issuer or certificate),
        ),
        (
            "validity_is_at_most_20_years",
            "Decree 68/2024/NĐ-CP article 9",
            certificate.not_valid_after_utc - certificate.not_valid_before_utc <= longest,
        ),
        (
            "it_is_a_ca",
            "RFC 5280 section 4.2.1.9",
            constraints is not None and constraints.critical and constraints.value.ca,
        ),
        (
            "path_length_is_below_the_issuers",
            "RFC 5280 section 6.1.4",
            above_length is None or (own_length is not None and own_length < above_length),
        ),
        (
            "it_signs_certificates_and_lists_only",
            "RFC 5280 section 4.2.1.3",
            usage is not None and usage.critical and _bits(usage.value) == set(CA_KEY_USAGE),
        ),
        (
            "subject_key_identifier_is_the_keys",
            "RFC 5280 section 4.2.1.2",
            key_id is not None
            and key_id.value == x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()),
        ),
        (
            "authority_key_identifier_is_the_issuers",
            "RFC 5280 section 4.2.1.1",
            issuer is None
            if above_id is None
            else above_id.value.key_identifier == key_identifier(issuer or certificate),
        ),
        (
            "crl_has_an_address",
            "RFC 5280 section 4.2.1.13",
            issuer is None or x509.CRLDistributionPoints in extensions,
        ),
        (
            "key_is_strong_enough",
            "TS 119 312 section 6",
            strength_of(algorithm_of(certificate.public_key())) >= 128,
        ),
        (
            "issuer_is_as_strong_as_what_it_certifies",
            "NIST SP 800-57 part 1 section 5.6.2",
            issuer is None
            or strength_of(algorithm_of(issuer.public_key()))
            >= strength_of(algorithm_of(certificate.public_key())),
        ),
    ]
    return ((name, source) for name, source, is_kept in rules if not is_kept)


def _bits(usage: x509.KeyUsage) -> set[str]:
    """The bits that are set; the last two mean something with key_agreement only."""
    bits = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment")
    return {bit for bit in (*bits, "key_agreement", *CA_KEY_USAGE) if getattr(usage, bit)}


_LONGEST_CA_DAYS = 7300  # Decree 68/2024/NĐ-CP article 9: twenty years
_STRENGTHS = {"p256": 128, "p384": 192, "rsa3072": 128, "rsa4096": 140}
"""Bits of security (NIST SP 800-57 part 1, 5.6.1; RSA-4096 by the formula of FIPS 140's IG)."""


def strength_of(algorithm: str) -> int:
    """Bits of security of a key of this kind; 0 for one that a CA must not have."""
    return _STRENGTHS.get(algorithm, 0)


def algorithm_of(public_key: Any) -> str:
    """The ceremony's word for a key: p256, p384, rsa3072…; `other` for what we do not use."""
    kind = key_kind(public_key)
    return f"rsa{public_key.key_size}" if kind == "rsa" else kind


def _raw_issuer(certificate: x509.Certificate) -> bytes:
    return der.children(certificate.tbs_certificate_bytes)[3][1]  # RFC 5280 section 4.1
