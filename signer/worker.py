"""Works off jobs: as a thread beside the embedded server, or as a process of its own."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

import structlog
from flask import Flask

from signer.accounts import SYSTEM
from signer.db import db, release
from signer.dossiers.stamping import RESTAMP_JOB_KIND
from signer.errors import Unavailable
from signer.issuance.revoking import REVOKE_JOB_KIND
from signer.issuance.seals import SEAL_JOB_KIND
from signer.issuance.service import JOB_KIND
from signer.role_signers import renew_role_signers
from signer.services import Services, services

_NEED_THE_HSM = frozenset({JOB_KIND, SEAL_JOB_KIND})
IDLE_SECONDS = 1.0
CRL_SECONDS = 10.0
"""How soon at the latest a revocation is looked for and the list published anew, also in the
middle of a long job; and how soon an order is taken up that another process left half-way."""
LEFT_ALONE = timedelta(seconds=30)
"""An order as old as this is not being carried out by the process that took it."""
SWEEP_SECONDS = 3600.0
"""How often the roster is compared with the certificates (R27: drafts the same day), and the
certificates of OCSP signer and TSA are looked at."""
AWAY_SECONDS = 3.0
STAMP_SECONDS = 3.0
"""How often it is looked whether documents wait for a time stamp."""

_log = structlog.get_logger(__name__)


def work(app: Flask, stop: threading.Event, *, is_only_one: bool = False) -> None:
    """Runs until `stop`: finishes what a crash left, then whatever waits.

    While the HSM is away the queue waits, but for what needs no HSM; no fault of one duty ends
    the worker or keeps it from the others. The only worker of an installation takes up what its
    killed predecessor held without waiting for the lease.
    """
    duties = _Duties(app, stop, is_only_one=is_only_one)
    while not stop.is_set():
        pause = IDLE_SECONDS
        for duty in (
            duties.change_units,
            duties.begin_day,
            duties.end_certificates,
            duties.store,
            duties.stamp,
            duties.compare_roster,
            duties.publish,
            duties.issue,
        ):
            try:
                with app.app_context():
                    duty(services())
            except Unavailable as error:
                _log.warning("jobs wait", reason=error.sentence)
                pause = AWAY_SECONDS
            except Exception:  # noqa: BLE001  # the loop outlives any fault; the rows keep the work
                _log.exception("a round of work failed")
                pause = AWAY_SECONDS
        stop.wait(0.0 if duties.is_interrupted else pause)
    for thread in (duties.recount, *duties.stamping):
        if thread is not None:
            thread.join()


class _Duties:
    """What a worker does in each round, and when it is due; the first six need no HSM."""

    def __init__(self, app: Flask, stop: threading.Event, *, is_only_one: bool) -> None:
        self._app = app
        self._stop = stop
        self._frees_leases = is_only_one
        self._resumed = False
        self._orders_due = self._sweep_due = self._lists_due = self._roles_due = 0.0
        self._roster: object = None
        self._day: date | None = None
        self._renewal_day: date | None = None
        self.recount: threading.Thread | None = None
        """The newest of the nightly ones."""
        self.stamping: list[threading.Thread] = []
        """Those that get time stamps for documents."""
        self._stamps_due = 0.0
        self.is_interrupted = False
        """A job was left in the middle, because lists are due."""

    def change_units(self, rooms: Services) -> None:
        """Units planned to change are changed on their day."""
        rooms.inventory.structure.carry_due()

    def begin_day(self, rooms: Services) -> None:
        """Whoever stands elsewhere since midnight is listed there; a night ends in a recount."""
        rooms.reports.bring_to_today()
        day_before, self._day = self._day, rooms.clock.today()
        if day_before is not None and self._day > day_before:  # it takes minutes in a large city
            self.recount = threading.Thread(
                target=compare_figures, args=(self._app, self._stop), name="signer-recount"
            )
            self.recount.start()

    def end_certificates(self, rooms: Services) -> None:
        """Orders that another process left half-way are carried out, and those given as jobs."""
        if self._frees_leases:
            rooms.jobs.release_leases()
            self._frees_leases = False
        if time.monotonic() >= self._orders_due:
            rooms.issuance.revoking.resume(given_before=LEFT_ALONE)
            rooms.issuance.seals.resume()
            self._orders_due = time.monotonic() + CRL_SECONDS
        orders = {REVOKE_JOB_KIND: rooms.job_handlers[REVOKE_JOB_KIND]}
        rooms.jobs.run(orders, stop=self._stop.is_set)

    def store(self, rooms: Services) -> None:
        """Jobs that need no HSM go on, such as a roster's, for their half of the time."""
        self.is_interrupted = False
        others = rooms.job_handlers.keys() - {*_NEED_THE_HSM, REVOKE_JOB_KIND, RESTAMP_JOB_KIND}
        self.is_interrupted = self._run(rooms, others)

    def _run(self, rooms: Services, kinds: Iterable[str]) -> bool:
        """True when jobs of these kinds were left in the middle, because lists are due soon."""
        until = time.monotonic() + CRL_SECONDS / 2
        rooms.jobs.run(
            {kind: rooms.job_handlers[kind] for kind in kinds},
            stop=lambda: self._stop.is_set() or time.monotonic() >= until,
        )
        return time.monotonic() >= until

    def stamp(self, rooms: Services) -> None:
        """Stamps come beside the other duties: an outside TSA takes minutes (R36)."""
        if any(one.is_alive() for one in self.stamping) or time.monotonic() < self._stamps_due:
            return
        self._stamps_due = time.monotonic() + STAMP_SECONDS
        if self._renewal_day != (today := rooms.clock.today()):
            rooms.document_stamps.renew()
            self._renewal_day = today
        at_once = rooms.settings.tsa_at_once if rooms.stamping.is_outside else 1
        shares = rooms.document_stamps.shares(at_once)
        self.stamping = [
            threading.Thread(
                target=stamp_documents, args=(self._app, self._stop, share), name="signer-stamping"
            )
            for share in shares
        ]
        for thread in self.stamping:
            thread.start()

    def compare_roster(self, rooms: Services) -> None:
        """The roster is compared with the certificates, at once when another one was applied."""
        if (newest := _newest_roster(rooms)) != self._roster:
            self._roster, self._sweep_due = newest, 0.0
        if time.monotonic() >= self._sweep_due:
            self._sweep_due = time.monotonic() + SWEEP_SECONDS
            rooms.issuance.revoking.sweep()
            rooms.inventory.duplicates.find()
            rooms.outside.following.sweep()

    def publish(self, rooms: Services) -> None:
        """Lists are what they must be."""
        if time.monotonic() >= self._lists_due:
            rooms.authority.refresh_crl()
            self._lists_due = time.monotonic() + CRL_SECONDS

    def issue(self, rooms: Services) -> None:
        """What a crash left is signed, roles are renewed, jobs go on until lists are due again."""
        if not self._resumed:
            rooms.issuance.issuing.resume()
            self._resumed = True
        if time.monotonic() >= self._roles_due:
            self._roles_due = time.monotonic() + SWEEP_SECONDS  # its fault must not stop jobs
            renew_role_signers(rooms)
        self.is_interrupted |= self._run(rooms, _NEED_THE_HSM)


def _newest_roster(rooms: Services) -> object:
    """Changes when a roster was applied or units changed: drafts come within seconds (R27)."""
    imports = [(found.id, found.state) for found in rooms.inventory.rosters.recent(SYSTEM, limit=5)]
    return imports, rooms.inventory.structure.newest()


def compare_figures(app: Flask, stop: threading.Event) -> None:
    """It is on record whether the kept figures of coverage are what the rows say; not at `stop`."""

    def go_on(_persons: int) -> None:
        if stop.is_set():
            raise InterruptedError

    try:
        with app.app_context():
            rooms = services()
            found = rooms.reports.first_difference(go_on)
            release()
            told = found and found.to_json()
            rooms.audit.alone("system", "coverage.compared", "coverage", difference=told)
        if found is not None:
            _log.error("the figures of coverage are not what the rows say", **found.to_json())
    except InterruptedError:
        pass
    except Exception:  # noqa: BLE001  # the next night tries again
        _log.exception("the nightly recount failed")


def stamp_documents(app: Flask, stop: threading.Event, documents: Sequence[int]) -> None:
    """These documents have their time stamps, and what a job stamps again; not at `stop`."""
    try:
        with app.app_context():
            rooms = services()
            for document_id in documents:
                if stop.is_set() or not rooms.document_stamps.stamp(document_id):
                    return
            handlers = {RESTAMP_JOB_KIND: rooms.job_handlers[RESTAMP_JOB_KIND]}
            rooms.jobs.run(handlers, stop=stop.is_set)
    except Unavailable as error:
        _log.warning("stamps wait", reason=error.sentence)
    except Exception:  # noqa: BLE001  # the next round tries again
        _log.exception("a document could not be stamped")


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
