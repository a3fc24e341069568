"""An authority on a real token and a real SQLite ledger, with a clock the tests move."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask import Flask

from signer.audit import Audit
from signer.ca import Authority, ProfileSet, load_profiles
from signer.db import Base, db
from signer.pkcs11 import Hsm, ensure_ca_key
from tests.ca.factory import BASE_URL, START, authority_of, ledger_app
from tests.ca.hierarchies import Hierarchy, build_hierarchy
from tests.clocks import StandingClock


@dataclass(frozen=True, kw_only=True)
class Keys:
    root: object
    issuing: object


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock(START)


@pytest.fixture(scope="session")
def profiles() -> ProfileSet:
    return load_profiles()


@pytest.fixture(scope="session")
def ca_keys(root_hsm: Hsm, hsm: Hsm, profiles: ProfileSet) -> Keys:
    return Keys(
        root=ensure_ca_key(root_hsm, "ca-tests-root", "p384"),
        issuing=ensure_ca_key(hsm, "ca-tests-issuing", "p256"),
    )


@pytest.fixture(scope="session")
def hierarchy(ca_keys: Keys, profiles: ProfileSet) -> Hierarchy:
    return build_hierarchy(
        root_key=ca_keys.root,
        issuing_key=ca_keys.issuing,
        organisation="ỦY BAN NHÂN DÂN THÀNH PHỐ HÀ NỘI",
        base_url=BASE_URL,
        at=START - timedelta(days=1),
    )


@pytest.fixture
def app(database_url: str) -> Iterator[Flask]:
    """A minimal application around one empty ledger, its context pushed."""
    flask = ledger_app(database_url)
    with flask.app_context():
        Base.metadata.create_all(db.engine)
        yield flask
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def audit(clock: StandingClock) -> Audit:
    return Audit(clock)


@pytest.fixture
def authority(
    app: Flask,
    ca_keys: Keys,
    hierarchy: Hierarchy,
    profiles: ProfileSet,
    clock: StandingClock,
    audit: Audit,
) -> Authority:
    return authority_of(ca_keys.issuing, hierarchy, profiles, clock, audit)
