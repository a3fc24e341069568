"""The profiles as they stand, and every kind of nonsense that is refused when they are loaded."""

from pathlib import Path

import pytest

from signer.ca import load_profiles
from signer.ca.profiles import OCSP_SIGNING, PROFILES, TIME_STAMPING
from signer.ca.schemes import SCHEMES
from signer.errors import ConfigError, Invalid

TEXT = PROFILES.read_text(encoding="utf-8")
SEAL_KEYS = '"1.3.6.1.4.1.32473.1.2"\nkey_algorithms = ["p256", "p384", "rsa3072", "rsa4096"]'


def test_the_profiles_are_the_ones_the_rules_ask_for() -> None:
    profiles = load_profiles()
    assert {(p.name, p.kind, p.validity_days) for p in profiles.profiles.values()} == {
        ("personal-signature", "person", 1825),
        ("personal-extension", "person", 1095),
        ("organisation-seal", "organisation", 1825),
        ("system-device", "system", 1825),
        ("ocsp-signer", "ocsp", 365),
        ("tsa-signer", "tsa", 1825),
    }
    ocsp, tsa = profiles.profile_of("ocsp-signer"), profiles.profile_of("tsa-signer")
    assert (ocsp.extended_key_usage, ocsp.ocsp_no_check) == ((OCSP_SIGNING,), True)
    assert (tsa.extended_key_usage, tsa.extended_key_usage_critical) == ((TIME_STAMPING,), True)
    assert (profiles.issuing.crl_shards, profiles.issuing.crl_seconds) == (128, 86400)
    assert profiles.tsa.hashes == ("sha256", "sha384", "sha512")


def test_a_profile_nobody_wrote_is_not_found() -> None:
    with pytest.raises(Invalid):
        load_profiles().profile_of("personal")


NONSENSE = [  # (what is written, what stands there instead)
    ("validity_days = 1825", "validity_days = 1826"),
    ("validity_days = 1825", "validity_days = 0"),
    ("validity_days = 1825", "validity_days = true"),
    ("validity_days = 1825", 'validity_days = "1825"'),
    ("validity_days = 1095", "validity_days = 1096"),
    ("validity_days = 365 ", "validity_days = 367 "),
    ('kind = "person"', 'kind = "official"'),
    ('kind = "person"\n', ""),
    ('kind = "system"', 'kind = "person"'),
    ('kind = "ocsp"', 'kind = "system"'),
    ('kind = "tsa"', 'kind = "system"'),
    ('kind = "tsa"', 'kind = "ocsp"'),
    ('["digital_signature", "content_commitment"]', '["digital_signature"]'),
    ('["digital_signature", "content_commitment"]', '["digital_signature", "key_cert_sign"]'),
    ('["digital_signature", "content_commitment"]', "[]"),
    ('["digital_signature", "content_commitment"]', '"digital_signature"'),
    ('["digital_signature", "content_commitment"]', '["content_commitment", "content_commitment"]'),
    ('["1.3.6.1.5.5.7.3.36"]', '["documentSigning"]'),
    ('["1.3.6.1.5.5.7.3.36"]', '["1.3.6.1.5.5.7.3.4"]'),
    ('["1.3.6.1.5.5.7.3.36"]', '["1.3.6.1.5.5.7.3.36", "1.3.6.1.5.5.7.3.8"]'),
    ('["1.3.6.1.5.5.7.3.36"]', '["1.3.6.1.5.5.7.3.36", "2.5.29.37.0"]'),
    ('["1.3.6.1.5.5.7.3.36"]', "[36]"),
    ('["1.3.6.1.5.5.7.3.8"]', '["1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.2"]'),
    ('["1.3.6.1.5.5.7.3.9"]', '["1.3.6.1.5.5.7.3.9", "1.3.6.1.5.5.7.3.2"]'),
    ("extended_key_usage_critical = true", "extended_key_usage_critical = false"),
    ("extended_key_usage_critical = true", "extended_key_usage_critical = 1"),
    ("ocsp_no_check = true", "ocsp_no_check = false"),
    ("revocation_addresses = false", "revocation_addresses = true"),
    ('policy = "1.3.6.1.4.1.32473.1.1"', 'policy = "anyPolicy"'),
    ('policy = "1.3.6.1.4.1.32473.1.1"', 'policy = "1.3.6.1.4.1.032473"'),
    ('policy = "1.3.6.1.4.1.32473.1.1"', 'policy = "1.40.1"'),
    ('policy = "1.3.6.1.4.1.32473.1.1"', 'policy = "2.25.340282366920938463463374607431"'),
    ('policy = "1.3.6.1.4.1.32473.1.1"', "policy = 1.3"),
    (SEAL_KEYS, SEAL_KEYS.replace("p384", "p521")),
    (SEAL_KEYS, SEAL_KEYS.replace("rsa3072", "rsa2048")),
    ("crl_hours = 24", 'crl_hours = 24\nsignature = "ecdsa-sha1"'),
    ("crl_hours = 24", 'crl_hours = 24\nkey = "p256"'),
    ("crl_hours = 24\n", ""),
    ("crl_shards = 128", "crl_shards = -1"),
    ("crl_shards = 128", "crl_shards = 5000"),
    ("crl_shards = 128", "crl_shard = 128"),
    ("crl_hours = 24", "crl_hours = 0"),
    ("crl_hours = 24", "crl_hours = 24.5"),
    ("answer_seconds = 43200", "answer_seconds = 0"),
    ("max_age_seconds = 60 ", "max_age_seconds = 43201 "),
    ("accuracy_seconds = 1", "accuracy_seconds = 0"),
    ('policy_oid = "1.3.6.1.4.1.32473.2.1"', 'policy_oid = "1"'),
    ('["sha256", "sha384", "sha512"]', '["sha1"]'),
    ("[tsa]", "[stamps]"),
    ("[ocsp]", "[ocsp"),
    ("[issuing]", "colour = 1\n[issuing]"),
    ("[issuing]", "issuing = 1\n[root]"),
]


@pytest.mark.parametrize(("written", "nonsense"), NONSENSE)
def test_nonsense_is_refused_when_loaded(tmp_path: Path, written: str, nonsense: str) -> None:
    assert written in TEXT
    file = tmp_path / "profiles.toml"
    file.write_text(TEXT.replace(written, nonsense, 1), encoding="utf-8")
    with pytest.raises(ConfigError):
        load_profiles(file)


@pytest.mark.parametrize("signature", SCHEMES)
def test_the_issuing_ca_signs_by_any_scheme_of_ours(tmp_path: Path, signature: str) -> None:
    """Whether it fits its key shows when the service starts."""
    file = tmp_path / "profiles.toml"
    wanted = f'[issuing]\nsignature = "{signature}"'
    file.write_text(TEXT.replace("[issuing]", wanted, 1), encoding="utf-8")
    assert load_profiles(file).issuing.signature == signature


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load_profiles(tmp_path / "none.toml")
