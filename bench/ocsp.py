"""OCSP: the validation role against `openssl ocsp -multi 2`, the same ledger, client and run.

Ten thousand certificates whose answers are stored are asked about in random order. The client
shares the cores with the server.
"""

import tempfile
from pathlib import Path
from typing import Any

from _asking import (
    CERTIFICATES,
    CONNECTIONS,
    SECONDS,
    Rate,
    asked,
    check,
    fill,
    free_port,
    openssl_serving,
    require_wrk,
    serving,
)

ROUNDS = 3  # of ours and theirs in turn, so that both meet the same noise; the best of each counts


def measure() -> dict[str, Any]:
    """Answers per second by GET, and those of openssl; POST beside it."""
    require_wrk()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        requests = fill(home)
        port = free_port()
        with serving(port, "--role", "validation"):
            first = asked(home, port, "/ocsp/")  # the processes begin with an empty memory
            check(port, "/ocsp/", requests)
            rounds = [
                (
                    asked(home, port, "/ocsp/"),
                    asked(home, port, "/ocsp", "POST"),
                    _openssl(home),
                )
                for _ in range(ROUNDS)
            ]
    best = max((got for got, _, _ in rounds), key=lambda rate: rate.per_second)
    posted = max((post for _, post, _ in rounds), key=lambda rate: rate.per_second)
    floor = max(theirs.per_second for _, _, theirs in rounds)
    return {
        "name": "ocsp",
        "value": round(best.per_second),
        "unit": "answers/s",
        "floor": round(floor),
        "ratio": round(best.per_second / floor, 2),
        "conditions": {
            "path": "GET, two processes of signer serve --role validation, SQLite, SoftHSM",
            "floor": "openssl ocsp -multi 2, key in a file, an index of the same serials",
            "p99 ms": best.p99_ms,
            "POST": round(posted.per_second),
            "POST p99 ms": posted.p99_ms,
            "first, from the store": round(first.per_second),
            "first p99 ms": first.p99_ms,
            "certificates": CERTIFICATES,
            "client": f"wrk, 1 thread, {CONNECTIONS} connections, {SECONDS} s, same cores",
            "rounds": ROUNDS,
        },
    }


def _openssl(home: Path) -> Rate:
    port = free_port()
    with openssl_serving(home, port):
        return asked(home, port, "/")
