"""Good things for tests of the authority; a test spoils one field."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask

from signer.ca import SubjectFacts
from signer.clock import Clock
from signer.db import db

BASE_URL = "http://ca.example"
START = datetime(2026, 3, 2, 3, 4, 5, 678901, tzinfo=UTC)


class MovableClock(Clock):
    """Stands still until a test moves it."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def move(self, by: timedelta) -> None:
        self.at += by


def ledger_app(file: Path) -> Flask:
    flask = Flask("ledger")
    flask.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{file}"
    db.init_app(flask)
    return flask


def facts(**changes: object) -> SubjectFacts:
    """A good subject, but for the changes."""
    good: dict[str, object] = {
        "common_name": "Nguyễn Thị Ánh",
        "organisation": "ỦY BAN NHÂN DÂN THÀNH PHỐ HÀ NỘI",
        "units": ("Ủy ban nhân dân phường Hoàn Kiếm", "Phòng Văn hóa - Xã hội"),
        "locality": "Hà Nội",
        "email": "anh.nt@hoankiem.hanoi.gov.vn",
    }
    return SubjectFacts(**(good | changes))  # type: ignore[arg-type]  # names are the fields
