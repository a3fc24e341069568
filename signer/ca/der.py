"""The few DER rules (X.690) that let us put certificates and CRLs together byte by byte."""

from datetime import UTC, datetime
from functools import lru_cache

SEQUENCE, SET, INTEGER, BIT_STRING, OCTET_STRING = 0x30, 0x31, 0x02, 0x03, 0x04
OBJECT_IDENTIFIER, BOOLEAN = 0x06, 0x01
ENUMERATED, UTF8_STRING, PRINTABLE_STRING, IA5_STRING = 0x0A, 0x0C, 0x13, 0x16
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18


def tlv(tag: int, *contents: bytes) -> bytes:
    """One element: tag, shortest length, the contents joined."""
    body = b"".join(contents)
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    return header(tag, size) + body


def header(tag: int, size: int) -> bytes:
    """The tag and the shortest length of an element whose contents have this size."""
    if size < 0x80:
        return bytes((tag, size))
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length


def integer(value: int) -> bytes:
    """A non-negative INTEGER."""
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


@lru_cache(maxsize=256)  # a few dozen are ever asked for, again and again
def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER; `ValueError` for text that is none (X.690 section 8.19)."""
    first, second, *others = map(int, dotted.split("."))
    if not (0 <= first <= 2 and second >= 0 and (second < 40 or first == 2)):
        raise ValueError(f"no object identifier: {dotted}")
    body = bytearray()
    for arc in (first * 40 + second, *others):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | (arc & 0x7F))
        body.extend(reversed(groups))
    return tlv(OBJECT_IDENTIFIER, bytes(body))


def time(at: datetime) -> bytes:
    """UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280 section 4.1.2.5); whole seconds."""
    utc = at.astimezone(UTC)
    if utc.year < 2050:
        return tlv(UTC_TIME, utc.strftime("%y%m%d%H%M%SZ").encode())
    return tlv(GENERALIZED_TIME, utc.strftime("%Y%m%d%H%M%SZ").encode())


def children(element: bytes) -> list[tuple[int, bytes]]:
    """The elements inside a constructed one: (tag, whole element), in their order.

    `ValueError` when the lengths do not add up or are not written as DER writes them.
    """
    start, end = _content(element, 0)
    if end != len(element):
        raise ValueError("bytes after the end of a DER element")
    found = []
    while start < end:
        _, stop = _content(element, start)
        found.append((element[start], element[start:stop]))
        start = stop
    if start != end:
        raise ValueError("a DER element is longer than the one around it")
    return found


def content(element: bytes) -> bytes:
    """The contents of one element, without tag and length."""
    start, end = _content(element, 0)
    return element[start:end]


def require_identifier(octets: bytes) -> None:
    """The contents are an OBJECT IDENTIFIER as DER writes it (X.690 section 8.19.2), or
    `ValueError`."""
    if not octets or octets[-1] & 0x80:
        raise ValueError("an OBJECT IDENTIFIER is cut short")
    before = b"\x00" + octets[:-1]  # an arc starts after an octet without the high bit
    if any(last < 0x80 and octet == 0x80 for last, octet in zip(before, octets, strict=True)):
        raise ValueError("an arc is not as short as can be")


def _content(data: bytes, at: int) -> tuple[int, int]:
    """Where the contents of the element at this offset start and end."""
    try:
        first = data[at + 1]
        if first < 0x80:
            start, size = at + 2, first
        else:
            start = at + 2 + (first & 0x7F)
            size = int.from_bytes(data[at + 2 : start])
            if size < 0x80 or data[at + 2] == 0:  # X.690 sections 10.1 and 8.1.3.6
                raise ValueError("a DER length is definite and as short as can be")
    except IndexError as error:
        raise ValueError("a DER element is cut short") from error
    if data[at] & 0x1F == 0x1F:  # a tag of several octets: nothing here has one
        raise ValueError("not a DER element known here")
    if start + size > len(data):
        raise ValueError("a DER element is cut short")
    return start, start + size
