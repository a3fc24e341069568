"""Documents get the time stamps they wait for, and new ones before the old ones run out."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from signer.audit import Audit
from signer.clock import Clock
from signer.config import Settings
from signer.db import LOST_RACE, advisory_lock, db, move_state, release, transaction
from signer.dossiers.models import Document, DocumentVersion, Step
from signer.dossiers.reading import documents_of
from signer.dossiers.turns import pass_on
from signer.dossiers.views import DocumentView, StepView
from signer.errors import N_, Conflict, SignerError, Unavailable
from signer.jobs import Jobs
from signer.jobs.models import Job
from signer.jobs.service import Failures
from signer.signing.augmenting import Augmenting
from signer.signing.levels import Level
from signer.signing.pdf import SignedPdf
from signer.signing.stamping import Stamping

RESTAMP_JOB_KIND = "restamp"
_AT_ONCE = 20
_AUTHOR = "Hệ thống"
_LOCK = 0x57A9  # any fixed number: who makes such a job, among PostgreSQL's advisory locks

_log = structlog.get_logger(__name__)


class DocumentStamps:
    """Stamps what was signed without a stamp, and stamps again what is archived.

    No person's key is needed for either, so both are done whenever there is time.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        audit: Audit,
        jobs: Jobs,
        stamping: Stamping,
        augmenting: Augmenting,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._audit = audit
        self._jobs = jobs
        self._stamping = stamping
        self._augmenting = augmenting

    # Stamps that are still to come ---------------------------------------------------------------

    def shares(self, at_once: int) -> list[list[int]]:
        """The documents that wait for their stamp, the oldest first, dealt to so many hands.

        No share at all when nothing is to be done; an empty one when only a job waits.
        """
        waiting = db.session.scalars(
            select(Step.document_id)
            .where(Step.state == "stamping")
            .order_by(Step.acted_at, Step.id)
        ).all()
        if waiting:
            return [list(waiting[hand::at_once]) for hand in range(min(at_once, len(waiting)))]
        job = select(Job.id).where(Job.kind == RESTAMP_JOB_KIND, Job.state == "running")
        return [] if db.session.scalar(job) is None else [[]]

    def stamp(self, document_id: int) -> bool:
        """The document has its stamp and goes on to the next signer; False while it must wait.

        When there is no stamp to be had the policy decides: wait, or go on visibly without one.
        """
        (document,) = documents_of([document_id], None)
        step = next((one for one in document.steps if one.state == "stamping"), None)
        if step is None:  # another process did it
            return True
        level = self._augmenting.wanted_level(document.sha256)
        try:
            self._augmenting.augment(
                document.sha256,
                level=level,
                subject=f"document:{document_id}",
                action="document.stamped",
                store=self._storing(document, level, step),
            )
        except Unavailable as error:
            if not self._stamping.may_go_without:
                _log.warning("a document waits for its stamp", id=document_id, why=error.sentence)
                return False
            self._go_without(document, step)
        return True

    def stamp_file(self, sha256: str) -> tuple[str, bool]:
        """The hash of a signed file of no dossier with the stamp that it lacks, and True.

        Its own hash and False where the city goes on without one. `Unavailable` where it waits:
        asked again, only the stamp is fetched.
        """
        complete = self._augmenting.find_complete(sha256)
        if complete is not None:
            return complete, True
        try:
            signed = self._augmenting.augment(
                sha256,
                level=self._augmenting.wanted_level(sha256),
                subject=f"file:{sha256}",
                action="document.stamped",
                store=lambda _signed: None,
            )
        except Unavailable:
            if not self._stamping.may_go_without:
                raise
            return sha256, False
        return signed.sha256, True

    def _go_without(self, document: DocumentView, step: StepView) -> None:
        with transaction():
            self._audit.record("system", "document.unstamped", f"document:{document.id}")
            move_state(Step, step.id, "stamping", "signed")
            pass_on(document, step.position)

    # Stamps before the old ones run out ----------------------------------------------------------

    def renew(self, actor_name: str = "system", *, everything: bool = False) -> int | None:
        """A job that stamps again whatever runs out within `restamp_days`; its id, None if nothing.

        `everything`: all that is archived, as when an algorithm is about to end. What a job of
        this kind has before it is not taken twice.
        """
        until = self._clock.now() + timedelta(days=self._settings.restamp_days)
        newest = (
            select(func.max(DocumentVersion.number))
            .where(DocumentVersion.document_id == Document.id)
            .scalar_subquery()
        )
        due = (
            select(Document.id, newest.label("number"))
            .where(Document.state == "signed", Document.protected_until.is_not(None))
            .order_by(Document.protected_until, Document.id)
        )
        if not everything:
            due = due.where(Document.protected_until <= until)
            if db.session.execute(due.limit(1)).first() is None:
                return None
            release()
            # Near the end of the CA itself another stamp of today's TSA would gain nothing.
            due = due.where(Document.protected_until < self._stamping.stamps_until())
        under_way = select(Job.id).where(
            Job.kind == RESTAMP_JOB_KIND, Job.state.in_(("running", "paused"))
        )
        with transaction():
            advisory_lock(_LOCK)
            if db.session.scalar(under_way) is not None:
                return None
            keys = [f"{row.id}-{row.number}" for row in db.session.execute(due)]
            if not keys:
                return None
            return self._jobs.create(
                RESTAMP_JOB_KIND, keys, actor=actor_name, title=_TITLE, at_once=_AT_ONCE
            )

    def prove_lasting(self) -> datetime:
        """Until when today's stamps prove what they stamp; `Conflict` when an algorithm of theirs
        ends within `restamp_days`."""
        since = self._clock.now() + timedelta(days=self._settings.restamp_days)
        return self._stamping.require_lasting(since)

    def renew_items(self, keys: Sequence[str]) -> Failures:
        """The document versions of these keys have a new archive stamp; those that cannot, why.

        A document that has another version by now was stamped before a crash, and is done.
        """
        failures: dict[str, SignerError] = {}
        for key in keys:
            document_id, number = map(int, key.split("-"))
            (document,) = documents_of([document_id], None)
            if document.versions[-1].number != number:
                continue
            try:
                self._augmenting.augment(
                    document.sha256,
                    level=Level.B_LTA,
                    subject=f"document:{document_id}",
                    action="document.restamped",
                    store=self._storing(document, Level.B_LTA, None),
                )
            except Unavailable:
                raise
            except SignerError as error:
                failures[key] = error
            release()
        return failures

    def _storing(
        self, document: DocumentView, level: Level, step: StepView | None
    ) -> Callable[[SignedPdf], None]:
        """What is stored with the stamp: another version, and the next signer's turn."""

        def store(signed: SignedPdf) -> None:
            now = self._clock.now()
            newest = document.versions[-1]
            version = DocumentVersion(
                document_id=document.id,
                number=newest.number + 1,
                sha256=signed.sha256,
                size_bytes=signed.size_bytes,
                file_name=newest.file_name,  # the same signed document, only stamped
                created_by=_AUTHOR,
                created_at=now,
            )
            db.session.add(version)
            try:
                db.session.flush()
            except IntegrityError as error:  # another process, or another signer, was first
                raise Conflict(LOST_RACE) from error
            if level is Level.B_LTA:
                db.session.execute(
                    update(Document)
                    .where(Document.id == document.id)
                    .values(protected_until=self._stamping.protects_until)
                )
            if step is not None:
                move_state(Step, step.id, "stamping", "signed")
                pass_on(document, step.position)

        return store


_TITLE = N_("Gia hạn dấu thời gian lưu trữ")
