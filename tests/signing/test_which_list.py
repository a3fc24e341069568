"""Of several lists the newest one counts, also when they are of one second."""

from itertools import permutations

from cryptography import x509

from signer.ca import Authority, ProfileSet, load_profiles
from signer.ca.crl import RevocationReason
from signer.signing.revocation import Evidence, RevocationState, load_crl, revocation_of
from tests.ca.factory import START, issued, order
from tests.ca.listing import SHARDS, list_authority
from tests.clocks import StandingClock


def test_lists_of_one_second_are_ordered_by_their_numbers(app: object) -> None:
    """Numbers of all our lists rise in one sequence; what comes first in a file says nothing."""
    clock = StandingClock(START)
    profiles: ProfileSet = load_profiles()
    authority: Authority = list_authority(profiles, clock)
    (made,) = issued(authority.issue_many([order("key-1")], "system"))
    shard = made.serial % SHARDS
    lists = [authority.publish_crl()]
    authority.revoke(made.serial, RevocationReason.CERTIFICATE_HOLD, "hr")
    lists.append(authority.publish_crl(shard=shard))
    expected = [RevocationState.GOOD, RevocationState.SUSPENDED]
    authority.release(made.serial, "hr")
    lists.append(authority.publish_crl())
    expected.append(RevocationState.GOOD)
    for count, state in enumerate(expected, start=1):
        for chosen in permutations(lists[:count]):
            told = revocation_of(
                x509.load_der_x509_certificate(made.der),
                authority.certificate,
                [Evidence(crl=load_crl(der), proven_at=clock.now()) for der in chosen],
                clock.now(),
            )
            assert told.state is state, count
