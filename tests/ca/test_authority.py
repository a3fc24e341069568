"""The authority's promises: one certificate per intent, checked before and after the HSM."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from flask import Flask
from sqlalchemy import func, select

from signer.audit import Audit
from signer.ca import (
    Authority,
    Certificate,
    CertificateState,
    CertificateStatus,
    ProfileSet,
    RevocationReason,
)
from signer.ca.certificate import Addresses
from signer.ca.issuing import Issuing
from signer.db import db, transaction
from signer.errors import ConfigError, Conflict, Invalid, NotFound, SignerError, Unavailable
from signer.pkcs11 import Hsm
from tests.ca.conftest import Keys
from tests.ca.factory import (
    BASE_URL,
    START,
    facts,
    issued,
    order,
    public_key_der,
)
from tests.ca.hierarchies import Hierarchy, build_issuing
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.softhsm import token_away


def test_the_certificate_states_what_the_profile_says(authority: Authority) -> None:
    (made,) = issued(authority.issue_many([order("key-1")], "system"))
    certificate = x509.load_der_x509_certificate(made.der)
    assert [(a.oid, a.value) for a in certificate.subject] == [
        (NameOID.COUNTRY_NAME, "VN"),
        (NameOID.LOCALITY_NAME, "Hà Nội"),
        (NameOID.ORGANIZATION_NAME, "ỦY BAN NHÂN DÂN THÀNH PHỐ HÀ NỘI"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "Ủy ban nhân dân phường Hoàn Kiếm"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "Phòng Văn hóa - Xã hội"),
        (NameOID.COMMON_NAME, "Nguyễn Thị Ánh"),
    ]
    extensions = certificate.extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert usage.value.content_commitment
    purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [p.dotted_string for p in purposes] == ["1.3.6.1.5.5.7.3.36"]
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.RFC822Name) == ["anh.nt@hoankiem.hanoi.gov.vn"]
    point = extensions.get_extension_for_class(x509.CRLDistributionPoints).value[0]
    assert point.full_name[0].value == f"{BASE_URL}/pki/crl/{made.serial % 128}.crl"
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    assert first == START.replace(microsecond=0)
    assert last - first == timedelta(days=1825) - timedelta(seconds=1)


def test_serials_are_positive_random_and_fit_20_octets(authority: Authority) -> None:
    made = issued(authority.issue_many([order(f"key-{i}") for i in range(20)], "system"))
    assert len({c.serial for c in made}) == 20
    assert {c.serial.bit_length() for c in made} == {159}
    assert {len(c.serial_hex) for c in made} == {40}


@both_databases
def test_one_intent_gets_one_certificate(authority: Authority, audit: Audit) -> None:
    wanted = order("key-1")
    (first,) = issued(authority.issue_many([wanted], "system"))
    (again,) = issued(authority.issue_many([wanted], "system"))
    assert again == first == authority.find_by_intent("key-1")
    assert audit.verify() == 1


def test_an_intent_stays_bound_to_its_key(authority: Authority) -> None:
    issued(authority.issue_many([order("key-1")], "system"))
    with pytest.raises(Conflict):
        authority.issue(
            intent="key-1", subject=facts(), public_key_der=public_key_der(), actor="system"
        )


def test_one_bad_order_does_not_spoil_the_rest(authority: Authority) -> None:
    outcomes = authority.issue_many(
        [order("key-1"), order("key-2", email="không phải thư"), order("key-3")], "system"
    )
    assert isinstance(outcomes[1], Invalid)
    assert len(issued([outcomes[0], outcomes[2]])) == 2
    assert authority.find_by_intent("key-2") is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("common_name", ""),
        ("common_name", "Nguyễn Thị Ánh 001234567890"),
        ("common_name", "Ánh 012345678"),
        ("common_name", "N" * 65),
        ("common_name", "Ánh\u200b"),
        ("common_name", "Ánh\x00"),
        ("units", ("",)),
        ("organisation", "X" * 65),
        ("country", "vn"),
        ("email", "anh@localhost"),
        ("email", "ánh@hanoi.gov.vn"),
        ("email", "anh nt@hanoi.gov.vn"),
        ("email", "a@b@hanoi.gov.vn"),
        ("email", ""),
    ],
)
def test_facts_that_a_certificate_must_not_state_are_refused(
    authority: Authority, field: str, value: object
) -> None:
    """Before anything is stored, and with the field that is wrong."""
    (outcome,) = authority.issue_many([order("key-1", **{field: value})], "system")
    assert isinstance(outcome, Invalid)
    assert outcome.field == field
    assert db.session.scalar(select(func.count()).select_from(Certificate)) == 0


def test_names_are_composed_and_long_units_abbreviated(authority: Authority) -> None:
    long = "Văn phòng Đoàn đại biểu Quốc hội và Hội đồng nhân dân thành phố Hà Nội"
    decomposed = "Nguyễn  Thị Ánh"
    (made,) = issued(
        authority.issue_many([order("key-1", units=(long,), common_name=decomposed)], "system")
    )
    subject = x509.load_der_x509_certificate(made.der).subject
    (unit,) = subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    (name,) = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "Nguyễn Thị Ánh"
    assert len(unit.value) <= 64
    assert "HĐND" in str(unit.value)


SPKI = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"not a key",
        ec.generate_private_key(ec.SECP521R1()).public_key().public_bytes(*SPKI),
        ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(*SPKI),
        rsa.generate_private_key(65537, 2048).public_key().public_bytes(*SPKI),
    ],
    ids=["empty", "nonsense", "p521", "ed25519", "rsa2048"],  # the same in each test process
)
def test_a_key_the_profile_does_not_take_is_refused(authority: Authority, key: bytes) -> None:
    with pytest.raises(Invalid):
        authority.issue(intent="key-1", subject=facts(), public_key_der=key, actor="system")


def test_the_cas_own_key_is_never_certified(authority: Authority, hierarchy: Hierarchy) -> None:
    own = hierarchy.issuing.public_key().public_bytes(*SPKI)
    with pytest.raises(Invalid):
        authority.issue(intent="key-1", subject=facts(), public_key_der=own, actor="system")


def test_an_unknown_profile_is_refused(authority: Authority) -> None:
    with pytest.raises(Invalid):
        authority.issue(
            intent="k",
            subject=facts(),
            public_key_der=public_key_der(),
            profile="x",
            actor="system",
        )


def test_a_subscriber_never_outlives_the_ca(
    authority: Authority, hierarchy: Hierarchy, clock: StandingClock
) -> None:
    end = hierarchy.issuing.not_valid_after_utc
    clock.at = end - timedelta(days=10)
    (made,) = issued(authority.issue_many([order("key-1")], "system"))
    assert made.not_after == end
    clock.at = end + timedelta(seconds=1)
    with pytest.raises(Invalid):
        authority.issue(
            intent="key-2", subject=facts(), public_key_der=public_key_der(), actor="system"
        )


def test_a_key_that_is_not_the_certificates_is_refused_at_start(
    ca_keys: Keys, hierarchy: Hierarchy, profiles: ProfileSet, clock: StandingClock
) -> None:
    with pytest.raises(ConfigError):
        Authority(
            key=ca_keys.root,
            certificate=hierarchy.issuing,
            chain=[hierarchy.root],
            profiles=profiles,
            clock=clock,
            audit=Audit(clock),
            base_url=BASE_URL,
        )


def test_an_hsm_that_is_away_leaves_the_serial_reserved(
    authority: Authority, token_home: Path, hsm: Hsm
) -> None:
    """The next call signs the bytes that were stored, under the same serial."""
    wanted = order("key-1")
    with token_away(token_home, hsm):
        (outcome,) = authority.issue_many([wanted], "system")
        assert isinstance(outcome, Unavailable)
        with pytest.raises(Unavailable):
            authority.resume("system")
    row = db.session.scalars(select(Certificate)).one()
    assert row.state == CertificateState.RESERVED
    assert authority.find_by_intent("key-1") is None
    assert authority.status_of(int(row.serial_hex, 16), START) is CertificateStatus.UNKNOWN
    reserved = row.serial_hex
    (made,) = issued(authority.issue_many([wanted], "system"))
    assert made.serial_hex == reserved


@both_databases
def test_bytes_of_an_earlier_ca_are_abandoned_and_listed(
    authority: Authority,
    ca_keys: Keys,
    hierarchy: Hierarchy,
    profiles: ProfileSet,
    clock: StandingClock,
    audit: Audit,
) -> None:
    """Their serial goes on the CRL, since it may have been signed; the intent is free again."""
    other = build_issuing(
        ca_keys.root,
        hierarchy.root,
        ca_keys.issuing.public_key(),
        organisation="Cơ quan khác",
        base_url=BASE_URL,
        at=START - timedelta(days=1),
    )
    earlier = Authority(
        key=ca_keys.issuing,
        certificate=other,
        chain=[hierarchy.root],
        profiles=profiles,
        clock=clock,
        audit=audit,
        base_url=BASE_URL,
    )
    wanted = order("key-1")
    earlier._issuing._reserve([wanted], {})
    serial = int(db.session.scalars(select(Certificate.serial_hex)).one(), 16)
    db.session.rollback()
    assert authority.resume("system") == 1
    assert authority.status_of(serial, START) is CertificateStatus.REVOKED
    crl = x509.load_der_x509_crl(authority.publish_crl())
    assert crl.get_revoked_certificate_by_serial_number(serial) is not None
    (made,) = issued(authority.issue_many([wanted], "system"))
    assert made.serial != serial


@both_databases
def test_two_workers_on_one_intent_make_one_certificate(
    app: Flask, authority: Authority, audit: Audit
) -> None:
    orders = [order(f"key-{i}") for i in range(6)]

    def work(_: int) -> list[str]:
        with app.app_context():
            made = issued(authority.issue_many(orders, "system"))
            db.session.remove()
            return [c.serial_hex for c in made]

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(work, range(4)))
    assert all(result == results[0] for result in results)
    assert audit.verify() == 6


def test_an_unsigned_or_wrongly_signed_certificate_is_never_stored(
    authority: Authority, ca_keys: Keys
) -> None:
    """A signature that does not verify stops the issue before the ledger says otherwise."""

    class LyingKey:
        def public_key(self) -> object:
            return ca_keys.issuing.public_key()

        def sign(self, data: bytes, algorithm: ec.ECDSA) -> bytes:
            return bytes(ca_keys.issuing.sign(data + b"!", algorithm))

    honest: Issuing = authority._issuing
    honest._key = authority._key = LyingKey()
    (outcome,) = authority.issue_many([order("key-1")], "system")
    assert isinstance(outcome, Exception)
    with pytest.raises(SignerError):
        authority.prove_key()
    honest._key = ca_keys.issuing
    assert authority.find_by_intent("key-1") is None


def test_another_address_than_certificates_name_is_found_out(authority: Authority) -> None:
    """Lists would be for nobody (RFC 5280 section 6.3.3); before anything is issued any will do."""
    here, elsewhere = authority._addresses, Addresses(base_url="http://elsewhere.example")
    authority._addresses = elsewhere
    authority.prove_addresses()
    issued(authority.issue_many([order("key-1")], "system"))
    with pytest.raises(ConfigError, match=r"elsewhere\.example/pki/crl/"):
        authority.prove_addresses()
    authority._addresses = here
    authority.prove_addresses()


# Status and revocation -----------------------------------------------------------------------


def test_validity_includes_its_first_and_last_second(authority: Authority) -> None:
    (made,) = issued(authority.issue_many([order("key-1")], "system"))
    second = timedelta(seconds=1)
    almost = timedelta(microseconds=999_999)
    for at, expected in (
        (made.not_before - timedelta(microseconds=1), CertificateStatus.NOT_YET),
        (made.not_before, CertificateStatus.GOOD),
        (made.not_after + almost, CertificateStatus.GOOD),
        (made.not_after + second, CertificateStatus.EXPIRED),
    ):
        assert authority.status_of(made.serial, at) is expected


def test_an_unknown_serial_is_unknown(authority: Authority) -> None:
    assert authority.status_of(1, START) is CertificateStatus.UNKNOWN
    with pytest.raises(NotFound):
        authority.certificate_of(1)
    with pytest.raises(NotFound):
        authority.revoke(1, RevocationReason.SUPERSEDED, "system")


@both_databases
def test_a_revocation_counts_from_its_instant_and_happens_once(
    authority: Authority, clock: StandingClock
) -> None:
    (made,) = issued(authority.issue_many([order("key-1")], "system"))
    clock.move(timedelta(hours=1))
    authority.revoke(made.serial, RevocationReason.KEY_COMPROMISE, "quantri")
    revoked_at = clock.now().replace(microsecond=0)
    assert authority.status_of(made.serial, revoked_at) is CertificateStatus.REVOKED
    before = revoked_at - timedelta(seconds=1)
    assert authority.status_of(made.serial, before) is CertificateStatus.GOOD
    assert authority.certificate_of(made.serial).state is CertificateState.REVOKED
    with pytest.raises(Conflict):
        authority.revoke(made.serial, RevocationReason.SUPERSEDED, "quantri")


def test_proving_the_key_changes_nothing(authority: Authority, audit: Audit) -> None:
    authority.prove_key()
    assert audit.verify() == 0


@both_databases
def test_every_change_is_audited(authority: Authority, audit: Audit) -> None:
    (made,) = issued(authority.issue_many([order("key-1")], "quantri"))
    authority.revoke(made.serial, RevocationReason.SUPERSEDED, "quantri")
    authority.publish_crl("quantri")
    assert [e.action for e in reversed(audit.events())] == [
        "certificate.issue",
        "certificate.revoke",
        "crl.publish",
    ]
    assert {e.actor for e in audit.events()} == {"quantri"}


def test_the_hsm_is_never_touched_inside_a_transaction(authority: Authority) -> None:
    with transaction(), pytest.raises(RuntimeError):
        authority.issue_many([order("key-1")], "system")
