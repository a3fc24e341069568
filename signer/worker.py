"""Works off jobs: as a thread beside the embedded server, or as a process of its own."""

import threading
import time
from collections.abc import Callable

import structlog
from flask import Flask

from signer.accounts import SYSTEM
from signer.db import db
from signer.errors import Unavailable
from signer.role_signers import renew_role_signers
from signer.services import Services, services

IDLE_SECONDS = 1.0
CRL_SECONDS = 10.0
"""How soon at the latest a revocation is looked for and the list published anew."""
SWEEP_SECONDS = 3600.0
"""How often the roster is compared with the certificates (R27: drafts the same day), and the
certificates of OCSP signer and TSA are looked at."""
AWAY_SECONDS = 3.0

_log = structlog.get_logger(__name__)


def work(app: Flask, stop: threading.Event, *, is_only_one: bool = False) -> None:
    """Runs until `stop`: finishes what a crash left, then whatever waits.

    While the HSM is away the queue waits; no fault of one round ends the worker. The only worker
    of an installation takes up what its killed predecessor held without waiting for the lease.
    """
    resumed = False
    crl_due = sweep_due = 0.0
    roster: object = None
    while not stop.is_set():
        pause = IDLE_SECONDS
        try:
            with app.app_context():
                rooms = services()
                if not resumed:
                    if is_only_one:
                        rooms.jobs.release_leases()
                    rooms.issuance.issuing.resume()
                    resumed = True
                if time.monotonic() >= crl_due:
                    rooms.authority.refresh_crl()
                    if (newest := _newest_roster(rooms)) != roster:
                        roster, sweep_due = newest, 0.0
                    crl_due = time.monotonic() + CRL_SECONDS
                if time.monotonic() >= sweep_due:
                    sweep_due = time.monotonic() + SWEEP_SECONDS  # its fault must not stop jobs
                    rooms.issuance.revoking.sweep()
                    renew_role_signers(rooms)
                rooms.jobs.run(rooms.job_handlers, stop=stop.is_set)
        except Unavailable as error:
            _log.warning("jobs wait", reason=error.sentence)
            pause = AWAY_SECONDS
        except Exception:  # noqa: BLE001  # the loop outlives any fault; the rows keep the work
            _log.exception("a round of work failed")
            pause = AWAY_SECONDS
        stop.wait(pause)


def _newest_roster(rooms: Services) -> object:
    """Changes when a roster was applied: leavers get their drafts within seconds (R27)."""
    return [(found.id, found.applied_at) for found in rooms.inventory.imports(SYSTEM, limit=1)]


def start_thread(app: Flask) -> Callable[[], None]:
    """A daemon thread works beside the server; call what is returned to stop and join it."""
    stop = threading.Event()
    thread = threading.Thread(
        target=work,
        args=(app, stop),
        kwargs={"is_only_one": True},
        name="signer-worker",
        daemon=True,
    )
    thread.start()

    def end() -> None:
        stop.set()
        thread.join()
        with app.app_context():
            db.engine.dispose()

    return end
