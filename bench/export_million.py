"""A list of a million people as CSV, through the page's own address: seconds, and the memory.

The floor is the same rows fetched and written by the csv module with nothing between them.
"""

import csv
import io
import time
from pathlib import Path
from typing import Any

from _million import city_of
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from signer.accounts import SYSTEM, Role
from signer.db import db
from signer.inventory.models import OrgUnit, Person
from signer.services import Services

WANTED_SECONDS = 60
_AT_ONCE = 10_000


def measure(persons: int = 1_000_000, *, postgresql: bool = False) -> dict[str, Any]:
    """Seconds until the last byte, and how much memory the process grew by meanwhile."""
    with city_of(persons=persons, certificates=10 * persons, postgresql=postgresql) as app:
        floor = _floor()
        visitor = _signed_in(app)
        first = _download(app, visitor, "/people.csv?q=ong")  # loads what is loaded once
        if first["lines"] < 2:
            raise RuntimeError("the bench's own visitor sees nobody")
        base = _peak_from_now_on()
        got = _download(app, visitor, "/people.csv")
        growth = _peak_bytes() - base
    return {
        "value": round(got["seconds"], 1),
        "unit": "s",
        "floor": round(floor, 1),
        "ratio": round(floor / got["seconds"], 2),
        "conditions": {
            "wanted": f"below {WANTED_SECONDS} s, at constant memory",
            "processor of this process, s": round(got["processor"], 1),
            "rows": got["lines"] - 1,
            "megabytes": round(got["bytes"] / 1e6),
            "first byte after, s": round(got["first"], 2),
            "memory grew by, MB": round(growth / 1e6, 1),
            "persons": persons,
            "database": "PostgreSQL" if postgresql else "SQLite",
        },
    }


def _signed_in(app: Flask) -> FlaskClient:
    rooms: Services = app.extensions["signer"]
    name = f"bench-{time.time_ns()}"
    made = rooms.accounts.create(SYSTEM, name=name, role=Role.HR, scope_path="", one_time=False)
    visitor = app.test_client()
    token = rooms.accounts.log_in(made.name, made.password, address="")
    visitor.set_cookie("signer_session", token)
    db.session.remove()
    return visitor


def _download(app: Flask, visitor: FlaskClient, address: str) -> dict[str, Any]:
    """As a server does: a context of its own, the answer taken piece by piece."""
    with app.app_context():
        begin, begun = time.perf_counter(), time.process_time()
        response = visitor.get(address)
        if response.status_code != 200:
            raise RuntimeError(f"{address} answers {response.status_code}")
        first, size, lines = 0.0, 0, 0
        for piece in response.iter_encoded():
            first = first or time.perf_counter() - begin
            size += len(piece)
            lines += piece.count(b"\n")
        response.close()
    return {
        "seconds": time.perf_counter() - begin,
        "processor": time.process_time() - begun,
        "first": first,
        "bytes": size,
        "lines": lines,
    }


def _floor() -> float:
    begin = time.perf_counter()
    statement = (
        select(
            Person.code, Person.full_name, OrgUnit.code, OrgUnit.name, Person.title, Person.email
        )
        .join(OrgUnit, OrgUnit.id == Person.unit_id)
        .execution_options(yield_per=_AT_ONCE)
    )
    text = io.StringIO()
    writer = csv.writer(text)
    for rows in db.session.execute(statement).partitions():
        writer.writerows(rows)
        text.seek(0)
        text.truncate()
    db.session.remove()
    return time.perf_counter() - begin


def _peak_from_now_on() -> int:
    """The peak of this process' memory counts anew; bytes it holds now (Linux, proc(5))."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status_bytes("VmRSS")


def _peak_bytes() -> int:
    return _status_bytes("VmHWM")


def _status_bytes(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {name}")
