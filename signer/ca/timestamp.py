"""Time stamps (RFC 3161, RFC 5816, ETSI EN 319 422): a digest in, a signed token out.

A token is put together from DER templates: what the TSA's certificate decides is encoded once,
and a stamp then costs one signature and one check of it.
"""

import hashlib
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from signer.ca import der
from signer.ca.profiles import TsaPolicy
from signer.ca.roles import RoleSigner
from signer.ca.schemes import SignatureScheme, longest_signature, scheme_for
from signer.ca.timestamp_request import (
    HASHES,
    Failure,
    TimestampRefused,
    imprint_of,
    read_request,
    rejection,
)
from signer.clock import Clock
from signer.errors import N_, ConfigError, SignerError, Unavailable

SIGNING_AT_ONCE = 2
"""Callers in the HSM at a time; the others of its sessions are for those who issue and sign."""
TURN_SECONDS = 2.0
"""How long a caller waits for that."""

_V1, _V3 = der.integer(1), der.integer(3)
_SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
_TST_INFO = der.oid("1.2.840.113549.1.9.16.1.4")
_CONTENT_TYPE = der.oid("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.4")
_SIGNING_CERTIFICATE_V2 = der.oid("1.2.840.113549.1.9.16.2.47")
_ALGORITHM_PROTECTION = der.oid("1.2.840.113549.1.9.52")
_GRANTED = der.tlv(der.SEQUENCE, der.integer(0))  # PKIStatusInfo


class TimestampAuthority:
    """Stamps digests with the time of its clock. Threads may share it; it keeps no record."""

    def __init__(
        self,
        signer: Callable[[], RoleSigner | None],
        policy: TsaPolicy,
        clock: Clock,
        chain: Sequence[x509.Certificate] = (),
        scheme: str | None = None,
    ) -> None:
        """`chain` goes beside the TSA's own certificate where a client asks for certificates:
        the issuing CA, so that the root alone verifies. `scheme` as in `schemes.scheme_for`."""
        self._signer = signer
        self._policy_der = der.oid(policy.policy_oid)
        self._hashes = frozenset(policy.hashes)
        # Millis and micros stay absent: the clock is not better than whole seconds say.
        self._accuracy = der.tlv(der.SEQUENCE, der.integer(policy.accuracy_seconds))
        self._clock = clock
        self._chain = tuple(chain)
        self._scheme = scheme
        self._turns = threading.BoundedSemaphore(SIGNING_AT_ONCE)
        self._made: tuple[RoleSigner | None, _Template | None] = (None, None)

    def answer(self, request_der: bytes) -> bytes:
        """The TimeStampResp to whatever came: a token, or a rejection that says why.

        Never raises for what was asked. `Unavailable` when there is no key or the HSM is away,
        `ConfigError` when the certificate is not a TSA's, `SignerError` when it is not the key's.
        """
        try:
            request = read_request(request_der, policy_der=self._policy_der, hashes=self._hashes)
            token = self._token(request.imprint_der, request.nonce_der, request.wants_certificates)
        except TimestampRefused as refused:
            return rejection(refused.failure, refused.sentence)
        return der.tlv(der.SEQUENCE, _GRANTED, token)

    def token(self, digest: bytes, hash_name: str) -> bytes:
        """A TimeStampToken over the digest, certificates inside, for our own signatures.

        `hash_name` is sha256, sha384 or sha512. Raises as `answer`, and `Unavailable` as well
        when the clock stands outside the certificate's validity.
        """
        try:
            return self._token(imprint_of(digest, hash_name), b"", wants_certificates=True)
        except TimestampRefused as refused:
            raise Unavailable(refused.sentence) from refused

    @property
    def token_bytes(self) -> int:
        """No result of `token` is longer, whatever hash it is over; raises as `token`."""
        template = self._template_of(self._present())
        info = self._tst_info(imprint_of(bytes(64), "sha512"), template.not_before, b"")
        longest = bytes(longest_signature(template.public_key))
        return len(template.assembled(info, template.attributes(info), longest, True))

    def certificate(self) -> x509.Certificate:
        """Of whom the next stamp will be; `Unavailable` when there is no key."""
        return self._present().certificate

    def _present(self) -> RoleSigner:
        signer = self._signer()
        if signer is None:
            raise Unavailable(N_("Chưa có khóa và chứng thư của dịch vụ dấu thời gian."))
        return signer

    def _token(self, imprint: bytes, nonce: bytes, wants_certificates: bool) -> bytes:
        signer = self._present()
        template = self._template_of(signer)
        info = self._info(template, imprint, nonce)
        attributes = template.attributes(info)
        if not self._turns.acquire(timeout=TURN_SECONDS):
            raise Unavailable(_BUSY)
        try:
            signature = _signature(template, signer, der.tlv(der.SET, attributes))
        finally:
            self._turns.release()
        return template.assembled(info, attributes, signature, wants_certificates)

    def _info(self, template: "_Template", imprint: bytes, nonce: bytes) -> bytes:
        """The TSTInfo; ordering, tsa and extensions stay absent (EN 319 422 clause 5.2.1)."""
        # Whole seconds are all that clients must read (same clause). The fraction is dropped,
        # not rounded: a stamp never comes from the future.
        at = self._clock.now().astimezone(UTC).replace(microsecond=0)
        if at < template.not_before:
            raise TimestampRefused(
                Failure.TIME_NOT_AVAILABLE, N_("Đồng hồ của dịch vụ dấu thời gian không đúng.")
            )
        if at > template.not_after:  # RFC 5280 section 4.1.2.5: the last second counts
            raise TimestampRefused(
                Failure.SYSTEM_FAILURE, N_("Chứng thư của dịch vụ dấu thời gian đã hết hạn.")
            )
        return self._tst_info(imprint, at, nonce)

    def _tst_info(self, imprint: bytes, at: datetime, nonce: bytes) -> bytes:
        return der.tlv(
            der.SEQUENCE,
            _V1,
            self._policy_der,
            imprint,
            der.integer(_new_serial()),
            der.tlv(der.GENERALIZED_TIME, at.strftime("%Y%m%d%H%M%SZ").encode()),
            self._accuracy,
            nonce,
        )

    def _template_of(self, signer: RoleSigner) -> "_Template":
        """The signer's template; made again only when the signer is another."""
        known, template = self._made
        if template is None or known is not signer:
            template = _template(signer.certificate, self._chain, self._scheme)
            self._made = (signer, template)
        return template


@dataclass(frozen=True, kw_only=True)
class _Template:
    """All of a token that the TSA's certificate decides."""

    scheme: SignatureScheme
    public_key: object
    not_before: datetime
    not_after: datetime
    fixed_attributes: tuple[bytes, ...]
    data_start: bytes
    """Version and digest algorithms of the SignedData."""
    certificates: bytes
    signer_start: bytes
    """Version, certificate and digest algorithm of the SignerInfo."""

    def attributes(self, info: bytes) -> bytes:
        """The contents of SignedAttributes, in DER order (X.690 section 11.6).

        No signing-time: genTime is the time, and a second one could only contradict it.
        """
        digest = hashlib.new(self.scheme.hash_name, info).digest()
        digested = _attribute(_MESSAGE_DIGEST, der.tlv(der.OCTET_STRING, digest))
        return b"".join(sorted((*self.fixed_attributes, digested)))

    def assembled(
        self, info: bytes, attributes: bytes, signature: bytes, with_certificates: bool
    ) -> bytes:
        """The TimeStampToken: a ContentInfo with SignedData (RFC 5652 section 5)."""
        content = der.tlv(0xA0, der.tlv(der.OCTET_STRING, info))
        signer = der.tlv(
            der.SEQUENCE,
            self.signer_start,
            der.tlv(0xA0, attributes),
            self.scheme.algorithm_der,
            der.tlv(der.OCTET_STRING, signature),
        )
        signed_data = der.tlv(
            der.SEQUENCE,
            self.data_start,
            der.tlv(der.SEQUENCE, _TST_INFO, content),
            self.certificates if with_certificates else b"",  # RFC 3161 section 2.4.1, certReq
            der.tlv(der.SET, signer),
        )
        return der.tlv(der.SEQUENCE, _SIGNED_DATA, der.tlv(0xA0, signed_data))


def _template(
    certificate: x509.Certificate, chain: Sequence[x509.Certificate], scheme_name: str | None
) -> _Template:
    _check_purpose(certificate)
    public_key = certificate.public_key()
    scheme = scheme_for(public_key, scheme_name)
    digest_algorithm = der.tlv(der.SEQUENCE, HASHES[scheme.hash_name][0])
    certificate_der = certificate.public_bytes(Encoding.DER)
    fields = [element for _, element in der.children(certificate.tbs_certificate_bytes)]
    serial, issuer = fields[1], fields[3]  # RFC 5280 section 4.1; the version stands first
    others = {above.public_bytes(Encoding.DER) for above in chain}
    # RFC 5816 section 2.2.1; hashAlgorithm is left out because SHA-256 is its default.
    identifier = der.tlv(
        der.SEQUENCE,
        der.tlv(der.OCTET_STRING, hashlib.sha256(certificate_der).digest()),
        der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, der.tlv(0xA4, issuer)), serial),
    )
    # RFC 8933 section 4: the algorithms are signed too, so that neither can be swapped.
    algorithms = der.tlv(der.SEQUENCE, digest_algorithm, b"\xa1" + scheme.algorithm_der[1:])
    return _Template(
        scheme=scheme,
        public_key=public_key,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fixed_attributes=(
            _attribute(_CONTENT_TYPE, _TST_INFO),
            _attribute(
                _SIGNING_CERTIFICATE_V2,
                der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, identifier)),
            ),
            _attribute(_ALGORITHM_PROTECTION, algorithms),
        ),
        # RFC 5652 section 5.1: version 3, because the content is not id-data.
        data_start=_V3 + der.tlv(der.SET, digest_algorithm),
        certificates=der.tlv(0xA0, *sorted({certificate_der} | others)),
        signer_start=_V1 + der.tlv(der.SEQUENCE, issuer, serial) + digest_algorithm,
    )


def _check_purpose(certificate: x509.Certificate) -> None:
    """RFC 3161 section 2.3: exactly one extended key usage, timeStamping, and critical."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        found = None
    if (
        found is None
        or not found.critical
        or list(found.value) != [ExtendedKeyUsageOID.TIME_STAMPING]
    ):
        raise ConfigError(N_("Chứng thư của dịch vụ dấu thời gian không dành cho việc này."))


def _signature(template: _Template, signer: RoleSigner, signed: bytes) -> bytes:
    """The signature over these bytes; none leaves that the certificate does not verify."""
    signature = template.scheme.sign(signer.key, signed)
    try:
        template.scheme.verify(template.public_key, signature, signed)
    except InvalidSignature as error:
        raise SignerError(
            N_("HSM trả về chữ ký không khớp với chứng thư của dịch vụ dấu thời gian.")
        ) from error
    return signature


_BUSY = N_("Có quá nhiều yêu cầu dấu thời gian cùng lúc; hãy thử lại sau ít giây.")


def _attribute(oid: bytes, value: bytes) -> bytes:
    return der.tlv(der.SEQUENCE, oid, der.tlv(der.SET, value))


def _new_serial() -> int:
    """16 octets, 126 bits of them random: unique without a counter that a crash could set back.

    RFC 3161 section 2.4.2 lets clients expect up to 160 bits.
    """
    return 1 << 126 | secrets.randbits(126)
