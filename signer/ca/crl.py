"""Revocation lists as DER, written by hand: a builder needs quadratic time for long ones."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

from signer.ca import der

_CRL_NUMBER = bytes.fromhex("0603551d14")
_REASON_CODE = bytes.fromhex("0603551d15")
_INVALIDITY_DATE = bytes.fromhex("0603551d18")
_ISSUING_DISTRIBUTION_POINT = bytes.fromhex("0603551d1c")
_AUTHORITY_KEY_IDENTIFIER = bytes.fromhex("0603551d23")
_TRUE = bytes.fromhex("0101ff")


class RevocationReason(StrEnum):
    """Why a certificate does not count (RFC 5280 section 5.3.1)."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "key_compromise"
    AFFILIATION_CHANGED = "affiliation_changed"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessation_of_operation"
    CERTIFICATE_HOLD = "certificate_hold"
    """Suspended: it may count again."""
    PRIVILEGE_WITHDRAWN = "privilege_withdrawn"


REASON_NUMBERS = {
    RevocationReason.UNSPECIFIED: 0,
    RevocationReason.KEY_COMPROMISE: 1,
    RevocationReason.AFFILIATION_CHANGED: 3,
    RevocationReason.SUPERSEDED: 4,
    RevocationReason.CESSATION_OF_OPERATION: 5,
    RevocationReason.CERTIFICATE_HOLD: 6,
    RevocationReason.PRIVILEGE_WITHDRAWN: 9,
}


class CrlEntries:
    """The lines of one list, encoded as they come; time and memory grow with their number only.

    A line comes as one text, because an object for each of a million serials, dates and reasons
    costs more than all the rest. Usual ones are the serial's 40 digits, the date as
    `2026-03-02 03:04:05` in UTC and the reason's number in two digits; any other is
    `!serial|date|reason|date of invalidity`, where the last two may be empty.
    """

    def __init__(self) -> None:
        self.der = bytearray()
        self.count = 0

    def add(self, lines: Sequence[str]) -> None:
        """The lines are in the list; some hundreds at a time go fastest."""
        text = "".join(lines)
        if "!" in text:
            for line in lines:
                if line.startswith("!"):
                    self.der += _entry(*line[1:].split("|"))
            text = "".join(line for line in lines if not line.startswith("!"))
        self.der += _usual_entries(text)
        self.count += len(lines)


def crl_tbs(
    *,
    signature_algorithm_der: bytes,
    issuer_name_der: bytes,
    issuer_key_identifier: bytes,
    number: int,
    this_update: datetime,
    next_update: datetime,
    entries: bytes | bytearray = b"",
    distribution_point: str | None = None,
) -> bytes:
    """The TBSCertList (RFC 5280 section 5.1.2), ready to be signed.

    Complete, unless it is bound to a `distribution_point`: then it is the list of those
    certificates that name this very address as theirs. The same AlgorithmIdentifier must go
    outside; `certificate.sign_tbs` puts it there.
    """
    extensions = der.tlv(
        der.SEQUENCE,
        _extension(
            _AUTHORITY_KEY_IDENTIFIER,  # section 5.2.1
            der.tlv(der.SEQUENCE, der.tlv(0x80, issuer_key_identifier)),
        ),
        _extension(_CRL_NUMBER, der.integer(number)),  # section 5.2.3
        _distribution_point(distribution_point) if distribution_point else b"",
    )
    before = b"".join(
        (
            der.integer(1),  # v2
            signature_algorithm_der,
            issuer_name_der,
            der.time(this_update),
            der.time(next_update),
            # absent when empty, section 5.1.2.6
            der.header(der.SEQUENCE, len(entries)) if entries else b"",
        )
    )
    after = der.tlv(0xA0, extensions)
    size = len(before) + len(entries) + len(after)
    return b"".join((der.header(der.SEQUENCE, size), before, entries, after))


def _distribution_point(address: str) -> bytes:
    """Section 5.2.5: critical; the fullName is the one in the certificates, byte for byte."""
    full_name = der.tlv(0xA0, der.tlv(0x86, address.encode("ascii")))
    point = der.tlv(der.SEQUENCE, der.tlv(0xA0, full_name))
    return _extension(_ISSUING_DISTRIBUTION_POINT, point, is_critical=True)


def _entry(serial: str, at: str, reason: str, invalid_since: str) -> bytes:
    """Any line (section 5.1.2.6); a test compares it with the usual ones, made together."""
    extensions = _reason(RevocationReason(reason or RevocationReason.UNSPECIFIED))
    if invalid_since:
        # Section 5.3.2: a GeneralizedTime in every year.
        moment = _moment(invalid_since).strftime("%Y%m%d%H%M%SZ").encode("ascii")
        extensions += _extension(_INVALIDITY_DATE, der.tlv(der.GENERALIZED_TIME, moment))
    return der.tlv(
        der.SEQUENCE,
        der.integer(int(serial, 16)),
        der.time(_moment(at)),
        der.tlv(der.SEQUENCE, extensions) if extensions else b"",
    )


def _reason(reason: RevocationReason) -> bytes:
    number = REASON_NUMBERS[reason]
    if number == 0:
        return b""  # section 5.3.1: an unspecified reason is left out
    return _extension(_REASON_CODE, der.tlv(der.ENUMERATED, bytes((number,))))


def _usual_entries(text: str) -> bytearray:
    """Lines of one size: a frame for each, filled column by column at the speed of a copy."""
    digits = text.encode("ascii").translate(None, b"- :")
    octets = bytes.fromhex(digits.decode("ascii"))  # 20 of the serial, 7 of the date, the reason
    encoded = bytearray(_FRAME * (len(octets) // 28))
    for place in range(20):
        encoded[_SERIAL_AT + place :: len(_FRAME)] = octets[place::28]
    for place in range(12):  # a UTCTime leaves out the century
        encoded[_DATE_AT + place :: len(_FRAME)] = digits[42 + place :: 56]
    encoded[len(_FRAME) - 1 :: len(_FRAME)] = octets[27::28]
    return encoded


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _extension(oid: bytes, value: bytes, *, is_critical: bool = False) -> bytes:
    critical = _TRUE if is_critical else b""
    return der.tlv(der.SEQUENCE, oid, critical, der.tlv(der.OCTET_STRING, value))


_FRAME = _entry(f"{1 << 158:x}", "2000-01-01 00:00:00", RevocationReason.SUPERSEDED, "")
_SERIAL_AT = _FRAME.index(bytes((der.INTEGER, 20))) + 2
_DATE_AT = _SERIAL_AT + 20 + 2
