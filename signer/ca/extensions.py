"""Certificate extensions as DER (RFC 5280 section 4.2), each one function."""

import hashlib
from collections.abc import Iterable
from functools import lru_cache

from signer.ca import der

_PURPOSES = "1.3.6.1.5.5.7"  # id-pkix, the root of what stands below
_CA_ISSUERS = der.oid(f"{_PURPOSES}.48.2")
_OCSP = der.oid(f"{_PURPOSES}.48.1")
_USAGE_BITS = {  # RFC 5280 section 4.2.1.3
    "digital_signature": 0,
    "content_commitment": 1,
    "key_cert_sign": 5,
    "crl_sign": 6,
}
_TRUE = bytes((der.BOOLEAN, 1, 0xFF))
_URI, _MAILBOX = 0x86, 0x81  # GeneralName: [6] and [1], RFC 5280 section 4.2.1.6


def extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    """Any extension (section 4.1); X.690 section 11.5: FALSE is the default, and left out."""
    flag = _TRUE if critical else b""
    return der.tlv(der.SEQUENCE, der.oid(oid), flag, der.tlv(der.OCTET_STRING, value))


@lru_cache(maxsize=1024)  # by its bytes: the draft asks, and then the lint
def key_identifier_of(public_key_der: bytes) -> bytes:
    """SHA-1 of the key's bits (RFC 5280 section 4.2.1.2, method 1): a name, not a protection."""
    bits = der.content(der.children(public_key_der)[1][1])
    return hashlib.sha1(bits[1:], usedforsecurity=False).digest()  # less the unused-bits octet


def basic_constraints(path_length: int | None) -> bytes:
    """It is a CA, with at most so many CAs below it; critical (section 4.2.1.9)."""
    limit = b"" if path_length is None else der.integer(path_length)
    return extension("2.5.29.19", der.tlv(der.SEQUENCE, _TRUE, limit), critical=True)


def key_usage(bits: Iterable[str]) -> bytes:
    """What the key may do; critical (section 4.2.1.3)."""
    places = [_USAGE_BITS[bit] for bit in bits]
    octet = sum(0x80 >> place for place in places)
    # X.690 section 11.2.2: no zero bits at the end of a named list.
    value = der.tlv(der.BIT_STRING, bytes((7 - max(places), octet)))
    return extension("2.5.29.15", value, critical=True)


def extended_key_usage(oids: Iterable[str], *, critical: bool) -> bytes:
    """What it is for (section 4.2.1.12)."""
    value = der.tlv(der.SEQUENCE, *(der.oid(oid) for oid in oids))
    return extension("2.5.29.37", value, critical=critical)


def subject_key_identifier(identifier: bytes) -> bytes:
    """A short name of its own key (section 4.2.1.2)."""
    return _SUBJECT_KEY_IDENTIFIER_HEAD + identifier


def authority_key_identifier(identifier: bytes) -> bytes:
    """The short name of the key that signed it (section 4.2.1.1)."""
    return extension("2.5.29.35", der.tlv(der.SEQUENCE, der.tlv(0x80, identifier)))


def policy(oid: str) -> bytes:
    """Under which policy it was issued (section 4.2.1.4)."""
    value = der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, der.oid(oid)))
    return extension("2.5.29.32", value)


def authority_addresses(*, issuer_url: str, ocsp_url: str | None) -> bytes:
    """Where the issuer's certificate and the OCSP responder are (section 4.2.2.1)."""
    described = [der.tlv(der.SEQUENCE, _CA_ISSUERS, der.tlv(_URI, issuer_url.encode("ascii")))]
    if ocsp_url is not None:
        described.append(der.tlv(der.SEQUENCE, _OCSP, der.tlv(_URI, ocsp_url.encode("ascii"))))
    return extension(f"{_PURPOSES}.1.1", der.tlv(der.SEQUENCE, *described))


def crl_distribution_point(url: str) -> bytes:
    """Where the CRL is that lists it once it is revoked (section 4.2.1.13)."""
    name = der.tlv(0xA0, der.tlv(0xA0, der.tlv(_URI, url.encode("ascii"))))
    point = der.tlv(der.SEQUENCE, name)
    return extension("2.5.29.31", der.tlv(der.SEQUENCE, point))


def alternative_mailbox(address: str) -> bytes:
    """The subject's e-mail address (section 4.2.1.6)."""
    value = der.tlv(der.SEQUENCE, der.tlv(_MAILBOX, address.encode("ascii")))
    return extension("2.5.29.17", value)


def ocsp_no_check() -> bytes:
    """Nobody need ask whether this OCSP signer is revoked (RFC 6960 section 4.2.2.2.1)."""
    return extension(f"{_PURPOSES}.48.1.5", b"\x05\x00")


_SUBJECT_KEY_IDENTIFIER_HEAD = extension("2.5.29.14", der.tlv(der.OCTET_STRING, bytes(20)))[:-20]
"""All of that extension but its 20 octets: it is the one made anew for every certificate."""
