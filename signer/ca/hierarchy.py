"""The root and the issuing CA, made once at set-up: pure functions over keys."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from signer.ca.certificate import (
    Addresses,
    CaKey,
    draft_issuing,
    draft_root,
    key_identifier,
    new_serial,
    raw_subject,
    sign_tbs,
    signature_algorithm_der,
    whole_second,
)
from signer.ca.crl import crl_tbs
from signer.ca.names import ca_name
from signer.ca.profiles import ProfileSet


@dataclass(frozen=True, kw_only=True)
class Hierarchy:
    """What the ceremony leaves behind, all of it public."""

    root: x509.Certificate
    issuing: x509.Certificate
    root_crl_der: bytes


def build_hierarchy(
    *,
    root_key: CaKey,
    issuing_key: CaKey,
    organisation: str,
    base_url: str,
    profiles: ProfileSet,
    at: datetime,
    country: str = "VN",
) -> Hierarchy:
    """A new root certificate, the issuing CA's certificate under it, and the root's first CRL."""
    root = build_root(
        root_key, organisation=organisation, profiles=profiles, at=at, country=country
    )
    issuing = build_issuing(
        root_key,
        root,
        issuing_key.public_key(),
        organisation=organisation,
        base_url=base_url,
        profiles=profiles,
        at=at,
        country=country,
    )
    return Hierarchy(
        root=root,
        issuing=issuing,
        root_crl_der=build_root_crl(root_key, root, profiles=profiles, number=1, at=at),
    )


def build_root(
    key: CaKey, *, organisation: str, profiles: ProfileSet, at: datetime, country: str = "VN"
) -> x509.Certificate:
    """The trust anchor, signed by its own key."""
    name = ca_name(
        country=country, organisation=organisation, common_name=profiles.root.common_name
    )
    draft = draft_root(
        name=name,
        public_key=key.public_key(),
        serial=new_serial(),
        at=at,
        days=profiles.root.validity_days,
    )
    return x509.load_der_x509_certificate(sign_tbs(key, draft.tbs_der, key.public_key()))


def build_issuing(
    root_key: CaKey,
    root: x509.Certificate,
    public_key: object,
    *,
    organisation: str,
    base_url: str,
    profiles: ProfileSet,
    at: datetime,
    country: str = "VN",
) -> x509.Certificate:
    """The issuing CA's certificate, signed by the root."""
    name = ca_name(
        country=country, organisation=organisation, common_name=profiles.issuing.common_name
    )
    draft = draft_issuing(
        root=root,
        addresses=Addresses(base_url=base_url),
        name=name,
        public_key=public_key,
        serial=new_serial(),
        at=at,
        profile=profiles.issuing,
    )
    return x509.load_der_x509_certificate(sign_tbs(root_key, draft.tbs_der, root.public_key()))


def build_root_crl(
    root_key: CaKey, root: x509.Certificate, *, profiles: ProfileSet, number: int, at: datetime
) -> bytes:
    """The root's CRL, empty: no issuing CA was revoked."""
    this_update = whole_second(at)
    tbs = crl_tbs(
        signature_algorithm_der=signature_algorithm_der(root.public_key()),
        issuer_name_der=raw_subject(root),
        issuer_key_identifier=key_identifier(root),
        number=number,
        this_update=this_update,
        next_update=this_update + timedelta(seconds=profiles.root.crl_seconds),
        revoked=(),
    )
    return sign_tbs(root_key, tbs, root.public_key())


def root_crl_is_due(crl_der: bytes, at: datetime) -> bool:
    """Less than a third of its time is left."""
    crl = x509.load_der_x509_crl(crl_der)
    if crl.next_update_utc is None:
        return True
    return at > crl.next_update_utc - (crl.next_update_utc - crl.last_update_utc) / 3
