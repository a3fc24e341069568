"""A key that was in wrong hands is never certified again (CA/Browser Forum BR 6.1.1.3)."""

from datetime import timedelta

import pytest

from signer.ca import Authority, IssueOrder, RevocationReason, ledger
from signer.ca.authority import CertificateStatus
from signer.ca.models import CertificateState
from signer.db import release
from signer.errors import Conflict
from tests.ca.factory import facts, issued, order, public_key_der
from tests.clocks import StandingClock
from tests.databases import both_databases

COMPROMISE = RevocationReason.KEY_COMPROMISE


def _again(key_der: bytes, intent: str) -> IssueOrder:
    return IssueOrder(intent=intent, subject=facts(), public_key_der=key_der)


@both_databases
def test_a_compromised_key_is_refused_and_its_neighbours_go_on(authority: Authority) -> None:
    key_der = public_key_der()
    (made,) = issued(authority.issue_many([_again(key_der, "key-1")], "system"))
    authority.revoke(made.serial, COMPROMISE, "clerk")
    refused, other = authority.issue_many([_again(key_der, "key-2"), order("key-3")], "system")
    assert isinstance(refused, Conflict)
    assert not isinstance(other, Conflict)
    assert authority.find_by_intent("key-2") is None


@pytest.mark.parametrize(
    "reason", [reason for reason in RevocationReason if reason is not COMPROMISE]
)
def test_any_other_end_leaves_the_key_good(authority: Authority, reason: RevocationReason) -> None:
    """A change of data gives the same key another certificate."""
    key_der = public_key_der()
    (made,) = issued(authority.issue_many([_again(key_der, "key-1")], "system"))
    authority.revoke(made.serial, reason, "clerk")
    issued(authority.issue_many([_again(key_der, "key-2")], "system"))


@both_databases
@pytest.mark.parametrize("is_resumed", [True, False])
def test_what_a_crash_left_is_not_signed_for_a_key_exposed_since(
    authority: Authority, clock: StandingClock, is_resumed: bool
) -> None:
    """The serial was reserved, then the key was exposed: nobody finishes it, the list has it."""
    key_der = public_key_der()
    (made,) = issued(authority.issue_many([_again(key_der, "key-1")], "system"))
    (left,) = authority._issuing._reserve([_again(key_der, "key-2")], {})
    release()
    authority.revoke(made.serial, COMPROMISE, "clerk")
    if is_resumed:
        authority.resume("system")
        row = ledger.row_of(int(left.serial_hex, 16))
        assert row is not None
        assert row.state == CertificateState.ABANDONED
        release()
    for _ in range(2):
        (refused,) = authority.issue_many([_again(key_der, "key-2")], "system")
        assert isinstance(refused, Conflict)
    serial = int(left.serial_hex, 16)
    clock.move(timedelta(seconds=1))
    assert authority.status_of(serial, clock.now()) is not CertificateStatus.GOOD
