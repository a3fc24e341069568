"""What is brought in moves the figures in the same commit, and out of them again."""

from datetime import timedelta
from pathlib import Path

from cryptography import x509

from signer.accounts import SYSTEM
from signer.outside.kinds import Carrier
from signer.outside.service import Tab
from signer.reports.coverage import Facet
from signer.services import Services
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import City
from tests.outside.bringing import brought, p7b
from tests.outside.fake_vgca import Generation, person_dn
from tests.outside.test_import import BA_DINH


def _figures(services: Services) -> tuple[int, int, dict[Carrier, int]]:
    found = services.reports.facets(SYSTEM)[Facet.ALL]
    return found.persons, found.covered, {c: n for c, n in found.carriers.items() if n}


@both_databases
def test_certificates_from_outside_cover_people(
    services: Services, city: City, g2: Generation, clock: StandingClock, tmp_path: Path
) -> None:
    """Two certificates of one person count once (R15); a proposal counts when it is confirmed; a
    revocation ends it, and what was true on earlier days stays."""
    sure, maybe, _ = city.people(3)
    leaves = [
        g2.sub.certify(person_dn(sure.full_name, sure.email, BA_DINH)),
        g2.sub.certify(person_dn(sure.full_name, sure.email, BA_DINH)),
        g2.sub.certify(person_dn(maybe.full_name, None, BA_DINH)),
    ]
    assert _figures(services) == (3, 0, {})
    brought(services, p7b(tmp_path, *leaves), carrier=Carrier.SIM)
    assert _figures(services) == (3, 1, {Carrier.SIM: 1})
    outside = services.outside
    outside.confirm(SYSTEM, [v.row.id for v in outside.page(SYSTEM, Tab.PROPOSED).items])
    assert _figures(services) == (3, 2, {Carrier.SIM: 2})

    clock.move(timedelta(days=2))
    g2.sub.revoked = {
        leaf.serial_number: (clock.now(), x509.ReasonFlags.cessation_of_operation)
        for leaf in leaves[1:]
    }
    outside.following.import_crl(SYSTEM, g2.sub.crl(clock.now()))
    assert _figures(services) == (3, 1, {Carrier.SIM: 1})
    yesterday = clock.today() - timedelta(days=1)
    assert services.reports.facets(SYSTEM, as_of=yesterday)[Facet.ALL].covered == 2
    assert services.reports.first_difference() is None
