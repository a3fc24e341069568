"""A house in which acts are killed: copies of it, each started again after its act died."""

import dataclasses
import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from signer.app import create_rooms
from signer.audit.models import AuditEvent
from signer.ca.invariants import one_instant
from signer.ca.models import Certificate, CertificateBytes
from signer.cli.ledger import check_ledger
from signer.config import Settings
from signer.db import db
from signer.services import Services
from tests.clocks import StandingClock
from tests.databases import copy_of
from tests.killing import Mortals


class House:
    """The house as a test made it; `killed` is a copy in which an act died, started again."""

    def __init__(self, settings: Settings, clock: StandingClock, mortals: Mortals) -> None:
        self._settings, self._clock, self._mortals = settings, clock, mortals
        self._log = settings.home / "signatures.log"

    def boundaries(self, act: str, **facts: Any) -> list[tuple[str, int]]:
        """Both sides of every commit that the undisturbed act makes."""
        with self._copy() as settings:
            return self._mortals.seen(self._plan(settings, act, facts))

    @contextmanager
    def killed(self, act: str, point: tuple[str, int], **facts: Any) -> Iterator[Services]:
        """The act died there; inside, its house is open again and nothing was done about it yet.

        At the end what was signed is in the ledger, and the ledger is sound.
        """
        with self._copy() as settings:
            self._mortals.kill(self._plan(settings, act, facts), point)
            app = create_rooms(settings, self._clock)
            services: Services = app.extensions["signer"]
            try:
                with app.app_context():
                    try:
                        yield services
                        self._check(services)
                    finally:
                        db.session.remove()
                        db.engine.dispose()
            except BaseException as error:
                error.add_note(f"{act} {facts} killed {point}")
                raise
            finally:
                services.hsm.close()

    def _check(self, services: Services) -> None:
        services.authority.publish_crl()
        with one_instant():
            assert list(check_ledger(services, patience=timedelta(microseconds=-1))) == []
        stored = db.session.scalars(select(CertificateBytes.tbs_der))
        in_ledger = {hashlib.sha256(tbs_der).hexdigest() for tbs_der in stored}
        assert set(self._log.read_text().split()) <= in_ledger

    @contextmanager
    def _copy(self) -> Iterator[Settings]:
        """A house of its own, files and rows; the keys are in the same token."""
        db.session.remove()
        db.engine.dispose()
        home = self._settings.home.with_name(f"{self._settings.home.name}-copy")
        shutil.copytree(self._settings.home, home, ignore=shutil.ignore_patterns("*.sqlite3*"))
        database_url = copy_of(self._settings.database_url, home)
        yield dataclasses.replace(self._settings, home=home, database_url=database_url)
        shutil.rmtree(home)

    def _plan(self, settings: Settings, act: str, facts: dict[str, Any]) -> dict[str, Any]:
        self._log.write_text("")
        return facts | {
            "act": act,
            "home": str(settings.home),
            "database": settings.database_url,
            "pin_file": str(settings.token_pin_file),
            "at": self._clock.now().isoformat(),
            "log": str(self._log),
        }


def start_again(services: Services) -> None:
    """As the embedded worker does at its start, with no minute lost to the dead one's lease."""
    services.jobs.release_leases()
    services.issuance.issuing.resume()
    services.issuance.seals.resume()
    services.issuance.revoking.sweep()
    services.jobs.run(services.job_handlers)
    db.session.remove()


def commits(points: Sequence[tuple[str, int]]) -> int:
    """How many commits the act makes."""
    return sum(name == "before commit" for name, _ in points)


def certificate_states() -> Counter[str]:
    db.session.rollback()
    return Counter(db.session.scalars(select(Certificate.state)))


def count_events(action: str) -> int:
    """How many events of this kind the record has."""
    return len(db.session.scalars(select(AuditEvent.seq).where(AuditEvent.action == action)).all())
