"""Following certificates after they were brought in: revocation lists, OCSP, roster, settings."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from cryptography import x509
from sqlalchemy import ColumnElement, Row, and_, func, or_, select, true

from signer.accounts import SYSTEM, Actor, Permission
from signer.audit import Audit
from signer.clock import Clock
from signer.db import db, release, transaction
from signer.errors import N_, Conflict, Invalid
from signer.files import Files
from signer.jobs import Jobs
from signer.jobs.service import Failures
from signer.outside.anchors import Anchors
from signer.outside.kinds import CertificateStatus, Generation, Owner
from signer.outside.matching import Matched, Matching
from signer.outside.models import (
    OutsideCertificate,
    OutsideCertificateBytes,
    OutsideCrl,
    OutsideImport,
)
from signer.outside.status import RevocationList, Status, ask_ocsp, load_list
from signer.outside.storage import (
    UNDECIDED,
    apply_status,
    assign,
    counted,
    hold_against,
    settle,
)

JOB_KIND = "outside-status"
CRL_LIMIT_BYTES = 100 * 1024**2
_Undecided = Row[OutsideCertificate, str]
_CHUNK = 1000
_ASKED_AT_ONCE = 5
"""Ten seconds each at worst: less than a lease."""


class Following:
    """Keeps what is stored true. Every act may run twice."""

    def __init__(
        self, clock: Clock, audit: Audit, files: Files, jobs: Jobs, anchors: Anchors
    ) -> None:
        self._clock = clock
        self._audit = audit
        self._files = files
        self._jobs = jobs
        self._anchors = anchors
        self._is_aligned = False
        self._held: dict[str, str] = {}

    def import_crl(self, actor: Actor, content: bytes) -> OutsideCrl:
        """The list is kept, and every certificate of its issuer has the status it says.

        Raises `Invalid` for a list that no anchor signed or that is not complete, and `Conflict`
        for one that is older than the one there is.
        """
        actor.require(Permission.CERTIFICATE_IMPORT, "")
        if len(content) > CRL_LIMIT_BYTES:
            raise Invalid(N_("Danh sách thu hồi lớn quá 100 MB."), field="file")
        found = load_list(content, self._anchors, self._clock.now())
        newest = self._newest(found.anchor.name)
        if newest is not None and newest.this_update > found.this_update:
            raise Conflict(
                N_("Đã có danh sách thu hồi mới hơn của “%(name)s”."), name=found.anchor.name
            )
        release()
        sha256 = self._files.put(content)
        kept = db.session.scalar(select(OutsideCrl).where(OutsideCrl.sha256 == sha256))
        if kept is None:
            kept = OutsideCrl(
                sha256=sha256,
                anchor=found.anchor.name,
                number=None if found.number is None else str(found.number),
                this_update=found.this_update,
                next_update=found.next_update,
                entries=len(found.crl),
                imported_by=actor.name,
                imported_at=self._clock.now(),
            )
            with transaction():
                db.session.add(kept)
                self._audit.record(
                    actor.name,
                    "outside.crl",
                    f"outside-issuer:{kept.anchor}",
                    sha256=sha256,
                    number=kept.number,
                    entries=kept.entries,
                )
        self._hold_against(found, actor)
        return kept

    def crls(self) -> Sequence[OutsideCrl]:
        """The newest list of each issuer."""
        kept = (self._newest(anchor.name) for anchor in self._anchors.anchors)
        return [crl for crl in kept if crl is not None]

    def newest(self, names: Collection[str]) -> dict[str, str]:
        """The newest list of each of these anchors that has one, as its hash."""
        release()  # what was committed just now counts
        found = {name: self._newest(name) for name in names}
        return {name: crl.sha256 for name, crl in found.items() if crl is not None}

    def load(self, newest: Mapping[str, str]) -> dict[str, RevocationList]:
        """These lists from the document store, by their anchors."""
        release()
        lists = {}
        for name, sha256 in newest.items():
            with suppress(Invalid):  # its anchor was taken away since
                lists[name] = load_list(self._files.get(sha256), self._anchors, self._clock.now())
        return lists

    def refresh(self, actor: Actor) -> int:
        """The id of a job that asks the issuers' responders about what is not known (any more)."""
        actor.require(Permission.CERTIFICATE_IMPORT, "")
        if not self._anchors.rewrites:
            raise Invalid(
                N_("Chưa cấu hình địa chỉ OCSP nào trong anchors.toml; hãy nạp tệp CRL thay thế.")
            )
        row, now = OutsideCertificate, self._clock.now()
        ids = db.session.scalars(
            select(row.id)
            .where(
                row.sha256.is_not(None),
                row.anchor.is_not(None),
                row.not_after >= now,
                row.status != CertificateStatus.REVOKED,
                or_(row.status_until.is_(None), row.status_until < now),
            )
            .order_by(row.id)
        ).all()
        if not ids:
            raise Conflict(N_("Trạng thái của mọi chứng thư đều còn mới; chưa cần hỏi lại."))
        with transaction():
            return self._jobs.create(
                JOB_KIND,
                [str(number) for number in ids],
                actor=actor.name,
                title=N_("Hỏi trạng thái chứng thư qua OCSP"),
                at_once=_ASKED_AT_ONCE,
            )

    def ask_items(self, keys: Sequence[str]) -> Failures:
        """The job's handler: the responders are asked first, then the answers are stored."""
        rows = db.session.execute(
            select(OutsideCertificate.id, OutsideCertificate.anchor, _BYTES.certificate_der)
            .join(_BYTES, _BYTES.certificate_id == OutsideCertificate.id)
            .where(OutsideCertificate.id.in_([int(key) for key in keys]))
        ).all()
        release()
        answers = {row.id: status for row in rows if (status := self._asked(row))}
        self._change(
            OutsideCertificate.id.in_(answers), lambda row: apply_status(row, answers[row.id])
        )
        return {}

    def sweep(self) -> int:
        """How many certificates agree with anchors.toml, the roster and the newest lists that did
        not before.

        The settings are compared once a process, since they only change with a restart; and so is
        a list, in case whoever brought it was killed half-way.
        """
        moved = 0
        if not self._is_aligned:
            moved += self._walk(true(), self._align)
            self._is_aligned = True
        newest = self.newest([anchor.name for anchor in self._anchors.anchors])
        fresh = dict(newest.items() - self._held.items())
        moved += sum(map(self._hold_against, self.load(fresh).values()))
        self._held = newest
        for rows in self._undecided():
            moved += self._match_again(rows)
        return moved

    def _asked(self, row: Row[*tuple[Any, ...]]) -> Status | None:
        anchor = self._anchors.by_name(row.anchor)
        if anchor is None:
            return None
        certificate = x509.load_der_x509_certificate(row.certificate_der)
        return ask_ocsp(certificate, self._anchors, anchor, self._clock.now())

    def _hold_against(self, found: RevocationList, actor: Actor = SYSTEM) -> int:
        is_of = OutsideCertificate.anchor == found.anchor.name
        return self._walk(is_of, lambda row: hold_against(found, row), actor)

    def _align(self, row: OutsideCertificate) -> None:
        """The row names the issuer that anchors.toml names now: added, renamed or taken away."""
        if self._anchors.by_name(row.anchor) is not None:
            return
        if row.sha256 is not None:
            kept = db.session.get_one(_BYTES, row.id)
            anchor = self._anchors.path_of(x509.load_der_x509_certificate(kept.certificate_der))
        else:
            every = self._anchors.anchors
            anchor = next((a for a in every if a.subject_der == row.issuer_der), None)
        row.anchor = anchor.name if anchor else None
        row.generation = anchor.generation if anchor else Generation.OTHER

    def _undecided(self) -> Iterator[Sequence[_Undecided]]:
        """Certificates of people nobody is sure of, with the scopes of their import."""
        row, after = OutsideCertificate, 0
        statement = (
            select(row, OutsideImport.scopes)
            .join(OutsideImport, OutsideImport.id == row.import_id)
            .where(row.match.in_(UNDECIDED), row.owner == Owner.PERSON)
            .order_by(row.id)
            .limit(_CHUNK)
        )
        while rows := db.session.execute(statement.where(row.id > after)).all():
            after = rows[-1][0].id
            yield rows

    def _match_again(self, rows: Sequence[_Undecided]) -> int:
        """What the roster says by now; rows that agree are not written."""
        wanted: dict[int, Matched] = {}
        for scopes in {scopes for _, scopes in rows}:
            own = [row for row, said in rows if said == scopes]
            matching = Matching(own, scopes.split("\n"))
            for row in own:
                matched = matching.of(row)
                proposed = (row.match, row.match_reason, row.proposed_person_id)
                if (matched.match, matched.reason, matched.person_id) != proposed:
                    wanted[row.id] = matched
        return self._change(
            and_(OutsideCertificate.id.in_(wanted), OutsideCertificate.match.in_(UNDECIDED)),
            lambda row: assign(row, wanted[row.id]),
        )

    def _walk(
        self,
        of: ColumnElement[bool],
        change: Callable[[OutsideCertificate], None],
        actor: Actor = SYSTEM,
    ) -> int:
        """Every certificate of that kind, some hundreds a commit; how many changed."""
        number = OutsideCertificate.id
        last = db.session.scalar(select(func.max(number))) or 0
        return sum(
            self._change(and_(of, number > after, number <= after + _CHUNK), change, actor)
            for after in range(0, last, _CHUNK)
        )

    def _change(
        self,
        of: ColumnElement[bool],
        change: Callable[[OutsideCertificate], None],
        actor: Actor = SYSTEM,
    ) -> int:
        """These certificates, changed in one commit; how many were.

        Rows are read inside the transaction: nobody else decides about them meanwhile.
        """
        with transaction():
            rows = db.session.scalars(
                select(OutsideCertificate)
                .where(of)
                .order_by(OutsideCertificate.id)
                .with_for_update()
            ).all()
            before = counted(rows)
            with db.session.no_autoflush:
                for row in rows:
                    change(row)
                settle(rows, before, self._anchors)
                count = sum(map(db.session.is_modified, rows))
            if count:
                self._audit.record(
                    actor.name, "outside.compared", "outside-certificates", certificates=count
                )
        return count

    def _newest(self, anchor: str) -> OutsideCrl | None:
        return db.session.scalar(
            select(OutsideCrl)
            .where(OutsideCrl.anchor == anchor)
            .order_by(OutsideCrl.this_update.desc(), OutsideCrl.id.desc())
            .limit(1)
        )


_BYTES = OutsideCertificateBytes
