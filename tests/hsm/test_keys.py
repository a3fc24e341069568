"""Keys on the token behave as any key of the cryptography library."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.x509.oid import NameOID
from pkcs11 import Attribute, ObjectClass

from signer.errors import ConfigError, Conflict, NotFound
from signer.pkcs11 import Hsm, ensure_ca_key, ensure_token, generate_ca_key, key_for, private_key_of
from signer.pkcs11.token import has_token
from tests.softhsm import MODULE


@pytest.mark.parametrize("algorithm", ["p256", "p384", "rsa3072"])
def test_a_key_of_the_token_signs_a_certificate_that_openssl_accepts(
    hsm: Hsm, algorithm: str, tmp_path: Path
) -> None:
    key = ensure_ca_key(hsm, f"own-{algorithm}", algorithm)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, algorithm)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA384() if algorithm == "p384" else hashes.SHA256())
    )
    file = tmp_path / "self.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    done = subprocess.run(
        ["openssl", "verify", "-check_ss_sig", "-CAfile", file, file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_ca_key_does_not_leave_the_token(hsm: Hsm) -> None:
    key = ensure_ca_key(hsm, "own-p256", "p256")
    with pytest.raises(NotImplementedError):
        key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    wanted = (Attribute.SENSITIVE, Attribute.NEVER_EXTRACTABLE)
    kept = hsm.run(
        lambda s: s.get_key(object_class=ObjectClass.PRIVATE_KEY, label="own-p256").get_attributes(
            wanted
        )
    )
    assert kept == dict.fromkeys(wanted, True)


def test_a_label_is_given_once(hsm: Hsm) -> None:
    first = ensure_ca_key(hsm, "own-p256", "p256")
    with pytest.raises(Conflict):
        generate_ca_key(hsm, "own-p256", "p256")
    assert ensure_ca_key(hsm, "own-p256", "p256").public_key() == first.public_key()


def test_an_unknown_label_is_not_found(hsm: Hsm) -> None:
    with pytest.raises(NotFound):
        private_key_of(hsm, "nobody")


def test_a_digest_hashed_before_is_signed_as_it_is(hsm: Hsm) -> None:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(b"van ban")
    prehashed = utils.Prehashed(hashes.SHA256())
    value = digest.finalize()
    elliptic = ensure_ca_key(hsm, "own-p256", "p256")
    elliptic.public_key().verify(
        elliptic.sign(value, ec.ECDSA(prehashed)), b"van ban", ec.ECDSA(hashes.SHA256())
    )
    rsa_key = ensure_ca_key(hsm, "own-rsa3072", "rsa3072")
    signature = rsa_key.sign(value, padding.PKCS1v15(), prehashed)
    rsa_key.public_key().verify(signature, b"van ban", padding.PKCS1v15(), hashes.SHA256())


def test_a_held_key_signs_many_times_in_one_lease(hsm: Hsm) -> None:
    key = ensure_ca_key(hsm, "own-p256", "p256")
    ecdsa = ec.ECDSA(hashes.SHA256())
    with key.held() as held:
        assert hsm.status().free_sessions == 7
        for number in range(5):
            held.public_key().verify(held.sign(b"%d" % number, ecdsa), b"%d" % number, ecdsa)


def test_a_key_known_by_its_certificate_needs_no_token(tmp_path: Path) -> None:
    """A service starts while the HSM is away."""
    nowhere = Hsm(tmp_path / "no.so", "x", tmp_path / "x.pin")
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    assert key_for(nowhere, "ca", public).public_key() == public


def test_a_token_is_made_once_with_pins_in_files_of_their_owner(token_home: Path) -> None:
    pin_file = token_home / "made-once.pin"
    assert ensure_token(MODULE, "made-once", pin_file)
    assert not ensure_token(MODULE, "made-once", pin_file)
    assert has_token(MODULE, "made-once")
    for file in (pin_file, pin_file.with_suffix(".so")):
        assert file.stat().st_mode & 0o777 == 0o600
        assert len(file.read_text().strip()) == 32
    pin_file.unlink()
    with pytest.raises(ConfigError):
        ensure_token(MODULE, "made-once", pin_file)
