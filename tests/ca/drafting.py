"""Drafts for tests of certificates and lints: a good one, made for any issuer and profile."""

from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signer.ca import Profile, ProfileSet
from signer.ca.certificate import (
    Addresses,
    CaKey,
    Draft,
    Issuer,
    draft_certificate,
    last_second,
    new_serial,
)
from signer.ca.names import SubjectFacts
from signer.ca.schemes import SignatureScheme, scheme_for
from tests.ca.factory import BASE_URL, START, facts, public_key_der
from tests.ca.hierarchies import build_issuing, build_root

NOW = START.replace(microsecond=0)
ADDRESSES = Addresses(base_url=BASE_URL)
BODY = "ỦY BAN NHÂN DÂN THÀNH PHỐ HÀ NỘI"


def subject_for(profile: Profile) -> SubjectFacts:
    """A good subject of the profile's kind."""
    roles = {
        "organisation": {"common_name": "ỦY BAN NHÂN DÂN PHƯỜNG HOÀN KIẾM", "units": ()},
        "system": {"common_name": "Cổng dịch vụ công", "email": None},
        "ocsp": {"common_name": "Trả lời trạng thái chứng thư G1", "units": (), "email": None},
        "tsa": {"common_name": "Cấp dấu thời gian G1", "units": (), "email": None},
    }
    return facts(**roles.get(profile.kind, {}))


def issuer_of(
    certificate: x509.Certificate, profiles: ProfileSet, scheme: SignatureScheme | None = None
) -> Issuer:
    """The issuer whose certificate this is."""
    return Issuer(
        certificate=certificate,
        addresses=ADDRESSES,
        scheme=scheme or scheme_for(certificate.public_key()),
        crl_shards=profiles.issuing.crl_shards,
    )


def drafted(issuer: Issuer, profile: Profile, **changes: Any) -> Draft:
    """A good draft, but for the changes."""
    good: dict[str, Any] = {
        "subject": subject_for(profile),
        "public_key_der": public_key_der(),
        "serial": new_serial(),
        "not_before": NOW,
        "not_after": last_second(NOW, profile.validity_days),
    }
    return draft_certificate(issuer=issuer, profile=profile, **(good | changes))


def software_key(kind: str) -> CaKey:
    """A key of this kind that lives in the test: p256, p384 or rsa3072."""
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1()}[kind])


def spki(key: CaKey) -> bytes:
    """Its public half."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def software_hierarchy(
    key: CaKey, scheme: SignatureScheme, profiles: ProfileSet, at: datetime = NOW
) -> tuple[x509.Certificate, x509.Certificate]:
    """A root and an issuing CA below it of one key, both signing by that scheme."""
    root = build_root(key, organisation=BODY, at=at, signature=scheme.name)
    issuing = build_issuing(
        key,
        root,
        key.public_key(),
        organisation=BODY,
        base_url=BASE_URL,
        at=at,
        signature=scheme.name,
    )
    return root, issuing
