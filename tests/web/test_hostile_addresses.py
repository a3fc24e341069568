"""Addresses and texts that no link of ours holds: answered with a page, never with an error."""

import pytest
from flask import Flask

from signer.accounts import Role
from tests.databases import both_databases
from tests.factories import City
from tests.web.visitor import Visitor, pdf

_HUGE = 10**30


@both_databases
@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/dossiers/{_HUGE}", 404),
        (f"/dossiers/{2**31}", 404),
        (f"/documents/{_HUGE}/file", 404),
        (f"/documents/1/pages/{_HUGE}.png", 404),
        (f"/requests/{_HUGE}", 404),
        (f"/jobs/{_HUGE}", 404),
        (f"/roster/{_HUGE}", 404),
        (f"/requests?before={_HUGE}", 200),
        (f"/dossiers?before=-{_HUGE}", 200),
        ("/people?q=%00", 400),
        ("/people/%00", 400),
        ("/coverage?unit=%00", 400),
    ],
)
def test_numbers_and_texts_that_no_database_takes(
    app: Flask, city: City, path: str, status: int
) -> None:
    """Neither of the two databases is even asked."""
    visitor = Visitor(app).log_in(city.account("huong", Role.HR, None))
    assert visitor.get(path).status_code == status


@both_databases
def test_a_form_with_a_nul(app: Flask, city: City) -> None:
    """The public log-in too."""
    answer = Visitor(app).post("/login", {"name": "a\0b", "password": "sai"})
    assert answer.status_code == 400


def test_a_form_without_a_file_is_small(app: Flask, city: City) -> None:
    """Nobody fills our disk through the log-in; a place for files takes what the setting says."""
    large = b"%PDF-" + b"x" * 3_000_000
    assert Visitor(app).post("/login", {"name": pdf(large)}).status_code == 413
    assert Visitor(app).post("/verify", {"document": pdf(large)}).status_code != 413


@pytest.mark.parametrize("path", ["/outside/import", "/outside/status"])
def test_certificates_and_lists_of_more_than_a_form_s_size_are_looked_at(
    app: Flask, city: City, path: str
) -> None:
    """A revocation list has megabytes; what is wrong with the file is said on the page."""
    visitor = Visitor(app).log_in(city.account("huong", Role.HR, None))
    answer = visitor.post(path, {"file": pdf(b"?" * 1_500_000, "danh-sach.bin")})
    assert answer.status_code == 400
    assert "vượt quá dung lượng" not in answer.text
