"""Revocation lists as DER, written by hand: a builder needs quadratic time for long ones."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

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
    """The lines of one list, encoded as they come; time and memory grow with their number only."""

    def __init__(self) -> None:
        self.der = bytearray()
        self.count = 0
        self._frames = {reason: _frame(reason) for reason in (None, *RevocationReason)}
        self._days: dict[str, str] = _HexDays()
        self._times: dict[str, str] = _HexTimes()

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """The rows are in the list, in their order.

        A row is what the database has: the serial in hex, when it was revoked, the reason or
        None, and since when the key is suspect or None. The dates are texts in UTC such as
        `2026-03-02 03:04:05.678901`: a `datetime` for each would cost more than all the rest.
        """
        frames, days, times = self._frames, self._days, self._times
        encoded = []
        for row in rows:
            serial, at, reason, invalid_since = row
            # Our own serials have 20 octets, the first of them below 0x80 (`new_serial`), and
            # until 2049 the date is a UTCTime: nearly all lines are then of one size.
            if (
                invalid_since is None
                and len(serial) == 40
                and "1" <= serial < "8"
                and "1950" <= at < "2050"
            ):
                head, tail = frames[reason]
                encoded.append(f"{head}{serial}{days[at[:10]]}{times[at[11:19]]}{tail}")
            else:
                encoded.append(_entry(*row).hex())
        self.der += bytes.fromhex("".join(encoded))
        self.count += len(encoded)


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


def _entry(serial: str, at: str, reason: str | None, invalid_since: str | None) -> bytes:
    """Any line; `CrlEntries.add` says the same of the usual ones, and a test compares them."""
    extensions = _reason(reason)
    if invalid_since is not None:
        # Section 5.3.2: a GeneralizedTime in every year.
        moment = _moment(invalid_since).strftime("%Y%m%d%H%M%SZ").encode()
        extensions += _extension(_INVALIDITY_DATE, der.tlv(der.GENERALIZED_TIME, moment))
    return der.tlv(
        der.SEQUENCE,
        der.integer(int(serial, 16)),
        der.time(_moment(at)),
        der.tlv(der.SEQUENCE, extensions) if extensions else b"",
    )


def _reason(reason: str | None) -> bytes:
    number = REASON_NUMBERS[RevocationReason(reason or RevocationReason.UNSPECIFIED)]
    if number == 0:
        return b""  # section 5.3.1: an unspecified reason is left out
    return _extension(_REASON_CODE, der.tlv(der.ENUMERATED, bytes((number,))))


def _frame(reason: str | None) -> tuple[str, str]:
    """What stands around serial and date in a line of the usual size, in hexadecimal."""
    entry = _entry(f"{1 << 158:x}", "2000-01-01 00:00:00", reason, None)
    serial = entry.index(bytes((der.INTEGER, 20))) + 2
    date = serial + 20
    return entry[:serial].hex(), entry[date + 15 :].hex()


class _HexDays(dict[str, str]):
    """`2026-03-02` as the start of a UTCTime, in hexadecimal."""

    def __missing__(self, day: str) -> str:
        digits = day[2:4] + day[5:7] + day[8:10]
        self[day] = made = f"{der.UTC_TIME:02x}0d" + digits.encode().hex()
        return made


class _HexTimes(dict[str, str]):
    """`03:04:05` as the end of a UTCTime, in hexadecimal."""

    def __missing__(self, time: str) -> str:
        digits = time[0:2] + time[3:5] + time[6:8] + "Z"
        self[time] = made = digits.encode().hex()
        return made


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)


def _extension(oid: bytes, value: bytes, *, is_critical: bool = False) -> bytes:
    critical = _TRUE if is_critical else b""
    return der.tlv(der.SEQUENCE, oid, critical, der.tlv(der.OCTET_STRING, value))
