"""What a certificate must pass before its serial is reserved: our own rules on every one,
pkilint on every distinct shape."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from signer.ca import der
from signer.ca.certificate import (
    issuer_algorithm_der,
    key_algorithm_of,
    key_identifier,
    raw_subject,
)
from signer.ca.names import ID_NUMBER, UPPER_BOUNDS
from signer.ca.profiles import MAX_PERSONAL_VALIDITY_DAYS, Profile
from signer.errors import N_, Invalid

log = logging.getLogger(__name__)

ALLOWED: dict[str, str] = {}
"""pkilint's codes above NOTICE that we accept, each with the reason."""

_NAME_ORDER = (
    NameOID.COUNTRY_NAME,
    NameOID.LOCALITY_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.COMMON_NAME,
)


_NAME_TYPES = {  # as they are encoded: 2.5.4.n is 06 03 55 04 n
    bytes((6, 3, 0x55, 4, int(oid.dotted_string.rpartition(".")[2]))): oid for oid in _NAME_ORDER
}
_USAGE_BITS = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One rule that a certificate breaks."""

    rule: str
    source: str


@dataclass(frozen=True, kw_only=True)
class _Case:
    """What a rule looks at: the certificate taken apart once for all of them."""

    certificate: x509.Certificate
    issuer: x509.Certificate
    profile: Profile
    tbs: list[tuple[int, bytes]]
    """The fields of the TBSCertificate (RFC 5280 section 4.1)."""
    subject: list[tuple[x509.ObjectIdentifier | None, int, str]]
    """Type (None for one we do not use), string tag and value of each attribute."""
    extensions: dict[type[Any], x509.Extension[Any]]
    public_key: Any

    def extension(self, kind: type[Any]) -> x509.Extension[Any]:
        """The extension; `LookupError` when the certificate has none of this kind."""
        return self.extensions[kind]


Rule = Callable[[_Case], bool]
_RULES: list[tuple[str, str, Rule]] = []


def rule(source: str) -> Callable[[Rule], Rule]:
    """Adds a rule; it returns whether the certificate keeps it, and may raise when it cannot."""

    def register(function: Rule) -> Rule:
        _RULES.append((function.__name__, source, function))
        return function

    return register


def require_clean(specimen_der: bytes, issuer: x509.Certificate, profile: Profile) -> None:
    """The certificate keeps every rule of ours, and its shape passes pkilint.

    `Invalid` names the first rule broken; all of them go to the log.
    """
    case = _case(specimen_der, issuer, profile)
    found = _NO_CERTIFICATE if case is None else tuple(_broken(case))
    if case is not None and not found:
        shape = _shape(case)
        if shape not in _clean_shapes:
            found = pkilint_findings(specimen_der)
            if not found:
                _clean_shapes.add(shape)
    if found:
        log.error("certificate refused by lint: %s", "; ".join(f.rule for f in found))
        raise Invalid(
            N_("Chứng thư dự kiến cấp không đạt quy tắc “%(rule)s” (%(source)s)."),
            rule=found[0].rule,
            source=found[0].source,
        )


_clean_shapes: set[tuple[object, ...]] = set()


def findings(
    specimen_der: bytes, issuer: x509.Certificate, profile: Profile
) -> tuple[Finding, ...]:
    """Every rule of ours that the certificate breaks."""
    case = _case(specimen_der, issuer, profile)
    return _NO_CERTIFICATE if case is None else tuple(_broken(case))


_NO_CERTIFICATE = (Finding(rule="it_parses", source="RFC 5280 section 4.1"),)


def _case(specimen_der: bytes, issuer: x509.Certificate, profile: Profile) -> _Case | None:
    """The certificate taken apart; None when it cannot be."""
    try:
        certificate = x509.load_der_x509_certificate(specimen_der)
        tbs = der.children(certificate.tbs_certificate_bytes)
        return _Case(
            certificate=certificate,
            issuer=issuer,
            profile=profile,
            tbs=tbs,
            subject=list(_attributes(tbs[5][1])),
            extensions={type(e.value): e for e in certificate.extensions},
            public_key=certificate.public_key(),
        )
    except (ValueError, IndexError, UnsupportedAlgorithm):
        return None


def _broken(case: _Case) -> Iterator[Finding]:
    for name, source, keeps in _RULES:
        try:
            kept = keeps(case)
        except (ValueError, LookupError, TypeError, AttributeError):
            kept = False
        if not kept:
            yield Finding(rule=name, source=source)


def pkilint_findings(certificate_der: bytes) -> tuple[Finding, ...]:
    """What pkilint's RFC 5280 linter finds above NOTICE, less what `ALLOWED` explains."""
    from pkilint.pkix.certificate import RFC5280Certificate
    from pkilint.validation import ValidationFindingSeverity

    document = RFC5280Certificate("certificate", certificate_der)
    document.decode()
    return tuple(
        Finding(rule=found.finding.code, source="pkilint")
        for result in _pkilint().validate(document.root)
        for found in result.finding_descriptions
        if found.finding.severity < ValidationFindingSeverity.NOTICE
        and found.finding.code not in ALLOWED
    )


@cache
def _pkilint() -> Any:  # pkilint has no types
    # Imported on first use: half a second that most processes never need.
    from pkilint.pkix import certificate, extension, name

    return certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(
            name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS
        ),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )


def _shape(case: _Case) -> tuple[object, ...]:
    """All that pkilint can judge and our rules do not: kinds and order of parts, not values."""
    return (
        case.profile.name,
        key_identifier(case.issuer),
        key_algorithm_of(case.public_key),
        tuple(tag for tag, _ in der.children(case.tbs[4][1])),  # UTCTime or GeneralizedTime
        tuple((oid, tag) for oid, tag, _ in case.subject),
        tuple((kind, e.critical) for kind, e in case.extensions.items()),
    )


def _attributes(name_der: bytes) -> Iterator[tuple[x509.ObjectIdentifier | None, int, str]]:
    for _, relative in der.children(name_der):
        for _, pair in der.children(relative):
            (_, oid), (tag, value) = der.children(pair)
            yield _NAME_TYPES.get(oid), tag, der.content(value).decode()


# The rules -----------------------------------------------------------------------------------


@rule("RFC 5280 section 4.1.2.1")
def version_is_3(case: _Case) -> bool:
    return case.certificate.version is x509.Version.v3


@rule("RFC 5280 section 4.1.2.2")
def serial_is_positive_random_and_at_most_20_octets(case: _Case) -> bool:
    # 64 bits of output of a CSPRNG at least, so a shorter number is as good as guessed.
    return 64 <= case.certificate.serial_number.bit_length() <= 159


@rule("RFC 5280 sections 4.1.1.2 and 4.1.2.3")
def signature_algorithm_is_the_issuers(case: _Case) -> bool:
    return case.tbs[2][1] == issuer_algorithm_der(case.issuer)


@rule("RFC 5280 section 4.1.2.4")
def issuer_is_the_ca_byte_for_byte(case: _Case) -> bool:
    return case.tbs[3][1] == raw_subject(case.issuer)


@rule("RFC 5280 section 4.1.2.5; Decree 68/2024/NĐ-CP article 9")
def validity_fits_the_profile_and_the_issuer(case: _Case) -> bool:
    start, end = case.certificate.not_valid_before_utc, case.certificate.not_valid_after_utc
    inclusive_seconds = (end - start).total_seconds() + 1  # the last second counts
    longest_days = min(case.profile.validity_days, MAX_PERSONAL_VALIDITY_DAYS)
    return (
        0 < inclusive_seconds <= longest_days * 86400
        and case.issuer.not_valid_before_utc <= start
        and end <= case.issuer.not_valid_after_utc
    )


@rule("RFC 5280 section 4.1.2.4 and appendix A.1")
def subject_strings_are_utf8_and_within_bounds(case: _Case) -> bool:
    country_tag, *tags = [tag for _, tag, _ in case.subject]
    return (
        country_tag == der.PRINTABLE_STRING
        and set(tags) == {der.UTF8_STRING}
        and all(oid and 0 < len(text) <= UPPER_BOUNDS[oid] for oid, _, text in case.subject)
    )


@rule("domain.md D4")
def subject_has_only_c_l_o_ou_cn_in_order(case: _Case) -> bool:
    places = [_NAME_ORDER.index(oid) if oid else -1 for oid, _, _ in case.subject]
    unit = _NAME_ORDER.index(NameOID.ORGANIZATIONAL_UNIT_NAME)
    others = [place for place in range(len(_NAME_ORDER)) if place != unit]
    return places == sorted(places) and [p for p in places if p != unit] == others


@rule("domain.md D4 and R2")
def no_id_number_in_the_subject(case: _Case) -> bool:
    return not any(ID_NUMBER.search(text) for _, _, text in case.subject)


@rule("RFC 5280 section 4.2.1.3")
def key_usage_is_critical_and_the_profiles(case: _Case) -> bool:
    usage = case.extension(x509.KeyUsage)
    set_bits = {bit for bit in _USAGE_BITS if getattr(usage.value, bit)}
    return bool(usage.critical) and set_bits == set(case.profile.key_usage)


@rule("RFC 9336 section 3; RFC 5280 section 4.2.1.12")
def extended_key_usage_is_the_profiles(case: _Case) -> bool:
    usage = case.extension(x509.ExtendedKeyUsage).value
    return tuple(oid.dotted_string for oid in usage) == case.profile.extended_key_usage


@rule("RFC 5280 section 4.2.1.9")
def it_is_no_ca(case: _Case) -> bool:
    return x509.BasicConstraints not in case.extensions


@rule("RFC 5280 section 4.2.1.2")
def subject_key_identifier_is_the_keys(case: _Case) -> bool:
    found = case.extension(x509.SubjectKeyIdentifier)
    expected = x509.SubjectKeyIdentifier.from_public_key(case.public_key)
    return not found.critical and bool(found.value == expected)


@rule("RFC 5280 section 4.2.1.1")
def authority_key_identifier_is_the_issuers(case: _Case) -> bool:
    found = case.extension(x509.AuthorityKeyIdentifier)
    return not found.critical and found.value.key_identifier == key_identifier(case.issuer)


@rule("RFC 5280 section 4.2.1.6")
def alternative_name_is_one_mailbox(case: _Case) -> bool:
    names = list(case.extension(x509.SubjectAlternativeName).value)
    return len(names) == 1 and isinstance(names[0], x509.RFC822Name)


@rule("RFC 5280 section 4.2.1.4")
def policy_is_the_profiles(case: _Case) -> bool:
    policies = case.extension(x509.CertificatePolicies).value
    return [p.policy_identifier.dotted_string for p in policies] == [case.profile.policy]


@rule("RFC 5280 section 4.2.2.1")
def issuer_certificate_has_an_address(case: _Case) -> bool:
    return len(list(case.extension(x509.AuthorityInformationAccess).value)) >= 1


@rule("RFC 5280 section 4.2.1.13")
def crl_has_an_address(case: _Case) -> bool:
    points = list(case.extension(x509.CRLDistributionPoints).value)
    return len(points) == 1 and len(points[0].full_name) == 1


@rule("RFC 5280 section 4.2")
def no_other_extension(case: _Case) -> bool:
    return len(case.extensions) == len(case.certificate.extensions) == 8


@rule("TS 119 312 section 6; certs/profiles.toml")
def key_is_of_an_allowed_kind(case: _Case) -> bool:
    return key_algorithm_of(case.public_key) in case.profile.key_algorithms


@rule("RFC 5280 section 6: a subscriber must not hold its issuer's key")
def key_is_not_the_issuers(case: _Case) -> bool:
    found = x509.SubjectKeyIdentifier.from_public_key(case.public_key)
    return found.digest != key_identifier(case.issuer)
