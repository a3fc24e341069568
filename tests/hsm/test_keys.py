"""Keys on the token behave as any key of the cryptography library."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509.oid import NameOID
from pkcs11 import Attribute, ObjectClass

from signer.errors import ConfigError, Conflict, NotFound
from signer.pkcs11 import Hsm, ensure_ca_key, ensure_token, generate_ca_key, key_for, private_key_of
from signer.pkcs11.token import has_token
from tests.softhsm import MODULE


@pytest.mark.parametrize("algorithm", ["p256", "p384", "rsa3072", "rsa4096"])
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


@pytest.mark.parametrize("algorithm", ["rsa3072", "rsa4096"])
@pytest.mark.parametrize("name", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("salt", ["digest", "pkcs1v15", "20", "auto"])
def test_openssl_accepts_either_rsa_signature(
    hsm: Hsm, algorithm: str, name: str, salt: str, tmp_path: Path
) -> None:
    """RFC 8017: PSS with salts of several lengths (section 8.1) and PKCS#1 v1.5 (section 8.2)."""
    key = ensure_ca_key(hsm, f"own-{algorithm}", algorithm)
    assert isinstance(key, rsa.RSAPrivateKey)
    hash_: hashes.HashAlgorithm = getattr(hashes, name.upper())()
    lengths = {"digest": padding.PSS.DIGEST_LENGTH, "auto": padding.PSS.MAX_LENGTH, "20": 20}
    chosen: padding.PSS | padding.PKCS1v15 = padding.PKCS1v15()
    options = ["rsa_padding_mode:pkcs1"]
    if salt in lengths:
        chosen = padding.PSS(padding.MGF1(hash_), lengths[salt])
        options = ["rsa_padding_mode:pss", f"rsa_pss_saltlen:{salt}", f"rsa_mgf1_md:{name}"]
    files = [tmp_path / each for each in ("key.pem", "signature", "data")]
    files[0].write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    files[1].write_bytes(key.sign(b"van ban", chosen, hash_))
    files[2].write_bytes(b"van ban")
    command = ["openssl", "dgst", f"-{name}", "-verify", files[0], "-signature", files[1]]
    for option in options:
        command += ["-sigopt", option]
    done = subprocess.run([*command, files[2]], capture_output=True, text=True, check=False)
    assert done.stdout == "Verified OK\n", done.stderr


def test_a_certificate_signed_with_pss_is_accepted_by_openssl(hsm: Hsm, tmp_path: Path) -> None:
    key = ensure_ca_key(hsm, "own-rsa3072", "rsa3072")
    assert isinstance(key, rsa.RSAPrivateKey)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pss")])
    now = datetime.now(UTC)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256(), rsa_padding=pss)
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


@pytest.mark.parametrize(
    ("chosen", "hash_"),
    [
        (padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None), hashes.SHA256()),
        (padding.PSS(padding.MGF1(hashes.SHA1()), 20), hashes.SHA256()),
        (padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO), hashes.SHA256()),
        (padding.PSS(padding.MGF1(hashes.SHA1()), 20), hashes.SHA1()),
        (padding.PKCS1v15(), hashes.SHA1()),
    ],
    ids=["oaep", "another hash in MGF1", "no salt length", "pss over SHA-1", "v1.5 over SHA-1"],
)
def test_other_paddings_are_refused_before_the_token_is_asked(
    tmp_path: Path, chosen: padding.AsymmetricPadding, hash_: hashes.HashAlgorithm
) -> None:
    nowhere = Hsm(tmp_path / "no.so", "x", tmp_path / "x.pin")
    public = rsa.generate_private_key(65537, 2048).public_key()
    key = key_for(nowhere, "ca", public)
    assert isinstance(key, rsa.RSAPrivateKey)
    with pytest.raises(ValueError, match=r"RSA|PSS"):
        key.sign(b"van ban", chosen, hash_)


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
    for chosen in (padding.PKCS1v15(), padding.PSS(padding.MGF1(hashes.SHA256()), 32)):
        signature = rsa_key.sign(value, chosen, prehashed)
        rsa_key.public_key().verify(signature, b"van ban", chosen, hashes.SHA256())


def test_a_held_key_signs_many_times_in_one_lease(hsm: Hsm) -> None:
    key = ensure_ca_key(hsm, "own-p256", "p256")
    ecdsa = ec.ECDSA(hashes.SHA256())
    with key.held() as held:
        assert hsm.status().free_sessions == 7
        for number in range(5):
            held.public_key().verify(held.sign(b"%d" % number, ecdsa), b"%d" % number, ecdsa)
        many = [b"%d" % number for number in range(250)]
        for data, signature in zip(many, held.sign_many(many, ecdsa), strict=True):
            held.public_key().verify(signature, data, ecdsa)


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
