"""Roster imports: check first, store after, take back while nothing hangs on it."""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from sqlalchemy import select

from signer.accounts import Actor, Permission, in_subtree
from signer.audit import Audit
from signer.clock import Clock
from signer.config import Settings
from signer.db import db, release, transaction
from signer.errors import N_, Forbidden, Invalid, NotFound
from signer.files import Files
from signer.inventory.applying import RosterApplying, RosterChunk
from signer.inventory.correction import error_workbook
from signer.inventory.facts import KnownPeople, PersonFacts
from signer.inventory.fields import Heading
from signer.inventory.findings import Finding
from signer.inventory.headings import Chosen
from signer.inventory.mappings import remember, remembered
from signer.inventory.models import ImportState, OrgUnit, Person, RosterImport
from signer.inventory.planned_rows import refused_in
from signer.inventory.planning import SHOWN, AbsentPerson, Planner, RosterPlan
from signer.inventory.reading import ReadingRules
from signer.inventory.roster import find_table
from signer.inventory.sheets import opened_sheets
from signer.inventory.states import LEFT_STATES
from signer.inventory.storage import known_people, known_units
from signer.inventory.tree import unit_on
from signer.inventory.units import UnitIndex
from signer.jobs import Jobs

CHUNK_ROWS = 3_000
"""Rows stored in one transaction: below a second, so that others can write between; with fewer the
pages of the same indexes would be written again and again."""
_COUNTS = ("rows", "new", "changed", "same", "error_rows")


@dataclass(frozen=True, kw_only=True)
class ImportView:
    """An import: what its check found, and how far it is stored."""

    record: RosterImport
    plan: RosterPlan
    overtaken: tuple[Finding, ...] = ()
    """Why rows that had been found valid were kept out when they were stored."""

    @property
    def import_id(self) -> int:
        """Under which `start` finds it again."""
        return self.record.id


class RosterImports:
    """Checks uploaded rosters and stores their valid rows."""

    def __init__(
        self, clock: Clock, audit: Audit, files: Files, settings: Settings, jobs: Jobs
    ) -> None:
        self._clock = clock
        self._audit = audit
        self._files = files
        self._settings = settings
        self.applying = RosterApplying(clock, audit, files, jobs)

    def dry_run(
        self,
        actor: Actor,
        path: Path,
        file_name: str,
        effective_on: date | None = None,
        *,
        columns: Chosen | None = None,
        full_unit: str | None = None,
    ) -> ImportView:
        """The plan of a roster; the file and its findings are kept, no person is touched.

        `effective_on` is the day the roster speaks of (today when None, never later): units
        must be valid that day, and moves are dated from it. `columns` says what the columns of
        these letters hold, all others nothing; None lets the headings say it. `full_unit` is the
        code of a unit everybody of which the file names: who is missing is listed. Raises
        `Invalid` when the file as a whole cannot be read, `Forbidden` when the actor may import
        nowhere.
        """
        actor.require(Permission.ROSTER_IMPORT)
        at, today = self._clock.now(), self._clock.today()
        day = effective_on or today
        if day > today:
            raise Invalid(N_("Ngày của danh sách không được ở tương lai."), field="effective_on")
        full_path = unit_on(full_unit, day).path if full_unit else None
        if full_path is not None:
            actor.require(Permission.ROSTER_IMPORT, full_path)
        rules = ReadingRules(
            units=UnitIndex(known_units(), day),
            effective_on=day,
            today=today,
            email_domains=self._settings.email_domains,
            scopes=actor.scopes(Permission.ROSTER_IMPORT),
        )
        known_headings = remembered(actor)
        release()  # reading a long list takes minutes; no snapshot is held meanwhile
        limit = self._settings.roster_limit_bytes
        with (
            opened_sheets(path, limit_bytes=limit) as sheets,
            tempfile.TemporaryDirectory(prefix="signer-plan-") as folder,
        ):
            table = find_table(sheets, known_headings, columns)
            planner = Planner(table, _known, rules, Path(folder))
            plan = planner.plan()
            if full_path is not None and not plan.missing:
                count, absent = _absent(full_path, planner.named())
                plan = replace(plan, absent_count=count, absent=absent)
            counts = {name: getattr(plan, name) for name in _COUNTS}
            record = RosterImport(
                sha256=self._files.put(path),
                file_name=Path(file_name).name[:200],
                actor=actor.name,
                at=at,
                effective_on=day,
                state=ImportState.CHECKED,
                warnings=plan.warning_count,
                full_unit_path=full_path,
                absent=plan.absent_count,
                **counts,
            )
            chunks = self._keep_rows(planner, plan, record, Path(folder))
        report = json.dumps(plan.to_json(), ensure_ascii=False).encode()
        record.report_sha256 = self._files.put(report)
        with transaction():
            db.session.add(record)
            db.session.flush()
            for chunk in chunks:
                chunk.import_id = record.id
            db.session.add_all(chunks)
            self._audit.record(
                actor.name,
                "roster.checked",
                f"roster_import:{record.id}",
                sha256=record.sha256,
                rows=plan.rows,
                refused=plan.error_rows,
            )
        return ImportView(record=record, plan=plan)

    def recheck(self, actor: Actor, import_id: int, columns: Chosen) -> ImportView:
        """The file is checked again with these columns, and its headings are remembered so.

        The next file of the same unit with such a heading is read like this one.
        """
        seen = self.view(actor, import_id)
        record = seen.record
        if record.state is not ImportState.CHECKED:
            raise Invalid(N_("Danh sách này đã được ghi nên không đổi cách hiểu cột được nữa."))
        for field in set(columns.values()) - {None}:
            letters = [letter for letter, said in columns.items() if said is field]
            if len(letters) > 1:
                raise Invalid(
                    N_("Các cột %(letters)s cùng được chọn một nội dung; mỗi nội dung một cột."),
                    field="columns",
                    letters=", ".join(letters),
                )
        sha256, name, day = record.sha256, record.file_name, record.effective_on
        full_path = record.full_unit_path
        unit = select(OrgUnit.code).where(OrgUnit.path == full_path) if full_path else None
        full_unit = db.session.scalar(unit) if unit is not None else None
        release()
        with self._files.path(sha256) as file:
            checked = self.dry_run(actor, file, name, day, columns=columns, full_unit=full_unit)
        remember(actor, seen.plan.headings, columns)
        return checked

    def start(self, actor: Actor, import_id: int) -> int:
        """The id of the job that stores every valid row; begun before: the same job.

        Rows with errors are left out; each row is held against the inventory once more, so that
        what others wrote since the check is respected.
        """
        self._record(actor, import_id)
        return self.applying.start(actor, import_id)

    def undo(self, actor: Actor, import_id: int) -> int:
        """The id of the job that takes the import back: within a day, while nothing hangs on it.

        Raises `Conflict`, naming the first person, when something does.
        """
        self._record(actor, import_id)
        return self.applying.undo(actor, import_id)

    def view(self, actor: Actor, import_id: int) -> ImportView:
        """The import and what its check found."""
        record = self._record(actor, import_id)
        report_sha256 = record.report_sha256
        told = select(RosterChunk.overtaken).where(
            RosterChunk.import_id == import_id, RosterChunk.overtaken != "[]"
        )
        overtaken = db.session.scalars(told.order_by(RosterChunk.number)).all()
        release()
        plan = RosterPlan.from_json(json.loads(self._files.get(report_sha256)))
        findings = (Finding.from_json(one) for chunk in overtaken for one in json.loads(chunk))
        found = sorted(
            (_in_column(finding, plan.headings) for finding in findings), key=lambda one: one.row
        )
        return ImportView(record=record, plan=plan, overtaken=tuple(found))

    def corrections(
        self, actor: Actor, import_id: int, translate: Callable[[str], str] = str
    ) -> bytes:
        """An XLSX of the refused rows with what is wrong beside each; see `error_workbook`."""
        seen = self.view(actor, import_id)
        refused_sha256, rows = seen.record.refused_sha256, seen.record.error_rows
        release()
        if refused_sha256 is None:
            raise NotFound(N_("Danh sách này không có dòng lỗi nào."))
        with self._files.path(refused_sha256) as file:
            workbook = error_workbook(seen.plan.headings, refused_in(file), translate=translate)
        with transaction():
            subject = f"roster_import:{import_id}"
            self._audit.record(actor.name, "roster.errors_exported", subject, rows=rows)
        return workbook

    def recent(self, actor: Actor, limit: int = 20) -> Sequence[RosterImport]:
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

    def _keep_rows(
        self, planner: Planner, plan: RosterPlan, record: RosterImport, folder: Path
    ) -> list[RosterChunk]:
        """The rows to store and the refused ones are in the document store; where each chunk is.

        An import that changes nothing has one chunk without rows: storing it is its receipt.
        """
        chunks: list[RosterChunk] = []
        if not plan.missing:
            rows = folder / "chunks"
            with rows.open("wb") as out:
                for content in planner.chunks(CHUNK_ROWS):
                    begins = out.tell()
                    out.write(content)
                    chunks.append(
                        RosterChunk(number=len(chunks), begins=begins, length=len(content))
                    )
            chunks = chunks or [RosterChunk(number=0, begins=0, length=0)]
            record.rows_sha256 = self._files.put(rows)
        if plan.error_rows:
            refused = folder / "refused"
            planner.write_refused(refused)
            record.refused_sha256 = self._files.put(refused)
        return chunks


def _known(told: Sequence[PersonFacts]) -> KnownPeople:
    found = known_people(told)
    release()
    return found


def _absent(
    unit_path: str, is_named: Callable[[str], bool]
) -> tuple[int, tuple[AbsentPerson, ...]]:
    """How many people of the subtree the file does not name, and the first of them."""
    people = (
        select(Person.code, Person.full_name, OrgUnit.name)
        .join(OrgUnit, OrgUnit.id == Person.unit_id)
        .where(
            in_subtree(Person.unit_path, unit_path),
            Person.state.not_in(LEFT_STATES),
            Person.merged_into_id.is_(None),
        )
        .order_by(Person.sort_key, Person.id)
        .execution_options(yield_per=2_000)
    )
    count = 0
    first: list[AbsentPerson] = []
    for code, full_name, unit in db.session.execute(people):
        if not is_named(code):
            count += 1
            if len(first) < SHOWN:
                first.append(AbsentPerson(code=code, full_name=full_name, unit=unit))
    release()
    return count, tuple(first)


def _in_column(finding: Finding, headings: Sequence[Heading]) -> Finding:
    """The finding of a field in the column that holds it."""
    for heading in headings:
        if heading.field == finding.column:
            return replace(finding, column=heading.letter, heading=heading.heading)
    return replace(finding, column="")
