"""The record: in the same transaction as the change, chained, append-only."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from signer.audit import Happening
from signer.db import db, transaction
from signer.errors import Conflict
from signer.services import Services
from tests.databases import both_databases


def _record(services: Services, count: int) -> None:
    with transaction():
        services.audit.record_many(
            "an",
            [
                Happening(action="thử", subject=f"person:{n}", details={"số": n, "tên": "Ánh"})
                for n in range(count)
            ],
        )


@both_databases
def test_an_unchanged_record_verifies(services: Services) -> None:
    """Across transactions, with Vietnamese in the details."""
    _record(services, 3)
    _record(services, 2)
    assert services.audit.verify() == 5


def test_an_event_needs_the_transaction_of_its_change(services: Services) -> None:
    """Otherwise the act could be stored without its record."""
    with pytest.raises(RuntimeError):
        services.audit.record("an", "thử", "person:1")


@both_databases
@pytest.mark.parametrize("act", ["UPDATE audit_event SET actor = 'x'", "DELETE FROM audit_event"])
def test_the_table_refuses_change(services: Services, act: str) -> None:
    """Even to whoever holds the application's own database connection."""
    _record(services, 1)
    with pytest.raises(DatabaseError), transaction():
        db.session.execute(text(act))
    assert services.audit.verify() == 1


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit_event SET actor = 'binh' WHERE seq = 2",
        "UPDATE audit_event SET details = '{}' WHERE seq = 2",
        "DELETE FROM audit_event WHERE seq = 2",
        "UPDATE audit_event SET seq = 9 WHERE seq = 2",
    ],
)
def test_tampering_below_the_application_is_found(services: Services, tampering: str) -> None:
    """Somebody with the file drops the triggers first; the chain still tells."""
    _record(services, 3)
    with transaction():
        for trigger in ("audit_event_no_update", "audit_event_no_delete"):
            db.session.execute(text(f"DROP TRIGGER {trigger}"))
        db.session.execute(text(tampering))
    with pytest.raises(Conflict) as found:
        services.audit.verify()
    assert "số 2" in str(found.value)
