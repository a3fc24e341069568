"""What no page of ours sends is refused before a view or a database sees it."""

from flask import request
from werkzeug.exceptions import BadRequest, NotFound

LARGEST_ID = 2**31 - 1
"""Ids are 32-bit integers in PostgreSQL; a larger number in an address names nothing."""
_TAKE_FILES = ("dossiers.create", "roster.check", "scoring.set_score", "verify.verify")
_FORM_BYTES = 1024 * 1024
"""More than any form without a file; files would go to this machine's disk before a view runs."""


def check_address() -> None:
    """Raises for an address that names nothing; sets how much the body may have."""
    if request.endpoint not in _TAKE_FILES:
        request.max_content_length = _FORM_BYTES
    numbers = [value for value in (request.view_args or {}).values() if isinstance(value, int)]
    if any(number > LARGEST_ID for number in numbers):
        raise NotFound
    _refuse_nul(request.path)
    for _, text in request.args.items(multi=True):
        _refuse_nul(text)


def check_form() -> None:
    """Raises for a form with a NUL, which PostgreSQL does not store; reads the body."""
    for _, text in request.form.items(multi=True):
        _refuse_nul(text)


def _refuse_nul(text: str) -> None:
    if "\0" in text:
        raise BadRequest
