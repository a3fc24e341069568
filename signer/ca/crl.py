"""Revocation lists as DER, written by hand: a builder needs quadratic time for long ones."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from signer.ca import der

_CRL_NUMBER = bytes.fromhex("0603551d14")
_REASON_CODE = bytes.fromhex("0603551d15")
_AUTHORITY_KEY_IDENTIFIER = bytes.fromhex("0603551d23")


class RevocationReason(StrEnum):
    """Why a certificate no longer counts (RFC 5280 section 5.3.1)."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "key_compromise"
    AFFILIATION_CHANGED = "affiliation_changed"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessation_of_operation"
    PRIVILEGE_WITHDRAWN = "privilege_withdrawn"


_REASON_NUMBERS = {
    RevocationReason.KEY_COMPROMISE: 1,
    RevocationReason.AFFILIATION_CHANGED: 3,
    RevocationReason.SUPERSEDED: 4,
    RevocationReason.CESSATION_OF_OPERATION: 5,
    RevocationReason.PRIVILEGE_WITHDRAWN: 9,
}


@dataclass(frozen=True, kw_only=True)
class RevokedSerial:
    """One line of a CRL."""

    serial: int
    at: datetime
    reason: RevocationReason


def crl_tbs(
    *,
    signature_algorithm_der: bytes,
    issuer_name_der: bytes,
    issuer_key_identifier: bytes,
    number: int,
    this_update: datetime,
    next_update: datetime,
    revoked: Iterable[RevokedSerial],
) -> bytes:
    """The TBSCertList of a complete CRL (RFC 5280 section 5.1.2), ready to be signed.

    The same AlgorithmIdentifier must go outside; `certificate.sign_tbs` puts it there.
    """
    entries = b"".join(_entry(line) for line in revoked)
    extensions = der.tlv(
        der.SEQUENCE,
        _extension(
            _AUTHORITY_KEY_IDENTIFIER,  # section 5.2.1
            der.tlv(der.SEQUENCE, der.tlv(0x80, issuer_key_identifier)),
        ),
        _extension(_CRL_NUMBER, der.integer(number)),  # section 5.2.3
    )
    return der.tlv(
        der.SEQUENCE,
        der.integer(1),  # v2
        signature_algorithm_der,
        issuer_name_der,
        der.time(this_update),
        der.time(next_update),
        der.tlv(der.SEQUENCE, entries) if entries else b"",  # absent when empty, 5.1.2.6
        der.tlv(0xA0, extensions),
    )


def _entry(line: RevokedSerial) -> bytes:
    number = _REASON_NUMBERS.get(line.reason)
    # RFC 5280 section 5.3.1: an unspecified reason is left out.
    reason = (
        b""
        if number is None
        else der.tlv(
            der.SEQUENCE,
            _extension(_REASON_CODE, der.tlv(der.ENUMERATED, bytes((number,)))),
        )
    )
    return der.tlv(der.SEQUENCE, der.integer(line.serial), der.time(line.at), reason)


def _extension(oid: bytes, value: bytes) -> bytes:
    return der.tlv(der.SEQUENCE, oid, der.tlv(der.OCTET_STRING, value))
