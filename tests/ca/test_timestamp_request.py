"""Requests for time stamps: each thing that is wrong has its PKIFailureInfo, whatever the bytes."""

import hashlib
import re
from pathlib import Path

import pytest
from asn1crypto import tsp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signer.ca import der
from signer.ca.timestamp import TimestampAuthority
from signer.ca.timestamp_request import (
    REQUEST_LIMIT_BYTES,
    Failure,
    TimestampRefused,
    read_request,
    rejection,
)
from signer.pkcs11 import Hsm, ensure_ca_key
from tests.ca.conftest import Keys
from tests.ca.factory import START, openssl
from tests.ca.hierarchies import Hierarchy
from tests.ca.stamping import (
    DATA,
    POLICY,
    Rejection,
    granted,
    imprint,
    query,
    refused,
    tsa_of,
    tsa_signer,
)
from tests.clocks import StandingClock

POLICY_DER = der.oid(POLICY.policy_oid)
SHA256 = der.oid("2.16.840.1.101.3.4.2.1")
DIGEST = der.tlv(der.OCTET_STRING, hashlib.sha256(DATA).digest())
IMPRINT = der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, SHA256), DIGEST)
V1 = der.integer(1)
TRUE = b"\x01\x01\xff"


@pytest.fixture(scope="module")
def tsa(hsm: Hsm, ca_keys: Keys, hierarchy: Hierarchy) -> TimestampAuthority:
    key = ensure_ca_key(hsm, "tsa-tests-p256")
    signer = tsa_signer(key, ca_keys.issuing, hierarchy.issuing)
    return tsa_of(signer, hierarchy, StandingClock(START))


def sequence(*fields: bytes) -> bytes:
    return der.tlv(der.SEQUENCE, *fields)


def hashed(oid: bytes, octets: int, *parameters: bytes) -> bytes:
    """A request over a digest of this many octets."""
    imprinted = sequence(sequence(oid, *parameters), der.tlv(der.OCTET_STRING, bytes(octets)))
    return sequence(V1, imprinted)


def extended(*extensions: bytes) -> bytes:
    return sequence(V1, IMPRINT, der.tlv(0xA0, *extensions))


EXTENSION = sequence(der.oid("1.2.3.4"), der.tlv(der.OCTET_STRING, b"\x05\x00"))
CRITICAL = sequence(der.oid("1.2.3.4"), TRUE, der.tlv(der.OCTET_STRING, b"\x05\x00"))
GOOD = sequence(V1, IMPRINT, POLICY_DER, der.integer(77), TRUE)

REFUSALS = {
    # RFC 3161 section 2.4.1: the hash must be known and sufficient …
    "SHA-1": (hashed(der.oid("1.3.14.3.2.26"), 20), Failure.BAD_ALG),
    "SHA-1 with parameters": (hashed(der.oid("1.3.14.3.2.26"), 20, b"\x05\x00"), Failure.BAD_ALG),
    "MD5": (hashed(der.oid("1.2.840.113549.2.5"), 16), Failure.BAD_ALG),
    "SHA-224": (hashed(der.oid("2.16.840.1.101.3.4.2.4"), 28), Failure.BAD_ALG),
    "an unknown hash": (hashed(der.oid("1.2.3.4"), 32), Failure.BAD_ALG),
    "SHA-256 with strange parameters": (hashed(SHA256, 32, der.integer(1)), Failure.BAD_ALG),
    # … and the digest as long as it says
    "a short digest": (hashed(SHA256, 31), Failure.BAD_DATA_FORMAT),
    "a long digest": (hashed(SHA256, 33), Failure.BAD_DATA_FORMAT),
    "an empty digest": (hashed(SHA256, 0), Failure.BAD_DATA_FORMAT),
    "a SHA-512 digest said to be SHA-384": (
        hashed(der.oid("2.16.840.1.101.3.4.2.2"), 64),
        Failure.BAD_DATA_FORMAT,
    ),
    # version
    "version 0": (sequence(der.integer(0), IMPRINT), Failure.BAD_REQUEST),
    "version 2": (sequence(der.integer(2), IMPRINT), Failure.BAD_REQUEST),
    "version 257": (sequence(der.integer(257), IMPRINT), Failure.BAD_REQUEST),
    "no version": (sequence(IMPRINT), Failure.BAD_DATA_FORMAT),
    # policy and extensions
    "another policy": (sequence(V1, IMPRINT, der.oid("1.2.3")), Failure.UNACCEPTED_POLICY),
    "a longer policy": (
        sequence(V1, IMPRINT, der.oid(POLICY.policy_oid + ".1")),
        Failure.UNACCEPTED_POLICY,
    ),
    "an extension": (extended(EXTENSION), Failure.UNACCEPTED_EXTENSION),
    "a critical extension": (extended(CRITICAL), Failure.UNACCEPTED_EXTENSION),
    "no extension in extensions": (extended(), Failure.BAD_DATA_FORMAT),
    "an extension without a value": (extended(sequence(der.oid("1.2"))), Failure.BAD_DATA_FORMAT),
    "an extension with a fourth field": (
        extended(der.tlv(der.SEQUENCE, *(part for _, part in der.children(CRITICAL)), V1)),
        Failure.BAD_DATA_FORMAT,
    ),
    "an extension that is none": (extended(der.integer(1)), Failure.BAD_DATA_FORMAT),
    # structure
    "nothing": (b"", Failure.BAD_DATA_FORMAT),
    "an empty SEQUENCE": (sequence(), Failure.BAD_DATA_FORMAT),
    "no imprint": (sequence(V1), Failure.BAD_DATA_FORMAT),
    "an empty imprint": (sequence(V1, sequence()), Failure.BAD_DATA_FORMAT),
    "no digest": (sequence(V1, sequence(sequence(SHA256))), Failure.BAD_DATA_FORMAT),
    "a bare OID for the hash": (sequence(V1, sequence(SHA256, DIGEST)), Failure.BAD_DATA_FORMAT),
    "two parameters": (hashed(SHA256, 32, b"\x05\x00", b"\x05\x00"), Failure.BAD_DATA_FORMAT),
    "more after the digest": (
        sequence(V1, sequence(sequence(SHA256), DIGEST, V1)),
        Failure.BAD_DATA_FORMAT,
    ),
    "trailing bytes": (GOOD + b"\x00", Failure.BAD_DATA_FORMAT),
    "trailing field": (sequence(V1, IMPRINT, TRUE, der.integer(1)), Failure.BAD_DATA_FORMAT),
    "two nonces": (sequence(V1, IMPRINT, der.integer(1), der.integer(2)), Failure.BAD_DATA_FORMAT),
    "policy after nonce": (
        sequence(V1, IMPRINT, der.integer(1), POLICY_DER),
        Failure.BAD_DATA_FORMAT,
    ),
    "cut short": (GOOD[:-1], Failure.BAD_DATA_FORMAT),
    "a SET": (b"\x31" + GOOD[1:], Failure.BAD_DATA_FORMAT),
    "an indefinite length": (b"\x30\x80" + GOOD[2:] + b"\x00\x00", Failure.BAD_DATA_FORMAT),
    "a long length": (b"\x30\x81" + GOOD[1:], Failure.BAD_DATA_FORMAT),
    "a longer length": (b"\x30\x82\x00" + GOOD[1:], Failure.BAD_DATA_FORMAT),
    "a padded nonce": (sequence(V1, IMPRINT, b"\x02\x02\x00\x01"), Failure.BAD_DATA_FORMAT),
    "a padded negative nonce": (
        sequence(V1, IMPRINT, b"\x02\x02\xff\x80"),
        Failure.BAD_DATA_FORMAT,
    ),
    "an empty nonce": (sequence(V1, IMPRINT, b"\x02\x00"), Failure.BAD_DATA_FORMAT),
    "a padded arc": (sequence(V1, IMPRINT, b"\x06\x03\x2a\x80\x01"), Failure.BAD_DATA_FORMAT),
    "an open arc": (sequence(V1, IMPRINT, b"\x06\x02\x2a\x83"), Failure.BAD_DATA_FORMAT),
    "an empty policy": (sequence(V1, IMPRINT, b"\x06\x00"), Failure.BAD_DATA_FORMAT),
    "TRUE as 1": (sequence(V1, IMPRINT, b"\x01\x01\x01"), Failure.BAD_DATA_FORMAT),
    "TRUE in two octets": (sequence(V1, IMPRINT, b"\x01\x02\xff\xff"), Failure.BAD_DATA_FORMAT),
    "a nonce without end": (
        sequence(V1, IMPRINT, der.integer(1 << 8 * REQUEST_LIMIT_BYTES)),
        Failure.BAD_DATA_FORMAT,
    ),
}
IN_OPENSSLS_WORDS = {
    Failure.BAD_ALG: "unrecognized or unsupported algorithm identifier",
    Failure.BAD_REQUEST: "transaction not permitted or supported",
    Failure.BAD_DATA_FORMAT: "the data submitted has the wrong format",
    Failure.TIME_NOT_AVAILABLE: "the TSA's time source is not available",
    Failure.UNACCEPTED_POLICY: "the requested TSA policy is not supported by the TSA",
    Failure.UNACCEPTED_EXTENSION: "the requested extension is not supported by the TSA",
    Failure.SYSTEM_FAILURE: "the request cannot be handled due to system failure",
}


def test_the_good_one_is_good(tsa: TimestampAuthority) -> None:
    """What the table spoils is granted unspoiled."""
    info, _ = granted(tsa.answer(GOOD))
    assert info["message_imprint"].dump() == IMPRINT
    assert info["nonce"].native == 77


@pytest.mark.parametrize("name", REFUSALS)
def test_refused(name: str, tsa: TimestampAuthority) -> None:
    asked, failure = REFUSALS[name]
    assert refused(tsa.answer(asked))[0] == failure


@pytest.mark.parametrize("name", ["version 2", "SHA-1", "a short digest", "another policy"])
def test_openssls_own_tsa_refuses_it_in_the_same_way(
    name: str, tsa: TimestampAuthority, tmp_path: Path
) -> None:
    """A second opinion on which failure belongs to which fault."""
    asked, _ = REFUSALS[name]
    (tmp_path / "query").write_bytes(asked)
    (tmp_path / "serial").write_text("01\n")
    made = openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-keyout", tmp_path / "key", "-out", tmp_path / "cert", "-subj", "/CN=TSA"),
        *(
            "-addext",
            "extendedKeyUsage=critical,timeStamping",
            "-addext",
            "keyUsage=critical,nonRepudiation",
        ),
    )
    assert made.returncode == 0, made.stderr
    (tmp_path / "conf").write_text(
        f"[tsa]\ndefault_tsa=a\n[a]\nserial={tmp_path / 'serial'}\nsigner_digest=sha256\n"
        f"signer_cert={tmp_path / 'cert'}\nsigner_key={tmp_path / 'key'}\n"
        f"default_policy={POLICY.policy_oid}\ndigests=sha256,sha384,sha512\n"
        "accuracy=secs:1\ness_cert_id_chain=no\ness_cert_id_alg=sha256\n"
    )
    done = openssl(
        *("ts", "-reply", "-config", tmp_path / "conf", "-queryfile", tmp_path / "query"),
        *("-out", tmp_path / "reply"),
    )
    assert done.returncode == 0, done.stderr
    theirs, _ = refused((tmp_path / "reply").read_bytes())
    assert refused(tsa.answer(asked))[0] == theirs


@pytest.mark.parametrize("failure", Failure)
def test_openssl_reads_each_rejection(failure: Failure, tmp_path: Path) -> None:
    """PKIFailureInfo is a BIT STRING without zeros at its end (X.690 section 11.2.2)."""
    assert refused(rejection(failure, "Không đóng dấu được.")) == (failure, "Không đóng dấu được.")
    made = rejection(failure, "No stamp.")
    assert Rejection.load(made).copy().dump(force=True) == made
    (tmp_path / "reply").write_bytes(made)
    told = openssl("ts", "-reply", "-in", tmp_path / "reply", "-text").stdout
    assert "Status: Rejected." in told
    assert "Status description: No stamp." in told
    assert f"Failure info: {IN_OPENSSLS_WORDS[failure]}" in told


def test_each_rejection_says_why_in_a_sentence(tsa: TimestampAuthority) -> None:
    sentences = {refused(tsa.answer(asked))[1] for asked, _ in REFUSALS.values()}
    assert len(sentences) == 6
    assert all(re.fullmatch(r"[A-ZĐ].*\.", sentence) for sentence in sentences)


def test_only_the_policys_hashes_are_stamped() -> None:
    with pytest.raises(TimestampRefused) as caught:
        read_request(query("sha384"), policy_der=POLICY_DER, hashes=("sha256",))
    assert caught.value.failure is Failure.BAD_ALG


# Any bytes -------------------------------------------------------------------------------------

QUIET = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400
)


@QUIET
@given(st.binary(max_size=300))
def test_any_bytes_get_a_rejection(tsa: TimestampAuthority, asked: bytes) -> None:
    failure, sentence = refused(tsa.answer(asked))
    assert failure == Failure.BAD_DATA_FORMAT
    assert sentence


@st.composite
def nearly_good(draw: st.DrawFn) -> bytes:
    """A good request with some of its octets changed, doubled or left out."""
    asked = bytearray(
        query(
            draw(st.sampled_from(("sha256", "sha384", "sha512"))),
            nonce=draw(st.none() | st.integers(-(1 << 70), 1 << 170)),
            cert_req=draw(st.sampled_from((True, None))),
            req_policy=draw(st.sampled_from((POLICY.policy_oid, None))),
        )
    )
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(asked) - 1))
        match draw(st.sampled_from("cid")):
            case "c":
                asked[at] = draw(st.integers(0, 255))
            case "i":
                asked.insert(at, draw(st.integers(0, 255)))
            case _:
                del asked[at]
    return bytes(asked)


@QUIET
@given(nearly_good())
def test_what_is_granted_is_what_was_asked(tsa: TimestampAuthority, asked: bytes) -> None:
    """Never an exception; a token only for what asn1crypto reads in the same way."""
    response = tsa.answer(asked)
    if len(der.children(response)) == 1:
        refused(response)
        return
    read = tsp.TimeStampReq.load(asked, strict=True)
    info, signed = granted(response)
    assert info["message_imprint"].dump() == read["message_imprint"].dump()
    assert info["nonce"].native == read["nonce"].native
    assert bool(signed["certificates"]) == read["cert_req"].native
    assert read["version"].native == "v1"
    assert read["req_policy"].native in (None, POLICY.policy_oid)
    hash_name = read["message_imprint"]["hash_algorithm"]["algorithm"].native
    size = hashlib.new(hash_name).digest_size
    assert len(read["message_imprint"]["hashed_message"].native) == size


def test_nothing_spoiled_is_granted(tsa: TimestampAuthority) -> None:
    """The property above is not empty: the generator's own good request is granted."""
    granted(tsa.answer(query(message_imprint=imprint("sha384"), req_policy=POLICY.policy_oid)))
