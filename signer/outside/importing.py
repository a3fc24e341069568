"""Bringing certificates in: a file is kept and looked through, and stored when somebody says so."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from signer.accounts import Actor, Permission
from signer.audit import Audit
from signer.clock import Clock
from signer.config import Settings
from signer.db import db, move_state, release, transaction
from signer.errors import N_, Invalid, NotFound
from signer.files import Files
from signer.inventory.models import Person
from signer.jobs import Jobs
from signer.jobs.service import Failures
from signer.outside.anchors import Anchors
from signer.outside.entries import Entry
from signer.outside.following import Following
from signer.outside.kinds import Carrier, ImportState, Match, Owner
from signer.outside.matching import Matching
from signer.outside.models import OutsideImport
from signer.outside.reading import Reading, Refused, read_upload
from signer.outside.storage import common_path, contradicts, known_certificates, store

JOB_KIND = "outside-import"
CHUNK = 250
"""Certificates stored in one commit; more than this is a job."""
SHOWN = 200


@dataclass(frozen=True, kw_only=True)
class Found:
    """One certificate of the file, and what would become of it."""

    entry: Entry
    is_known: bool
    match: Match
    reason: str | None
    person_code: str | None
    person_name: str | None


@dataclass(frozen=True, kw_only=True)
class ImportView:
    """What the dry run found; `found` holds the first ones only, `counts` speaks of all."""

    record: OutsideImport
    counts: dict[str, int]
    """new, known, certain, proposed, unmatched, bodies, not_official."""
    refused: tuple[Refused, ...]
    found: tuple[Found, ...]
    authorities: int
    remark: str | None


class Importing:
    """Checks uploaded files and stores what is in them, at once or as a job."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        audit: Audit,
        files: Files,
        jobs: Jobs,
        anchors: Anchors,
        following: Following,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._audit = audit
        self._files = files
        self._jobs = jobs
        self._anchors = anchors
        self._following = following
        self._last: tuple[str, tuple[Entry, ...]] | None = None

    def check(
        self,
        actor: Actor,
        path: Path,
        file_name: str,
        *,
        carrier: Carrier = Carrier.UNKNOWN,
        issuer: str | None = None,
    ) -> int:
        """The id of the import: file and findings are kept, no certificate is stored yet.

        `carrier` holds for certificates, `issuer` (an anchor's name) for rows that name none.
        Only people of the actor's own units will be matched.
        """
        actor.require(Permission.CERTIFICATE_IMPORT)
        reading = read_upload(
            path,
            file_name,
            self._anchors,
            limit_bytes=self._settings.roster_limit_bytes,
            carrier=carrier,
            issuer=issuer,
        )
        scopes = actor.scopes(Permission.CERTIFICATE_IMPORT)
        report = self._report(reading, scopes)
        release()
        record = OutsideImport(
            kind=reading.kind,
            sha256=self._files.put(path),
            report_sha256=self._files.put(json.dumps(report, ensure_ascii=False).encode()),
            file_name=file_name[-200:],
            scopes="\n".join(scopes),
            imported_by=actor.name,
            at=self._clock.now(),
            state=ImportState.CHECKED,
            entries=len(report["entries"]),
            refused=len(report["refused"]),
        )
        with transaction():
            db.session.add(record)
            db.session.flush()
            self._record(actor, "outside.checked", record)
        return record.id

    def imports(self, actor: Actor, *, limit: int = 10) -> Sequence[OutsideImport]:
        """The newest imports of this actor; the whole city's for who looks after it."""
        statement = select(OutsideImport).order_by(OutsideImport.id.desc()).limit(limit)
        return db.session.scalars(self._own(actor, statement)).all()

    def import_of(self, actor: Actor, import_id: int) -> ImportView:
        """The import with its findings; raises `NotFound`, also for somebody else's."""
        record = self._record_of(actor, import_id)
        release()
        report = json.loads(self._files.get(record.report_sha256))
        shown = list(zip(report["entries"], report["found"], strict=True))[:SHOWN]
        names = {
            person.id: person
            for person in db.session.execute(
                select(Person.id, Person.code, Person.full_name).where(
                    Person.id.in_([found["person_id"] for _, found in shown])
                )
            )
        }
        return ImportView(
            record=record,
            counts=report["counts"],
            refused=tuple(Refused(**refused) for refused in report["refused"]),
            found=tuple(
                Found(
                    entry=Entry.from_json(entry),
                    is_known=found["is_known"],
                    match=Match(found["match"]),
                    reason=found["reason"],
                    person_code=person.code if person else None,
                    person_name=person.full_name if person else None,
                )
                for entry, found in shown
                for person in [names.get(found["person_id"])]
            ),
            authorities=report["authorities"],
            remark=report["remark"],
        )

    def apply(self, actor: Actor, import_id: int) -> int | None:
        """What was checked is stored; the id of the job that does it when there is much.

        Applying again changes nothing.
        """
        record = self._record_of(actor, import_id)
        if record.state is not ImportState.CHECKED:
            return record.job_id
        if not record.entries:
            raise Invalid(N_("Không có chứng thư nào trong tệp này ghi được."))
        if record.entries <= CHUNK:
            self._store(record, 0)
            with transaction():
                self._applied(actor, record, None)
            return None
        with transaction():
            job_id = self._jobs.create(
                JOB_KIND,
                [f"{record.id}:{start}" for start in range(0, record.entries, CHUNK)],
                actor=actor.name,
                title=record.file_name,
                scope_path=common_path(record.scopes.split("\n")),
                at_once=1,
            )
            self._applied(actor, record, job_id)
        return job_id

    def store_items(self, keys: Sequence[str]) -> Failures:
        """The job's handler; storing a chunk again changes nothing."""
        for key in keys:
            import_id, _, start = key.partition(":")
            record = db.session.get_one(OutsideImport, int(import_id))
            self._store(record, int(start))
        return {}

    def _store(self, record: OutsideImport, start: int) -> None:
        report_sha256 = record.report_sha256
        release()
        entries = self._entries(report_sha256)[start : start + CHUNK]
        lists = self._following.newest_lists({entry.anchor for entry in entries if entry.anchor})
        with transaction():
            stored = store(entries, record, self._anchors, lists, self._clock.now())
            self._audit.record(
                record.imported_by,
                "outside.stored",
                f"outside-import:{record.id}",
                **asdict(stored),
            )

    def _entries(self, report_sha256: str) -> tuple[Entry, ...]:
        """Of the report; the last one is kept, for the job's next chunk."""
        if self._last is None or self._last[0] != report_sha256:
            report = json.loads(self._files.get(report_sha256))
            self._last = (report_sha256, tuple(map(Entry.from_json, report["entries"])))
        return self._last[1]

    def _applied(self, actor: Actor, record: OutsideImport, job_id: int | None) -> None:
        move_state(
            OutsideImport,
            record.id,
            ImportState.CHECKED,
            ImportState.APPLIED,
            job_id=job_id,
            applied_at=self._clock.now(),
        )
        self._record(actor, "outside.applied", record)

    def _report(self, reading: Reading, scopes: Sequence[str]) -> dict[str, Any]:
        """The entries that would be stored, what would become of each, and what is refused."""
        known = known_certificates(reading.entries)
        matching = Matching(reading.entries, scopes)
        counts: Counter[str] = Counter()
        entries, found, refused = [], [], list(reading.refused)
        for entry in reading.entries:
            row = known.get(entry.key)
            if row is not None and contradicts(entry, row):
                refused.append(_forged(entry))
                continue
            matched = matching.of(entry, entry.units)
            entries.append(entry.to_json())
            found.append(
                {
                    "is_known": row is not None,
                    "match": matched.match,
                    "reason": matched.reason,
                    "person_id": matched.person_id,
                }
            )
            counts["known" if row is not None else "new"] += 1
            is_body = entry.owner is Owner.BODY
            counts["bodies" if is_body else _COUNT_OF[matched.match]] += 1
            counts["not_official"] += entry.anchor is None
        return {
            "entries": entries,
            "found": found,
            "refused": [asdict(one) for one in refused],
            "counts": counts,
            "authorities": reading.authorities,
            "remark": reading.remark,
        }

    def _record_of(self, actor: Actor, import_id: int) -> OutsideImport:
        statement = select(OutsideImport).where(OutsideImport.id == import_id)
        record: OutsideImport | None = db.session.scalar(self._own(actor, statement))
        if record is None:
            raise NotFound(N_("Không tìm thấy lần nạp chứng thư này."))
        return record

    def _own(self, actor: Actor, statement: Any) -> Any:  # a Select, whatever it selects
        actor.require(Permission.CERTIFICATE_IMPORT)
        if "" in actor.scopes(Permission.CERTIFICATE_IMPORT):
            return statement
        return statement.where(OutsideImport.imported_by == actor.name)

    def _record(self, actor: Actor, action: str, record: OutsideImport) -> None:
        self._audit.record(
            actor.name,
            action,
            f"outside-import:{record.id}",
            file=record.file_name,
            sha256=record.sha256,
            entries=record.entries,
            refused=record.refused,
        )


_COUNT_OF = {
    Match.CERTAIN: "certain",
    Match.PROPOSED: "proposed",
    Match.NONE: "unmatched",
}


def _forged(entry: Entry) -> Refused:
    return Refused(
        place=entry.place,
        column="",
        value=entry.serial_hex,
        sentence=N_("Đã có chứng thư khác mang cùng số và cùng tổ chức cấp; một trong hai là giả."),
        values={},
    )
