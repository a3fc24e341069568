"""Time stamps: what we give, openssl and asn1crypto accept, and it says what was asked."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import core, tsp
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from signer.ca import Authority, SubjectFacts
from signer.ca.roles import RoleSigner
from signer.ca.timestamp import TimestampAuthority
from signer.ca.timestamp_request import Failure
from signer.errors import ConfigError, SignerError, Unavailable
from signer.pkcs11 import Hsm, ensure_ca_key
from tests.ca.conftest import Keys
from tests.ca.factory import START, openssl
from tests.ca.hierarchies import Hierarchy
from tests.ca.stamping import (
    DATA,
    KINDS,
    POLICY,
    granted,
    imprint,
    query,
    refused,
    tsa_of,
    tsa_signer,
    tsa_signers,
)
from tests.clocks import StandingClock
from tests.softhsm import token_away


@pytest.fixture(scope="module")
def signers_by_kind(hsm: Hsm, ca_keys: Keys, hierarchy: Hierarchy) -> dict[str, RoleSigner]:
    return tsa_signers(hsm, ca_keys.issuing, hierarchy.issuing)


@pytest.fixture
def tsa(
    signers_by_kind: dict[str, RoleSigner], hierarchy: Hierarchy, clock: StandingClock
) -> TimestampAuthority:
    return tsa_of(signers_by_kind["p256"], hierarchy, clock)


class Files:
    """What openssl wants as files."""

    def __init__(self, folder: Path, hierarchy: Hierarchy, signer: RoleSigner) -> None:
        self.folder = folder
        self.root = self.keep("root.pem", hierarchy.root.public_bytes(Encoding.PEM))
        self.untrusted = self.keep(
            "untrusted.pem",
            signer.certificate.public_bytes(Encoding.PEM)
            + hierarchy.issuing.public_bytes(Encoding.PEM),
        )
        self.data = self.keep("data", DATA)

    def keep(self, name: str, content: bytes) -> Path:
        file = self.folder / name
        file.write_bytes(content)
        return file

    def verify(self, *arguments: object) -> str:
        """What `openssl ts -verify` says, looked at when the stamp was given."""
        done = openssl(
            *("ts", "-verify", *arguments, "-CAfile", self.root),
            *("-attime", int(START.timestamp()) + 1),
        )
        assert (done.returncode == 0) == ("Verification: OK" in done.stdout)
        return done.stdout + done.stderr


@pytest.mark.parametrize("options", [("-cert",), (), ("-cert", "-no_nonce"), ("-no_nonce",)])
@pytest.mark.parametrize("hash_name", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("kind", KINDS)
def test_openssl_verifies_what_openssl_asked(
    kind: str,
    hash_name: str,
    options: tuple[str, ...],
    signers_by_kind: dict[str, RoleSigner],
    hierarchy: Hierarchy,
    clock: StandingClock,
    tmp_path: Path,
) -> None:
    """Every kind of key stamps every hash; with -cert, the root alone is enough to verify."""
    signer = signers_by_kind[kind]
    files = Files(tmp_path, hierarchy, signer)
    asked = tmp_path / "query.tsq"
    made = openssl(
        *("ts", "-query", "-data", files.data, f"-{hash_name}", "-tspolicy", POLICY.policy_oid),
        *(*options, "-out", asked),
    )
    assert made.returncode == 0, made.stderr
    reply = files.keep("reply.tsr", tsa_of(signer, hierarchy, clock).answer(asked.read_bytes()))
    beside = () if "-cert" in options else ("-untrusted", files.untrusted)
    for judged in (("-queryfile", asked), ("-data", files.data)):
        assert "Verification: OK" in files.verify(*judged, "-in", reply, *beside)
    other = files.keep("other", b"something else")
    assert "message imprint mismatch" in files.verify("-data", other, "-in", reply, *beside)


def test_openssl_reads_every_field(tsa: TimestampAuthority, tmp_path: Path) -> None:
    (tmp_path / "reply.tsr").write_bytes(tsa.answer(query()))
    told = openssl("ts", "-reply", "-in", tmp_path / "reply.tsr", "-text").stdout
    for line in (
        "Status: Granted.",
        "Failure info: unspecified",
        "Version: 1",
        f"Policy OID: {POLICY.policy_oid}",
        "Hash Algorithm: sha256",
        "Time stamp: Mar  2 03:04:05 2026 GMT",
        "Accuracy: 0x01 seconds, unspecified millis, unspecified micros",
        "Ordering: no",
        "Nonce: 0x0123456789ABCDEF0123",
        "TSA: unspecified",
    ):
        assert line in told


def test_the_token_is_der_and_holds_what_the_rfcs_ask(
    tsa: TimestampAuthority, signers_by_kind: dict[str, RoleSigner], hierarchy: Hierarchy
) -> None:
    """RFC 3161 section 2.4.2, RFC 5816 section 2.2.1, RFC 5652 section 5.1."""
    answer = tsa.answer(query("sha512"))
    certificate = signers_by_kind["p256"].certificate
    assert tsp.TimeStampResp.load(answer).copy().dump(force=True) == answer
    info, signed = granted(answer)
    assert info["message_imprint"].dump() == imprint("sha512").dump()
    assert info["gen_time"].native == START.replace(microsecond=0)
    assert info["gen_time"].contents == b"20260302030405Z"
    assert info["accuracy"].native == {"seconds": 1, "millis": None, "micros": None}
    assert info["nonce"].native == 0x0123456789ABCDEF0123
    assert signed["version"].native == "v3"
    assert [a["algorithm"].native for a in signed["digest_algorithms"]] == ["sha256"]
    (signer,) = signed["signer_infos"]
    assert signer["sid"].chosen["serial_number"].native == certificate.serial_number
    attributes = {a["type"].native: a["values"][0] for a in signer["signed_attrs"]}
    assert set(attributes) == {
        "content_type",
        "message_digest",
        "signing_certificate_v2",
        "cms_algorithm_protection",
    }
    (named,) = attributes["signing_certificate_v2"]["certs"]
    assert named["hash_algorithm"]["algorithm"].native == "sha256"
    assert named["cert_hash"].native == certificate.fingerprint(SHA256())
    assert named["issuer_serial"]["serial_number"].native == certificate.serial_number
    inside = {choice.chosen.dump() for choice in signed["certificates"]}
    assert inside == {c.public_bytes(Encoding.DER) for c in (certificate, hierarchy.issuing)}


@pytest.mark.parametrize("wanted", [None, False])
def test_certificates_come_only_when_asked_for(
    tsa: TimestampAuthority, wanted: bool | None
) -> None:
    """RFC 3161 section 2.4.1: absent and FALSE mean the same, however FALSE is written."""
    asked = query(cert_req=wanted)
    written_out = asked[:1] + bytes((asked[1] + 3,)) + asked[2:] + b"\x01\x01\x00"
    for request in (asked, written_out):
        _, signed = granted(tsa.answer(request))
        assert not signed["certificates"]


def test_each_token_has_its_own_serial(tsa: TimestampAuthority) -> None:
    """At least 64 random bits, at most 160 in all."""
    serials = [granted(tsa.answer(query()))[0]["serial_number"].native for _ in range(50)]
    assert len(set(serials)) == len(serials)
    assert all(0 < serial < 1 << 160 for serial in serials)
    for bit in range(64):  # a bit that never changes is not random; by chance once in 2^49
        assert len({serial >> bit & 1 for serial in serials}) == 2


@pytest.mark.parametrize(
    "nonce",
    [0, 1, 127, 128, -1, -129, 1 << 63, (1 << 160) - 1, (1 << 2048) + 5],
    ids=lambda nonce: f"{nonce.bit_length()} bits",
)
def test_a_nonce_comes_back_as_it_was(tsa: TimestampAuthority, nonce: int) -> None:
    info, _ = granted(tsa.answer(query(nonce=nonce)))
    assert info["nonce"].native == nonce


def test_no_nonce_stays_none(tsa: TimestampAuthority) -> None:
    info, _ = granted(tsa.answer(query(nonce=None)))
    assert info["nonce"].native is None


def test_hash_parameters_come_back_as_they_were(tsa: TimestampAuthority) -> None:
    """MessageImprint has "the same value": with NULL parameters or without (RFC 5754 section 2)."""
    with_null = imprint()
    with_null["hash_algorithm"]["parameters"] = core.Null()
    for asked in (imprint(), with_null):
        info, _ = granted(tsa.answer(query(message_imprint=asked)))
        assert info["message_imprint"].dump() == asked.dump()


@pytest.mark.parametrize("scheme", ["rsa-pss-sha256", "rsa-pss-sha384", "rsa-pkcs1v15-sha384"])
def test_openssl_verifies_the_other_rsa_schemes(
    scheme: str,
    signers_by_kind: dict[str, RoleSigner],
    hierarchy: Hierarchy,
    clock: StandingClock,
    tmp_path: Path,
) -> None:
    """`openssl cms` reads PSS parameters, `openssl ts` does not."""
    signer = signers_by_kind["rsa3072"]
    files = Files(tmp_path, hierarchy, signer)
    token = files.keep(
        "token.p7s",
        tsa_of(signer, hierarchy, clock, scheme).token(hashlib.sha384(DATA).digest(), "sha384"),
    )
    done = openssl(
        *("cms", "-verify", "-cades", "-inform", "DER", "-in", token, "-binary"),
        *("-purpose", "timestampsign", "-CAfile", files.root, "-out", tmp_path / "info"),
        *("-attime", int(START.timestamp()) + 1),
    )
    assert done.returncode == 0, done.stderr
    info = tsp.TSTInfo.load((tmp_path / "info").read_bytes(), strict=True)
    assert info["message_imprint"]["hashed_message"].native == hashlib.sha384(DATA).digest()


def test_a_token_of_our_own(
    tsa: TimestampAuthority,
    signers_by_kind: dict[str, RoleSigner],
    hierarchy: Hierarchy,
    tmp_path: Path,
) -> None:
    """`token` gives what goes into a signature; a changed octet is found out by the reader."""
    digest = hashlib.sha256(DATA).digest()
    made = tsa.token(digest, "sha256")
    files = Files(tmp_path, hierarchy, signers_by_kind["p256"])
    judged = ("-token_in", "-digest", digest.hex(), "-in")
    assert "Verification: OK" in files.verify(*judged, files.keep("token", made))
    at = made.index(b"20260302030405Z")
    spoiled = made[:at] + b"2027" + made[at + 4 :]
    assert "Verification: FAILED" in files.verify(*judged, files.keep("spoiled", spoiled))
    with pytest.raises(ValueError, match="32 octets"):
        tsa.token(digest[:-1], "sha256")


# Time ------------------------------------------------------------------------------------------

FIRST, LAST = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "failure"),
    [
        (FIRST - timedelta(microseconds=1), Failure.TIME_NOT_AVAILABLE),
        (FIRST, None),
        (FIRST + timedelta(milliseconds=999), None),
        (LAST, None),
        (LAST + timedelta(milliseconds=999), None),  # RFC 5280 4.1.2.5: the last second counts
        (LAST + timedelta(seconds=1), Failure.SYSTEM_FAILURE),
    ],
)
def test_no_stamp_outside_the_certificates_validity(
    at: datetime, failure: Failure | None, hsm: Hsm, ca_keys: Keys, hierarchy: Hierarchy
) -> None:
    key = ensure_ca_key(hsm, "tsa-tests-p256")
    signer = tsa_signer(key, ca_keys.issuing, hierarchy.issuing, not_before=FIRST, not_after=LAST)
    tsa = tsa_of(signer, hierarchy, StandingClock(at))
    if failure is None:
        info, _ = granted(tsa.answer(query()))
        assert info["gen_time"].native == at.replace(microsecond=0)
        return
    assert refused(tsa.answer(query()))[0] is failure
    with pytest.raises(Unavailable):
        tsa.token(bytes(32), "sha256")


# Key and certificate ---------------------------------------------------------------------------


def test_without_a_key_it_says_come_back(
    hsm: Hsm,
    signers_by_kind: dict[str, RoleSigner],
    hierarchy: Hierarchy,
    clock: StandingClock,
    token_home: Path,
) -> None:
    """No signer yet, or its HSM away: `Unavailable`; what is wrong in itself is still refused."""
    signer = signers_by_kind["p256"]
    none_yet, stamping = tsa_of(None, hierarchy, clock), tsa_of(signer, hierarchy, clock)
    with pytest.raises(Unavailable):
        none_yet.answer(query())
    granted(stamping.answer(query()))
    with token_away(token_home, hsm):
        with pytest.raises(Unavailable):
            stamping.answer(query())
        assert refused(stamping.answer(b"nonsense"))[0] is Failure.BAD_DATA_FORMAT
    granted(stamping.answer(query()))


def test_the_key_must_be_the_certificates(
    signers_by_kind: dict[str, RoleSigner], hierarchy: Hierarchy, clock: StandingClock
) -> None:
    """No token leaves that does not verify under the certificate it names."""
    swapped = RoleSigner(
        key=ec.generate_private_key(ec.SECP256R1()),
        certificate=signers_by_kind["p256"].certificate,
    )
    with pytest.raises(SignerError, match="không khớp"):
        tsa_of(swapped, hierarchy, clock).answer(query())


@pytest.mark.parametrize(
    "changes",
    [
        {"purposes": ()},
        {"is_critical": False},
        {"purposes": (ExtendedKeyUsageOID.OCSP_SIGNING,)},
        {"purposes": (ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING)},
    ],
)
def test_the_certificate_must_be_for_time_stamps_alone(
    changes: dict[str, object], hsm: Hsm, ca_keys: Keys, hierarchy: Hierarchy, clock: StandingClock
) -> None:
    """RFC 3161 section 2.3."""
    key = ensure_ca_key(hsm, "tsa-tests-p256")
    signer = tsa_signer(key, ca_keys.issuing, hierarchy.issuing, **changes)  # type: ignore[arg-type]
    with pytest.raises(ConfigError):
        tsa_of(signer, hierarchy, clock).answer(query())


def test_the_ledgers_tsa_certificate_stamps(
    authority: Authority, hsm: Hsm, hierarchy: Hierarchy, clock: StandingClock, tmp_path: Path
) -> None:
    """What the profile tsa-signer issues is what RFC 3161 asks of a TSA, in openssl's eyes too."""
    key = ensure_ca_key(hsm, "tsa-tests-p256")
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    made = authority.issue(
        intent="tsa-1",
        subject=SubjectFacts(
            common_name="Dịch vụ dấu thời gian nội bộ",
            organisation="ỦY BAN NHÂN DÂN THÀNH PHỐ HÀ NỘI",
            units=(),
            locality="Hà Nội",
        ),
        public_key_der=spki,
        profile="tsa-signer",
        actor="system",
    )
    signer = RoleSigner(key=key, certificate=x509.load_der_x509_certificate(made.der))
    files = Files(tmp_path, hierarchy, signer)
    reply = files.keep("reply", tsa_of(signer, hierarchy, clock).answer(query()))
    assert "Verification: OK" in files.verify("-data", files.data, "-in", reply)


def test_a_new_certificate_is_used_at_once(
    signers_by_kind: dict[str, RoleSigner], hierarchy: Hierarchy, clock: StandingClock
) -> None:
    following = iter((signers_by_kind["p256"], signers_by_kind["p384"]))
    tsa = tsa_of(lambda: next(following), hierarchy, clock)
    for kind in ("p256", "p384"):
        _, signed = granted(tsa.answer(query()))
        serial = signed["signer_infos"][0]["sid"].chosen["serial_number"].native
        assert serial == signers_by_kind[kind].certificate.serial_number
