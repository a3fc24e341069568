"""What is said of a certificate, by whom, until when, and who reads it as we mean it."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from flask import Flask
from sqlalchemy import event, func, select

from signer.ca import Authority, ProfileSet, RevocationReason
from signer.ca import ocsp as our
from signer.ca.issuing import Issuing
from signer.ca.models import Certificate, CertificateState, OcspAnswer
from signer.ca.responder import OcspResponder
from signer.ca.roles import RoleFile, RoleKey, RoleSigner
from signer.db import db, release, transaction
from signer.errors import Unavailable
from signer.pkcs11 import Hsm, ensure_ca_key
from tests.ca.asking import (
    asked,
    issue,
    ocsp_signer,
)
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.softhsm import token_away

GOOD, REVOKED = ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED


@pytest.fixture
def clock() -> StandingClock:
    """Begins now: the second readers ask their own clock."""
    return StandingClock(datetime.now(UTC) - timedelta(minutes=1))


@pytest.fixture
def signer(authority: Authority, hsm: Hsm) -> RoleSigner:
    return ocsp_signer(authority, ensure_ca_key(hsm, "ocsp-tests-p256", "p256"))


class Desk:
    """A responder and the certificate that is asked about; every look at the ledger is new."""

    def __init__(
        self, authority: Authority, signer: RoleSigner, profiles: ProfileSet, clock: StandingClock
    ) -> None:
        self.authority = authority
        self.signer: RoleSigner | None = signer
        self.profiles, self.clock = profiles, clock
        self.responder = self.opened()

    def opened(self) -> OcspResponder:
        """As another process has it, or this one after a restart."""
        return OcspResponder(self.authority, lambda: self.signer, self.profiles, self.clock)

    def ask(self, *serials: int, **how: Any) -> our.Answer:
        """The answer of a process that has just looked what moved."""
        self.responder.watch._looked_at = float("-inf")
        answer = self.responder.answer(asked(self.authority.certificate, *serials, **how).dump())
        release()
        return answer

    def read(self, *serials: int, **how: Any) -> ocsp.OCSPResponse:
        return ocsp.load_der_ocsp_response(self.ask(*serials, **how).der)


@pytest.fixture
def desk(
    authority: Authority, signer: RoleSigner, profiles: ProfileSet, clock: StandingClock
) -> Desk:
    return Desk(authority, signer, profiles, clock)


def kept() -> int:
    release()
    return db.session.scalar(select(func.count()).select_from(OcspAnswer)) or 0


# What is said ----------------------------------------------------------------------------------

STATES = {
    "good": None,
    "revoked": RevocationReason.KEY_COMPROMISE,
    "suspended": RevocationReason.CERTIFICATE_HOLD,
}


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@pytest.mark.parametrize("state", STATES)
def test_the_answer_says_what_the_ledger_says(desk: Desk, state: str, algorithm: str) -> None:
    """Status, reason and times; `tests/test_second_readers.py` has others read it."""
    made = issue(desk.authority)
    reason = STATES[state]
    if reason is not None:
        desk.authority.revoke(made.serial, reason, "test")
    read = desk.read(made.serial, algorithm=algorithm)
    assert read.certificate_status is (GOOD if reason is None else REVOKED)
    assert read.revocation_reason == (None if reason is None else x509.ReasonFlags[reason.value])
    assert read.serial_number == made.serial
    assert read.hash_algorithm.name == algorithm
    assert read.this_update_utc == desk.clock.now().replace(microsecond=0)
    life = timedelta(seconds=desk.profiles.ocsp.answer_seconds)
    assert read.next_update_utc == read.this_update_utc + life


def test_the_responder_is_named_by_its_key_and_shows_its_certificate(desk: Desk) -> None:
    """RFC 5019 sections 2.2.1 and 2.2.3; its certificate says that nobody need check it."""
    read = desk.read(issue(desk.authority).serial)
    assert desk.signer is not None
    assert read.responder_name is None
    assert read.responder_key_hash == our.responder_id(desk.signer.certificate)[4:]
    assert read.certificates == [desk.signer.certificate]


def test_what_was_never_issued_is_unknown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A serial of nobody, one that is only reserved, one of another issuer; nothing is kept."""
    made = issue(desk.authority)
    assert desk.read(made.serial + 1).certificate_status is ocsp.OCSPCertStatus.UNKNOWN
    assert desk.read(0).certificate_status is ocsp.OCSPCertStatus.UNKNOWN
    assert desk.read(-5).certificate_status is ocsp.OCSPCertStatus.UNKNOWN
    foreign = asked(desk.authority.chain[-1], made.serial).dump()
    answer = desk.responder.answer(foreign)
    read = ocsp.load_der_ocsp_response(answer.der)
    assert read.certificate_status is ocsp.OCSPCertStatus.UNKNOWN
    assert not answer.is_cacheable

    def away(*_: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(Issuing, "_finish", away)  # dies between intent and signature
    with pytest.raises(Unavailable):
        issue(desk.authority, "signing-key-2")
    release()
    reserved = db.session.scalar(
        select(Certificate.serial_hex).where(Certificate.state == CertificateState.RESERVED)
    )
    assert reserved is not None
    assert desk.read(int(reserved, 16)).certificate_status is ocsp.OCSPCertStatus.UNKNOWN
    desk.responder.keep()
    assert kept() == 0


def test_an_abandoned_serial_is_revoked_as_on_the_crl(desk: Desk) -> None:
    """The HSM may have signed it, so nobody shall take it for unknown."""
    made = issue(desk.authority)
    with transaction():  # what `resume` does to a reservation it cannot sign any more
        row = db.session.execute(select(Certificate).where(Certificate.id == made.id)).scalar_one()
        values = {c.key: getattr(row, c.key) for c in Certificate.__table__.columns}
        values |= {"id": made.id + 1000, "serial_hex": "abcdef", "intent": "lost#1"}
        values |= {"state": CertificateState.ABANDONED.value, "issued_at": None}
        db.session.execute(Certificate.__table__.insert().values(**values))
    read = desk.read(0xABCDEF)
    assert read.certificate_status is REVOKED
    assert read.revocation_reason is None
    assert read.revocation_time_utc == row.reserved_at.replace(microsecond=0)


def test_several_are_answered_in_one(desk: Desk) -> None:
    """One SingleResponse for each CertID, in their order, signed for this caller only."""
    one, two = issue(desk.authority, "a"), issue(desk.authority, "b")
    desk.authority.revoke(two.serial, RevocationReason.SUPERSEDED, "test")
    answer = desk.ask(one.serial, two.serial, 77)
    said = [
        (single.serial_number, single.certificate_status)
        for single in ocsp.load_der_ocsp_response(answer.der).responses
    ]
    unknown = ocsp.OCSPCertStatus.UNKNOWN
    assert said == [(one.serial, GOOD), (two.serial, REVOKED), (77, unknown)]
    assert not answer.is_cacheable


@pytest.mark.parametrize("size", [1, 16, 32, 128])
def test_a_nonce_comes_back(desk: Desk, size: int) -> None:
    """RFC 9654 section 2.1; such an answer is signed each time and kept nowhere."""
    made = issue(desk.authority)
    nonce = bytes(range(size))
    answer = desk.ask(made.serial, nonce=nonce)
    read = ocsp.load_der_ocsp_response(answer.der)
    (extension,) = read.extensions
    assert extension.value.nonce == nonce
    assert ("Cache-Control", "no-store") in answer.headers
    desk.responder.keep()
    assert kept() == 0
    request = asked(desk.authority.certificate, made.serial, nonce=nonce).dump()
    assert desk.responder.remembered(request) is None


def test_failures_are_answers_too(desk: Desk) -> None:
    """RFC 6960 section 4.2.1 and RFC 5019 section 2.2.3: a status and nothing else."""
    status = ocsp.OCSPResponseStatus
    malformed = ocsp.load_der_ocsp_response(desk.responder.answer(b"junk").der)
    assert malformed.response_status is status.MALFORMED_REQUEST
    made = issue(desk.authority)
    desk.signer = None
    assert desk.read(made.serial).response_status is status.UNAUTHORIZED
    with transaction():
        db.session.execute(Certificate.__table__.update().values(revocation_reason="odd"))
        db.session.connection().exec_driver_sql("ALTER TABLE certificate RENAME TO lost")
    desk.signer = ocsp_signer_of(desk)
    assert desk.read(made.serial).response_status is status.TRY_LATER


def ocsp_signer_of(desk: Desk) -> RoleSigner:
    return RoleSigner(
        key=ec.generate_private_key(ec.SECP256R1()), certificate=desk.authority.certificate
    )


def test_a_signature_of_another_key_never_leaves(desk: Desk) -> None:
    """An HSM that signs with the wrong key is noticed here, not by relying parties."""
    made = issue(desk.authority)
    assert desk.signer is not None
    other = ec.generate_private_key(ec.SECP256R1())
    desk.signer = RoleSigner(key=other, certificate=desk.signer.certificate)
    assert desk.read(made.serial).response_status is ocsp.OCSPResponseStatus.INTERNAL_ERROR


# Kept and forgotten ----------------------------------------------------------------------------


@both_databases
def test_an_answer_is_signed_once_until_it_ages(desk: Desk) -> None:
    """Same bytes from memory and, after a restart, from the ledger; past half its life anew."""
    made = issue(desk.authority)
    first = desk.ask(made.serial)
    assert first.is_cacheable
    desk.clock.move(timedelta(minutes=5))
    assert desk.ask(made.serial).der == first.der
    assert desk.responder.wait_for_work(0)
    assert desk.responder.keep() == 1
    desk.responder = desk.opened()
    assert desk.ask(made.serial).der == first.der

    desk.clock.move(timedelta(seconds=desk.profiles.ocsp.answer_seconds / 2))
    assert desk.ask(made.serial).der == first.der  # nobody waits for the new one
    desk.responder.keep()
    second = desk.ask(made.serial)
    assert second.this_update is not None
    assert first.this_update is not None
    assert second.this_update > first.this_update
    assert desk.responder.keep() <= 1
    assert kept() == 1

    desk.clock.move(timedelta(seconds=desk.profiles.ocsp.answer_seconds))
    third = desk.ask(made.serial)
    assert third.this_update == desk.clock.now().replace(microsecond=0)


@both_databases
@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_every_change_shows_and_takes_the_stored_answer_along(desk: Desk, algorithm: str) -> None:
    """Suspended, released, revoked: each is said at the next look, from memory or the ledger."""
    made = issue(desk.authority)
    steps = [
        (lambda: None, GOOD, None),
        (lambda: desk.authority.suspend(made.serial, "test"), REVOKED, "certificate_hold"),
        (lambda: desk.authority.release(made.serial, "test"), GOOD, None),
        (
            lambda: desk.authority.revoke(made.serial, RevocationReason.KEY_COMPROMISE, "test"),
            REVOKED,
            "key_compromise",
        ),
    ]
    for change, status, reason in steps:
        change()
        assert kept() == 0
        for _ in range(2):
            read = desk.read(made.serial, algorithm=algorithm)
            assert read.certificate_status is status
            assert (read.revocation_reason and read.revocation_reason.name) == reason
            desk.responder.keep()
        assert kept() == 1
        desk.clock.move(timedelta(seconds=1))


def test_either_hash_has_its_own_answer(desk: Desk) -> None:
    """The CertID is repeated as it was asked, so SHA-1 and SHA-256 are kept side by side."""
    made = issue(desk.authority)
    by_hash = {name: desk.ask(made.serial, algorithm=name).der for name in ("sha1", "sha256")}
    desk.responder.keep()
    assert kept() == 2
    desk.responder = desk.opened()
    for name, answered in by_hash.items():
        assert desk.ask(made.serial, algorithm=name).der == answered


def test_another_process_learns_of_a_change_by_the_audit_chain(desk: Desk) -> None:
    """What it remembers, it does not say once its look at the chain is older than its trust."""
    made = issue(desk.authority)
    request = asked(desk.authority.certificate, made.serial).dump()
    desk.ask(made.serial)
    other = desk.opened()
    other.answer(request)
    assert other.remembered(request) is not None
    desk.authority.revoke(made.serial, RevocationReason.SUPERSEDED, "test")
    other.watch._looked_at -= 10  # time goes by
    assert other.remembered(request) is None
    read = ocsp.load_der_ocsp_response(other.answer(request).der)
    assert read.certificate_status is REVOKED
    remembered = other.remembered(request)
    assert remembered is not None
    assert ocsp.load_der_ocsp_response(remembered.der).certificate_status is REVOKED


def test_a_stored_answer_that_disagrees_is_not_repeated(desk: Desk) -> None:
    """However it came there: what is stored is held against the ledger before it is told."""
    made = issue(desk.authority)
    desk.ask(made.serial)
    desk.responder.keep()
    release()
    row = db.session.execute(select(OcspAnswer)).scalar_one()
    stale = {c.key: getattr(row, c.key) for c in OcspAnswer.__table__.columns}
    desk.authority.revoke(made.serial, RevocationReason.SUPERSEDED, "test")
    with transaction():
        db.session.execute(OcspAnswer.__table__.insert().values(**stale))
    desk.responder = desk.opened()
    assert desk.read(made.serial).certificate_status is REVOKED
    desk.responder.keep()
    release()
    der = db.session.scalar(select(OcspAnswer.der))
    assert der is not None
    assert ocsp.load_der_ocsp_response(der).certificate_status is REVOKED


def test_a_new_signer_signs_everything_anew(desk: Desk, hsm: Hsm, tmp_path: Path) -> None:
    """Once the certificate's file is another, nothing signed by the former one is repeated."""
    made = issue(desk.authority)
    file = tmp_path / "ocsp.pem"
    first = desk.signer
    assert first is not None
    file.write_bytes(first.certificate.public_bytes(Encoding.PEM))
    keys = [first.key]
    role = RoleFile(file, lambda public: next(k for k in keys if k.public_key() == public))
    desk.responder = OcspResponder(desk.authority, role, desk.profiles, desk.clock)
    assert desk.read(made.serial).certificates == [first.certificate]
    desk.responder.keep()
    second = ocsp_signer(desk.authority, ensure_ca_key(hsm, "ocsp-tests-2", "p256"), "role:ocsp-2")
    keys.append(second.key)
    file.with_suffix(".new").write_bytes(second.certificate.public_bytes(Encoding.PEM))
    file.with_suffix(".new").rename(file)
    read = desk.read(made.serial)
    assert read.certificates == [second.certificate]
    file.write_text("spoiled")  # half-written by somebody: the one known before goes on
    assert desk.read(made.serial, nonce=b"n").certificates == [second.certificate]


def test_threads_that_meet_at_a_new_file_get_one_signer(desk: Desk, tmp_path: Path) -> None:
    """Two objects for one file would each make the responder forget what the other signed."""
    file = tmp_path / "ocsp.pem"
    signer = desk.signer
    assert signer is not None
    file.write_bytes(signer.certificate.public_bytes(Encoding.PEM))
    together = threading.Barrier(2)

    def key_for(public_key: object) -> RoleKey:
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(0.2)  # a second reader, if one can be here, is met
        return signer.key

    role = RoleFile(file, key_for)
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(lambda _: role(), range(16)))
    assert got[0] is not None
    assert {id(one) for one in got} == {id(got[0])}


def test_no_answer_outlives_its_signer(desk: Desk) -> None:
    """Nobody could verify it; once the signer's certificate has run out there are no answers."""
    made = issue(desk.authority)
    assert desk.signer is not None
    ends = desk.signer.certificate.not_valid_after_utc
    desk.clock.at = ends - timedelta(minutes=10)
    assert desk.read(made.serial).next_update_utc == ends
    desk.clock.at = ends + timedelta(seconds=1)
    assert desk.read(made.serial).response_status is ocsp.OCSPResponseStatus.TRY_LATER


def test_memory_is_bounded(desk: Desk) -> None:
    """What nobody asked about for longest makes room; the ledger still has its answer."""
    desk.responder = OcspResponder(
        desk.authority, lambda: desk.signer, desk.profiles, desk.clock, remembered=3
    )
    made = [issue(desk.authority, f"key-{number}") for number in range(5)]
    for one in made[:3]:
        desk.ask(one.serial)
    desk.ask(made[0].serial)
    for one in made[3:]:
        desk.ask(one.serial)
    request = [asked(desk.authority.certificate, one.serial).dump() for one in made]
    found = [desk.responder.remembered(one) is not None for one in request]
    assert found == [True, False, False, True, True]


# While something is away -----------------------------------------------------------------------


@both_databases
def test_answers_go_on_while_the_hsm_is_away(
    desk: Desk, token_home: Path, hsm: Hsm, app: Flask
) -> None:
    """From memory, and from the ledger after a restart; what was never asked is put off (3)."""
    asked_before, never = issue(desk.authority, "a"), issue(desk.authority, "b")
    first = desk.ask(asked_before.serial)
    desk.responder.keep()
    with token_away(token_home, hsm):
        assert desk.ask(asked_before.serial).der == first.der
        desk.responder = desk.opened()
        assert desk.ask(asked_before.serial).der == first.der
        put_off = desk.read(never.serial)
        assert put_off.response_status is ocsp.OCSPResponseStatus.TRY_LATER
        desk.clock.move(timedelta(seconds=desk.profiles.ocsp.answer_seconds * 0.9))
        assert desk.ask(asked_before.serial).der == first.der
        with pytest.raises(Unavailable):
            desk.responder.keep()  # the ageing one cannot be signed anew
        desk.clock.move(timedelta(seconds=desk.profiles.ocsp.answer_seconds * 0.2))
        ended = desk.read(asked_before.serial)
        assert ended.response_status is ocsp.OCSPResponseStatus.TRY_LATER
    desk.responder._resting_until = float("-inf")
    assert desk.read(never.serial).certificate_status is GOOD


# Races -----------------------------------------------------------------------------------------


class Pausing:
    """A key that stops in the middle of a signature until it is told to go on."""

    def __init__(self, key: Any) -> None:
        self._key = key
        self.reached, self.go_on = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._key, name)

    def sign(self, data: bytes, algorithm: Any) -> bytes:
        signed = self._key.sign(data, algorithm)
        self.reached.set()
        assert self.go_on.wait(60)
        return bytes(signed)


@both_databases
@pytest.mark.parametrize("looked", ["before", "after"])
def test_a_revocation_while_the_answer_is_signed_leaves_no_stale_one(
    desk: Desk, app: Flask, looked: str
) -> None:
    """Whatever comes first, neither memory nor ledger says "good" of what is revoked."""
    made = issue(desk.authority)
    assert desk.signer is not None
    honest = desk.signer
    pausing = Pausing(honest.key)
    desk.signer = RoleSigner(key=pausing, certificate=honest.certificate)  # type: ignore[arg-type]  # signs as the key does
    request = asked(desk.authority.certificate, made.serial).dump()
    desk.responder.look()

    def in_context() -> None:
        with app.app_context():
            desk.responder.answer(request)

    asking = threading.Thread(target=in_context)
    asking.start()
    assert pausing.reached.wait(60)
    desk.authority.revoke(made.serial, RevocationReason.KEY_COMPROMISE, "test")
    if looked == "before":  # this process knows of it before the answer comes back
        desk.responder.watch._looked_at = float("-inf")
        desk.responder.look()
    pausing.go_on.set()
    asking.join()
    assert desk.responder.keep() == 0
    assert kept() == 0
    assert desk.read(made.serial).certificate_status is REVOKED
    desk.responder.watch._looked_at += 10**6
    remembered = desk.responder.remembered(request)
    assert remembered is not None
    assert ocsp.load_der_ocsp_response(remembered.der).certificate_status is REVOKED


@both_databases
def test_a_revocation_between_check_and_store_waits_and_wins(desk: Desk, app: Flask) -> None:
    """Storing holds the certificate's row; who revokes it finds the answer and takes it along."""
    made = issue(desk.authority)
    desk.ask(made.serial)
    revoking: list[threading.Thread] = []

    def revoke() -> None:
        with app.app_context():
            desk.authority.revoke(made.serial, RevocationReason.SUPERSEDED, "test")

    def before_insert(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith("INSERT INTO ocsp_answer") and not revoking:
            revoking.append(threading.Thread(target=revoke))
            revoking[0].start()
            revoking[0].join(0.3)  # it cannot end before the commit; then it does
            assert revoking[0].is_alive()

    event.listen(db.engine, "before_cursor_execute", before_insert)
    assert desk.responder.keep() == 1
    (thread,) = revoking
    thread.join()
    assert kept() == 0
    assert desk.read(made.serial).certificate_status is REVOKED


@both_databases
def test_storing_passes_over_what_is_being_changed(desk: Desk, app: Flask) -> None:
    """No answer waits for a lock that somebody holds while they revoke (PostgreSQL)."""
    made = issue(desk.authority)
    desk.ask(made.serial)
    if db.engine.dialect.name == "sqlite":  # one writer at a time: nothing to pass over
        assert desk.responder.keep() == 1
        return
    with db.engine.connect() as other:
        other.execute(
            select(Certificate.id).where(Certificate.id == made.id).with_for_update()
        ).all()
        assert desk.responder.keep() == 0
        other.rollback()
    assert kept() == 0


def test_two_processes_store_the_same_answer(desk: Desk) -> None:
    """The newer one stays, whoever is first."""
    made = issue(desk.authority)
    old = desk.opened()
    request = asked(desk.authority.certificate, made.serial).dump()
    old.answer(request)
    desk.clock.move(timedelta(seconds=2))
    newer = desk.ask(made.serial)
    assert desk.responder.keep() == 1
    old.keep()
    release()
    assert db.session.scalar(select(OcspAnswer.der)) == newer.der
