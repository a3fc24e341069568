"""Revocation lists as DER, written by hand: a builder needs quadratic time for long ones."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

from signer.ca import der
from signer.ca.extensions import authority_key_identifier, extension

_CRL_NUMBER, _REASON_CODE, _INVALIDITY_DATE = "2.5.29.20", "2.5.29.21", "2.5.29.24"
_ISSUING_DISTRIBUTION_POINT = "2.5.29.28"


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
        authority_key_identifier(issuer_key_identifier),  # section 5.2.1
        extension(_CRL_NUMBER, der.integer(number)),  # section 5.2.3
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
    return extension(_ISSUING_DISTRIBUTION_POINT, point, critical=True)


def _entry(serial: str, at: str, reason: str, invalid_since: str) -> bytes:
    """Any line; a test compares it with the usual ones, made together."""
    number = REASON_NUMBERS[RevocationReason(reason or RevocationReason.UNSPECIFIED)]
    since = _moment(invalid_since) if invalid_since else None
    return crl_entry(int(serial, 16), _moment(at), number, since)


def crl_entry(
    serial: int, at: datetime, reason_number: int, invalid_since: datetime | None = None
) -> bytes:
    """One line (section 5.1.2.6)."""
    extensions = b""
    if reason_number:  # section 5.3.1: an unspecified reason is left out
        extensions = extension(_REASON_CODE, der.tlv(der.ENUMERATED, bytes((reason_number,))))
    if invalid_since:  # section 5.3.2: a GeneralizedTime in every year
        moment = invalid_since.strftime("%Y%m%d%H%M%SZ").encode("ascii")
        extensions += extension(_INVALIDITY_DATE, der.tlv(der.GENERALIZED_TIME, moment))
    stated = der.tlv(der.SEQUENCE, extensions) if extensions else b""
    return der.tlv(der.SEQUENCE, der.integer(serial), der.time(at), stated)


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


_FRAME = _entry(f"{1 << 158:x}", "2000-01-01 00:00:00", RevocationReason.SUPERSEDED, "")
_SERIAL_AT = _FRAME.index(bytes((der.INTEGER, 20))) + 2
_DATE_AT = _SERIAL_AT + 20 + 2
