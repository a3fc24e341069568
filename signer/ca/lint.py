"""What a certificate must pass before its serial is reserved: our own rules on every one,
pkilint on every distinct shape and on a sample."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from signer.ca import der
from signer.ca.certificate import Issuer
from signer.ca.extensions import key_identifier_of
from signer.ca.names import EMAIL, ID_NUMBER, UPPER_BOUNDS
from signer.ca.pkilinter import Finding, pkilint_findings
from signer.ca.profiles import MAX_SHARDS, Profile
from signer.ca.schemes import key_algorithm_of
from signer.errors import N_, Invalid

log = logging.getLogger(__name__)

SAMPLE_OF = 499
"""pkilint looks at one certificate in so many, by its serial, though it saw the like before: its
2 to 3 ms then add 0.006 ms to each. Prime, so that no CRL shard (a power of two) is left out."""

_NAME_ORDER = (
    NameOID.COUNTRY_NAME,
    NameOID.LOCALITY_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.COMMON_NAME,
)
_NAME_TYPES = {  # as they are encoded: 2.5.4.n is 06 03 55 04 n
    der.oid(oid.dotted_string): oid for oid in _NAME_ORDER
}
_USAGE_BITS = (  # in the order of RFC 5280 section 4.2.1.3, as cryptography asks for them
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
_KEY_USAGE, _PURPOSES = der.oid("2.5.29.15"), der.oid("2.5.29.37")
_SUBJECT_KEY_ID, _AUTHORITY_KEY_ID = der.oid("2.5.29.14"), der.oid("2.5.29.35")
_POLICIES, _ALTERNATIVE_NAME = der.oid("2.5.29.32"), der.oid("2.5.29.17")
_ADDRESSES, _CRL_POINTS = der.oid("1.3.6.1.5.5.7.1.1"), der.oid("2.5.29.31")
_NO_CHECK = der.oid("1.3.6.1.5.5.7.48.1.5")
_KNOWN = {  # RFC 5280 section 4.2 and RFC 6960 section 4.2.2.2.1: each has its rule below
    *(_KEY_USAGE, _PURPOSES, _SUBJECT_KEY_ID, _AUTHORITY_KEY_ID, _POLICIES, _ALTERNATIVE_NAME),
    *(_ADDRESSES, _CRL_POINTS, _NO_CHECK),
}


@dataclass(frozen=True, kw_only=True)
class _Attribute:
    """One attribute of the subject; `oid` is None for a type that we do not use."""

    oid: x509.ObjectIdentifier | None
    tag: int
    text: str
    has_id_number: bool


@dataclass(frozen=True, kw_only=True)
class _Extension:
    """One extension."""

    oid: bytes
    """Its type, as it is encoded."""
    critical: bool
    value: bytes
    """What stands in the OCTET STRING."""


@dataclass(frozen=True, kw_only=True)
class _Case:
    """What a rule looks at: the certificate taken apart once for all of them."""

    certificate: x509.Certificate
    issuer: Issuer
    profile: Profile
    serial: int
    tbs: list[tuple[int, bytes]]
    """The fields of the TBSCertificate (RFC 5280 section 4.1)."""
    subject: tuple[_Attribute, ...]
    extensions: dict[bytes, _Extension]
    """By the encoding of their types, in their order."""
    extension_count: int
    key_algorithm: str
    key_identifier: bytes

    @property
    def wanted(self) -> dict[bytes, _Extension]:
        """The extensions that all certificates of the profile share."""
        return _wanted(self.issuer, self.profile)


Rule = Callable[[_Case], bool]
_RULES: list[tuple[str, str, Rule]] = []


def rule(source: str) -> Callable[[Rule], Rule]:
    """Adds a rule; it returns whether the certificate keeps it, and may raise when it cannot."""

    def register(function: Rule) -> Rule:
        _RULES.append((function.__name__, source, function))
        return function

    return register


def require_clean(specimen_der: bytes, issuer: Issuer, profile: Profile) -> None:
    """The certificate keeps every rule of ours, and its shape passes pkilint.

    `Invalid` names the first rule broken; all of them go to the log.
    """
    case = _case(specimen_der, issuer, profile)
    found = _NO_CERTIFICATE if case is None else tuple(_broken(case))
    if case is not None and not found:
        shape = _shape(case)
        if shape not in _clean_shapes or case.serial % SAMPLE_OF == 0:
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


def findings(specimen_der: bytes, issuer: Issuer, profile: Profile) -> tuple[Finding, ...]:
    """Every rule of ours that the certificate breaks."""
    case = _case(specimen_der, issuer, profile)
    return _NO_CERTIFICATE if case is None else tuple(_broken(case))


_NO_CERTIFICATE = (Finding(rule="it_parses", source="RFC 5280 section 4.1"),)


def _case(specimen_der: bytes, issuer: Issuer, profile: Profile) -> _Case | None:
    """The certificate taken apart; None when it cannot be."""
    try:
        certificate = x509.load_der_x509_certificate(specimen_der)
        tbs = der.children(certificate.tbs_certificate_bytes)
        public_key_der = tbs[6][1]
        ((_, listed),) = der.children(tbs[7][1])
        extensions = [_extension(element) for _, element in der.children(listed)]
        return _Case(
            certificate=certificate,
            issuer=issuer,
            profile=profile,
            serial=certificate.serial_number,
            tbs=tbs,
            subject=tuple(_attribute(rdn) for _, rdn in der.children(tbs[5][1])),
            extensions={extension.oid: extension for extension in extensions},
            extension_count=len(extensions),
            key_algorithm=key_algorithm_of(public_key_der),
            key_identifier=key_identifier_of(public_key_der),
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


def _shape(case: _Case) -> tuple[object, ...]:
    """All that pkilint can judge and our rules do not: kinds and order of parts, not values."""
    return (
        case.profile,  # the whole of it: a changed profile is looked at anew
        case.issuer.key_identifier,
        case.issuer.scheme.name,
        case.key_algorithm,
        tuple(tag for tag, _ in der.children(case.tbs[4][1])),  # UTCTime or GeneralizedTime
        tuple((attribute.oid, attribute.tag) for attribute in case.subject),
        tuple((e.oid, e.critical) for e in case.extensions.values()),
    )


@lru_cache(maxsize=4096)  # by its bytes: thousands of people share a few hundred units
def _attribute(relative_der: bytes) -> _Attribute:
    """The one attribute of this RelativeDistinguishedName; `ValueError` for more or none."""
    ((_, pair),) = der.children(relative_der)
    (_, oid), (tag, value) = der.children(pair)
    text = der.content(value).decode()
    has_id_number = ID_NUMBER.search(text) is not None
    return _Attribute(oid=_NAME_TYPES.get(oid), tag=tag, text=text, has_id_number=has_id_number)


@lru_cache(maxsize=4096)  # by its bytes: most are the same in all certificates of a profile
def _extension(extension_der: bytes) -> _Extension:
    (_, oid), *flag, (_, value) = der.children(extension_der)
    if flag not in ([], [_TRUE]):
        raise ValueError("an extension of other parts than RFC 5280 section 4.1 gives it")
    return _Extension(oid=oid, critical=bool(flag), value=der.content(value))


_TRUE = (der.BOOLEAN, bytes((der.BOOLEAN, 1, 0xFF)))


@lru_cache(maxsize=64)
def _wanted(issuer: Issuer, profile: Profile) -> dict[bytes, _Extension]:
    """The extensions all certificates of the profile share, as cryptography writes them."""
    addresses = [
        (AuthorityInformationAccessOID.CA_ISSUERS, issuer.addresses.certificate("issuing"))
    ]
    if profile.revocation_addresses:
        addresses.append((AuthorityInformationAccessOID.OCSP, issuer.addresses.ocsp()))
    purposes = [x509.ObjectIdentifier(oid) for oid in profile.extended_key_usage]
    policy = x509.PolicyInformation(x509.ObjectIdentifier(profile.policy), None)
    wanted: list[tuple[x509.ExtensionType, bool]] = [
        (x509.KeyUsage(*(bit in profile.key_usage for bit in _USAGE_BITS)), True),
        (x509.ExtendedKeyUsage(purposes), profile.extended_key_usage_critical),
        (x509.AuthorityKeyIdentifier(issuer.key_identifier, None, None), False),
        (x509.CertificatePolicies([policy]), False),
        (
            x509.AuthorityInformationAccess(
                x509.AccessDescription(oid, x509.UniformResourceIdentifier(url))
                for oid, url in addresses
            ),
            False,
        ),
    ]
    if profile.ocsp_no_check:
        wanted.append((x509.OCSPNoCheck(), False))
    made = [_as_written(value, critical) for value, critical in wanted]
    return {extension.oid: extension for extension in made}


@lru_cache(maxsize=MAX_SHARDS)
def _crl_point(address: str) -> _Extension:
    """The distribution point of this address, as cryptography writes it."""
    name = x509.UniformResourceIdentifier(address)
    point = x509.CRLDistributionPoints([x509.DistributionPoint([name], None, None, None)])
    return _as_written(point, critical=False)


def _as_written(value: x509.ExtensionType, critical: bool) -> _Extension:
    oid = der.oid(value.oid.dotted_string)
    return _Extension(oid=oid, critical=critical, value=value.public_bytes())


# The rules -----------------------------------------------------------------------------------


@rule("RFC 5280 section 4.1.2.1")
def version_is_3(case: _Case) -> bool:
    return case.certificate.version is x509.Version.v3


@rule("RFC 5280 section 4.1.2.2")
def serial_is_positive_random_and_at_most_20_octets(case: _Case) -> bool:
    # 64 bits of output of a CSPRNG at least, so a shorter number is as good as guessed.
    return 64 <= case.serial.bit_length() <= 159


@rule("RFC 5280 sections 4.1.1.2 and 4.1.2.3")
def signature_algorithm_is_the_issuers(case: _Case) -> bool:
    return case.tbs[2][1] == case.issuer.scheme.algorithm_der


@rule("RFC 5280 section 4.1.2.4")
def issuer_is_the_ca_byte_for_byte(case: _Case) -> bool:
    return case.tbs[3][1] == case.issuer.name_der


@rule("RFC 5280 section 4.1.2.5; Decree 68/2024/NĐ-CP article 9")
def validity_fits_the_profile_and_the_issuer(case: _Case) -> bool:
    start, end = case.certificate.not_valid_before_utc, case.certificate.not_valid_after_utc
    inclusive_seconds = (end - start).total_seconds() + 1  # the last second counts
    first, last = case.issuer.validity
    return (
        0 < inclusive_seconds <= case.profile.validity_days * 86400
        and first <= start <= end <= last
    )


@rule("RFC 5280 section 4.1.2.4 and appendix A.1")
def subject_strings_are_utf8_and_within_bounds(case: _Case) -> bool:
    country, *others = case.subject
    return (
        country.tag == der.PRINTABLE_STRING
        and all(attribute.tag == der.UTF8_STRING for attribute in others)
        and all(a.oid and 0 < len(a.text) <= UPPER_BOUNDS[a.oid] for a in case.subject)
    )


@rule("domain.md 2.2 and D4")
def subject_has_only_c_l_o_ou_cn_in_order(case: _Case) -> bool:
    return _is_in_order(tuple(attribute.oid for attribute in case.subject))


@lru_cache(maxsize=64)
def _is_in_order(oids: tuple[x509.ObjectIdentifier | None, ...]) -> bool:
    places = [_NAME_ORDER.index(oid) if oid else -1 for oid in oids]
    unit = _NAME_ORDER.index(NameOID.ORGANIZATIONAL_UNIT_NAME)
    others = [place for place in range(len(_NAME_ORDER)) if place != unit]
    return places == sorted(places) and [p for p in places if p != unit] == others


@rule("domain.md D4 and R2")
def no_id_number_in_the_subject(case: _Case) -> bool:
    return not any(attribute.has_id_number for attribute in case.subject)


@rule("RFC 5280 section 4.2.1.3")
def key_usage_is_critical_and_the_profiles(case: _Case) -> bool:
    return case.extensions.get(_KEY_USAGE) == case.wanted.get(_KEY_USAGE)


@rule("RFC 5280 section 4.2.1.12; RFC 9336 section 3; RFC 3161 section 2.3; RFC 6960 4.2.2.2")
def extended_key_usage_is_the_profiles(case: _Case) -> bool:
    return case.extensions.get(_PURPOSES) == case.wanted.get(_PURPOSES)


@rule("RFC 5280 section 4.2.1.2")
def subject_key_identifier_is_the_keys(case: _Case) -> bool:
    found = case.extensions.get(_SUBJECT_KEY_ID)
    expected = der.tlv(der.OCTET_STRING, case.key_identifier)
    return found is not None and not found.critical and found.value == expected


@rule("RFC 5280 section 4.2.1.1")
def authority_key_identifier_is_the_issuers(case: _Case) -> bool:
    return case.extensions.get(_AUTHORITY_KEY_ID) == case.wanted.get(_AUTHORITY_KEY_ID)


@rule("RFC 5280 section 4.2.1.6")
def alternative_name_is_one_mailbox_where_there_is_one(case: _Case) -> bool:
    found = case.extensions.get(_ALTERNATIVE_NAME)
    if found is None:
        return case.profile.kind != "person"
    ((tag, name),) = der.children(found.value)
    return (
        not found.critical
        and case.profile.kind not in ("ocsp", "tsa")
        and tag == 0x81  # rfc822Name
        and EMAIL.fullmatch(der.content(name).decode("ascii")) is not None
    )


@rule("RFC 5280 section 4.2.1.4")
def policy_is_the_profiles(case: _Case) -> bool:
    return case.extensions.get(_POLICIES) == case.wanted.get(_POLICIES)


@rule("RFC 5280 section 4.2.2.1; RFC 6960 section 4.2.2.2.1")
def issuer_and_responder_have_their_addresses(case: _Case) -> bool:
    return case.extensions.get(_ADDRESSES) == case.wanted.get(_ADDRESSES)


@rule("RFC 5280 section 4.2.1.13")
def crl_is_where_the_serial_will_be_listed(case: _Case) -> bool:
    found = case.extensions.get(_CRL_POINTS)
    if not case.profile.revocation_addresses:
        return found is None
    return found == _crl_point(case.issuer.crl_address(case.serial))


@rule("RFC 6960 section 4.2.2.2.1")
def no_check_is_the_profiles(case: _Case) -> bool:
    return case.extensions.get(_NO_CHECK) == case.wanted.get(_NO_CHECK)


@rule("RFC 5280 section 4.2: none twice, none unknown; 4.2.1.9: it is no CA")
def no_other_extension(case: _Case) -> bool:
    return case.extensions.keys() <= _KNOWN and len(case.extensions) == case.extension_count


@rule("TS 119 312 section 6; certs/profiles.toml")
def key_is_of_an_allowed_kind(case: _Case) -> bool:
    return case.key_algorithm in case.profile.key_algorithms


@rule("RFC 5280 section 6: a subscriber must not hold its issuer's key")
def key_is_not_the_issuers(case: _Case) -> bool:
    return case.key_identifier != case.issuer.key_identifier
