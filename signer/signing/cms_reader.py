"""In the sandbox: the bytes of a CMS object (RFC 5652) taken apart, DER or BER."""

from typing import Any

from asn1crypto import cms as asn1_cms
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from signer.ca import der
from signer.signing.signed_data import (
    ADOBE_REVOCATION,
    OCSP_RESPONSE,
    SIGNATURE_STAMP,
    SIGNED_DATA,
    Element,
    SignedData,
    Unreadable,
    hash_of,
)

_DEPTH = 32
"""A signature with its certificates and time stamps has half as many levels."""


def read(encoded: bytes) -> SignedData:
    """The SignedData at the start of the bytes; behind it only the zeros that fill a gap."""
    try:
        try:
            return _read(encoded)
        except (ValueError, IndexError, KeyError, UnsupportedAlgorithm):
            written, _ = _definite(memoryview(encoded), 0, 0)  # BER: once more as DER
            return _read(written)
    except (ValueError, IndexError, KeyError, UnsupportedAlgorithm) as error:
        raise Unreadable(str(error)) from error


def _definite(data: memoryview, at: int, depth: int) -> tuple[bytes, int]:
    """The element at this offset with lengths as DER writes them (X.690, 8.1.3), and its end.

    asn1crypto can do that too, in a time that doubles with every level.
    """
    tag, first = data[at], data[at + 1]
    if depth > _DEPTH or tag & 0x1F == 0x1F:
        raise Unreadable("not an element known here")
    start = at + 2 + (first & 0x7F if first > 0x80 else 0)
    if not tag & 0x20:  # primitive
        size = first if first < 0x80 else int.from_bytes(data[at + 2 : start])
        if first == 0x80 or start + size > len(data):
            raise Unreadable("an element is cut short")
        return der.tlv(tag, bytes(data[start : start + size])), start + size
    end = None
    if first != 0x80:
        end = start + (first if first < 0x80 else int.from_bytes(data[at + 2 : start]))
    parts: list[bytes] = []
    while start != end:
        if end is None and data[start] == data[start + 1] == 0:  # end of contents
            start += 2
            break
        part, start = _definite(data, start, depth + 1)
        parts.append(part)
        if end is not None and start > end:
            raise Unreadable("an element is longer than the one around it")
    if tag == der.OCTET_STRING | 0x20:  # in pieces
        return der.tlv(der.OCTET_STRING, *(der.content(part) for part in parts)), start
    return der.tlv(tag, *parts), start


def _read(encoded: bytes) -> SignedData:
    size = _size_of(encoded)
    if encoded[size:].strip(b"\x00"):
        raise Unreadable("bytes after the signature")
    (_, kind), (tag, wrapped) = der.children(encoded[:size])
    if kind != SIGNED_DATA or tag != 0xA0:
        raise Unreadable("no SignedData")
    parts = der.children(der.content(wrapped))
    encapsulated = der.children(parts[2][1])
    content = None
    if len(encapsulated) > 1:
        content = der.content(der.content(encapsulated[1][1]))
    certificates: tuple[bytes, ...] = ()
    crls: list[bytes] = []
    answers: list[bytes] = []
    for tag, part in parts[3:-1]:
        if tag == 0xA0:
            certificates = tuple(one for kind_, one in der.children(part) if kind_ == der.SEQUENCE)
        elif tag == 0xA1:
            for kind_, one in der.children(part):
                _sort_revocation(kind_, one, crls, answers)
    ((_, signer),) = der.children(parts[-1][1])
    return _signer(
        signer,
        content_type=encapsulated[0][1],
        content=content,
        certificates=certificates,
        crls=crls,
        answers=answers,
    )


def _sort_revocation(tag: int, one: bytes, crls: list[bytes], answers: list[bytes]) -> None:
    """RevocationInfoChoice (RFC 5652 section 10.2.1; RFC 5940 section 2)."""
    if tag == der.SEQUENCE:
        crls.append(one)
    elif tag == 0xA1:
        (_, identifier), (_, value) = der.children(one)
        if identifier == OCSP_RESPONSE:
            answers.append(value)


def _signer(
    signer: bytes,
    *,
    content_type: bytes,
    content: bytes | None,
    certificates: tuple[bytes, ...],
    crls: list[bytes],
    answers: list[bytes],
) -> SignedData:
    parts = der.children(signer)
    identifier, digest_der = parts[1], parts[2][1]
    at = 3
    attributes_der, attributes = None, {}
    if parts[at][0] == 0xA0:
        attributes_der = b"\x31" + parts[at][1][1:]  # RFC 5652 section 5.4: as SET OF
        attributes = _attributes(attributes_der)
        at += 1
    algorithm_der, signature = parts[at][1], der.content(parts[at + 1][1])
    unsigned: dict[bytes, tuple[bytes, ...]] = {}
    if len(parts) > at + 2:
        unsigned = _attributes(b"\x31" + parts[at + 2][1][1:])
    for value in attributes.get(ADOBE_REVOCATION, ()):
        for tag, part in der.children(value):
            held = [one for _, one in der.children(der.content(part))]
            (crls if tag == 0xA0 else answers).extend(held if tag in (0xA0, 0xA1) else ())
    return SignedData(
        content_type=content_type,
        content=content,
        certificates=certificates,
        crls=tuple(crls),
        answers=tuple(answers),
        certificate=_named(identifier, certificates),
        digest=hash_of(digest_der),
        digest_der=digest_der,
        algorithm_der=algorithm_der,
        attributes_der=attributes_der,
        attributes=attributes,
        signature=signature,
        stamps=unsigned.get(SIGNATURE_STAMP, ()),
    )


def _attributes(encoded: bytes) -> dict[bytes, tuple[bytes, ...]]:
    found: dict[bytes, tuple[bytes, ...]] = {}
    for _, attribute in der.children(encoded):
        (_, identifier), (_, values) = der.children(attribute)
        found[identifier] = (
            *found.get(identifier, ()),
            *(value for _, value in der.children(values)),
        )
    return found


def _named(identifier: Element, certificates: tuple[bytes, ...]) -> x509.Certificate:
    """The certificate the signer identifier means (RFC 5652 section 5.3)."""
    tag, sid = identifier
    for encoded in certificates:
        try:
            certificate = x509.load_der_x509_certificate(encoded)
            if tag == der.SEQUENCE:
                (_, issuer), (_, serial) = der.children(sid)
                number = int.from_bytes(der.content(serial), signed=True)
                if certificate.serial_number == number and _is_name(certificate.issuer, issuer):
                    return certificate
            elif _key_identifier(certificate) == der.content(sid):
                return certificate
        except ValueError:
            continue
    raise Unreadable("the signer's certificate is not there")


def _is_name(name: x509.Name, encoded: bytes) -> bool:
    """Equal, whatever string types were used for the same letters (RFC 5280 section 7.1)."""
    if name.public_bytes() == encoded:
        return True
    asn1: Any = asn1_cms.Name
    other: Any = asn1.load(encoded)
    return bool(other == asn1.load(name.public_bytes()))


def _key_identifier(certificate: x509.Certificate) -> bytes | None:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return None
    return found.value.digest


def _size_of(encoded: bytes) -> int:
    head = der.header(0x30, 0)
    if encoded[:1] != head[:1]:
        raise Unreadable("no sequence")
    first = encoded[1]
    if first < 0x80:
        return 2 + first
    octets = first & 0x7F
    return 2 + octets + int.from_bytes(encoded[2 : 2 + octets])
