"""A person with a browser without scripts: logs in, opens pages, sends the forms shown."""

import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from signer.accounts import SYSTEM, Role
from signer.db import db, release, transaction
from signer.inventory.models import Person
from signer.services import Services
from tests.factories import WARD, City

PDFS = Path(__file__).parents[1] / "data" / "pdf"
PIN = "2468-lotus"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Visitor:
    """Keeps the cookies; answers are `TestResponse`s, not followed when they redirect.

    Each request gets an application context of its own, as in a server: the test's own context
    would hand one visitor's `g` on to the next.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self.client: FlaskClient = app.test_client()

    def log_in(self, account: tuple[str, str]) -> "Visitor":
        """The visitor is this account from now on."""
        name, password = account
        answer = self.post("/login", {"name": name, "password": password}, form_at="/login")
        assert answer.status_code == 302, answer.text
        return self

    def get(self, path: str, **query: object) -> TestResponse:
        """The page."""
        with self._app.app_context():
            return self.client.get(path, query_string=query or None, buffered=True)

    def post(
        self, path: str, fields: dict[str, Any], *, form_at: str | None = None
    ) -> TestResponse:
        """The answer to the form that the page at `form_at` (or at `path`) showed."""
        shown = self.get(form_at or path)
        found = _TOKEN.search(shown.text)
        assert found, f"no form at {form_at or path}: {shown.status_code}"
        with self._app.app_context():
            answer = self.client.post(
                path,
                data={"csrf_token": found[1], **fields},
                content_type="multipart/form-data",
                buffered=True,
            )
            answer.request.environ["wsgi.input"].close()  # the client's own copy of a large file
            return answer


def pdf(content: bytes, name: str = "van-ban.pdf") -> tuple[BytesIO, str]:
    """A file for a form."""
    return BytesIO(content), name


def hidden(page: str, name: str) -> str:
    """The value of the input of that name in the page."""
    found = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', page)
    assert found, f"no input {name}"
    return found[1]


def account_of(city: City, person: Person, role: Role = Role.SIGNER) -> tuple[str, str]:
    """Name and password of a new account that belongs to the person."""
    account = city.account(person.code.lower(), role, WARD)
    made = city.services.accounts.actor_of(account[0])
    assert made.account_id is not None
    city.services.inventory.link_account(SYSTEM, person.id, made.account_id)
    return account


def official_with(services: Services, city: City, files: Sequence[str]) -> tuple[str, str]:
    """The account of an official with an active key, for whom these documents wait: 1, 2, …"""
    (person,) = city.certified(1)
    account = account_of(city, person, Role.APPROVER)
    services.signing.activate(services.accounts.actor_of(account[0]), PIN)
    services.dossiers.create(
        city.actor("clerk", Role.HR),
        title="Quyết định thử nghiệm",
        unit_code=WARD,
        due_on=None,
        files=[(name, PDFS / name) for name in files],
        signers=[person.code],
    )
    release()
    return account


def set_person(person: Person, **values: object) -> None:
    """The person is as a roster import would have written it."""
    release()
    with transaction():
        row = db.session.get_one(Person, person.id)
        for name, value in values.items():
            setattr(row, name, value)
