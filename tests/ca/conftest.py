"""An authority on a real token and a real SQLite ledger, with a clock the tests move."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask

from signer.audit import Audit
from signer.ca import Authority, Hierarchy, ProfileSet, SubjectFacts, build_hierarchy, load_profiles
from signer.clock import Clock
from signer.db import Base, db
from signer.errors import NotFound
from signer.pkcs11 import Hsm, generate_ca_key, private_key_of

START = datetime(2026, 3, 2, 3, 4, 5, 678901, tzinfo=UTC)


class MovableClock(Clock):
    """Stands still until a test moves it."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def move(self, by: timedelta) -> None:
        self.at += by


@dataclass(frozen=True, kw_only=True)
class Keys:
    root: object
    issuing: object


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture(scope="session")
def profiles() -> ProfileSet:
    return load_profiles()


@pytest.fixture(scope="session")
def ca_keys(root_hsm: Hsm, hsm: Hsm, profiles: ProfileSet) -> Keys:
    return Keys(
        root=key_on(root_hsm, "root-ca", profiles.root.key),
        issuing=key_on(hsm, "issuing-ca", profiles.issuing.key),
    )


@pytest.fixture(scope="session")
def hierarchy(ca_keys: Keys, profiles: ProfileSet) -> Hierarchy:
    return build_hierarchy(
        root_key=ca_keys.root,
        issuing_key=ca_keys.issuing,
        organisation="ỦY BAN NHÂN DÂN THÀNH PHỐ HÀ NỘI",
        base_url="http://ca.example",
        profiles=profiles,
        at=START - timedelta(days=1),
    )


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """A minimal application around one SQLite file, its context pushed."""
    flask = ledger_app(tmp_path / "ledger.sqlite3")
    with flask.app_context():
        Base.metadata.create_all(db.engine)
        yield flask
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def audit(clock: MovableClock) -> Audit:
    return Audit(clock)


@pytest.fixture
def authority(
    app: Flask,
    ca_keys: Keys,
    hierarchy: Hierarchy,
    profiles: ProfileSet,
    clock: MovableClock,
    audit: Audit,
) -> Authority:
    return Authority(
        key=ca_keys.issuing,
        certificate=hierarchy.issuing,
        chain=[hierarchy.root],
        profiles=profiles,
        clock=clock,
        audit=audit,
        base_url="http://ca.example",
    )


def key_on(hsm: Hsm, label: str, algorithm: str) -> object:
    try:
        return private_key_of(hsm, label)
    except NotFound:
        return generate_ca_key(hsm, label, algorithm)


def ledger_app(file: Path) -> Flask:
    flask = Flask("ledger")
    flask.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{file}"
    db.init_app(flask)
    return flask


def facts(**changes: object) -> SubjectFacts:
    """A good subject; a test spoils one field."""
    good: dict[str, object] = {
        "common_name": "Nguyễn Thị Ánh",
        "organisation": "ỦY BAN NHÂN DÂN THÀNH PHỐ HÀ NỘI",
        "units": ("Ủy ban nhân dân phường Hoàn Kiếm", "Phòng Văn hóa - Xã hội"),
        "locality": "Hà Nội",
        "email": "anh.nt@hoankiem.hanoi.gov.vn",
    }
    return SubjectFacts(**(good | changes))  # type: ignore[arg-type]  # names are the fields
