"""A ceremony makes what its file says, once, and refuses what must not be made."""

import hashlib
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pkcs11 import Attribute

from signer.ca.certificate import scheme_of_tbs
from signer.cli.ceremony import (
    EMBEDDED,
    ceremony_is_due,
    look_at_ceremony,
    read_ceremony,
)
from signer.config import Settings
from signer.errors import ConfigError, Invalid
from signer.pkcs11 import Hsm
from tests.ca.factory import openssl
from tests.cli.ceremonies import AT, Installation, embedded, new_installation, without_roles
from tests.cli.conftest import ROOT, program


@pytest.fixture
def place(tmp_path: Path, token_home: Path) -> Installation:
    """An empty home on the session's SoftHSM."""
    return new_installation(tmp_path / "home")


@pytest.fixture(autouse=True)
def _home(place: Installation) -> None:
    place.settings.home.mkdir()


def require_accepted(folder: Path, root: str, *below: str, untrusted: str = "") -> None:
    """openssl and GnuTLS lead each certificate to the root."""
    between = ("-untrusted", folder / untrusted) if untrusted else ()
    for name in below:
        verified = openssl(
            *("verify", "-x509_strict", "-check_ss_sig", "-CAfile", folder / root),
            *(*between, folder / name),
        )
        assert verified.returncode == 0, verified.stderr
        middle = [untrusted] if untrusted else []
        chain = subprocess.run(
            ["certtool", "--verify-chain"],
            input=b"".join((folder / file).read_bytes() for file in (name, *middle, root)),
            capture_output=True,
            check=False,
        )
        assert chain.returncode == 0, chain.stdout


# What is made -------------------------------------------------------------------------------------


def test_everything_is_made_once(place: Installation) -> None:
    """Held again with the same file, also years later, it changes not one byte."""
    held = place.hold(embedded())
    assert [file.name for file in held.made] == ["root.pem", "issuing.pem", "root.crl"]
    assert {step.output for step in held.waiting} == {"ocsp.pem", "tsa.pem"}
    before = place.files()
    again = place.hold(embedded(), AT + timedelta(days=200))
    assert again.made == []
    assert again.transcript is None
    assert place.files() == before
    require_accepted(place.settings.pki, "root.pem", "issuing.pem")
    crl = openssl(
        *("crl", "-inform", "DER", "-in", place.settings.pki / "root.crl", "-noout", "-verify"),
        *("-CAfile", place.settings.pki / "root.pem"),
    )
    assert "verify OK" in crl.stderr


def test_the_transcript_names_everything(place: Installation) -> None:
    """Outputs by hash, the file itself, tokens by serial number, people with a line to sign on."""
    place.hold(embedded())
    files = place.files()
    transcript = files.pop("ceremony.transcript.txt").decode()
    yaml = (place.settings.home / "ceremony.yaml").read_bytes()
    for content in (*files.values(), yaml):
        assert hashlib.sha256(content).hexdigest() in transcript
    for label, pin in ((place.root_label, "root.pin"), (place.settings.token_label, "issuing.pin")):
        token = Hsm(place.settings.pkcs11_module, label, place.settings.home / pin)
        assert token.status().serial in transcript
        token.close()
    assert "người chủ trì: Lệnh signer setup\n  ....." in transcript


def test_no_secret_leaves_its_file(place: Installation) -> None:
    """PINs are in their files, 0600, and in no output, transcript or line on the terminal."""
    place.hold(embedded())
    pins = [*place.settings.home.glob("*.pin"), *place.settings.home.glob("*.so")]
    assert len(pins) == 4
    for pin in pins:
        assert pin.stat().st_mode & 0o777 == 0o600
        assert not any(pin.read_bytes().strip() in content for content in place.files().values())


KEYS = [
    ("p256", "p256", "ecdsa-sha256"),
    ("rsa3072", "p256", "rsa-pss-sha256"),
    pytest.param(
        *("rsa3072", "rsa3072", ""),
        marks=[pytest.mark.slow, pytest.mark.timeout(300)],
    ),
    pytest.param(
        *("rsa4096", "rsa4096", "rsa-pss-sha384"),
        marks=[pytest.mark.slow, pytest.mark.timeout(300)],
    ),
]


@pytest.mark.parametrize(("root", "issuing", "signature"), KEYS)
def test_every_kind_of_key_works(
    place: Installation, root: str, issuing: str, signature: str
) -> None:
    """By file: the key of each CA, and how the root signs itself, the CA below it and its list."""
    text = without_roles(embedded()).replace("algorithm: p256", f"algorithm: {issuing}")
    how = f", signature: {signature}" if signature else ""
    text = text.replace("algorithm: p384", f"algorithm: {root}{how}")
    place.hold(text)
    made = place.certificate("root.pem"), place.certificate("issuing.pem")
    for certificate, algorithm in zip(made, (root, issuing), strict=True):
        key = certificate.public_key()
        if algorithm.startswith("rsa"):
            assert isinstance(key, rsa.RSAPublicKey)
            assert key.key_size == int(algorithm[3:])
        else:
            assert isinstance(key, ec.EllipticCurvePublicKey)
            assert key.key_size == int(algorithm[1:])
    crl = x509.load_der_x509_crl((place.settings.pki / "root.crl").read_bytes())
    for tbs in (*(one.tbs_certificate_bytes for one in made), crl.tbs_certlist_bytes):
        assert scheme_of_tbs(tbs).name == (signature or "rsa-pkcs1v15-sha256")
    require_accepted(place.settings.pki, "root.pem", "issuing.pem")
    before = place.files()
    assert place.hold(text).made == []
    assert place.files() == before


def test_a_successor_is_cross_certified(place: Installation) -> None:
    """Who trusts either root comes to what the new issuing CA issues."""
    first = without_roles(embedded()).replace("validity_days: 7300", "validity_days: 5000")
    place.hold(first)
    text = (EMBEDDED.parent / "ceremony-successor.yaml").read_text(encoding="utf-8")
    text = text.replace("signer-root-g2", f"{place.root_label}-g2")
    held = place.hold(text, name="successor.yaml")
    names = {file.name for file in held.made}
    assert names == {
        *("root-g2.pem", "root-g2-by-g1.pem", "root-g1-by-g2.pem", "issuing-g2.pem", "root-g2.crl"),
    }
    pki = place.settings.pki
    require_accepted(pki, "root-g2.pem", "issuing-g2.pem", "root-g1-by-g2.pem")
    require_accepted(pki, "root.pem", "issuing-g2.pem", untrusted="root-g2-by-g1.pem")
    require_accepted(pki, "root-g2.pem", "issuing.pem", untrusted="root-g1-by-g2.pem")
    published = place.settings.published / "pki"
    (access,) = (
        place.certificate("issuing-g2.pem")
        .extensions.get_extension_for_class(x509.AuthorityInformationAccess)
        .value
    )
    issuer = published / Path(access.access_location.value).name
    assert x509.load_der_x509_certificate(issuer.read_bytes()) == place.certificate("root-g2.pem")
    assert (published / "root-g2.crl").read_bytes() == place.files()["root-g2.crl"]
    cross = place.certificate("root-g1-by-g2.pem")
    assert cross.subject == place.certificate("root.pem").subject
    assert cross.public_key() == place.certificate("root.pem").public_key()
    before = place.files()
    assert place.hold(text, name="successor.yaml").made == []
    assert place.files() == before


def test_a_cross_certificate_does_not_outlive_its_issuer(place: Installation) -> None:
    """The older root ends first, and a known CA's end is only known from its certificate."""
    place.hold(without_roles(embedded()).replace("validity_days: 7300", "validity_days: 4000"))
    text = (EMBEDDED.parent / "ceremony-successor.yaml").read_text(encoding="utf-8")
    text = text.replace("signer-root-g2", f"{place.root_label}-g2")
    later = AT + timedelta(days=1000)
    with pytest.raises(Invalid):
        look_at_ceremony(place.settings, later, place.read(text, "successor.yaml"))
    with pytest.raises(Invalid):
        place.hold(text, later, "successor.yaml")


def test_a_revoked_ca_is_listed_and_stays_listed(place: Installation) -> None:
    text = without_roles(embedded())
    place.hold(text)
    serial = place.certificate("issuing.pem").serial_number
    line = f"{{serial: {serial:x}, reason: ca_compromise, at: 2026-03-03T09:00}}"
    more = text.replace("output: root.crl", f"output: root.crl\n    revoked:\n      - {line}")
    assert [file.name for file in place.hold(more, AT + timedelta(days=2)).made] == ["root.crl"]
    crl = x509.load_der_x509_crl((place.settings.pki / "root.crl").read_bytes())
    entry = crl.get_revoked_certificate_by_serial_number(serial)
    assert entry is not None
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 2
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.ca_compromise
    verified = openssl(
        *("verify", "-crl_check", "-CAfile", place.settings.pki / "root.pem"),
        *("-CRLfile", place.settings.pki / "root.crl", place.settings.pki / "issuing.pem"),
    )
    assert "certificate revoked" in verified.stderr
    with pytest.raises(ConfigError, match="đã thu hồi"):
        place.hold(text, AT + timedelta(days=3))


def test_the_roots_list_is_renewed_before_it_runs_out(place: Installation) -> None:
    text = without_roles(embedded())
    place.hold(text)
    ceremony = place.read(text)
    assert not ceremony_is_due(place.settings, AT + timedelta(days=200), ceremony)
    late = AT + timedelta(days=300)
    assert ceremony_is_due(place.settings, late, ceremony)
    assert [file.name for file in place.hold(text, late).made] == ["root.crl"]
    crl = x509.load_der_x509_crl((place.settings.pki / "root.crl").read_bytes())
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 2
    assert not ceremony_is_due(place.settings, late, ceremony)


def test_a_root_that_is_locked_away_is_not_missed(place: Installation) -> None:
    """Neither by a look nor by a ceremony that has nothing to sign with it."""
    text = without_roles(embedded())
    place.hold(text)
    (place.settings.home / "root.pin").rename(place.settings.home / "in-the-safe")
    late = AT + timedelta(days=300)
    assert not ceremony_is_due(place.settings, late, place.read(text))
    before = place.files()
    held = place.hold(text, late)
    assert [step.output for step in held.waiting] == ["root.crl"]
    assert place.files() == before


ROOT_KEYS = {Attribute.LABEL: "root-ca"}

# What exists --------------------------------------------------------------------------------------

OTHER_FACTS = [
    ("CA gốc nội bộ G1", "CA gốc nội bộ G9", "tên chủ thể"),
    ("CA cấp chứng thư nội bộ G1", "CA cấp chứng thư nội bộ G9", "tên chủ thể"),
    ("validity_days: 3650", "validity_days: 3000", "thời hạn"),
    ("validity_days: 7300", "validity_days: 7000", "thời hạn"),
    ("algorithm: p384", "algorithm: p256", "khóa"),
]


@pytest.mark.parametrize(("old", "new", "word"), OTHER_FACTS)
def test_what_exists_with_other_facts_stops_the_ceremony(
    place: Installation, old: str, new: str, word: str
) -> None:
    """Nothing is overwritten, and the sentence says in what it differs; a look finds it too."""
    text = without_roles(embedded())
    place.hold(text)
    before = place.files()
    assert old in text
    other = text.replace(old, new)
    with pytest.raises(ConfigError, match=word):
        place.hold(other)
    with pytest.raises(ConfigError, match=word):
        look_at_ceremony(place.settings, AT, place.read(other))
    assert place.files() == before


def test_a_certificate_of_another_key_stops_the_ceremony(
    place: Installation, tmp_path: Path
) -> None:
    """Somebody put the root of another installation there."""
    text = without_roles(embedded())
    (tmp_path / "other").mkdir()
    other = new_installation(tmp_path / "other")
    for installation in (place, other):
        installation.hold(text)
    (place.settings.pki / "root.pem").write_bytes(other.files()["root.pem"])
    with pytest.raises(ConfigError, match="khóa"):
        place.hold(text)


def test_a_token_without_the_key_of_its_certificate_is_told(place: Installation) -> None:
    """The token was made anew: no second key is made under a certificate that exists."""
    text = without_roles(embedded())
    place.hold(text)
    token = Hsm(place.settings.pkcs11_module, place.root_label, place.settings.home / "root.pin")
    token.run(lambda session: [key.destroy() for key in list(session.get_objects(ROOT_KEYS))])
    token.close()
    with pytest.raises(ConfigError, match="không có khóa"):
        place.hold(text)


def test_a_change_of_the_installations_name_changes_no_certificate(place: Installation) -> None:
    """What the file leaves open stays as it was made."""
    text = without_roles(embedded())
    place.hold(text)
    renamed = Installation(
        settings=Settings(
            home=place.settings.home,
            pkcs11_module=place.settings.pkcs11_module,
            token_label=place.settings.token_label,
            organisation="Thành phố mới",
            base_url="https://ky.example",
        ),
        root_label=place.root_label,
    )
    assert renamed.hold(text).made == []


def test_bytes_that_were_stored_are_signed_and_no_others(place: Installation) -> None:
    """A ceremony cut between intent and outcome goes on with its serial."""
    text = without_roles(embedded())
    place.hold(text)
    pem = place.settings.pki / "issuing.pem"
    tbs = place.certificate("issuing.pem").tbs_certificate_bytes
    pem.rename(place.settings.home / "aside.pem")
    (place.settings.pki / "issuing.pem.tbs").write_bytes(tbs)
    assert ceremony_is_due(place.settings, AT, place.read(text))
    assert [f.name for f in place.hold(text, AT + timedelta(days=5)).made] == ["issuing.pem"]
    assert place.certificate("issuing.pem").tbs_certificate_bytes == tbs
    assert not (place.settings.pki / "issuing.pem.tbs").exists()


def test_stored_bytes_that_the_file_no_longer_says_are_not_signed(place: Installation) -> None:
    text = without_roles(embedded())
    place.hold(text)
    tbs = place.certificate("issuing.pem").tbs_certificate_bytes
    (place.settings.pki / "issuing.pem").unlink()
    (place.settings.pki / "issuing.pem.tbs").write_bytes(tbs)
    with pytest.raises(ConfigError):
        place.hold(text.replace("validity_days: 3650", "validity_days: 3000"))
    assert not (place.settings.pki / "issuing.pem").exists()


# What is refused ----------------------------------------------------------------------------------

ROOT_KEY = "key: {label: root-ca, algorithm: p384}"
NONSENSE = [
    # spoilt line, what it becomes, where the fault is said to be, what is said
    ("token: issuing\n    key: {algorithm: p256}\n    common_name: CA", None, "steps.2.token", ""),
    ("issuer: root\n    token", "issuer: nobody\n    token", "steps.2.issuer", "nobody"),
    ("validity_days: 3650", "validity_days: 7301", "steps.2.validity_days", "khoảng"),
    ("validity_days: 7300", "validity_days: 3000", "steps.2.validity_days", "vượt"),
    ("validity_days: 365 ", "validity_days: 4000 ", "steps.3.validity_days", "khoảng"),
    ("algorithm: p384", "algorithm: rsa2048", "steps.1.key.algorithm", "yếu"),
    ("algorithm: p384", "algorithm: p521", "steps.1.key.algorithm", "yếu"),
    ("output: root.pem", "output: ../root.pem", "steps.1.output", "tên tệp"),
    ("output: root.pem", "output: /etc/root.pem", "steps.1.output", "tên tệp"),
    ("output: root.pem", "output: root.pem.tbs", "steps.1.output", "tên tệp"),
    ("output: tsa.pem", "output: ocsp.pem", "steps.5.output", "đã dùng"),
    ("output: root.crl", "output: other.crl", "steps.3.output", "root.crl"),
    ("output: ocsp.pem", "output: answers.pem", "steps.4.output", "ocsp.pem"),
    ("make: crl", "make: coffee", "steps.3.make", "Không biết"),
    ("validity_days: 7300", "validity_days: soon", "steps.1.validity_days", "số nguyên"),
    ("    common_name: CA gốc nội bộ G1\n", "", "steps.1.common_name", "còn thiếu"),
    ("common_name: CA gốc nội bộ G1", f"common_name: {'x' * 65}", "steps.1.common_name", ""),
    ("common_name: CA gốc nội bộ G1", "common_name: CA 012345678912", "steps.1.common_name", ""),
    (
        ROOT_KEY,
        f"{ROOT_KEY[:-1]}, signature: rsa-pss-sha256}}",
        "steps.1.key.signature",
        "không ký",
    ),
    (ROOT_KEY, f"{ROOT_KEY[:-1]}, signature: md5}}", "steps.1.key.signature", "cách ký"),
    (ROOT_KEY, f"{ROOT_KEY}\n    pin: 1234", "steps.1.pin", "Không có mục"),
    ("{label: root-ca, algorithm: p384}", "{algorithm: p384}", "steps.1.key.label", "còn thiếu"),
    ("title:", "title: một\ntitle:", "title", "hai lần"),
    ("    label: signer-root\n", "", "tokens.1.label", "còn thiếu"),
    ("role: người chủ trì", "role: khách", "operators.1.role", "Vai trò"),
    ("role: người chủ trì", "role: người chứng kiến", "operators", "chủ trì"),
    ("steps:", "steps: {}\nother:", None, None),
    ("title: ", "title: &x [*x", None, "YAML"),
    ("title: ", "title: {", None, "YAML"),
]


@pytest.mark.parametrize(("old", "new", "field", "said"), NONSENSE)
def test_nonsense_is_refused_with_its_line(
    place: Installation, old: str, new: str | None, field: str | None, said: str | None
) -> None:
    """The sentence names the file, the line and the entry; nothing was made."""
    text = embedded()
    assert old in text
    spoilt = text.replace(old, new if new is not None else old.replace("issuing", "root"), 1)
    with pytest.raises(ConfigError) as refused:
        place.read(spoilt)
    sentence = str(refused.value)
    assert "ceremony.yaml, dòng" in sentence
    if field:
        assert refused.value.values["field"] == field
        line = int(str(refused.value.values["line"]))
        last = field.rpartition(".")[2]
        shown = "\n".join(spoilt.splitlines()[line - 1 : line + 1])
        assert last.isdigit() or last in shown or said == "còn thiếu"
    assert (said or "") in sentence
    assert not place.settings.pki.exists()


def test_no_ca_is_stronger_than_the_one_above_it(place: Installation) -> None:
    text = embedded().replace("algorithm: p384", "algorithm: rsa3072", 1)
    with pytest.raises(ConfigError, match="yếu hơn"):
        place.read(text.replace("{algorithm: p256}", "{algorithm: p384}", 1))


def test_a_witness_only_watches(place: Installation) -> None:
    """Who holds a PIN does not witness the ceremony as well."""
    both = "{name: An, role: người giữ mã PIN}\n  - {name: An, role: người chứng kiến}"
    text = embedded().replace("operators:\n", f"operators:\n  - {both}\n")
    with pytest.raises(ConfigError, match="chứng kiến"):
        place.read(text)


def test_the_examples_make_sense(tmp_path: Path) -> None:
    """Every file in certs/ is read, and tells who is there."""
    files = sorted(EMBEDDED.parent.glob("ceremony*.yaml"))
    assert len(files) == 3
    for file in files:
        assert read_ceremony(file, Settings(home=tmp_path)).operators


# The program --------------------------------------------------------------------------------------


CEREMONY = ROOT / "scripts" / "ceremony.py"


@pytest.mark.slow
def test_the_program_checks_makes_and_says_so(tmp_path: Path) -> None:
    """--check makes nothing; the first run a line for each step; the second changes nothing."""
    home = tmp_path / "its-own"
    checked = program(home, CEREMONY, EMBEDDED, "--check")
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count("sẽ tạo") == 5
    assert not home.exists()
    first, second = (program(home, CEREMONY, EMBEDDED) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout.count("đã tạo") == 3
    assert first.stdout.count("còn chờ") == 2
    assert second.stdout.count("đã có, không đổi") == 3
    assert "Không có gì thay đổi." in second.stdout
    for pin in (*home.glob("*.pin"), *home.glob("*.so")):
        said = first.stdout + first.stderr + (home / "pki" / "ceremony.transcript.txt").read_text()
        assert pin.read_text().strip() not in said


def test_the_program_refuses_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(embedded().replace("make: crl", "make: coffee"), encoding="utf-8")
    refused = program(tmp_path / "home", CEREMONY, file)
    assert refused.returncode == 1
    line = file.read_text(encoding="utf-8").splitlines().index("  - make: coffee") + 1
    assert f"bad.yaml, dòng {line}, mục steps.3.make" in refused.stderr
    assert "Traceback" not in refused.stderr
