"""CA certificates and the root's list: as decided, byte for byte, and accepted by others."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from signer.ca.certificate import last_second, new_serial, sign_tbs, specimen_of
from signer.ca.hierarchy import (
    CA_REASONS,
    Above,
    CaFacts,
    RevokedCa,
    ca_tbs,
    differing,
    is_running_out,
    read_crl,
    root_crl_tbs,
    spki,
)
from signer.ca.hierarchy_lint import require_clean_ca
from signer.ca.names import ca_name
from signer.ca.schemes import SCHEMES, scheme_for
from signer.errors import Invalid
from tests.ca.factory import openssl

START = datetime(2026, 3, 2, 3, 4, 5, tzinfo=UTC)
ROOT_KEY, ISSUING_KEY = (
    ec.generate_private_key(ec.SECP384R1()),
    ec.generate_private_key(ec.SECP256R1()),
)
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=3072)
WEAK_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def name(common_name: str) -> bytes:
    return ca_name(country="VN", organisation="UBND", common_name=common_name).public_bytes()


def root_facts(key: Any = ROOT_KEY, scheme: str | None = None, **changes: Any) -> CaFacts:
    """A good root, but for the changes."""
    good = CaFacts(
        subject_der=name("CA gốc"),
        public_key_der=spki(key.public_key()),
        not_before=START,
        not_after=last_second(START, 7300),
        path_length=None,
        scheme=scheme_for(key.public_key(), scheme),
    )
    return replace(good, **changes)


def made(facts: CaFacts, key: Any) -> x509.Certificate:
    tbs = ca_tbs(facts, new_serial())
    return x509.load_der_x509_certificate(sign_tbs(key, tbs, key.public_key(), facts.scheme))


def below(root: x509.Certificate, key: Any = ISSUING_KEY, **changes: Any) -> CaFacts:
    """A good issuing CA, but for the changes."""
    good = CaFacts(
        subject_der=name("CA cấp"),
        public_key_der=spki(key.public_key()),
        not_before=START,
        not_after=last_second(START, 3650),
        path_length=0,
        scheme=scheme_for(root.public_key()),
        above=Above(
            certificate=root,
            certificate_address="http://ca.example/pki/root.cer",
            crl_address="http://ca.example/pki/root.crl",
        ),
    )
    return replace(good, **changes)


@pytest.mark.parametrize(
    ("key", "scheme"),
    [(ROOT_KEY, name) for name in SCHEMES if name == "ecdsa-sha384"]
    + [(ISSUING_KEY, "ecdsa-sha256")]
    + [(RSA_KEY, name) for name in SCHEMES if name.startswith("rsa")],
)
def test_every_scheme_makes_a_hierarchy_that_others_accept(
    key: Any, scheme: str, tmp_path: Path
) -> None:
    """pkilint and our rules before and after the signature, then openssl and GnuTLS."""
    facts = root_facts(key, scheme)
    tbs = ca_tbs(facts, new_serial())
    require_clean_ca(specimen_of(tbs, facts.scheme), None, is_specimen=True)
    root = x509.load_der_x509_certificate(sign_tbs(key, tbs, key.public_key(), facts.scheme))
    require_clean_ca(root.public_bytes(Encoding.DER), None)
    issuing = made(below(root, scheme=facts.scheme), key)
    require_clean_ca(issuing.public_bytes(Encoding.DER), root)
    (tmp_path / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
    (tmp_path / "issuing.pem").write_bytes(issuing.public_bytes(Encoding.PEM))
    verified = openssl(
        *("verify", "-x509_strict", "-check_ss_sig", "-CAfile", tmp_path / "root.pem"),
        tmp_path / "issuing.pem",
    )
    assert verified.returncode == 0, verified.stderr
    chain = subprocess.run(
        ["certtool", "--verify-chain"],
        input=issuing.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM),
        capture_output=True,
        check=False,
    )
    assert chain.returncode == 0, chain.stdout + chain.stderr


def test_the_last_second_of_validity_counts() -> None:
    """RFC 5280 section 4.1.2.5: 7300 days are that many, not one second more."""
    root = made(root_facts(), ROOT_KEY)
    length = root.not_valid_after_utc - root.not_valid_before_utc
    assert length + timedelta(seconds=1) == timedelta(days=7300)


def test_the_same_facts_and_serial_are_the_same_bytes() -> None:
    """What a ceremony that was cut had stored can be told from any other bytes."""
    serial = new_serial()
    assert ca_tbs(root_facts(), serial) == ca_tbs(root_facts(), serial)


OUTSIDE = [
    {"not_before": START - timedelta(seconds=1)},
    {"not_after": last_second(START, 7300) + timedelta(seconds=1)},
]


@pytest.mark.parametrize("changes", OUTSIDE)
def test_no_ca_is_valid_while_its_issuer_is_not(changes: dict[str, Any]) -> None:
    root = made(root_facts(), ROOT_KEY)
    with pytest.raises(Invalid):
        ca_tbs(below(root, **changes), new_serial())


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"subject_der": name("CA khác")}, "tên chủ thể"),
        ({"public_key_der": spki(RSA_KEY.public_key())}, "khóa"),
        ({"not_after": last_second(START, 3651)}, "thời hạn"),
        ({"path_length": 1}, "độ dài đường dẫn"),
        ({"scheme": SCHEMES["ecdsa-sha256"]}, "cách ký"),
    ],
)
def test_what_differs_is_named(changes: dict[str, Any], word: str) -> None:
    root = made(root_facts(), ROOT_KEY)
    issuing = made(below(root), ROOT_KEY)
    assert differing(issuing, below(root)) == []
    assert word in differing(issuing, below(root, **changes))


SPOILT = [
    ({"public_key_der": spki(WEAK_KEY.public_key())}, "key_is_strong_enough"),
    ({"path_length": None}, "path_length_is_below_the_issuers"),
    ({"path_length": 1}, "path_length_is_below_the_issuers"),
]


@pytest.mark.parametrize(("changes", "rule"), SPOILT)
def test_a_ca_that_breaks_a_rule_is_refused(changes: dict[str, Any], rule: str) -> None:
    root = made(root_facts(path_length=1), ROOT_KEY)
    issuing = made(below(root, **changes), ROOT_KEY)
    with pytest.raises(Invalid) as refused:
        require_clean_ca(issuing.public_bytes(Encoding.DER), root)
    assert refused.value.values["rule"] == rule


def test_a_ca_is_no_stronger_than_its_issuer() -> None:
    root = made(root_facts(ISSUING_KEY), ISSUING_KEY)
    stronger = made(below(root, ROOT_KEY), ISSUING_KEY)
    with pytest.raises(Invalid) as refused:
        require_clean_ca(stronger.public_bytes(Encoding.DER), root)
    assert refused.value.values["rule"] == "issuer_is_as_strong_as_what_it_certifies"


def test_a_ca_lives_twenty_years_at_most() -> None:
    """Decree 68/2024/NĐ-CP article 9."""
    root = made(root_facts(not_after=last_second(START, 7301)), ROOT_KEY)
    with pytest.raises(Invalid) as refused:
        require_clean_ca(root.public_bytes(Encoding.DER), None)
    assert refused.value.values["rule"] == "validity_is_at_most_20_years"


def test_a_flipped_bit_of_the_signature_is_found() -> None:
    root = made(root_facts(), ROOT_KEY)
    issuing = bytearray(made(below(root), ROOT_KEY).public_bytes(Encoding.DER))
    issuing[-1] ^= 1
    with pytest.raises(Invalid):
        require_clean_ca(bytes(issuing), root)


def test_pkilint_is_in_the_gate() -> None:
    """What none of our rules looks at is refused too: an end before the beginning."""
    root = made(root_facts(not_after=START - timedelta(days=1)), ROOT_KEY)
    with pytest.raises(Invalid) as refused:
        require_clean_ca(root.public_bytes(Encoding.DER), None)
    assert refused.value.values["source"] == "pkilint"


@pytest.mark.parametrize("reason", CA_REASONS)
def test_the_roots_list_reads_back(reason: str, tmp_path: Path) -> None:
    """Every reason that fits a CA, read by openssl, GnuTLS and cryptography."""
    root = made(root_facts(), ROOT_KEY)
    revoked = RevokedCa(serial=new_serial(), reason=reason, at=START)
    tbs = root_crl_tbs(
        root,
        scheme_for(root.public_key()),
        number=7,
        this_update=START,
        next_update=START + timedelta(days=365),
        revoked=[revoked],
    )
    crl_der = sign_tbs(ROOT_KEY, tbs, ROOT_KEY.public_key())
    assert read_crl(crl_der) == (7, {revoked.serial: revoked})
    (tmp_path / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
    (tmp_path / "root.crl").write_bytes(crl_der)
    read = openssl(
        *("crl", "-inform", "DER", "-in", tmp_path / "root.crl", "-noout", "-verify", "-text"),
        *("-CAfile", tmp_path / "root.pem"),
    )
    assert "verify OK" in read.stderr
    assert f"{revoked.serial:X}" in read.stdout
    subprocess.run(
        ["certtool", "--crl-info", "--inder", "--infile", tmp_path / "root.crl"],
        capture_output=True,
        check=True,
    )


def test_running_out_is_a_third_of_the_time() -> None:
    end = START + timedelta(days=300)
    assert not is_running_out(START, end, START + timedelta(days=200))
    assert is_running_out(START, end, START + timedelta(days=200, seconds=1))
