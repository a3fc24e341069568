"""Authorities with keys in memory, for tests of lists: every scheme, few shards, a folder."""

import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from cryptography import x509

from signer.audit import Audit
from signer.ca import Authority, ProfileSet
from signer.ca.certificate import CaKey
from signer.ca.schemes import scheme_named
from signer.clock import Clock
from tests.ca.drafting import software_hierarchy, software_key
from tests.ca.factory import BASE_URL

SHARDS = 4
KEYS = {"p256": "p256", "p384": "p384", "rsa": "rsa3072"}


def list_authority(
    profiles: ProfileSet,
    clock: Clock,
    *,
    scheme: str = "ecdsa-sha256",
    key: CaKey | None = None,
    published: Path | None = None,
    shards: int = SHARDS,
) -> Authority:
    """An authority that signs by this scheme and spreads its lists over a few shards."""
    policy = replace(profiles.issuing, signature=scheme, crl_shards=shards)
    key = key or software_key(KEYS[scheme_named(scheme).key])
    begin = clock.now() - timedelta(days=1)
    root, issuing = software_hierarchy(key, scheme_named(scheme), profiles, at=begin)
    return Authority(
        key=key,
        certificate=issuing,
        chain=[root],
        profiles=replace(profiles, issuing=policy),
        clock=clock,
        audit=Audit(clock),
        base_url=BASE_URL,
        published=published,
    )


def number_of(crl_der: bytes) -> int:
    """Its CRL number."""
    crl = x509.load_der_x509_crl(crl_der)
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def serials_of(crl_der: bytes) -> set[int]:
    """What it lists."""
    return {entry.serial_number for entry in x509.load_der_x509_crl(crl_der)}


def ran(*words: object) -> "subprocess.CompletedProcess[str]":
    """A second reader's answer."""
    return subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
