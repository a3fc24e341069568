"""`signer ledger check` on the whole house: keys and certificates, and what the command says."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import select

from signer.ca.invariants import RULES, Finding, Rule, one_instant
from signer.ca.models import Certificate
from signer.cli import Machine
from signer.cli import cli as commands
from signer.cli.ledger import check_ledger
from signer.db import db, transaction
from signer.issuance import keys
from signer.issuance.models import SigningKey
from signer.services import Services
from tests.databases import both_databases
from tests.factories import City
from tests.softhsm import token_away
from tests.tampering import do, flip

PIN = "2468-lotus"


@pytest.fixture
def people(services: Services, city: City) -> list[int]:
    """Key ids of five people: two ready, one active, one locked, one replaced since."""
    made = city.certified(5)
    for person in made[2:]:
        services.signing.activate(city.signer_of(person), PIN)
    found = [keys.find_current_key(person.id) for person in made]
    ids = [key.id for key in found if key is not None]
    with transaction():
        keys.mark_locked(ids[3])
        keys.mark_locked(ids[4])
    services.issuance.issuing.replace_key(made[4].id, "clerk")
    services.authority.publish_crl()
    return ids


def found_in(services: Services) -> list[Finding]:
    with one_instant():
        return list(check_ledger(services))


def rules(found: Sequence[Finding]) -> set[tuple[Rule, str]]:
    return {(finding.rule, finding.row) for finding in found}


@both_databases
def test_a_house_in_order_gives_no_finding(services: Services, people: list[int]) -> None:
    """Ready, active, locked, replaced: all as it should be."""
    assert found_in(services) == []


PLANTED: dict[str, tuple[Rule, int, Callable[[int], None]]] = {
    "a bit of a wrapped key": (
        Rule.WRAPPED,
        0,
        lambda key: flip("signing_key", "wrapped", "id = :id", id=key),
    ),
    "two people's wrapped keys exchanged": (
        Rule.WRAPPED,
        0,
        lambda key: do(
            "UPDATE signing_key SET wrapped = "
            "(SELECT other.wrapped FROM signing_key AS other WHERE other.id = :other) "
            "WHERE id = :id",
            id=key,
            other=key + 1,
        ),
    ),
    "a wrapped key gone": (
        Rule.WRAPPED,
        0,
        lambda key: do("UPDATE signing_key SET wrapped = NULL WHERE id = :id", id=key),
    ),
    "an envelope gone": (
        Rule.SEALED,
        2,
        lambda key: do("DELETE FROM key_envelope WHERE signing_key_id = :id", id=key),
    ),
    "a locked key's envelope gone": (
        Rule.SEALED,
        3,
        lambda key: do("DELETE FROM key_envelope WHERE signing_key_id = :id", id=key),
    ),
    "a copy beside the envelope": (
        Rule.SEALED,
        2,
        lambda key: do(
            "UPDATE signing_key SET wrapped = "
            "(SELECT other.wrapped FROM signing_key AS other WHERE other.state = 'ready' LIMIT 1) "
            "WHERE id = :id",
            id=key,
        ),
    ),
    "a key without its certificate": (
        Rule.KEY,
        2,
        lambda key: do("UPDATE signing_key SET certificate_id = NULL WHERE id = :id", id=key),
    ),
    "a certificate that is not there": (
        Rule.KEY,
        2,
        lambda key: do("UPDATE signing_key SET certificate_id = 999 WHERE id = :id", id=key),
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_of_a_key_is_named(
    name: str, services: Services, people: list[int]
) -> None:
    """By the rule that is meant for it, with the key's row."""
    rule, place, plant = PLANTED[name]
    plant(people[place])
    found = rules(found_in(services))
    assert (rule, f"key:{people[place]}") in found
    assert {found_rule for found_rule, _ in found} <= {rule, Rule.KEY}


@pytest.mark.parametrize("place", [0, 2, 4])
def test_a_certificate_without_its_key_is_named(
    place: int, services: Services, people: list[int]
) -> None:
    """Ready, active and replaced alike: the row of its key was dropped, or is of another key."""
    (serial,) = db.session.scalars(
        select(Certificate.serial_hex)
        .join(SigningKey, SigningKey.certificate_id == Certificate.id)
        .where(SigningKey.id == people[place])
    )
    do("DELETE FROM signing_key WHERE id = :id", id=people[place])
    assert rules(found_in(services)) == {(Rule.KEY, f"certificate:{serial}")}


@both_databases
def test_another_public_key_is_named(services: Services, people: list[int]) -> None:
    """A key whose public half is not its certificate's would make signatures nobody verifies."""
    flip("signing_key", "public_key_der", "id = :id", at=-1, id=people[2])
    assert {finding.rule for finding in found_in(services)} == {Rule.KEY}


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    """(exit code, output) of `signer` with these words, on this test's installation."""
    machine = Machine(
        create_app=lambda _settings: app,
        create_rooms=lambda _settings: app,
        create_validation=lambda _settings: app,
        work=lambda *_: None,
        start_worker=lambda _: lambda: None,
    )
    done = CliRunner().invoke(
        commands, list(arguments), obj=machine, standalone_mode=False, catch_exceptions=False
    )
    return done.return_value, done.output


@pytest.fixture
def home(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNER_HOME", str(services.settings.home))


@pytest.mark.usefixtures("home")
def test_the_command_shows_every_rule(app: Flask, services: Services, people: list[int]) -> None:
    """All well: a tick for each, 0, and the look itself is on record."""
    code, said = run(app, "ledger", "check")
    assert code == 0
    assert said.count("✓") == len(RULES)
    (event,) = services.audit.events(limit=1)
    assert (event.action, json.loads(event.details)) == (
        "ledger.checked",
        {"broken": [], "open": []},
    )
    assert run(app, "ledger", "check")[0] == 0  # and is no fault of its own


@pytest.mark.usefixtures("home")
def test_the_command_names_the_first_row_and_counts(app: Flask, people: list[int]) -> None:
    """One ✗ with the row and a sentence; 1."""
    flip("signing_key", "wrapped", "wrapped IS NOT NULL")
    code, said = run(app, "ledger", "check")
    assert code == 1
    assert (said.count("✓"), said.count("✗")) == (len(RULES) - 1, 1)
    assert f"key:{people[0]}: Khóa ký số {people[0]} không mở được trong HSM." in said
    assert "Có 3 chỗ như vậy" in said

    code, told = run(app, "ledger", "check", "--json")
    report = json.loads(told)
    (broken,) = [rule for rule in report["rules"] if rule["state"] != "sound"]
    assert (code, report["sound"], broken["rule"], broken["times"], broken["row"]) == (
        1,
        False,
        "wrapped-key",
        3,
        f"key:{people[0]}",
    )


@pytest.mark.usefixtures("home")
def test_the_command_works_while_the_hsm_is_away(
    app: Flask, services: Services, people: list[int], token_home: Path
) -> None:
    """It says what it could not look at, and 2; a breach beside it is found all the same."""
    with token_away(token_home, services.hsm):
        code, said = run(app, "ledger", "check")
        assert (code, said.count("?"), said.count("✗")) == (2, 1, 0)
        assert f"Chưa kiểm tra được khóa ký nào từ số {people[0]}" in said
        do("DELETE FROM key_envelope")
        code, said = run(app, "ledger", "check")
        assert (code, said.count("?"), said.count("✗")) == (1, 1, 1)


@pytest.mark.usefixtures("home")
def test_the_command_takes_certificates_met_elsewhere(
    app: Flask, people: list[int], services: Services
) -> None:
    """An auditor's file: the ledger's own certificates are known, the CA's own is passed over."""
    file = services.settings.pki / "issuing.pem"
    assert run(app, "ledger", "check", str(file))[0] == 0
