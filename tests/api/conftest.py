"""Callers of the API: each request in a context of its own, as from outside the process."""

import contextvars
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from signer.accounts import Role
from signer.db import release
from tests.factories import WARD, City


@dataclass
class Caller:
    """Somebody who calls the API, with or without a token."""

    app: Flask
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        """The answer to one request; nothing of the test's own context is seen by it."""
        headers = self.headers | options.pop("headers", {})
        address = path if path.startswith("/") else f"/api/v1/{path}"

        def send() -> TestResponse:
            client = self.app.test_client(use_cookies=False)
            answer = client.open(address, method=method, headers=headers, buffered=True, **options)
            answer.request.environ["wsgi.input"].close()  # the client's own copy of a large file
            return answer

        answer = contextvars.Context().run(send)
        release()  # what the test reads next is what the request has stored
        return answer

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self.call("POST", path, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.call("DELETE", path, **options)

    def log_in(self, name: str, password: str) -> "Caller":
        """The same caller with a token."""
        answer = self.post("sessions", json={"name": name, "password": password})
        assert answer.status_code == 201, answer.text
        return Caller(self.app, {"Authorization": f"Bearer {answer.json['token']}"})


@pytest.fixture
def nobody(app: Flask) -> Caller:
    """Somebody without an account."""
    return Caller(app)


@pytest.fixture
def as_role(nobody: Caller, city: City):
    """Logs somebody in who has the role over the unit; None is the whole city."""

    def log_in(role: Role, unit: str | None = WARD, name: str | None = None) -> Caller:
        return nobody.log_in(*city.account(name or f"api-{role}-{unit}".lower(), role, unit))

    return log_in
