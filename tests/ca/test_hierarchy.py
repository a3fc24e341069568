"""The ceremony leaves a hierarchy that others accept, and can be held again at any time."""

import hashlib
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from signer.ca import ProfileSet, ensure_hierarchy, load_profiles
from signer.ca.profiles import PROFILES
from signer.errors import ConfigError
from tests.ca.factory import BASE_URL, START, openssl

ROOT = Path(__file__).parents[2]
ROOT_KEY = ec.generate_private_key(ec.SECP384R1())
ISSUING_KEY = ec.generate_private_key(ec.SECP256R1())


def hold(folder: Path, profiles: ProfileSet, **changes: object) -> list[str]:
    arguments: dict[str, object] = {
        "root_key": ROOT_KEY,
        "issuing_key": ISSUING_KEY,
        "organisation": "UBND",
        "base_url": BASE_URL,
        "profiles": profiles,
        "at": START,
        "witnesses": {"root token": "serial 1"},
    }
    made = ensure_hierarchy(folder, **(arguments | changes))  # type: ignore[arg-type]
    return [file.name for file in made]


def test_the_ceremony_program_makes_everything_once(tmp_path: Path) -> None:
    """Two tokens, two certificates, a CRL and a transcript with the SHA-256 of each."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SIGNER_", "SOFTHSM2"))}
    environment |= {"SIGNER_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    outputs = [
        subprocess.run(
            [sys.executable, ROOT / "scripts" / "ceremony.py"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for _ in range(2)
    ]
    assert "made root.pem" in outputs[0]
    assert outputs[1] == "nothing to do\n"
    pki = tmp_path / "home" / "pki"
    transcript = (pki / "transcript.txt").read_text()
    for name in ("root.pem", "issuing.pem", "root.crl"):
        assert hashlib.sha256((pki / name).read_bytes()).hexdigest() in transcript
    verified = openssl("verify", "-x509_strict", "-CAfile", pki / "root.pem", pki / "issuing.pem")
    assert verified.returncode == 0, verified.stderr
    crl = openssl(
        *("crl", "-inform", "DER", "-in", pki / "root.crl", "-CAfile", pki / "root.pem"),
        *("-noout", "-verify"),
    )
    assert "verify OK" in crl.stderr
    for pin in ("root.pin", "issuing.pin", "root.so", "issuing.so"):
        assert (tmp_path / "home" / pin).stat().st_mode & 0o777 == 0o600


def test_a_ceremony_cut_short_is_held_again(tmp_path: Path, profiles: ProfileSet) -> None:
    hold(tmp_path, profiles)
    root = (tmp_path / "root.pem").read_bytes()
    (tmp_path / "issuing.pem").unlink()
    assert hold(tmp_path, profiles) == ["issuing.pem"]
    assert (tmp_path / "root.pem").read_bytes() == root
    assert hold(tmp_path, profiles) == []


def test_the_roots_crl_is_renewed_before_it_runs_out(tmp_path: Path, profiles: ProfileSet) -> None:
    hold(tmp_path, profiles)
    assert hold(tmp_path, profiles, at=START + timedelta(days=200)) == []
    assert hold(tmp_path, profiles, at=START + timedelta(days=300)) == ["root.crl"]
    crl = x509.load_der_x509_crl((tmp_path / "root.crl").read_bytes())
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 2


def test_a_certificate_of_another_key_stops_the_ceremony(
    tmp_path: Path, profiles: ProfileSet
) -> None:
    hold(tmp_path, profiles)
    with pytest.raises(ConfigError):
        hold(tmp_path, profiles, root_key=ec.generate_private_key(ec.SECP384R1()))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("validity_days = 1825", "validity_days = 1826"),
        ('"content_commitment"]', '"key_cert_sign"]'),
        ('key = "p256"', 'key = "dsa"'),
        ("crl_hours = 24", "crl_hours = 24\nsurprise = 1"),
        ("[root]", "[elsewhere]\nx = 1\n[root]"),
        ("[root]", "[root"),
    ],
)
def test_a_profile_file_that_says_too_much_is_refused(tmp_path: Path, old: str, new: str) -> None:
    file = tmp_path / "profiles.toml"
    text = PROFILES.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError):
        load_profiles(file)
