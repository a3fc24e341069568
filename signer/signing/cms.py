"""The CMS object of a PAdES B-B signature, written from DER templates.

Everything that depends on the certificate alone is encoded once; a signature then costs one
concatenation and the private-key operation. asn1crypto objects cost ten times as much.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from signer.clock import HANOI
from signer.errors import N_, Invalid, Unavailable

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class RsaScheme(StrEnum):
    """Circular 15/2025 asks for PSS, tools in the field write PKCS#1 v1.5 (domain.md 1.6)."""

    PSS = "pss"
    PKCS1V15 = "pkcs1v15"


def tlv(tag: int, *parts: bytes) -> bytes:
    """One DER element (X.690, 8.1.3 and 10.1: the length in the fewest octets)."""
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + body


def _set_of(elements: Iterable[bytes]) -> bytes:
    """The contents of a SET OF in DER order (X.690, 11.6)."""
    return b"".join(sorted(elements))


def _oid(dotted: str) -> bytes:
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    octets = bytearray()
    for arc in (first * 40 + second, *rest):
        group = [arc & 0x7F]
        while arc := arc >> 7:
            group.append(0x80 | (arc & 0x7F))
        octets += bytes(reversed(group))
    return tlv(0x06, bytes(octets))


_NULL = b"\x05\x00"
_DATA = _oid("1.2.840.113549.1.7.1")
_SIGNED_DATA = _oid("1.2.840.113549.1.7.2")
_CONTENT_TYPE = _oid("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = _oid("1.2.840.113549.1.9.4")
_ALGORITHM_PROTECTION = _oid("1.2.840.113549.1.9.52")
_SIGNING_CERTIFICATE_V2 = _oid("1.2.840.113549.1.9.16.2.47")
_SHA256 = tlv(0x30, _oid("2.16.840.1.101.3.4.2.1"))  # RFC 5754, 2: parameters are left out
_ECDSA_SHA256 = tlv(0x30, _oid("1.2.840.10045.4.3.2"))  # RFC 5754, 3.3: no parameters
_RSA_SHA256 = tlv(0x30, _oid("1.2.840.113549.1.1.11"), _NULL)  # RFC 5754, 3.2
_PSS_SHA256 = tlv(  # RFC 4055, 3.1: SHA-256, MGF1 with SHA-256, salt of 32 octets
    0x30,
    _oid("1.2.840.113549.1.1.10"),
    tlv(
        0x30,
        tlv(0xA0, tlv(0x30, _oid("2.16.840.1.101.3.4.2.1"), _NULL)),
        tlv(
            0xA1,
            tlv(
                0x30,
                _oid("1.2.840.113549.1.1.8"),
                tlv(0x30, _oid("2.16.840.1.101.3.4.2.1"), _NULL),
            ),
        ),
        tlv(0xA2, b"\x02\x01\x20"),
    ),
)


@dataclass(frozen=True, kw_only=True)
class CmsTemplate:
    """All of the CMS object that the certificate and its chain decide."""

    certificate: x509.Certificate
    public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
    signature_algorithm: bytes
    rsa_scheme: RsaScheme
    fixed_attributes: tuple[bytes, ...]
    before_signer: bytes
    """Digest algorithms, encapsulated content and certificates."""
    signer_start: bytes
    size_bytes: int
    """No signature made with this template is longer."""

    def attributes(self, document_digest: bytes) -> bytes:
        """The contents of SignedAttributes for a document with this SHA-256 digest.

        No signing-time: in PAdES the time stands in /M of the signature dictionary, and the
        attribute shall not be used (ETSI EN 319 142-1, 6.3, table 1).
        """
        digest = tlv(0x30, _MESSAGE_DIGEST, tlv(0x31, tlv(0x04, document_digest)))
        return _set_of((*self.fixed_attributes, digest))

    def assembled(self, attributes: bytes, signature: bytes) -> bytes:
        """The ContentInfo with the attributes and the signature over them."""
        signer = tlv(
            0x30,
            self.signer_start,
            tlv(0xA0, attributes),
            self.signature_algorithm,
            tlv(0x04, signature),
        )
        signed_data = tlv(0x30, self.before_signer, tlv(0x31, signer))
        return tlv(0x30, _SIGNED_DATA, tlv(0xA0, signed_data))


def template_of(
    certificate_der: bytes,
    chain_der: Sequence[bytes] = (),
    rsa_scheme: RsaScheme = RsaScheme.PSS,
) -> CmsTemplate:
    """The template for this certificate; kept for the last certificates that signed.

    `Invalid` when the certificate cannot be read or holds another kind of key than RSA of at
    least 2048 bits or ECDSA P-256 (Circular 15/2025, annex).
    """
    return _template(certificate_der, tuple(chain_der), rsa_scheme)


@lru_cache(maxsize=512)
def _template(
    certificate_der: bytes, chain_der: tuple[bytes, ...], rsa_scheme: RsaScheme
) -> CmsTemplate:
    try:
        certificate = x509.load_der_x509_certificate(certificate_der)
        public_key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Invalid(N_("Chứng thư số của người ký không đọc được.")) from error
    if isinstance(public_key, rsa.RSAPublicKey) and public_key.key_size >= 2048:
        algorithm = _PSS_SHA256 if rsa_scheme is RsaScheme.PSS else _RSA_SHA256
        longest_signature = public_key.key_size // 8
    elif isinstance(public_key, ec.EllipticCurvePublicKey) and public_key.key_size == 256:
        algorithm, longest_signature = _ECDSA_SHA256, 72
    else:
        raise Invalid(N_("Loại khóa trong chứng thư số không được dùng để ký tài liệu."))
    serial, issuer = _serial_and_issuer(certificate)
    fixed = (
        tlv(0x30, _CONTENT_TYPE, tlv(0x31, _DATA)),
        # RFC 6211: the two algorithms are signed too, so that neither can be swapped
        tlv(
            0x30,
            _ALGORITHM_PROTECTION,
            tlv(0x31, tlv(0x30, _SHA256, _retagged(0xA1, algorithm))),
        ),
        # RFC 5035, 3: ESSCertIDv2; hashAlgorithm is left out because SHA-256 is its default
        tlv(
            0x30,
            _SIGNING_CERTIFICATE_V2,
            tlv(
                0x31,
                tlv(
                    0x30,
                    tlv(
                        0x30,
                        tlv(
                            0x30,
                            tlv(0x04, hashlib.sha256(certificate_der).digest()),
                            tlv(0x30, tlv(0x30, tlv(0xA4, issuer)), serial),
                        ),
                    ),
                ),
            ),
        ),
    )
    certificates = tlv(0xA0, _set_of({certificate_der, *chain_der}))
    template = CmsTemplate(
        certificate=certificate,
        public_key=public_key,
        signature_algorithm=algorithm,
        rsa_scheme=rsa_scheme,
        fixed_attributes=fixed,
        before_signer=b"\x02\x01\x01" + tlv(0x31, _SHA256) + tlv(0x30, _DATA) + certificates,
        signer_start=b"\x02\x01\x01" + tlv(0x30, issuer, serial) + _SHA256,
        size_bytes=0,
    )
    largest = template.assembled(template.attributes(bytes(32)), bytes(longest_signature))
    return CmsTemplate(**{**vars(template), "size_bytes": len(largest)})


def _retagged(tag: int, element: bytes) -> bytes:
    """The same contents under an IMPLICIT tag."""
    return bytes((tag,)) + element[1:]


def _serial_and_issuer(certificate: x509.Certificate) -> tuple[bytes, bytes]:
    """The DER of both, the issuer octet for octet as the certificate has it."""
    tbs = _elements(certificate.tbs_certificate_bytes)[0][1]
    fields = _elements(tbs)
    start = 1 if fields[0][0] == 0xA0 else 0  # the version is optional
    return fields[start][2], fields[start + 2][2]


def _elements(der: bytes) -> list[tuple[int, bytes, bytes]]:
    """(tag, contents, whole element) of each element; the certificate was parsed before."""
    found, at = [], 0
    while at < len(der):
        size, body = der[at + 1], at + 2
        if size & 0x80:
            octets = size & 0x7F
            size = int.from_bytes(der[body : body + octets], "big")
            body += octets
        found.append((der[at], der[body : body + size], der[at : body + size]))
        at = body + size
    return found


def sign(template: CmsTemplate, key: SigningKey, document_digest: bytes) -> bytes:
    """The finished CMS object; the signature was checked with the certificate's public key.

    `Invalid` when the key does not belong to the certificate; errors of an HSM key pass through.
    """
    attributes = template.attributes(document_digest)
    signed = tlv(0x31, attributes)  # RFC 5652, 5.4: signed as SET OF, stored as [0] IMPLICIT
    public_key = template.public_key
    try:
        if isinstance(public_key, ec.EllipticCurvePublicKey):
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise _wrong_key()
            signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
            public_key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
        else:
            if not isinstance(key, rsa.RSAPrivateKey):
                raise _wrong_key()
            scheme = _padding(template.rsa_scheme)
            signature = key.sign(signed, scheme, hashes.SHA256())
            public_key.verify(signature, signed, scheme, hashes.SHA256())
    except InvalidSignature as error:
        raise _mismatch(key, public_key) from error
    return template.assembled(attributes, signature)


def _padding(scheme: RsaScheme) -> padding.AsymmetricPadding:
    if scheme is RsaScheme.PSS:
        return padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=32)
    return padding.PKCS1v15()


def _wrong_key() -> Invalid:
    return Invalid(N_("Khóa ký không thuộc về chứng thư số đã chọn."))


def _mismatch(
    key: SigningKey, public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
) -> Invalid | Unavailable:
    """Which of the two is at fault: the choice of key, or the device that signed."""
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if key.public_key().public_bytes(*form) != public_key.public_bytes(*form):
        return _wrong_key()
    return Unavailable(N_("Thiết bị ký trả về chữ ký sai. Hãy thử lại sau ít phút."))


def check_may_sign(certificate: x509.Certificate, at: datetime) -> None:
    """`Invalid` unless the certificate is in its validity and meant for signatures (R33)."""
    local = at.astimezone(HANOI).strftime("%d/%m/%Y %H:%M:%S")
    if at < certificate.not_valid_before_utc:
        raise Invalid(N_("Chứng thư số chưa có hiệu lực vào lúc ký (%(at)s)."), at=local)
    if at > certificate.not_valid_after_utc:
        raise Invalid(N_("Chứng thư số đã hết hạn sử dụng vào lúc ký (%(at)s)."), at=local)
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not (usage.digital_signature or usage.content_commitment):
        raise Invalid(N_("Chứng thư số không được dùng để ký tài liệu."))
