"""What is asked of the time-stamping authority, read strictly, and how it says no.

RFC 3161 section 2.4; the tags are implicit, as its module says.
"""

from collections.abc import Container
from dataclasses import dataclass
from enum import IntEnum

from signer.ca import der
from signer.errors import N_

REQUEST_LIMIT_BYTES = 4096
"""Requests have some sixty bytes; a nonce is sent back, so its length must have an end."""

HASHES = {  # whole OIDs (RFC 5754 section 2) and the octets of a digest
    "sha256": (der.oid("2.16.840.1.101.3.4.2.1"), 32),
    "sha384": (der.oid("2.16.840.1.101.3.4.2.2"), 48),
    "sha512": (der.oid("2.16.840.1.101.3.4.2.3"), 64),
}
_HASH_NAMES = {oid: name for name, (oid, _) in HASHES.items()}
_V1 = der.integer(1)
_NULL = b"\x05\x00"
_EXTENSIONS = 0xA0


class Failure(IntEnum):
    """The bits of PKIFailureInfo that this TSA sets (RFC 3161 section 2.4.2)."""

    BAD_ALG = 0
    BAD_REQUEST = 2
    BAD_DATA_FORMAT = 5
    TIME_NOT_AVAILABLE = 14
    UNACCEPTED_POLICY = 15
    UNACCEPTED_EXTENSION = 16
    SYSTEM_FAILURE = 25


class TimestampRefused(Exception):  # an answer of the protocol, not an error of the house
    """No token for this request, and why."""

    def __init__(self, failure: Failure, sentence: str) -> None:
        super().__init__(sentence)
        self.failure = failure
        self.sentence = sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class TimestampRequest:
    """A request that may be granted."""

    imprint_der: bytes
    """The MessageImprint as it came; the token repeats it octet for octet."""
    nonce_der: bytes
    """A whole INTEGER; empty when there is none."""
    wants_certificates: bool


def read_request(
    request_der: bytes, *, policy_der: bytes, hashes: Container[str]
) -> TimestampRequest:
    """The TimeStampReq in these bytes: DER, nothing after it, nothing this TSA cannot grant.

    `policy_der` is its policy's OBJECT IDENTIFIER and `hashes` what it stamps. Raises
    `TimestampRefused` with the failure that fits, and nothing else, whatever the bytes are.
    """
    try:
        request = _Fields(request_der)
        version = request.required(der.INTEGER)
        imprint = request.required(der.SEQUENCE)
        policy = request.optional(der.OBJECT_IDENTIFIER)
        nonce = request.optional(der.INTEGER)
        wants_certificates = _is_true(request.optional(der.BOOLEAN))
        extensions = request.optional(_EXTENSIONS)
        request.end()
        algorithm, parameters, digest = _imprint(imprint)
        _check_extensions(extensions)
    except ValueError as error:
        raise TimestampRefused(
            Failure.BAD_DATA_FORMAT,
            N_("Yêu cầu dấu thời gian không đúng cấu trúc TimeStampReq của RFC 3161."),
        ) from error
    if version != _V1:
        raise TimestampRefused(
            Failure.BAD_REQUEST, N_("Chỉ nhận yêu cầu dấu thời gian phiên bản 1.")
        )
    _check_digest(algorithm, parameters, digest, hashes)
    if policy not in (b"", policy_der):
        raise TimestampRefused(
            Failure.UNACCEPTED_POLICY,
            N_("Máy chủ không cấp dấu thời gian theo chính sách được yêu cầu."),
        )
    if extensions:  # section 2.4.1: refused even when not critical, because we know none
        raise TimestampRefused(
            Failure.UNACCEPTED_EXTENSION,
            N_("Yêu cầu dấu thời gian có phần mở rộng mà máy chủ không hỗ trợ."),
        )
    return TimestampRequest(
        imprint_der=imprint, nonce_der=nonce, wants_certificates=wants_certificates
    )


def imprint_of(digest: bytes, hash_name: str) -> bytes:
    """The MessageImprint of a digest made by ourselves; `ValueError` when its length is wrong."""
    oid, size_bytes = HASHES[hash_name]
    if len(digest) != size_bytes:
        raise ValueError(f"a {hash_name} digest has {size_bytes} octets")
    return der.tlv(
        der.SEQUENCE, der.tlv(der.SEQUENCE, oid), der.tlv(der.OCTET_STRING, digest)
    )  # RFC 5754 section 2: parameters are left out


def rejection(failure: Failure, sentence: str) -> bytes:
    """A TimeStampResp without a token: rejected, the sentence, and this one failure."""
    octets = bytearray(failure // 8 + 1)  # named bits: no zeros at the end (X.690 11.2.2)
    octets[-1] = 0x80 >> failure % 8
    return der.tlv(
        der.SEQUENCE,
        der.tlv(
            der.SEQUENCE,
            der.integer(2),  # PKIStatus rejection
            der.tlv(der.SEQUENCE, der.tlv(der.UTF8_STRING, sentence.encode())),
            der.tlv(der.BIT_STRING, bytes((7 - failure % 8,)), bytes(octets)),
        ),
    )


class _Fields:
    """The elements of a SEQUENCE, taken in order; `ValueError` for what is not in its place."""

    def __init__(self, element: bytes) -> None:
        if len(element) > REQUEST_LIMIT_BYTES:
            raise ValueError("longer than any request")
        if element[:1] != bytes((der.SEQUENCE,)):
            raise ValueError("not a SEQUENCE")
        self._elements = der.children(element)
        self._at = 0

    def optional(self, tag: int) -> bytes:
        """The next element if it has this tag, else nothing."""
        if self._at == len(self._elements) or self._elements[self._at][0] != tag:
            return b""
        _, element = self._elements[self._at]
        self._at += 1
        _check_content(tag, der.content(element))
        return element

    def required(self, tag: int) -> bytes:
        """The next element, which has this tag."""
        element = self.optional(tag)
        if not element:
            raise ValueError("a field is missing")
        return element

    def end(self) -> None:
        """There is nothing more."""
        if self._at != len(self._elements):
            raise ValueError("a field out of its place")


def _check_content(tag: int, content: bytes) -> None:
    if tag == der.INTEGER:  # X.690 section 8.3.2: the first nine bits are not all the same
        if not content or (len(content) > 1 and content[0] in (0, 0xFF) and _repeats(content)):
            raise ValueError("an INTEGER is not as short as can be")
    elif tag == der.OBJECT_IDENTIFIER:
        der.require_identifier(content)


def _repeats(content: bytes) -> bool:
    return content[0] >> 7 == content[1] >> 7


def _is_true(element: bytes) -> bool:
    """An explicit FALSE is taken too: some clients write the default out."""
    if element not in (b"", b"\x01\x01\x00", b"\x01\x01\xff"):  # X.690 section 11.1
        raise ValueError("neither TRUE nor FALSE")
    return element == b"\x01\x01\xff"


def _imprint(element: bytes) -> tuple[bytes, bytes, bytes]:
    """The hash's OID, its parameters, and the digest."""
    fields = _Fields(element)
    algorithm = fields.required(der.SEQUENCE)
    digest = fields.required(der.OCTET_STRING)
    fields.end()
    identifier = _Fields(algorithm).required(der.OBJECT_IDENTIFIER)
    parameters = [whole for _, whole in der.children(algorithm)][1:]
    if len(parameters) > 1:
        raise ValueError("an AlgorithmIdentifier has two fields")
    return identifier, b"".join(parameters), der.content(digest)


def _check_extensions(element: bytes) -> None:
    """Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension (RFC 5280 section 4.1)."""
    if not element:
        return
    found = der.children(element)
    if not found:
        raise ValueError("extensions without an extension")
    for _, extension in found:
        fields = _Fields(extension)
        fields.required(der.OBJECT_IDENTIFIER)
        _is_true(fields.optional(der.BOOLEAN))
        fields.required(der.OCTET_STRING)
        fields.end()


def _check_digest(
    algorithm: bytes, parameters: bytes, digest: bytes, hashes: Container[str]
) -> None:
    """Section 2.4.1: the hash is known and sufficient, and the digest has its length."""
    name = _HASH_NAMES.get(algorithm)
    if name is None or name not in hashes or parameters not in (b"", _NULL):
        raise TimestampRefused(
            Failure.BAD_ALG,
            N_("Thuật toán băm này không được chấp nhận để đóng dấu thời gian; hãy dùng SHA-256."),
        )
    if len(digest) != HASHES[name][1]:
        raise TimestampRefused(
            Failure.BAD_DATA_FORMAT,
            N_("Giá trị băm trong yêu cầu không có độ dài của thuật toán băm."),
        )
