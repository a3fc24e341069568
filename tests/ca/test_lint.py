"""Each rule catches the certificate that breaks it; the good one passes them all."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from signer.ca import ProfileSet
from signer.ca.certificate import Addresses, Issuer, new_serial
from signer.ca.lint import SAMPLE_OF, findings, require_clean
from signer.ca.pkilinter import pkilint_findings
from signer.errors import Invalid
from tests.ca.drafting import ADDRESSES, NOW, drafted, issuer_of, software_key, spki
from tests.ca.factory import facts
from tests.ca.hierarchies import Hierarchy

Builder = x509.CertificateBuilder
KEY = ec.generate_private_key(ec.SECP256R1())
THROW_AWAY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def issuer(hierarchy: Hierarchy, profiles: ProfileSet) -> Issuer:
    return issuer_of(hierarchy.issuing, profiles)


@pytest.fixture(scope="module")
def good(issuer: Issuer, profiles: ProfileSet) -> x509.Certificate:
    draft = drafted(issuer, profiles.profile_of("personal-signature"))
    return x509.load_der_x509_certificate(draft.specimen_der)


def remade(good: x509.Certificate, hash_: object = None, **changes: object) -> bytes:
    """The good certificate with some of the builder's fields, or one extension, changed.

    `drop` names an extension to leave out; `extension` is one to put in its place (or to add),
    `critical` turns the criticality of `drop`'s around.
    """
    drop = changes.pop("drop", None)
    extra = changes.pop("extension", None)
    flip = changes.pop("flip", None)
    fields: dict[str, object] = {
        "issuer_name": good.issuer,
        "subject_name": good.subject,
        "public_key": good.public_key(),
        "serial_number": good.serial_number,
        "not_valid_before": good.not_valid_before_utc,
        "not_valid_after": good.not_valid_after_utc,
    }
    builder = Builder(**(fields | changes))  # type: ignore[arg-type]
    for extension in good.extensions:
        if drop is not None and isinstance(extension.value, drop):  # type: ignore[arg-type]
            continue
        critical = extension.critical ^ (flip is not None and isinstance(extension.value, flip))  # type: ignore[arg-type]
        builder = builder.add_extension(extension.value, critical=critical)
    if extra is not None:
        builder = builder.add_extension(extra, critical=isinstance(extra, x509.BasicConstraints))  # type: ignore[arg-type]
    signed = builder.sign(THROW_AWAY, hash_ or hashes.SHA256())  # type: ignore[arg-type]
    return signed.public_bytes(Encoding.DER)


def named(*parts: x509.NameAttribute[str]) -> x509.Name:
    return x509.Name(parts)


def part(oid: x509.ObjectIdentifier, value: str, **options: object) -> x509.NameAttribute[str]:
    return x509.NameAttribute(oid, value, **options)  # type: ignore[arg-type]


C, L = part(NameOID.COUNTRY_NAME, "VN"), part(NameOID.LOCALITY_NAME, "Hà Nội")
ORG, CN = part(NameOID.ORGANIZATION_NAME, "UBND"), part(NameOID.COMMON_NAME, "Ánh")
SIGNING_ONLY = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
ECDH = x509.KeyUsage(True, True, False, False, True, False, False, False, False)

SPOILED: list[tuple[str, Callable[[x509.Certificate], dict[str, object]]]] = [
    ("serial_is_positive_random_and_at_most_20_octets", lambda _: {"serial_number": 4711}),
    ("signature_algorithm_is_the_issuers", lambda _: {"hash_": hashes.SHA384()}),
    ("issuer_is_the_ca_byte_for_byte", lambda _: {"issuer_name": named(C, CN)}),
    (
        "validity_fits_the_profile_and_the_issuer",
        lambda g: {"not_valid_after": g.not_valid_after_utc + timedelta(seconds=1)},
    ),
    (
        "validity_fits_the_profile_and_the_issuer",
        lambda g: {"not_valid_before": NOW - timedelta(days=9), "not_valid_after": NOW},
    ),
    (
        "subject_strings_are_utf8_and_within_bounds",
        lambda _: {
            "subject_name": named(
                C, L, ORG, part(NameOID.COMMON_NAME, "Anh", _type=_ASN1Type.PrintableString)
            )
        },
    ),
    ("subject_has_only_c_l_o_ou_cn_in_order", lambda _: {"subject_name": named(C, L, ORG)}),
    ("subject_has_only_c_l_o_ou_cn_in_order", lambda _: {"subject_name": named(C, ORG, L, CN)}),
    (
        "subject_has_only_c_l_o_ou_cn_in_order",
        lambda _: {"subject_name": named(C, L, ORG, CN, part(NameOID.TITLE, "Chủ tịch"))},
    ),
    (
        "no_id_number_in_the_subject",
        lambda _: {"subject_name": named(C, L, ORG, part(NameOID.COMMON_NAME, "Ánh 001234567890"))},
    ),
    ("key_usage_is_critical_and_the_profiles", lambda _: {"drop": x509.KeyUsage}),
    ("key_usage_is_critical_and_the_profiles", lambda _: {"flip": x509.KeyUsage}),
    (
        "key_usage_is_critical_and_the_profiles",
        lambda _: {"drop": x509.KeyUsage, "extension": SIGNING_ONLY},
    ),
    (
        "key_usage_is_critical_and_the_profiles",
        lambda _: {"drop": x509.KeyUsage, "extension": ECDH},
    ),
    (
        "extended_key_usage_is_the_profiles",
        lambda _: {
            "drop": x509.ExtendedKeyUsage,
            "extension": x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),
        },
    ),
    (
        "no_other_extension",
        lambda _: {"extension": x509.BasicConstraints(ca=True, path_length=None)},
    ),
    (
        "subject_key_identifier_is_the_keys",
        lambda _: {
            "drop": x509.SubjectKeyIdentifier,
            "extension": x509.SubjectKeyIdentifier(b"x" * 20),
        },
    ),
    (
        "authority_key_identifier_is_the_issuers",
        lambda _: {
            "drop": x509.AuthorityKeyIdentifier,
            "extension": x509.AuthorityKeyIdentifier(b"x" * 20, None, None),
        },
    ),
    (
        "alternative_name_is_one_mailbox_where_there_is_one",
        lambda _: {
            "drop": x509.SubjectAlternativeName,
            "extension": x509.SubjectAlternativeName([x509.DNSName("hanoi.gov.vn")]),
        },
    ),
    ("policy_is_the_profiles", lambda _: {"drop": x509.CertificatePolicies}),
    (
        "issuer_and_responder_have_their_addresses",
        lambda _: {"drop": x509.AuthorityInformationAccess},
    ),
    ("crl_is_where_the_serial_will_be_listed", lambda _: {"drop": x509.CRLDistributionPoints}),
    ("no_check_is_the_profiles", lambda _: {"extension": x509.OCSPNoCheck()}),
    (
        "no_other_extension",
        lambda _: {"extension": x509.TLSFeature([x509.TLSFeatureType.status_request])},
    ),
    (
        "crl_is_where_the_serial_will_be_listed",
        lambda g: {"serial_number": g.serial_number ^ 1},
    ),
    ("extended_key_usage_is_the_profiles", lambda _: {"flip": x509.ExtendedKeyUsage}),
    (
        "key_is_of_an_allowed_kind",
        lambda _: {"public_key": ec.generate_private_key(ec.SECP521R1()).public_key()},
    ),
]


def test_a_good_certificate_breaks_no_rule(
    good: x509.Certificate, issuer: Issuer, profiles: ProfileSet
) -> None:
    der = good.public_bytes(Encoding.DER)
    assert findings(der, issuer, profiles.profile_of("personal-signature")) == ()


@pytest.mark.parametrize(("rule", "spoil"), SPOILED)
def test_a_spoiled_certificate_breaks_the_rule(
    good: x509.Certificate,
    issuer: Issuer,
    profiles: ProfileSet,
    rule: str,
    spoil: Callable[[x509.Certificate], dict[str, object]],
) -> None:
    der = remade(good, **spoil(good))  # type: ignore[arg-type]
    found = findings(der, issuer, profiles.profile_of("personal-signature"))
    assert rule in {finding.rule for finding in found}
    assert all(finding.source for finding in found)


def test_bytes_that_are_no_certificate_are_one_finding(
    issuer: Issuer, profiles: ProfileSet
) -> None:
    profile = profiles.profile_of("personal-signature")
    for der in (b"", b"\x30\x03\x02\x01", b"not DER"):
        assert [f.rule for f in findings(der, issuer, profile)] == ["it_parses"]


def test_pkilint_is_asked_and_heard(good: x509.Certificate) -> None:
    """A negative path: what it objects to comes back as a finding."""
    der = remade(good, flip=x509.SubjectKeyIdentifier)
    assert pkilint_findings(der) != ()


OTHERS: list[tuple[str, str, Callable[[x509.Certificate], dict[str, object]]]] = [
    ("tsa-signer", "extended_key_usage_is_the_profiles", lambda _: {"flip": x509.ExtendedKeyUsage}),
    (
        "tsa-signer",
        "extended_key_usage_is_the_profiles",
        lambda _: {
            "drop": x509.ExtendedKeyUsage,
            "extension": x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CLIENT_AUTH]
            ),
        },
    ),
    ("ocsp-signer", "no_check_is_the_profiles", lambda _: {"drop": x509.OCSPNoCheck}),
    ("ocsp-signer", "no_check_is_the_profiles", lambda _: {"flip": x509.OCSPNoCheck}),
    (
        "ocsp-signer",
        "issuer_and_responder_have_their_addresses",
        lambda _: {
            "drop": x509.AuthorityInformationAccess,
            "extension": x509.AuthorityInformationAccess(
                [
                    x509.AccessDescription(oid, x509.UniformResourceIdentifier(url))
                    for oid, url in (
                        (
                            AuthorityInformationAccessOID.CA_ISSUERS,
                            ADDRESSES.certificate("issuing"),
                        ),
                        (AuthorityInformationAccessOID.OCSP, ADDRESSES.ocsp()),
                    )
                ]
            ),
        },
    ),
    (
        "ocsp-signer",
        "crl_is_where_the_serial_will_be_listed",
        lambda _: {
            "extension": x509.CRLDistributionPoints(
                [
                    x509.DistributionPoint(
                        [x509.UniformResourceIdentifier("http://other.example/x.crl")],
                        None,
                        None,
                        None,
                    )
                ]
            )
        },
    ),
    (
        "system-device",
        "alternative_name_is_one_mailbox_where_there_is_one",
        lambda _: {"extension": x509.SubjectAlternativeName([x509.RFC822Name("a@b")])},
    ),
    ("system-device", "key_usage_is_critical_and_the_profiles", lambda _: {"drop": x509.KeyUsage}),
    (
        "personal-extension",
        "validity_fits_the_profile_and_the_issuer",
        lambda g: {"not_valid_after": g.not_valid_after_utc + timedelta(seconds=1)},
    ),
]


@pytest.mark.parametrize(("name", "rule", "spoil"), OTHERS)
def test_the_other_profiles_are_held_to_their_own_rules(
    issuer: Issuer,
    profiles: ProfileSet,
    name: str,
    rule: str,
    spoil: Callable[[x509.Certificate], dict[str, object]],
) -> None:
    profile = profiles.profile_of(name)
    specimen_der = drafted(issuer, profile).specimen_der
    assert findings(specimen_der, issuer, profile) == ()
    good = x509.load_der_x509_certificate(specimen_der)
    spoiled = remade(good, **spoil(good))  # type: ignore[arg-type]
    assert rule in {finding.rule for finding in findings(spoiled, issuer, profile)}


@pytest.mark.parametrize("name", ["personal-signature", "organisation-seal", "ocsp-signer"])
def test_no_profile_passes_for_another(issuer: Issuer, profiles: ProfileSet, name: str) -> None:
    specimen_der = drafted(issuer, profiles.profile_of(name)).specimen_der
    for other in profiles.profiles.values():
        if other.name not in (name, "personal-extension"):
            assert findings(specimen_der, issuer, other) != ()


def test_pkilint_looks_at_every_new_shape_and_then_at_a_sample(
    hierarchy: Hierarchy, profiles: ProfileSet
) -> None:
    """Addresses that are no URI: our rules only compare them, pkilint reads them. The shape of
    the profile was seen by it with good ones, so it is the sample that finds them."""
    profile = replace(profiles.profile_of("personal-signature"), name=f"only here {new_serial()}")
    good = issuer_of(hierarchy.issuing, profiles)
    bad = replace(good, addresses=Addresses(base_url="not an address"))
    sampled = new_serial() // SAMPLE_OF * SAMPLE_OF
    first = drafted(bad, profile, serial=sampled + 1).specimen_der
    with pytest.raises(Invalid):  # a shape it never saw
        require_clean(first, bad, profile)
    require_clean(drafted(good, profile, serial=sampled + 1).specimen_der, good, profile)
    require_clean(first, bad, profile)
    with pytest.raises(Invalid):
        require_clean(drafted(bad, profile, serial=sampled).specimen_der, bad, profile)


def test_another_key_scheme_or_set_of_fields_is_another_shape(
    hierarchy: Hierarchy, profiles: ProfileSet
) -> None:
    profile = replace(profiles.profile_of("organisation-seal"), name=f"only here {new_serial()}")
    good = issuer_of(hierarchy.issuing, profiles)
    bad = replace(good, addresses=Addresses(base_url="not an address"))
    serial = new_serial() // SAMPLE_OF * SAMPLE_OF + 1
    require_clean(drafted(good, profile, serial=serial).specimen_der, good, profile)
    require_clean(drafted(bad, profile, serial=serial).specimen_der, bad, profile)
    shorter = drafted(bad, profile, serial=serial, not_after=NOW + timedelta(days=1))
    require_clean(shorter.specimen_der, bad, profile)  # another value, the same kinds of parts
    for change in (
        {"public_key_der": spki(software_key("p384"))},
        {"subject": facts(units=(), email=None)},
        {"subject": facts(units=("Văn phòng",))},
    ):
        draft = drafted(bad, profile, serial=serial, **change)
        with pytest.raises(Invalid):
            require_clean(draft.specimen_der, bad, profile)
