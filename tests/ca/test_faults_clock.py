"""The clock at the edges: of a certificate, of a list, of the CA itself; and a clock put back."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signer.audit import Audit
from signer.ca import Authority, RevocationReason
from signer.ca.authority import CertificateStatus
from signer.errors import Invalid
from tests.ca.checked import findings
from tests.ca.factory import issued, openssl, order
from tests.ca.hierarchies import Hierarchy
from tests.clocks import StandingClock

SECOND, INSTANT = timedelta(seconds=1), timedelta(microseconds=1)


@pytest.fixture(autouse=True)
def sound(authority: Authority, audit: Audit, clock: StandingClock, tmp_path: Path) -> object:
    """Whatever the clock did, the ledger is sound at the end."""
    yield
    assert findings(authority, audit, clock, tmp_path, patience=timedelta(days=99999)) == []


@pytest.mark.parametrize(
    ("edge", "away", "status"),
    [
        ("first", -INSTANT, CertificateStatus.NOT_YET),
        ("first", timedelta(), CertificateStatus.GOOD),
        ("last", SECOND - INSTANT, CertificateStatus.GOOD),
        ("last", SECOND, CertificateStatus.EXPIRED),
    ],
)
def test_both_ends_of_a_certificate(
    authority: Authority,
    hierarchy: Hierarchy,
    tmp_path: Path,
    edge: str,
    away: timedelta,
    status: CertificateStatus,
) -> None:
    """The first and the last second count (RFC 5280 section 4.1.2.5).

    openssl agrees but for the last second itself, which its X509_cmp_time takes for over.
    """
    (made,) = issued(authority.issue_many([order("key-1")], "system"))
    at = {"first": made.not_before, "last": made.not_after}[edge] + away
    assert authority.status_of(made.serial, at) is status
    for name, certificate in (
        ("root.pem", hierarchy.root),
        ("issuing.pem", hierarchy.issuing),
        ("own.pem", x509.load_der_x509_certificate(made.der)),
    ):
        (tmp_path / name).write_bytes(certificate.public_bytes(Encoding.PEM))
    said = openssl(
        *("verify", "-attime", int(at.timestamp()), "-CAfile", tmp_path / "root.pem"),
        *("-untrusted", tmp_path / "issuing.pem", tmp_path / "own.pem"),
    )
    is_in_time = made.not_before <= at < made.not_after
    assert (said.returncode == 0) == is_in_time, said.stderr


def ends(hierarchy: Hierarchy) -> tuple[datetime, datetime]:
    return hierarchy.issuing.not_valid_before_utc, hierarchy.issuing.not_valid_after_utc


def test_no_certificate_outlives_its_ca(
    authority: Authority, hierarchy: Hierarchy, clock: StandingClock
) -> None:
    """A second before the CA's last there is one of two seconds; in it and after it there is none,
    nor before its first."""
    first, last = ends(hierarchy)
    clock.at = last - SECOND
    (made,) = issued(authority.issue_many([order("key-1")], "system"))
    assert (made.not_before, made.not_after) == (last - SECOND, last)
    for at in (last, last + SECOND - INSTANT, last + SECOND, first - SECOND):
        clock.at = at
        (refused,) = authority.issue_many([order(f"key-{at}")], "system")
        assert isinstance(refused, Invalid), at
    clock.at = first
    (made,) = issued(authority.issue_many([order("key-2")], "system"))
    assert made.not_before == first


def test_a_list_is_replaced_when_its_time_is_over(
    authority: Authority, clock: StandingClock
) -> None:
    """An instant before nextUpdate the list stands; at nextUpdate there is another one."""
    first = authority.publish_crl()
    next_update = x509.load_der_x509_crl(first).next_update_utc
    assert next_update is not None
    clock.at = next_update - INSTANT
    assert authority.current_crl_der() == first
    clock.at = next_update
    second = x509.load_der_x509_crl(authority.current_crl_der())
    assert second.last_update_utc == next_update


def test_revoked_in_the_second_of_its_issue(authority: Authority, clock: StandingClock) -> None:
    """It was never good at any whole second that a list could name."""
    (made,) = issued(authority.issue_many([order("key-1")], "system"))
    authority.revoke(made.serial, RevocationReason.SUPERSEDED, "clerk")
    assert authority.status_of(made.serial, clock.now()) is CertificateStatus.REVOKED
    (line,) = x509.load_der_x509_crl(authority.publish_crl())
    assert line.revocation_date_utc == clock.now().replace(microsecond=0)


def test_revoked_after_its_end(authority: Authority, clock: StandingClock) -> None:
    """It goes on the list all the same: old signatures are judged by it."""
    (made,) = issued(authority.issue_many([order("key-1")], "system"))
    clock.at = made.not_after + SECOND
    authority.revoke(made.serial, RevocationReason.KEY_COMPROMISE, "clerk")
    assert len(x509.load_der_x509_crl(authority.publish_crl())) == 1
    assert authority.status_of(made.serial, clock.now()) is CertificateStatus.REVOKED


def test_a_clock_put_back(authority: Authority, clock: StandingClock) -> None:
    """Numbers rise and nothing is forgotten, though an hour comes twice."""
    one, two = issued(authority.issue_many([order("key-1"), order("key-2")], "system"))
    authority.revoke(one.serial, RevocationReason.SUPERSEDED, "clerk")
    before = x509.load_der_x509_crl(authority.publish_crl())
    clock.move(timedelta(hours=-1))
    authority.revoke(two.serial, RevocationReason.SUPERSEDED, "clerk")
    after = x509.load_der_x509_crl(authority.publish_crl())
    number = x509.CRLNumber
    assert (
        after.extensions.get_extension_for_class(number).value.crl_number
        > before.extensions.get_extension_for_class(number).value.crl_number
    )
    assert {line.serial_number for line in after} == {one.serial, two.serial}


@pytest.mark.parametrize("is_complete", [True, False])
def test_a_clock_that_was_ahead_keeps_no_revocation_off_a_list(
    authority: Authority, clock: StandingClock, is_complete: bool
) -> None:
    """The newest list was made "tomorrow"; what is revoked after that was put right is listed."""
    (made,) = issued(authority.issue_many([order("key-1")], "system"))
    shard = None if is_complete else made.serial % 128
    clock.move(timedelta(days=1))
    authority.publish_crl(shard=shard)
    clock.move(timedelta(days=-1))
    authority.revoke(made.serial, RevocationReason.KEY_COMPROMISE, "clerk")
    (line,) = x509.load_der_x509_crl(authority.current_crl_der(shard))
    assert line.serial_number == made.serial
