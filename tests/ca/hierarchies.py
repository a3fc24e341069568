"""CAs for tests: a root and an issuing CA below it, of keys the test has, without a ceremony."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signer.ca.certificate import (
    Addresses,
    CaKey,
    last_second,
    new_serial,
    sign_tbs,
    whole_second,
)
from signer.ca.hierarchy import Above, CaFacts, ca_tbs, root_crl_tbs, spki
from signer.ca.names import ca_name
from signer.ca.schemes import scheme_for


@dataclass(frozen=True, kw_only=True)
class Hierarchy:
    """A root, the issuing CA below it and the root's first list."""

    root: x509.Certificate
    issuing: x509.Certificate
    root_crl_der: bytes

    def write(self, folder: Path) -> None:
        """As a ceremony leaves them: root.pem, issuing.pem and root.crl."""
        (folder / "root.pem").write_bytes(self.root.public_bytes(Encoding.PEM))
        (folder / "issuing.pem").write_bytes(self.issuing.public_bytes(Encoding.PEM))
        (folder / "root.crl").write_bytes(self.root_crl_der)


def build_hierarchy(
    *,
    root_key: CaKey,
    issuing_key: CaKey,
    organisation: str,
    base_url: str,
    at: datetime,
    signature: str | None = None,
    crl_days: int = 365,
) -> Hierarchy:
    """What the embedded ceremony makes before it comes to the ledger."""
    root = build_root(root_key, organisation=organisation, at=at, signature=signature)
    issuing = build_issuing(
        root_key,
        root,
        issuing_key.public_key(),
        organisation=organisation,
        base_url=base_url,
        at=at,
        signature=signature,
    )
    tbs = root_crl_tbs(
        root,
        scheme_for(root.public_key(), signature),
        number=1,
        this_update=whole_second(at),
        next_update=whole_second(at) + timedelta(days=crl_days),
    )
    return Hierarchy(
        root=root, issuing=issuing, root_crl_der=sign_tbs(root_key, tbs, root.public_key())
    )


def build_root(
    key: CaKey, *, organisation: str, at: datetime, signature: str | None = None
) -> x509.Certificate:
    """The trust anchor, signed by its own key."""
    facts = CaFacts(
        subject_der=_name(organisation, "CA gốc nội bộ G1"),
        public_key_der=spki(key.public_key()),
        not_before=whole_second(at),
        not_after=last_second(whole_second(at), 7300),
        path_length=None,
        scheme=scheme_for(key.public_key(), signature),
    )
    return _signed(key, facts)


def build_issuing(
    root_key: CaKey,
    root: x509.Certificate,
    public_key: Any,
    *,
    organisation: str,
    base_url: str,
    at: datetime,
    signature: str | None = None,
) -> x509.Certificate:
    """The issuing CA's certificate, signed by the root in the named way."""
    addresses = Addresses(base_url=base_url)
    facts = CaFacts(
        subject_der=_name(organisation, "CA cấp chứng thư nội bộ G1"),
        public_key_der=spki(public_key),
        not_before=whole_second(at),
        not_after=last_second(whole_second(at), 3650),
        path_length=0,
        scheme=scheme_for(root.public_key(), signature),
        above=Above(
            certificate=root,
            certificate_address=addresses.certificate("root"),
            crl_address=addresses.crl("root"),
        ),
    )
    return _signed(root_key, facts)


def _signed(key: CaKey, facts: CaFacts) -> x509.Certificate:
    tbs = ca_tbs(facts, new_serial())
    return x509.load_der_x509_certificate(sign_tbs(key, tbs, key.public_key(), facts.scheme))


def _name(organisation: str, common_name: str) -> bytes:
    name = ca_name(country="VN", organisation=organisation, common_name=common_name)
    return name.public_bytes()
