"""Stores a checked roster as a job, chunk by chunk, and takes it back while nothing hangs on it.

A chunk is stored, or taken back, in one transaction that also says so in its row: done again it
does nothing, and after `kill -9` the job goes on with the next one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, LargeBinary, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from signer.accounts import Actor, Permission
from signer.audit import Audit
from signer.clock import Clock
from signer.db import (
    Base,
    UTCDateTime,
    advisory_lock,
    canonical_json,
    db,
    look_anew,
    release,
    transaction,
)
from signer.errors import N_, Conflict, SignerError, Unavailable
from signer.files import Files
from signer.inventory.facts import KnownPeople
from signer.inventory.fields import AS_FIELDS
from signer.inventory.findings import Finding, Severity
from signer.inventory.judging import PlannedRow, Verdict, changed_since, planned, remarks_on
from signer.inventory.models import ImportState, RosterImport
from signer.inventory.planned_rows import rows_in
from signer.inventory.roster import TableRow
from signer.inventory.storage import ROSTER_LOCK, Stored, Storing, known_people, known_units
from signer.inventory.undoing import marks_now, packed, refuse_if_held, take_back, unpacked
from signer.inventory.units import KnownUnit
from signer.jobs import Jobs
from signer.jobs.service import Failures

ROSTER_JOB_KIND = "roster"
UNDO_WITHIN = timedelta(hours=24)
_CHUNKS_AT_ONCE = 2


_NOT_STORED = N_("Lần nạp này chưa được ghi xong nên chưa hoàn tác được.")
_CANNOT_START = {
    ImportState.UNDOING: N_("Lần nạp này đang được hoàn tác."),
    ImportState.UNDONE: N_("Lần nạp này đã được hoàn tác; hãy tải tệp lên lại nếu cần nạp."),
}


class RosterChunk(Base):
    """Some rows of an import: stored in one transaction, done once, taken back in one."""

    __tablename__ = "roster_chunk"

    id: Mapped[int] = mapped_column(primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("roster_import.id"))
    number: Mapped[int]
    begins: Mapped[int]
    length: Mapped[int]
    """Where the rows are in the file of rows, in bytes."""
    stored_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    overtaken: Mapped[str] = mapped_column(Text, default="[]", server_default="[]")
    """What kept rows out that the check had found valid: findings (JSON)."""
    before: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """Whom the chunk added, and how whom it changed were before (packed JSON)."""

    __table_args__ = (UniqueConstraint("import_id", "number"),)


class RosterApplying:
    """Begins the storing and the taking back of imports, and does their chunks."""

    def __init__(self, clock: Clock, audit: Audit, files: Files, jobs: Jobs) -> None:
        self._clock = clock
        self._audit = audit
        self._files = files
        self._jobs = jobs

    def start(self, actor: Actor, import_id: int) -> int:
        """The id of the job that stores the import's rows; begun before: the same one."""
        with transaction():
            record = self._locked(import_id)
            if sentence := _CANNOT_START.get(record.state):
                raise Conflict(sentence)
            if record.job_id is not None:
                return record.job_id
            if record.rows_sha256 is None:
                raise Conflict(N_("Tệp này cần được kiểm tra lại trước khi ghi."))
            title = N_("Ghi danh sách cán bộ")
            record.job_id = self._job(actor, import_id, RosterChunk.stored_at, title)
            if record.state is ImportState.CHECKED:
                record.state = ImportState.APPLYING
                record.marks = canonical_json(marks_now())
            record.applied_by = actor.name
            record.scopes = json.dumps(actor.scopes(Permission.ROSTER_IMPORT))
            return record.job_id

    def undo(self, actor: Actor, import_id: int) -> int:
        """The id of the job that takes the import back; `Conflict` when it is too late."""
        record = db.session.get_one(RosterImport, import_id)
        if record.applied_at is None or record.marks is None:
            raise Conflict(_NOT_STORED)
        if self._clock.now() > record.applied_at + UNDO_WITHIN:
            raise Conflict(N_("Chỉ hoàn tác được trong 24 giờ sau khi ghi xong."))
        for chunk_id in self._waiting(import_id, RosterChunk.undone_at):
            _refuse_if_held(db.session.get_one(RosterChunk, chunk_id), record)
        with transaction():
            record = self._locked(import_id)
            if record.state is ImportState.UNDOING and record.job_id is not None:
                return record.job_id
            if record.state is not ImportState.APPLIED:
                raise Conflict(_NOT_STORED)
            title = N_("Hoàn tác lần nạp danh sách cán bộ")
            record.job_id = self._job(actor, import_id, RosterChunk.undone_at, title)
            record.state = ImportState.UNDOING
            record.applied_by = actor.name
            return record.job_id

    def do_items(self, keys: Sequence[str]) -> Failures:
        """The handler of the job: each chunk is stored, or taken back, as its import stands."""
        failures: dict[str, SignerError] = {}
        for key in keys:
            try:
                self._do(int(key))
            except Unavailable:
                raise
            except SignerError as error:
                failures[key] = error
        return failures

    def _do(self, chunk_id: int) -> None:
        chunk = db.session.get_one(RosterChunk, chunk_id)
        record = db.session.get_one(RosterImport, chunk.import_id)
        if record.state is ImportState.APPLYING:
            place = record.rows_sha256, chunk.begins, chunk.length
            release()
            self._store(chunk_id, self._rows(*place))
        elif record.state is ImportState.UNDOING:
            self._take_back(chunk_id)

    def _rows(self, sha256: str | None, begins: int, length: int) -> list[PlannedRow]:
        return rows_in(self._files.piece(sha256, begins, length)) if sha256 and length else []

    def _store(self, chunk_id: int, rows: Sequence[PlannedRow]) -> None:
        with transaction():
            chunk, record = self._alone_with(chunk_id)
            if record.state is not ImportState.APPLYING or chunk.stored_at is not None:
                return  # another worker did it meanwhile
            now = self._clock.now()
            known = known_people([row.facts for row in rows], with_namesakes=False)
            units = {unit.id: unit for unit in known_units()}
            entries, overtaken = _held_against(rows, known, units, record)
            storing = Storing(
                self._audit,
                actor=record.applied_by or "",
                subject=f"roster_import:{record.id}",
                effective_on=record.effective_on,
                now=now,
            )
            codes = {unit.id: unit.code for unit in units.values()}
            stored = storing.store(entries, known, codes)
            chunk.stored_at, chunk.before = now, packed(stored)
            chunk.overtaken = json.dumps([asdict(f) for f in overtaken], ensure_ascii=False)
            record.applied_new += stored.new
            record.applied_changed += stored.changed
            record.overtaken += len({finding.row for finding in overtaken})
            db.session.flush()
            is_last = not self._waiting(record.id, RosterChunk.stored_at)
            if is_last:
                record.state, record.applied_at = ImportState.APPLIED, now
                self._record(
                    record,
                    "roster.applied",
                    new=record.applied_new,
                    changed=record.applied_changed,
                    refused=record.error_rows + record.overtaken,
                )
        if is_last:
            look_anew("person", "person_period")

    def _take_back(self, chunk_id: int) -> None:
        with transaction():
            chunk, record = self._alone_with(chunk_id)
            if record.state is not ImportState.UNDOING or chunk.undone_at is not None:
                return
            stored = _refuse_if_held(chunk, record)
            self._record(record, "people.taken_back", **take_back(stored, record.effective_on))
            chunk.undone_at = self._clock.now()
            db.session.flush()
            if not self._waiting(record.id, RosterChunk.undone_at):
                record.state = ImportState.UNDONE
                counts = {"removed": record.applied_new, "restored": record.applied_changed}
                self._record(record, "roster.undone", **counts)

    def _alone_with(self, chunk_id: int) -> tuple[RosterChunk, RosterImport]:
        """The chunk and its import as they are now, nobody else's until the transaction ends."""
        advisory_lock(ROSTER_LOCK)
        chunk = db.session.get_one(RosterChunk, chunk_id, populate_existing=True)
        return chunk, self._locked(chunk.import_id)

    def _locked(self, import_id: int) -> RosterImport:
        return db.session.get_one(
            RosterImport, import_id, populate_existing=True, with_for_update=True
        )

    def _record(self, record: RosterImport, action: str, **details: object) -> None:
        subject = f"roster_import:{record.id}"
        self._audit.record(record.applied_by or "", action, subject, **details)

    def _waiting(self, import_id: int, done_at: Any) -> Sequence[int]:
        """The chunks that are not stored, or not taken back, in their order."""
        chunks = select(RosterChunk.id).where(RosterChunk.import_id == import_id, done_at.is_(None))
        return db.session.scalars(chunks.order_by(RosterChunk.number)).all()

    def _job(self, actor: Actor, import_id: int, done_at: Any, title: str) -> int:
        scopes = actor.scopes(Permission.ROSTER_IMPORT)
        return self._jobs.create(
            ROSTER_JOB_KIND,
            list(map(str, self._waiting(import_id, done_at))),
            actor=actor.name,
            title=title,
            scope_path="" if "" in scopes else min(scopes),
            at_once=_CHUNKS_AT_ONCE,
        )


def _refuse_if_held(chunk: RosterChunk, record: RosterImport) -> Stored:
    """What the chunk did, if it can be taken back."""
    assert chunk.before is not None, "it is stored"
    assert chunk.stored_at is not None, "it is stored"
    stored = unpacked(chunk.before)
    refuse_if_held(stored, json.loads(record.marks or "{}"), chunk.stored_at)
    return stored


def _held_against(
    rows: Sequence[PlannedRow],
    known: KnownPeople,
    units: Mapping[int, KnownUnit],
    record: RosterImport,
) -> tuple[list[PlannedRow], list[Finding]]:
    """The rows that can still be stored, and what keeps out those that others overtook."""
    entries: list[PlannedRow] = []
    overtaken: list[Finding] = []
    scopes = tuple(json.loads(record.scopes or "[]"))
    for row in rows:
        entry = planned(row.row, row.facts, known)
        remarks = remarks_on(entry, known, units, effective_on=record.effective_on, scopes=scopes)
        errors = [remark for remark in remarks if remark.severity is Severity.ERROR]
        if not errors and entry.verdict is Verdict.CHANGED:
            errors = list(changed_since(known.by_code[row.facts.code], record.at))
        cells = {error.field: getattr(row.facts, error.field, None) for error in errors}
        source = TableRow(number=row.row, cells=cells)
        overtaken += [error.in_row(source, AS_FIELDS) for error in errors]
        if not errors:
            entries.append(entry)
    return entries, overtaken
