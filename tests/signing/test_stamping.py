"""What a signature is validated with in years to come: complete, fresh, and true."""

import asyncio
import hashlib
from datetime import datetime, timedelta

import pytest
from asn1crypto import cms
from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.x509 import ocsp
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathValidationError, RevokedError

from signer.ca.crl import RevocationReason
from signer.config import Settings
from signer.db import release
from signer.errors import Unavailable
from signer.issuance import keys
from signer.services import Services
from signer.signing.levels import Level, Material
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import City


@pytest.fixture
def serial(city: City, role_signers: object) -> int:
    """The serial of an official's certificate."""
    (person,) = city.certified(1)
    key = keys.find_current_key(person.id)
    assert key is not None
    release()
    return int(key.serial_hex, 16)


def _der(services: Services, serial: int) -> bytes:
    found = services.authority.certificate_of(serial).der
    release()
    return found


def _validate(
    material: Material, target: bytes, at: datetime, since: datetime, purpose: str | None = None
) -> None:
    """pyHanko's validator holds, offline, with an answer or list for every certificate."""
    certificates = [asn1_x509.Certificate.load(der) for der in material.certificates]
    (root,) = [one for one in certificates if one.issuer == one.subject]
    context = ValidationContext(
        trust_roots=[root],
        other_certs=certificates,
        crls=[asn1_crl.CertificateList.load(der) for der in material.crls],
        ocsps=[asn1_ocsp.OCSPResponse.load(der) for der in material.answers(since)],
        moment=at,
        allow_fetching=False,
        revocation_mode="require",
    )
    validator = CertificateValidator(asn1_x509.Certificate.load(target), validation_context=context)
    asyncio.run(
        validator.async_validate_usage(
            key_usage={"digital_signature"},
            extended_key_usage={purpose} if purpose else None,
        )
    )


def _tsa_der(token: bytes) -> bytes:
    """The certificate that the token's ESSCertIDv2 names."""
    signed = cms.ContentInfo.load(token, strict=True)["content"]
    (signer,) = signed["signer_infos"]
    wanted = signer["sid"].chosen["serial_number"].native
    (found,) = [c.chosen for c in signed["certificates"] if c.chosen.serial_number == wanted]
    return bytes(found.dump())


@both_databases
def test_the_material_is_all_that_a_validator_needs(
    services: Services, clock: StandingClock, serial: int
) -> None:
    """Signer and TSA up to the root, nothing fetched, every one with its answer or list."""
    der = _der(services, serial)
    material = services.stamping.material_of(der)
    token = services.stamping.stamper().token(hashlib.sha256(b"x").digest(), "sha256")
    at = clock.now()
    _validate(material, der, at, at)
    _validate(material, _tsa_der(token), at, at, "time_stamping")
    assert services.authority.root_der() in material.certificates
    assert len(material.certificates) == len(set(material.certificates)) == 5
    assert material is services.stamping.material_of(der)


def test_nothing_is_longer_than_was_said(services: Services, serial: int) -> None:
    """The gaps in the document are as long as was said before the key was touched."""
    material = services.stamping.material_of(_der(services, serial))
    for _ in range(30):  # the length of an ECDSA signature varies
        answers = [services.ocsp.fresh(serial), services.ocsp.fresh(_tsa_serial(services))]
        for answer, size in zip(answers, material.answer_sizes, strict=True):
            assert size - 80 < len(answer) <= size
    stamper = services.stamping.stamper()
    for name in ("sha256", "sha384", "sha512"):
        token = stamper.token(hashlib.new(name, b"x").digest(), name)
        assert stamper.token_bytes - 48 < len(token) <= stamper.token_bytes


def test_a_revocation_is_told_and_fits(
    services: Services, clock: StandingClock, serial: int
) -> None:
    """What was revoked after the material was kept: the answer says so, in the room for it."""
    der = _der(services, serial)
    material = services.stamping.material_of(der)
    since = clock.now()
    services.authority.revoke(
        serial, RevocationReason.KEY_COMPROMISE, "test", at=since - timedelta(days=1)
    )
    clock.move(timedelta(seconds=1))
    answer = ocsp.load_der_ocsp_response(material.answers(since)[0])
    assert answer.certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert len(material.answers(since)[0]) <= material.answer_sizes[0]
    with pytest.raises((RevokedError, PathValidationError)):
        _validate(material, der, clock.now(), since)


def test_an_answer_is_never_from_before_the_stamp(
    services: Services, clock: StandingClock, serial: int
) -> None:
    """One answer serves a second; the next second, and whoever stamps later, gets another."""
    material = services.stamping.material_of(_der(services, serial))
    first = material.answers(clock.now())
    clock.move(timedelta(milliseconds=900))
    assert material.answers(clock.now()) == first
    clock.move(timedelta(milliseconds=100))
    second = material.answers(clock.now())
    assert set(first).isdisjoint(second)
    for answer in map(ocsp.load_der_ocsp_response, second):
        assert answer.this_update_utc == clock.now()
        assert isinstance(answer.certificates[0], x509.Certificate)


def test_a_stamp_from_the_future_waits_for_our_clock(
    services: Services, clock: StandingClock, serial: int
) -> None:
    """An outside authority ahead by minutes would make every proof run backwards."""
    material = services.stamping.material_of(_der(services, serial))
    with pytest.raises(Unavailable, match="Đồng hồ"):
        material.answers(clock.now() + timedelta(minutes=2))


def test_material_follows_what_it_rests_on(
    services: Services, clock: StandingClock, serial: int
) -> None:
    """A renewed OCSP signer's certificate, or another list of the root, is in at once."""
    der = _der(services, serial)
    before = services.stamping.material_of(der)
    file = services.settings.pki / "root.crl"
    file.unlink()
    after = services.stamping.material_of(der)
    assert before.crls
    assert after.crls == ()
    assert before.certificates == after.certificates


def test_without_a_tsa_nothing_is_promised(services: Services, city: City) -> None:
    """Before set-up made the roles there is neither material nor room to be reserved."""
    (person,) = city.certified(1)
    key = keys.find_current_key(person.id)
    assert key is not None
    der = _der(services, int(key.serial_hex, 16))
    with pytest.raises(Unavailable):
        services.stamping.material_of(der)
    with pytest.raises(Unavailable):
        _ = services.stamping.stamper().token_bytes


def test_the_level_is_the_setting(services: Services) -> None:
    """B-LTA unless the city says otherwise, as these tests do."""
    assert services.stamping.level is Level(services.settings.signature_level)
    assert Settings(home=services.settings.home).signature_level == Level.B_LTA
    assert not services.stamping.is_outside


def _tsa_serial(services: Services) -> int:
    return services.timestamps.certificate().serial_number
