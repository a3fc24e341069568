"""What a killed process left half-made on a token is out of the way the next time."""

import secrets
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pkcs11 import Attribute, ObjectClass

from signer.errors import Conflict
from signer.pkcs11 import Hsm, Vault, ensure_ca_key, generate_ca_key
from signer.pkcs11.vault import HMAC_LABEL
from tests.softhsm import open_token

ROOT = Path(__file__).parents[2]


@pytest.fixture
def label() -> str:
    """A name that no other test's key has."""
    return f"unfinished-{secrets.token_hex(4)}"


def objects(hsm: Hsm, label: str) -> Counter[ObjectClass]:
    """How many objects of each class bear this very label."""
    template = {Attribute.LABEL: label}
    return Counter(hsm.run(lambda s: [found.object_class for found in s.get_objects(template)]))


def change(hsm: Hsm, template: dict[Attribute, Any], act: Any) -> None:
    def run(session: Any) -> None:
        for found in list(session.get_objects(template)):
            act(found)

    hsm.run(run)


def rename(label: str) -> Any:
    def act(found: Any) -> None:
        found[Attribute.LABEL] = label

    return act


PAIR = {ObjectClass.PRIVATE_KEY: 1, ObjectClass.PUBLIC_KEY: 1}


def test_a_public_half_alone_is_replaced(hsm: Hsm, label: str) -> None:
    """Killed between the names of the two halves."""
    generate_ca_key(hsm, label)
    private = {Attribute.LABEL: label, Attribute.CLASS: ObjectClass.PRIVATE_KEY}
    change(hsm, private, rename(f"{label}.unfinished"))
    key = ensure_ca_key(hsm, label)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    algorithm = ec.ECDSA(hashes.SHA256())
    key.public_key().verify(key.sign(b"text", algorithm), b"text", algorithm)
    assert objects(hsm, label) == PAIR
    assert not objects(hsm, f"{label}.unfinished")


def test_a_pair_without_its_name_is_replaced(hsm: Hsm, label: str) -> None:
    """Killed before either half had its name; the same for a secret key."""
    generate_ca_key(hsm, label)
    change(hsm, {Attribute.LABEL: label}, rename(f"{label}.unfinished"))
    ensure_ca_key(hsm, label)
    assert objects(hsm, label) == PAIR
    assert not objects(hsm, f"{label}.unfinished")


def test_a_private_half_alone_gets_no_namesake(hsm: Hsm, label: str) -> None:
    """It may have certified something: nothing is destroyed and nothing made beside it."""
    generate_ca_key(hsm, label)
    public = {Attribute.LABEL: label, Attribute.CLASS: ObjectClass.PUBLIC_KEY}
    change(hsm, public, lambda found: found.destroy())
    with pytest.raises(Conflict):
        ensure_ca_key(hsm, label)
    assert objects(hsm, label) == {ObjectClass.PRIVATE_KEY: 1}


def test_a_vaults_key_that_was_being_made_is_made_anew(token_home: Path) -> None:
    hsm = open_token(token_home, f"vault-{secrets.token_hex(4)}")
    Vault(hsm).prepare()
    change(hsm, {Attribute.LABEL: HMAC_LABEL}, rename(f"{HMAC_LABEL}.unfinished"))
    Vault(hsm).prepare()
    assert objects(hsm, HMAC_LABEL) == {ObjectClass.SECRET_KEY: 1}
    assert not objects(hsm, f"{HMAC_LABEL}.unfinished")
    hsm.close()


MAKE = """
import sys
from pathlib import Path
from signer.pkcs11 import Hsm, configure_softhsm, ensure_token
home, module = Path(sys.argv[1]), Path("/usr/lib/softhsm/libsofthsm2.so")
configure_softhsm(home)
for label in sys.argv[2:]:
    made = ensure_token(module, label, home / f"{label}.pin")
    token = Hsm(module, label, home / f"{label}.pin")
    print(label, made, bool(token.status().serial))
    token.close()
"""


def make(home: Path, *labels: str) -> str:
    """A process of its own: half a token keeps SoftHSM from showing any."""
    done = subprocess.run(
        [sys.executable, "-c", MAKE, home, *labels],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_half_a_token_is_set_aside_and_made_again(tmp_path: Path) -> None:
    """The others stay as they are, and so does what was half-made, in a folder of its own."""
    make(tmp_path, "one", "two")
    one, two = sorted((tmp_path / "tokens").iterdir(), key=lambda folder: folder.stat().st_ctime_ns)
    if b"two" in (one / "token.object").read_bytes():
        one, two = two, one
    (two / "token.object").write_bytes((two / "token.object").read_bytes()[:64])
    (tmp_path / "two.unfinished").touch(mode=0o600)
    (tmp_path / "two.unfinished").write_text(one.name)
    assert make(tmp_path, "two", "one") == "two True True\none False True\n"
    assert [folder.name for folder in (tmp_path / "tokens.unfinished").iterdir()] == [two.name]
    assert one.is_dir()
    assert not (tmp_path / "two.unfinished").exists()
