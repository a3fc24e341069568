"""`signer restamp`: what is due is stamped there and then, and what was done is told."""

import json

import pytest

from signer.services import Services
from tests.cli.conftest import Typed


@pytest.mark.usefixtures("role_signers")
def test_nothing_due_is_said(signer: Typed, services: Services) -> None:
    """For a person and for a machine; an algorithm's end finds no archive either."""
    out, _ = signer("restamp")
    assert "Không có tài liệu nào cần đóng lại dấu thời gian" in out
    out, _ = signer("restamp", "--all", "--json")
    assert json.loads(out) == {"job": None, "done": 0, "failed": 0}
