"""Every way of signing, on keys of the test and of the HSM, read by cryptography and openssl."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signer.ca import der
from signer.ca.certificate import CaKey
from signer.ca.schemes import (
    SCHEMES,
    USUAL,
    SignatureScheme,
    scheme_for,
    scheme_named,
    scheme_of_algorithm,
)
from signer.errors import ConfigError
from tests.ca.drafting import NOW, software_key
from tests.ca.factory import openssl

DATA = "Ủy ban nhân dân".encode()


@pytest.fixture(scope="module")
def keys() -> dict[str, CaKey]:
    return {kind: software_key({"rsa": "rsa3072"}.get(kind, kind)) for kind in USUAL}


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_the_algorithm_is_written_as_cryptography_writes_it(
    scheme: SignatureScheme, keys: dict[str, CaKey]
) -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "A")])
    key, digest = keys[scheme.key], scheme_hash(scheme)
    salt = padding.PSS(padding.MGF1(digest), digest.digest_size) if scheme.is_pss else None
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW)
    made = builder.sign(key, digest, rsa_padding=salt)  # type: ignore[arg-type]
    assert der.children(made.tbs_certificate_bytes)[2][1] == scheme.algorithm_der
    assert scheme_of_algorithm(scheme.algorithm_der) is scheme
    scheme.verify(key.public_key(), made.signature, made.tbs_certificate_bytes)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_openssl_verifies_what_it_signs(
    scheme: SignatureScheme, keys: dict[str, CaKey], tmp_path: Path
) -> None:
    key = keys[scheme.key]
    files = [tmp_path / name for name in ("key.pem", "signature", "data")]
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for file, content in zip(files, (public, scheme.sign(key, DATA), DATA), strict=True):
        file.write_bytes(content)
    pss = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest")
    done = openssl(
        *("dgst", f"-{scheme.hash_name}", "-verify", files[0], "-signature", files[1]),
        *(pss if scheme.is_pss else ()),
        files[2],
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_a_signature_counts_for_its_key_its_data_and_its_scheme_alone(
    scheme: SignatureScheme, keys: dict[str, CaKey]
) -> None:
    key = keys[scheme.key]
    public_key, signature = key.public_key(), scheme.sign(key, DATA)
    scheme.verify(public_key, signature, DATA)
    for other in SCHEMES.values():
        if other is not scheme:
            with pytest.raises(InvalidSignature):
                other.verify(public_key, signature, DATA)
    other_key = software_key({"rsa": "rsa3072"}.get(scheme.key, scheme.key)).public_key()
    spoiled = signature[:-1] + bytes((signature[-1] ^ 1,))
    for case in (
        (other_key, signature, DATA),
        (public_key, signature, DATA + b"."),
        (public_key, spoiled, DATA),
        (public_key, b"", DATA),
    ):
        with pytest.raises(InvalidSignature):
            scheme.verify(*case)


def test_each_key_has_its_usual_scheme_and_takes_only_what_fits(keys: dict[str, CaKey]) -> None:
    for kind, key in keys.items():
        public_key = key.public_key()
        assert scheme_for(public_key).name == USUAL[kind]
        for scheme in SCHEMES.values():
            if scheme.key == kind:
                assert scheme_for(public_key, scheme.name) is scheme
            else:
                with pytest.raises(ConfigError):
                    scheme_for(public_key, scheme.name)


@pytest.mark.parametrize(
    "public_key",
    [
        ed25519.Ed25519PrivateKey.generate().public_key(),
        ec.generate_private_key(ec.SECP521R1()).public_key(),
        None,
    ],
)
def test_a_key_of_another_kind_has_no_scheme(public_key: object) -> None:
    with pytest.raises(ConfigError):
        scheme_for(public_key)


def test_a_scheme_nobody_knows_is_refused() -> None:
    with pytest.raises(ConfigError):
        scheme_named("rsa-sha1")
    with pytest.raises(ValueError, match="AlgorithmIdentifier"):
        scheme_of_algorithm(bytes.fromhex("300d06092a864886f70d0101050500"))  # SHA-1 with RSA


def scheme_hash(scheme: SignatureScheme) -> hashes.SHA256 | hashes.SHA384:
    return {"sha256": hashes.SHA256(), "sha384": hashes.SHA384()}[scheme.hash_name]  # type: ignore[return-value]
