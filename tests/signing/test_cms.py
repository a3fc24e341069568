"""The CMS object: what the standards ask, judged by pyHanko, asn1crypto and openssl."""

import asyncio
import hashlib
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import cms as reference
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pyhanko.sign import signers
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signer.errors import Invalid, Unavailable
from signer.signing import cms
from tests.clocks import StandingClock
from tests.signing.conftest import NOW, Authority, Identity, key_usage
from tests.signing.lasting import Lasting

DIGEST = hashlib.sha256(b"van ban").digest()


@pytest.fixture
def lasting(authority: Authority) -> Lasting:
    return Lasting(authority, StandingClock(NOW))


def attributes_of(der: bytes) -> dict[str, reference.CMSAttribute]:
    signer = reference.ContentInfo.load(der)["content"]["signer_infos"][0]
    return {attribute["type"].native: attribute for attribute in signer["signed_attrs"]}


def test_attributes_of_a_baseline_signature(authority: Authority, person: Identity) -> None:
    """EN 319 142-1, 6.3: content-type, message-digest, signing-certificate-v2; no signing-time."""
    der = cms.sign(cms.template_of(person.der, (authority.issuing.der,)), person.key, DIGEST).cms()
    found = attributes_of(der)
    assert set(found) == {
        "content_type",
        "message_digest",
        "signing_certificate_v2",
        "cms_algorithm_protection",
    }
    assert found["message_digest"]["values"][0].native == DIGEST
    (identifier,) = found["signing_certificate_v2"]["values"][0]["certs"]
    assert identifier["cert_hash"].native == hashlib.sha256(person.der).digest()
    issuer_serial = identifier["issuer_serial"]
    assert issuer_serial["serial_number"].native == person.certificate.serial_number
    loaded = asn1_x509.Certificate.load(person.der)
    assert issuer_serial["issuer"][0].chosen.untag().dump() == loaded.issuer.dump()


def test_the_bytes_are_der(authority: Authority, person: Identity) -> None:
    """Encoding again changes nothing, so every length, order and default is the canonical one."""
    der = cms.sign(cms.template_of(person.der, (authority.issuing.der,)), person.key, DIGEST).cms()
    again = reference.ContentInfo.load(der, strict=True)
    again.dump(force=True)
    assert again.dump() == der


def test_same_as_the_slow_way(authority: Authority, person: Identity) -> None:
    """pyHanko's own signer builds the same; RFC 6211's protection is ours in addition."""
    stock = signers.SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(person.der),
        signing_key=None,
        cert_registry=SimpleCertificateStore.from_certs(
            [asn1_x509.Certificate.load(authority.issuing.der)]
        ),
        signature_mechanism=reference.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
    )
    theirs = asyncio.run(stock.signed_attrs(DIGEST, "sha256", use_pades=True))
    ours = attributes_of(cms.sign(cms.template_of(person.der), person.key, DIGEST).cms())
    slow = {attribute["type"].native: attribute for attribute in theirs}
    assert set(slow) == set(ours) - {"cms_algorithm_protection"}
    for kind, attribute in slow.items():
        assert attribute["values"].native == ours[kind]["values"].native


@pytest.mark.parametrize("scheme", [None, cms.RsaScheme.PSS, cms.RsaScheme.PKCS1V15])
def test_openssl_accepts_it(
    authority: Authority, person: Identity, tmp_path: Path, scheme: cms.RsaScheme | None
) -> None:
    """ECDSA, RSASSA-PSS and PKCS#1 v1.5 verify with the certificates inside (R35)."""
    if scheme is not None:
        person = authority.person(key=rsa.generate_private_key(65537, 2048))
    template = cms.template_of(person.der, (authority.issuing.der,), scheme or cms.RsaScheme.PSS)
    (tmp_path / "cms.der").write_bytes(cms.sign(template, person.key, DIGEST).cms())
    (tmp_path / "content").write_bytes(b"van ban")
    (tmp_path / "root.der").write_bytes(authority.root.der)
    subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-in", "root.der", "-out", "root.pem"],
        cwd=tmp_path, check=True,
    )  # fmt: skip
    done = subprocess.run(
        ["openssl", "cms", "-verify", "-inform", "DER", "-in", "cms.der", "-content", "content",
         "-binary", "-CAfile", "root.pem", "-purpose", "any", "-attime", str(int(NOW.timestamp())),
         "-out", "verified"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_size_is_never_exceeded(person: Identity) -> None:
    """ECDSA signatures vary by a few bytes; the reserved room is for the longest."""
    template = cms.template_of(person.der)
    sizes = {len(cms.sign(template, person.key, DIGEST).cms()) for _ in range(200)}
    assert max(sizes) <= template.size_bytes <= max(sizes) + 4


def test_a_foreign_key_is_refused(person: Identity) -> None:
    """A signature that the certificate would not verify is never handed out."""
    other: tuple[cms.SigningKey, ...] = (
        ec.generate_private_key(ec.SECP256R1()),
        rsa.generate_private_key(65537, 2048),
    )
    for key in other:
        with pytest.raises(Invalid, match="không thuộc về"):
            cms.sign(cms.template_of(person.der), key, DIGEST)


def test_weak_and_unknown_keys_are_refused(authority: Authority) -> None:
    """Circular 15/2025: RSA from 2048 bits, ECDSA from 256; other curves are not used here."""
    for key in (rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP192R1())):
        with pytest.raises(Invalid, match="Loại khóa"):
            cms.template_of(authority.person(key=key).der)
    with pytest.raises(Invalid, match="không đọc được"):
        cms.template_of(b"\x30\x03\x02\x01\x01")


def test_a_certificate_must_allow_signing_now(authority: Authority) -> None:
    """Expired, not yet valid, or meant for something else: each has its sentence (R33)."""
    cases = {
        "hết hạn": authority.person(days=(-300, -1)),
        "chưa có hiệu lực": authority.person(days=(1, 300)),
        "không được dùng để ký": authority.person(usage=key_usage(key_encipherment=True)),
    }
    for sentence, identity in cases.items():
        with pytest.raises(Invalid) as caught:
            cms.check_may_sign(identity.certificate, NOW)
        assert sentence in str(caught.value)
    cms.check_may_sign(authority.person().certificate, NOW + timedelta(days=1))


def test_a_stamp_is_added_to_a_finished_object(
    authority: Authority, person: Identity, lasting: Lasting
) -> None:
    """The same octets as when it is there from the start; a second one is refused."""
    signed = cms.sign(cms.template_of(person.der, (authority.issuing.der,)), person.key, DIGEST)
    token = lasting.stamper.token(hashlib.sha256(signed.value).digest(), "sha256")
    late = cms.with_stamp(cms.unpadded(signed.cms() + bytes(9000)), token)
    assert late == signed.cms(token)
    assert len(late) <= len(signed.cms()) + cms.stamp_room(len(token))
    assert cms.stamped_value(signed.cms()) == (signed.value, False)
    assert cms.stamped_value(late) == (signed.value, True)
    with pytest.raises(ValueError, match="already"):
        cms.with_stamp(late, token)


def test_what_is_no_token_of_ours(lasting: Lasting) -> None:
    """A token about another digest, or cut at any place, has no time."""
    token = lasting.stamper.token(DIGEST, "sha256")
    assert cms.stamp_time(token, DIGEST) == NOW
    with pytest.raises(Unavailable):
        cms.stamp_time(token, bytes(32))
    for end in range(0, len(token), 7):
        with pytest.raises(Unavailable):
            cms.stamp_time(token[:end], DIGEST)
