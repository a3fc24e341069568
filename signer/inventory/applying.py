"""Stores a checked roster as a job, chunk by chunk, and takes it back while nothing hangs on it.

A chunk is stored, or taken back, in one transaction that also says so in its row: done again it
does nothing, and after `kill -9` the job goes on with the next one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update

from signer.accounts import Actor, Permission
from signer.audit import Audit
from signer.clock import Clock
from signer.db import advisory_lock, canonical_json, db, release, transaction
from signer.errors import N_, Conflict, SignerError, Unavailable
from signer.files import Files
from signer.inventory.facts import KnownPeople
from signer.inventory.findings import Finding, Severity
from signer.inventory.judging import PlannedRow, Verdict, changed_since, planned, remarks_on
from signer.inventory.models import ImportState, RosterImport
from signer.inventory.planned_rows import rows_in
from signer.inventory.roster_models import RosterChunk
from signer.inventory.storage import ROSTER_LOCK, Stored, Storing, known_people, known_units
from signer.inventory.undoing import marks_now, packed, refuse_if_held, take_back, unpacked
from signer.inventory.units import KnownUnit
from signer.jobs import Jobs
from signer.jobs.service import Failures

ROSTER_JOB_KIND = "roster"
UNDO_WITHIN = timedelta(hours=24)
_CHUNKS_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True)
class _Chunk:
    """A chunk with what its import says, as plain values: they outlive the transaction."""

    id: int
    import_id: int
    begins: int
    length: int
    stored_at: datetime | None
    undone_at: datetime | None
    before: bytes | None
    state: ImportState
    rows_sha256: str | None
    at: datetime
    effective_on: date
    applied_by: str
    scopes: str
    marks: str


_CANNOT_START = {
    ImportState.UNDOING: N_("Lần nạp này đang được hoàn tác."),
    ImportState.UNDONE: N_("Lần nạp này đã được hoàn tác; hãy tải tệp lên lại nếu cần nạp."),
}


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
            waiting = RosterChunk.stored_at.is_(None)
            record.job_id = self._job(actor, record, waiting, N_("Ghi danh sách cán bộ"))
            if record.state is ImportState.CHECKED:
                record.state = ImportState.APPLYING
                record.marks = canonical_json(marks_now())
            record.applied_by = actor.name
            record.scopes = json.dumps(actor.scopes(Permission.ROSTER_IMPORT))
            return record.job_id

    def undo(self, actor: Actor, import_id: int) -> int:
        """The id of the job that takes the import back; `Conflict` when it is too late."""
        marks = self._refuse_if_too_late(import_id)
        chunks = select(RosterChunk.id).where(
            RosterChunk.import_id == import_id, RosterChunk.undone_at.is_(None)
        )
        for chunk_id in db.session.scalars(chunks.order_by(RosterChunk.number)).all():
            found = self._chunk(chunk_id)
            if found.before is not None and found.stored_at is not None:
                refuse_if_held(unpacked(found.before), marks, found.stored_at)
        with transaction():
            record = self._locked(import_id)
            if record.state is ImportState.UNDOING and record.job_id is not None:
                return record.job_id
            if record.state is not ImportState.APPLIED:
                raise Conflict(N_("Lần nạp này chưa được ghi xong nên chưa hoàn tác được."))
            waiting = RosterChunk.undone_at.is_(None)
            title = N_("Hoàn tác lần nạp danh sách cán bộ")
            record.job_id = self._job(actor, record, waiting, title)
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
        chunk = self._chunk(chunk_id)
        if chunk.state is ImportState.APPLYING and chunk.stored_at is None:
            release()
            self._store(chunk, self._rows(chunk))
        elif chunk.state is ImportState.UNDOING and chunk.undone_at is None:
            self._take_back(chunk)

    def _rows(self, chunk: _Chunk) -> list[PlannedRow]:
        if not chunk.length or chunk.rows_sha256 is None:
            return []
        return rows_in(self._files.piece(chunk.rows_sha256, chunk.begins, chunk.length))

    def _store(self, chunk: _Chunk, rows: Sequence[PlannedRow]) -> None:
        with transaction():
            advisory_lock(ROSTER_LOCK)
            if not self._still(chunk, ImportState.APPLYING, RosterChunk.stored_at.is_(None)):
                return
            now = self._clock.now()
            known = known_people([row.facts for row in rows], with_namesakes=False)
            units = {unit.id: unit for unit in known_units()}
            entries, overtaken = _held_against(rows, known, units, chunk)
            storing = Storing(
                self._audit,
                actor=chunk.applied_by,
                subject=f"roster_import:{chunk.import_id}",
                effective_on=chunk.effective_on,
                now=now,
            )
            codes = {unit.id: unit.code for unit in units.values()}
            stored = storing.store(entries, known, codes)
            self._say_stored(chunk, stored, overtaken, now)
            if not self._remains(chunk.import_id, RosterChunk.stored_at.is_(None)):
                self._finish_storing(chunk)

    def _say_stored(
        self, chunk: _Chunk, stored: Stored, overtaken: Sequence[Finding], now: datetime
    ) -> None:
        told = json.dumps([asdict(finding) for finding in overtaken], ensure_ascii=False)
        db.session.execute(
            update(RosterChunk)
            .where(RosterChunk.id == chunk.id)
            .values(stored_at=now, overtaken=told, before=packed(stored))
        )
        db.session.execute(
            update(RosterImport)
            .where(RosterImport.id == chunk.import_id)
            .values(
                applied_new=RosterImport.applied_new + stored.new,
                applied_changed=RosterImport.applied_changed + stored.changed,
                overtaken=RosterImport.overtaken + len({finding.row for finding in overtaken}),
            )
        )

    def _finish_storing(self, chunk: _Chunk) -> None:
        record = self._locked(chunk.import_id)
        record.state = ImportState.APPLIED
        record.applied_at = self._clock.now()
        self._audit.record(
            chunk.applied_by,
            "roster.applied",
            f"roster_import:{record.id}",
            new=record.applied_new,
            changed=record.applied_changed,
            refused=record.error_rows + record.overtaken,
        )

    def _take_back(self, chunk: _Chunk) -> None:
        if chunk.before is None or chunk.stored_at is None:
            return
        undo = unpacked(chunk.before)
        with transaction():
            advisory_lock(ROSTER_LOCK)
            if not self._still(chunk, ImportState.UNDOING, RosterChunk.undone_at.is_(None)):
                return
            refuse_if_held(undo, json.loads(chunk.marks), chunk.stored_at)
            self._audit.record(
                chunk.applied_by,
                "people.taken_back",
                f"roster_import:{chunk.import_id}",
                **take_back(undo, chunk.effective_on),
            )
            db.session.execute(
                update(RosterChunk)
                .where(RosterChunk.id == chunk.id)
                .values(undone_at=self._clock.now())
            )
            if not self._remains(chunk.import_id, RosterChunk.undone_at.is_(None)):
                record = self._locked(chunk.import_id)
                record.state = ImportState.UNDONE
                self._audit.record(
                    chunk.applied_by,
                    "roster.undone",
                    f"roster_import:{record.id}",
                    removed=record.applied_new,
                    restored=record.applied_changed,
                )

    def _job(self, actor: Actor, record: RosterImport, waiting: Any, title: str) -> int:
        chunks = select(RosterChunk.id).where(RosterChunk.import_id == record.id, waiting)
        scopes = actor.scopes(Permission.ROSTER_IMPORT)
        return self._jobs.create(
            ROSTER_JOB_KIND,
            [str(key) for key in db.session.scalars(chunks.order_by(RosterChunk.number))],
            actor=actor.name,
            title=title,
            scope_path="" if "" in scopes else min(scopes),
            at_once=_CHUNKS_AT_ONCE,
        )

    def _refuse_if_too_late(self, import_id: int) -> Mapping[str, int]:
        record = db.session.get_one(RosterImport, import_id)
        if record.applied_at is None or record.marks is None:
            raise Conflict(N_("Lần nạp này chưa được ghi xong nên chưa hoàn tác được."))
        if self._clock.now() > record.applied_at + UNDO_WITHIN:
            raise Conflict(N_("Chỉ hoàn tác được trong 24 giờ sau khi ghi xong."))
        marks: Mapping[str, int] = json.loads(record.marks)
        return marks

    def _locked(self, import_id: int) -> RosterImport:
        """The import as it is now, nobody else's until the transaction ends."""
        statement = select(RosterImport).where(RosterImport.id == import_id)
        return db.session.scalars(
            statement.with_for_update().execution_options(populate_existing=True)
        ).one()

    def _chunk(self, chunk_id: int) -> _Chunk:
        names = [field.name for field in fields(_Chunk)]
        of_import = [name for name in names if not hasattr(RosterChunk, name)]
        columns = [getattr(RosterImport if n in of_import else RosterChunk, n) for n in names]
        statement = select(*columns).join(RosterImport, RosterImport.id == RosterChunk.import_id)
        row = db.session.execute(statement.where(RosterChunk.id == chunk_id)).one()
        return _Chunk(**row._asdict())

    def _still(self, chunk: _Chunk, state: ImportState, waiting: Any) -> bool:
        """True unless another worker did the chunk meanwhile."""
        statement = (
            select(func.count())
            .select_from(RosterChunk)
            .join(RosterImport, RosterImport.id == RosterChunk.import_id)
            .where(RosterChunk.id == chunk.id, RosterImport.state == state, waiting)
        )
        return bool(db.session.scalar(statement))

    def _remains(self, import_id: int, waiting: Any) -> bool:
        statement = select(RosterChunk.id).where(RosterChunk.import_id == import_id, waiting)
        return db.session.scalar(statement.limit(1)) is not None


def _held_against(
    rows: Sequence[PlannedRow],
    known: KnownPeople,
    units: Mapping[int, KnownUnit],
    chunk: _Chunk,
) -> tuple[list[PlannedRow], list[Finding]]:
    """The rows that can still be stored, and what keeps out those that others overtook."""
    entries: list[PlannedRow] = []
    overtaken: list[Finding] = []
    scopes = tuple(json.loads(chunk.scopes))
    for row in rows:
        entry = planned(row.row, row.facts, known)
        remarks = remarks_on(entry, known, units, effective_on=chunk.effective_on, scopes=scopes)
        errors = [remark for remark in remarks if remark.severity is Severity.ERROR]
        if not errors and entry.verdict is Verdict.CHANGED:
            errors = list(changed_since(known.by_code[row.facts.code], chunk.at))
        overtaken += [
            Finding(
                severity=Severity.ERROR,
                row=row.row,
                column=error.field,
                heading="",
                value=str(getattr(row.facts, error.field, None) or ""),
                sentence=error.sentence,
                hint_sentence=error.hint,
                values={name: str(value) for name, value in error.values.items()},
            )
            for error in errors
        ]
        if not errors:
            entries.append(entry)
    return entries, overtaken
