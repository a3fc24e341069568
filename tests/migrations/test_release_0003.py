"""Keys sealed before there were envelopes per factor open with the same PIN, there and back."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, MetaData, create_engine, insert, select, text

from signer import migrations
from tests.databases import both_databases
from tests.migrations.test_release_0001 import ROWS as FIRST_ROWS

pytestmark = both_databases

NOW = datetime(2026, 11, 1, 2, 3, 4, tzinfo=UTC)
PERSON = {
    "full_name": "Nguyễn Thị Ánh",
    "search_key": "nguyen thi anh",
    "sort_key": "anh",
    "unit_id": 1,
    "unit_path": "0001.",
    "state": "working",
    "state_since": NOW.date(),
    "created_at": NOW,
    "updated_at": NOW,
}
KEYS = ((1, 5), (2, 0))
"""Number of person, item and key, and the tries it has left."""
ROWS: dict[str, list[dict[str, Any]]] = {
    "account": FIRST_ROWS["account"],
    "org_unit": FIRST_ROWS["org_unit"],
    "certificate_request": FIRST_ROWS["certificate_request"],
    "person": [PERSON | {"id": n, "code": f"HN{n}"} for n, _ in KEYS],
    "request_item": [
        {"id": n, "request_id": 1, "person_id": n, "state": "issued"} for n, _ in KEYS
    ],
    "signing_key": [
        {
            "id": n,
            "person_id": n,
            "request_item_id": n,
            "generation": 1,
            "state": "active" if left else "locked",
            "kek": "signer-kek",
            "public_key_der": b"spki",
            "created_at": NOW,
        }
        for n, left in KEYS
    ],
    "activation": [
        {
            "signing_key_id": n,
            "salt": b"salt%d" % n,
            "envelope": b"sealed%d" % n,
            "attempts_left": left,
            "activated_at": NOW,
        }
        for n, left in KEYS
    ],
}


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A database of release 0003 with the rows above."""
    made = create_engine(database_url)
    migrations.upgrade(made, "0003")
    with made.begin() as connection:
        for name, rows in ROWS.items():
            connection.execute(insert(_table(made, name)), rows)
    yield made
    made.dispose()


def _table(engine: Engine, name: str) -> Any:
    metadata = MetaData()
    metadata.reflect(engine)
    return metadata.tables[name]


def _rows(engine: Engine, name: str, *columns: str) -> list[tuple[Any, ...]]:
    table = _table(engine, name)
    with engine.connect() as connection:
        wanted = [table.c[column] for column in columns]
        return [tuple(row) for row in connection.execute(select(*wanted).order_by(wanted[0]))]


def test_envelopes_and_tries_come_along(engine: Engine) -> None:
    """A PIN envelope each, its tries in a row of their own; a locked key stays without tries."""
    migrations.upgrade(engine)
    sealed = _rows(engine, "key_envelope", "signing_key_id", "factor", "salt", "envelope")
    assert sealed == [(1, "pin", b"salt1", b"sealed1"), (2, "pin", b"salt2", b"sealed2")]
    assert _rows(engine, "key_guard", "signing_key_id", "attempts_left") == list(KEYS)
    assert _rows(engine, "activation", "id") == []


def test_and_go_back(engine: Engine) -> None:
    """With a passkey and a step that waits for its stamp, which 0003 does not know."""
    before = _rows(engine, "activation", "signing_key_id", "salt", "envelope", "attempts_left")
    migrations.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(
            insert(_table(engine, "key_envelope")),
            [
                {
                    "signing_key_id": 1,
                    "factor": "passkey",
                    "salt": b"other",
                    "envelope": b"other",
                    "credential_id": b"id",
                    "credential_public_key": b"key",
                    "sign_count": 0,
                    "created_at": NOW,
                }
            ],
        )
        connection.execute(text("UPDATE key_guard SET attempts_left = 3 WHERE signing_key_id = 1"))
    migrations.downgrade(engine, "0003")
    after = _rows(engine, "activation", "signing_key_id", "salt", "envelope", "attempts_left")
    assert after == [(*before[0][:3], 3), before[1]]
    migrations.upgrade(engine)
    assert migrations.is_current(engine)


def test_a_key_of_a_seal_bars_the_way_back(engine: Engine) -> None:
    """Release 0004 knows only people's keys: going back says so, and nothing is lost."""
    migrations.upgrade(engine)
    seal = {
        "id": 1,
        "unit_id": 1,
        "unit_path": "0001.",
        "keeper_id": 1,
        "state": "cancelled",
        "document_ref": "12/CV-UBND",
        "reason": "Con dấu của phường",
        "requester_id": 1,
        "requested_by": "Cán bộ đầu mối",
        "requested_at": NOW,
    }
    key = {"id": 9, "generation": 1, "state": "retired", "kek": "signer-kek", "seal_id": 1}
    with engine.begin() as connection:
        connection.execute(insert(_table(engine, "seal")), [seal])
        connection.execute(
            insert(_table(engine, "signing_key")),
            [key | {"public_key_der": b"spki", "created_at": NOW}],
        )
    with pytest.raises(RuntimeError, match="keys of seals"):
        migrations.downgrade(engine, "0004")
    assert migrations.is_current(engine)
