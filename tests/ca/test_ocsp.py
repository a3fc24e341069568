"""Requests are read strictly, answers repeat what was asked: the pure part, without a ledger."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import core
from asn1crypto import ocsp as asn1
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st

from signer.ca.crl import RevocationReason
from signer.ca.ocsp import (
    UNKNOWN,
    CertStatus,
    Malformed,
    bare_cert_id,
    cert_id_of,
    issuer_ids,
    parse_request,
    responder_id,
    response,
    response_data,
    single_response,
)
from tests.ca.asking import asked
from tests.ca.hierarchies import Hierarchy

SERIAL = (1 << 158) | 12345
AT = datetime(2026, 11, 23, 2, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("nonce", [None, b"n", b"n" * 32, b"n" * 128])
def test_what_is_asked_is_read(hierarchy: Hierarchy, algorithm: str, nonce: bytes | None) -> None:
    """Serials in their order, the issuer recognised by either hash, the nonce as it was sent."""
    sent = asked(hierarchy.issuing, SERIAL, 7, algorithm=algorithm, nonce=nonce)
    read = parse_request(sent.dump())
    assert [cert_id.serial for cert_id in read.cert_ids] == [SERIAL, 7]
    assert {c.issuer for c in read.cert_ids} <= issuer_ids(hierarchy.issuing)
    assert {c.issuer for c in read.cert_ids}.isdisjoint(issuer_ids(hierarchy.root))
    first = sent["tbs_request"]["request_list"][0]["req_cert"]
    assert read.cert_ids[0].der == first.dump()
    assert read.nonce == nonce


def test_names_signatures_and_harmless_extensions_are_passed_over(hierarchy: Hierarchy) -> None:
    """RFC 6960 section 4.1.2: a responder need not look at them; unknown and not critical."""
    sent = asked(hierarchy.issuing, SERIAL)
    sent["tbs_request"]["requestor_name"] = asn1.GeneralName("dns_name", "asker.example")
    sent["tbs_request"]["request_extensions"] = [
        {"extn_id": "1.2.3.4", "critical": False, "extn_value": core.ParsableOctetString(b"\5\0")}
    ]
    sent["optional_signature"] = {
        "signature_algorithm": {"algorithm": "sha256_rsa"},
        "signature": b"\0" * 16,
    }
    assert parse_request(sent.dump(force=True)).cert_ids[0].serial == SERIAL


def _nonce_of(value: bytes) -> Callable[[asn1.OCSPRequest], bytes]:
    def spoil(sent: asn1.OCSPRequest) -> bytes:
        sent["tbs_request"]["request_extensions"] = [
            {"extn_id": "1.3.6.1.5.5.7.48.1.2", "extn_value": core.ParsableOctetString(value)}
        ]
        return bytes(sent.dump(force=True))

    return spoil


def _two_nonces(sent: asn1.OCSPRequest) -> bytes:
    one = {"extn_id": "nonce", "extn_value": b"1234567890123456"}
    sent["tbs_request"]["request_extensions"] = [one, one]
    return bytes(sent.dump(force=True))


def _critical(sent: asn1.OCSPRequest) -> bytes:
    unknown = core.ParsableOctetString(b"\5\0")
    extension = {"extn_id": "1.2.3.4", "critical": True, "extn_value": unknown}
    sent["tbs_request"]["request_extensions"] = [extension]
    return bytes(sent.dump(force=True))


def _critical_in_single(sent: asn1.OCSPRequest) -> bytes:
    unknown = core.ParsableOctetString(b"\5\0")
    extension = {"extn_id": "1.2.3.4", "critical": True, "extn_value": unknown}
    single = sent["tbs_request"]["request_list"][0]
    single["single_request_extensions"] = [extension]
    return bytes(sent.dump(force=True))


def _replaced(old: bytes, new: bytes) -> Callable[[asn1.OCSPRequest], bytes]:
    """Bytes of the same number in their place."""

    def spoil(sent: asn1.OCSPRequest) -> bytes:
        encoded = bytes(sent.dump())
        assert encoded.count(old) == 1
        return encoded.replace(old, new)

    return spoil


SPOILED: dict[str, Callable[[asn1.OCSPRequest], bytes]] = {
    "nothing": lambda sent: b"",
    "text": lambda sent: b"GET / HTTP/1.1",
    "cut short": lambda sent: bytes(sent.dump())[:-1],
    "a byte too many": lambda sent: bytes(sent.dump()) + b"\0",
    "an OID whose arc begins with nothing": lambda sent: bytes(sent.dump()).replace(
        bytes.fromhex("06052b0e03021a"), bytes.fromhex("0605800e03021a")
    ),
    "an OID cut short": lambda sent: bytes(sent.dump()).replace(
        bytes.fromhex("06052b0e03021a"), bytes.fromhex("06052b0e03029a")
    ),
    "nothing asked": lambda sent: bytes.fromhex("3004300230 00".replace(" ", "")),
    "no list": lambda sent: bytes.fromhex("30023000"),
    "an indefinite length": lambda sent: b"\x30\x80" + bytes(sent.dump())[2:] + b"\0\0",
    "too long": lambda sent: _nonce_of(b"\x04\x82\x27\x10" + b"n" * 10000)(sent),
    "a nonce of no octets": _nonce_of(b"\x04\x00"),  # RFC 9654 section 2.1
    "a nonce of 129 octets": _nonce_of(b"\x04\x81\x81" + b"n" * 129),
    "a nonce that is no OCTET STRING": lambda sent: _nonce_of(b"\x04\x10" + b"n" * 16)(
        sent
    ).replace(b"\x04\x10" + b"n" * 16, b"\x0c\x10" + b"n" * 16),
    "two nonces": _two_nonces,
    "an unknown critical extension": _critical,
    "one in a single request": _critical_in_single,
    "a hash algorithm with odd parameters": _replaced(b"\x1a\x05\x00", b"\x1a\x04\x00"),
    "a serial with an octet too many": _replaced(
        b"\x02\x14\x40" + b"\0" * 17, b"\x02\x14\x00" + b"\0" * 17
    ),
    "a hash that is no OCTET STRING": _replaced(b"\x1a\x05\x00\x04", b"\x1a\x05\x00\x0c"),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_anything_else_is_malformed(
    hierarchy: Hierarchy, spoil: Callable[[asn1.OCSPRequest], bytes]
) -> None:
    """RFC 6960 section 2.3: what does not follow the syntax is refused, and nothing else raised."""
    with pytest.raises(Malformed):
        parse_request(spoil(asked(hierarchy.issuing, SERIAL)))


@given(st.binary(max_size=400))
def test_no_bytes_do_anything_worse(junk: bytes) -> None:
    """Whatever comes is a request or malformed."""
    with suppress(Malformed):
        assert parse_request(junk).cert_ids


@given(data=st.data())
def test_a_changed_byte_is_noticed_or_repeated(hierarchy: Hierarchy, data: st.DataObject) -> None:
    """What is read of a spoiled request stands in it byte for byte, and is DER to others too."""
    encoded = bytearray(asked(hierarchy.issuing, SERIAL, nonce=b"n" * 16).dump())
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] = data.draw(st.integers(0, 255))
    try:
        read = parse_request(bytes(encoded))
    except Malformed:
        return
    for cert_id in read.cert_ids:
        assert cert_id.der in encoded
        assert asn1.CertId.load(cert_id.der, strict=True).dump(force=True) == cert_id.der


@pytest.mark.parametrize(
    ("status", "said", "reason"),
    [
        (CertStatus(is_known=True), ocsp.OCSPCertStatus.GOOD, None),
        (UNKNOWN, ocsp.OCSPCertStatus.UNKNOWN, None),
        (CertStatus(is_known=True, revoked_at=AT), ocsp.OCSPCertStatus.REVOKED, None),
        *(
            (
                CertStatus(is_known=True, revoked_at=AT, reason=reason),
                ocsp.OCSPCertStatus.REVOKED,
                reason.value,
            )
            for reason in RevocationReason
            if reason is not RevocationReason.UNSPECIFIED
        ),
    ],
)
def test_every_status_is_said_as_cryptography_reads_it(
    hierarchy: Hierarchy, status: CertStatus, said: ocsp.OCSPCertStatus, reason: str | None
) -> None:
    """Certificate, status, times and responder come out as they went in."""
    cert_id = parse_request(asked(hierarchy.issuing, SERIAL).dump()).cert_ids[0]
    until = AT + timedelta(hours=12)
    data = response_data(
        responder_id(hierarchy.root), AT, [single_response(cert_id.der, status, AT, until)], None
    )
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    read = ocsp.load_der_ocsp_response(response(data, algorithm, b"\x30\x00", hierarchy.root))
    assert (read.certificate_status, read.serial_number) == (said, SERIAL)
    assert (read.this_update_utc, read.next_update_utc) == (AT, until)
    assert read.produced_at_utc == AT
    assert read.revocation_time_utc == status.revoked_at
    found = read.revocation_reason
    assert (found and found.name) == reason
    assert read.certificates == [hierarchy.root]


def test_since_when_a_key_is_suspect_is_said_as_on_the_crl(hierarchy: Hierarchy) -> None:
    """RFC 6960 section 4.4.5: the invalidityDate stands among the single extensions."""
    since = AT - timedelta(days=3)
    status = CertStatus(
        is_known=True,
        revoked_at=AT,
        reason=RevocationReason.KEY_COMPROMISE,
        invalid_since=since,
    )
    cert_id = parse_request(asked(hierarchy.issuing, SERIAL).dump()).cert_ids[0]
    read = asn1.SingleResponse.load(single_response(cert_id.der, status, AT, AT), strict=True)
    (extension,) = read["single_extensions"]
    assert extension["extn_id"].native == "invalidity_date"
    assert extension["extn_value"].parsed.native == since


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_the_usual_question_is_found_without_being_read(
    hierarchy: Hierarchy, algorithm: str
) -> None:
    """The short way leads to the same CertID, and only where nothing else was asked."""
    plain = asked(hierarchy.issuing, SERIAL, algorithm=algorithm).dump()
    (cert_id,) = parse_request(plain).cert_ids
    assert bare_cert_id(plain) == cert_id.der
    assert cert_id_of(cert_id.der) == cert_id
    for more in (
        asked(hierarchy.issuing, SERIAL, 7, algorithm=algorithm),
        asked(hierarchy.issuing, SERIAL, algorithm=algorithm, nonce=b"n" * 16),
    ):
        assert bare_cert_id(more.dump()) not in [c.der for c in parse_request(more.dump()).cert_ids]
    assert bare_cert_id(plain[:-1]) is None
