"""The CMS object of a PAdES signature, written from DER templates.

Everything that depends on the certificate alone is encoded once; a signature then costs one
concatenation and the private-key operation. asn1crypto objects cost ten times as much.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from signer.ca.der import OCTET_STRING, children, content, oid, tlv
from signer.clock import HANOI
from signer.errors import N_, Invalid, Unavailable

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class RsaScheme(StrEnum):
    """Circular 15/2025 asks for PSS, tools in the field write PKCS#1 v1.5 (domain.md 1.6)."""

    PSS = "pss"
    PKCS1V15 = "pkcs1v15"


_NULL = b"\x05\x00"
_DATA = oid("1.2.840.113549.1.7.1")
_SIGNED_DATA = oid("1.2.840.113549.1.7.2")
_CONTENT_TYPE = oid("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = oid("1.2.840.113549.1.9.4")
_ALGORITHM_PROTECTION = oid("1.2.840.113549.1.9.52")
_SIGNING_CERTIFICATE_V2 = oid("1.2.840.113549.1.9.16.2.47")
_TIME_STAMP_TOKEN = oid("1.2.840.113549.1.9.16.2.14")
_SHA256 = tlv(0x30, oid("2.16.840.1.101.3.4.2.1"))  # RFC 5754, 2: parameters are left out
_ECDSA_SHA256 = tlv(0x30, oid("1.2.840.10045.4.3.2"))  # RFC 5754, 3.3: no parameters
_RSA_SHA256 = tlv(0x30, oid("1.2.840.113549.1.1.11"), _NULL)  # RFC 5754, 3.2
_PSS_SHA256 = tlv(  # RFC 4055, 3.1: SHA-256, MGF1 with SHA-256, salt of 32 octets
    0x30,
    oid("1.2.840.113549.1.1.10"),
    tlv(
        0x30,
        tlv(0xA0, tlv(0x30, oid("2.16.840.1.101.3.4.2.1"), _NULL)),
        tlv(
            0xA1,
            tlv(
                0x30,
                oid("1.2.840.113549.1.1.8"),
                tlv(0x30, oid("2.16.840.1.101.3.4.2.1"), _NULL),
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

    def assembled(self, attributes: bytes, signature: bytes, token_der: bytes = b"") -> bytes:
        """The ContentInfo with the attributes, the signature over them and its time stamp."""
        signer = tlv(
            0x30,
            self.signer_start,
            tlv(0xA0, attributes),
            self.signature_algorithm,
            tlv(0x04, signature),
            _unsigned(token_der) if token_der else b"",
        )
        signed_data = tlv(0x30, self.before_signer, tlv(0x31, signer))
        return tlv(0x30, _SIGNED_DATA, tlv(0xA0, signed_data))


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A signature value with what it stands over; the CMS object can still get its time stamp."""

    template: CmsTemplate = field(repr=False)
    attributes: bytes = field(repr=False)
    value: bytes = field(repr=False)

    def cms(self, token_der: bytes = b"") -> bytes:
        """The ContentInfo, with the time-stamp token over `value` when there is one."""
        return self.template.assembled(self.attributes, self.value, token_der)


def _set_of(elements: Sequence[bytes]) -> bytes:
    """The contents of a SET OF in DER order (X.690, 11.6)."""
    return b"".join(sorted(elements))


def _unsigned(token_der: bytes) -> bytes:
    """UnsignedAttributes with the token over the signature value (RFC 3161, appendix A)."""
    return tlv(0xA1, tlv(0x30, _TIME_STAMP_TOKEN, tlv(0x31, token_der)))


def stamp_room(token_bytes: int) -> int:
    """By how much a time-stamp token of at most this size lengthens a CMS object, at most."""
    # its own attribute, and up to two octets more in each of the six lengths around it
    return len(_unsigned(bytes(token_bytes))) + 12


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
    certificates = tlv(0xA0, *sorted({certificate_der, *chain_der}))
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
    return replace(template, size_bytes=len(largest))


def _retagged(tag: int, element: bytes) -> bytes:
    """The same contents under an IMPLICIT tag."""
    return bytes((tag,)) + element[1:]


def _serial_and_issuer(certificate: x509.Certificate) -> tuple[bytes, bytes]:
    """The DER of both, the issuer octet for octet as the certificate has it."""
    fields = children(certificate.tbs_certificate_bytes)
    start = 1 if fields[0][0] == 0xA0 else 0  # the version is optional
    return fields[start][1], fields[start + 2][1]


def sign(template: CmsTemplate, key: SigningKey, document_digest: bytes) -> Signed:
    """The signature, checked with the certificate's public key; one operation of the key.

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
    return Signed(template=template, attributes=attributes, value=signature)


def unpadded(contents: bytes) -> bytes:
    """The DER element at the start of /Contents, without the zeros that fill its gap."""
    size, start = contents[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(contents[2:start], "big")
    return contents[: start + size]


def stamped_value(cms_der: bytes) -> tuple[bytes, bool]:
    """The signature value inside, and whether a time stamp stands over it already.

    `ValueError` when it is no CMS object of one signer as DER writes it.
    """
    fields = _signer_fields(cms_der)
    value = next(content(element) for tag, element in fields if tag == OCTET_STRING)
    unsigned = [element for tag, element in fields if tag == 0xA1]
    return value, any(_TIME_STAMP_TOKEN in element for element in unsigned)


def with_stamp(cms_der: bytes, token_der: bytes) -> bytes:
    """The CMS object of one signer with this token as its unsigned attribute; else unchanged.

    `ValueError` as `stamped_value`, and when it has unsigned attributes already.
    """
    if any(tag == 0xA1 for tag, _ in _signer_fields(cms_der)):
        raise ValueError("unsigned attributes are there already")
    kind, (_, wrapped) = (element for element in children(cms_der))
    *before, (_, signers) = children(children(wrapped)[0][1])
    signer = tlv(0x30, content(content(signers)), _unsigned(token_der))
    data = tlv(0x30, *(element for _, element in before), tlv(0x31, signer))
    return tlv(0x30, kind[1], tlv(0xA0, data))


def _signer_fields(cms_der: bytes) -> list[tuple[int, bytes]]:
    """The elements of the only SignerInfo (RFC 5652, 5.1 and 5.3)."""
    try:
        (_, signed_data), *_ = children(children(cms_der)[1][1])
        ((_, signer),) = children(children(signed_data)[-1][1])
        return children(signer)
    except (IndexError, StopIteration) as error:
        raise ValueError("no CMS object of one signer") from error


def stamp_time(token_der: bytes, digest: bytes) -> datetime:
    """When the token says that the SHA-256 digest was there (RFC 3161, 2.4.2).

    `Unavailable` when it is no token about this digest: whoever made it, it is of no use.
    """
    try:
        (_, signed_data), *_ = children(children(token_der)[1][1])
        encapsulated = children(signed_data)[2][1]
        info = children(content(content(children(encapsulated)[1][1])))
        if content(children(info[2][1])[1][1]) != digest:
            raise ValueError("the token stamps something else")
        at = datetime.strptime(content(info[4][1])[:14].decode("ascii") + "Z", "%Y%m%d%H%M%S%z")
    except (ValueError, IndexError) as error:
        raise Unavailable(
            N_("Dịch vụ dấu thời gian trả lời sai. Hãy thử lại sau ít phút.")
        ) from error
    return at


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
