"""Roster imports: check first, store after, in chunks that survive a crash between them."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from sqlalchemy import select, update

from signer.accounts import Actor, Permission
from signer.audit import Audit
from signer.clock import Clock
from signer.config import Settings
from signer.db import advisory_lock, db, release, transaction
from signer.errors import N_, Forbidden, Invalid, NotFound
from signer.files import Files
from signer.inventory.correction import error_workbook
from signer.inventory.findings import Finding
from signer.inventory.models import ImportState, RosterImport
from signer.inventory.planning import ReadRoster, RosterPlan, Verdict, plan, read_roster
from signer.inventory.reading import ReadingRules
from signer.inventory.roster import Field, read_table
from signer.inventory.storage import (
    ROSTER_LOCK,
    Progress,
    Stored,
    Storing,
    in_chunks,
    known_people,
    known_units,
)
from signer.inventory.units import UnitIndex

CHUNK_ROWS = 500
"""Rows stored in one transaction: some tenths of a second, so that others can write between."""


@dataclass(frozen=True, kw_only=True)
class CheckedRoster:
    """A dry run: the plan, and the id under which `apply` finds the file again."""

    import_id: int
    sha256: str
    plan: RosterPlan


@dataclass(frozen=True, kw_only=True)
class ReadColumn:
    """One column of the file, and the field of a person that it holds."""

    letter: str
    heading: str
    field: Field


@dataclass(frozen=True, kw_only=True)
class ImportView:
    """A stored import with the findings of its check."""

    record: RosterImport
    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    ignored_rows: tuple[int, ...]
    unknown_headings: tuple[str, ...]
    remark: str | None
    columns: tuple[ReadColumn, ...]
    """What each recognised column was taken for; none for imports of before this was kept."""


@dataclass(frozen=True, kw_only=True)
class RosterReceipt:
    """What an import stored in all, over every run that it took."""

    import_id: int
    new: int
    changed: int
    same: int
    refused: int
    """Rows with errors now; more than the check found when others wrote meanwhile."""


class RosterImports:
    """Checks uploaded rosters and stores their valid rows."""

    def __init__(self, clock: Clock, audit: Audit, files: Files, settings: Settings) -> None:
        self._clock = clock
        self._audit = audit
        self._files = files
        self._settings = settings

    def dry_run(
        self, actor: Actor, path: Path, file_name: str, effective_on: date | None = None
    ) -> CheckedRoster:
        """The plan of a roster; the file and its findings are kept, no person is touched.

        `effective_on` is the day the roster speaks of (today when None, never later): units
        must be valid that day, and moves are dated from it. Raises `Invalid` when the file as a
        whole cannot be read, `Forbidden` when the actor may import nowhere.
        """
        actor.require(Permission.ROSTER_IMPORT)
        today = self._clock.today()
        day = effective_on or today
        if day > today:
            raise Invalid(N_("Ngày của danh sách không được ở tương lai."), field="effective_on")
        read, rules = self._read(actor, path, day)
        planned = self._plan(read, rules)
        sha256 = self._files.put(path)
        report_sha256 = self._files.put(_report_of(planned))
        record = RosterImport(
            sha256=sha256,
            report_sha256=report_sha256,
            file_name=Path(file_name).name[:200],
            actor=actor.name,
            at=self._clock.now(),
            effective_on=day,
            state=ImportState.CHECKED,
            rows=planned.rows,
            new=planned.new,
            changed=planned.changed,
            same=planned.same,
            error_rows=planned.error_rows,
            warnings=len(planned.warnings),
            applied_new=0,
            applied_changed=0,
        )
        with transaction():
            db.session.add(record)
            db.session.flush()
            self._audit.record(
                actor.name,
                "roster.checked",
                f"roster_import:{record.id}",
                sha256=sha256,
                rows=planned.rows,
                refused=planned.error_rows,
            )
        return CheckedRoster(import_id=record.id, sha256=sha256, plan=planned)

    def apply(
        self, actor: Actor, import_id: int, on_progress: Progress | None = None
    ) -> RosterReceipt:
        """Every valid row is stored; rows with errors are left out. Done before: nothing more.

        The rows go in by chunks, each in a transaction of its own with its audit events. The
        file is read and held against the inventory anew, so after a crash the same call goes on
        where it stopped, and what others wrote since the check is respected.
        """
        record = self._record(actor, import_id)
        if record.state is ImportState.APPLIED:
            return _receipt(record, refused=record.error_rows)
        sha256, day = record.sha256, record.effective_on
        release()
        with self._files.path(sha256) as file:
            read, rules = self._read(actor, file, day)
        planned = self._plan(read, rules)
        self._begin(record)
        pending = [entry.row for entry in planned.entries if entry.verdict is not Verdict.SAME]
        units = {unit.id: unit.code for unit in known_units()}
        raced = 0
        for part in _parts(read, set(pending)):
            raced += self._store(actor, record, part, rules, units)
            if on_progress is not None:
                on_progress(len(part.rows))
        refused = planned.error_rows + raced
        with transaction():
            won = db.session.scalars(
                update(RosterImport)
                .where(RosterImport.id == record.id, RosterImport.state == ImportState.APPLYING)
                .values(
                    state=ImportState.APPLIED,
                    applied_at=self._clock.now(),
                    error_rows=refused,
                )
                .returning(RosterImport.id)
            ).all()
            db.session.refresh(record)
            if won:  # else the same roster was stored in another window just now
                self._audit.record(
                    actor.name,
                    "roster.applied",
                    f"roster_import:{record.id}",
                    new=record.applied_new,
                    changed=record.applied_changed,
                    refused=refused,
                )
        return _receipt(record, refused=record.error_rows)

    def view(self, actor: Actor, import_id: int) -> ImportView:
        """The import and what its check found."""
        record = self._record(actor, import_id)
        report_sha256 = record.report_sha256
        release()
        report = json.loads(self._files.get(report_sha256))
        return ImportView(
            record=record,
            errors=tuple(map(Finding.from_json, report["errors"])),
            warnings=tuple(map(Finding.from_json, report["warnings"])),
            ignored_rows=tuple(report["ignored_rows"]),
            unknown_headings=tuple(report["unknown_headings"]),
            remark=report["remark"],
            columns=tuple(
                ReadColumn(letter=c["letter"], heading=c["heading"], field=Field(c["field"]))
                for c in report.get("columns", ())
            ),
        )

    def corrections(
        self, actor: Actor, import_id: int, translate: Callable[[str], str] = str
    ) -> bytes:
        """An XLSX of the refused rows with what is wrong beside each; see `error_workbook`."""
        seen = self.view(actor, import_id)
        sha256 = seen.record.sha256
        release()
        with self._files.path(sha256) as file:
            table = read_table(file, limit_bytes=self._settings.roster_limit_bytes)
        return error_workbook(table, seen.errors, translate=translate)

    def content(self, actor: Actor, import_id: int) -> bytes:
        """The uploaded file itself."""
        sha256 = self._record(actor, import_id).sha256
        release()
        return self._files.get(sha256)

    def recent(self, actor: Actor, limit: int) -> Sequence[RosterImport]:
        """The newest imports that the actor may see."""
        actor.require(Permission.ROSTER_IMPORT)
        statement = select(RosterImport).order_by(RosterImport.id.desc()).limit(limit)
        if "" not in actor.scopes(Permission.ROSTER_IMPORT):
            statement = statement.where(RosterImport.actor == actor.name)
        return db.session.scalars(statement).all()

    def _record(self, actor: Actor, import_id: int) -> RosterImport:
        """The import; a roster holds private data, so only its owner and city-wide roles see it."""
        actor.require(Permission.ROSTER_IMPORT)
        record = db.session.get(RosterImport, import_id)
        if record is None:
            raise NotFound(N_("Không tìm thấy lần nhập danh sách này."))
        if record.actor != actor.name and "" not in actor.scopes(Permission.ROSTER_IMPORT):
            raise Forbidden(N_("Danh sách này do người khác tải lên."))
        return record

    def _read(self, actor: Actor, path: Path, day: date) -> tuple[ReadRoster, ReadingRules]:
        table = read_table(path, limit_bytes=self._settings.roster_limit_bytes)
        rules = ReadingRules(
            units=UnitIndex(known_units(), day),
            effective_on=day,
            today=self._clock.today(),
            email_domains=self._settings.email_domains,
            scopes=actor.scopes(Permission.ROSTER_IMPORT),
        )
        release()  # reading a long list takes seconds; no snapshot is held meanwhile
        return read_roster(table, rules), rules

    def _plan(self, read: ReadRoster, rules: ReadingRules) -> RosterPlan:
        known = known_people([row.facts for row in read.rows if row.facts is not None])
        release()
        return plan(read, known, rules)

    def _begin(self, record: RosterImport) -> None:
        with transaction():
            db.session.execute(
                update(RosterImport)
                .where(RosterImport.id == record.id, RosterImport.state != ImportState.APPLIED)
                .values(state=ImportState.APPLYING)
            )

    def _store(
        self,
        actor: Actor,
        record: RosterImport,
        part: ReadRoster,
        rules: ReadingRules,
        units: dict[int, str],
    ) -> int:
        """Stores one chunk; returns how many of its rows cannot be stored any more."""
        with transaction():
            advisory_lock(ROSTER_LOCK)
            known = known_people([row.facts for row in part.rows if row.facts is not None])
            planned = plan(part, known, rules)
            storing = Storing(
                self._audit,
                actor=actor.name,
                subject=f"roster_import:{record.id}",
                effective_on=rules.effective_on,
                now=self._clock.now(),
            )
            stored: Stored = storing.store(planned.entries, known, units)
            db.session.execute(
                update(RosterImport)
                .where(RosterImport.id == record.id)
                .values(
                    applied_new=RosterImport.applied_new + stored.new,
                    applied_changed=RosterImport.applied_changed + stored.changed,
                )
            )
        return planned.error_rows


def _parts(read: ReadRoster, numbers: set[int]) -> Iterator[ReadRoster]:
    """The rows with these numbers in rosters of at most CHUNK_ROWS rows."""
    pairs = zip(read.table.rows, read.rows, strict=True)
    for chunk in in_chunks((pair for pair in pairs if pair[1].number in numbers), CHUNK_ROWS):
        table = replace(read.table, rows=tuple(source for source, _ in chunk))
        yield ReadRoster(table=table, rows=tuple(row for _, row in chunk))


def _report_of(planned: RosterPlan) -> bytes:
    columns = [
        {"letter": c.letter, "heading": c.heading, "field": c.field} for c in planned.columns
    ]
    return json.dumps(planned.to_json() | {"columns": columns}, ensure_ascii=False).encode()


def _receipt(record: RosterImport, *, refused: int) -> RosterReceipt:
    return RosterReceipt(
        import_id=record.id,
        new=record.applied_new,
        changed=record.applied_changed,
        same=max(0, record.rows - record.applied_new - record.applied_changed - refused),
        refused=refused,
    )
