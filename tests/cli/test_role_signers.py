"""OCSP signer and TSA: the ledger's certificates, made once, renewed before they run out."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from flask import Flask
from sqlalchemy import func, select

from signer.ca import Certificate, RevocationReason
from signer.ca.authority import CertificateStatus
from signer.ca.outputs import Output
from signer.ca.pkilinter import pkilint_findings
from signer.cli.ceremony import EMBEDDED, Outcome, hold_ceremony, read_ceremony
from signer.db import db
from signer.errors import ConfigError, Conflict
from signer.pkcs11 import private_key_of
from signer.role_signers import ensure_role_signers, renew_role_signers
from signer.services import Services
from signer.worker import start_thread
from tests.ca.factory import openssl
from tests.cli.conftest import Typed
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import City
from tests.waiting import until


def certificate(services: Services, role: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((services.settings.pki / f"{role}.pem").read_bytes())


def in_ledger() -> int:
    count = db.session.scalar(select(func.count()).select_from(Certificate)) or 0
    db.session.rollback()
    return count


@both_databases
def test_role_signers_stand_in_the_ledger(services: Services, role_signers: list[Path]) -> None:
    """Of the HSM's keys, for their purposes, accepted by openssl and pkilint."""
    assert [file.name for file in role_signers] == ["ocsp.pem", "tsa.pem"]
    pki = services.settings.pki
    for role, label, purpose in (
        ("ocsp", services.settings.ocsp_key_label, "ocsphelper"),
        ("tsa", services.settings.tsa_key_label, "timestampsign"),
    ):
        made = certificate(services, role)
        assert services.authority.certificate_of(made.serial_number).profile == f"{role}-signer"
        assert private_key_of(services.hsm, label).public_key() == made.public_key()
        assert pkilint_findings(made.public_bytes(Encoding.DER)) == ()
        verified = openssl(
            *("verify", "-x509_strict", "-purpose", purpose, "-CAfile", pki / "root.pem"),
            *("-attime", int(services.clock.now().timestamp())),
            *("-untrusted", pki / "issuing.pem", pki / f"{role}.pem"),
        )
        assert verified.returncode == 0, verified.stderr


def test_a_second_time_changes_nothing(services: Services, role_signers: list[Path]) -> None:
    before = [file.read_bytes() for file in role_signers]
    assert ensure_role_signers(services) == []
    assert renew_role_signers(services) == []
    assert [file.read_bytes() for file in role_signers] == before
    assert in_ledger() == 2


def test_they_are_renewed_with_a_third_of_their_life_left(
    services: Services, clock: StandingClock, role_signers: list[Path]
) -> None:
    """The OCSP signer's year is over first; key and name stay, and the old one is not revoked."""
    old = certificate(services, "ocsp")
    clock.move(timedelta(days=240))
    assert renew_role_signers(services) == []
    clock.move(timedelta(days=10))
    assert renew_role_signers(services) == [services.settings.pki / "ocsp.pem"]
    new = certificate(services, "ocsp")
    assert new.serial_number != old.serial_number
    assert (new.public_key(), new.subject) == (old.public_key(), old.subject)
    assert new.not_valid_after_utc > old.not_valid_after_utc
    assert renew_role_signers(services) == []
    assert in_ledger() == 3


def test_a_worker_renews_them(
    app: Flask, services: Services, clock: StandingClock, role_signers: list[Path]
) -> None:
    """Nobody has to think of it."""
    old = certificate(services, "ocsp").serial_number
    clock.move(timedelta(days=250))
    end = start_thread(app)
    until(lambda: certificate(services, "ocsp").serial_number != old)
    end()


def test_a_renewal_that_was_cut_is_finished_not_repeated(
    services: Services, clock: StandingClock, role_signers: list[Path]
) -> None:
    """The certificate was issued, the file was not yet written: no second one is issued."""
    old = (services.settings.pki / "ocsp.pem").read_bytes()
    clock.move(timedelta(days=250))
    renew_role_signers(services)
    new = (services.settings.pki / "ocsp.pem").read_bytes()
    Output(services.settings.pki / "ocsp.pem").settle(old)
    assert len(renew_role_signers(services)) == 1
    assert (services.settings.pki / "ocsp.pem").read_bytes() == new
    assert in_ledger() == 3


def test_lost_files_are_written_again(services: Services, role_signers: list[Path]) -> None:
    before = [file.read_bytes() for file in role_signers]
    for file in role_signers:
        file.unlink()
    assert renew_role_signers(services) == []  # a worker makes nothing that never was
    assert ensure_role_signers(services) == role_signers
    assert [file.read_bytes() for file in role_signers] == before


def test_a_key_whose_certificate_was_revoked_gets_no_other(
    services: Services, role_signers: list[Path]
) -> None:
    serial = certificate(services, "tsa").serial_number
    services.authority.revoke(serial, RevocationReason.KEY_COMPROMISE, "system")
    with pytest.raises(Conflict, match="thu hồi"):
        ensure_role_signers(services)
    assert renew_role_signers(services) == []  # a worker's round goes on


def test_a_new_label_is_a_new_key_and_certificate(
    services: Services, role_signers: list[Path]
) -> None:
    """How a key that was exposed is replaced: another label in the settings, then set-up."""
    old = certificate(services, "tsa")
    settings = replace(services.settings, tsa_key_label="tsa-signer-2")
    assert [f.name for f in ensure_role_signers(replace(services, settings=settings))] == [
        "tsa.pem"
    ]
    assert certificate(services, "tsa").public_key() != old.public_key()


def test_a_ceremony_certifies_them_in_the_service(services: Services) -> None:
    """With the ledger at hand the steps that waited are done, entered, and done only once."""
    ceremony = read_ceremony(EMBEDDED, services.settings)
    at = services.clock.now()
    held = hold_ceremony(services.settings, at, ceremony=ceremony, rooms=lambda: services)
    outcomes = {one.step.output: one.outcome for one in held.done}
    assert outcomes["ocsp.pem"] is outcomes["tsa.pem"] is Outcome.MADE
    transcript = (services.settings.pki / "ceremony.transcript.txt").read_text()
    assert f"{certificate(services, 'ocsp').serial_number:x}" in transcript
    again = hold_ceremony(services.settings, at, ceremony=ceremony, rooms=lambda: services)
    assert (again.made, again.transcript) == ([], None)


def test_a_renewal_is_no_news_for_the_transcript(services: Services, clock: StandingClock) -> None:
    """The ledger and the record tell of it; the ceremony's paper was signed long ago."""
    ceremony = read_ceremony(EMBEDDED, services.settings)
    hold_ceremony(services.settings, clock.now(), ceremony=ceremony, rooms=lambda: services)
    clock.move(timedelta(days=250))
    renew_role_signers(services)
    held = hold_ceremony(services.settings, clock.now(), ceremony=ceremony, rooms=lambda: services)
    assert (
        held.transcript is None or "ocsp.pem" not in held.transcript.read_text().split("Đã tạo")[-1]
    )


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("Máy trả lời OCSP nội bộ", "Máy khác", "tên chủ thể"),
        (
            "algorithm: p256}\n    common_name: Máy",
            "algorithm: p384}\n    common_name: Máy",
            "khóa",
        ),
    ],
)
def test_a_role_with_other_facts_stops_the_ceremony(
    services: Services, role_signers: list[Path], old: str, new: str, word: str
) -> None:
    file = services.settings.home / "ceremony.yaml"
    file.write_text(EMBEDDED.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    ceremony = read_ceremony(file, services.settings)
    with pytest.raises(ConfigError, match=word):
        hold_ceremony(
            services.settings, services.clock.now(), ceremony=ceremony, rooms=lambda: services
        )


def test_an_operator_revokes_what_is_nobodys(
    signer: Typed, services: Services, role_signers: list[Path], city: City
) -> None:
    """`signer ledger revoke` ends a role's certificate, not a person's."""
    role = x509.load_pem_x509_certificate(role_signers[0].read_bytes()).serial_number
    (person,) = city.certified(1)
    theirs = services.issuance.states_of([person.id])[person.id].serial_hex
    words = ("ledger", "revoke", "--reason", "key_compromise")
    signer(*words, f"{role:x}", answer="n\n", code=130)
    assert services.authority.status_of(role, services.clock.now()) is CertificateStatus.GOOD
    _, said = signer(*words, theirs, "--yes", code=1)
    assert "signer revoke" in said
    signer(*words, "no-serial", "--yes", code=64)
    signer(*words, f"{role:x}", "--yes")
    assert services.authority.status_of(role, services.clock.now()) is CertificateStatus.REVOKED
    signer(*words, f"{role:x}", "--yes", code=1)
