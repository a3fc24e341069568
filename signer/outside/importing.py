"""Bringing certificates in: a file is kept and looked through, and stored when somebody says so."""

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
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
from signer.jobs import Jobs
from signer.jobs.service import Failures
from signer.outside.anchors import Anchors
from signer.outside.entries import Read, Refused, refused
from signer.outside.following import Following
from signer.outside.kinds import Carrier, ImportState, Match, Owner
from signer.outside.matching import Matching
from signer.outside.models import OutsideImport
from signer.outside.reading import Reading, read_upload
from signer.outside.storage import common_path, contradicts, known_certificates, store

JOB_KIND = "outside-import"
CHUNK = 250
"""Certificates stored in one commit; more than this is a job."""
SHOWN = 100


@dataclass(frozen=True, kw_only=True)
class Found:
    """One certificate of the file, and what would become of it."""

    place: str
    common_name: str
    units: list[str]
    email: str | None
    owner: Owner
    issuer: str
    is_official: bool
    not_before: datetime
    not_after: datetime
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
        self._last: tuple[int, tuple[Read, ...]] | None = None

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
        reading = self._read(path, file_name, carrier, issuer)
        scopes = actor.scopes(Permission.CERTIFICATE_IMPORT)
        report = self._report(reading, scopes) | {"carrier": carrier, "issuer": issuer}
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
            entries=report["storable"],
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
        report = self._report_of(record)
        return ImportView(
            record=record,
            counts=report["counts"],
            refused=tuple(Refused(**one) for one in report["refused"]),
            found=tuple(map(_found, report["found"])),
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
        for scope in record.scopes.split("\n"):  # rights may have gone since it was checked
            actor.require(Permission.CERTIFICATE_IMPORT, scope)
        count = self._report_of(record)["read"]
        if count <= CHUNK:
            self._store(record, 0)
            with transaction():
                self._applied(actor, record, None)
            return None
        with transaction():
            job_id = self._jobs.create(
                JOB_KIND,
                [f"{record.id}:{start}" for start in range(0, count, CHUNK)],
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
            self._store(db.session.get_one(OutsideImport, int(import_id)), int(start))
        return {}

    def _store(self, record: OutsideImport, start: int) -> None:
        """The chunk is stored, held against the newest lists of its issuers."""
        reads = self._reads_of(record)[start : start + CHUNK]
        issuers = {read.said.anchor for read in reads if read.said.anchor}
        held: dict[str, str] | None = None
        while held != (newest := self._following.newest(issuers)):  # one may come in meanwhile
            held = newest
            lists = self._following.load(held)
            with transaction():
                new = store(reads, record, self._anchors, lists, self._clock.now())
                self._audit.record(
                    record.imported_by,
                    "outside.stored",
                    f"outside-import:{record.id}",
                    new=new,
                    certificates=len(reads),
                )

    def _reads_of(self, record: OutsideImport) -> tuple[Read, ...]:
        """The uploaded file, read again; the last one is kept, for the job's next chunk."""
        if self._last is None or self._last[0] != record.id:
            import_id, sha256, name = record.id, record.sha256, record.file_name
            report, content = self._report_of(record), self._files.get(sha256)
            with tempfile.TemporaryDirectory(prefix="signer-outside-") as folder:
                path = Path(folder) / "sent"
                path.write_bytes(content)
                reading = self._read(path, name, Carrier(report["carrier"]), report["issuer"])
            self._last = (import_id, reading.read)
        return self._last[1]

    def _read(self, path: Path, name: str, carrier: Carrier, issuer: str | None) -> Reading:
        limit = self._settings.roster_limit_bytes
        return read_upload(
            path, name, self._anchors, limit_bytes=limit, carrier=carrier, issuer=issuer
        )

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
        """What would be stored and become of it, and what is refused."""
        known = known_certificates(reading.read)
        matching = Matching([read.said for read in reading.read], scopes)
        counts: Counter[str] = Counter()
        found: list[dict[str, object]] = []
        unread = list(reading.refused)
        for read in reading.read:
            said, row = read.said, known.get(read.key)
            if row is not None and contradicts(said, row):
                unread.append(refused(read.place, Invalid(_FORGED), value=said.serial_hex))
                continue
            matched = matching.of(said)
            counts["known" if row is not None else "new"] += 1
            counts["bodies" if said.owner is Owner.BODY else _COUNT_OF[matched.match]] += 1
            counts["not_official"] += said.anchor is None
            if len(found) < SHOWN:
                found.append(
                    {
                        "place": read.place,
                        "common_name": said.common_name,
                        "units": said.units.split("\n"),
                        "email": said.email,
                        "owner": said.owner,
                        "issuer": said.anchor or said.issuer_name,
                        "is_official": said.anchor is not None,
                        "not_before": said.not_before.isoformat(),
                        "not_after": said.not_after.isoformat(),
                        "is_known": row is not None,
                        "match": matched.match,
                        "reason": matched.reason,
                        "person_code": matched.person_code,
                        "person_name": matched.person_name,
                    }
                )
        return {
            "read": len(reading.read),
            "storable": counts["new"] + counts["known"],
            "found": found,
            "refused": [asdict(one) for one in unread],
            "counts": counts,
            "authorities": reading.authorities,
            "remark": reading.remark,
        }

    def _report_of(self, record: OutsideImport) -> dict[str, Any]:
        sha256 = record.report_sha256
        release()
        report: dict[str, Any] = json.loads(self._files.get(sha256))
        return report

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
_FORGED = N_("Đã có chứng thư khác mang cùng số và cùng tổ chức cấp; một trong hai là giả.")


def _found(said: dict[str, Any]) -> Found:
    days = {name: datetime.fromisoformat(said[name]) for name in ("not_before", "not_after")}
    return Found(**said | days | {"match": Match(said["match"]), "owner": Owner(said["owner"])})
