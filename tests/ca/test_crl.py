"""Revocation lists: numbered, complete, readable by others, also when they are long."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from signer.ca import Authority, RevocationReason
from signer.ca.certificate import raw_subject, sign_tbs
from signer.ca.crl import REASON_NUMBERS, CrlEntries, crl_tbs
from signer.ca.schemes import scheme_for
from signer.errors import Unavailable
from signer.pkcs11 import Hsm
from tests.ca.factory import START, issued, order
from tests.ca.hierarchies import Hierarchy
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.softhsm import token_away


def test_a_crl_says_who_when_and_why(authority: Authority, clock: StandingClock) -> None:
    made = issued(authority.issue_many([order("key-1"), order("key-2")], "system"))
    authority.revoke(made[0].serial, RevocationReason.KEY_COMPROMISE, "system")
    clock.move(timedelta(days=1))
    authority.revoke(made[1].serial, RevocationReason.UNSPECIFIED, "system")
    crl = x509.load_der_x509_crl(authority.publish_crl())
    assert crl.is_signature_valid(authority.certificate.public_key())  # type: ignore[arg-type]
    assert crl.issuer == authority.certificate.subject
    assert len(crl) == 2
    first, second = (crl.get_revoked_certificate_by_serial_number(one.serial) for one in made)
    assert first is not None
    assert second is not None
    assert first.revocation_date_utc == START.replace(microsecond=0)
    reason = first.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.key_compromise
    assert len(second.extensions) == 0  # RFC 5280 section 5.3.1: unspecified is left out


@both_databases
def test_numbers_only_go_up(authority: Authority) -> None:
    numbers = [_number(authority.publish_crl()) for _ in range(3)]
    assert numbers == [1, 2, 3]


def test_a_number_whose_signing_failed_is_left_out(
    authority: Authority, token_home: Path, hsm: Hsm
) -> None:
    authority.publish_crl()
    with token_away(token_home, hsm):
        with pytest.raises(Unavailable):
            authority.publish_crl()
        assert _number(authority.current_crl_der()) == 1
    assert _number(authority.publish_crl()) == 3


def test_the_current_list_is_published_when_there_is_none_or_it_ran_out(
    authority: Authority, clock: StandingClock
) -> None:
    first = authority.current_crl_der()
    assert authority.current_crl_der() == first
    clock.move(timedelta(hours=25))
    assert _number(authority.current_crl_der()) == 2


def test_refreshing_publishes_for_a_revocation_and_at_half_time(
    authority: Authority, clock: StandingClock
) -> None:
    (made,) = issued(authority.issue_many([order("key-1")], "system"))
    assert authority.refresh_crl()
    assert not authority.refresh_crl()
    authority.revoke(made.serial, RevocationReason.SUPERSEDED, "system")
    assert authority.refresh_crl()
    assert not authority.refresh_crl()
    clock.move(timedelta(hours=13))
    assert authority.refresh_crl()


MOMENTS = st.datetimes(
    min_value=START.replace(year=1950, tzinfo=None), max_value=START.replace(year=2099, tzinfo=None)
).map(lambda at: f"{at:%Y-%m-%d %H:%M:%S}")
NUMBERED = [reason for reason, number in REASON_NUMBERS.items() if number]
USUAL = st.tuples(
    st.integers(1 << 158, (1 << 159) - 1),
    MOMENTS.filter(lambda at: at < "2050"),
    st.sampled_from(NUMBERED),
    st.just(""),
)
ANY = st.tuples(
    st.integers(1, (1 << 159) - 1),
    MOMENTS,
    st.sampled_from(RevocationReason),
    MOMENTS | st.just(""),
)


@given(lines=st.lists(st.tuples(USUAL, st.booleans()) | st.tuples(ANY, st.just(False)), max_size=8))
def test_any_list_reads_back_as_it_was_written(
    lines: list[tuple[tuple[int, str, RevocationReason, str], bool]],
) -> None:
    """cryptography reads what we encode by hand, line by line or many at a time."""
    texts = [
        f"{serial:x}{at}{REASON_NUMBERS[reason]:02}"
        if is_short
        else f"!{serial:x}|{at}|{reason.value}|{since}"
        for (serial, at, reason, since), is_short in lines
    ]
    entries = CrlEntries()
    entries.add(texts[:3])
    entries.add(texts[3:])
    assert entries.count == len(lines)
    read = [read_line(entry) for entry in signed(entries=entries.der)]
    assert sorted(read) == sorted(line for line, _ in lines)


@given(number=st.integers(1, 2**159 - 1), days=st.integers(1, 40 * 365))
def test_any_number_and_life_reads_back(number: int, days: int) -> None:
    crl = signed(number=number, next_update=START + timedelta(days=days))
    assert _number_of(crl) == number
    assert crl.next_update_utc == (START + timedelta(days=days)).replace(microsecond=0)
    assert crl.last_update_utc == START.replace(microsecond=0)
    assert len(crl) == 0


def signed(**changes: Any) -> x509.CertificateRevocationList:
    """A list by a key of its own, but for the changes, as cryptography reads it."""
    key = ec.generate_private_key(ec.SECP256R1())
    good: dict[str, Any] = {
        "signature_algorithm_der": scheme_for(key.public_key()).algorithm_der,
        "issuer_name_der": x509.Name.from_rfc4514_string("CN=CA").public_bytes(),
        "issuer_key_identifier": b"k" * 20,
        "number": 1,
        "this_update": START,
        "next_update": START + timedelta(days=1),
    }
    tbs = crl_tbs(**(good | changes))
    crl = x509.load_der_x509_crl(sign_tbs(key, tbs, key.public_key()))
    assert crl.is_signature_valid(key.public_key())
    return crl


def read_line(entry: x509.RevokedCertificate) -> tuple[int, str, RevocationReason, str]:
    """Serial, date, reason and date of invalidity."""
    reason, since = RevocationReason.UNSPECIFIED, ""
    for extension in entry.extensions:
        if isinstance(extension.value, x509.CRLReason):
            reason = RevocationReason(extension.value.reason.name)
        else:
            assert isinstance(extension.value, x509.InvalidityDate)
            since = f"{extension.value.invalidity_date_utc:%Y-%m-%d %H:%M:%S}"
        assert not extension.critical  # RFC 5280 section 5.3
    return entry.serial_number, f"{entry.revocation_date_utc:%Y-%m-%d %H:%M:%S}", reason, since


def test_the_issuers_name_is_copied_byte_for_byte(hierarchy: Hierarchy) -> None:
    assert raw_subject(hierarchy.issuing) == hierarchy.issuing.subject.public_bytes()


def _number(crl_der: bytes) -> int:
    return _number_of(x509.load_der_x509_crl(crl_der))


def _number_of(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
