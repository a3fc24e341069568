"""What goes wrong is written down; what people trusted us with is not."""

import pytest
import structlog
from flask import Flask
from sqlalchemy.exc import IntegrityError

from signer.accounts.models import RoleGrant
from signer.db import db, transaction


def test_a_traceback_in_the_log_shows_lines_and_no_values(
    app: Flask, capsys: pytest.CaptureFixture[str]
) -> None:
    """A frame of the HSM's holds its PIN."""

    def fail(secret: str) -> None:
        raise RuntimeError(f"fault of {len(secret)} letters")

    try:
        fail("2468" + "-lotus")
    except RuntimeError:
        structlog.get_logger("signer.worker").exception("a round of work failed")
    written = "".join(capsys.readouterr())
    assert "fault of 10 letters" in written
    assert "2468-lotus" not in written


def test_an_error_of_the_database_names_no_values(app: Flask) -> None:
    """It ends in the log with its statement; the values may be hashes, keys or ID numbers."""
    with pytest.raises(IntegrityError) as refused, transaction():
        db.session.add(RoleGrant(account_id=1, role="2468-lotus", scope_path=""))
        db.session.flush()
    assert "INSERT" in str(refused.value)
    assert "2468-lotus" not in str(refused.value)
