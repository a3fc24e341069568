"""OCSP in the embedded server: one process with pages and worker, against the bare server.

The floor is the same server and client asking for one fixed file, /pki/root.cer: what granian and
Python give when nothing has to be found.
"""

import tempfile
from pathlib import Path
from typing import Any

from _asking import (
    CERTIFICATES,
    CONNECTIONS,
    SECONDS,
    asked,
    check,
    fill,
    free_port,
    require_wrk,
    serving,
)

ROUNDS = 3  # of path and floor in turn, so that both meet the same noise; the best of each counts


def measure() -> dict[str, Any]:
    """Answers per second through the embedded server, by GET and by POST."""
    require_wrk()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        requests = fill(home)
        port = free_port()
        with serving(port):
            first = asked(home, port, "/ocsp/")  # nothing is in the process's memory yet
            check(port, "/ocsp/", requests)
            rounds = [
                (
                    asked(home, port, "/ocsp/"),
                    asked(home, port, "/ocsp", "POST"),
                    asked(home, port, "/pki/root.cer?"),
                )
                for _ in range(ROUNDS)
            ]
    best = max((got for got, _, _ in rounds), key=lambda rate: rate.per_second)
    posted = max((post for _, post, _ in rounds), key=lambda rate: rate.per_second)
    floor = max(fixed.per_second for _, _, fixed in rounds)
    return {
        "name": "ocsp-embedded",
        "value": round(best.per_second),
        "unit": "answers/s",
        "floor": round(floor),
        "ratio": round(best.per_second / floor, 2),
        "conditions": {
            "path": "GET, one process of signer serve with its worker thread, SQLite, SoftHSM",
            "floor": "a fixed file of the same server",
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
