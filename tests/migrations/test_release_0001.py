"""A database of the first release, with rows in it, comes to the newest shape and back whole."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, MetaData, create_engine, insert, select, text
from sqlalchemy.exc import DBAPIError

from signer import migrations
from tests.databases import both_databases

pytestmark = both_databases

NOW = datetime(2026, 11, 1, 2, 3, 4, tzinfo=UTC)
CERTIFICATES = [
    {
        "id": number,
        "serial_hex": f"{number:x}f00",
        "intent": f"signing-key-{number}",
        "state": state,
        "profile": "personal-signature",
        "subject_cn": "Nguyễn Thị Ánh",
        "subject_email": "anh@hanoi.gov.vn",
        "spki_sha256": f"{number:064x}",
        "not_before": NOW,
        "not_after": NOW.replace(year=2031),
        "reserved_at": NOW,
        "issued_at": NOW if state in ("issued", "revoked") else None,
        "revoked_at": NOW if state == "revoked" else None,
        "revocation_reason": "superseded" if state == "revoked" else None,
    }
    for number, state in enumerate(("reserved", "issued", "revoked", "abandoned"), start=1)
]
ROWS: dict[str, list[dict[str, Any]]] = {
    "account": [
        {
            "id": 1,
            "name": "hr",
            "display_name": "Cán bộ đầu mối",
            "password_hash": "x",
            "must_change_password": False,
            "failed_attempts": 0,
            "created_at": NOW,
        }
    ],
    "org_unit": [
        {
            "id": 1,
            "code": "00004",
            "name": "Phường Hoàn Kiếm",
            "kind": "ward",
            "path": "0001.",
            "search_key": "phuong hoan kiem",
        }
    ],
    "certificate": CERTIFICATES,
    "certificate_bytes": [
        {"certificate_id": 1, "tbs_der": b"reserved", "certificate_der": None},
        {"certificate_id": 2, "tbs_der": b"issued", "certificate_der": b"issued, signed"},
        {"certificate_id": 3, "tbs_der": b"revoked", "certificate_der": b"revoked, signed"},
        {"certificate_id": 4, "tbs_der": b"abandoned", "certificate_der": None},
    ],
    "crl": [
        {"number": 1, "this_update": NOW, "next_update": NOW, "entries": 2, "der": b"a list"},
        {"number": 2, "this_update": NOW, "next_update": NOW, "entries": 2, "der": None},
    ],
    "certificate_request": [
        {
            "id": 1,
            "state": "pending",
            "reason": "Cấp lần đầu",
            "unit_id": 1,
            "unit_path": "0001.",
            "requester_id": 1,
            "requested_by": "Cán bộ đầu mối",
            "requested_at": NOW,
            "persons": 3,
        }
    ],
}


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A database of release 0001 with the rows above."""
    made = create_engine(database_url)
    migrations.upgrade(made, "0001")
    tables = reflected(made)
    with made.begin() as connection:
        for name, rows in ROWS.items():
            connection.execute(insert(tables[name]), rows)
    yield made
    made.dispose()


def reflected(engine: Engine) -> dict[str, Any]:
    metadata = MetaData()
    metadata.reflect(engine)
    return dict(metadata.tables)


def stored(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Every row of those tables, as it is now."""
    tables = reflected(engine)
    with engine.connect() as connection:
        return {
            name: [
                dict(row._mapping)
                for row in connection.execute(
                    select(tables[name]).order_by(*tables[name].primary_key)
                )
            ]
            for name in ROWS
        }


def test_rows_of_the_first_release_come_along(engine: Engine) -> None:
    """Nothing that was stored changes; what is new says what was true of old rows."""
    before = stored(engine)
    migrations.upgrade(engine)
    after = stored(engine)
    for name, rows in before.items():
        for old, new in zip(rows, after[name], strict=True):
            assert new | old == new, name
    assert {row["kind"] for row in after["certificate_request"]} == {"issue"}
    assert {(row["shard"], row["predecessor_id"]) for row in after["certificate"]} == {(None, None)}
    signed = hashlib.sha256(b"a list").hexdigest()
    assert [(row["shard"], row["sha256"]) for row in after["crl"]] == [(None, signed), (None, None)]


def test_and_back_again(engine: Engine) -> None:
    """The step taken back leaves the first release's rows as they were."""
    before = stored(engine)
    migrations.upgrade(engine)
    migrations.downgrade(engine, "0001")
    assert stored(engine) == before
    migrations.upgrade(engine)
    assert migrations.is_current(engine)


def test_what_was_suspended_meanwhile_stays_off(engine: Engine) -> None:
    """The first release knows no suspension: going back, it is a revocation, never good."""
    migrations.upgrade(engine)
    held = "UPDATE certificate SET state = 'suspended', revoked_at = issued_at WHERE id = 2"
    with engine.begin() as connection:
        connection.execute(text(held))
    migrations.downgrade(engine, "0001")
    states = {row["id"]: row["state"] for row in stored(engine)["certificate"]}
    assert states == {1: "reserved", 2: "revoked", 3: "revoked", 4: "abandoned"}


def test_two_entries_of_one_person_come_back_apart(engine: Engine) -> None:
    """The first release lets nobody share an address or a number, merged or not."""
    migrations.upgrade(engine)
    person = {
        "full_name": "Nguyễn Thị Ánh",
        "search_key": "nguyen thi anh",
        "sort_key": "anh",
        "unit_id": 1,
        "unit_path": "0001.",
        "state": "working",
        "state_since": NOW.date(),
        "email": "anh@hanoi.gov.vn",
        "id_number": "001185000001",
        "created_at": NOW,
        "updated_at": NOW,
    }
    with engine.begin() as connection:
        for number, merged in ((1, None), (2, 1)):
            own = {"id": number, "code": f"HN{number}", "merged_into_id": merged}
            connection.execute(insert(reflected(engine)["person"]), [person | own])
    migrations.downgrade(engine, "0001")
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT email, id_number FROM person ORDER BY id")).all()
    assert [tuple(row) for row in kept] == [(person["email"], person["id_number"]), (None, None)]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM certificate WHERE id = 1",
        "UPDATE certificate SET state = 'issued', revoked_at = NULL WHERE id = 3",
        "UPDATE certificate SET serial_hex = 'ff' WHERE id = 2",
        "DELETE FROM certificate_bytes WHERE certificate_id = 2",
        "UPDATE certificate_bytes SET tbs_der = certificate_der WHERE certificate_id = 2",
        "UPDATE certificate_bytes SET certificate_der = tbs_der WHERE certificate_id = 2",
        "DELETE FROM crl WHERE number = 1",
    ],
)
def test_old_rows_are_guarded_too(statement: str, engine: Engine) -> None:
    """The triggers of the new release stand before what the old one left."""
    migrations.upgrade(engine)
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(text(statement))
