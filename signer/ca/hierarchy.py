"""The root and the issuing CA, made once at set-up from two keys, and the files they leave."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

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
from signer.errors import N_, ConfigError


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


def ensure_hierarchy(
    folder: Path,
    *,
    root_key: CaKey,
    issuing_key: CaKey,
    organisation: str,
    base_url: str,
    profiles: ProfileSet,
    at: datetime,
    witnesses: Mapping[str, str],
) -> list[Path]:
    """`root.pem`, `issuing.pem` and a fresh `root.crl` are in the folder; returns what was made.

    What is there already is kept, so a ceremony that was cut short is simply held again.
    Everything made is entered in `transcript.txt` with its SHA-256 and the `witnesses` (facts
    such as the tokens' serial numbers). `ConfigError` when a certificate there is another key's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made: dict[Path, bytes] = {}
    root_file, issuing_file, crl_file = (
        folder / name for name in ("root.pem", "issuing.pem", "root.crl")
    )
    root = _kept(root_file, root_key)
    if root is None:
        root = build_root(root_key, organisation=organisation, profiles=profiles, at=at)
        made[root_file] = root.public_bytes(Encoding.PEM)
    issuing = _kept(issuing_file, issuing_key)
    if issuing is None or root_file in made:
        issuing = build_issuing(
            root_key,
            root,
            issuing_key.public_key(),
            organisation=organisation,
            base_url=base_url,
            profiles=profiles,
            at=at,
        )
        made[issuing_file] = issuing.public_bytes(Encoding.PEM)
    last = None if root_file in made or not crl_file.exists() else crl_file.read_bytes()
    if last is None or root_crl_is_due(last, at):
        number = 1 if last is None else _crl_number(last) + 1
        made[crl_file] = build_root_crl(root_key, root, profiles=profiles, number=number, at=at)
    for file, data in made.items():
        _write(file, data)
    if made:
        _enter(folder / "transcript.txt", made, witnesses, at)
    return list(made)


def _kept(file: Path, key: CaKey) -> x509.Certificate | None:
    if not file.exists():
        return None
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    if certificate.public_key() != key.public_key():
        raise ConfigError(
            N_("Chứng thư %(file)s không thuộc khóa đang có trong HSM."), file=file.name
        )
    return certificate


def _crl_number(crl_der: bytes) -> int:
    crl = x509.load_der_x509_crl(crl_der)
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def _write(file: Path, data: bytes) -> None:
    """The file holds the data, whole or not at all."""
    part = file.with_suffix(".part")
    with part.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)


def _enter(
    transcript: Path, made: Mapping[Path, bytes], witnesses: Mapping[str, str], at: datetime
) -> None:
    lines = [f"Ceremony of {at.isoformat(timespec='seconds')}"]
    lines += [f"  {name}: {value}" for name, value in witnesses.items()]
    lines += [f"  {hashlib.sha256(data).hexdigest()}  {file.name}" for file, data in made.items()]
    with transcript.open("a", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n\n")


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
    )
    return sign_tbs(root_key, tbs, root.public_key())


def root_crl_is_due(crl_der: bytes, at: datetime) -> bool:
    """Less than a third of its time is left."""
    crl = x509.load_der_x509_crl(crl_der)
    if crl.next_update_utc is None:
        return True
    return at > crl.next_update_utc - (crl.next_update_utc - crl.last_update_utc) / 3
