"""`signer ledger check` knows the keys of bodies' seals as it knows those of people."""

from signer.ca.invariants import Rule
from signer.services import Services
from tests.databases import both_databases
from tests.factories import City
from tests.issuance.test_checking import found_in, rules
from tests.sealing import kept
from tests.tampering import do


@both_databases
def test_a_seal_without_its_key_is_found(services: Services, city: City) -> None:
    """In order after issuing, a PIN and a hand-over; a certificate alone is no seal."""
    first, second = city.people(2)
    keeper = city.signer_of(first)
    unit_id = kept(services, city, first)
    services.signing.activate_seal(keeper, unit_id, "1357-conDau")
    serial = services.signing.seal_state(keeper, unit_id).serial_hex
    kept(services, city, second)
    services.authority.publish_crl()
    assert found_in(services) == []
    do("DELETE FROM signing_key WHERE state = 'retired'")
    assert rules(found_in(services)) >= {(Rule.KEY, f"certificate:{serial}")}
