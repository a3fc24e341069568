"""`signer ledger check` on the CA's own tables: a sound ledger is silent, each fault is named."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from flask import Flask
from sqlalchemy import Connection, insert, select, text

from signer.audit import Audit
from signer.audit.models import AuditEvent
from signer.ca import (
    Authority,
    IssuedCertificate,
    ProfileSet,
    RevocationReason,
    crl_ledger,
    der,
)
from signer.ca.invariants import Finding, Rule
from signer.ca.models import Certificate, Crl, OcspAnswer
from signer.db import db, transaction
from tests.ca.checked import findings
from tests.ca.conftest import Keys
from tests.ca.factory import authority_of, facts, issued, ledger_app, order
from tests.ca.hierarchies import Hierarchy
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.tampering import do, flip, tampering, without_constraints

Check = Callable[..., list[Finding]]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return tmp_path / "published"


@pytest.fixture
def authority(
    app: Flask,
    ca_keys: Keys,
    hierarchy: Hierarchy,
    profiles: ProfileSet,
    clock: StandingClock,
    audit: Audit,
    published: Path,
) -> Authority:
    """As everywhere, but it writes its files too."""
    return authority_of(ca_keys.issuing, hierarchy, profiles, clock, audit, published=published)


@pytest.fixture
def check(authority: Authority, audit: Audit, clock: StandingClock, published: Path) -> Check:
    """Everything that the CA's part of the check finds now."""
    return partial(findings, authority, audit, clock, published)


@pytest.fixture
def ledger(authority: Authority, clock: StandingClock) -> list[IssuedCertificate]:
    """Four good, one revoked, one abandoned, lists made after that and one revoked later."""
    made = issued(authority.issue_many([order(f"signing-key-{i}") for i in range(6)], "system"))
    clock.move(timedelta(hours=1))
    authority.revoke(made[4].serial, RevocationReason.KEY_COMPROMISE, "clerk")
    authority.publish_crl()
    clock.move(timedelta(hours=1))
    authority.revoke(made[5].serial, RevocationReason.SUPERSEDED, "clerk")
    return made


def rules(found: Sequence[Finding]) -> set[tuple[Rule, str]]:
    return {(finding.rule, finding.row) for finding in found}


def row_of(certificate: IssuedCertificate) -> str:
    return f"certificate:{certificate.serial_hex}"


@both_databases
def test_a_sound_ledger_gives_no_finding(ledger: list[IssuedCertificate], check: Check) -> None:
    """Issued, revoked before and after the newest list: nothing to say."""
    assert check() == []


def test_what_is_left_unfinished_is_named_after_a_while(
    authority: Authority, check: Check, clock: StandingClock
) -> None:
    """A reservation is no fault while its worker may still be at it."""
    authority.issue_many([order("signing-key-1")], "system")
    (serial,) = db.session.scalars(select(Certificate.serial_hex))
    with tampering() as connection:
        connection.execute(
            text("UPDATE certificate SET state = 'reserved', issued_at = NULL, shard = shard")
        )
        connection.execute(text("UPDATE certificate_bytes SET certificate_der = NULL"))
        connection.execute(text("DELETE FROM audit_event"))
    assert check() == []
    clock.move(timedelta(hours=1, seconds=1))
    assert rules(check()) == {(Rule.WAITING, f"certificate:{serial}")}


PLANTED = {
    "a bit of the TBS": (
        Rule.ONE_TBS,
        lambda c: flip("certificate_bytes", "tbs_der", "certificate_id = :id", id=c.id),
    ),
    "a bit of the certificate": (
        Rule.ONE_TBS,
        lambda c: flip(
            "certificate_bytes", "certificate_der", "certificate_id = :id", at=90, id=c.id
        ),
    ),
    "a bit of the signature": (
        Rule.SIGNATURE,
        lambda c: flip(
            "certificate_bytes", "certificate_der", "certificate_id = :id", at=-3, id=c.id
        ),
    ),
    "the bytes of one serial, gone": (
        Rule.ONE_TBS,
        lambda c: do("DELETE FROM certificate_bytes WHERE certificate_id = :id", id=c.id),
    ),
    "the certificate alone, gone": (
        Rule.ONE_TBS,
        lambda c: do(
            "UPDATE certificate_bytes SET certificate_der = NULL WHERE certificate_id = :id",
            id=c.id,
        ),
    ),
    "a row, gone": (
        Rule.RECORDED,
        lambda c: do("DELETE FROM certificate WHERE id = :id", id=c.id),
    ),
    "an event of the record, gone": (
        Rule.HISTORY,
        lambda c: do("DELETE FROM audit_event WHERE subject = :s", s=f"certificate:{c.serial_hex}"),
    ),
    "another end": (
        Rule.FACTS,
        lambda c: do(
            "UPDATE certificate SET not_after = '2050-01-01 00:00:00' WHERE id = :id", id=c.id
        ),
    ),
    "another beginning": (
        Rule.FACTS,
        lambda c: do(
            "UPDATE certificate SET not_before = '2020-01-01 00:00:00' WHERE id = :id", id=c.id
        ),
    ),
    "another shard": (
        Rule.FACTS,
        lambda c: do(
            "UPDATE certificate SET shard = coalesce(shard, 0) + 1 WHERE id = :id", id=c.id
        ),
    ),
    "another key": (
        Rule.FACTS,
        lambda c: do(f"UPDATE certificate SET spki_sha256 = '{'0' * 64}' WHERE id = :id", id=c.id),
    ),
    "revoked with no act": (
        Rule.HISTORY,
        lambda c: do(
            "UPDATE certificate SET state = 'revoked', revoked_at = issued_at WHERE id = :id",
            id=c.id,
        ),
    ),
}


@both_databases
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_of_one_certificate_is_named(
    name: str, ledger: list[IssuedCertificate], check: Check
) -> None:
    """By the rule that is meant for it, with the row; no other row is blamed."""
    rule, plant = PLANTED[name]
    plant(ledger[2])
    found = rules(check())
    assert (rule, row_of(ledger[2])) in found
    others = {row_of(certificate) for certificate in ledger} - {row_of(ledger[2])}
    assert others.isdisjoint(row for _, row in found)


@both_databases
def test_an_altered_event_is_named(ledger: list[IssuedCertificate], check: Check) -> None:
    """The first link of the chain that does not hold."""
    do("UPDATE audit_event SET actor = 'nobody' WHERE seq = 3")
    assert (Rule.AUDIT, "event:3") in rules(check())


@both_databases
def test_a_serial_twice_is_named(ledger: list[IssuedCertificate], check: Check) -> None:
    """In a table that was made anew without its constraints."""

    def twice(connection: Connection) -> None:
        statement = "UPDATE certificate SET serial_hex = :one WHERE id = :id"
        connection.execute(text(statement), {"one": ledger[1].serial_hex, "id": ledger[2].id})

    without_constraints("certificate", twice)
    found = rules(check())
    assert (Rule.SERIAL, row_of(ledger[1])) in found
    assert (Rule.RECORDED, row_of(ledger[2])) in found


@both_databases
def test_two_contents_of_one_serial_are_named(
    ledger: list[IssuedCertificate], check: Check
) -> None:
    """A second TBS under one serial is what must never be, whichever row is read first."""

    def twice(connection: Connection) -> None:
        statement = "UPDATE certificate_bytes SET certificate_id = :one WHERE certificate_id = :id"
        connection.execute(text(statement), {"one": ledger[1].id, "id": ledger[2].id})

    without_constraints("certificate_bytes", twice)
    assert (Rule.ONE_TBS, f"certificate_bytes:{ledger[1].id}") in rules(check())


@both_databases
@pytest.mark.parametrize("state", ["issued", "suspended"])
def test_an_undone_revocation_is_named(
    state: str, ledger: list[IssuedCertificate], check: Check
) -> None:
    """What the record says was revoked is not good again, and the list shows it too."""
    since = "revoked_at" if state == "suspended" else "NULL"
    do(
        f"UPDATE certificate SET state = '{state}', revoked_at = {since} WHERE id = :id",
        id=ledger[4].id,
    )
    found = rules(check())
    assert (Rule.FINAL, row_of(ledger[4])) in found
    if state == "issued":
        assert Rule.CRL in {rule for rule, _ in found}


@both_databases
def test_an_undone_revocation_is_named_though_the_record_was_written_too(
    ledger: list[IssuedCertificate], check: Check, audit: Audit
) -> None:
    """An event that could not happen does not make it right."""
    with tampering() as connection:
        connection.execute(
            text("UPDATE certificate SET state = 'issued', revoked_at = NULL WHERE id = :id"),
            {"id": ledger[4].id},
        )
    with transaction():
        audit.record("intruder", "certificate.release", row_of(ledger[4]))
    assert rules(check()) >= {(Rule.FINAL, row_of(ledger[4]))}
    assert Rule.AUDIT not in {finding.rule for finding in check()}


@both_databases
def test_the_end_of_the_record_cut_off_is_named(
    ledger: list[IssuedCertificate], check: Check
) -> None:
    """The chain alone cannot show that its last link is gone; the row it spoke of does."""
    do("DELETE FROM audit_event WHERE seq = (SELECT max(seq) FROM audit_event)")
    assert (Rule.HISTORY, row_of(ledger[5])) in rules(check())


@both_databases
@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_a_certificate_outside_the_ledger_is_named(
    encoding: Encoding,
    ledger: list[IssuedCertificate],
    check: Check,
    authority: Authority,
    audit: Audit,
    clock: StandingClock,
    tmp_path: Path,
) -> None:
    """Whoever had the CA's key sign behind the ledger's back is found by what they made."""
    outside = ledger_app(f"sqlite:///{tmp_path / 'elsewhere.sqlite3'}")
    with outside.app_context():
        db.create_all()
        stranger = authority.issue(
            intent="x",
            subject=order("x").subject,
            public_key_der=order("x").public_key_der,
            actor="intruder",
        )
        db.session.remove()
        db.engine.dispose()
    certificate = x509.load_der_x509_certificate(stranger.der)
    file = tmp_path / "met.cer"
    file.write_bytes(certificate.public_bytes(encoding))
    own = tmp_path / "own.pem"
    own.write_bytes(x509.load_der_x509_certificate(ledger[0].der).public_bytes(Encoding.PEM))
    assert rules(check([file, own])) == {(Rule.RECORDED, "file:met.cer")}


@both_databases
def test_a_row_that_nobody_recorded_is_named(
    ledger: list[IssuedCertificate], check: Check, authority: Authority
) -> None:
    """A good certificate, put into the ledger without an act."""
    with tampering() as connection:
        event = select(AuditEvent).where(AuditEvent.subject == row_of(ledger[0]))
        (row,) = connection.execute(event).all()
        statement = "UPDATE audit_event SET action = 'person.changed' WHERE seq = :seq"
        connection.execute(text(statement), {"seq": row.seq})
    assert rules(check()) >= {(Rule.HISTORY, row_of(ledger[0])), (Rule.AUDIT, f"event:{row.seq}")}


def newest() -> tuple[int, bytes]:
    number, stored = db.session.execute(
        select(Crl.number, Crl.der).order_by(Crl.number.desc()).limit(1)
    ).one()
    db.session.rollback()
    return number, stored


def sha_anew() -> None:
    """The hash in the list's row is that of its bytes, as a careful forger would leave it."""
    number, stored = newest()
    do(
        "UPDATE crl SET sha256 = :sha WHERE number = :n",
        sha=hashlib.sha256(stored).hexdigest(),
        n=number,
    )


LISTS = {
    "a bit of it": lambda: flip("crl", "der", "der IS NOT NULL"),
    "a bit of it, and the hash made to fit": lambda: (
        flip("crl", "der", "der IS NOT NULL", at=-3),
        sha_anew(),
    ),
    "its bytes gone": lambda: do("UPDATE crl SET der = NULL"),
    "the list gone": lambda: do("DELETE FROM crl"),
    "another number": lambda: do("UPDATE crl SET number = number + 1"),
    "another day": lambda: do("UPDATE crl SET next_update = '2050-01-01 00:00:00'"),
    "another shard": lambda: do("UPDATE crl SET shard = 5"),
    "another count": lambda: do("UPDATE crl SET entries = entries + 1"),
    "a forged event": lambda: do(
        "UPDATE audit_event SET subject = 'crl:99' WHERE action = 'crl.publish'"
    ),
}


@both_databases
@pytest.mark.parametrize("name", LISTS)
def test_a_planted_fault_of_a_list_is_named(
    name: str, ledger: list[IssuedCertificate], check: Check
) -> None:
    """Whatever was done to the newest list or its row."""
    LISTS[name]()
    assert Rule.CRL in {finding.rule for finding in check()}


@both_databases
@pytest.mark.parametrize(
    "change",
    [
        "revoked_at = '2026-03-01 00:00:00'",
        "revocation_reason = 'superseded'",
        "invalid_since = '2026-03-01 00:00:00'",
    ],
)
def test_another_date_or_reason_of_a_revocation_is_named(
    change: str, ledger: list[IssuedCertificate], check: Check
) -> None:
    """By the list that was published before, and by the record."""
    do(f"UPDATE certificate SET {change} WHERE id = :id", id=ledger[4].id)
    number, _ = newest()
    assert rules(check()) == {(Rule.CRL, f"crl:{number}"), (Rule.HISTORY, row_of(ledger[4]))}


@both_databases
def test_what_happened_after_the_newest_list_is_no_fault_of_it(
    authority: Authority, ledger: list[IssuedCertificate], check: Check, clock: StandingClock
) -> None:
    """Held before it and released since; held after it; held, released and revoked."""
    authority.suspend(ledger[0].serial, "clerk")
    authority.suspend(ledger[1].serial, "clerk")
    authority.publish_crl()
    authority.release(ledger[0].serial, "clerk")
    authority.revoke(ledger[1].serial, RevocationReason.KEY_COMPROMISE, "clerk", at=clock.now())
    authority.suspend(ledger[2].serial, "clerk")
    assert check() == []
    clock.move(timedelta(hours=13))
    assert authority.refresh_crl()
    assert check() == []


@both_databases
def test_a_published_file_that_is_not_the_newest_list_is_named(
    authority: Authority, ledger: list[IssuedCertificate], check: Check, published: Path
) -> None:
    """An old file put back would hide a revocation from everybody who reads it."""
    authority.publish_crl()
    file = published / "pki" / "issuing.crl"
    before = file.read_bytes()
    authority.publish_crl()
    assert check() == []
    file.write_bytes(before)
    assert rules(check()) == {(Rule.CRL, f"crl:{newest()[0]}")}


@both_databases
def test_numbers_of_lists_that_were_never_signed_are_no_fault(
    ledger: list[IssuedCertificate], check: Check, clock: StandingClock
) -> None:
    """The HSM went away between number and signature."""
    with transaction():
        crl_ledger.draw([None], clock.now(), timedelta(hours=1))
    assert check() == []


# OCSP answers, made here by cryptography's own builder, which knows nothing of ours.


@pytest.fixture
def answered(
    authority: Authority, ledger: list[IssuedCertificate], clock: StandingClock
) -> list[IssuedCertificate]:
    """Stored answers about one good and both revoked certificates."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer = x509.load_der_x509_certificate(
        authority.issue(
            intent="ocsp-signer",
            subject=facts(common_name="OCSP", units=(), email=None),
            public_key_der=key.public_key().public_bytes(
                Encoding.DER, PublicFormat.SubjectPublicKeyInfo
            ),
            profile="ocsp-signer",
            actor="system",
        ).der
    )
    for certificate in (ledger[0], ledger[4], ledger[5]):
        store_answer(authority, certificate, key, signer, clock.now())
    return [ledger[0], ledger[4], ledger[5]]


def store_answer(
    authority: Authority,
    certificate: IssuedCertificate,
    key: ec.EllipticCurvePrivateKey,
    signer: x509.Certificate,
    at: datetime,
) -> None:
    row = db.session.get_one(Certificate, certificate.id)
    db.session.refresh(row)
    is_good = row.revoked_at is None
    at = at.replace(microsecond=0)
    reasons = {
        "key_compromise": x509.ReasonFlags.key_compromise,
        "superseded": x509.ReasonFlags.superseded,
    }
    made = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=x509.load_der_x509_certificate(certificate.der),
            issuer=authority.certificate,
            algorithm=hashes.SHA1(),
            cert_status=ocsp.OCSPCertStatus.GOOD if is_good else ocsp.OCSPCertStatus.REVOKED,
            this_update=at,
            next_update=at + timedelta(hours=1),
            revocation_time=row.revoked_at,
            revocation_reason=None if is_good else reasons[row.revocation_reason or ""],
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, signer)
        .certificates([signer])
        .sign(key, hashes.SHA256())
    )
    answers = der.children(der.children(made.tbs_response_bytes)[2][1])
    with transaction():
        db.session.add(
            OcspAnswer(
                certificate_id=row.id,
                cert_id=der.children(answers[0][1])[0][1],
                der=made.public_bytes(Encoding.DER),
                this_update=at,
                next_update=at + timedelta(hours=1),
            )
        )


ANSWERS = {
    "a bit of it": lambda id: flip("ocsp_answer", "der", "certificate_id = :id", at=200, id=id),
    "a bit of its signature": lambda id: flip_signature(id),
    "about somebody else": lambda id: do(
        "UPDATE ocsp_answer SET der = (SELECT other.der FROM ocsp_answer AS other "
        "WHERE other.certificate_id <> :id LIMIT 1) WHERE certificate_id = :id",
        id=id,
    ),
    "another end": lambda id: do(
        "UPDATE ocsp_answer SET next_update = '2050-01-01 00:00:00' WHERE certificate_id = :id",
        id=id,
    ),
    "another question": lambda id: flip(
        "ocsp_answer", "cert_id", "certificate_id = :id", at=-1, id=id
    ),
}


def flip_signature(certificate_id: int) -> None:
    (stored,) = db.session.scalars(
        select(OcspAnswer.der).where(OcspAnswer.certificate_id == certificate_id)
    )
    at = stored.index(ocsp.load_der_ocsp_response(stored).signature) + 40
    flip("ocsp_answer", "der", "certificate_id = :id", at=at, id=certificate_id)


@both_databases
@pytest.mark.parametrize("name", ANSWERS)
def test_a_planted_fault_of_an_answer_is_named(
    name: str, answered: list[IssuedCertificate], check: Check
) -> None:
    """And a sound one is not."""
    assert check() == []
    ANSWERS[name](answered[1].id)
    assert rules(check()) == {(Rule.OCSP, f"ocsp:{answered[1].serial_hex}")}


@both_databases
def test_an_answer_from_before_the_revocation_is_named(
    answered: list[IssuedCertificate], authority: Authority, check: Check
) -> None:
    """Whoever keeps "good" and stores it again."""
    kept = db.session.execute(
        select(OcspAnswer.__table__).where(OcspAnswer.certificate_id == answered[0].id)
    ).one()
    authority.revoke(answered[0].serial, RevocationReason.SUPERSEDED, "clerk")
    assert check() == []
    with transaction():
        db.session.execute(insert(OcspAnswer), [dict(kept._mapping)])
    assert rules(check()) == {(Rule.OCSP, f"ocsp:{answered[0].serial_hex}")}


def test_an_answer_signed_by_a_stranger_is_named(
    authority: Authority, ledger: list[IssuedCertificate], clock: StandingClock, check: Check
) -> None:
    """A certificate for itself, not for OCSP: whoever holds its key answers for nobody."""
    key = ec.generate_private_key(ec.SECP256R1())
    person = authority.issue(
        intent="signing-key-99",
        subject=order("x").subject,
        public_key_der=key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        ),
        actor="system",
    )
    signer = x509.load_der_x509_certificate(person.der)
    store_answer(authority, ledger[0], key, signer, clock.now())
    assert rules(check()) == {(Rule.OCSP, f"ocsp:{ledger[0].serial_hex}")}
