"""One address that asks too often has to wait; the others do not."""

import dataclasses

import pytest
from flask import Flask

from signer.accounts import Role
from signer.app import create_app
from signer.config import Settings
from signer.limits import CHECKS, WRONG_PASSWORDS
from tests.factories import City
from tests.web.visitor import Visitor


def _guess(app: Flask, number: int, **environ: str) -> int:
    visitor = Visitor(app)
    visitor.client.environ_base |= environ
    return visitor.post("/login", {"name": f"ai-{number}", "password": "sai"}).status_code


@pytest.mark.parametrize("language", ["vi", "en"])
def test_wrong_passwords_from_one_address_are_few(app: Flask, city: City, language: str) -> None:
    """Under many names too; a page says so, and another address is not concerned."""
    for number in range(WRONG_PASSWORDS):
        assert _guess(app, number) == 403
    visitor = Visitor(app)
    visitor.get(f"/language/{language}")
    answer = visitor.post("/login", {"name": "ai", "password": "sai"})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    said = {"vi": "Bạn thao tác quá nhanh", "en": "Please wait"}[language]
    assert said in answer.text
    assert _guess(app, 1, REMOTE_ADDR="192.0.2.7") == 403


def test_an_office_behind_one_address_logs_in(app: Flask, city: City) -> None:
    """Right passwords are not counted."""
    account = city.account("huong", Role.HR)
    for _ in range(WRONG_PASSWORDS + 2):
        Visitor(app).log_in(account)


def test_the_public_check_is_limited(app: Flask, city: City) -> None:
    """Before the file is read."""
    visitor = Visitor(app)
    codes = [visitor.post("/verify", {}).status_code for _ in range(CHECKS + 1)]
    assert codes == [400] * CHECKS + [429]


@pytest.mark.parametrize(("proxies", "last"), [(0, 429), (1, 403)])
def test_a_forwarded_address_is_believed_only_from_our_own_proxy(
    settings: Settings, app: Flask, city: City, proxies: int, last: int
) -> None:
    """Else whoever writes the header has as many addresses as he likes."""
    behind = create_app(dataclasses.replace(settings, proxies=proxies))
    for number in range(WRONG_PASSWORDS):
        _guess(behind, number, HTTP_X_FORWARDED_FOR=f"192.0.2.{number}")
    assert _guess(behind, 99, HTTP_X_FORWARDED_FOR="192.0.2.99") == last
