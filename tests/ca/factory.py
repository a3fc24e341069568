"""Good things for tests of the authority; a test spoils one field."""

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask

from signer.audit import Audit
from signer.ca import Authority, IssuedCertificate, IssueOrder, ProfileSet, SubjectFacts
from signer.ca.certificate import CaKey
from signer.clock import Clock
from signer.db import db
from signer.errors import SignerError
from tests.ca.hierarchies import Hierarchy

BASE_URL = "http://ca.example"
START = datetime(2026, 3, 2, 3, 4, 5, 678901, tzinfo=UTC)


def ledger_app(database_url: str) -> Flask:
    flask = Flask("ledger")
    flask.config["SQLALCHEMY_DATABASE_URI"] = database_url
    db.init_app(flask)
    return flask


def authority_of(
    key: CaKey,
    hierarchy: Hierarchy,
    profiles: ProfileSet,
    clock: Clock,
    audit: Audit,
    published: Path | None = None,
) -> Authority:
    """The authority with the key of the hierarchy's issuing CA."""
    return Authority(
        key=key,
        certificate=hierarchy.issuing,
        chain=[hierarchy.root],
        profiles=profiles,
        clock=clock,
        audit=audit,
        base_url=BASE_URL,
        published=published,
    )


def facts(**changes: object) -> SubjectFacts:
    """A good subject, but for the changes."""
    good: dict[str, object] = {
        "common_name": "Nguyễn Thị Ánh",
        "organisation": "ỦY BAN NHÂN DÂN THÀNH PHỐ HÀ NỘI",
        "units": ("Ủy ban nhân dân phường Hoàn Kiếm", "Phòng Văn hóa - Xã hội"),
        "locality": "Hà Nội",
        "email": "anh.nt@hoankiem.hanoi.gov.vn",
    }
    return SubjectFacts(**(good | changes))  # type: ignore[arg-type]  # names are the fields


def public_key_der() -> bytes:
    """A new P-256 public key; its private half is thrown away."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def order(intent: str, **changes: object) -> IssueOrder:
    """A good order, but for the changes of its subject."""
    return IssueOrder(intent=intent, subject=facts(**changes), public_key_der=public_key_der())


def issued(outcomes: Sequence[IssuedCertificate | SignerError]) -> list[IssuedCertificate]:
    """The outcomes, none of which may be an error."""
    for outcome in outcomes:
        if isinstance(outcome, SignerError):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, IssuedCertificate)]


def openssl(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """The second reader's answer."""
    return subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, check=False
    )
