"""Lists of every kind and scheme before second readers: openssl, GnuTLS, pkilint, cryptography."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from flask import Flask

from signer.ca import Authority, ProfileSet, RevocationOrder, RevocationReason
from signer.ca.schemes import SCHEMES
from tests.ca.factory import issued, order
from tests.ca.listing import list_authority, ran, serials_of
from tests.clocks import StandingClock
from tests.pkilinting import crl_findings

KINDS = ("empty", "complete", "shard")


def revoke_for_every_reason(authority: Authority, clock: StandingClock) -> list[int]:
    """One certificate for each reason, suspension among them, and one exposed long ago."""
    reasons = [*RevocationReason, RevocationReason.KEY_COMPROMISE]
    made = issued(authority.issue_many([order(f"key-{i}") for i in range(len(reasons))], "system"))
    clock.move(timedelta(days=30))
    orders = [
        RevocationOrder(serial=one.serial, reason=reason)
        for one, reason in zip(made[:-1], reasons, strict=False)
    ]
    exposed = clock.now() - timedelta(days=3)
    last = RevocationOrder(serial=made[-1].serial, reason=reasons[-1], at=exposed)
    assert not any(authority.revoke_many([*orders, last], "system"))
    return [one.serial for one in made]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", KINDS)
def test_second_readers_accept_every_list(
    app: Flask, profiles: ProfileSet, clock: StandingClock, tmp_path: Path, kind: str, scheme: str
) -> None:
    """The table of issue 3: each list under each scheme before each reader."""
    clock.at = datetime.now(UTC) - timedelta(days=30)  # certtool knows no other time
    shards = 1 if kind == "shard" else 0
    authority = list_authority(profiles, clock, scheme=scheme, shards=shards)
    clock.move(timedelta(days=30) if kind == "empty" else timedelta())
    serials = [] if kind == "empty" else revoke_for_every_reason(authority, clock)
    der = authority.publish_crl(shard=0 if kind == "shard" else None)
    file, pem, ca = tmp_path / "list.crl", tmp_path / "list.pem", tmp_path / "ca.pem"
    file.write_bytes(der)
    ca.write_text(authority.issuing_pem())

    told = ran("openssl", "crl", "-inform", "DER", "-in", file, "-CAfile", ca, "-out", pem)
    assert "verify OK" in told.stderr
    told = ran("openssl", "crl", "-in", pem, "-noout", "-text")
    assert told.stdout.count("Serial Number:") == len(serials)
    assert ("Issuing Distribution Point: critical" in told.stdout) == (kind == "shard")

    told = ran("certtool", "--crl-info", "--infile", pem)
    assert told.returncode == 0, told.stderr
    assert told.stdout.count("Serial Number") == len(serials)
    told = ran("certtool", "--verify-crl", "--load-ca-certificate", ca, "--infile", pem)
    assert told.returncode == 0, told.stderr
    assert "Verification output: Verified." in told.stdout

    assert crl_findings(der) == []

    read = x509.load_der_x509_crl(der)
    assert read.is_signature_valid(authority.certificate.public_key())  # type: ignore[arg-type]
    assert serials_of(der) == set(serials)


def test_openssl_asks_the_shard_that_the_certificate_names(
    app: Flask, profiles: ProfileSet, clock: StandingClock, tmp_path: Path
) -> None:
    """Its own shard's list says good or revoked; another shard's says nothing about it."""
    authority = list_authority(profiles, clock, shards=2)
    made = issued(authority.issue_many([order(f"key-{i}") for i in range(40)], "system"))
    mine = [one for one in made if one.serial % 2 == 0]
    kept, revoked = mine[:2]
    authority.revoke(revoked.serial, RevocationReason.SUPERSEDED, "system")
    files = {
        "0.crl": authority.publish_crl(shard=0),
        "1.crl": authority.publish_crl(shard=1),
        "complete.crl": authority.publish_crl(),
        "root.pem": authority.root_pem().encode(),
        "issuing.pem": authority.issuing_pem().encode(),
        "kept": kept.der,
        "revoked": revoked.der,
    }
    for file, content in files.items():
        (tmp_path / file).write_bytes(content)
    at = int(clock.now().timestamp()) + 1
    for list_name, leaf, expected in (
        ("0.crl", "kept", ""),
        ("0.crl", "revoked", "certificate revoked"),
        ("1.crl", "kept", "different CRL scope"),
        ("complete.crl", "kept", ""),
        ("complete.crl", "revoked", "certificate revoked"),
    ):
        told = ran(
            *("openssl", "verify", "-extended_crl", "-attime", at, "-crl_check"),
            *("-CRLfile", tmp_path / list_name, "-CAfile", tmp_path / "root.pem"),
            *("-untrusted", tmp_path / "issuing.pem", tmp_path / leaf),
        )
        assert (told.returncode == 0) == (expected == ""), told.stderr
        assert expected in told.stderr
