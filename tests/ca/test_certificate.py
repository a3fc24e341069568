"""Certificates of every profile: the same bytes as cryptography's builder makes from the same
facts, and what openssl, GnuTLS and pkilint say of them."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from signer.ca import ProfileSet, SubjectFacts, load_profiles
from signer.ca.certificate import (
    CaKey,
    Issuer,
    key_identifier,
    last_second,
    new_serial,
    shard_of,
    sign_tbs,
)
from signer.ca.lint import findings
from signer.ca.pkilinter import pkilint_findings
from signer.ca.profiles import Profile
from signer.ca.schemes import SCHEMES, USUAL, SignatureScheme
from signer.errors import Invalid, SignerError
from tests.ca.drafting import (
    ADDRESSES,
    NOW,
    drafted,
    issuer_of,
    software_hierarchy,
    software_key,
    spki,
    subject_for,
)
from tests.ca.factory import facts, openssl, public_key_der

PROFILES = load_profiles()
USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


@pytest.fixture(scope="module")
def keys() -> dict[str, CaKey]:
    return {kind: software_key({"rsa": "rsa3072"}.get(kind, kind)) for kind in USUAL}


def by_builder(builder: x509.CertificateBuilder, key: CaKey, scheme: SignatureScheme) -> bytes:
    digest = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384()}[scheme.hash_name]
    salt = padding.PSS(padding.MGF1(digest), digest.digest_size) if scheme.is_pss else None
    signed = builder.sign(key, digest, rsa_padding=salt)  # type: ignore[arg-type]
    return signed.tbs_certificate_bytes


def subject_by_builder(subject: SubjectFacts) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.LOCALITY_NAME, subject.locality),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, subject.organisation),
            *(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, u) for u in subject.units),
            x509.NameAttribute(NameOID.COMMON_NAME, subject.common_name),
        ]
    )


def usage(*bits: str) -> x509.KeyUsage:
    return x509.KeyUsage(*(bit in bits for bit in USAGES))


def addresses(*described: tuple[x509.ObjectIdentifier, str]) -> x509.AuthorityInformationAccess:
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(oid, x509.UniformResourceIdentifier(url)) for oid, url in described]
    )


def list_at(url: str) -> x509.CRLDistributionPoints:
    name = x509.UniformResourceIdentifier(url)
    return x509.CRLDistributionPoints([x509.DistributionPoint([name], None, None, None)])


def twin(
    issuer: Issuer, profile: Profile, key: CaKey, subject: SubjectFacts, **fields: object
) -> bytes:
    """The TBS that cryptography's builder makes for the same facts."""
    public_key = load_der_public_key(fields["public_key_der"])  # type: ignore[arg-type]
    serial = fields["serial"]
    builder = x509.CertificateBuilder(
        issuer_name=issuer.certificate.subject,
        subject_name=subject_by_builder(subject),
        public_key=public_key,  # type: ignore[arg-type]
        serial_number=serial,  # type: ignore[arg-type]
        not_valid_before=fields["not_before"],  # type: ignore[arg-type]
        not_valid_after=fields["not_after"],  # type: ignore[arg-type]
    )
    issuers = [(AuthorityInformationAccessOID.CA_ISSUERS, ADDRESSES.certificate("issuing"))]
    if profile.revocation_addresses:
        issuers.append((AuthorityInformationAccessOID.OCSP, ADDRESSES.ocsp()))
    purposes = [x509.ObjectIdentifier(oid) for oid in profile.extended_key_usage]
    policy = x509.PolicyInformation(x509.ObjectIdentifier(profile.policy), None)
    wanted: list[tuple[x509.ExtensionType, bool]] = [
        (usage(*profile.key_usage), True),
        (x509.ExtendedKeyUsage(purposes), profile.extended_key_usage_critical),
        (x509.AuthorityKeyIdentifier(key_identifier(issuer.certificate), None, None), False),
        (x509.CertificatePolicies([policy]), False),
        (addresses(*issuers), False),
    ]
    if profile.ocsp_no_check:
        wanted.append((x509.OCSPNoCheck(), False))
    if profile.revocation_addresses:
        shard = shard_of(serial, issuer.crl_shards)  # type: ignore[arg-type]
        url = ADDRESSES.crl("issuing") if shard is None else ADDRESSES.crl_shard(shard)
        wanted.append((list_at(url), False))
    wanted.append((x509.SubjectKeyIdentifier.from_public_key(public_key), False))  # type: ignore[arg-type]
    if subject.email is not None:
        wanted.append((x509.SubjectAlternativeName([x509.RFC822Name(subject.email)]), False))
    for value, critical in wanted:
        builder = builder.add_extension(value, critical)
    return by_builder(builder, key, issuer.scheme)


@pytest.mark.parametrize("profile", PROFILES.profiles.values(), ids=PROFILES.profiles)
@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_the_bytes_are_the_builders(
    scheme: SignatureScheme, profile: Profile, keys: dict[str, CaKey]
) -> None:
    _, certificate = software_hierarchy(keys[scheme.key], scheme, PROFILES)
    issuer = issuer_of(certificate, PROFILES, scheme)
    for subject_key in keys.values():
        fields: dict[str, object] = {
            "public_key_der": spki(subject_key),
            "serial": new_serial(),
            "not_before": NOW,
            "not_after": last_second(NOW, profile.validity_days),
        }
        subject = subject_for(profile)
        draft = drafted(issuer, profile, subject=subject, **fields)
        assert draft.tbs_der == twin(issuer, profile, keys[scheme.key], subject, **fields)


LETTERS = st.text("AĂÂBCDĐEÊNguyễnThịÁnhƯƠỦ", min_size=1)
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(  # noqa: DTZ001  # below
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)


@settings(max_examples=150, deadline=None)
@given(
    common_name=LETTERS.filter(lambda text: len(text) <= 64),
    locality=LETTERS.filter(lambda text: len(text) <= 128),
    units=st.lists(LETTERS.filter(lambda text: len(text) <= 64), max_size=4).map(tuple),
    email=st.none()
    | st.from_regex(r"[a-z0-9]{1,40}(\.[a-z]{1,20})?@([a-z]{1,60}\.){1,3}vn", fullmatch=True),
    serial=st.integers(1, (1 << 159) - 1),
    shards=st.sampled_from([0, 1, 7, 128]),
    not_before=INSTANTS,
    not_after=INSTANTS,
)
def test_the_bytes_are_the_builders_for_any_facts(
    common_name: str,
    locality: str,
    units: tuple[str, ...],
    email: str | None,
    serial: int,
    shards: int,
    not_before: datetime,
    not_after: datetime,
) -> None:
    """Lengths at both sides of 127 and 255, times at both sides of 2050, serials of any size."""
    first, last = sorted((not_before, not_after))
    issuer = replace(_P256_ISSUER, crl_shards=shards)
    profile = PROFILES.profile_of("organisation-seal")
    subject = facts(common_name=common_name, locality=locality, units=units, email=email)
    fields: dict[str, object] = {
        "public_key_der": _KEY_DER,
        "serial": serial,
        "not_before": first,
        "not_after": last,
    }
    draft = drafted(issuer, profile, subject=subject, **fields)
    assert draft.tbs_der == twin(issuer, profile, _P256_KEY, subject, **fields)


_KEY_DER = public_key_der()
_P256_KEY = software_key("p256")
_P256_ISSUER = issuer_of(
    software_hierarchy(_P256_KEY, SCHEMES["ecdsa-sha256"], PROFILES)[1], PROFILES
)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_the_bytes_of_both_cas_are_the_builders(
    scheme: SignatureScheme, keys: dict[str, CaKey]
) -> None:
    key = keys[scheme.key]
    public_key = key.public_key()
    root, issuing = software_hierarchy(key, scheme, PROFILES)
    ski = x509.SubjectKeyIdentifier.from_public_key(public_key)
    any_policy = x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)
    caissuers = (AuthorityInformationAccessOID.CA_ISSUERS, ADDRESSES.certificate("root"))
    own: list[tuple[x509.ExtensionType, bool]] = [
        (ski, False),
        (x509.BasicConstraints(ca=True, path_length=None), True),
        (usage("key_cert_sign", "crl_sign"), True),
    ]
    below: list[tuple[x509.ExtensionType, bool]] = [
        (ski, False),
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (usage("key_cert_sign", "crl_sign"), True),
        (x509.AuthorityKeyIdentifier(key_identifier(root), None, None), False),
        (x509.CertificatePolicies([any_policy]), False),
        (addresses(caissuers), False),
        (list_at(ADDRESSES.crl("root")), False),
    ]
    for made, days, wanted in ((root, 7300, own), (issuing, 3650, below)):
        builder = x509.CertificateBuilder(
            root.subject,
            made.subject,
            public_key,
            made.serial_number,
            NOW,
            last_second(NOW, days),
        )
        for value, critical in wanted:
            builder = builder.add_extension(value, critical)
        assert made.tbs_certificate_bytes == by_builder(builder, key, scheme)


@pytest.mark.parametrize("profile", PROFILES.profiles.values(), ids=PROFILES.profiles)
@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_second_readers_accept_every_profile_under_every_scheme(
    scheme: SignatureScheme, profile: Profile, keys: dict[str, CaKey], tmp_path: Path
) -> None:
    key = keys[scheme.key]
    now = datetime.now(UTC).replace(microsecond=0)  # certtool knows no other time
    root, certificate = software_hierarchy(key, scheme, PROFILES, at=now - timedelta(days=1))
    issuer = issuer_of(certificate, PROFILES, scheme)
    start = now - timedelta(hours=1)
    end = last_second(start, profile.validity_days)
    draft = drafted(issuer, profile, not_before=start, not_after=end)
    leaf = x509.load_der_x509_certificate(
        sign_tbs(key, draft.tbs_der, issuer.public_key, issuer.scheme)
    )
    assert findings(draft.specimen_der, issuer, profile) == ()
    for made in (leaf, certificate, root):
        assert pkilint_findings(made.public_bytes(Encoding.DER)) == ()
    chain = [made.public_bytes(Encoding.PEM) for made in (leaf, certificate, root)]
    files = [tmp_path / name for name in ("leaf.pem", "issuing.pem", "root.pem", "chain.pem")]
    for file, pem in zip(files, (*chain, b"".join(chain)), strict=True):
        file.write_bytes(pem)
    purpose = {"ocsp": "ocsphelper", "tsa": "timestampsign"}.get(profile.kind, "any")
    # RFC 5280 4.1.2.5 counts the last second in; openssl leaves it out.
    last = int(leaf.not_valid_after_utc.timestamp()) - 1
    done = openssl(
        *("verify", "-x509_strict", "-purpose", purpose, "-attime", last),
        *("-CAfile", files[2], "-untrusted", files[1], files[0]),
    )
    assert done.returncode == 0, done.stderr
    read = subprocess.run(
        ["certtool", "--verify-chain", "--infile", files[3]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert read.returncode == 0, read.stdout + read.stderr
    assert "Chain verification output: Verified." in read.stdout


@pytest.mark.parametrize("name", PROFILES.profiles)
def test_no_profile_takes_an_id_number_or_a_control_character(name: str) -> None:
    profile = PROFILES.profile_of(name)
    good = subject_for(profile)
    for spoiled in ("Ánh 001234567890", "Ánh 123456789", "Ánh\x00", "", "A\u202eB", "Á" * 65):
        for field, value in (
            ("common_name", spoiled),
            ("organisation", spoiled),
            ("units", (spoiled,)),
        ):
            with pytest.raises(Invalid):
                drafted(_P256_ISSUER, profile, subject=replace(good, **{field: value}))


def test_a_person_without_an_address_gets_none_and_a_role_with_one_fails_the_lint() -> None:
    person = PROFILES.profile_of("personal-signature")
    with pytest.raises(Invalid):
        drafted(_P256_ISSUER, person, subject=facts(email=None))
    for name in ("ocsp-signer", "tsa-signer"):
        profile = PROFILES.profile_of(name)
        subject = replace(subject_for(profile), email="vai.tro@hanoi.gov.vn")
        draft = drafted(_P256_ISSUER, profile, subject=subject)
        assert [f.rule for f in findings(draft.specimen_der, _P256_ISSUER, profile)] == [
            "alternative_name_is_one_mailbox_where_there_is_one"
        ]


def test_a_signature_that_does_not_verify_is_never_handed_out() -> None:
    """The HSM's key is not the one of the CA's certificate, or the scheme not the bytes' own."""
    draft = drafted(_P256_ISSUER, PROFILES.profile_of("personal-signature"))
    with pytest.raises(SignerError):
        sign_tbs(software_key("p256"), draft.tbs_der, _P256_ISSUER.public_key)
    with pytest.raises(ValueError, match="AlgorithmIdentifier"):
        sign_tbs(
            _P256_KEY,
            draft.tbs_der.replace(b"\x04\x03\x02", b"\x04\x03\x04", 1),
            _P256_KEY.public_key(),
        )


def test_serials_spread_over_all_shards_and_none_without_shards(profiles: ProfileSet) -> None:
    shards = {shard_of(new_serial(), 16) for _ in range(1000)}
    assert shards == set(range(16))
    assert shard_of(new_serial(), 0) is None
    serials = sorted(new_serial() for _ in range(100))
    assert all(b - a > 1 << 64 for a, b in pairwise(serials))
