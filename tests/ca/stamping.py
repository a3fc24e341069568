"""A good time-stamping authority and good requests for its tests; a test spoils one field."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from asn1crypto import algos, cms, core, tsp
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from signer.ca.certificate import key_identifier, new_serial, whole_second
from signer.ca.profiles import load_profiles
from signer.ca.roles import RoleSigner
from signer.ca.schemes import PrivateKey
from signer.ca.timestamp import TimestampAuthority
from signer.ca.timestamp_request import Failure
from signer.clock import Clock
from signer.pkcs11 import Hsm, ensure_ca_key
from tests.ca.factory import START
from tests.ca.hierarchies import Hierarchy

DATA = "Quyết định số 12/QĐ-UBND".encode()
POLICY = load_profiles().tsa
KINDS = ("p256", "p384", "rsa3072")


def tsa_signer(
    key: PrivateKey,
    issuing_key: PrivateKey,
    issuing: x509.Certificate,
    *,
    purposes: Sequence[ObjectIdentifier] = (ExtendedKeyUsageOID.TIME_STAMPING,),
    is_critical: bool = True,
    not_before: datetime = START - timedelta(hours=1),
    not_after: datetime = START + timedelta(days=1000),
    list_address: str = "",
) -> RoleSigner:
    """A TSA's key and certificate (RFC 3161 section 2.3), but for the changes."""
    names = [(NameOID.COUNTRY_NAME, "VN"), (NameOID.COMMON_NAME, "Dịch vụ dấu thời gian")]
    usage = dict.fromkeys(
        (
            *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
            *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    authority = x509.AuthorityKeyIdentifier(key_identifier(issuing), None, None)
    builder = (
        x509.CertificateBuilder(
            issuer_name=issuing.subject,
            subject_name=x509.Name([x509.NameAttribute(oid, value) for oid, value in names]),
            public_key=key.public_key(),
            serial_number=new_serial(),
            not_valid_before=whole_second(not_before),
            not_valid_after=whole_second(not_after),
        )
        .add_extension(x509.KeyUsage(digital_signature=True, **usage), critical=True)
        .add_extension(authority, critical=False)
    )
    if list_address:
        names_of = [x509.UniformResourceIdentifier(list_address)]
        point = x509.DistributionPoint(names_of, None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=is_critical)
    return RoleSigner(key=key, certificate=builder.sign(issuing_key, SHA256()))


def tsa_signers(
    hsm: Hsm, issuing_key: PrivateKey, issuing: x509.Certificate
) -> dict[str, RoleSigner]:
    """A TSA key of each kind on the token, with its certificate."""
    return {
        kind: tsa_signer(ensure_ca_key(hsm, f"tsa-tests-{kind}", kind), issuing_key, issuing)
        for kind in KINDS
    }


def tsa_of(
    signer: RoleSigner | Callable[[], RoleSigner | None] | None,
    hierarchy: Hierarchy,
    clock: Clock,
    scheme: str | None = None,
) -> TimestampAuthority:
    """An authority that stamps with this signer, its issuing CA beside it."""
    ask = signer if callable(signer) else lambda: signer
    return TimestampAuthority(ask, POLICY, clock, [hierarchy.issuing], scheme)


def query(hash_name: str = "sha256", **changes: object) -> bytes:
    """A good TimeStampReq over DATA, but for the changes of its fields; None takes one away."""
    fields: dict[str, object] = {
        "version": 1,
        "message_imprint": imprint(hash_name),
        "nonce": 0x0123456789ABCDEF0123,
        "cert_req": True,
    }
    kept = {name: value for name, value in (fields | changes).items() if value is not None}
    return bytes(tsp.TimeStampReq(kept).dump())


def imprint(hash_name: str = "sha256", digest: bytes | None = None) -> tsp.MessageImprint:
    """The MessageImprint over DATA, or over what has another digest."""
    return tsp.MessageImprint(
        {
            "hash_algorithm": algos.DigestAlgorithm({"algorithm": hash_name}),
            "hashed_message": hashlib.new(hash_name, DATA).digest() if digest is None else digest,
        }
    )


def granted(response_der: bytes) -> tuple[tsp.TSTInfo, cms.SignedData]:
    """What asn1crypto reads in a response with a token."""
    response = tsp.TimeStampResp.load(response_der, strict=True)
    assert response["status"]["status"].native == "granted"
    token = response["time_stamp_token"]
    assert token["content_type"].native == "signed_data"
    content = token["content"]["encap_content_info"]["content"]
    return tsp.TSTInfo.load(bytes(content.contents), strict=True), token["content"]


class Rejection(core.Sequence):  # type: ignore[misc]  # asn1crypto has no types
    """A TimeStampResp without a token: asn1crypto's own class insists on one."""

    _fields = [("status", tsp.PKIStatusInfo)]


def refused(response_der: bytes) -> tuple[Failure, str]:
    """The one failure and the sentence in a rejection, as asn1crypto reads them."""
    status = Rejection.load(response_der, strict=True)["status"]
    assert status["status"].native == "rejection"
    (failure,) = status["fail_info"].native
    (sentence,) = status["status_string"].native
    return Failure[failure.removesuffix("s").upper()], sentence  # "unaccepted_extensions" there
