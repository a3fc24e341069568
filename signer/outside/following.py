"""Following certificates after they were brought in: revocation lists, OCSP, roster, settings."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from cryptography import x509
from sqlalchemy import Row, and_, func, or_, select

from signer.accounts import Actor, Permission
from signer.audit import Audit
from signer.clock import Clock
from signer.db import db, release, transaction
from signer.errors import N_, Conflict, Invalid
from signer.files import Files
from signer.jobs import Jobs
from signer.jobs.service import Failures
from signer.outside.anchors import Anchors
from signer.outside.kinds import CertificateStatus, Match, Owner
from signer.outside.matching import Matching
from signer.outside.models import (
    OutsideCertificate,
    OutsideCertificateBytes,
    OutsideCrl,
    OutsideImport,
)
from signer.outside.status import RevocationList, Status, ask_ocsp, load_list
from signer.outside.storage import apply_status, assign, settle, tell

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
        self._hold_against(found)
        return kept

    def crls(self) -> Sequence[OutsideCrl]:
        """The newest list of each issuer."""
        kept = (self._newest(anchor.name) for anchor in self._anchors.anchors)
        return [crl for crl in kept if crl is not None]

    def newest_lists(self, names: Collection[str]) -> dict[str, RevocationList]:
        """The newest list of each of these anchors, as it is in the document store."""
        newest = {name: self._newest(name) for name in names}
        stored = {name: crl.sha256 for name, crl in newest.items() if crl is not None}
        release()
        lists = {}
        for name, sha256 in stored.items():
            try:
                content = self._files.get(sha256)
                lists[name] = load_list(content, self._anchors, self._clock.now())
            except Invalid:  # its anchor was taken away since
                continue
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
            select(OutsideCertificate).where(OutsideCertificate.id.in_(answers)),
            lambda row: apply_status(row, answers[row.id]),
        )
        return {}

    def sweep(self) -> int:
        """How many certificates agree with anchors.toml and the roster that did not before.

        The settings are compared once a process, since they only change with a restart.
        """
        moved = 0
        for rows in self._undecided():
            moved += self._match_again(rows)
        if not self._is_aligned:
            moved += self._walk(select(OutsideCertificate), self._align)
            self._is_aligned = True
        return moved

    def _asked(self, row: Row[*tuple[Any, ...]]) -> Status | None:
        anchor = self._anchors.by_name(row.anchor)
        if anchor is None:
            return None
        certificate = x509.load_der_x509_certificate(row.certificate_der)
        return ask_ocsp(certificate, self._anchors, anchor, self._clock.now())

    def _hold_against(self, found: RevocationList) -> None:
        def said(row: OutsideCertificate) -> bool:
            status = found.says_of(int(row.serial_hex, 16), row.not_after)
            return status is not None and apply_status(row, status)

        row = OutsideCertificate
        self._walk(
            select(row).where(
                row.anchor == found.anchor.name, row.issuer_der == found.anchor.subject_der
            ),
            said,
        )

    def _align(self, row: OutsideCertificate) -> bool:
        """A certificate of an issuer that has only now been configured is believed from now on."""
        if row.anchor is None and row.sha256 is not None:
            kept = db.session.get_one(_BYTES, row.id)
            certificate = x509.load_der_x509_certificate(kept.certificate_der)
            if (anchor := self._anchors.path_of(certificate)) is not None:
                row.anchor, row.generation = anchor.name, anchor.generation
                return True
        return False

    def _undecided(self) -> Iterator[Sequence[_Undecided]]:
        """Certificates of people nobody is sure of, with the scopes of their import."""
        after = 0
        row = OutsideCertificate
        while rows := (
            db.session.execute(
                select(row, OutsideImport.scopes)
                .join(OutsideImport, OutsideImport.id == row.import_id)
                .where(
                    row.match.in_((Match.NONE, Match.PROPOSED)),
                    row.owner == Owner.PERSON,
                    row.id > after,
                )
                .order_by(row.id)
                .limit(_CHUNK)
            ).all()
        ):
            after = rows[-1][0].id
            yield rows

    def _match_again(self, rows: Sequence[_Undecided]) -> int:
        """What the roster says by now; rows that agree are not written."""
        wanted = {}
        for scopes in {scopes for _, scopes in rows}:
            own = [row for row, said in rows if said == scopes]
            matching = Matching(own, scopes.split("\n"))
            for row in own:
                matched = matching.of(row, row.units.split("\n"))
                proposed = (row.match, row.match_reason, row.proposed_person_id)
                if (matched.match, matched.reason, matched.person_id) != proposed:
                    wanted[row.id] = matched
        if not wanted:
            return 0
        undecided = OutsideCertificate.match.in_((Match.NONE, Match.PROPOSED))
        return self._change(
            select(OutsideCertificate).where(and_(OutsideCertificate.id.in_(wanted), undecided)),
            lambda row: assign(row, wanted[row.id]),
        )

    def _walk(self, statement: Any, change: Callable[[OutsideCertificate], bool]) -> int:
        """Every certificate of the statement, some hundreds a commit; how many changed."""
        moved = 0
        last = db.session.scalar(select(func.max(OutsideCertificate.id))) or 0
        for after in range(0, last, _CHUNK):
            chunk = and_(OutsideCertificate.id > after, OutsideCertificate.id <= after + _CHUNK)
            moved += self._change(statement.where(chunk), change)
        return moved

    def _change(self, statement: Any, change: Callable[[OutsideCertificate], bool]) -> int:
        """The certificates of the statement, changed in one commit; how many were.

        Rows are read inside the transaction: nobody else decides about them meanwhile.
        """
        with transaction():
            rows = db.session.scalars(
                statement.order_by(OutsideCertificate.id)
                .with_for_update()
                .execution_options(populate_existing=True)
            ).all()
            moved: list[int | None] = []
            count = 0
            for row in rows:
                before = row.person_id
                has_changed = change(row)
                if settle(row, self._anchors) or has_changed:
                    moved += [before, row.person_id]
                    count += 1
            tell(moved)
        return count

    def _newest(self, anchor: str) -> OutsideCrl | None:
        return db.session.scalar(
            select(OutsideCrl)
            .where(OutsideCrl.anchor == anchor)
            .order_by(OutsideCrl.this_update.desc(), OutsideCrl.id.desc())
            .limit(1)
        )


_BYTES = OutsideCertificateBytes
