"""One act on the whole application, until it kills itself at the named commit.

Run by test_killed.py: `python -m tests.issuance.killed_child PLAN`, a JSON file. The hash of
every TBS that the HSM signed is on the disk before anything else happens. An act that was not
killed prints how often it committed.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from signer.app import create_app
from signer.ca import issuing
from signer.config import Settings
from signer.services import Services
from signer.signing.geometry import Box
from tests.conftest import StandingClock
from tests.killing import KillPoint

PIN = "2468-lotus"
BOX = Box(x0=300, y0=120, x1=500, y1=180)


def issue(rooms: Services, plan: dict[str, Any]) -> None:
    """A worker's whole life: what is half-done, then what waits."""
    rooms.issuance.issuing.resume()
    rooms.jobs.run(rooms.job_handlers)


def replace(rooms: Services, plan: dict[str, Any]) -> None:
    """A locked key is replaced."""
    rooms.issuance.issuing.replace_key(plan["person_id"], "clerk")


def activate(rooms: Services, plan: dict[str, Any]) -> None:
    """A key is sealed under a PIN."""
    rooms.signing.activate(rooms.accounts.actor_of(plan["signer"]), PIN)


def sign(rooms: Services, plan: dict[str, Any]) -> None:
    """A document is signed."""
    rooms.dossiers.sign(
        rooms.accounts.actor_of(plan["signer"]),
        plan["document_id"],
        pin=PIN,
        page=1,
        box=BOX,
        shown_sha256=plan["shown_sha256"],
    )


ACTS: dict[str, Callable[[Services, dict[str, Any]], None]] = {
    act.__name__: act for act in (issue, replace, activate, sign)
}


def log_signatures(log: Path) -> None:
    """Whatever the CA signs from now on is in the log first."""
    really_sign = issuing.sign_tbs

    def sign_tbs(key: Any, tbs_der: bytes, public_key: Any) -> bytes:
        signed = really_sign(key, tbs_der, public_key)
        with log.open("a") as stream:
            stream.write(hashlib.sha256(tbs_der).hexdigest() + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        return signed

    issuing.sign_tbs = sign_tbs


def main() -> None:
    """Does the act of the plan."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    settings = Settings(
        home=Path(plan["home"]),
        database_url=plan["database"],
        token_pin_file=Path(plan["pin_file"]),
    )
    app = create_app(settings, StandingClock(datetime.fromisoformat(plan["at"])))
    log_signatures(Path(plan["log"]))
    point = KillPoint(plan["point"], plan["count"])
    point.watch_commits()
    with app.app_context():
        ACTS[plan["act"]](app.extensions["signer"], plan)
    print(point.seen["before commit"])


if __name__ == "__main__":
    main()
