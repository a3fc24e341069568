"""What an order becomes in the ledger: its shard, what it takes the place of, how long it counts;
and the same through CAs whose keys sign otherwise."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signer.audit import Audit
from signer.ca import (
    Authority,
    Certificate,
    IssuedCertificate,
    IssueOrder,
    ProfileSet,
)
from signer.db import db
from signer.errors import Invalid, NotFound, SignerError
from signer.pkcs11 import Hsm, ensure_ca_key
from tests.ca.drafting import BODY, software_key, spki, subject_for
from tests.ca.factory import (
    BASE_URL,
    START,
    authority_of,
    facts,
    issued,
    openssl,
    order,
    public_key_der,
)
from tests.ca.hierarchies import Hierarchy, build_hierarchy
from tests.clocks import StandingClock
from tests.databases import both_databases

NOW = START.replace(microsecond=0)


def row_of(made: IssuedCertificate) -> Certificate:
    return db.session.scalars(db.select(Certificate).filter_by(id=made.id)).one()


def refused(authority: Authority, wanted: IssueOrder) -> SignerError:
    (outcome,) = authority.issue_many([wanted], "system")
    assert isinstance(outcome, SignerError), outcome
    return outcome


@both_databases
def test_the_ledger_knows_the_list_that_the_certificate_names(authority: Authority) -> None:
    for made in issued(authority.issue_many([order(f"key-{i}") for i in range(30)], "system")):
        certificate = x509.load_der_x509_certificate(made.der)
        point = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value[0]
        shard = row_of(made).shard
        assert shard == made.serial % 128
        assert point.full_name[0].value == f"{BASE_URL}/pki/crl/{shard}.crl"


@both_databases
def test_what_it_returns_is_what_the_ledger_reads_back(authority: Authority) -> None:
    made = issued(authority.issue_many([order(f"key-{i}") for i in range(5)], "system"))
    assert [authority.certificate_of(certificate.serial) for certificate in made] == made


@both_databases
def test_a_successor_names_its_predecessor(authority: Authority) -> None:
    (first,) = issued(authority.issue_many([order("key-1")], "system"))
    (second,) = issued(
        authority.issue_many([replace(order("key-2"), predecessor_id=first.id)], "system")
    )
    assert row_of(second).predecessor_id == first.id
    assert row_of(first).predecessor_id is None


@both_databases
def test_a_predecessor_nobody_issued_spoils_its_own_order_only(authority: Authority) -> None:
    orders = [order("key-1"), replace(order("key-2"), predecessor_id=4711), order("key-3")]
    good, bad, too = authority.issue_many(orders, "system")
    assert isinstance(bad, NotFound)
    assert len(issued([good, too])) == 2


@pytest.mark.parametrize(
    ("not_after", "expected"),
    [
        (NOW + timedelta(days=100, seconds=0.5), NOW + timedelta(days=100)),
        (NOW + timedelta(days=9000), NOW + timedelta(days=1825, seconds=-1)),
        (None, NOW + timedelta(days=1825, seconds=-1)),
        (NOW + timedelta(seconds=1), NOW + timedelta(seconds=1)),
    ],
)
def test_a_change_keeps_an_earlier_end_and_never_gets_a_later_one(
    authority: Authority, not_after: datetime | None, expected: datetime
) -> None:
    (made,) = issued(authority.issue_many([replace(order("k"), not_after=not_after)], "system"))
    assert made.not_after == expected
    assert x509.load_der_x509_certificate(made.der).not_valid_after_utc == expected


@pytest.mark.parametrize("not_after", [NOW, NOW - timedelta(days=1), NOW + timedelta(seconds=0.9)])
def test_an_end_that_has_come_already_is_refused(authority: Authority, not_after: datetime) -> None:
    assert isinstance(refused(authority, replace(order("k"), not_after=not_after)), Invalid)


def test_nothing_outlives_the_ca(
    authority: Authority, hierarchy: Hierarchy, clock: StandingClock
) -> None:
    """RFC 5280 4.1.2.5: the CA's last second is one of its own; the next is not."""
    end = hierarchy.issuing.not_valid_after_utc
    clock.at = end - timedelta(days=10)
    (made,) = issued(authority.issue_many([order("key-1")], "system"))
    assert made.not_after == end
    for at in (
        end,
        end + timedelta(seconds=1),
        hierarchy.issuing.not_valid_before_utc - timedelta(seconds=1),
    ):
        clock.at = at
        assert isinstance(refused(authority, order(f"key-{at}")), Invalid)


@pytest.mark.parametrize(
    "name", ["organisation-seal", "system-device", "ocsp-signer", "tsa-signer"]
)
def test_a_role_is_issued_without_an_address(
    authority: Authority, profiles: ProfileSet, name: str
) -> None:
    profile = profiles.profile_of(name)
    subject = replace(subject_for(profile), email=None)
    (made,) = issued(
        authority.issue_many(
            [
                IssueOrder(
                    intent=name, subject=subject, public_key_der=public_key_der(), profile=name
                )
            ],
            "system",
        )
    )
    row = row_of(made)
    assert (made.email, row.subject_cn) == ("", subject.common_name)
    assert (row.shard is None) == (name == "ocsp-signer")


def test_the_ledger_has_the_name_as_the_certificate_writes_it(authority: Authority) -> None:
    """Shortened where it must be: the column is no longer than the attribute."""
    long = "Ủy ban nhân dân cua mot phuong co ten dai hon moi phuong khac o Ha Noi"
    wanted = IssueOrder(
        intent="seal",
        subject=facts(common_name=long, units=()),
        public_key_der=public_key_der(),
        profile="organisation-seal",
    )
    (made,) = issued(authority.issue_many([wanted], "system"))
    name = x509.load_der_x509_certificate(made.der).subject
    written = str(name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)
    assert row_of(made).subject_cn == written
    assert len(written) <= 64 < len(long)


def ed25519_key() -> bytes:
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def compressed_key() -> bytes:
    """A P-256 key whose point is written short: readable, but not as profiles want it."""
    point = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    )
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    return head + point


@pytest.mark.parametrize(
    "key_der",
    [
        b"",
        b"no key",
        public_key_der()[:-1],
        public_key_der() + b"\x00",
        public_key_der()[:-64] + bytes(64),  # a point that is not on the curve
        ed25519_key(),
        compressed_key(),
        spki(software_key("rsa2048")),
        spki(software_key("p384")),  # good for a seal, not for a person
    ],
    ids=["empty", "text", "short", "long", "off-curve", "ed25519", "compressed", "rsa2048", "p384"],
)
def test_a_key_the_profile_does_not_take_is_refused(authority: Authority, key_der: bytes) -> None:
    wanted = IssueOrder(intent="k", subject=facts(), public_key_der=key_der)
    assert isinstance(refused(authority, wanted), Invalid)
    assert db.session.scalars(db.select(Certificate)).all() == []


# CAs of other keys --------------------------------------------------------------------------


@pytest.fixture(params=["rsa-pss-sha256", "rsa-pkcs1v15-sha384", "ecdsa-sha384"])
def other_authority(
    request: pytest.FixtureRequest,
    app: object,
    hsm: Hsm,
    profiles: ProfileSet,
    clock: StandingClock,
    audit: Audit,
) -> Authority:
    """An authority whose issuing key, in the HSM, signs by the scheme of the parameter."""
    kind = "p384" if request.param.startswith("ecdsa") else "rsa3072"
    key = ensure_ca_key(hsm, f"ca-tests-{kind}", kind)
    policy = replace(
        profiles,
        issuing=replace(profiles.issuing, signature=request.param),
    )
    made = build_hierarchy(
        root_key=key,
        issuing_key=key,
        organisation=BODY,
        base_url=BASE_URL,
        signature=request.param,
        at=START - timedelta(days=1),
    )
    return authority_of(key, made, policy, clock, audit)


def test_openssl_accepts_what_a_ca_of_another_key_signs_in_the_hsm(
    other_authority: Authority, tmp_path: Path
) -> None:
    made = issued(other_authority.issue_many([order("key-1"), order("key-2")], "system"))
    (tmp_path / "root.pem").write_text(other_authority.root_pem())
    (tmp_path / "issuing.pem").write_text(other_authority.issuing_pem())
    at = int(START.astimezone(UTC).timestamp()) + 60
    for number, certificate in enumerate(made):
        leaf = tmp_path / f"{number}.pem"
        leaf.write_bytes(x509.load_der_x509_certificate(certificate.der).public_bytes(Encoding.PEM))
        done = openssl(
            *("verify", "-x509_strict", "-attime", at, "-CAfile", tmp_path / "root.pem"),
            *("-untrusted", tmp_path / "issuing.pem", leaf),
        )
        assert done.returncode == 0, done.stderr
