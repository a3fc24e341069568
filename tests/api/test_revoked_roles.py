"""Who answers in the CA's name stops when the CA has ended the certificate that lets it.

Relying parties do not ask whether an OCSP signer is revoked (RFC 6960 section 4.2.2.2.1), so
nobody but ourselves can stop a responder whose key is in wrong hands.
"""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import ocsp

from signer.ca import RevocationReason
from signer.services import Services
from tests.api.conftest import Caller
from tests.api.test_validation import by_path, time_stamp_query
from tests.ca.asking import asked, issue
from tests.databases import both_databases
from tests.waiting import until

_SHOWS_WITHIN_SECONDS = 2.5


def _serial(services: Services, role: str) -> int:
    pem = (services.settings.pki / f"{role}.pem").read_bytes()
    return x509.load_pem_x509_certificate(pem).serial_number


@both_databases
@pytest.mark.parametrize(
    "reason", [RevocationReason.KEY_COMPROMISE, RevocationReason.CERTIFICATE_HOLD]
)
def test_a_revoked_ocsp_signer_answers_nobody(
    nobody: Caller, services: Services, role_signers: list[Path], reason: RevocationReason
) -> None:
    """Neither anew nor from what it remembers; once released it goes on."""
    serial = issue(services.authority).serial
    question = by_path(asked(services.authority.certificate, serial).dump())

    def said() -> ocsp.OCSPResponseStatus:
        return ocsp.load_der_ocsp_response(nobody.get(question).data).response_status

    assert said() is ocsp.OCSPResponseStatus.SUCCESSFUL
    services.authority.revoke(_serial(services, "ocsp"), reason, "test")
    until(lambda: said() is ocsp.OCSPResponseStatus.UNAUTHORIZED, _SHOWS_WITHIN_SECONDS)
    if reason is RevocationReason.CERTIFICATE_HOLD:
        services.authority.release(_serial(services, "ocsp"), "test")
        until(lambda: said() is ocsp.OCSPResponseStatus.SUCCESSFUL, _SHOWS_WITHIN_SECONDS)


@both_databases
def test_a_revoked_tsa_stamps_nothing(
    nobody: Caller, services: Services, role_signers: list[Path]
) -> None:
    query = time_stamp_query()
    assert nobody.post("/tsa", data=query).status_code == 200
    services.authority.revoke(_serial(services, "tsa"), RevocationReason.KEY_COMPROMISE, "test")
    until(lambda: nobody.post("/tsa", data=query).status_code == 503, _SHOWS_WITHIN_SECONDS)
